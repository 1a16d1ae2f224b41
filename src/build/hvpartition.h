/*-------------------------------------------------------------------------
 *
 * hvpartition.h
 *	  Partitioning a sample into the leaves of a tree, by hierarchical k-means.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvpartition.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVPARTITION_H
#define HVPARTITION_H

#include "build/hvbuildparallel.h"
#include "build/hvsample.h"

/*
 * Parts the first n members of a sample into about so many leaves: puts them in
 * the order of leaves and fills sample->starts.  Returns the number of leaves,
 * none of which is empty.  Leader only.
 */
extern int	HvPartition(HvBuild *build, HvSample *sample, int n, int leaves, int iterations);

/* Members that it counts as done for progress reports, each in every round. */
extern int64 HvPartitionWork(const HvLayout *layout, int n, int leaves);

/* Children of an inner page as planned, and the level of the root of a tree. */
extern double HvPartitionFanout(const HvLayout *layout);
extern int	HvPartitionHeight(const HvLayout *layout, int leaves);

/* HV_JOB_DIVIDE, HV_JOB_NEAREST */
extern void HvPartitionDivideWork(HvBuild *build, const HvJob *job);
extern void HvPartitionNearestWork(HvBuild *build, const HvJob *job);

#endif							/* HVPARTITION_H */
