/*-------------------------------------------------------------------------
 *
 * hvreassign.h
 *	  Tuples that a new centroid has made neighbours of another page go there;
 *	  a page gets the centroid that its tuples ask for.
 *
 * NOTES
 *	  A centroid that appears or moves changes which page is nearest for tuples
 *	  of its own page, and for tuples of the pages around it.  Both are looked
 *	  for here, on the nearest few pages (LIRE, arXiv 2410.14452, tests the
 *	  same two conditions).  It is what keeps a tree that grows as good as one
 *	  that was built: src/README, "Maintenance".
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvreassign.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVREASSIGN_H
#define HVREASSIGN_H

#include "tree/hvinner.h"
#include "tree/hvmembers.h"

/* a split makes two new centroids */
#define HV_MAX_RECENTERED	2

/* a page with a new centroid */
typedef struct HvRecentered
{
	HvMembers  *members;		/* with their vectors */
	HvNeighbor	center;			/* the page and its centroid */
} HvRecentered;

typedef struct HvReassignment
{
	int			moved;
	int			rows_read;		/* of neighbouring pages, from the heap */
} HvReassignment;

/*
 * Moves what is nearer elsewhere off npages <= HV_MAX_RECENTERED pages of one
 * level, and onto them what is nearer there.  Elsewhere is the nearest few pages; for
 * tuples far from their page's centroid, or all of them if thorough, anywhere.  heap may be NULL above the leaves.
 * Several WAL records, the tree being in order after each.  Structure lock held,
 * no page locked; likewise on return.
 */
extern void HvReassign(const HvRecentered *pages, int npages, bool thorough, HvHeap *heap,
					   HvReassignment *result);

/*
 * Moves the entry of a page with a new centroid to the inner page whose centroid is
 * nearest to it, if that is not the parent and has room: one WAL record, if any.
 * Fills parent with where it stands afterwards.  Locks as above.
 */
extern void HvReassignEntry(HvIndex *index, HvHeap *heap, const HvNeighbor *child, int level,
							HvParent *parent);

typedef struct HvSettled
{
	int			moved;
	int			rows_read;		/* of other pages, from the heap */
	bool		recentered;
} HvSettled;

/*
 * Takes the centroid of a page below the root anew if it has drifted from mean, that
 * of the members' loaded vectors; moves its entry and its tuples to where they are
 * nearest, and what is nearest to it there.  The page and its parent are about the
 * present mean of the index.  Several WAL records, the tree being in order after
 * each.  Structure lock held, no page locked; likewise on return.
 */
extern void HvSettleMembers(HvMembers *members, HvHeap *heap, HvParent *parent,
							float *mean, HvSettled *result);

/*
 * The same for an inner page of which a quarter of the children came or went since
 * its centroid was taken; does nothing otherwise.  For splits, which add children.
 */
extern void HvSettleInner(HvIndex *index, HvHeap *heap, BlockNumber block, int level);

#endif							/* HVREASSIGN_H */
