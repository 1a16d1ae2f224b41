/*-------------------------------------------------------------------------
 *
 * hvwalk.h
 *	  All inner pages of a tree, from the root down.
 *
 * NOTES
 *	  For callers that must know whether the tree still names every page that it
 *	  should, and only such pages: a pass over all blocks alone meets a page that
 *	  lost its content as one that nobody needs.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvwalk.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVWALK_H
#define HVWALK_H

#include "tree/hvmeta.h"

/* a set of blocks below nblocks, one bit for each */
typedef struct HvBlockSet
{
	BlockNumber nblocks;
	uint8	   *bits;
} HvBlockSet;

/* An empty set in the current memory context. */
extern void HvBlockSetInit(HvBlockSet *set, BlockNumber nblocks);

/* Blocks beyond the end of a set are never in it.  Nothing is allocated. */
static inline void
HvBlockSetAdd(HvBlockSet *set, BlockNumber block)
{
	if (block < set->nblocks)
		set->bits[block / 8] |= 1 << block % 8;
}

static inline bool
HvBlockSetHas(const HvBlockSet *set, BlockNumber block)
{
	return block < set->nblocks && (set->bits[block / 8] & 1 << block % 8) != 0;
}

/*
 * Goes to every inner page, and raises an error if one of them, or the metapage,
 * says of the tree what is not so: that a page is an inner page or a leaf, that it
 * has one parent, how high the root is, and how many leaves there are.  Leaves
 * that are not among known_leaves (which may be NULL) are read for that.
 *
 * visit, which may be NULL, gets a copy of each inner page; a page may be shown
 * twice, or as it was before others changed it, unless the structure lock is
 * held.  One page is locked at a time, none when visit is called or on return.
 */
extern void HvWalkTree(Relation index, const HvLayout *layout, const HvBlockSet *known_leaves,
					   void (*visit) (void *arg, Page image), void *arg);

#endif							/* HVWALK_H */
