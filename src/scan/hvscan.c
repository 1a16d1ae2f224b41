/*-------------------------------------------------------------------------
 *
 * hvscan.c
 *	  Ordered index scans: a state machine that can stop after every row.
 *
 * NOTES
 *	  The executor asks for one row at a time and never says how many it wants.
 *	  Each time, the scan does what is needed before the next row can be taken:
 *
 *	  1. read leaves until as many were read as the sizing rule wants for a row
 *		 of this rank;
 *	  2. rerank candidates until none is left whose lower bound is below the
 *		 exact distance of the nearest row that was not taken;
 *	  3. take that row.
 *
 *	  When all measured rows are taken it goes on with more leaves, to the last
 *	  one of the index.
 *
 *	  Rows that were taken are returned in batches (hvbatch.h).  A row that is
 *	  found nearer than one already returned is late: it waits until all others
 *	  are returned.  For a plan that takes all rows, and in a tree of one page,
 *	  every leaf is read first.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvscan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "access/genam.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "arithmetic/hvspace.h"
#include "heap/hvdistcache.h"
#include "page/hvcompat.h"
#include "scan/hvbatch.h"
#include "scan/hvinstrument.h"
#include "scan/hvparallel.h"
#include "scan/hvreorder.h"
#include "scan/hvrerank.h"
#include "scan/hvscan.h"
#include "scan/hvsearch.h"

/*
 * Candidates reranked at a time.  Few at first, since each measured row
 * tightens the bound for the next window; more later, for the sake of the
 * block order.
 */
#define MIN_WINDOW	16
#define MAX_WINDOW	1024

/* leaves read between two reranks, and the share of those read before */
#define LEAST_STEP	8
#define STEP_SHARE	8

/* how much of the error of a late row's bound becomes slack */
#define SLACK_SHARE	0.5

typedef struct HvScan
{
	MemoryContext context;		/* as long as the scan */
	MemoryContext query_context;	/* as long as one query vector */
	const HvTypeInfo *type;
	HvHeap	   *heap;			/* NULL before the first row */
	HvParallel *parallel;		/* NULL unless there are other participants */

	/* all below belongs to the current query vector */
	bool		started;
	bool		any_order;		/* distances are all alike or unknown */
	bool		everything_first;	/* read all before the first row is taken */
	bool		cut_short;		/* max_scan_tuples was reached */
	HvVectorView query;
	double		query_norm;
	HvSearch	search;
	HvReorder	order;			/* measured rows */
	HvBatch		batch;			/* how they are returned */
	double		slack;			/* by how much the bounds have been off, squared */
	double		rows_wanted;	/* by the query, 0 = unknown */
	HvGoal		sizes;			/* of a goal for the rank below */
	double		sized_rank;		/* 0 = none yet */
	double		sized_tuples;	/* tuples_a_row of the sizing then */
	int64		fetched;
	int64		visible;		/* of them, so that they could be measured */
	int64		sent;			/* to the batch: taken, whether or not they passed */
	HvCandidate *window;		/* candidates and rows of one rerank */
	HvRow	   *rows;
	HvCandidate *bounds;		/* the same candidates with their keys */
	int			nbounds;
	int			window_size;
	HvDistCache *dist_cache;	/* of rows sent, made for the first one */
	HvInstrument instrument;
} HvScan;

/* Ends the work on a query vector: adds it to the statistics. */
static void
finish_query(IndexScanDesc scan)
{
	HvScan	   *state = (HvScan *) scan->opaque;

	if (state->started)
	{
		HvScanStats stats = {.index = RelationGetRelid(scan->indexRelation)};

		HvSearchAccount(&state->search, &stats);
		stats.heap_fetches = state->fetched;
		stats.rows_emitted = state->sent;
		HvInstrumentEnd(&state->instrument, HvHeapToastBuffers(state->heap), &stats);
	}
	state->started = false;
}

