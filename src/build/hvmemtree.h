/*-------------------------------------------------------------------------
 *
 * hvmemtree.h
 *	  A tree of page images in memory, for the builder to descend.
 *
 * NOTES
 *	  Inner and centroid pages look just as they will in the index; their
 *	  block numbers are their places in memory.  Leaves have no images: the
 *	  "block" of a leaf is its number.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvmemtree.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMEMTREE_H
#define HVMEMTREE_H

#include "page/hvpage.h"
#include "page/hvpagesource.h"

typedef struct HvMemTree
{
	HvPageSource source;
	const HvLayout *layout;
	char	   *pages;			/* one behind the other, no page at 0 */
	int			count;			/* of the leader; others only descend */
	int			capacity;
	BlockNumber centroid_page;	/* that may have a free slot */
} HvMemTree;

static inline Page
HvMemTreePage(const HvMemTree *images, BlockNumber block)
{
	Assert(block >= HV_ROOT_BLOCK && block < (BlockNumber) images->capacity);
	return (Page) (images->pages + (Size) block * BLCKSZ);
}

/* Images in memory that the caller has, capacity pages of it. */
extern void HvMemTreeInit(HvMemTree *images, const HvLayout *layout, char *pages, int capacity);

/* Forgets all pages. */
extern void HvMemTreeClear(HvMemTree *images);

/* A new inner page; returns its block. */
extern BlockNumber HvMemTreeAddInner(HvMemTree *images, int level);

/* Appends a child to an inner page, storing its centroid (code_bits floats). */
extern void HvMemTreeAddChild(HvMemTree *images, BlockNumber parent, BlockNumber child,
							  const float *centroid);

#endif							/* HVMEMTREE_H */
