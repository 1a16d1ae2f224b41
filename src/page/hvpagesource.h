/*-------------------------------------------------------------------------
 *
 * hvpagesource.h
 *	  Where a descent gets its pages from.
 *
 * NOTES
 *	  Scans and inserts descend the pages of an index, a build descends page
 *	  images in its own memory before the index has any.  The page is the
 *	  interface: one descent serves both.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/page/hvpagesource.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVPAGESOURCE_H
#define HVPAGESOURCE_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/bufpage.h"

#include "page/hvpage.h"

typedef struct HvPageSource HvPageSource;

struct HvPageSource
{
	/*
	 * The page of a block, not to be changed, and a handle to release it by.
	 * An index page stays pinned and share-locked until then: nothing that can
	 * wait or raise an error may happen in between.
	 */
	Page		(*get) (HvPageSource *source, BlockNumber block, int *handle);
	void		(*release) (HvPageSource *source, int handle);

	/*
	 * The page of a block is not what another page says it is; problem is a verb
	 * phrase.  No page is locked.  Returns if the tree has changed since "meta",
	 * so that the page may have been freed and used again (src/README,
	 * "Damaged pages"); else it is damaged, and an error is raised.
	 */
	void		(*suspect) (HvPageSource *source, BlockNumber block, const char *problem);

	/*
	 * The metapage as it was read before any page of the tree; NULL where nobody
	 * else can change the tree, and nothing can be concluded from its fields.
	 */
	const HvMetaData *meta;
};

#endif							/* HVPAGESOURCE_H */
