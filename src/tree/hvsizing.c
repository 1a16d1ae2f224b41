/*-------------------------------------------------------------------------
 *
 * hvsizing.c
 *	  How far a scan looks: the rules that scan and cost estimate share.
 *
 * NOTES
 *	  An index that has measured itself (hvcalibrate.h) knows how many leaves,
 *	  and which margin of the bounds, reach a recall.  What it has not measured
 *	  is interpolated: between two targets by the logarithm of what they may
 *	  miss, between two ranks by their logarithms.  Beyond its ends, and for an
 *	  index that was never measured, there are fixed rules.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvsizing.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "common/hashfn.h"

#include "tree/hvsizing.h"

/* the number of rows that the fixed rules are for */
#define BASE_ROWS		10.0

/* rows fetched for the first one: 16 to 18 on six sets, a window of hvscan.c */
#define FIRST_FETCHES	16.0

/* leaves, and the share of the most of them, that every scan reads */
#define LEAST_LEAVES	2.0
#define LEAST_SHARE		0.5

/*
 * The fewest leaves that a curve may ask for, at a target of 0.95 and more (one at
 * 0.9).  Where data falls into separate groups it asks for one or two, which is
 * right for queries like the rows; one from between the groups then finds nothing,
 * where four leaves find all.  They cost a few microseconds.
 */
#define FEWEST_LEAVES	4.0

/*
 * a scan that goes on beyond so many rows that were not announced has a filter
 */
#define FILTERED_ROWS	100.0

/*
 * Leaves for ten rows at a target of 0.95 where nothing was measured.  32
 * leaves give a recall@10 of .950 to .996 on six real sets and .972 on a
 * million generated vectors, 48 leaves .971 to .997 and .980.  The number does
 * not grow with the rows (twelve leaves hold .95 of that million's nearest).
 * Rows that form no clusters take more, which the metapage says (known_reach).
 */
#define AUTO_PROBES			40.0

/*
 * Standard errors that bounds are below the estimate, likewise.  Of ten rows
 * 1.9 loses .4 % at most and reranks 20 to 53 rows, 1.5 loses 1.2 % and
 * reranks 18 to 42; of a hundred rows 1.9 loses 1 %, 1.5 loses 3 %.
 */
#define MARGIN				1.7f

/*
 * The least margin with conditions.  Rows that pass and are far from the query are
 * all at about the same distance.
 */
#define CONDITIONS_MARGIN	1.2f

/* leaves for each further row: see fixed_leaves */
#define LEAVES_A_ROW		1.0

/* an index this many times as large as when it was measured may need more */
#define CURVE_GROWTH		4.0

/* standard errors more for every halving of what may be missed */
#define MARGIN_A_HALVING	0.3

/* beyond the last rank: leaves grow by no less than this power of the rows */
#define LEAST_POWER			0.5

/*
 * How much more it takes to miss less: 1 at a target of 0.95.  The exponent
 * fits the leaves that the same sets take for .90 to .99.
 */
static double
effort(double target)
{
	return pow(0.05 / (1.0 - target), 0.68);
}

/*
 * The square root fits what the nearest 1 to 100 rows need, which crowd into
 * few leaves.  A scan that goes on longer is being filtered, and the rows that
 * pass a filter may lie where few others do: it reads a leaf more for every
 * row it sends, which costs it a fifth of what fetching that row does.
 */
static double
fixed_leaves(double leaves, double rank, double k)
{
	return leaves * sqrt(Max(k, rank) / rank) + LEAVES_A_ROW * Max(k - rank, 0);
}

/* from a to b by share, by their logarithms: a, b > 0 */
static double
by_logarithm(double a, double b, double share)
{
	return exp(log(a) + share * (log(b) - log(a)));
}

static double
by_share(double a, double b, double share)
{
	return a + share * (b - a);
}

/* The point that lies so far on the way from one point to another. */
static HvCurvePoint
mix_points(const HvCurvePoint *a, const HvCurvePoint *b, double share)
{
	HvCurvePoint mixed;

	mixed.margin = by_share(a->margin, b->margin, share);
	mixed.stop = a->stop > 0 && b->stop > 0 ? by_share(a->stop, b->stop, share) : 0;
	mixed.leaves = by_logarithm(a->leaves, b->leaves, share);
	mixed.read = by_logarithm(a->read, b->read, share);
	mixed.fetches = by_logarithm(a->fetches, b->fetches, share);
	return mixed;
}

/*
 * Takes what a curve says for a target, or from its end on by the fixed rules.
 */
