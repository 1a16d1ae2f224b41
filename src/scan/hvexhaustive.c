/*-------------------------------------------------------------------------
 *
 * hvexhaustive.c
 *	  Scans that had better read everything, in block order.
 *
 * NOTES
 *	  A row that is fetched because it is near costs many times what it costs when
 *	  all rows are read in the order of their blocks.  A filter that few rows pass,
 *	  or none near the query, makes a scan fetch most of the table in that way.  So
 *	  the scan watches how many rows it still has to fetch for the rows that are
 *	  wanted, by the share that has passed.  When that costs more than all there is,
 *	  it reads the leaves that are left, in block order, and then the rows, in block
 *	  order too: the filter first, and only what passes is measured.
 *
 *	  The same is done from the beginning for a plan that takes all rows, or so
 *	  many that they are most of the table.  The answer is exact.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvexhaustive.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "executor/instrument.h"
#include "miscadmin.h"

#include "scan/hvexhaustive.h"
#include "scan/hvrerank.h"

/*
 * What a row costs, in rows that are read in block order and dropped by a filter: to
 * find it because it is near, and to measure it; and what reading the index costs,
 * as a share of the rows in it.  See doc/decisions.md, "Scans of everything".
 */
#define FETCH_COST		30.0
#define CALL_COST		2.0
#define DIMS_A_ROW		32.0
#define INDEX_SHARE		0.2

/*
 * What the rows fetched so far have cost, as a share of what everything does, before
 * a scan gives up: it is part of what a scan costs at the worst.
 */
#define LEAST_SPENT		0.2
#define LEAST_FETCHED	200

/* rows measured at a time, and blocks prefetched */
#define WINDOW			1024
#define PREFETCH_ROWS	32

/* What it costs to measure a row, in rows that are read in block order. */
static double
measure_cost(const HvScan *state)
{
	return CALL_COST + state->query.dim / DIMS_A_ROW;
}

/* The share of the rows looked at so far that passed; all, before the first. */
static double
share_passing(const HvScan *state)
{
	return state->sent > 0 ? (double) state->batch.kept / state->sent : 1;
}

/* What it costs to read everything, in rows in block order. */
static double
rows_of_all(const HvScan *state)
{
	const HvSearch *search = &state->search;
	double		rows = search->index->meta.rows;
	double		share = 1;

	if (search->conditions && search->scorer.tuples > 0)
		share = (double) search->scorer.codes / search->scorer.tuples;
	return rows * (INDEX_SHARE + share * (1 + state->batch.filter_cost +
										  share_passing(state) * measure_cost(state)));
}

/* How many rows are still to be fetched, at the rate so far. */
static double
rows_to_fetch(const HvScan *state)
{
	const HvBatch *batch = &state->batch;
	double		wanted = Max(state->rows_wanted, batch->kept + 1) - batch->kept;

	/* a bound may end it at any moment, and does if there is nothing else */
	if (batch->bounded)
		return batch->rest ? state->fetched : state->fetched / 2.0;
	if (batch->limit.all)
		return INFINITY;
	if (state->fetched == 0)
		return HvSizingExpectedFetches(&state->search.sizing, wanted);
	return wanted * state->sent / Max(batch->kept, 0.5);
}

/* Has the user said how many rows are to be fetched? */
static bool
set_by_hand(const HvScan *state)
{
	const HvSizing *sizing = &state->search.sizing;

	return sizing->max_scan_tuples > 0 || (sizing->rerank > 0 && !state->batch.limit.all);
}

bool
HvExhaustiveIsDue(const HvScan *state)
{
	double		all;
	double		fetch;

	if (state->complete || state->ended || state->parallel || set_by_hand(state) ||
		state->search.index->meta.height == 0)
		return false;
	all = rows_of_all(state);
	fetch = FETCH_COST + measure_cost(state) + state->batch.filter_cost;
	if (rows_to_fetch(state) * fetch <= all)
		return false;
	/* a guess: if it is wrong, more rows have been measured than were wanted */
	if (state->fetched == 0)
		return rows_to_fetch(state) >= LEAST_FETCHED && rows_to_fetch(state) * fetch > 2 * all;
	return state->fetched >= LEAST_FETCHED && state->fetched * fetch > LEAST_SPENT * all;
}

