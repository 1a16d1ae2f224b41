/*-------------------------------------------------------------------------
 *
 * hvscan.c
 *	  Ordered index scans: a state machine that stops and goes on at will.
 *
 * NOTES
 *	  The executor asks for one row at a time and never says how many it
 *	  wants.  Each time, the scan does what is needed before the next row may
 *	  go out, and no more:
 *
 *	  1. read leaves until as many were read as the sizing rule wants for a row
 *		 of this rank;
 *	  2. rerank candidates until none is left whose lower bound is below the
 *		 exact distance of the nearest row in hand;
 *	  3. send out that row.
 *
 *	  When the rows in hand are used up it goes on with more leaves, to the last
 *	  one of the index.
 *
 *	  A row that turns up nearer than one already sent is late.  It must not go
 *	  out of order, nor be lost: it waits until everything else is out.  One
 *	  who is known to take all rows gets every leaf read first, so that
 *	  none is late; so does a tree of one page.
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

#include "heap/hvdistcache.h"
#include "page/hvcompat.h"
#include "scan/hvlimit.h"
#include "scan/hvparallel.h"
#include "scan/hvreorder.h"
#include "scan/hvrerank.h"
#include "scan/hvscan.h"
#include "scan/hvsearch.h"
#include "scan/hvstat.h"

/*
 * Candidates reranked at a time.  Small at first, since each row in hand
 * tightens the bound for the next window; larger far out, for the sake of the
 * block order.
 */
#define MIN_WINDOW	16
#define MAX_WINDOW	1024

/* how much of what a late row tells is believed */
#define SLACK_SHARE	0.5

typedef struct HvScan
{
	MemoryContext context;		/* as long as the scan */
	MemoryContext query_context;	/* as long as one query vector */
	const HvTypeInfo *type;
	HvHeap	   *heap;			/* NULL before the first row is asked for */
	HvParallel *parallel;		/* NULL unless there are other participants */

	/* all below belongs to the current query vector */
	bool		started;
	bool		any_order;		/* distances are all alike or unknown */
	bool		everything_first;	/* read all before the first row goes out */
	bool		cut_short;		/* max_scan_tuples was reached */
	HvVectorView query;
	double		query_norm;
	HvSearch	search;
	HvReorder	order;			/* rows waiting to go out */
	double		slack;			/* by how much the bounds have been off, squared */
	int64		fetched;
	int64		sent;
	HvCandidate *window;		/* candidates and rows of one rerank */
	HvRow	   *rows;
	HvCandidate *bounds;		/* the same candidates with their keys */
	int			nbounds;
	int			window_size;
	HvDistCache *memo;			/* of rows sent, made for the first one */
	instr_time	rerank_time;
	instr_time	first_call_time;	/* of it, what no stage accounts for */
	HvBuffers	buffers;		/* touched for this query vector */
	HvBuffers	rerank_buffers; /* of them, in the table and its TOAST */
	HvBuffers	toast_before;	/* of the reader, when the query began */
} HvScan;

static HvScanStats last_scan;

const HvScanStats *
HvLastScan(void)
{
	return &last_scan;
}

/* Leaves an account for HvLastScan, and for all to see. */
static void
account(HvScan *state, Oid index)
{
	const HvSearch *search = &state->search;
	HvBuffers	toast = HvHeapToastBuffers(state->heap);

	memset(&last_scan, 0, sizeof(last_scan));
	last_scan.index = index;
	last_scan.height = Max(0, search->descent.height);
	for (int level = 1; level <= HV_MAX_LEVEL; level++)
	{
		last_scan.pages[level] = search->descent.pages[level];
		last_scan.tuples[level] = search->descent.tuples[level];
	}
	last_scan.pages[0] = search->leaves_read;
	last_scan.tuples[0] = search->leaf_tuples;
	last_scan.codes_scored = search->scorer.codes;
	last_scan.candidates = search->scorer.refined;
	last_scan.heap_fetches = state->fetched;
	last_scan.rows_emitted = state->sent;
	last_scan.index_buffers = HvBuffersMinus(state->buffers, state->rerank_buffers);
	last_scan.toast_buffers = HvBuffersMinus(toast, state->toast_before);
	last_scan.heap_buffers = HvBuffersMinus(state->rerank_buffers, last_scan.toast_buffers);
	last_scan.prepare_us = INSTR_TIME_GET_DOUBLE(search->prepare_time) * 1e6;
	last_scan.tree_us = INSTR_TIME_GET_DOUBLE(search->tree_time) * 1e6;
	last_scan.leaves_us = INSTR_TIME_GET_DOUBLE(search->leaves_time) * 1e6;
	last_scan.rerank_us = INSTR_TIME_GET_DOUBLE(state->rerank_time) * 1e6;
	last_scan.scan_us = INSTR_TIME_GET_DOUBLE(state->first_call_time) * 1e6 +
		last_scan.prepare_us + last_scan.tree_us + last_scan.leaves_us + last_scan.rerank_us;
	HvStatAddScan(&last_scan);
}