IndexScanDesc
hvbeginscan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree scan",
												  ALLOCSET_SMALL_SIZES);
	HvScan	   *state = MemoryContextAllocZero(context, sizeof(HvScan));

	state->context = context;
	state->query_context = AllocSetContextCreate(context, "hvtree scan query",
												 ALLOCSET_DEFAULT_SIZES);
	scan->opaque = state;
	return scan;
}

void
hvrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	HvScan	   *state = (HvScan *) scan->opaque;

	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));

	finish_query(scan);
	MemoryContextReset(state->query_context);
	state->rows_wanted = 0;
}

void
HvScanSetRows(IndexScanDesc scan, double rows)
{
	((HvScan *) scan->opaque)->rows_wanted = rows;
}

void
hvendscan(IndexScanDesc scan)
{
	HvScan	   *state = (HvScan *) scan->opaque;

	finish_query(scan);
	if (state->heap)
		HvHeapEnd(state->heap);
	MemoryContextDelete(state->context);
}

/* Errors on a scan that is not supported, before any work is done. */
static void
check_scan(IndexScanDesc scan)
{
	if (scan->numberOfOrderBys != 1 || scan->numberOfKeys != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("access method \"hvtree\" answers ORDER BY with one distance operator only")));
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("access method \"hvtree\" needs an MVCC snapshot")));
}

/* Takes the query vector from the scan key.  NULL gives rows in any order. */
static void
take_query(HvScan *state, ScanKey key)
{
	/* forget the last query vector */
	memset(&state->query, 0, sizeof(HvVectorView));
	state->any_order = (key->sk_flags & SK_ISNULL) != 0;
	if (state->any_order)
		return;
	state->type->open(key->sk_argument, &state->query);
	state->query_norm = HvMetricNorm(state->query.values, state->query.dim);

	/* every cosine distance to it is NaN, every inner product 0 */
	state->any_order = state->query_norm == 0 && !HvSpaceZeroHasOrder(state->type->metric);
}

/* A vector to search with where the query has none: any will do. */
static void
make_up_query(HvScan *state, Relation index)
{
	HvMetaData	meta;

	HvMetaRead(index, &meta);
	state->query.dim = Max(1, (int) meta.dim);
	state->query.values = palloc0(state->query.dim * sizeof(float));
	state->query.owned = NULL;
}

/* Leaves are compared with the farthest of so many of the nearest rows. */
static int
nearest_to_know(const HvScan *state)
{
	return (int) Min(Max(state->rows_wanted, HvCurveRank(0)), HV_REORDER_MOST_NEAREST);
}

static void
start_scan(IndexScanDesc scan)
{
	HvScan	   *state = (HvScan *) scan->opaque;
	MemoryContext old;
	HvBuffers	before;

	check_scan(scan);
	HvCompatCountScan(scan);
	if (state->heap == NULL)
	{
		state->heap = HvHeapBegin(scan->heapRelation, scan->indexRelation,
								  scan->xs_snapshot, state->context);
		state->type = HvHeapType(state->heap);
	}

	old = MemoryContextSwitchTo(state->query_context);
	before = HvBuffersNow();
	HvInstrumentBegin(&state->instrument, HvHeapToastBuffers(state->heap));
	state->fetched = state->visible = state->sent = 0;
	state->sized_rank = 0;
	state->cut_short = false;
	state->slack = 0;
	state->parallel = HvParallelJoin(scan, state->query_context);
	HvBatchInit(&state->batch, scan, state->parallel, &state->order);
	if (state->rows_wanted > 0)
		state->batch.limit.rows = state->rows_wanted;
	state->rows_wanted = state->batch.limit.rows;
	HvReorderInit(&state->order, nearest_to_know(state), state->query_context);
	state->window_size = 0;
	state->dist_cache = NULL;
	take_query(state, &scan->orderByData[0]);
	if (state->any_order && state->query.dim == 0)
		make_up_query(state, scan->indexRelation);
	HvSearchBegin(&state->search, scan->indexRelation, &state->query, state->rows_wanted,
				  state->parallel, &state->instrument);
	HvBuffersAddSince(&state->instrument.buffers, before);
	state->everything_first = false;
	state->started = true;
	MemoryContextSwitchTo(old);
}

