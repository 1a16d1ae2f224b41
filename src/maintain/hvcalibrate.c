/*-------------------------------------------------------------------------
 *
 * hvcalibrate.c
 *	  An index measures how far its scans must look.
 *
 * NOTES
 *	  Some rows are traced as queries (hvtracesample.h).  For each number of
 *	  rows that is measured, ten, a hundred and a thousand, scans with many
 *	  margins and numbers of leaves are replayed on the traces (hvreplay.h).  A
 *	  small margin loses neighbours and saves rows that are fetched, and more
 *	  leaves must make up for what it loses; a scan that may read more leaves,
 *	  but stops before one that is too far, reads fewer on the average for the
 *	  same recall.  Where it stops depends on what it has found after each
 *	  number of leaves, so all distances to stop at are tried without further
 *	  replays.  For each target of recall the cheapest of all these is taken.
 *
 *	  The queries come from the seed of the index, so that the same index
 *	  measures the same.
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
#include "tree/hvsizing.h"

/*
 * Microseconds: a leaf, a row whose vector is stored in it, one whose vector
 * is in TOAST (bench/README.md).  Their ratio is all that counts.
 */
#define LEAF_COST		1.5
#define ROW_COST		0.8
#define TOASTED_ROW_COST 5.5

/* an index is measured again when it is so much larger or smaller, */
#define DUE_GROWTH		1.25
/*
 * or when so many of its leaves have been split, merged or recentered: one in
 */
#define DUE_CHANGES		4

/* a curve of given queries changes by so much at a time */
#define MOST_CHANGE		4.0

/* numbers of leaves that are tried: all of them up to here, then by a factor */
#define ALL_LEAVES		8
#define LEAF_STEP		1.3
#define MOST_STEPS		40

/*
 * Recall is aimed at a little above the target, rather than below, but by no
 * more than a quarter of what may be missed: the rows that measure are not the
 * queries to come.
 */
#define ABOVE			0.01

/*
 * The share of what may be missed that bounds may lose.  Where they lose
 * nearly all of it, many leaves must make up for it, and how many is a matter
 * of chance.
 */
#define BOUNDS_SHARE	0.5

static const float margins[] = {0.4f, 0.8f, 1.2f, 1.6f, 2.0f, 2.4f, 2.7f};

#define NMARGINS	((int) lengthof(margins))

/*
 * a distance to stop at with which a scan never does: 0 would be an older
 * curve
 */
#define NEVER			0.001f

/*
 * .3 to .85 are taken by fashion-mnist, .5 to 1 by text, .9 to 1.3 by
 * generated sets
 */
static const float stops[] = {
	NEVER, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.75f, 0.8f, 0.85f, 0.9f, 0.95f, 1.0f, 1.05f, 1.1f,
	1.2f, 1.3f
};

#define NSTOPS	((int) lengthof(stops))

/* what a scan, or many on the average, find and take */
typedef struct Try
{
	float		leaves;
	float		recall;
	float		fetches;
} Try;

/* the cheapest way to reach a target that was found so far */
typedef struct CurvePlan
{
	bool		reaches;
	double		recall;
	double		cost;			/* 0 = there is none */
	HvCurvePoint point;
} CurvePlan;

/* what a metapage says of it */
typedef struct Measured
{
	HvCurve		curve;
	HvCurveOrigin origin;
} Measured;

typedef struct Calibration
{
	HvProgress *progress;
	HvTraceSample set;
	HvReplay	replays[HV_MOST_TRACES];
	double		row_cost;
	CurvePlan	plans[HV_CURVE_TARGETS][HV_CURVE_RANKS];

	/* of the current rank */
	int			rank;
	int			count;			/* traces */
	int			steps;
	int			leaves[MOST_STEPS]; /* that are tried */
	/* of the current margin */
	Try			tries[MOST_STEPS][HV_MOST_TRACES];
	float		near[MOST_STEPS][HV_MOST_TRACES];	/* of HvReplayResult */
	float		arrivals[HV_MOST_TRACES];	/* in steps, with the current stop */
} Calibration;

