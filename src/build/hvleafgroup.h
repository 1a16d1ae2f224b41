/*-------------------------------------------------------------------------
 *
 * hvleafgroup.h
 *	  The rows that a build has assigned to one leaf, on their way to pages.
 *
 * NOTES
 *	  A leaf of the cluster tree may have got more rows than a page holds: the
 *	  sample was small for lack of memory, or many rows are alike.  Its rows
 *	  are then clustered again, by their vectors in the heap, into as many pages
 *	  as they need.  Very many (a million rows of one value) are clustered a
 *	  chunk at a time, so that memory and time stay bounded.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvleafgroup.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVLEAFGROUP_H
#define HVLEAFGROUP_H

#include "build/hvsample.h"
#include "build/hvwriter.h"
#include "heap/hvheap.h"

typedef struct HvLeafGroup
{
	HvBuild    *build;
	HvWriter   *writer;
	HvHeap	   *heap;
	bool		kept;			/* the sample is still in memory: */
	HvSample	sample;
	const float *centroid;		/* of the leaf of the cluster tree, NULL = unknown */
	int			tuple_size;		/* leaf entry, then code */
	char	   *tuples;
	int			count;
	int			capacity;
	uint64		seed;
} HvLeafGroup;

/* Memory is taken from the current context. */
extern void HvLeafGroupInit(HvLeafGroup *group, HvBuild *build, HvWriter *writer, HvHeap *heap);

/* One more tuple; may write pages if there are very many. */
extern void HvLeafGroupAdd(HvLeafGroup *group, const void *tuple);

/* Writes the pages of the rows that were added; the group is empty then. */
extern void HvLeafGroupFlush(HvLeafGroup *group);

#endif							/* HVLEAFGROUP_H */
