/*-------------------------------------------------------------------------
 *
 * hvtrace.c
 *	  The rows that a search far wider than any scan finds, and their leaves.
 *
 * NOTES
 *	  The leaves are found step by step, so that the order in which they come is
 *	  about that of a scan that wants as many: a wider descent opens more inner
 *	  pages and would find leaves that a scan misses.
 *
 *	  A query that is a row of the index is one of the n rows that the centroid
 *	  of its leaf is the mean of, which is therefore nearer to it than it would
 *	  be to a vector that is not in the index.  Let a be the squared distance of
 *	  the query from the centroid, b that from the place of its own row, and s
 *	  that of this place from the centroid.  Without the row, the centroid would
 *	  be at (n a - b + s n / (n - 1)) / (n - 1).  Where a query has the place of
 *	  its row, b is 0 and s is a; under inner product it has another one.  Under
 *	  cosine distance centroids are directions (hvcenter.h), so that this is
 *	  about right: a little too near where a leaf is loose.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvtrace.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "arithmetic/hvspace.h"
#include "maintain/hvtrace.h"
#include "tree/hvdescend.h"
#include "tree/hvleaf.h"

/* as in hvsearch.c */
#define BEAM			8

/* leaves of the first step of a descent; each step has twice as many in all */
#define FIRST_STEP		16

/*
 * Standard errors that rows get as a chance to be fetched, one in a hundred
 * neighbours needs more than 2.3 (hvsizing.c).
 */
#define TRACE_MARGIN	2.7f

/*
 * rows fetched between two tests whether all neighbours are found, or a share
 * of them
 */
#define FETCH_BATCH		16
#define FETCH_SHARE		4

/* rows fetched in all: so many, or so many times the neighbours */
#define MOST_FETCHES	1024
#define MOST_FETCHES_A_NEIGHBOR	4

/* neighbours that must be certain when so many rows have been fetched */
#define CERTAIN_ROWS	10

/* with nothing but copies of the query so far down, it is none */
#define MOST_COPIES		256

/* a squared distance below this share of the query's norm2 is a copy of it */
#define COPY_SHARE		1e-6

/* a code that the descent has met */
typedef struct Found
{
	uint64		id;
	float		estimate;
	float		error;
	int			leaf;
} Found;

struct HvTracer
{
	HvIndex    *index;
	HvHeap	   *heap;
	int			width;
	MemoryContext context;		/* of one query, reset by the next */
	HvStoreSource source;
	HvLeafScorer scorer;
	HvCandidate *scored;		/* of one leaf */

	/* of the current query */
	uint64		id;				/* the row that it is, 0 = none */
	float	   *values;			/* dim floats */
	double		norm;
	HvQuery    *query;
	HvDescent	descent;
	float	   *leaf_keys;		/* width */
	int			nleaves;
	int			own_leaf;		/* the leaf of the query's row, 0 = not met */
	int			own_count;		/* tuples of that leaf */
	Found	   *found;
	int			nfound;
	int			found_size;
};

HvTracer *
HvTracerBegin(HvIndex *index, HvHeap *heap, int width)
{
	HvTracer   *tracer = palloc0(sizeof(HvTracer));

	tracer->index = index;
	tracer->heap = heap;
	tracer->width = width;
	tracer->context = AllocSetContextCreate(CurrentMemoryContext, "hvtree trace",
											ALLOCSET_DEFAULT_SIZES);
	tracer->scored = palloc(index->layout.leaf_capacity * sizeof(HvCandidate));
	tracer->values = palloc(index->space.dim * sizeof(float));
	tracer->leaf_keys = palloc(width * sizeof(float));
	HvStoreSourceInit(&tracer->source, index->relation, &index->layout, &index->meta);
	return tracer;
}

void
HvTracerNarrow(HvTracer *tracer, int width)
{
	tracer->width = Min(tracer->width, width);
}

/* Reads the vector of a row; false if it is gone. */
static bool
read_row(HvTracer *tracer, uint64 id)
{
	int			dim = tracer->index->space.dim;
	HvVectorView view;
	bool		there = HvHeapGet(tracer->heap, id, &view) && view.dim == dim;

	if (there)
		memcpy(tracer->values, view.values, dim * sizeof(float));
	HvHeapRelease(tracer->heap);
	return there;
}

