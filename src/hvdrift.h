/*-------------------------------------------------------------------------
 *
 * hvdrift.h
 *	  How far a tree has gone from what a build would make of its rows.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvdrift.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVDRIFT_H
#define HVDRIFT_H

#include "hvmeta.h"

#define HV_FILL_CLASSES	10

/*
 * Rows looked at.  Of a share of 5 % so many tell to 1.3 %; each takes a placing,
 * 0.1 to 0.3 ms.
 */
#define HV_DRIFT_SAMPLE	300

typedef struct HvDrift
{
	/* counted leaf by leaf */
	int64		fill[HV_FILL_CLASSES];	/* leaves, by tuples of what they may hold */
	int64		churn;			/* tuples that came or went since the centroids */
	int64		rows;			/* spilled copies left out */
	uint64		random;
	BlockNumber leaves[HV_DRIFT_SAMPLE];	/* of min(rows, HV_DRIFT_SAMPLE) rows */

	/* found by HvDriftSample */
	int			sampled;		/* rows that are visible */
	int			misplaced;		/* of these, in another leaf than an insert's */
} HvDrift;

extern void HvDriftInit(HvDrift *drift);

/* Counts a leaf, which is locked; allocates nothing. */
extern void HvDriftAddLeaf(HvDrift *drift, Page page, const HvLayout *layout,
						   BlockNumber block);

/*
 * Asks for the rows of the sample where an insert would put them now.  The same for
 * the same pages: the sample is drawn by a fixed seed.  An active snapshot is
 * needed; one page is locked at a time, none on return.
 */
extern void HvDriftSample(HvDrift *drift, Relation heap, Relation index);

/*
 * What a query costs in the index, over what it would cost in a tree built anew
 * that finds as much; an estimate.  levels = of the tree, leaves included; pages
 * and tuples of each, leaves first; dead = leaf tuples of rows that nobody sees.
 */
extern double HvDriftCostRatio(const HvDrift *drift, const HvMetaData *meta, int levels,
							   const int64 *pages, const int64 *tuples, int64 dead);

#endif							/* HVDRIFT_H */
