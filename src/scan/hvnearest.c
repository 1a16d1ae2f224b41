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
#include "scan/hvexhaustive.h"
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

/*
 * Standard errors that estimates of rows within a bound may be beyond it, if that
 * is more than the margin.  That of the curve is for the k-th nearest row, which
 * the rows before it are farther from than those within a bound are from the
 * bound.  See doc/decisions.md, "Bounds on the distance".
 */
#define BOUND_MARGIN	1.2f

/* rows within a bound that are looked for, for each that was found */
#define MORE_WITHIN		1.25

/*
 * Leaves, or a share of those before them, that are read in vain before it is
 * taken that few rows within a bound are left; in vain: less than so many times as
 * many rows.
 */
#define YIELD_LEAVES	2
#define LEAST_YIELD		1.05

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

/* Are all rows within the bound wanted? */
static bool
wants_all_within(const HvScan *state)
{
	return state->batch.limit.all && HvBoundExists(&state->bound);
}

/* An exact distance as a squared distance in the tree space. */
static double
square_of(const HvScan *state, double distance)
{
	return HvSpaceSquareOf(&state->search.index->space, distance, state->query_norm);
}

/*
 * The largest lower bound that a row within the bound of the query is expected
 * to have, INFINITY without one.  The row is taken to be as long as the query.
 */
static double
bound_key(const HvScan *state)
{
	const HvSearch *search = &state->search;
	const HvQueryCode *code;
	float		per_root;

	if (!HvBoundExists(&state->bound) || search->prepared == NULL)
		return INFINITY;
	code = &search->prepared->code;
	if (HvCodeHoldsValues(code->bits))
		return state->bound.square;
	per_root = Max(BOUND_MARGIN - search->scorer.margin, 0) * 2 * HV_PLANES_ERROR /
		sqrtf(code->bits);
	return 2 * state->bound.square -
		HvLowerBound(code, code->norm2, state->bound.square, per_root);
}

/*
 * What lower bounds are compared with: the nearest row that was not taken, or
 * the bound of the query.
 */
static double
current_bound(const HvScan *state)
{
	const HvRow *nearest = HvReorderNearest(&state->order);

	if (state->everything_first)
		return INFINITY;
	if (nearest == NULL || isnan(nearest->distance) || state->search.sizing.rerank > 0)
		return bound_key(state) + state->slack;
	return Min(square_of(state, nearest->distance), bound_key(state)) + state->slack;
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

/* Adds a row that was measured, unless it is beyond the bound of the query. */
static void
add_row(HvScan *state, const HvRow *row)
{
	if (HvBoundExists(&state->bound) && !(row->distance <= state->bound.distance))
		return;
	state->within++;
	if (HvReorderAdd(&state->order, row))
		learn_from_late_row(state, row);
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
	double		wanted = wants_all_within(state) ? state->within : state->rows_wanted;
	int			max = (int) Min(Max(MIN_WINDOW, Max(state->sent, wanted) / 4), MAX_WINDOW);
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
		add_row(state, &state->rows[i]);
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
	/* a query looks easy if few rows are within its bound, and if it is tight */
	state->sizes.least = HvBoundExists(&state->bound) ?
		HvSizingExpectedLeaves(sizing, Min(rank, state->within + 1)) :
		HvSizingLeast(HvSizingWanted(sizing, rank));
	state->sizes.stop = state->parallel ? 0 : HvSizingStop(sizing, rank);
}

/*
 * The rank that goals are for: that of the next row, or of the last one that is
 * wanted.  A query with a bound wants no more than the rows within it.  It is not
 * known how many they are: in leaves that hold nothing else there are always
 * more than have been found.
 */
static double
rank_wanted(HvScan *state, double sent)
{
	HvSizing   *sizing = &state->search.sizing;
	double		rank = wants_all_within(state) ? INFINITY : state->rows_wanted;

	if (HvBoundExists(&state->bound))
	{
		rank = Min(rank, state->within * MORE_WITHIN + HvCurveRank(0));
		/* these rows were announced */
		if (state->batch.rest == NULL)
			sizing->rows = Max(sizing->rows, rank);
	}
	return Max(sent + 1, rank);
}

/*
 * Are more rows within the bound needed than are known?  Of these, some did not
 * pass the filter.
 */
static bool
needs_more_within(const HvScan *state)
{
	return HvBoundExists(&state->bound) &&
		(state->batch.limit.all ||
		 state->within - (state->sent - state->batch.kept) < state->rows_wanted);
}

/*
 * How many leaves are read at least while they bring rows within the bound.  From
 * the rows found so far it cannot be told how many there are where leaves are far
 * apart, or have nothing but rows within it.
 */
static int
leaves_while_they_yield(HvScan *state)
{
	int			read = HvSearchLeaves(&state->search);

	if (state->within > state->yield_rows * LEAST_YIELD)
	{
		state->yield_rows = state->within;
		state->yield_leaves = read;
	}
	return state->yield_leaves + Max(read / STEP_SHARE, YIELD_LEAVES);
}

/*
 * The farthest of the nearest rows that the query wants, or of the nearest ten
 * where that is unknown; for the rows beyond those, the one that would be taken
 * next.  In any case no farther than the bound of the query.  INFINITY where
 * that is not known yet, NaN where it is not known any more.
 */
static double
near_square(const HvScan *state, double sent)
{
	double		bound = bound_key(state);
	double		near;

	if (wants_all_within(state))
		return bound;
	if (sent < HvNearestToKnow(state))
		near = HvReorderFarthest(&state->order);
	else if (HvReorderHasNumber(&state->order))
		near = HvReorderNearest(&state->order)->distance;
	else
		return HvBoundExists(&state->bound) ? bound : NAN;
	return isfinite(near) ? Min(square_of(state, near), bound) : bound;
}

/*
 * How many leaves are read before the next row is taken, and how near they
 * must be.
 */
static HvGoal
next_goal(HvScan *state)
{
	double		sent = sent_by_all(state);
	double		rank;
	HvGoal		goal = {.leaves = INT_MAX};

	Assert(state->started);
	if (state->everything_first)
		return goal;
	rank = rank_wanted(state, sent);
	HvSizingSetTuples(&state->search.sizing, tuples_a_row(state, rank));
	size_goals(state, rank);
	goal = state->sizes;
	if (needs_more_within(state))
		goal.leaves = Max(goal.leaves, leaves_while_they_yield(state));
	if (goal.stop > 0 || HvBoundExists(&state->bound))
		goal.near = near_square(state, sent);
	if (isnan(goal.near))
		goal.stop = goal.near = 0;
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

	if (goal.stop > 0 || needs_more_within(state))
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

	while (!state->ended && !HvExhaustiveIsDue(state) && !is_cut_short(state))
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
		if (HvBoundExists(&state->bound))
		{
			/* nothing nearer can follow */
			state->ended = true;
			break;
		}
		HvSearchVisit(search, HvSearchLeaves(search) + Max(search->leaves_read, 1));
	}
}

bool
HvNearestTake(void *scan_state, HvRow *row)
{
	HvScan	   *state = scan_state;

	if (!state->complete)
	{
		state->everything_first |= state->batch.limit.all && !HvBoundExists(&state->bound);
		prepare_next_row(state);
		if (HvExhaustiveIsDue(state))
			HvExhaustiveRun(state);
	}
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
