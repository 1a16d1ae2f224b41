/*-------------------------------------------------------------------------
 *
 * hvmetric.h
 *	  Exact distances between float vectors.
 *
 * NOTES
 *	  These are the values that the SQL operators return and that a scan
 *	  orders its rows by: one function for both, so that an index scan and a
 *	  sort agree to the last bit.
 *
 *	  Sums are made in float by the kernels.  Where such a sum overflowed or
 *	  is too small to be trusted (not finite, or below FLT_MIN while the
 *	  inputs are not all zero) it is made again in double.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvmetric.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMETRIC_H
#define HVMETRIC_H

#include <stdbool.h>

/* the longest vector */
#define HV_MAX_DIMENSIONS	16000

/* Values are stored in the metapage: never renumber. */
typedef enum HvMetric
{
	HV_METRIC_L2 = 1,			/* Euclidean distance */
	HV_METRIC_IP = 2,			/* negative inner product */
	HV_METRIC_COSINE = 3		/* 1 - cosine similarity */
} HvMetric;

/*
 * The distance of a and b, n floats each, all finite.  L2: >= 0.  IP: any
 * number.  Cosine: 0 .. 2, NaN where one of the two is a zero vector.
 */
extern double HvMetricDistance(HvMetric metric, const float *a, const float *b, int n);

/* Euclidean length of a, in double where float does not do */
extern double HvMetricNorm(const float *a, int n);

/* are all n values finite? */
extern bool HvMetricAllFinite(const float *a, int n);

/* "l2", "inner product", "cosine" */
extern const char *HvMetricName(HvMetric metric);

#endif							/* HVMETRIC_H */
