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

/*
 * Recall@10 in 8 and 16 leaves by rounds, 100,000 generated vectors of 1,024
 * dimensions: 0 .937, .962; 1 .938, .957; 2 .947, .966.  Pictures (fashion-mnist):
 * .908, .970; .904, .965; .912, .971.
 */
#define HV_REFINE_ROUNDS	2

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