static void
read_curve(HvSizing *sizing, const HvCurve *curve, double target)
{
	double		within = Min(Max(target, HvCurveTarget(0)), HvCurveTarget(HV_CURVE_TARGETS - 1));
	double		more = effort(target) / effort(within);
	double		share;
	int			i = 0;

	while (i < HV_CURVE_TARGETS - 2 && HvCurveTarget(i + 1) < within)
		i++;
	share = log((1 - within) / (1 - HvCurveTarget(i))) /
		log((1 - HvCurveTarget(i + 1)) / (1 - HvCurveTarget(i)));
	for (int rank = 0; rank < HV_CURVE_RANKS; rank++)
	{
		HvCurvePoint *point = &sizing->at[rank];

		*point = mix_points(&curve->points[i][rank], &curve->points[i + 1][rank], share);
		point->margin += MARGIN_A_HALVING * Max(log2((1 - within) / (1 - target)), 0);
		point->leaves *= more;
		point->read *= more;
		if (target > within)
			point->stop = 0;
	}
}

/*
 * Leaves for so many times the last rank, of which those for that are known: by
 * a power, but no fewer than the further rows fill.
 */
static double
beyond_end(const HvSizing *sizing, double leaves, double times)
{
	double		further = (times - 1) * HvCurveRank(HV_CURVE_RANKS - 1);

	if (sizing->leaf_tuples < 1)
		return leaves * pow(times, sizing->power);
	return Max(leaves * pow(times, sizing->power), leaves + further / sizing->leaf_tuples);
}

/* The point for a rank, between or beyond those that were measured. */
static HvCurvePoint
point_of_rank(const HvSizing *sizing, double k)
{
	const HvCurvePoint *last = &sizing->at[HV_CURVE_RANKS - 1];
	double		end = HvCurveRank(HV_CURVE_RANKS - 1);
	HvCurvePoint point = *last;

	Assert(sizing->measured && sizing->tuples_a_row >= 1);
	if (k <= HvCurveRank(0))
		return sizing->at[0];
	for (int i = 1; i < HV_CURVE_RANKS; i++)
	{
		double		low = HvCurveRank(i - 1);

		if (k <= HvCurveRank(i))
			return mix_points(&sizing->at[i - 1], &sizing->at[i],
							  log(k / low) / log(HvCurveRank(i) / low));
	}
	point.leaves = beyond_end(sizing, point.leaves, k / end);
	point.read = beyond_end(sizing, point.read, k / end);
	point.fetches *= k / end;
	return point;
}

/*
 * The point for the first so many rows that count.  A row that is not visible, or
 * fails a condition, is no neighbour: where half of the rows that are met are
 * dead, ten visible ones are looked for as far as twenty.
 */
static HvCurvePoint
point_at(const HvSizing *sizing, double rows)
{
	return point_of_rank(sizing, rows * sizing->tuples_a_row);
}

/*
 * The power that takes the leaves for the last rank to all leaves for all rows;
 * at least what the last two ranks say.
 */
static double
power_beyond(const HvSizing *sizing, const HvCurve *curve)
{
	const HvCurvePoint *last = &sizing->at[HV_CURVE_RANKS - 1];
	double		end = HvCurveRank(HV_CURVE_RANKS - 1);
	double		power = Max(log(last->leaves / last[-1].leaves) /
							log(end / HvCurveRank(HV_CURVE_RANKS - 2)), LEAST_POWER);

	if (curve->rows > 2 * end && curve->leaves > last->leaves)
		power = Max(power, log(curve->leaves / last->leaves) / log(curve->rows / end));
	return Min(power, 1.0);
}

void
HvSizingFromCurve(HvSizing *sizing, const HvCurve *curve, double target_recall)
{
	double		target = Min(Max(target_recall, 0.5), 0.999);

	memset(sizing, 0, sizeof(HvSizing));
	sizing->measured = curve->queries > 0;
	sizing->rerank = -1;
	sizing->tuples_a_row = 1;
	sizing->cutoff_rank = 256;
	sizing->margin = MARGIN;
	sizing->probes = AUTO_PROBES * effort(target);
	if (sizing->measured)
	{
		read_curve(sizing, curve, target);
		sizing->fewest = FEWEST_LEAVES * Min(pow(0.05 / (1 - target), 2), 1);
		sizing->power = power_beyond(sizing, curve);
	}
	HvSizingSetRows(sizing, 0);
}

void
HvSizingSetRows(HvSizing *sizing, double rows)
{
	sizing->rows = rows;
	if (sizing->measured && rows > 0)
		sizing->margin = point_at(sizing, rows).margin;
	else if (sizing->measured)
	{
		sizing->margin = sizing->at[0].margin;
		for (int i = 1; i < HV_CURVE_RANKS; i++)
			sizing->margin = Max(sizing->margin, sizing->at[i].margin);
	}
	sizing->cutoff_rank = (int) Min(Max(256, 4 * Max(rows, sizing->rerank)), 1e6);
}

