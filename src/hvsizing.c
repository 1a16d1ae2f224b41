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

#define AUTO_PROBES		48.0
#define MARGIN			0.6f

/* how much more it takes to miss less: 1 at a target of 0.95 */
static double
effort(double target_recall)
{
	double		target = Min(Max(target_recall, 0.5), 0.999);

	return sqrt(0.05 / (1.0 - target));
}

void
HvSizingInit(HvSizing *sizing, const HvMetaData *meta, const HvScanOptions *options)
{
	double		work = effort(options->target_recall);

	sizing->probes_fixed = options->probes > 0;
	sizing->probes = sizing->probes_fixed ? options->probes : AUTO_PROBES * work;
	sizing->rerank = options->rerank > 0 ? options->rerank : -1;
	sizing->margin = MARGIN;
	sizing->cutoff_rank = Max(256, (int) Min(4 * sizing->rerank, 1e6));
	sizing->leaf_rows = meta->leaves > 0 ? Max(1.0, meta->rows / meta->leaves) : 1.0;
	sizing->max_scan_tuples = Max(0, options->max_scan_tuples);
}

/*
 * The square root is what the nearest rows need, which crowd into few leaves;
 * far out each leaf gives no more than its rows, and those of the
 * leaves around are needed too before any can be called the next.
 */
int
HvSizingLeaves(const HvSizing *sizing, double k)
{
	double		leaves = sizing->probes * sqrt(Max(k, BASE_ROWS) / BASE_ROWS) +
		2.0 * Max(k - BASE_ROWS, 0) / sizing->leaf_rows;

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