/* Prepares the vector that there is as a query; false if it cannot be one. */
static bool
begin_query(HvTracer *tracer, uint64 id)
{
	HvIndex    *index = tracer->index;
	float	   *projected = palloc(index->space.rotate_dims * sizeof(float));

	tracer->norm = HvMetricNorm(tracer->values, index->space.dim);
	if (tracer->norm == 0 && !HvSpaceZeroHasOrder(index->space.metric))
		return false;

	tracer->id = id;
	tracer->query = palloc0(sizeof(HvQuery));
	tracer->nleaves = tracer->own_leaf = tracer->nfound = tracer->found_size = 0;
	tracer->found = NULL;
	HvSpaceProjectQuery(&index->space, tracer->values, projected);
	HvIndexQuery(index, projected, tracer->query);
	tracer->scorer = (HvLeafScorer)
	{
		.query = tracer->query, .layout = &index->layout,
			.max_norm = index->space.max_norm, .cutoff = FLT_MAX
	};
	HvDescentInit(&tracer->descent, &tracer->source.source, &index->layout, BEAM,
				  CurrentMemoryContext);
	HvDescentBegin(&tracer->descent, tracer->query, index->meta.seq);
	return true;
}

/* Adds the codes of a leaf that is locked; room for them has been made. */
static void
take_codes(HvTracer *tracer, Page page, const HvQueryCode *query)
{
	const HvLayout *layout = &tracer->index->layout;
	float		one_error = 2.0f * HV_PLANES_ERROR / sqrtf((float) query->bits);
	int			n = HvLeafScore(&tracer->scorer, page, tracer->scored);

	Assert(tracer->nfound + n <= tracer->found_size);
	for (int i = 0; i < n; i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, layout, i);
		Found	   *found = &tracer->found[tracer->nfound];

		found->id = tracer->scored[i].id;
		found->leaf = tracer->nleaves;
		found->estimate = tracer->scored[i].key;
		found->error = HvCodeHoldsValues(query->bits) ? 0 : found->estimate -
			HvLowerBound(query, entry->factors.norm2, found->estimate, one_error);
		if (found->id != tracer->id)
			tracer->nfound++;
		else if ((entry->flags & HV_ENTRY_SPILLED) == 0)
		{
			tracer->own_leaf = tracer->nleaves;
			tracer->own_count = n;
		}
	}
}

static void
read_leaf(HvTracer *tracer, const HvNode *node)
{
	HvIndex    *index = tracer->index;
	int			needed = tracer->nfound + index->layout.leaf_capacity;
	const HvQueryCode *query;
	Buffer		buffer;
	Page		page;

	if (needed > tracer->found_size)
	{
		tracer->found_size = 2 * needed;
		tracer->found = tracer->found ?
			repalloc_huge(tracer->found, tracer->found_size * sizeof(Found)) :
			palloc(tracer->found_size * sizeof(Found));
	}
	page = HvStoreSourceLeaf(&tracer->source, node->extra, &buffer);
	if (page == NULL)
		return;
	query = HvQueryFor(tracer->query, HvPageGetOpaque(page)->mean_version);
	if (query != NULL)
	{
		Assert(tracer->nleaves < tracer->width);
		tracer->leaf_keys[tracer->nleaves++] = node->key;
		take_codes(tracer, page, query);
	}
	HvStoreRelease(buffer);
}

/* Reads the nearest leaves; false if the tree is about another mean by now. */
static bool
read_leaves(HvTracer *tracer)
{
	HvDescent  *descent = &tracer->descent;
	int			given = 0;

	for (int step = Min(FIRST_STEP, tracer->width);; step = Min(2 * step, tracer->width))
	{
		const HvNode *node;

		HvDescentWiden(descent, step);
		if (descent->stale)
			return false;
		while (given < tracer->width && (node = HvDescentNext(descent)) != NULL)
		{
			CHECK_FOR_INTERRUPTS();
			read_leaf(tracer, node);
			given++;
		}
		if (step == tracer->width || HvDescentExhausted(descent))
			return true;
	}
}

/*
 * The squared distance of the own row's place from the centroid of its leaf.
 * Where it is not that of the query: rows are on the average as much farther from
 * the query than their centroid is, as they are from the centroid.
 */
static double
own_spread(const HvTracer *tracer, double own)
{
	double		key = tracer->leaf_keys[tracer->own_leaf - 1];
	double		sum = own;

	if (!HvSpaceNeedsLongest(tracer->index->space.metric))
		return key;
	for (int i = 0; i < tracer->nfound; i++)
	{
		if (tracer->found[i].leaf == tracer->own_leaf)
			sum += Max(tracer->found[i].estimate, 0);
	}
	return Max(sum / tracer->own_count - key, 0);
}

