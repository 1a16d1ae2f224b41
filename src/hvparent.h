/*-------------------------------------------------------------------------
 *
 * hvparent.h
 *	  The way up: which inner page has a page as its child.
 *
 * NOTES
 *	  Pages do not know their parents, since a split of the parent would have
 *	  to tell all its children.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvparent.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVPARENT_H
#define HVPARENT_H

#include "hvcentroid.h"
#include "hvmeta.h"

/* where an inner page speaks of a child */
typedef struct HvParent
{
	BlockNumber block;
	HvCentroidRef ref;			/* the child's centroid */
	int			children;		/* how many the parent has */
} HvParent;

/*
 * Finds the parent of a tree page other than the root; near is a point of the
 * tree space (code_bits floats) close to what the page holds: the closer, the
 * faster.  The structure lock is held, so the answer stays true; one page is
 * locked at a time, none on return.  Errors if there is no parent.
 */
extern void HvParentFind(HvIndex *index, BlockNumber block, int level, const float *near,
						 HvParent *parent);

/*
 * Fills an inner entry and its code (code_bytes) for a child with this centroid.
 */
extern void HvParentMakeEntry(const HvIndex *index, BlockNumber child, HvCentroidRef ref,
							  const float *centroid, uint8 *code, void *entry);

/*
 * Gives a page a new centroid, where its parent routes by it and where inserts
 * compare with it, or leaves the old one (centroid NULL); either way, what came
 * and went from now on is counted anew.  One WAL record; locks as above.
 */
extern void HvParentSettle(HvIndex *index, BlockNumber block, const HvParent *parent,
						   const float *centroid);

#endif							/* HVPARENT_H */
