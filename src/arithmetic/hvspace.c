/*-------------------------------------------------------------------------
 *
 * hvspace.c
 *	  From a user's vector to the space in which the tree works.
 *
 * NOTES
 *	  The usual vector takes a path of float arithmetic only.  Lengths that
 *	  float cannot square (beyond about 1e19 or below about 1e-19) take a
 *	  slower one in double, so that every finite vector has a finite image.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvspace.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvspace.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "arithmetic/hvkernel.h"

/* dimensions before rotation: inner product has one more than the vector */
int
HvSpaceCenterDims(HvMetric metric, int dim)
{
	return dim + HvSpaceNeedsLongest(metric);
}

/*
 * dimensions of the rotation: a multiple of 64, at least HV_MIN_CODE_BITS; fewer
 * where codes hold values and nothing is rotated
 */
int
HvSpaceRotateDims(HvMetric metric, int dim)
{
	int			center_dims = HvSpaceCenterDims(metric, dim);
	int			dims = (center_dims + 63) / 64 * 64;

	if (center_dims <= HV_CODE_MOST_VALUES)
		return (center_dims * HV_CODE_VALUE_BITS + 63) / 64 * 64;
	return (dims < HV_MIN_CODE_BITS) ? HV_MIN_CODE_BITS : dims;
}

/* dimensions of the tree space, which are the bits of a code */
int
HvSpaceCodeBits(HvMetric metric, int dim)
{
	int			dims = HvSpaceRotateDims(metric, dim);

	return (dims > HV_MAX_CODE_BITS) ? HV_MAX_CODE_BITS : dims;
}

/*
 * Fills space.  mean is center_dims floats or NULL, rotation one of
 * rotate_dims; both stay the caller's.
 */
void
HvSpaceInit(HvSpace *space, HvMetric metric, int dim, float max_norm,
			const float *mean, const HvRotation *rotation)
{
	space->metric = metric;
	space->dim = dim;
	space->center_dims = HvSpaceCenterDims(metric, dim);
	space->rotate_dims = HvSpaceRotateDims(metric, dim);
	space->code_bits = HvSpaceCodeBits(metric, dim);
	space->max_norm = max_norm;
	space->mean = mean;
	space->rotation = rotation;
}

/*
 * out <- x * length / |x|, n floats; a zero vector stays zero.
 */
static void
scale_to_length(const float *x, int n, double length, float *out)
{
	double		norm = HvMetricNorm(x, n);
	double		factor;

	if (!(norm > 0.0))
	{
		memset(out, 0, sizeof(float) * n);
		return;
	}
	factor = length / norm;

	if (factor > FLT_MIN && factor < FLT_MAX)
	{
		float		f = (float) factor;

		for (int i = 0; i < n; i++)
			out[i] = x[i] * f;
	}
	else
	{
		for (int i = 0; i < n; i++)
			out[i] = (float) (x[i] * factor);
	}
}

/*
 * The coordinate sqrt(M^2 - |x|^2) that turns an order by inner product into
 * one by distance; 0 for a vector longer than M.
 */
static float
missing_length(double max_norm, double norm)
{
	double		rest = (max_norm - norm) * (max_norm + norm);
	double		length = (rest > 0.0) ? sqrt(rest) : 0.0;

	return (length > FLT_MAX) ? FLT_MAX : (float) length;
}

/*
 * A vector longer than M keeps its direction only: in full length it would
 * seem far from all queries, and it is more likely than others to be an answer.
 */
static void
lift_product(const HvSpace *space, const float *x, float *out)
{
	double		norm = HvMetricNorm(x, space->dim);

	if (norm > space->max_norm)
		scale_to_length(x, space->dim, space->max_norm, out);
	else
		memcpy(out, x, sizeof(float) * space->dim);
	out[space->dim] = missing_length(space->max_norm, norm);
}

/* Step 1 for a data vector: x (dim floats) -> out (center_dims floats). */
void
HvSpaceLift(const HvSpace *space, const float *x, float *out)
{
	switch (space->metric)
	{
		case HV_METRIC_L2:
			memcpy(out, x, sizeof(float) * space->dim);
			break;
		case HV_METRIC_COSINE:
			scale_to_length(x, space->dim, 1.0, out);
			break;
		case HV_METRIC_IP:
			lift_product(space, x, out);
			break;
	}
}