/* The squared distance from the query that its own leaf would have without it. */
static float
key_without_own(const HvTracer *tracer)
{
	const HvSpace *space = &tracer->index->space;
	double		n = tracer->own_count;
	double		distance = HvMetricDistance(space->metric, tracer->values, tracer->values,
											space->dim);
	double		own = Max(HvSpaceSquareOf(space, distance, tracer->norm), 0);
	double		spread = own_spread(tracer, own);

	double		square = (n * tracer->leaf_keys[tracer->own_leaf - 1] - own +
						  spread * n / (n - 1)) / (n - 1);

	return (float) Min(Max(square, 0), FLT_MAX);
}

/*
 * Puts the query's own leaf where it would be in the order without the query.
 */
static void
move_own_leaf(HvTracer *tracer)
{
	float	   *keys = tracer->leaf_keys;
	float		key;
	int			from = tracer->own_leaf;
	int			to = from;

	if (from == 0 || tracer->own_count < 2)
		return;
	key = key_without_own(tracer);
	for (; to < tracer->nleaves && keys[to] < key; to++)
		keys[to - 1] = keys[to];
	for (; to > 1 && keys[to - 2] > key; to--)
		keys[to - 1] = keys[to - 2];
	keys[to - 1] = key;
	for (int i = 0; i < tracer->nfound; i++)
	{
		int		   *leaf = &tracer->found[i].leaf;

		if (*leaf == from)
			*leaf = to;
		else if (*leaf > from && *leaf <= to)
			(*leaf)--;
		else if (*leaf >= to && *leaf < from)
			(*leaf)++;
	}
}

static int
compare_found(const void *a, const void *b)
{
	const Found *fa = a;
	const Found *fb = b;

	if (fa->id != fb->id)
		return fa->id < fb->id ? -1 : 1;
	return fa->leaf - fb->leaf;
}

/* Of a row that is in two leaves the nearer one counts. */
static void
drop_copies(HvTracer *tracer)
{
	int			kept = 0;

	if (tracer->index->meta.spill == 0)
		return;
	qsort(tracer->found, tracer->nfound, sizeof(Found), compare_found);
	for (int i = 0; i < tracer->nfound; i++)
	{
		if (kept == 0 || tracer->found[kept - 1].id != tracer->found[i].id)
			tracer->found[kept++] = tracer->found[i];
	}
	tracer->nfound = kept;
}

/* Fetches a row that was found; false if it is gone, or a copy of the query. */
static bool
measure_row(HvTracer *tracer, const Found *found, HvTraceRow *row)
{
	const HvSpace *space = &tracer->index->space;
	HvVectorView view;
	double		distance;
	double		square;

	if (!HvHeapGet(tracer->heap, found->id, &view))
		return false;
	distance = view.dim == space->dim ?
		HvMetricDistance(space->metric, tracer->values, view.values, space->dim) : NAN;
	HvTypeClose(&view);
	square = HvSpaceSquareOf(space, distance, tracer->norm);
	if (!isfinite(square) || (tracer->id != 0 && !HvSpaceNeedsLongest(space->metric) &&
							  square <= COPY_SHARE * tracer->query->code.norm2))
		return false;
	row->square = (float) square;
	row->estimate = found->estimate;
	row->error = found->error;
	row->leaf = found->leaf;
	return true;
}

static int
compare_rows(const void *a, const void *b)
{
	const HvTraceRow *ra = a;
	const HvTraceRow *rb = b;

	if (ra->square != rb->square)
		return ra->square < rb->square ? -1 : 1;
	return ra->leaf - rb->leaf;
}

/* How many rows are fetched at most. */
static int
most_fetches(int neighbors)
{
	return Max(MOST_FETCHES, MOST_FETCHES_A_NEIGHBOR * neighbors);
}

/*
 * Fetches what could be among the neighbours.  Returns how many rows, in
 * order; room for most_fetches.  0 where the nearest may not be among them.
 */
