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

#include "lib/pairingheap.h"

#include "scan/hvrerank.h"

typedef struct HvReorder
{
	MemoryContext context;
	pairingheap *in_hand;
	struct RowInHand *spare;	/* to be used again */
	double		last_distance;	/* of the last row that went out */
	HvRow	   *late;
	int			nlate;
	int			late_size;
} HvReorder;

/* Empty; memory is taken from context. */
extern void HvReorderInit(HvReorder *order, MemoryContext context);

/* Takes in a row; true if it is late. */
extern bool HvReorderAdd(HvReorder *order, const HvRow *row);

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