/* May another window be needed before the next row is taken? */
static bool
rerank_is_due(const HvScan *state)
{
	const HvSizing *sizing = &state->search.sizing;

	if (HvCandidatesIsEmpty(&state->search.candidates))
		return false;
	if (state->everything_first || HvReorderNearest(&state->order) == NULL)
		return true;
	if (sizing->rerank > 0)
		return state->fetched < HvSizingRerank(sizing, state->sent + 1);
	return true;
}

/* An exact distance as a squared distance in the tree space. */
static double
square_of(const HvScan *state, double distance)
{
	return HvSpaceSquareOf(&state->search.index->space, distance, state->query_norm);
}

/* What lower bounds are compared with: the nearest row that was not taken. */
static double
current_bound(const HvScan *state)
{
	const HvRow *nearest = HvReorderNearest(&state->order);

	if (state->everything_first || nearest == NULL || isnan(nearest->distance) ||
		state->search.sizing.rerank > 0)
		return INFINITY;
	return square_of(state, nearest->distance) + state->slack;
}

/*
 * A row is late because its leaf was read late, or because its bound was too
 * high.  The latter shows how far bounds are off.  From then on all of them
 * get that much slack, or a share of it, since one row may be an exception.
 * For a few rows there is none; in a long scan with a filter it is the
 * difference between .92 and .98 of the nearest rows that pass.
 */
static void
learn_from_late_row(HvScan *state, const HvRow *row)
{
	double		off = 0;

	for (int i = 0; i < state->nbounds; i++)
	{
		if (state->bounds[i].id == row->id)
			off = state->bounds[i].key - square_of(state, row->distance);
	}
	if (off > state->slack)
		state->slack += (off - state->slack) * SLACK_SHARE;
}

/* Room for a window: most queries need a small one, so it is made as needed. */
static void
reserve_window(HvScan *state, int size)
{
	Assert(size > 0 && size <= MAX_WINDOW);
	if (size <= state->window_size)
		return;
	size = Min(2 * size, MAX_WINDOW);
	state->window = palloc(size * sizeof(HvCandidate));
	state->rows = palloc(size * sizeof(HvRow));
	state->bounds = palloc(size * sizeof(HvCandidate));
	state->window_size = size;
}

/* Takes up to max candidates below bound that are claimed by no other. */
static int
take_candidates(HvScan *state, double bound, int max, HvCandidate *out)
{
	int			taken;

	do
	{
		taken = HvCandidatesTake(&state->search.candidates, (float) bound, max, out);
		if (taken == 0 || state->parallel == NULL)
			return taken;
		taken = HvParallelClaimRows(state->parallel, out, taken);
		CHECK_FOR_INTERRUPTS();
	} while (taken == 0);
	return taken;
}

/* Adds to a count, and to that of all participants. */
static void
count(HvScan *state, int64 *own, HvParallelCount which, int n)
{
	*own += n;
	if (state->parallel)
		(void) HvParallelAdd(state->parallel, which, n);
}

