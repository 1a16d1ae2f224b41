/*-------------------------------------------------------------------------
 *
 * hvcenter.h
 *	  The middle of a cluster, which a few vectors far away do not move.
 *
 * NOTES
 *	  The centroid of a page is what leads queries there.  One vector a million
 *	  times as long as the others of its page would take their mean so far away
 *	  that no query looks for any of them.  So vectors that are far from the mean
 *	  beside the others do not count for it.
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

/*
 * mean (dims floats) <- the mean of a cluster; with "trim" without the vectors
 * far away.  scratch has room for 2 * count floats; afterwards scratch[i] is 0 for
 * the vectors that do not count, and not 0 for the others.
 */
extern void HvClusterMean(const HvCluster *cluster, bool trim, float *scratch, float *mean);

#endif							/* HVCENTER_H */
