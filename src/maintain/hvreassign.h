/*-------------------------------------------------------------------------
 *
 * hvreassign.h
 *	  Tuples that are nearer to another page since a centroid has changed go
 *	  there; a centroid that has drifted is recomputed.
 *
 * NOTES
 *	  A centroid that is new or moves changes which page is nearest for tuples
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
 * Moves tuples that are nearer to another page off npages <= HV_MAX_RECENTERED
 * pages of one level, and tuples of other pages that are nearer to these onto
 * them.  The others are the nearest few pages; for tuples far from their
 * page's centroid, or all of them if thorough, any page of the level.  heap
 * may be NULL above the leaves.  Several WAL records, the tree being valid
 * after each.  Structure lock held, no page locked; likewise on return.
 */
extern void HvReassign(const HvRecentered *pages, int npages, bool thorough, HvHeap *heap,
					   HvReassignment *result);

/*
 * Moves the entry of a page with a new centroid to the inner page whose
 * centroid is nearest to it, if that is not the parent and has room: one WAL
 * record, if any.  Fills parent with where it is afterwards.  Locks as above.
 */
extern void HvReassignEntry(HvIndex *index, HvHeap *heap, const HvNeighbor *child, int level,
							HvParent *parent);

typedef struct HvRecentering
{
	int			moved;
	int			rows_read;		/* of other pages, from the heap */
	bool		recentered;
} HvRecentering;

/*
 * Replaces the centroid of a page below the root if it has drifted from mean,
 * that of the members' loaded vectors; then moves the page's entry, its
 * tuples, and other tuples to the page each of them is nearest to, as above.
 * The page and its parent are about the present mean of the index.  Several
 * WAL records, the tree being valid after each.  Structure lock held, no page
 * locked; likewise on return.
 */
extern void HvRecenterMembers(HvMembers *members, HvHeap *heap, HvParent *parent,
							float *mean, HvRecentering *result);

/*
 * The same for an inner page of which a quarter of the children came or went
 * since its centroid was taken; does nothing otherwise.  For splits, which add
 * children.
 */
extern void HvRecenterInner(HvIndex *index, HvHeap *heap, BlockNumber block, int level);

#endif							/* HVREASSIGN_H */
