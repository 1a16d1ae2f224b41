/*-------------------------------------------------------------------------
 *
 * hvreach.c
 *	  How many leaves ten rows take of a tree that grows.
 *
 * NOTES
 *	  A tree that has grown and was never vacuumed has no curve (hvcalibrate.h).
 *	  The fixed rule of hvsizing.c is for rows that form clusters.  Rows that
 *	  do not, many independent coordinates for instance, have their neighbors
 *	  in most of all leaves.  So an insert that has split a leaf now and then
 *	  looks in how many leaves the neighbors of a few rows are, by their codes
 *	  alone.  That takes a few hundredths of a second, a curve a second.  A curve
 *	  says more: how few leaves are enough, for any number of rows.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvreach.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "maintain/hvreach.h"
#include "maintain/hvtracesample.h"
#include "tree/hvsizing.h"

/*
 * Leaves of the first look: below this the fixed rule reads nearly all.  Then the
 * tree is looked at whenever it has grown by so much.
 */
#define FIRST_LOOK		48
#define LOOK_GROWTH		1.5

/* rows that are traced, and neighbors of each */
#define QUERIES			64
#define NEIGHBORS		10

/* the share of these that the leaves hold; bounds lose one in a hundred more */
#define SHARE			0.97

void
HvReachMeasure(Relation heap, Relation relation, uint32 leaves)
{
	MemoryContext context;
	MemoryContext old;
	HvIndex    *index;
	HvHeap	   *rows;
	int			reach;

	if (!HvMetaIsLookDue(leaves, FIRST_LOOK, LOOK_GROWTH))
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "hvtree reach", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	index = HvIndexOpen(relation);
	if (!HvSizingHasCurve(&index->meta))
	{
		rows = HvHeapBeginAll(heap, relation, context);
		reach = HvTraceSampleReach(index, rows, QUERIES, NEIGHBORS, SHARE);
		HvHeapEnd(rows);
		if (reach > 0)
			HvMetaSetReach(relation, Min(reach, index->meta.leaves), index->meta.leaves);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