/* The query vector is done with: what it took counts now. */
static void
finish_query(IndexScanDesc scan)
{
	HvScan	   *state = (HvScan *) scan->opaque;

	if (state->started)
		account(state, RelationGetRelid(scan->indexRelation));
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

/* What this scan can do nothing about is an error before it does anything. */
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
	/* nothing of the last query vector may be left */
	memset(&state->query, 0, sizeof(HvVectorView));
	state->any_order = (key->sk_flags & SK_ISNULL) != 0;
	if (state->any_order)
		return;
	state->type->open(key->sk_argument, &state->query);
	state->query_norm = HvMetricNorm(state->query.values, state->query.dim);

	/* every cosine distance of it is NaN, every inner product 0 */
	state->any_order = state->query_norm == 0 && state->type->metric != HV_METRIC_L2;
}

/* A vector to search with where the query gives none: any will do. */
static void
make_up_query(HvScan *state, Relation index)
{
	HvMetaData	meta;

	HvMetaRead(index, &meta);
	state->query.dim = Max(1, (int) meta.dim);
	state->query.values = palloc0(state->query.dim * sizeof(float));
	state->query.owned = NULL;
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
	memset(&state->buffers, 0, sizeof(HvBuffers));
	memset(&state->rerank_buffers, 0, sizeof(HvBuffers));
	state->toast_before = HvHeapToastBuffers(state->heap);
	state->fetched = state->sent = 0;
	state->cut_short = false;
	state->slack = 0;
	INSTR_TIME_SET_ZERO(state->rerank_time);
	HvReorderInit(&state->order, state->query_context);
	state->window_size = 0;
	state->memo = NULL;
	take_query(state, &scan->orderByData[0]);
	if (state->any_order && state->query.dim == 0)
		make_up_query(state, scan->indexRelation);
	state->parallel = HvParallelJoin(scan, state->query_context);
	HvSearchBegin(&state->search, scan->indexRelation, &state->query, state->parallel,
				  state->query_context);
	HvBuffersAddSince(&state->buffers, before);
	state->everything_first = !state->any_order &&
		(state->parallel ? HvParallelTakesAll(state->parallel) : HvLimitWantsAll(scan));
	state->started = true;
	MemoryContextSwitchTo(old);
}

/* May another window be needed before the next row goes out? */
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

/* The nearest row in hand, as far as bounds are compared with it. */
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
 * A row is late because its leaf was read late, or because its bound was too high.
 * The latter tells how far bounds are off.  From then on all of them get that much
 * more room, or a part of it, since one row may be an exception.  A few rows
 * come without any; for a scan that a filter makes long it is the
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
	if (size <= state->window_size)
		return;
	size = Min(2 * size, MAX_WINDOW);
	state->window = palloc(size * sizeof(HvCandidate));
	state->rows = palloc(size * sizeof(HvRow));
	state->bounds = palloc(size * sizeof(HvCandidate));
	state->window_size = size;
}

/* Takes up to max candidates below bound that no other participant has: how many. */
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
	int			max = Min(Max(MIN_WINDOW, state->sent / 4), MAX_WINDOW);
	int			taken;
	int			visible;
	HvBuffers	before;
	instr_time	start;
	instr_time	end;

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
	HvBuffersAddSince(&state->rerank_buffers, before);
	for (int i = 0; i < visible; i++)
	{
		if (HvReorderAdd(&state->order, &state->rows[i]))
			learn_from_late_row(state, &state->rows[i]);
	}
	count(state, &state->fetched, HV_ROWS_FETCHED, taken);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_ACCUM_DIFF(state->rerank_time, end, start);
	return true;
}