static int
measure_rows(HvTracer *tracer, int neighbors, HvTraceRow *rows)
{
	HvKeyed    *order = palloc(Max(tracer->nfound, 1) * sizeof(HvKeyed));
	int			wanted = Min(tracer->nfound, most_fetches(neighbors));
	int			next_look = 0;
	int			n = 0;

	for (int i = 0; i < tracer->nfound; i++)
	{
		float		bound = tracer->found[i].estimate - TRACE_MARGIN * tracer->found[i].error;

		order[i].key = isfinite(bound) ? bound : FLT_MAX;
		order[i].extra = i;
		order[i].id = tracer->found[i].id;
	}
	HvSelectSmallest(order, tracer->nfound, wanted);
	HvSortKeyed(order, wanted);
	for (int i = 0; i < wanted; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == next_look)
		{
			next_look += Max(FETCH_BATCH, i / FETCH_SHARE);
			HvHeapRelease(tracer->heap);
			qsort(rows, n, sizeof(HvTraceRow), compare_rows);
			if (i >= MOST_COPIES && n == 0)
				break;
			if (n >= neighbors && order[i].key >= rows[neighbors - 1].square)
				break;
		}
		n += measure_row(tracer, &tracer->found[order[i].extra], &rows[n]);
	}
	HvHeapRelease(tracer->heap);
	qsort(rows, n, sizeof(HvTraceRow), compare_rows);

	/* where the codes leave even the nearest ten uncertain, nothing is known */
	if (n > CERTAIN_ROWS && wanted < tracer->nfound &&
		order[wanted - 1].key < rows[CERTAIN_ROWS - 1].square)
		return 0;
	return n;
}

/* Finds what is near the vector that is the row "id", or none if that is 0. */
static bool
search(HvTracer *tracer, uint64 id)
{
	if (!begin_query(tracer, id) || !read_leaves(tracer))
		return false;
	move_own_leaf(tracer);
	drop_copies(tracer);
	return true;
}

/* Traces that vector. */
static bool
trace_values(HvTracer *tracer, uint64 id, int neighbors, HvTrace *trace)
{
	HvTraceRow *rows;

	if (!search(tracer, id))
		return false;
	rows = palloc(most_fetches(neighbors) * sizeof(HvTraceRow));
	trace->nrows = measure_rows(tracer, neighbors, rows);
	trace->rows = rows;
	trace->neighbors = neighbors;
	trace->nleaves = tracer->nleaves;
	trace->distances = tracer->leaf_keys;
	return trace->nrows > 0;
}

/* Takes what a trace holds into the current memory context. */
static void
keep_trace(HvTrace *trace)
{
	HvTraceRow *rows = palloc(trace->nrows * sizeof(HvTraceRow));
	float	   *distances = palloc(trace->nleaves * sizeof(float));

	memcpy(rows, trace->rows, trace->nrows * sizeof(HvTraceRow));
	memcpy(distances, trace->distances, trace->nleaves * sizeof(float));
	trace->rows = rows;
	trace->distances = distances;
}

bool
HvTraceRowQuery(HvTracer *tracer, uint64 id, int neighbors, HvTrace *trace)
{
	MemoryContext old = MemoryContextSwitchTo(tracer->context);
	bool		done;

	MemoryContextReset(tracer->context);
	done = read_row(tracer, id) && trace_values(tracer, id, neighbors, trace);
	MemoryContextSwitchTo(old);
	if (done)
		keep_trace(trace);
	return done;
}

int
HvTraceRowLeaves(HvTracer *tracer, uint64 id, int neighbors, int *leaves)
{
	MemoryContext old = MemoryContextSwitchTo(tracer->context);
	int			n = 0;

	MemoryContextReset(tracer->context);
	if (read_row(tracer, id) && search(tracer, id))
	{
		HvKeyed    *order = palloc(Max(tracer->nfound, 1) * sizeof(HvKeyed));

		n = Min(neighbors, tracer->nfound);
		for (int i = 0; i < tracer->nfound; i++)
		{
			float		estimate = tracer->found[i].estimate;

			order[i].key = isfinite(estimate) ? estimate : FLT_MAX;
			order[i].extra = tracer->found[i].leaf;
			order[i].id = tracer->found[i].id;
		}
		HvSelectSmallest(order, tracer->nfound, n);
		for (int i = 0; i < n; i++)
			leaves[i] = (int) order[i].extra;
	}
	MemoryContextSwitchTo(old);
	return n;
}

bool
HvTraceGivenQuery(HvTracer *tracer, const float *values, int neighbors, HvTrace *trace)
{
	MemoryContext old = MemoryContextSwitchTo(tracer->context);
	bool		done;

	MemoryContextReset(tracer->context);
	memcpy(tracer->values, values, tracer->index->space.dim * sizeof(float));
	done = trace_values(tracer, 0, neighbors, trace);
	MemoryContextSwitchTo(old);
	if (done)
		keep_trace(trace);
	return done;
}
