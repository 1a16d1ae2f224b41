/*-------------------------------------------------------------------------
 *
 * hvcluster.h
 *	  The tree that a build places rows by.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvcluster.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCLUSTER_H
#define HVCLUSTER_H

#include "port/atomics.h"

#include "build/hvbuildparallel.h"
#include "build/hvmemtree.h"
#include "build/hvsample.h"

/*
 * All of it that workers look at lies in HV_REGION_TREE; each participant has
 * an HvClusterTree of its own that points there.
 */
typedef struct HvClusterTree
{
	HvMemTree	images;			/* what HvChoose descends; leaves are numbered */
	HvVectors	means;			/* of the leaves, before they are arranged */
	float	   *mean_units;		/* longest coordinate of the members / 127, by mean */
	pg_atomic_uint32 *counts;	/* rows that a leaf has got */
	int			nleaves;		/* in depth-first order: siblings adjoin */

	/* the leader's */
	int			height;			/* level of the root, >= 1 */
	BlockNumber *parents;		/* of each leaf, its page on level 1 */
	float	   *units;			/* of each leaf: its mean_units */
	BlockNumber *page_parents;	/* of each inner page, by its block */
} HvClusterTree;

/*
 * Partitions the first n members of a sample into about so many leaves, at
 * least 2, and makes room for the tree: its means are still to be filled, and
 * arranged.  Memory beside the region is taken from the current context.
 * Leader only.
 */
extern HvClusterTree *HvClusterBegin(HvBuild *build, HvSample *sample, int n, int leaves);
extern void HvClusterFree(HvBuild *build, HvClusterTree *tree);

/* Bytes of the region for each leaf, about. */
extern double HvClusterLeafSize(const HvLayout *layout);
extern Size HvClusterSize(const HvClusterTree *tree);

/* The tree in the region, for a participant; false if there is none. */
extern bool HvClusterMap(HvBuild *build, HvClusterTree *tree);

/* Makes the page images again, of tree->means; leaves are renumbered. */
extern void HvClusterArrange(HvBuild *build, HvClusterTree *tree);

/* The centroid of a leaf, code_bits floats. */
extern void HvClusterLeafCentroid(const HvClusterTree *tree, int leaf, float *centroid);

/* The page on a level above a leaf. */
extern BlockNumber HvClusterAncestor(const HvClusterTree *tree, int leaf, int level);

#endif							/* HVCLUSTER_H */