/* Plans ------------------------------------------------------------------- */

/* Fills the numbers of leaves to be tried. */
static void
choose_steps(Calibration *work)
{
	double		most = work->set.widths[work->rank];

	work->steps = 0;
	for (double leaves = 1; work->steps < MOST_STEPS - 1 && leaves < most;)
	{
		work->leaves[work->steps++] = (int) leaves;
		leaves = leaves < ALL_LEAVES ? leaves + 1 : ceil(leaves * LEAF_STEP);
	}
	work->leaves[work->steps++] = (int) most;
	Assert(work->steps <= MOST_STEPS);
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

/* Replays scans with all numbers of leaves. */
static void
try_margin(Calibration *work, float margin)
{
	int			rows = (int) HvCurveRank(work->rank);

	for (int t = 0; t < work->count; t++)
	{
		CHECK_FOR_INTERRUPTS();
		HvReplaySetMargin(&work->replays[t], margin);
		for (int i = 0; i < work->steps; i++)
		{
			HvReplayResult result = HvReplayScan(&work->replays[t], rows, work->leaves[i]);

			work->tries[i][t].leaves = work->leaves[i];
			work->tries[i][t].recall = (float) result.recall;
			work->tries[i][t].fetches = (float) result.fetches;
			work->near[i][t] = (float) result.near;
		}
		HvProgressCount(work->progress, HV_PROGRESS_TUPLES, 1);
	}
}

/*
 * After how many leaves, in steps, does the scan of a trace stop?
 * (HvSizingHasArrived)
 */
static float
arrival_of(const Calibration *work, int t, double stop)
{
	const HvTrace *trace = work->replays[t].trace;

	for (int i = 0; i < work->steps - 1; i++)
	{
		for (int read = work->leaves[i]; read < Min(work->leaves[i + 1], trace->nleaves); read++)
		{
			if (HvSizingHasArrived(stop, trace->distances[read], work->near[i][t]))
				return step_of(work, read);
		}
	}
	return work->steps - 1;
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

/*
 * The mean of scans that read so many leaves at most, and stop where they may.
 */
static Try
mean_try(const Calibration *work, int step)
{
	Try			sum = {0};
	float		least = step_of(work, (int) ceil(HvSizingLeast(work->leaves[step])));

	for (int t = 0; t < work->count; t++)
	{
		float		at = Min(Max(work->arrivals[t], least), step);
		int			i = (int) at;
		Try			one = work->tries[i][t];

		if (at > i)
			one = mix(one, work->tries[i + 1][t], at - i);
		sum.leaves += one.leaves;
		sum.recall += one.recall;
		sum.fetches += one.fetches;
	}
	sum.leaves /= work->count;
	sum.recall /= work->count;
	sum.fetches /= work->count;
	return sum;
}

/*
 * Takes the fewest leaves with which a margin and a distance to stop at reach
 * the target, if that is cheaper than the plan; "means" are of all steps.
 * While nothing reaches it, what comes nearest is the plan.
 */
static void
consider_plan(const Calibration *work, const Try *means, float margin, float stop,
			  double target, CurvePlan *plan)
{
	int			i = 0;
	double		leaves;
	double		cost;
	bool		reaches;
	Try			at;

	while (i < work->steps - 1 && means[i].recall < target)
		i++;
	at = means[i];
	leaves = work->leaves[i];
	reaches = at.recall >= target;
	if (reaches && i > 0)
	{
		float		share = (target - means[i - 1].recall) / (at.recall - means[i - 1].recall);

		at = mix(means[i - 1], at, share);
		leaves = work->leaves[i - 1] + share * (leaves - work->leaves[i - 1]);
	}
	cost = at.leaves * LEAF_COST + at.fetches * work->row_cost;
	if (plan->cost > 0 && (plan->reaches != reaches ? plan->reaches :
						   reaches ? plan->cost <= cost : plan->recall >= at.recall))
		return;
	plan->reaches = reaches;
	plan->recall = at.recall;
	plan->cost = cost;
	plan->point = (HvCurvePoint)
	{
		.margin = margin, .stop = stop, .leaves = leaves, .read = at.leaves, .fetches = at.fetches
	};
}

/* Makes the plans of a rank. */
static void
plan_rank(Calibration *work, int rank)
{
	work->rank = rank;
	work->count = work->set.counts[rank];
	choose_steps(work);
	for (int m = 0; m < NMARGINS; m++)
	{
		double		most = 1;	/* recall that the margin can reach */

		try_margin(work, margins[m]);
		for (int s = 0; s < NSTOPS; s++)
		{
			Try			means[MOST_STEPS];

			for (int t = 0; t < work->count; t++)
				work->arrivals[t] = arrival_of(work, t, stops[s]);
			for (int i = 0; i < work->steps; i++)
				means[i] = mean_try(work, i);
			if (stops[s] == NEVER)
				most = means[work->steps - 1].recall;
			for (int t = 0; t < HV_CURVE_TARGETS; t++)
			{
				double		target = HvCurveTarget(t);

				if (m < NMARGINS - 1 && 1 - most > BOUNDS_SHARE * (1 - target))
					continue;
				consider_plan(work, means, margins[m], stops[s],
							  target + Min(ABOVE, (1 - target) / 4), &work->plans[t][rank]);
			}
		}
	}
}

/*
 * Makes all plans; false where the codes of this data do not lead to its
 * neighbours at all.  Then nothing that is measured means much.
 */
static bool
make_plans(Calibration *work)
{
	int64		replays = 0;

	if (work->set.count < HV_LEAST_QUERIES || work->set.counts[HV_CURVE_RANKS - 1] == 0)
		return false;
	for (int t = 0; t < work->set.count; t++)
		HvReplayInit(&work->replays[t], &work->set.traces[t]);
	for (int rank = 0; rank < HV_CURVE_RANKS; rank++)
		replays += NMARGINS * work->set.counts[rank];
	HvProgressBegin(work->progress, HV_PHASE_CALIBRATE, replays, 0);
	for (int rank = 0; rank < HV_CURVE_RANKS; rank++)
		plan_rank(work, rank);
	return work->plans[0][0].reaches;
}

/* Calibration ------------------------------------------------------------- */

/* The mean of the leaves that a rank takes, over all targets. */
static float
mean_leaves(const HvCurve *curve, int rank)
{
	double		sum = 0;

	for (int t = 0; t < HV_CURVE_TARGETS; t++)
		sum += log(curve->points[t][rank].leaves);
	return (float) exp(sum / HV_CURVE_TARGETS);
}

/*
 * Measures the index with given queries, or with rows of its own if that is NULL.
 * False where nothing can be measured.
 */
static bool
measure(Relation heap, HvIndex *index, const HvGivenQueries *given, HvProgress *progress,
		Measured *result)
{
	Calibration *work = palloc0(sizeof(Calibration));
	HvCurve    *curve = &result->curve;
	HvHeap	   *rows = HvHeapBeginAll(heap, index->relation, CurrentMemoryContext);

	memset(result, 0, sizeof(Measured));
	work->progress = progress;
	work->row_cost = index->meta.dim * sizeof(float) > TOAST_TUPLE_THRESHOLD ?
		TOASTED_ROW_COST : ROW_COST;
	HvTraceSampleMake(&work->set, index, rows, given, progress);
	HvHeapEnd(rows);
	if (!make_plans(work))
		return false;
	curve->queries = work->set.count;
	curve->leaves = index->meta.leaves;
	curve->seq = index->meta.seq;
	curve->rows = index->meta.rows;
	result->origin.source = given ? HV_CURVE_GIVEN : HV_CURVE_ROWS;
	for (int rank = 0; rank < HV_CURVE_RANKS; rank++)
	{
		for (int t = 0; t < HV_CURVE_TARGETS; t++)
			curve->points[t][rank] = work->plans[t][rank].point;
		result->origin.queries[rank] = (uint16) work->set.counts[rank];
		result->origin.row_leaves[rank] = mean_leaves(curve, rank);
	}
	return true;
}

/*
 * Queries that were given are not there any more, and rows may be quite unlike
 * them.  So their curve stays, and its leaves change as those have that rows take.
 */
static void
keep_given(const HvMetaData *meta, Measured *result)
{
	const HvCurveOrigin *before = &meta->curve_origin;

	for (int rank = 0; rank < HV_CURVE_RANKS; rank++)
	{
		double		change = before->row_leaves[rank] > 0 ?
			result->origin.row_leaves[rank] / before->row_leaves[rank] : 1;

		change = Min(Max(change, 1 / MOST_CHANGE), MOST_CHANGE);
		for (int t = 0; t < HV_CURVE_TARGETS; t++)
		{
			HvCurvePoint point = meta->curve.points[t][rank];

			point.leaves = Min(Max(point.leaves * change, 1), HV_CURVE_MOST_LEAVES);
			point.read = Min(Max(point.read * change, 1), point.leaves);
			result->curve.points[t][rank] = point;
		}
		result->origin.queries[rank] = before->queries[rank];
	}
	result->curve.queries = meta->curve.queries;
	result->origin.source = HV_CURVE_GIVEN;
}

static void
store(HvIndex *index, const Measured *result)
{
	HV_DEBUG_POINT("calibrated");
	HvMetaSetCurve(index->relation, &result->curve, &result->origin);
}

static MemoryContext
begin_context(void)
{
	return MemoryContextSwitchTo(AllocSetContextCreate(CurrentMemoryContext, "hvtree calibration",
													   ALLOCSET_DEFAULT_SIZES));
}

static void
end_context(MemoryContext old)
{
	MemoryContext context = MemoryContextSwitchTo(old);

	MemoryContextDelete(context);
}

/* A tree of one page is scanned exactly, and an empty index is not scanned. */
static bool
has_leaves(const HvMetaData *meta)
{
	return meta->dim > 0 && meta->height > 0;
}

void
HvCalibrate(Relation heap, Relation relation, HvProgress *progress)
{
	MemoryContext old = begin_context();
	HvIndex    *index = HvIndexOpen(relation);
	Measured	result;

	if (has_leaves(&index->meta) && measure(heap, index, NULL, progress, &result))
		store(index, &result);
	end_context(old);
}

/* Has the index changed much since it was measured? */
static bool
is_due(const HvMetaData *meta)
{
	const HvCurve *curve = &meta->curve;

	return curve->queries == 0 ||
		meta->rows > DUE_GROWTH * curve->rows || meta->rows < curve->rows / DUE_GROWTH ||
		meta->seq - curve->seq > meta->leaves / DUE_CHANGES;
}

void
HvCalibrateIfDue(Relation heap, Relation relation)
{
	MemoryContext old = begin_context();
	HvIndex    *index = HvIndexOpen(relation);
	Measured	result;

	if (has_leaves(&index->meta) && is_due(&index->meta) &&
		measure(heap, index, NULL, NULL, &result))
	{
		if (index->meta.curve.queries > 0 && index->meta.curve_origin.source == HV_CURVE_GIVEN)
			keep_given(&index->meta, &result);
		store(index, &result);
	}
	end_context(old);
}

HvCalibrated
HvCalibrateWith(Relation heap, Relation relation, const HvGivenQueries *given, int *queries)
{
	MemoryContext old = begin_context();
	HvIndex    *index = HvIndexOpen(relation);
	Measured	rows;
	Measured	result;
	HvCalibrated outcome = HV_CALIBRATED_NOT;

	*queries = 0;
	if (!has_leaves(&index->meta))
		outcome = HV_CALIBRATED_NEEDLESS;
	else if (measure(heap, index, NULL, NULL, &rows))
	{
		result = rows;
		if (given == NULL || measure(heap, index, given, NULL, &result))
			outcome = HV_CALIBRATED;
	}
	if (outcome == HV_CALIBRATED)
	{
		memcpy(result.origin.row_leaves, rows.origin.row_leaves, sizeof(rows.origin.row_leaves));
		store(index, &result);
		*queries = result.curve.queries;
	}
	end_context(old);
	return outcome;
}
