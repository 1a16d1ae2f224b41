/*-------------------------------------------------------------------------
 *
 * hvneighbor.h
 *	  The pages of a level whose centroids are nearest to a point.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvneighbor.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVNEIGHBOR_H
#define HVNEIGHBOR_H

#include "hvmeta.h"

typedef struct HvNeighbor
{
	BlockNumber block;
	float	   *centroid;		/* code_bits floats */
	float		norm2;			/* |centroid|^2 */
} HvNeighbor;

/*
 * Fills neighbors with up to limit pages of a level, nearest first as the codes
 * tell, leaving out the nexcept blocks in except.  center has code_bits floats.
 * Returns how many; memory is taken from the current context.  Structure lock
 * held; one page is locked at a time, none on return.
 */
extern int	HvNeighborsFind(HvIndex *index, const float *center, int level,
							const BlockNumber *except, int nexcept,
							HvNeighbor *neighbors, int limit);

/* squared distance of a vector (norm2 = its square) and a centroid, >= 0 */
extern float HvNeighborDistance(const HvIndex *index, const HvNeighbor *neighbor,
								const float *vector, float norm2);

#endif							/* HVNEIGHBOR_H */
