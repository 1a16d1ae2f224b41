/*-------------------------------------------------------------------------
 *
 * hvcluster.h
 *	  Hierarchical k-means over a sample: the tree that a build places rows by.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvcluster.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCLUSTER_H
#define HVCLUSTER_H

#include "hvimages.h"
#include "hvkmeans.h"

typedef struct HvClusterTree
{
	HvImages	images;			/* what HvPlace descends; leaves are numbered */
	int			height;			/* level of the root, >= 1 */
	int			nleaves;		/* in depth-first order: siblings adjoin */
	BlockNumber *parents;		/* of each leaf, its page on level 1 */
	BlockNumber *page_parents;	/* of each inner page, by its block */
} HvClusterTree;

typedef struct HvClusterParams
{
	int			leaves;			/* wanted, >= 2 */
	int			iterations;
	uint64		seed;
	void		(*progress) (void *arg, int done);	/* leaves made so far */
	void	   *progress_arg;
} HvClusterParams;

/*
 * Clusters vectors[0 .. count - 1].  All memory that the result needs is taken
 * from context; scratch memory is freed.
 */
extern HvClusterTree *HvClusterBuild(const HvVectors *vectors, const HvLayout *layout,
									 const HvClusterParams *params, MemoryContext context);

/* The centroid of a leaf, code_bits floats. */
extern void HvClusterLeafCentroid(const HvClusterTree *tree, int leaf, float *centroid);

/* The page on a level above a leaf. */
extern BlockNumber HvClusterAncestor(const HvClusterTree *tree, int leaf, int level);

#endif							/* HVCLUSTER_H */
