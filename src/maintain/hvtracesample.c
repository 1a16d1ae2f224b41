/*-------------------------------------------------------------------------
 *
 * hvtracesample.c
 *	  The queries that an index measures itself with, traced.
 *
 * NOTES
 *	  Recall of ten rows varies more from query to query than that of a
 *	  hundred, or of a thousand, and a trace that finds more neighbors reads
 *	  and fetches more.  So a few rows are traced for a thousand, some for a
 *	  hundred, most of them for ten.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvtracesample.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "arithmetic/hvsplitmix.h"
#include "maintain/hvtracesample.h"
#include "page/hvpage.h"

/*
 * How many rows are traced for each rank, those of the ranks above it
 * included.  With 192 for ten neighbors the recall of an index was up to .022
 * off its target (100,000 generated rows: .878, .935, .978 for .90, .95, .99;
 * with 1,500 .896, .950, .988), since that of single queries varies by .12 to
 * .2.  With 512 it was off by .018 at most (recall of ten, three draws of
 * rows, five sets, .90, .95 and .99; sift, which has 200 test queries, by .023
 * once).  Small tables are not worth that: they trace one of so many of their
 * rows, but no fewer than "least".
 *
 * A trace finds more neighbors than the rank: a scan that misses some has others
 * instead, and compares the next leaf with the last of these (hvreplay.c).
 */
typedef struct RankQueries
{
	int			neighbors;		/* that a trace finds, more than the rank */
	int			most;
	int			least;
	int			rows_a_query;
} RankQueries;

static const RankQueries rank_queries[HV_CURVE_RANKS] = {
	{20, HV_MOST_TRACES, 192, 8},
	{130, 128, 48, 20},
	{HV_TRACE_NEIGHBORS, 24, 24, 100}
};

/*
 * The first DEEP_TRIAL traces are HV_TRACE_WIDTH leaves wide, later ones twice
 * as wide as what all but one in a thousand of the neighbors found so far
 * take.
 */
#define DEEP_TRIAL		8
#define LEAST_WIDTH		64
#define FAR_SHARE		0.999

/*
 * attempts a query to hit a tuple: pages are half full and some are no leaves
 */
#define MOST_TRIES		64

/* where most rows are copies of each other nothing can be measured */
#define MOST_FAILURES	16

/* the fraction of the golden ratio, of 2^64 */
#define GOLDEN_STEP		UINT64CONST(0x9E3779B97F4A7C15)

typedef struct Work
{
	HvTraceSample *set;
	HvIndex    *index;
	const HvGivenQueries *given;	/* NULL = rows are traced */
	int			next_given;
	HvProgress *progress;
	uint64_t	random;
	uint64		spread;			/* of blocks, see pick_row */
	int			failures;		/* queries that could not be traced */
} Work;

/*
 * A tuple of the index by chance, each as likely as any other; false if none
 * was hit.  Blocks come in the order of a sequence any part of which is spread
 * evenly over all of them.  Neighboring leaves are often near each other, so that no
 * kind of row is met much more often than it is there.
 */
static bool
pick_row(Work *work, uint64 *id)
{
	const HvIndex *index = work->index;
	uint64		nblocks = HvStoreBlocks(index->relation) - HV_ROOT_BLOCK;
	BlockNumber block = (BlockNumber) (HV_ROOT_BLOCK + (((work->spread += GOLDEN_STEP) >> 32) *
														nblocks >> 32));
	int			place = (int) (HvSplitmixNext(&work->random) % index->layout.leaf_capacity);
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, block, NULL, &buffer);
	bool		hit = false;

	if (page == NULL)
		return false;
	if (HvPageKindOf(page) == HV_PAGE_LEAF && place < HvPageCount(page))
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, &index->layout, place);

		hit = (entry->flags & HV_ENTRY_SPILLED) == 0;
		*id = HvRowPack(&entry->tid);
	}
	HvStoreRelease(buffer);
	return hit;
}

/* qsort callback */
static int
compare_ints(const void *a, const void *b)
{
	int			ia = *(const int *) a;
	int			ib = *(const int *) b;

	return ia < ib ? -1 : (ia > ib ? 1 : 0);
}

/* The leaves, counted from the nearest, that hold a share of what lies in these. */
static int
leaves_for(int *leaves, int n, double share)
{
	qsort(leaves, n, sizeof(int), compare_ints);
	return n > 0 ? leaves[(int) (share * (n - 1))] : 0;
}

/*
 * Twice the leaves that hold nearly all of so many neighbors of the traces
 * made so far.
 */
