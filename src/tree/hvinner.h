/*-------------------------------------------------------------------------
 *
 * hvinner.h
 *	  Inner entries: the centroids they name, the page that holds them, and
 *	  the pages whose centroids are nearest to a point.
 *
 * NOTES
 *	  Pages do not know their parents, since a split of the parent would have
 *	  to tell all its children.  The parent is found by searching for it.
 *
 *	  The byte vectors of centroids lie on pages of their own.
 *	  Queries never read them; inserts read a few, splits write them.  All
 *	  functions that write need the structure lock and are one WAL record
 *	  each.  A slot that a crash leaves without an owner is a small leak, not
 *	  damage: VACUUM frees it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvinner.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVINNER_H
#define HVINNER_H

#include "tree/hvmeta.h"

typedef struct HvCentroidRef
{
	BlockNumber block;
	uint16		slot;
} HvCentroidRef;

/* Stores centroid (code_bits floats) in a free slot. */
extern HvCentroidRef HvCentroidAdd(HvIndex *index, const float *centroid);

/*
 * Converts the centroids of a page image from the mean before to the mean of
 * index.
 */
extern void HvCentroidPageShift(HvIndex *index, Page page);

/* Overwrites a centroid. */
extern void HvCentroidUpdate(HvIndex *index, HvCentroidRef ref, const float *centroid);

/* Frees a slot. */
extern void HvCentroidRemove(HvIndex *index, HvCentroidRef ref);

/*
 * Reads a centroid into code_bits floats, about the mean of index; errors where
 * there is none.
 */
extern void HvCentroidRead(HvIndex *index, HvCentroidRef ref, float *centroid);

/* the inner page that names a child, and what its entry says */
typedef struct HvParent
{
	BlockNumber block;
	HvCentroidRef ref;			/* the child's centroid */
	int			children;		/* how many the parent has */
} HvParent;

/*
 * Finds the parent of a tree page other than the root; near is a point of the
 * tree space (code_bits floats) close to what the page holds: the closer, the
 * faster.  The structure lock is held, so the answer stays true; one page is
 * locked at a time, none on return.  Errors if there is no parent.
 */
extern void HvParentFind(HvIndex *index, BlockNumber block, int level, const float *near,
						 HvParent *parent);

/*
 * Fills an inner entry and its code (code_bytes) for a child with this
 * centroid.
 */
extern void HvParentMakeEntry(const HvIndex *index, BlockNumber child, HvCentroidRef ref,
							  const float *centroid, uint8 *code, void *entry);

/*
 * Gives a page a new centroid, where its parent routes by it and where inserts
 * compare with it, or leaves the old one (centroid NULL); either way, the
 * page's churn starts again at 0.  One WAL record; locks as above.
 */
extern void HvParentRecenter(HvIndex *index, BlockNumber block, const HvParent *parent,
							 const float *centroid);

typedef struct HvNeighbor
{
	BlockNumber block;
	float	   *centroid;		/* code_bits floats */
	float		norm2;			/* |centroid|^2 */
} HvNeighbor;

/*
 * Fills neighbors with up to limit pages of a level, nearest first by their
 * codes, without the nexcept blocks in except.  center has code_bits floats.
 * Returns how many; memory is taken from the current context.  Structure lock
 * held; one page is locked at a time, none on return.
 */
extern int	HvNeighborsFind(HvIndex *index, const float *center, int level,
							const BlockNumber *except, int nexcept,
							HvNeighbor *neighbors, int limit);

/* squared distance of a vector (norm2 = its square) and a centroid, >= 0 */
extern float HvNeighborDistance(const HvIndex *index, const HvNeighbor *neighbor,
								const float *vector, float norm2);

#endif							/* HVINNER_H */
