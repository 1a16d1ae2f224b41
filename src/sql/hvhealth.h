/*-------------------------------------------------------------------------
 *
 * hvhealth.h
 *	  How far a tree has gone from what a build would make of its rows.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvhealth.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVHEALTH_H
#define HVHEALTH_H

#include "tree/hvmeta.h"

#define HV_FILL_CLASSES	10

/*
 * Rows looked at.  Of a share of 5 % so many tell to 1.3 %; each takes a
 * placing, 0.1 to 0.3 ms.
 */
#define HV_HEALTH_SAMPLE	300

typedef struct HvHealth
{
	/* counted leaf by leaf */
	int64		fill[HV_FILL_CLASSES];	/* leaves, by tuples of what they may hold */
	int64		churn;			/* tuples that came or went since the centroids */
	int64		rows;			/* spilled copies left out */
	uint64		random;
	BlockNumber leaves[HV_HEALTH_SAMPLE];	/* of min(rows, HV_HEALTH_SAMPLE) rows */

	/* found by HvHealthSample */
	int			sampled;		/* rows that are visible */
	int			misplaced;		/* of these, in another leaf than an insert's */
} HvHealth;

extern void HvHealthInit(HvHealth *health);

/* Counts a leaf, which is locked; allocates nothing. */
extern void HvHealthAddLeaf(HvHealth *health, Page page, const HvLayout *layout,
						   BlockNumber block);

/*
 * Asks for the rows of the sample where an insert would put them now.  The
 * same for the same pages: the sample is drawn by a fixed seed.  An active
 * snapshot is needed; one page is locked at a time, none on return.
 */
extern void HvHealthSample(HvHealth *health, Relation heap, Relation index);

#endif							/* HVHEALTH_H */
