/*-------------------------------------------------------------------------
 *
 * hvreorder.h
 *	  Measured rows in the order in which they go out.
 *
 * NOTES
 *	  Rows come in as they are measured and go out nearest first.  One that comes
 *	  in nearer than a row that is out already is late: it may not break the
 *	  order, nor be lost, so it waits until all others are out.
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

typedef struct HvReorder
{
	MemoryContext context;
	pairingheap *in_hand;
	struct RowInHand *spare;	/* to be used again */
	binaryheap *nearest;		/* distances of the nearest few, the farthest on top */
	double		last_distance;	/* of the last row that went out */
	HvRow	   *late;
	int			nlate;
	int			late_size;
} HvReorder;

/* The most that Farthest can be asked for. */
#define HV_REORDER_MOST_NEAREST	16384

/*
 * Empty; memory is taken from context.  nearest, 1 .. HV_REORDER_MOST_NEAREST: how many
 * of the nearest rows Farthest is about.
 */
extern void HvReorderInit(HvReorder *order, int nearest, MemoryContext context);

/* Takes in a row; true if it is late. */
extern bool HvReorderAdd(HvReorder *order, const HvRow *row);

/*
 * The distance of the farthest of the nearest few of all rows taken in so far, sent or
 * not; INFINITY while they are fewer.
 */
extern double HvReorderFarthest(const HvReorder *order);

/* The nearest row in hand, NULL if there is none; late ones do not count. */
extern const HvRow *HvReorderNearest(const HvReorder *order);

/* Is there a row in hand that has a distance?  Zero vectors sort last. */
extern bool HvReorderHasNumber(const HvReorder *order);

/*
 * The next row to go out; late ones after all others, in their own order, but
 * before rows without a distance.  False if none is left.
 */
extern bool HvReorderNext(HvReorder *order, HvRow *row);

#endif							/* HVREORDER_H */
