/*-------------------------------------------------------------------------
 *
 * hvrefine.h
 *	  The centroids of leaves as means of the rows that are placed there.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvrefine.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVREFINE_H
#define HVREFINE_H

#include "build/hvcluster.h"

/*
 * Clusters the first n members of a sample into about so many leaves, at least
 * 2, and makes the tree.  Memory beside the region is taken from the current
 * context.  Leader only.
 */
extern HvClusterTree *HvRefineBegin(HvBuild *build, HvSample *sample, int n, int leaves);

/*
 * Then places the members by descending the tree, and recomputes its
 * centroids.
 */
extern void HvRefineTree(HvBuild *build, HvSample *sample, int n, HvClusterTree *tree);

/*
 * Members that the two count as done for progress reports, each in every
 * round.
 */
extern int64 HvRefineBeginWork(const HvBuild *build, int n, int leaves);
extern int64 HvRefineTreeWork(int n);

/* HV_JOB_MEANS, HV_JOB_PLACE */
extern void HvRefineMeansWork(HvBuild *build, const HvJob *job);
extern void HvRefinePlaceWork(HvBuild *build, const HvJob *job);

#endif							/* HVREFINE_H */
