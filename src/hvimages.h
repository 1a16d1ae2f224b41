/*-------------------------------------------------------------------------
 *
 * hvimages.h
 *	  A tree of page images in memory, for the builder to descend.
 *
 * NOTES
 *	  Inner and centroid pages look just as they will in the index; their
 *	  block numbers are their places in a list.  Leaves have no images: the
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
	MemoryContext context;
	Page	   *pages;			/* [0] unused, [HV_ROOT_BLOCK] the root */
	int			count;
	int			capacity;
	BlockNumber centroid_page;	/* that may have a free slot */
	Size		bytes;			/* of memory taken so far */
} HvImages;

extern void HvImagesInit(HvImages *images, const HvLayout *layout, MemoryContext context);

/* A new inner page; returns its block. */
extern BlockNumber HvImagesAddInner(HvImages *images, int level);

/* Appends a child to an inner page, storing its centroid (code_bits floats). */
extern void HvImagesAddChild(HvImages *images, BlockNumber parent, BlockNumber child,
							 const float *centroid);

#endif							/* HVIMAGES_H */
