/*-------------------------------------------------------------------------
 *
 * hvleafmeans.h
 *	  Sums of the rows that a build sends to each leaf.
 *
 * NOTES
 *	  The centroid that is written with a leaf comes from all of its rows,
 *	  not of those in the sample: on generated vectors (100,000 of 1,024
 *	  dimensions) recall@10 in 8 leaves goes from .934 to .937 by that alone,
 *	  and to .947 with the rounds of hvrefine.c: .95 then takes about a quarter
 *	  fewer codes.
 *
 *	  A sum is kept in 16 bits a dimension, in units of the leaf's own.  Sums of
 *	  integers do not depend on the order of rows.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvleafmeans.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVLEAFMEANS_H
#define HVLEAFMEANS_H

#include "build/hvcluster.h"

typedef struct HvLeafMeans
{
	int			dims;
	int			nleaves;
	struct HvLeafMeansHeader *header;
	float	   *units;			/* of each leaf */
	int		   *counts;			/* rows in the sum */
	int16	   *values;			/* dims for each leaf */
} HvLeafMeans;

/* Bytes of HV_REGION_MEANS. */
extern Size HvLeafMeansSize(const HvLayout *layout, int nleaves);

/*
 * Makes the region, all sums zero; the tree says in which units.  Leader only.
 */
extern void HvLeafMeansBegin(HvBuild *build, const HvClusterTree *tree);

/* The sums in the region, for a participant; false if there are none. */
extern bool HvLeafMeansMap(const HvBuild *build, HvLeafMeans *sums);

/* Adds a row (code_bits floats) to the sum of a leaf. */
extern void HvLeafMeansAdd(const HvLeafMeans *sums, int leaf, const float *o);

/* The mean of the rows of a leaf; false if there is none. */
extern bool HvLeafMeansMean(const HvLeafMeans *sums, int leaf, float *mean);

#endif							/* HVLEAFMEANS_H */
