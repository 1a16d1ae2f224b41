/*-------------------------------------------------------------------------
 *
 * hvreorder.h
 *	  Measured rows in the order in which they are returned.
 *
 * NOTES
 *	  Rows come in as they are measured.  They are taken nearest first, when the
 *	  search says that no other can be nearer; those that pass the scan's filter
 *	  are kept for a batch; a batch that is whole is sorted and returned.
 *
 *	  A row may come out of turn, that is nearer than one that was taken.  As
 *	  long as no farther row was returned that does not matter, it is taken
 *	  next.  After that it is late: it must not break the order, nor be lost,
 *	  so it waits until there are no others.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvreorder.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVREORDER_H
#define HVREORDER_H

#include "postgres.h"

#include "lib/binaryheap.h"
#include "lib/pairingheap.h"

#include "scan/hvrerank.h"

typedef struct HvRowList
{
	HvRow	   *rows;
	int			n;
	int			size;
	bool		sorted;			/* the nearest last */
} HvRowList;

typedef struct HvReorder
{
	MemoryContext context;
	pairingheap *in_hand;		/* rows that can be taken */
	struct RowInHand *spare;	/* to be used again */
	binaryheap *nearest;		/* distances of the nearest few, the farthest on top */
	double		taken_distance; /* the largest of any row taken */
	double		returned_distance;	/* and of any row returned */
	HvRowList	late;
	HvRowList	batch;
} HvReorder;

/* The largest number of nearest rows that Farthest can be for. */
#define HV_REORDER_MOST_NEAREST	16384

/*
 * Empty; memory is taken from context.  nearest, 1 .. HV_REORDER_MOST_NEAREST:
 * how many of the nearest rows Farthest is about.
 */
extern void HvReorderInit(HvReorder *order, int nearest, MemoryContext context);

/* Adds a row; true if it comes out of turn. */
extern bool HvReorderAdd(HvReorder *order, const HvRow *row);

/*
 * The distance of the farthest of the nearest few of all rows taken in so far,
 * sent or not; INFINITY while they are fewer.
 */
extern double HvReorderFarthest(const HvReorder *order);

/*
 * The nearest row that can be taken, NULL if there is none; late ones do not
 * count.
 */
extern const HvRow *HvReorderNearest(const HvReorder *order);

/* Is there a row to take that has a distance?  Zero vectors sort last. */
extern bool HvReorderHasNumber(const HvReorder *order);

/*
 * Takes the next row; late ones after all others that have a distance.  False
 * if none is left.
 */
extern bool HvReorderTake(HvReorder *order, HvRow *row);

/* Is a row that was not taken nearer than one that was? */
extern bool HvReorderIsBehind(const HvReorder *order);

/* Keeps a row that was taken for the batch. */
extern void HvReorderKeep(HvReorder *order, const HvRow *row);

/*
 * For a batch that is the last: takes rows that are not late, in any order, and
 * keeps rows, however far away.  Those that would break the order become late.
 */
extern bool HvReorderTakeAny(HvReorder *order, HvRow *row);
extern void HvReorderKeepLast(HvReorder *order, const HvRow *row);

/* Is there a row of the batch that was not returned? */
extern bool HvReorderHasBatch(const HvReorder *order);

/* Returns the next row of the batch, in order.  False if none is left. */
extern bool HvReorderReturn(HvReorder *order, HvRow *row);

#endif							/* HVREORDER_H */
