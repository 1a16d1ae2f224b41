/*-------------------------------------------------------------------------
 *
 * hvcenter.h
 *	  The centroid of a cluster: its mean, but for two things.
 *
 * NOTES
 *	  The centroid of a page is what leads queries there.  One vector a million
 *	  times as long as the others of its page would take their mean so far away
 *	  that no query looks for any of them.  So vectors that are far from the mean
 *	  beside the others do not count for it.
 *
 *	  Where all vectors are equally long, the mean of a cluster is shorter than
 *	  they are, the more the looser the cluster is.  By their distance from the
 *	  mean, a query would prefer loose clusters, which are all somewhat near to
 *	  everything, to the tight one that has its neighbors.  So there a centroid
 *	  is a direction, as in spherical k-means (Dhillon and Modha 2001): the mean,
 *	  made as long as the vectors are.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvcenter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCENTER_H
#define HVCENTER_H

#include <stdbool.h>

typedef struct HvCluster
{
	int			count;
	int			dims;
	const float *(*vector) (void *arg, int i);	/* valid until the next call */
	void	   *arg;
	const float *weights;		/* count of them, or NULL: all alike */
} HvCluster;

/* what a centroid is, by the metric; see HvSpaceCentroidRule */
typedef struct HvCentroidRule
{
	bool		trim;			/* vectors far away do not count */
	const float *zero;			/* the point that all vectors are as far away from,
								 * dims floats, or NULL */
	float		radius;			/* how far */
} HvCentroidRule;

/*
 * centroid (dims floats) <- that of a cluster.  scratch has room for 2 * count
 * floats; afterwards scratch[i] is 0 for the vectors that do not count, and not 0
 * for the others.
 */
extern void HvClusterCentroid(const HvCluster *cluster, const HvCentroidRule *rule,
							  float *scratch, float *centroid);

/* The second half of that: mean (dims floats) becomes the centroid, in place. */
extern void HvCentroidOfMean(const HvCentroidRule *rule, float *mean, int dims);

#endif							/* HVCENTER_H */
