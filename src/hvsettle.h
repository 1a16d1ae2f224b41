/*-------------------------------------------------------------------------
 *
 * hvsettle.h
 *	  A page gets the centroid that its tuples ask for, and the tuples the page.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvsettle.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSETTLE_H
#define HVSETTLE_H

#include "hvmembers.h"
#include "hvparent.h"

typedef struct HvSettled
{
	int			moved;
	int			rows_read;		/* of other pages, from the heap */
	bool		recentered;
} HvSettled;

/*
 * Takes the centroid of a page below the root anew if it has drifted from mean, that
 * of the members' loaded vectors; moves its entry and its tuples to where they are
 * nearest, and what is nearest to it there.  The page and its parent are about the
 * present mean of the index.  Several WAL records, the tree being in order after
 * each.  Structure lock held, no page locked; likewise on return.
 */
extern void HvSettleMembers(HvMembers *members, HvHeap *heap, HvParent *parent,
							float *mean, HvSettled *result);

/*
 * The same for an inner page of which a quarter of the children came or went since
 * its centroid was taken; does nothing otherwise.  For splits, which add children.
 */
extern void HvSettleInner(HvIndex *index, HvHeap *heap, BlockNumber block, int level);

#endif							/* HVSETTLE_H */