/* Reranks one window of candidates below bound; false if there was none. */
static bool
rerank_window(HvScan *state, double bound)
{
	int			max = (int) Min(Max(MIN_WINDOW, Max(state->sent, state->rows_wanted) / 4), MAX_WINDOW);
	int			taken;
	int			visible;
	HvBuffers	before;
	instr_time	start;

	if (state->everything_first)
		max = MAX_WINDOW;
	reserve_window(state, max);
	taken = take_candidates(state, bound, max, state->window);
	if (taken == 0)
		return false;
	INSTR_TIME_SET_CURRENT(start);
	memcpy(state->bounds, state->window, taken * sizeof(HvCandidate));
	state->nbounds = taken;
	before = HvBuffersNow();
	visible = HvRerankWindow(state->heap, &state->query, state->window, taken, state->rows);
	Assert(visible <= taken && taken <= state->window_size);
	HvBuffersAddSince(&state->instrument.rerank_buffers, before);
	for (int i = 0; i < visible; i++)
	{
		if (HvReorderAdd(&state->order, &state->rows[i]))
			learn_from_late_row(state, &state->rows[i]);
	}
	count(state, &state->fetched, HV_ROWS_FETCHED, taken);
	state->visible += visible;
	HvSizingSetVisible(&state->search.sizing, state->fetched, state->visible);
	HvInstrumentAdd(&state->instrument, HV_STAGE_RERANK, start);
	return true;
}

/* Has max_scan_tuples been reached?  Warns once. */
static bool
is_cut_short(HvScan *state)
{
	int			max = state->search.sizing.max_scan_tuples;
	int64		fetched = state->parallel ?
		HvParallelTotal(state->parallel, HV_ROWS_FETCHED) : state->fetched;

	if (max == 0 || fetched < max ||
		(state->search.exhausted && HvCandidatesIsEmpty(&state->search.candidates)))
		return false;
	if (!state->cut_short && HvReorderNearest(&state->order) == NULL)
	{
		state->cut_short = true;
		if (state->parallel == NULL || HvParallelAdd(state->parallel, HV_WARNINGS, 1) == 0)
			ereport(WARNING,
					(errmsg("hvtree scan ended after " INT64_FORMAT " table rows, the answer may be short",
							fetched),
					 errhint("Raise hvtree.max_scan_tuples, or set it to 0.")));
	}
	return true;
}

/* Rows that all participants have taken. */
static int64
sent_by_all(const HvScan *state)
{
	return state->parallel ? HvParallelTotal(state->parallel, HV_ROWS_SENT) : state->sent;
}

/* The sizes of goals for a rank, which stay the same for many rows. */
static void
size_goals(HvScan *state, double rank)
{
	const HvSizing *sizing = &state->search.sizing;

	if (state->sized_rank == rank && state->sized_tuples == sizing->tuples_a_row)
		return;
	state->sized_rank = rank;
	state->sized_tuples = sizing->tuples_a_row;
	state->sizes.leaves = HvSizingLeaves(sizing, rank);
	state->sizes.least = HvSizingLeast(HvSizingWanted(sizing, rank));
	state->sizes.stop = state->parallel ? 0 : HvSizingStop(sizing, rank);
}

/*
 * How many leaves are read before the next row is taken, and how near they
 * must be.
 *
 * "near" is the farthest of the nearest rows that the query wants, or of the
 * nearest ten where that is unknown; for the rows beyond those, the one that
 * would be taken next.
 */
static HvGoal
next_goal(HvScan *state)
{
	double		sent = sent_by_all(state);
	double		rank = Max(sent + 1, state->rows_wanted);
	HvGoal		goal = {.leaves = INT_MAX};

	Assert(state->started && rank >= 1);
	if (state->everything_first)
		return goal;
	size_goals(state, rank);
	goal = state->sizes;
	if (goal.stop == 0)
		return goal;
	if (sent < nearest_to_know(state))
		goal.near = HvReorderFarthest(&state->order);
	else if (HvReorderHasNumber(&state->order))
		goal.near = HvReorderNearest(&state->order)->distance;
	else
		goal.stop = 0;
	if (goal.stop > 0 && isfinite(goal.near))
		goal.near = square_of(state, goal.near);
	return goal;
}

/*
 * One step towards a goal that is not reached.  A scan that may stop early
 * must know its nearest rows, so it reranks candidates before it reads more
 * leaves; one that reads so many leaves in any case reads them first.
 */
