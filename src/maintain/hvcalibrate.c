/*-------------------------------------------------------------------------
 *
 * hvcalibrate.c
 *	  An index measures how far its scans must look.
 *
 * NOTES
 *	  Some rows are traced as queries (hvtracesample.h).  Then scans with many margins and
 *	  numbers of leaves are replayed on the traces (hvreplay.h): first how many
 *	  leaves each margin needs for ten rows, then, with those, how many for a
 *	  hundred.  For each target the margin is taken with which both are cheapest
 *	  together: a small margin loses neighbours and saves rows that are fetched,
 *	  and what it loses must be won by more leaves.
 *
 *	  Scans that may read more leaves, but stop before one that is too far, read
 *	  fewer on the average for the same recall.  Where scans of ten rows stop is a matter
 *	  of the trace alone (HvReplayArrival), and what they have found by then was
 *	  replayed for all numbers of leaves, so that all distances to stop at can be tried
 *	  without further replays.  For a hundred rows, which go on from one such place to
 *	  the next, only the plan that is taken is tried with some.
 *
 *	  The queries come from the seed of the index, so that the same index measures
 *	  the same.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvcalibrate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/heaptoast.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "maintain/hvcalibrate.h"
#include "maintain/hvreplay.h"
#include "maintain/hvtracesample.h"
#include "page/hvcompat.h"
#include "storage/hvdebug.h"

/* fewer traces than this tell nothing */
#define LEAST_QUERIES	8

/*
 * Microseconds: a leaf, a row whose vector stands in it, one whose vector is in
 * TOAST (bench/README.md).  Their ratio is all that counts.
 */
#define LEAF_COST		1.5
#define ROW_COST		0.8
#define TOASTED_ROW_COST 5.5

/* an index is measured again when it is so much larger or smaller, */
#define DUE_GROWTH		1.25
/* or when so many of its leaves have been split, merged or settled: one in */
#define DUE_CHANGES		4

/* numbers of leaves that are tried: all of them up to here, then by a factor */
#define ALL_LEAVES		8
#define LEAF_STEP		1.3
#define MOST_STEPS		40

/* halvings of the range that the leaves for a hundred rows are sought in */
#define HALVINGS		5

/* distances that scans of a hundred rows may stop at, and leaves they may read more */
#define LEAST_STOP		0.3
#define MOST_STOP		1.6
#define MORE_LEAVES		2

/* a margin that makes ten rows dearer than this is not tried for a hundred */
#define DEAR			1.15

/*
 * Recall is aimed at a little above the target, rather than below: then five sets were
 * .002 below to .015 above it on the average.  Not so for a hundred rows where the target
 * is high: there bounds are what loses them.  Neither by more than a quarter of what may
 * be missed.
 */
#define ABOVE			0.005
#define HIGH_TARGET		0.96
#define BELOW_HIGH		0.0025

static const float margins[] = {0.4f, 0.8f, 1.2f, 1.6f, 2.0f, 2.4f, 2.7f};

#define NMARGINS	((int) lengthof(margins))

/* a distance to stop at with which a scan never does: 0 would be an older curve */
#define NEVER			0.001

/* .3 to .85 are taken by fashion-mnist, .5 to 1 by text, .9 to 1.3 by generated sets */
static const float stops[] = {
	NEVER, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.75f, 0.8f, 0.85f, 0.9f, 0.95f, 1.0f, 1.05f, 1.1f,
	1.2f, 1.3f
};

#define NSTOPS	((int) lengthof(stops))

/* what a scan of ten rows, or many on the average, find and take */
typedef struct Try
{
	float		leaves;
	float		recall;
	float		fetches;
} Try;

/* what a plan of one target and margin reaches and costs */
typedef struct CurvePlan
{
	bool		reaches;
	HvCurvePoint point;
	double		cost[HV_CURVE_RANKS];
} CurvePlan;

typedef struct Calibration
{
	HvIndex    *index;
	HvTraceSample set;
	double		row_cost;
	int			steps;
	int			leaves[MOST_STEPS]; /* that are tried */
	Try			tries[MOST_STEPS][HV_MOST_TRACES]; /* with the margin at hand */
	float		arrivals[NSTOPS][HV_MOST_TRACES];	/* in steps, where scans stop */
	CurvePlan	plans[HV_CURVE_TARGETS][NMARGINS];
	CurvePlan  *best[HV_CURVE_TARGETS];
} Calibration;

/* Plans ----------------------------------------------------------------------- */

/* Sizes of a scan that is replayed: so many leaves at most for ten rows, and for a hundred. */
static HvSizing
sizing_of(double ten, double hundred)
{
	HvSizing	sizing = {.measured = true, .rerank = -1};

	sizing.leaves[0] = ten;
	sizing.leaves[1] = hundred;
	return sizing;
}

