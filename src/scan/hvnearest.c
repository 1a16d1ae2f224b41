/*-------------------------------------------------------------------------
 *
 * hvnearest.c
 *	  The next nearest row of a scan: how far to read and to measure first.
 *
 * NOTES
 *	  Before the next row can be taken, the scan
 *
 *	  1. reads leaves until as many were read as the sizing rule wants for a row
 *		 of this rank;
 *	  2. reranks candidates until none is left whose lower bound is below the
 *		 exact distance of the nearest row that was not taken.
 *
 *	  When all measured rows are taken it goes on with more leaves, to the last
 *	  one of the index.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvnearest.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "miscadmin.h"

#include "arithmetic/hvspace.h"
#include "scan/hvnearest.h"
#include "scan/hvrerank.h"

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

int
HvNearestToKnow(const HvScan *state)
{
	return (int) Min(Max(state->rows_wanted, HvCurveRank(0)), HV_REORDER_MOST_NEAREST);
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

/*
 * Tuples met for each of the nearest rows, of those that are visible and satisfy
 * the conditions.  When they were found counts, not how many there have been
 * since: where rows that pass begin far from the query, the nearest of them are
 * as far away as all that was met before.
 */
static double
tuples_a_row(const HvScan *state, double rank)
{
	return HvSearchTuplesFor(&state->search, rank) / rank *
		Max((double) state->fetched / Max(state->visible, 1), 1);
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
	HvSizingSetTuples(&state->search.sizing, tuples_a_row(state, rank));
	size_goals(state, rank);
	goal = state->sizes;
	if (goal.stop == 0)
		return goal;
	if (sent < HvNearestToKnow(state))
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

bool
HvNearestTake(void *scan_state, HvRow *row)
{
	HvScan	   *state = scan_state;

	state->everything_first |= state->batch.limit.all;
	prepare_next_row(state);
	if (!HvReorderTake(&state->order, row))
		return false;
	count(state, &state->sent, HV_ROWS_SENT, 1);
	return true;
}

bool
HvNearestInAnyOrder(HvScan *state, uint64 *id)
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