static void
approach(HvScan *state, HvGoal goal)
{
	HvSearch   *search = &state->search;
	int			read = HvSearchLeaves(search);
	int			step = Max(read / STEP_SHARE, LEAST_STEP);

	if (goal.stop > 0)
	{
		if (read >= goal.least && rerank_window(state, goal.near + state->slack))
			return;
		if (read < goal.least)
			goal.leaves = Min(goal.leaves, (int) ceil(goal.least));
		else
			goal.leaves = Min(goal.leaves, read + step);
	}
	else
		/* candidates are put in order again each time: not for one leaf */
		goal.leaves = Max(goal.leaves, read + read / STEP_SHARE);
	HvSearchApproach(search, goal);
	state->everything_first |= HvSearchIsOnePage(search);
}

/* Does the work before the next row.  Each participant reranks what it has read. */
static void
prepare_next_row(HvScan *state)
{
	HvSearch   *search = &state->search;

	while (!is_cut_short(state))
	{
		HvGoal		goal = next_goal(state);

		if (!HvSearchHasArrived(search, goal))
		{
			approach(state, goal);
			continue;
		}
		if (rerank_is_due(state) && rerank_window(state, current_bound(state)))
			continue;
		if (HvReorderHasNumber(&state->order) || search->exhausted)
			break;
		HvSearchVisit(search, HvSearchLeaves(search) + Max(search->leaves_read, 1));
	}
}

/* The next row of the search (HvBatchTake). */
static bool
take_row(void *scan_state, HvRow *row)
{
	HvScan	   *state = scan_state;

	state->everything_first |= state->batch.limit.all;
	prepare_next_row(state);
	if (!HvReorderTake(&state->order, row))
		return false;
	count(state, &state->sent, HV_ROWS_SENT, 1);
	return true;
}

/* Notes for the operators the distance of a row with an out-of-line vector. */
static void
note_distance(HvScan *state, const HvRow *row)
{
	if (!OidIsValid(row->value))
		return;
	if (state->dist_cache == NULL)
		state->dist_cache = HvDistCacheBegin(HvHeapToastTable(state->heap), state->type,
											 &state->query, state->query_context);
	if (state->dist_cache)
		HvDistCacheAdd(state->dist_cache, row->value, row->distance);
}

/* With nothing to order by, candidates are returned as they are found. */
static bool
next_in_any_order(HvScan *state, uint64 *id)
{
	HvCandidate candidate;

	while (take_candidates(state, INFINITY, 1, &candidate) == 0)
	{
		if (state->search.exhausted)
			return false;
		HvSearchVisit(&state->search, HvSearchLeaves(&state->search) + 1);
	}
	*id = candidate.id;
	count(state, &state->sent, HV_ROWS_SENT, 1);
	return true;
}

bool
hvgettuple(IndexScanDesc scan, ScanDirection direction)
{
	HvScan	   *state = (HvScan *) scan->opaque;
	MemoryContext old;
	HvBuffers	before;
	instr_time	start;
	bool		first = !state->started;
	bool		found;
	HvRow		row = {0};

	Assert(ScanDirectionIsForward(direction));
	if (first)
	{
		INSTR_TIME_SET_CURRENT(start);
		start_scan(scan);
	}

	before = HvBuffersNow();
	old = MemoryContextSwitchTo(state->query_context);
	if (state->any_order)
		found = next_in_any_order(state, &row.id);
	else
		found = HvBatchNext(&state->batch, take_row, state, &row);
	MemoryContextSwitchTo(old);

	if (found)
	{
		note_distance(state, &row);
		HvRowUnpack(row.id, &scan->xs_heaptid);
		scan->xs_recheck = false;
		scan->xs_recheckorderby = false;
	}
	HvBuffersAddSince(&state->instrument.buffers, before);
	if (first)
		HvInstrumentFirstCall(&state->instrument, start);
	return found;
}