/* Has the user's bound on the work been reached?  Says so once. */
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

/* Rows that have gone out, from all participants. */
static int64
sent_by_all(const HvScan *state)
{
	return state->parallel ? HvParallelTotal(state->parallel, HV_ROWS_SENT) : state->sent;
}

/*
 * How near leaves must be to be read for the row of a rank.  Beyond the ranks that were
 * measured that does not matter: there a scan is being filtered, and what is near says
 * little of where the rows are that pass.
 */
static HvGoal
goal_of(const HvScan *state, int64 rank)
{
	HvGoal		goal = {0};

	if (state->everything_first)
		return goal;
	if (rank > HV_NEAREST_ROWS)
	{
		if (!HvReorderHasNumber(&state->order))
			return goal;
		goal.near = square_of(state, HvReorderNearest(&state->order)->distance);
	}
	goal.stop = HvSizingStop(&state->search.sizing, rank);
	goal.least = HvSizingLeast(&state->search.sizing);
	return goal;
}

/*
 * Does the work that must be done before the next row.  How many leaves are read is
 * a matter of all participants; what they read each reranks by itself.
 */
static void
prepare_next_row(HvScan *state)
{
	HvSearch   *search = &state->search;

	while (!is_cut_short(state))
	{
		int64		rank = sent_by_all(state) + 1;
		int			leaves = HvSizingLeaves(&search->sizing, rank);
		int			read = HvSearchLeaves(search);
		HvGoal		goal = goal_of(state, rank);
		double		bound;

		if (state->everything_first)
			leaves = INT_MAX;
		if (!search->exhausted && read < leaves && !HvSearchHasArrived(search, goal))
		{
			/* candidates are put in order anew each time: not for one leaf */
			HvSearchApproach(search, Max(leaves, read + read / 8), goal);
			state->everything_first |= HvSearchIsOnePage(search);
			continue;
		}
		bound = current_bound(state);
		if (rerank_is_due(state) && rerank_window(state, bound))
			continue;
		if (HvReorderHasNumber(&state->order) || search->exhausted)
			break;
		HvSearchVisit(search, HvSearchLeaves(search) + Max(search->leaves_read, 1));
	}
}

/* Tells the operators the distance of a row that is sent with an out-of-line vector. */
static void
note_distance(HvScan *state, const HvRow *row)
{
	if (!OidIsValid(row->value))
		return;
	if (state->memo == NULL)
		state->memo = HvDistCacheBegin(HvHeapToastTable(state->heap), state->type,
								  &state->query, state->query_context);
	if (state->memo)
		HvDistCacheAdd(state->memo, row->value, row->distance);
}

/* With nothing to order by, candidates go out as they come. */
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
	return true;
}

/*
 * Later calls are timed by their stages alone: what is left of them is to take a
 * row from those in hand, for which a look at the clock would be too much.
 */
static void
note_first_call(HvScan *state, instr_time start)
{
	instr_time *rest = &state->first_call_time;

	INSTR_TIME_SET_CURRENT(*rest);
	INSTR_TIME_SUBTRACT(*rest, start);
	INSTR_TIME_SUBTRACT(*rest, state->search.prepare_time);
	INSTR_TIME_SUBTRACT(*rest, state->search.tree_time);
	INSTR_TIME_SUBTRACT(*rest, state->search.leaves_time);
	INSTR_TIME_SUBTRACT(*rest, state->rerank_time);
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
	{
		prepare_next_row(state);
		found = HvReorderNext(&state->order, &row);
	}
	MemoryContextSwitchTo(old);

	if (found)
	{
		count(state, &state->sent, HV_ROWS_SENT, 1);
		note_distance(state, &row);
		HvRowUnpack(row.id, &scan->xs_heaptid);
		scan->xs_recheck = false;
		scan->xs_recheckorderby = false;
	}
	HvBuffersAddSince(&state->buffers, before);
	if (first)
		note_first_call(state, start);
	return found;
}
