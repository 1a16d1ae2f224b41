/*-------------------------------------------------------------------------
 *
 * hvassign.h
 *	  All rows of a table on their way to the leaves of its tree.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvassign.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVASSIGN_H
#define HVASSIGN_H

#include "executor/tuptable.h"

#include "build/hvcluster.h"

/* the tuples of all rows, sorted by leaf, to be read once */
typedef struct HvAssigned
{
	Tuplesortstate *sort;
	TupleTableSlot *slot;
	HvAssignCounts counts;
} HvAssigned;

/*
 * May the sample stay in memory until the tree is written?  Not where it
 * leaves too little for the sort, nor where others write: its row pointers may
 * be those of other rows by now.
 */
extern bool HvAssignKeepsSample(const HvBuild *build, const HvClusterTree *tree);

/*
 * Reads the table and places each row in the tree (in leaf 0 if that is NULL).
 * HvAssignRows fills in the counts and HV_REGION_MEANS; HvAssignSort makes
 * the tuples ready.  Leader only.
 */
extern void HvAssignRows(HvBuild *build, const HvClusterTree *tree, HvAssigned *assigned);
extern void HvAssignSort(HvBuild *build, HvAssigned *assigned);

/* The next tuple (leaf entry, then code) and its leaf; false at the end. */
extern bool HvAssignedNext(HvAssigned *assigned, int *leaf, const void **tuple);
extern void HvAssignedEnd(HvAssigned *assigned);

/* HV_JOB_ASSIGN */
extern void HvAssignWork(HvBuild *build, const HvJob *job);

#endif							/* HVASSIGN_H */
