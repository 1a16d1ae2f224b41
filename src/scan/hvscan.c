/*-------------------------------------------------------------------------
 *
 * hvscan.c
 *	  Ordered index scans: a state machine that can stop after every row.
 *
 * NOTES
 *	  The executor asks for one row at a time and never says how many it wants.
 *	  Each time, the scan does what is needed before the next row can be taken
 *	  (hvnearest.h).
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

#include "access/genam.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "arithmetic/hvspace.h"
#include "page/hvcompat.h"
#include "scan/hvnearest.h"
#include "scan/hvscan.h"
#include "scan/hvscanstate.h"

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
		stats.rows_emitted = state->complete ? state->batch.returned : state->sent;
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
	if (scan->numberOfOrderBys != 1)
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

/* The conditions on key columns, NULL if there are none. */
static HvConditions *
compile_conditions(IndexScanDesc scan)
{
	HvMetaData	meta;

	if (scan->numberOfKeys == 0)
		return NULL;
	HvMetaRead(scan->indexRelation, &meta);
	return HvConditionsCompile(scan->indexRelation, &meta, scan->keyData, scan->numberOfKeys);
}

/*
 * The bound that WHERE sets on the distance of this query.  All rows are as far
 * from a zero vector under cosine distance, and have no distance at all.
 */
static void
find_bound(HvScan *state, ScanKey key)
{
	IndexScanState *node = state->batch.node;
	bool		isnull = (key->sk_flags & SK_ISNULL) != 0;
	MemoryContext old = MemoryContextSwitchTo(state->context);

	state->bound = HvBoundNone;
	if (state->bounding == NULL && node != NULL)
		state->bounding = HvBoundFind(node);
	MemoryContextSwitchTo(old);
	if (state->bounding == NULL || (state->any_order && !isnull))
		return;
	state->bound = HvBoundEvaluate(state->bounding, key->sk_argument, isnull,
								   &state->search.index->space, state->query_norm);
	HvBatchSetBound(&state->batch, state->bounding, &state->bound);
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
	state->fetched = state->visible = state->within = state->sent = 0;
	state->sized_rank = 0;
	state->yield_rows = state->yield_leaves = 0;
	state->cut_short = state->ended = state->complete = false;
	state->slack = 0;
	state->parallel = HvParallelJoin(scan, state->query_context);
	HvBatchInit(&state->batch, scan, state->parallel, &state->order);
	if (state->rows_wanted > 0)
		state->batch.limit.rows = state->rows_wanted;
	state->rows_wanted = state->batch.limit.rows;
	HvReorderInit(&state->order, HvNearestToKnow(state), state->query_context);
	state->window_size = 0;
	state->dist_cache = NULL;
	take_query(state, &scan->orderByData[0]);
	if (state->any_order && state->query.dim == 0)
		make_up_query(state, scan->indexRelation);
	state->conditions = compile_conditions(scan);
	if (state->conditions && state->conditions->lossy)
		HvBatchSetLossy(&state->batch);
	HvSearchBegin(&state->search, scan->indexRelation, &state->query, state->rows_wanted,
				  state->conditions, state->parallel, &state->instrument);
	find_bound(state, &scan->orderByData[0]);
	HvBuffersAddSince(&state->instrument.buffers, before);
	state->everything_first = false;
	state->started = true;
	MemoryContextSwitchTo(old);
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
	if (state->bound.nothing)
		found = false;
	else if (state->any_order)
		found = HvNearestInAnyOrder(state, &row.id);
	else
		found = HvBatchNext(&state->batch, HvNearestTake, state, &row);
	MemoryContextSwitchTo(old);

	if (found)
	{
		note_distance(state, &row);
		HvRowUnpack(row.id, &scan->xs_heaptid);
		scan->xs_recheck = state->conditions && state->conditions->lossy;
		scan->xs_recheckorderby = false;
	}
	HvBuffersAddSince(&state->instrument.buffers, before);
	if (first)
		HvInstrumentFirstCall(&state->instrument, start);
	return found;
}