/* The same of a plan, but for what a hundred rows take. */
static HvSizing
sizing_of_plan(const CurvePlan *plan, double hundred, double stop_many)
{
	HvSizing	sizing = sizing_of(plan->point.leaves[0], hundred);

	sizing.stop[0] = plan->point.stop;
	sizing.stop[1] = stop_many;
	return sizing;
}

static double
cost_of(const Calibration *work, double leaves, double fetches)
{
	return leaves * LEAF_COST + fetches * work->row_cost;
}

/* Fills the numbers of leaves to be tried. */
static void
choose_steps(Calibration *work)
{
	double		most = work->set.width;

	work->steps = 0;
	for (double leaves = 1; work->steps < MOST_STEPS - 1 && leaves < most;)
	{
		work->leaves[work->steps++] = (int) leaves;
		leaves = leaves < ALL_LEAVES ? leaves + 1 : ceil(leaves * LEAF_STEP);
	}
	work->leaves[work->steps++] = (int) most;
}

/* Where a number of leaves lies among the steps, counted from 0. */
static float
step_of(const Calibration *work, int leaves)
{
	int			i = 0;

	while (i < work->steps - 1 && work->leaves[i + 1] <= leaves)
		i++;
	if (i == work->steps - 1 || leaves <= work->leaves[i])
		return i;
	return i + (float) (leaves - work->leaves[i]) / (work->leaves[i + 1] - work->leaves[i]);
}

/* Finds out where scans of ten rows stop, for each distance to stop at. */
static void
find_arrivals(Calibration *work, const HvReplay *replay)
{
	for (int s = 0; s < NSTOPS; s++)
	{
		for (int t = 0; t < work->set.count; t++)
			work->arrivals[s][t] = step_of(work, HvReplayArrival(replay, t, stops[s]));
	}
}

/* Replays scans of ten rows with all numbers of leaves. */
static void
try_few(Calibration *work, HvReplay *replay)
{
	for (int i = 0; i < work->steps; i++)
	{
		HvSizing	sizing = sizing_of(work->leaves[i], work->leaves[i]);

		HvReplaySetSizing(replay, &sizing);
		for (int t = 0; t < work->set.count; t++)
		{
			HvReplayResult result = {0};

			CHECK_FOR_INTERRUPTS();
			HvReplayScan(replay, t, 0, &result);
			work->tries[i][t].leaves = work->leaves[i];
			work->tries[i][t].recall = (float) result.recall[0];
			work->tries[i][t].fetches = (float) result.fetches[0];
		}
	}
}

/* between two tries, or their sums */
static Try
mix(Try a, Try b, float share)
{
	a.leaves += share * (b.leaves - a.leaves);
	a.recall += share * (b.recall - a.recall);
	a.fetches += share * (b.fetches - a.fetches);
	return a;
}

/* The mean of scans of ten rows that read so many leaves at most. */
static Try
mean_try(const Calibration *work, int s, int step)
{
	Try			sum = {0};
	HvSizing	sizing = sizing_of(work->leaves[step], 0);
	float		least = step_of(work, (int) ceil(HvSizingLeast(&sizing)));

	for (int t = 0; t < work->set.count; t++)
	{
		float		at = Min(Max(work->arrivals[s][t], least), step);
		int			i = (int) at;
		Try			one = work->tries[i][t];

		if (at > i)
			one = mix(one, work->tries[i + 1][t], at - i);
		sum.leaves += one.leaves;
		sum.recall += one.recall;
		sum.fetches += one.fetches;
	}
	sum.leaves /= work->set.count;
	sum.recall /= work->set.count;
	sum.fetches /= work->set.count;
	return sum;
}

/*
 * Completes a plan of ten rows with the fewest leaves that reach the target with a
 * distance to stop at, if these are cheaper than what it has; "means" are of all steps.
 */
static void
consider_stop(const Calibration *work, const Try *means, int s, double target, CurvePlan *plan)
{
	int			i = 0;
	float		share = 0;
	Try			at;
	double		cost;

	while (i < work->steps - 1 && means[i].recall < target)
		i++;
	at = means[i];
	if (i > 0 && at.recall >= target)
	{
		share = (target - means[i - 1].recall) / (at.recall - means[i - 1].recall);
		at = mix(means[i - 1], at, share);
	}
	cost = cost_of(work, at.leaves, at.fetches);
	if (means[i].recall < target && (s > 0 || plan->reaches))
		return;
	if (plan->cost[0] > 0 && cost >= plan->cost[0])
		return;
	plan->reaches = means[i].recall >= target;
	plan->cost[0] = cost;
	plan->point.stop = stops[s];
	plan->point.read = at.leaves;
	plan->point.leaves[0] = i > 0 && share > 0 ?
		work->leaves[i - 1] + share * (work->leaves[i] - work->leaves[i - 1]) : work->leaves[i];
	plan->point.fetches[0] = at.fetches;
}