void
HvSizingSetConditions(HvSizing *sizing)
{
	sizing->margin = Max(sizing->margin, CONDITIONS_MARGIN);
	for (int i = 0; i < HV_CURVE_RANKS && sizing->measured; i++)
		sizing->margin = Max(sizing->margin, sizing->at[i].margin);
}

void
HvSizingSetTuples(HvSizing *sizing, double tuples_a_row)
{
	Assert(tuples_a_row >= 1);
	sizing->tuples_a_row = tuples_a_row;
}

/* An index that has a curve may have outgrown it. */
static bool
has_grown(const HvMetaData *meta)
{
	return meta->leaves > CURVE_GROWTH * meta->curve.leaves;
}

bool
HvSizingHasCurve(const HvMetaData *meta)
{
	return meta->curve.queries > 0 && !has_grown(meta);
}

/*
 * Leaves that ten rows take, as a tree that grows has looked last (hvreach.h): where
 * they are many, they are a share of all leaves.  0 = not known.
 */
static double
known_reach(const HvMetaData *meta)
{
	return meta->reach == 0 ? 0 : (double) meta->reach * meta->leaves / meta->reach_leaves;
}

void
HvSizingInit(HvSizing *sizing, const HvMetaData *meta, const HvScanOptions *options)
{
	HvCurve		none = {0};
	int			probes = options->probes;

	/* a list that gets down to the leaves says how many of them */
	if (meta->height > 0 && options->per_level.count >= meta->height)
		probes = options->per_level.nodes[meta->height - 1];
	/* the curve is about scans that do as it says in all respects */
	HvSizingFromCurve(sizing, probes > 0 || options->rerank > 0 ? &none : &meta->curve,
					  options->target_recall);
	sizing->probes *= Max(known_reach(meta) / AUTO_PROBES, 1);
	sizing->by_hand = probes > 0;
	if (sizing->by_hand)
		sizing->probes = probes;
	sizing->per_level = options->per_level;
	sizing->grown = sizing->measured && has_grown(meta);
	sizing->rerank = options->rerank > 0 ? options->rerank : -1;
	sizing->max_scan_tuples = Max(0, options->max_scan_tuples);
	sizing->leaf_tuples = meta->leaves > 0 ? (double) meta->tuples / meta->leaves : 0;
	HvSizingSetRows(sizing, 0);
}

double
HvSizingWanted(const HvSizing *sizing, double k)
{
	double		leaves = 0;

	if (sizing->measured)
		leaves = Max(point_at(sizing, k).leaves, sizing->fewest) +
			LEAVES_A_ROW * Max(k - Max(sizing->rows, FILTERED_ROWS), 0);
	if (!sizing->measured || sizing->grown)
		leaves = Max(leaves, fixed_leaves(sizing->probes, BASE_ROWS,
										  sizing->by_hand ? k : k * sizing->tuples_a_row));
	return Min(leaves, INT_MAX / 4);
}

int
HvSizingLeaves(const HvSizing *sizing, double k)
{
	Assert(k >= 1 && sizing->dither >= 0 && sizing->dither < 1);
	return (int) (HvSizingWanted(sizing, k) + sizing->dither);
}

void
HvSizingDither(HvSizing *sizing, const uint8 *code, int bytes)
{
	if (sizing->measured && !sizing->grown)
		sizing->dither = hash_bytes(code, bytes) / 4294967296.0;
}

double
HvSizingStop(const HvSizing *sizing, double k)
{
	if (!sizing->measured || sizing->grown || k > Max(sizing->rows, FILTERED_ROWS))
		return 0;
	return point_at(sizing, k).stop;
}

double
HvSizingLeast(double leaves)
{
	return Max(LEAST_LEAVES, LEAST_SHARE * leaves);
}

double
HvSizingExpectedLeaves(const HvSizing *sizing, double k)
{
	double		share = 1;

	if (HvSizingStop(sizing, k) > 0)
	{
		HvCurvePoint point = point_at(sizing, k);

		share = point.read / point.leaves;
	}
	return HvSizingWanted(sizing, k) * Min(share, 1);
}

int64
HvSizingRerank(const HvSizing *sizing, double k)
{
	return (int64) (sizing->rerank * Max(k, BASE_ROWS) / BASE_ROWS);
}

double
HvSizingExpectedFetches(const HvSizing *sizing, double k)
{
	double		ten;

	if (sizing->rerank > 0)
		return HvSizingRerank(sizing, k);
	if (!sizing->measured)
		return 30.0 + 2.5 * k;
	ten = sizing->at[0].fetches;
	if (k <= BASE_ROWS)
		return Min(FIRST_FETCHES, ten) +
			(k - 1) / (BASE_ROWS - 1) * Max(ten - FIRST_FETCHES, 0);
	return Max(point_of_rank(sizing, k).fetches, k);
}
