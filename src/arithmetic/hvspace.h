/*-------------------------------------------------------------------------
 *
 * hvspace.h
 *	  From a user's vector to the space in which the tree works.
 *
 * NOTES
 *	  Everything above the kernels (codes, centroids, k-means, descent) works
 *	  in one Euclidean space, the "tree space", in which near means near under
 *	  the metric of the index.  A vector gets there in four steps:
 *
 *	  1. metric:   L2 divides by "unit", the length of a usual row, so that
 *				   what follows is the same whatever the unit of the data;
 *				   cosine divides by the vector's own length (a zero vector
 *				   stays zero); inner product divides by unit and appends the
 *				   coordinate sqrt(M^2 - |x|^2), M = max_norm, which makes the
 *				   order by inner product an order by L2 distance (Bachrach et
 *				   al. 2014); a vector longer than M is shortened to M and gets
 *				   0, see HvSpaceLengthClass.  A query under inner product is
 *				   scaled to length M and gets 0 there: its length does not
 *				   change the order, but it does change how much the lengths of
 *				   centroids weigh.
 *	  2. centring: subtract the mean of the index.
 *	  3. padding with zeros to rotate_dims and rotation by HvRotation.
 *	  4. cutting to the first code_bits coordinates; where that shortens, the
 *				   rest is scaled by sqrt(rotate_dims / code_bits) so that
 *				   squared distances keep their expectation.
 *
 *	  rotate_dims is a multiple of 64 and at least HV_MIN_CODE_BITS: short
 *	  vectors thereby get several code bits a dimension.  The shortest ones,
 *	  of up to HV_CODE_MOST_VALUES coordinates after step 1, are neither
 *	  rotated nor given so many dimensions: their codes hold values
 *	  (hvcode.h), and padding is only to where a code of 16 bits for each
 *	  coordinate has as many bits as the tree space has dimensions.  code_bits =
 *	  min(rotate_dims, HV_MAX_CODE_BITS).
 *
 *	  A vector whose length after step 2 exceeds HV_SPACE_MAX_NORM is shortened
 *	  to that, so that no sum in the tree can overflow.  Only routing and
 *	  estimates see it; exact distances do not come from here.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvspace.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSPACE_H
#define HVSPACE_H

#include <math.h>
#include <stdint.h>

#include "arithmetic/hvcenter.h"
#include "arithmetic/hvcode.h"
#include "arithmetic/hvmetric.h"
#include "arithmetic/hvrotate.h"

#define HV_SPACE_MAX_NORM	1e15f

typedef struct HvSpace
{
	HvMetric	metric;
	int			dim;			/* of the user's vectors */
	int			center_dims;	/* dim, + 1 under inner product: of mean */
	int			rotate_dims;
	int			code_bits;		/* dimensions of the tree space */
	float		unit;			/* user's length that is 1 here, a power of two */
	float		max_norm;		/* M in units, inner product only */
	const float *mean;			/* center_dims floats, or NULL for zero */
	const HvRotation *rotation; /* of rotate_dims */
} HvSpace;

/*
 * What the code above asks about a metric: these, and never which one it is.
 */

/* Has a zero vector nearest rows?  Else all rows are as near to it. */
static inline bool
HvSpaceZeroHasOrder(HvMetric metric)
{
	return metric == HV_METRIC_L2;
}

/* Do only directions count?  Then step 1 makes all rows equally long. */
static inline bool
HvSpaceIgnoresLength(HvMetric metric)
{
	return metric == HV_METRIC_COSINE;
}

/*
 * Does step 1 need M, the length of the longest row?  Then it appends a
 * coordinate, and takes the same vector to one place as a row and to another
 * as a query.
 */
static inline bool
HvSpaceNeedsLongest(HvMetric metric)
{
	return metric == HV_METRIC_IP;
}

/* May a row be any length after step 1?  Then a few rows can spoil the mean. */
static inline bool
HvSpaceIsUnbounded(HvMetric metric)
{
	return metric == HV_METRIC_L2;
}

/* the sizes that follow from metric and dim */
extern int	HvSpaceCenterDims(HvMetric metric, int dim);
extern int	HvSpaceRotateDims(HvMetric metric, int dim);
extern int	HvSpaceCodeBits(HvMetric metric, int dim);

/*
 * Fills space; mean and rotation stay the caller's and must outlive it.  A unit
 * of 0 is that of an index from before there were units: 1.
 */
extern void HvSpaceInit(HvSpace *space, HvMetric metric, int dim, float unit, float max_norm,
						const float *mean, const HvRotation *rotation);

/* Is it a unit that HvSpaceMeasure gives, or that of an index without one? */
extern bool HvSpaceUnitIsSound(float unit);

/* what the lengths of a table's rows tell of its tree space */
typedef struct HvSpaceLengths
{
	float		unit;
	float		max_norm;
	double		most;			/* longer rows do not count for the mean */
} HvSpaceLengths;

/*
 * Fills lengths from those of n rows, which it sorts.  headroom is how many
 * times longer than these rows others may be.
 */
extern void HvSpaceMeasure(HvMetric metric, double *norms, int n, double headroom,
						   HvSpaceLengths *lengths);

/*
 * Step 1 alone: x (dim floats) -> out (center_dims floats).  For the mean: of a
 * vector that is 1e38 units long and does not count for that, out is not finite.
 */
extern void HvSpaceLift(const HvSpace *space, const float *x, float *out);

/*
 * A data vector: x (dim floats) -> out.  out has room for rotate_dims floats
 * (all are used on the way); the first code_bits of them are the result.
 */
extern void HvSpaceProject(const HvSpace *space, const float *x, float *out);

/* The same for the vector that a query asks about. */
extern void HvSpaceProjectQuery(const HvSpace *space, const float *x, float *out);

/* Steps 3 and 4 alone, in place: x has center_dims floats, and room for rotate_dims. */
extern void HvSpaceRotate(const HvSpace *space, float *x);

/*
 * What the centroid of vectors of the tree space is (hvcenter.h).  room has
 * rotate_dims floats and must outlive the rule.
 */
extern void HvSpaceCentroidRule(const HvSpace *space, float *room, HvCentroidRule *rule);

/*
 * By how much a vector was shortened in step 1: 0 if it was not, else a class of
 * 1 .. 255, at first a sixteenth of an octave each, from 256 times on an octave.
 */
#define HV_LENGTH_FINE_CLASSES	128

extern uint8_t HvSpaceLengthClass(const HvSpace *space, const float *x);

/*
 * What a squared distance between the query and a shortened vector would be if
 * the vector had kept its length, on the scale of HvSpaceSquareOf: products
 * grow with the length.  Where a class is wide it is the longest of it, so that
 * a lower bound stays one.  max_norm is M, > 0.  Never infinite.
 */
extern float HvSpaceStretch(float max_norm, uint8_t length_class, float square);

/*
 * What an exact distance under the metric is as a squared distance in the tree
 * space, where estimates can be compared with it.  query_norm is the length
 * of the query (inner product only, > 0).
 */
extern double HvSpaceSquareOf(const HvSpace *space, double distance, double query_norm);

/*
 * By how much a distance that another program has summed in float, in whatever
 * order, may differ from an exact one of this size; generously.
 */
extern double HvSpaceDistanceError(const HvSpace *space, double distance, double query_norm);

/* No distance is below this; -INFINITY where there is no such number. */
extern double HvSpaceLeastDistance(const HvSpace *space);

#endif							/* HVSPACE_H */
