/*-------------------------------------------------------------------------
 *
 * hvconvert.h
 *	  From codes about one mean to codes about another, page by page.
 *
 * NOTES
 *	  All codes of an index are about one mean.  Should that turn out to be far
 *	  from the data, a new one is written and the metapage names it.  From then
 *	  on the mean version of a page says about which of the two its codes are,
 *	  readers compare with both, and a backend that changes a page converts its
 *	  codes first.  VACUUM does the rest.  Only then can the mean change again.
 *	  See "Mean versions" in src/README.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvconvert.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCONVERT_H
#define HVCONVERT_H

#include "tree/hvmembers.h"

/*
 * Makes sure that a page's codes are about the mean of members->index: one WAL
 * record if they were not.  members is as HvMembersRead left it, and is read
 * again where the page was converted.  heap may be NULL above the leaves.
 * False if the page is no tree page of that level any more.  Structure lock
 * held, no page locked; likewise on return.
 */
extern bool HvConvertMembers(HvMembers *members, HvHeap *heap);

/* The same for a page that the caller has not read. */
extern bool HvConvertPage(HvIndex *index, HvHeap *heap, BlockNumber block, int level);

/* The same for a leaf that rejects a row; takes the structure lock itself. */
extern void HvConvertLeaf(Relation relation, Relation heap, BlockNumber leaf);

/* The same for a centroid page; nothing happens where it is none. */
extern void HvConvertCentroids(HvIndex *index, BlockNumber block);

/*
 * Converts the next few pages, in block order; after the last one ends the
 * change of the mean.  limit is how many leaves and inner pages to convert,
 * INT_MAX for all of them.  One WAL record more than there are pages.
 * Structure lock held, no page locked; likewise on return.
 */
extern void HvConvertNext(HvIndex *index, HvHeap *heap, int limit);

#endif							/* HVCONVERT_H */
