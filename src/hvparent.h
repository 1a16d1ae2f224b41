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

#include "hvmeta.h"

/*
 * The parent of a tree page other than the root, of which the caller has a
 * copy.  The structure lock is held, so the answer stays true; one page is
 * locked at a time, none on return.  Errors if there is no parent.
 */
extern BlockNumber HvParentFind(HvIndex *index, Page image, BlockNumber block);

#endif							/* HVPARENT_H */
