/*-------------------------------------------------------------------------
 *
 * hvmembers.h
 *	  The tuples of one tree page together with their vectors.
 *
 * NOTES
 *	  Splits and maintenance need the vectors of a page's tuples: those of rows
 *	  of the table for a leaf, the centroids of children for an inner page.
 *	  Both are vectors of the tree space here, so that one routine serves all
 *	  levels.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvmembers.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMEMBERS_H
#define HVMEMBERS_H

#include "heap/hvheap.h"
#include "tree/hvmeta.h"

typedef struct HvMembers
{
	HvIndex    *index;
	BlockNumber block;
	int			level;
	int			count;			/* tuples */
	float	  **vectors;		/* code_bits floats for each, NULL = not loaded */
	PGAlignedBlock image;		/* the page as it was read */
} HvMembers;

/*
 * Copies a page; false if it is not (or no longer) a tree page of this level.
 * The page is locked for a moment, nothing on return.  Vectors are not loaded.
 */
extern bool HvMembersRead(HvMembers *members, HvIndex *index, BlockNumber block, int level);

/*
 * Loads the vectors of all tuples: rows from heap, children's centroids from
 * their pages.  The vector of a row of which no version is left is decoded from
 * its code: the tuple stays in the index until VACUUM removes it.  Structure
 * lock held, no page locked.
 */
extern void HvMembersLoad(HvMembers *members, HvHeap *heap);

/* The same for one tuple; out has room for rotate_dims floats. */
extern void HvMembersLoadOne(const HvMembers *members, HvHeap *heap, int i, float *out);

/*
 * Calls use(arg, i, vector) for each row of a leaf; vector is the column's value,
 * NULL where no version of the row is left.
 */
extern void HvMembersEachRow(const HvMembers *members, HvHeap *heap,
							 void (*use) (void *arg, int i, const float *vector), void *arg);

/* The centroid of the loaded vectors (code_bits floats). */
extern void HvMembersCentroid(const HvMembers *members, float *mean);

/* The same from the codes alone: rough, but no vector need be loaded. */
extern void HvMembersCodeCentroid(const HvMembers *members, float *mean);

/* Is a locked page still what was read? */
extern bool HvMembersUnchanged(const HvMembers *members, Page page);

static inline const void *
HvMembersEntry(const HvMembers *members, int i)
{
	Page		page = (Page) members->image.data;

	Assert(i >= 0 && i < HvPageCount(page));
	return HvPageEntry(page, i, HvPageEntrySize(page, &members->index->layout));
}

/* The copy of a row in its second leaf, which was not chosen as the nearest? */
static inline bool
HvMembersIsSpilled(const HvMembers *members, int i)
{
	return members->level == 0 &&
		(((const HvLeafEntryData *) HvMembersEntry(members, i))->flags & HV_ENTRY_SPILLED);
}

#endif							/* HVMEMBERS_H */
