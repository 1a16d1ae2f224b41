/*-------------------------------------------------------------------------
 *
 * hvmerge.h
 *	  Fewer pages: a sparse page goes into its neighbours, a root with one
 *	  child into that.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvmerge.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMERGE_H
#define HVMERGE_H

#include "tree/hvinner.h"
#include "tree/hvmembers.h"

/* Has a page below the root fewer tuples than are worth a page? */
static inline bool
HvMergeIsDue(int count, int capacity)
{
	return count * HV_LEAST_FILL < capacity;
}

/*
 * Moves each tuple of a page (vectors loaded) to the nearest page of its level
 * that has room, and takes the page out of the tree: one WAL record for each
 * page that gets tuples.  False where not all of them find room, or the parent
 * has no other child; then some tuples may have moved nevertheless, which does
 * no harm.  Structure lock held, no page locked; likewise on return.
 */
extern bool HvMergePage(const HvMembers *members, const HvParent *parent);

/*
 * Where the root is an inner page with a single child, puts that child in its
 * place: the tree is a level lower.  False where it is not, or where the child
 * is about the mean before.  Locks as above.
 */
extern bool HvMergeRoot(HvIndex *index);

#endif							/* HVMERGE_H */