/* Makes the plans of one margin for ten rows. */
static void
plan_few(Calibration *work, HvReplay *replay, int m)
{
	HvReplaySetMargin(replay, margins[m]);
	try_few(work, replay);
	for (int t = 0; t < HV_CURVE_TARGETS; t++)
		work->plans[t][m].point.margin = margins[m];
	for (int s = 0; s < NSTOPS; s++)
	{
		Try			means[MOST_STEPS];

		for (int i = 0; i < work->steps; i++)
			means[i] = mean_try(work, s, i);
		for (int t = 0; t < HV_CURVE_TARGETS; t++)
		{
			double		target = HvCurveTarget(t);

			consider_stop(work, means, s, target + Min(ABOVE, (1 - target) / 4),
						  &work->plans[t][m]);
		}
	}
}

/* The recall to be aimed at with a hundred rows. */
static double
enough_of_many(double target)
{
	return target + (target < HIGH_TARGET ? ABOVE : -Min(BELOW_HIGH, (1 - target) / 4));
}

/*
 * Completes a plan of the replay's margin with what a hundred rows take.  Bounds lose
 * more of a hundred rows than of ten; a margin that comes close to the target will
 * do, or ten rows would pay for the last one of a hundred: at .99 a third of what
 * they cost on fashion-mnist.
 */
static void
plan_many(Calibration *work, HvReplay *replay, double target, CurvePlan *plan)
{
	double		enough = enough_of_many(target);
	double		low = plan->point.leaves[0];
	double		high = Max(work->leaves[work->steps - 1], low);
	HvReplayResult result;
	HvSizing	sizing = sizing_of_plan(plan, high, NEVER);

	HvReplayRun(replay, &sizing, 1, &result);
	plan->reaches &= result.recall[1] >= enough;
	for (int i = 0; plan->reaches && i < HALVINGS && high > low * 1.02; i++)
	{
		double		middle = sqrt(low * high);

		sizing = sizing_of_plan(plan, middle, NEVER);
		HvReplayRun(replay, &sizing, 1, &result);
		if (result.recall[1] >= enough)
			high = middle;
		else
			low = middle;
	}
	plan->point.leaves[1] = high;
	plan->point.stop_many = NEVER;
	plan->point.fetches[1] = result.fetches[1];
	plan->cost[1] = cost_of(work, result.leaves[1], result.fetches[1]);
}

/*
 * Lets scans of a hundred rows read MORE_LEAVES times as many at most, and stop at the
 * nearest distance that reaches the target, if that is cheaper.
 */
static void
plan_stop_of_many(Calibration *work, HvReplay *replay, double target, CurvePlan *plan)
{
	double		enough = enough_of_many(target);
	double		leaves = Min(MORE_LEAVES * plan->point.leaves[1],
							 Max(work->leaves[work->steps - 1], plan->point.leaves[0]));
	double		low = LEAST_STOP;
	double		high = MOST_STOP;

	for (int i = 0; i < HALVINGS; i++)
	{
		double		middle = sqrt(low * high);
		HvSizing	sizing = sizing_of_plan(plan, leaves, middle);
		HvReplayResult result;
		double		cost;

		HvReplayRun(replay, &sizing, 1, &result);
		cost = cost_of(work, result.leaves[1], result.fetches[1]);
		if (result.recall[1] < enough)
			high = middle;
		else
		{
			low = middle;
			if (cost < plan->cost[1])
			{
				plan->point.leaves[1] = leaves;
				plan->point.stop_many = middle;
				plan->point.fetches[1] = result.fetches[1];
				plan->cost[1] = cost;
			}
		}
	}
}

/* Is it worth while to see what this plan costs for a hundred rows? */
static bool
is_promising(const Calibration *work, int t, int m)
{
	double		best = INFINITY;

	for (int i = 0; i < NMARGINS; i++)
	{
		if (work->plans[t][i].reaches)
			best = Min(best, work->plans[t][i].cost[0]);
	}
	return work->plans[t][m].reaches && work->plans[t][m].cost[0] <= DEAR * best;
}

/*
 * Do the codes of this data lead to its neighbours at all?  Beside vectors a million times
 * as long as the rest they do not; then nothing that is measured means much.
 */
static bool
is_measurable(HvReplay *replay)
{
	HvSizing	sizing = sizing_of(HV_TRACE_WIDTH, HV_TRACE_WIDTH);
	HvReplayResult result;

	HvReplaySetMargin(replay, margins[NMARGINS - 1]);
	HvReplayRun(replay, &sizing, 0, &result);
	return result.recall[0] >= HvCurveTarget(0);
}

