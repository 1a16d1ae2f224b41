/*-------------------------------------------------------------------------
 *
 * hvsizing.c
 *	  How far a scan looks: the rules that scan and cost estimate share.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvsizing.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "hvsizing.h"

/* the number of rows that the basic sizes are for */
#define BASE_ROWS		10.0

/*
 * Leaves for ten rows at a target of 0.95.  32 leaves give a recall@10 of .950 to
 * .996 on six real sets and .972 on a million generated vectors, 48 leaves .971
 * to .997 and .980.  The number does not grow with the rows (twelve leaves hold
 * .95 of that million's nearest).
 */
#define AUTO_PROBES			40.0

/*
 * Standard errors that a candidate is given the benefit of.  Of ten rows 1.9 loses
 * .4 % at most and reranks 20 to 53 rows, 1.5 loses 1.2 % and reranks 18 to 42; of a
 * hundred rows 1.9 loses 1 %, 1.5 loses 3 %.
 */
#define MARGIN				1.7f

/* leaves for each further row: see HvSizingLeaves */
#define LEAVES_A_ROW		1.0

/*
 * How much more it takes to miss less: 1 at a target of 0.95.  The exponent fits
 * the leaves that the same sets take for .90 to .99.
 */
static double
effort(double target_recall)
{
	double		target = Min(Max(target_recall, 0.5), 0.999);

	return pow(0.05 / (1.0 - target), 0.68);
}

void
HvSizingInit(HvSizing *sizing, const HvMetaData *meta, const HvScanOptions *options)
{
	double		work = effort(options->target_recall);

	sizing->probes = options->probes > 0 ? options->probes : AUTO_PROBES * work;
	sizing->rerank = options->rerank > 0 ? options->rerank : -1;
	sizing->margin = MARGIN;
	sizing->cutoff_rank = Max(256, (int) Min(4 * sizing->rerank, 1e6));
	sizing->max_scan_tuples = Max(0, options->max_scan_tuples);
}

/*
 * The square root fits what the nearest 1 to 100 rows need, which crowd into few
 * leaves.  A scan that goes on longer is being filtered, and the rows that pass
 * a filter may lie where few others do: it reads a leaf more for every row it
 * sends, which costs it a fifth of what fetching that row does.
 */
int
HvSizingLeaves(const HvSizing *sizing, double k)
{
	double		leaves = sizing->probes * sqrt(Max(k, BASE_ROWS) / BASE_ROWS) +
		LEAVES_A_ROW * Max(k - BASE_ROWS, 0);

	return (int) Min(leaves, INT_MAX / 4);
}

int64
HvSizingRerank(const HvSizing *sizing, double k)
{
	return (int64) (sizing->rerank * Max(k, BASE_ROWS) / BASE_ROWS);
}

double
HvSizingExpectedFetches(const HvSizing *sizing, double k)
{
	if (sizing->rerank > 0)
		return HvSizingRerank(sizing, k);
	return 30.0 + 2.5 * k;
}
