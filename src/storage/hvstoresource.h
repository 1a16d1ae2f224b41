/*-------------------------------------------------------------------------
 *
 * hvstoresource.h
 *	  The pages of an index as a source of pages for a descent.
 *
 * NOTES
 *	  Block numbers come from pages that were read before.  A page may have been
 *	  freed meanwhile and used for something else; who takes a page out of the
 *	  tree advances the structure counter in the same record.  So a page that is
 *	  not what another one says is damaged if the counter is still what it was
 *	  before both were read.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstoresource.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSTORESOURCE_H
#define HVSTORESOURCE_H

#include "page/hvpagesource.h"
#include "storage/hvstore.h"

typedef struct HvStoreSource
{
	HvPageSource source;
	Relation	index;
	const HvLayout *layout;
	uint64		newest;			/* structure counter as last seen */
	bool		changed;		/* a page was not what it had been named as */
} HvStoreSource;

/*
 * meta is the metapage as it was read before any page of the tree, and stays the
 * caller's; NULL where the structure lock is held.
 */
extern void HvStoreSourceInit(HvStoreSource *source, Relation index,
							  const HvLayout *layout, const HvMetaData *meta);

/*
 * Reads a page that is named as a leaf, as HvStoreRead does; NULL, with nothing
 * held, if it is a leaf no more.
 */
extern Page HvStoreSourceLeaf(HvStoreSource *source, BlockNumber block, Buffer *buffer);

#endif							/* HVSTORESOURCE_H */