/* Keeps a row that was measured, if it passes what had to wait for that. */
static void
keep(HvScan *state, const HvRow *row, bool passed)
{
	if (HvBoundExists(&state->bound) && !(row->distance <= state->bound.distance))
		return;
	state->within++;
	if (!passed && !HvBatchPasses(&state->batch, row))
		return;
	HvReorderKeepLast(&state->order, row);
	state->batch.kept++;
}

/* Measures a window of rows that pass as far as is known. */
static void
measure(HvScan *state, HvCandidate *window, int n, HvRow *rows)
{
	HvBuffers	before = HvBuffersNow();
	int			visible;
	bool		decided = !isfinite(state->batch.certain);
	instr_time	start;

	if (n == 0)
		return;
	INSTR_TIME_SET_CURRENT(start);
	visible = HvRerankWindow(state->heap, &state->query, window, n, rows);
	HvBuffersAddSince(&state->instrument.rerank_buffers, before);
	HvInstrumentAdd(&state->instrument, HV_STAGE_RERANK, start);
	state->fetched += n;
	state->visible += visible;
	for (int i = 0; i < visible; i++)
		keep(state, &rows[i], decided || rows[i].distance <= state->batch.certain);
}

/*
 * Does a row pass the filter, as far as that can be told without its distance?  If
 * there is a bound on the distance the other conditions come first.
 */
static bool
passes_unmeasured(const HvScan *state, uint64 id)
{
	HvRow		row = {.id = id};

	row.distance = isfinite(state->batch.certain) ? -INFINITY : INFINITY;
	return HvBatchPasses(&state->batch, &row);
}

/* The rows that have been measured and not taken. */
static void
take_rows_in_hand(HvScan *state)
{
	HvRow		row;

	while (HvReorderTakeAny(&state->order, &row))
	{
		CHECK_FOR_INTERRUPTS();
		state->within--;
		keep(state, &row, false);
	}
}

/* An error unless the table has the block of a row. */
static void
require_row(const HvScan *state, uint64 id, BlockNumber *nblocks)
{
	IndexScanDesc scan = state->batch.scan;
	ItemPointerData tid;

	HvRowUnpack(id, &tid);
	HvHeapRequireRow(scan->heapRelation, scan->indexRelation, nblocks, &tid);
}

/* All other rows. */
static void
take_candidates(HvScan *state)
{
	HvCandidate *window = palloc(WINDOW * sizeof(HvCandidate));
	HvRow	   *rows = palloc(WINDOW * sizeof(HvRow));
	int64		misses = pgBufferUsage.shared_blks_read;
	int64		ahead = 0;
	int64		n;
	uint64	   *ids = HvCandidatesTakeAll(&state->search.candidates, &n);
	BlockNumber nblocks = 0;
	int			passed = 0;

	for (int64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgBufferUsage.shared_blks_read != misses)
		{
			for (ahead = Max(ahead, i + 1); ahead < n && ahead <= i + PREFETCH_ROWS; ahead++)
				HvHeapPrefetch(state->heap, ids[ahead]);
		}
		require_row(state, ids[i], &nblocks);
		if (passes_unmeasured(state, ids[i]))
			window[passed++].id = ids[i];
		if (passed == WINDOW)
		{
			measure(state, window, passed, rows);
			passed = 0;
		}
	}
	measure(state, window, passed, rows);
	pfree(window);
	pfree(rows);
	pfree(ids);
}

void
HvExhaustiveRun(HvScan *state)
{
	HvSearchRest(&state->search);
	take_rows_in_hand(state);
	take_candidates(state);
	state->complete = true;
}
