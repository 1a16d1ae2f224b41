/*-------------------------------------------------------------------------
 *
 * layoutprice.c
 *	  The cheapest way of each layout to a wanted recall.
 *
 * NOTES
 *	  A true neighbour is found when each stage of the plan keeps it: its rank
 *	  by every estimate used is below the number that the stage passes on.
 *	  (Ranks are among all rows of the leaves, not among those that the stage
 *	  before passed on, which errs on the safe side.)
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/layoutprice.c
 *
 *-------------------------------------------------------------------------
 */
#include "layoutprice.h"

#include <stdlib.h>

#include "hvtool.h"

/*
 * Microseconds, measured inside a server (AVX2, pages and codes that are not
 * in the processor's caches): a page touch; a code of 1024 bits by Hamming
 * distance and by planes; a refine code; all that a query does once.
 */
#define PAGE_US		0.9
#define HAMMING_US	0.0075
#define PLANES_US	0.0225
#define REFINE_US	0.95
#define QUERY_US	8.0

const char *const LayoutKindNames[LAYOUT_KINDS] = {
	"1 bit, Hamming", "1 bit, planes", "1 bit, cascade", "1 + 2 bits", "1 + 4 bits", "residual 1 bit"
};

/* numbers tried for the stages between leaves and heap */
static const int stages[] = {10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960, 1280, 2560};

#define NSTAGES ((int) (sizeof(stages) / sizeof(stages[0])))

double
LayoutRefineBytes(LayoutKind kind, int bits)
{
	if (kind == LAYOUT_KIND_TWO_BITS)
		return bits / 4.0 + 8.0;
	if (kind == LAYOUT_KIND_FOUR_BITS)
		return bits / 2.0 + 8.0;
	return (kind == LAYOUT_KIND_RESIDUAL) ? 4.0 : 0.0;
}

static int
compare_ints(const void *a, const void *b)
{
	return (*(const int *) a > *(const int *) b) - (*(const int *) a < *(const int *) b);
}

/*
 * How many must the last stage pass on for the recall?  before[s] are the ranks
 * that have to be below limit[s] for a neighbour to get there.  0 = cannot be.
 */
static int
last_stage(const LayoutRanks *ranks, const int *last, const int *const *before,
		   const double *limit, int nbefore, double recall)
{
	int		   *kept = HvAlloc(sizeof(int) * (size_t) ranks->nranks);
	int			needed = (int) (recall * ranks->nranks + 0.9999);
	int			result = 0;

	for (int i = 0; i < ranks->nranks; i++)
	{
		kept[i] = last[i];
		for (int s = 0; s < nbefore; s++)
		{
			if (before[s][i] >= limit[s])
				kept[i] = LAYOUT_MISSING;
		}
	}
	qsort(kept, (size_t) ranks->nranks, sizeof(int), compare_ints);
	if (kept[needed - 1] != LAYOUT_MISSING)
		result = (kept[needed - 1] + 1 > LAYOUT_K) ? kept[needed - 1] + 1 : LAYOUT_K;
	free(kept);
	return result;
}

/* keeps the cheaper one of best and of this plan */
static void
offer(LayoutPlan *best, LayoutPlan plan)
{
	if (plan.fetched > 0 && (!best->possible || plan.us < best->us))
	{
		*best = plan;
		best->possible = true;
	}
}

/* microseconds of the tree and of the leaves' pages */
static double
tree_us(const LayoutRanks *ranks, double width)
{
	return QUERY_US + (ranks->inner_pages + ranks->leaf_pages) * PAGE_US
		+ ranks->inner_codes * HAMMING_US * width;
}

/* one score of every code, then the heap */
static void
plan_single(LayoutPlan *best, LayoutKind kind, const LayoutRanks *ranks, double width,
			double recall, double heap_us)
{
	static const LayoutEstimate estimate[LAYOUT_KINDS] = {
		[LAYOUT_KIND_HAMMING] = LAYOUT_HAMMING,
		[LAYOUT_KIND_PLANES] = LAYOUT_PLANES,
		[LAYOUT_KIND_RESIDUAL] = LAYOUT_RESIDUAL
	};
	LayoutPlan	plan = {.ranks = ranks};

	plan.fetched = last_stage(ranks, ranks->ranks[estimate[kind]], NULL, NULL, 0, recall);
	plan.us = tree_us(ranks, width) + plan.fetched * heap_us
		+ ranks->codes * width * ((kind == LAYOUT_KIND_HAMMING) ? HAMMING_US : PLANES_US);
	if (kind == LAYOUT_KIND_RESIDUAL)
		plan.us += ranks->leaf_pages * PAGE_US; /* the centroid of each leaf */
	offer(best, plan);
}

/* Hamming, planes, perhaps refine pages, the heap */
static void
plan_stages(LayoutPlan *best, LayoutKind kind, const LayoutRanks *ranks, double width,
			double recall, double heap_us)
{
	const int  *before[2] = {ranks->ranks[LAYOUT_HAMMING], ranks->ranks[LAYOUT_PLANES]};
	const int  *last = ranks->ranks[(kind == LAYOUT_KIND_CASCADE) ? LAYOUT_PLANES :
									(kind == LAYOUT_KIND_TWO_BITS) ? LAYOUT_TWO_BITS : LAYOUT_FOUR_BITS];
	double		base = tree_us(ranks, width) + ranks->codes * width * HAMMING_US;

	for (int s = 0; s < NSTAGES; s++)
	{
		double		limit[2] = {stages[s], 0};
		LayoutPlan	plan = {.ranks = ranks, .survivors = stages[s]};

		plan.survivors = (plan.survivors > ranks->codes) ? ranks->codes : plan.survivors;
		if (kind == LAYOUT_KIND_CASCADE)
		{
			plan.fetched = last_stage(ranks, last, before, limit, 1, recall);
			plan.us = base + plan.survivors * PLANES_US * width + plan.fetched * heap_us;
			offer(best, plan);
			continue;
		}
		for (int r = 0; r < NSTAGES && stages[r] <= stages[s]; r++)
		{
			limit[1] = stages[r];
			plan.refined = stages[r];
			plan.fetched = last_stage(ranks, last, before, limit, 2, recall);
			plan.us = base + plan.survivors * PLANES_US * width + plan.refined * REFINE_US
				+ plan.fetched * heap_us;
			offer(best, plan);
		}
	}
}

LayoutPlan
LayoutPlanCheapest(LayoutKind kind, const LayoutRanks *const *grid, int ngrid,
				   int bits, double recall, double heap_us)
{
	LayoutPlan	best = {.possible = false};
	double		width = bits / 1024.0;

	for (int i = 0; i < ngrid; i++)
	{
		if (grid[i]->ceiling[LAYOUT_K] < recall ||
			(best.possible && tree_us(grid[i], width) > best.us))
			continue;
		if (kind == LAYOUT_KIND_HAMMING || kind == LAYOUT_KIND_PLANES || kind == LAYOUT_KIND_RESIDUAL)
			plan_single(&best, kind, grid[i], width, recall, heap_us);
		else
			plan_stages(&best, kind, grid[i], width, recall, heap_us);
	}
	return best;
}