/* Step 1 for the vector that a query asks about. */
static void
lift_query(const HvSpace *space, const float *x, float *out)
{
	if (HvSpaceNeedsLongest(space->metric))
	{
		/* near FLT_MAX the product might round to infinity */
		scale_to_length(x, space->dim, fmin(space->max_norm, 1e38), out);
		out[space->dim] = 0.0f;
	}
	else
		HvSpaceLift(space, x, out);
}

/*
 * Step 2 where float overflowed or the result is longer than
 * HV_SPACE_MAX_NORM: out is the lifted vector and becomes the centred one, of
 * that length.
 */
static void
center_long(const HvSpace *space, float *out)
{
	double		sum = 0.0;
	double		factor;

	for (int i = 0; i < space->center_dims; i++)
	{
		double		d = (double) out[i] - (space->mean ? space->mean[i] : 0.0f);

		sum += d * d;
	}
	factor = HV_SPACE_MAX_NORM / sqrt(sum);
	if (factor > 1.0)
		factor = 1.0;			/* float had erred, the vector is short enough */
	for (int i = 0; i < space->center_dims; i++)
	{
		double		d = (double) out[i] - (space->mean ? space->mean[i] : 0.0f);

		out[i] = (float) (d * factor);
	}
}

/* Steps 3 and 4: x (center_dims floats, room for rotate_dims). */
void
HvSpaceRotate(const HvSpace *space, float *x)
{
	int			n = space->center_dims;

	memset(x + n, 0, sizeof(float) * (space->rotate_dims - n));
	if (HvCodeHoldsValues(space->code_bits))
		return;
	HvRotationApply(space->rotation, x);

	if (space->code_bits < space->rotate_dims)
	{
		float		f = sqrtf((float) space->rotate_dims / space->code_bits);

		for (int i = 0; i < space->code_bits; i++)
			x[i] *= f;
	}
}

/*
 * Steps 1 to 4.  lift is step 1, and is called twice for a very long vector.
 */
static void
project(const HvSpace *space, const float *x, float *out,
		void (*lift) (const HvSpace *space, const float *x, float *out))
{
	int			n = space->center_dims;
	float		norm2;

	lift(space, x, out);
	if (space->mean)
	{
		for (int i = 0; i < n; i++)
			out[i] -= space->mean[i];
	}

	norm2 = HvKernel->inner_product(out, out, n);
	if (!(norm2 <= HV_SPACE_MAX_NORM * HV_SPACE_MAX_NORM))
	{
		lift(space, x, out);
		center_long(space, out);
	}

	HvSpaceRotate(space, out);
}

/* A data vector: x (dim floats) -> out (rotate_dims floats of room). */
void
HvSpaceProject(const HvSpace *space, const float *x, float *out)
{
	project(space, x, out, HvSpaceLift);
}

/* The same for the vector that a query asks about. */
void
HvSpaceProjectQuery(const HvSpace *space, const float *x, float *out)
{
	project(space, x, out, lift_query);
}

/* What an exact distance is as a squared distance in the tree space. */
double
HvSpaceSquareOf(const HvSpace *space, double distance, double query_norm)
{
	double		m = space->max_norm;

	switch (space->metric)
	{
		case HV_METRIC_L2:
			return distance * distance;
		case HV_METRIC_COSINE:
			return 2.0 * distance;	/* |a - b|^2 of unit vectors */
		case HV_METRIC_IP:
			/* query and row both have length M; distance is -<q, x> */
			return 2.0 * m * m + 2.0 * distance * m / query_norm;
	}
	return 0.0;
}

/* By how much a vector was shortened, rounded up to a sixteenth of an octave. */
uint8_t
HvSpaceLengthClass(const HvSpace *space, const float *x)
{
	double		norm;

	if (!HvSpaceNeedsLongest(space->metric) || !(space->max_norm > 0.0f))
		return 0;
	norm = HvMetricNorm(x, space->dim);
	if (norm <= space->max_norm)
		return 0;
	return (uint8_t) fmin(255.0, fmax(1.0, ceil(16.0 * log2(norm / space->max_norm))));
}
