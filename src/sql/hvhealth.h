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

#include "nodes/pg_list.h"

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
	List	   *parents;		/* blocks of inner pages above leaves */

	/* found by HvHealthSample */
	int			sampled;		/* rows that are visible */
	double		displaced;		/* sum: 0 for a row in its nearest leaf, 1 for one in any leaf */
} HvHealth;

extern void HvHealthInit(HvHealth *health);

/* Counts a leaf, which is locked; allocates nothing. */
extern void HvHealthAddLeaf(HvHealth *health, Page page, const HvLayout *layout,
						   BlockNumber block);

/* Notes an inner page above leaves. */
extern void HvHealthAddParent(HvHealth *health, BlockNumber block);

/*
 * Finds out how far the rows of the sample are from where they should be.
 * The same for the same pages: the sample is drawn by a fixed seed.  An active
 * snapshot is needed; one page is locked at a time, none on return.
 */
extern void HvHealthSample(HvHealth *health, Relation heap, Relation index);

/*
 * Would VACUUM or hvtree_maintain make a difference to queries?  Never after a
 * build, or when one of them has just been done.  leaves = pages, tuples of
 * these, dead = of these.
 */
extern bool HvHealthIsDue(const HvHealth *health, const HvMetaData *meta, int64 leaves,
						  int64 tuples, int64 dead);

#endif							/* HVHEALTH_H */
