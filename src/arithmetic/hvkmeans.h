/*-------------------------------------------------------------------------
 *
 * hvkmeans.h
 *	  k-means over byte-quantised vectors of the tree space.
 *
 * NOTES
 *	  Vectors are kept as int8 (HvByteEncode): a quarter of the memory of
 *	  float, so that four times the sample fits the same budget; sums,
 *	  distances and centroids are float.  One text for all users: the build
 *	  clusters hundreds of thousands of sampled rows, a page split the few
 *	  dozen members of one page.
 *
 *	  Deterministic for a seed.  Bounded: iterations * members * k distances.
 *	  Memory comes from the caller; a callback lets the caller stop the work
 *	  (it may not return at all).
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkmeans.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVKMEANS_H
#define HVKMEANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arithmetic/hvcenter.h"
#include "arithmetic/hvcode.h"

/* a growing set of byte vectors, arrays owned by the caller */
typedef struct HvVectors
{
	int			dims;			/* = code_bits of the space */
	int			count;
	int			capacity;
	int8_t	   *values;			/* capacity * dims */
	HvByteFactors *factors;		/* capacity */
} HvVectors;

/* stores x (dims floats) as vector i */
extern void HvVectorsSet(HvVectors *vectors, int i, const float *x);
/* vector i as floats */
extern void HvVectorsGet(const HvVectors *vectors, int i, float *out);

typedef struct HvKmeansParams
{
	int			k;				/* clusters wanted, >= 1 */
	int			iterations;		/* Lloyd iterations, >= 1 */
	uint64_t	seed;
	int			max_members;	/* no cluster may get more than this many, 0 = any */
	HvCentroidRule rule;		/* what centroids are; trimmed at the end only */
	void		(*check) (void *arg);	/* called every ~1 ms of work, may be NULL */
	void	   *check_arg;
} HvKmeansParams;

/* what comes out, in the caller's arrays */
typedef struct HvClusters
{
	int		   *assignment;		/* nmembers: the cluster of each member */
	float	   *centroids;		/* k * dims */
	int		   *counts;			/* k: members of each */
} HvClusters;

/* bytes of scratch that HvKmeans needs */
extern size_t HvKmeansScratchSize(int nmembers, int dims, int k);

/*
 * Clusters the vectors members[0 .. nmembers - 1].
 *
 * Returns the number of clusters made, all of them non-empty, at most
 * min(k, nmembers).  It is k wherever nmembers >= k: equal vectors are cut by
 * order where distance cannot part them, so that a caller that must halve a
 * page of equal vectors always can.  With max_members, members beyond it go to
 * the nearest cluster that has room (k * max_members >= nmembers required).
 */
extern int	HvKmeans(const HvVectors *vectors, const int *members, int nmembers,
					 const HvKmeansParams *params, void *scratch,
					 const HvClusters *clusters);

#endif							/* HVKMEANS_H */