/* The cheapest complete plan of a target: ten rows and a hundred count alike.  Or NULL. */
static CurvePlan *
best_plan(Calibration *work, int t)
{
	CurvePlan  *plans = work->plans[t];
	CurvePlan  *best = NULL;
	double		ten = INFINITY;
	double		hundred = INFINITY;

	for (int m = 0; m < NMARGINS; m++)
	{
		if (!plans[m].reaches || plans[m].cost[1] == 0)
			continue;
		ten = Min(ten, plans[m].cost[0]);
		hundred = Min(hundred, plans[m].cost[1]);
	}
	for (int m = 0; m < NMARGINS; m++)
	{
		if (plans[m].reaches && plans[m].cost[1] > 0 &&
			(best == NULL || plans[m].cost[0] / ten + plans[m].cost[1] / hundred <
			 best->cost[0] / ten + best->cost[1] / hundred))
			best = &plans[m];
	}
	return best;
}

/* Makes the plans of all margins; false if nothing can be planned. */
static bool
make_plans(Calibration *work)
{
	HvReplay	replay;
	bool		promising[HV_CURVE_TARGETS][NMARGINS];

	choose_steps(work);
	HvReplayInit(&replay, work->set.traces, work->set.count);
	if (!is_measurable(&replay))
		return false;
	find_arrivals(work, &replay);
	for (int m = 0; m < NMARGINS; m++)
		plan_few(work, &replay, m);
	for (int t = 0; t < HV_CURVE_TARGETS; t++)
	{
		for (int m = 0; m < NMARGINS; m++)
			promising[t][m] = is_promising(work, t, m);
	}
	for (int m = 0; m < NMARGINS; m++)
	{
		HvReplaySetMargin(&replay, margins[m]);
		for (int t = 0; t < HV_CURVE_TARGETS; t++)
		{
			if (promising[t][m])
				plan_many(work, &replay, HvCurveTarget(t), &work->plans[t][m]);
		}
	}
	for (int t = 0; t < HV_CURVE_TARGETS; t++)
	{
		/* the least margin that is enough, or else the widest, where no promising one is */
		for (int m = 0; m < NMARGINS && best_plan(work, t) == NULL; m++)
		{
			if (promising[t][m])
				continue;
			HvReplaySetMargin(&replay, margins[m]);
			plan_many(work, &replay, HvCurveTarget(t), &work->plans[t][m]);
		}
		work->best[t] = best_plan(work, t);
		if (work->best[t] == NULL)
			work->best[t] = &work->plans[t][NMARGINS - 1];
		HvReplaySetMargin(&replay, work->best[t]->point.margin);
		plan_stop_of_many(work, &replay, HvCurveTarget(t), work->best[t]);
	}
	return true;
}

/* Calibration ----------------------------------------------------------------- */

static void
calibrate(Relation heap, HvIndex *index, MemoryContext context)
{
	Calibration *work = palloc0(sizeof(Calibration));
	HvCurve		curve = {0};
	HvHeap	   *rows;

	work->index = index;
	rows = HvHeapBeginAll(heap, index->relation, context);
	work->row_cost = index->meta.dim * sizeof(float) > TOAST_TUPLE_THRESHOLD ?
		TOASTED_ROW_COST : ROW_COST;
	HvTraceSampleMake(&work->set, index, rows);
	HvHeapEnd(rows);
	if (work->set.count < LEAST_QUERIES || !make_plans(work))
		return;
	curve.queries = work->set.count;
	curve.leaves = index->meta.leaves;
	curve.seq = index->meta.seq;
	curve.rows = index->meta.rows;
	for (int t = 0; t < HV_CURVE_TARGETS; t++)
		curve.points[t] = work->best[t]->point;
	HV_DEBUG_POINT("calibrated");
	HvMetaSetCurve(index->relation, &curve);
}

/* Calibrates, or only if that is due. */
static void
consider(Relation heap, Relation relation, bool always)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree calibration",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HvIndex    *index = HvIndexOpen(relation);
	const HvMetaData *meta = &index->meta;
	const HvCurve *curve = &meta->curve;
	bool		due = always || curve->queries == 0 ||
		meta->rows > DUE_GROWTH * curve->rows || meta->rows < curve->rows / DUE_GROWTH ||
		meta->seq - curve->seq > meta->leaves / DUE_CHANGES;

	if (due && meta->dim > 0 && meta->height > 0)
		calibrate(heap, index, context);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
HvCalibrate(Relation heap, Relation index)
{
	consider(heap, index, true);
}

void
HvCalibrateIfDue(Relation heap, Relation index)
{
	consider(heap, index, false);
}
