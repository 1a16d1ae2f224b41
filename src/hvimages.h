/*-------------------------------------------------------------------------
 *
 * hvimages.h
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
 *	  src/hvimages.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVIMAGES_H
#define HVIMAGES_H

#include "hvpage.h"
#include "hvpagesource.h"

typedef struct HvImages
{
	HvPageSource source;
	const HvLayout *layout;
	char	   *pages;			/* one behind the other, no page at 0 */
	int			count;			/* who only descends need not know it */
	int			capacity;
	BlockNumber centroid_page;	/* that may have a free slot */
} HvImages;

static inline Page
HvImagesPage(const HvImages *images, BlockNumber block)
{
	return (Page) (images->pages + (Size) block * BLCKSZ);
}

/* Images in memory that the caller has, capacity pages of it. */
extern void HvImagesInit(HvImages *images, const HvLayout *layout, char *pages, int capacity);

/* Forgets all pages. */
extern void HvImagesClear(HvImages *images);

/* A new inner page; returns its block. */
extern BlockNumber HvImagesAddInner(HvImages *images, int level);

/* Appends a child to an inner page, storing its centroid (code_bits floats). */
extern void HvImagesAddChild(HvImages *images, BlockNumber parent, BlockNumber child,
							 const float *centroid);

#endif							/* HVIMAGES_H */