static int
width_for(const HvTraceSample *set, int neighbors)
{
	int		   *leaves = palloc(Max(set->count, 1) * neighbors * sizeof(int));
	int			n = 0;
	int			width;

	for (int t = 0; t < set->count; t++)
	{
		for (int i = 0; i < Min(set->traces[t].nrows, neighbors); i++)
			leaves[n++] = set->traces[t].rows[i].leaf;
	}
	width = Max(2 * leaves_for(leaves, n, FAR_SHARE), LEAST_WIDTH);
	pfree(leaves);
	return width;
}

/* Adds a trace that has been made, or counts a failure. */
static void
note_trace(Work *work, bool made)
{
	if (made)
	{
		work->set->count++;
		HvProgressCount(work->progress, HV_PROGRESS_TUPLES, 1);
	}
	else
		work->failures++;
}

/* Traces rows up to a number of traces in all. */
static void
trace_rows(Work *work, HvTracer *tracer, int count, int neighbors)
{
	HvTraceSample *set = work->set;
	int			most_tries = (count - set->count) * MOST_TRIES;

	for (int tries = 0; tries < most_tries && set->count < count &&
		 work->failures < MOST_FAILURES + set->count; tries++)
	{
		uint64		id;

		CHECK_FOR_INTERRUPTS();
		if (pick_row(work, &id))
			note_trace(work, HvTraceRowQuery(tracer, id, neighbors, &set->traces[set->count]));
	}
}

/* Traces those given queries that come next, up to a number of traces in all. */
static void
trace_given(Work *work, HvTracer *tracer, int count, int neighbors)
{
	HvTraceSample *set = work->set;

	while (set->count < count && work->next_given < work->given->count)
	{
		const float *values = work->given->vectors[work->next_given++];

		CHECK_FOR_INTERRUPTS();
		note_trace(work, HvTraceGivenQuery(tracer, values, neighbors,
										   &set->traces[set->count]));
	}
}

static void
trace_more(Work *work, HvTracer *tracer, int count, int neighbors)
{
	if (work->given)
		trace_given(work, tracer, count, neighbors);
	else
		trace_rows(work, tracer, count, neighbors);
}

/* How many traces there should be for a rank and those above it. */
static int
queries_of(const Work *work, int rank)
{
	const RankQueries *wanted = &rank_queries[rank];

	if (work->given)
		return Min(work->given->count, wanted->most);
	return (int) Min(Max(work->index->meta.rows / wanted->rows_a_query, wanted->least),
					  wanted->most);
}

void
HvTraceSampleMake(HvTraceSample *set, HvIndex *index, HvHeap *heap, const HvGivenQueries *given,
				  HvProgress *progress)
{
	Work		work = {.set = set, .index = index, .given = given, .progress = progress,
		.random = index->meta.seed};
	int			width = Max(Min(HV_TRACE_WIDTH, index->meta.leaves), 2);
	HvTracer   *tracer = HvTracerBegin(index, heap, width);

	set->count = 0;
	HvProgressBegin(progress, HV_PHASE_TRACE, queries_of(&work, 0), 0);
	trace_more(&work, tracer, DEEP_TRIAL, HV_TRACE_NEIGHBORS);
	for (int rank = HV_CURVE_RANKS - 1; rank >= 0; rank--)
	{
		int			neighbors = rank_queries[rank].neighbors;

		width = Min(width, width_for(set, neighbors));
		HvTracerNarrow(tracer, width);
		trace_more(&work, tracer, queries_of(&work, rank), neighbors);
		set->counts[rank] = set->count;
		set->widths[rank] = width;
	}
}

int
HvTraceSampleReach(HvIndex *index, HvHeap *heap, int queries, int neighbors, double share)
{
	Work		work = {.index = index, .random = index->meta.seed + index->meta.leaves};
	HvTracer   *tracer = HvTracerBegin(index, heap,
									   Max(Min(HV_TRACE_WIDTH, index->meta.leaves), 2));
	int		   *leaves = palloc(queries * neighbors * sizeof(int));
	int			made = 0;
	int			n = 0;

	for (int tries = 0; tries < queries * MOST_TRIES && made < queries &&
		 work.failures < MOST_FAILURES + made; tries++)
	{
		uint64		id;
		int			found;

		CHECK_FOR_INTERRUPTS();
		if (!pick_row(&work, &id))
			continue;
		found = HvTraceRowLeaves(tracer, id, neighbors, leaves + n);
		n += found;
		if (found > 0)
			made++;
		else
			work.failures++;
	}
	return made < queries / 2 ? 0 : leaves_for(leaves, n, share);
}
