/*-------------------------------------------------------------------------
 *
 * hvrefine.h
 *	  The centroids of leaves, taken from what the tree sends there.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvrefine.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVREFINE_H
#define HVREFINE_H

#include "hvcluster.h"

#define HV_REFINE_ROUNDS	1

/* Fills tree->means by the members that sample->starts gives each leaf.  Leader only. */
extern void HvRefineMeans(HvBuild *build, HvSample *sample, HvClusterTree *tree);

/*
 * One round of Lloyd's with the rule that rows are placed by: the first n members of
 * the sample descend the tree, leaves become the means of what came there, those
 * without any vanish, and the tree is arranged anew.  Leader only.
 */
extern void HvRefineRound(HvBuild *build, HvSample *sample, int n, HvClusterTree *tree);

/* HV_JOB_MEANS, HV_JOB_PLACE */
extern void HvRefineMeansWork(HvBuild *build, const HvJob *job);
extern void HvRefinePlaceWork(HvBuild *build, const HvJob *job);

#endif							/* HVREFINE_H */
