/*-------------------------------------------------------------------------
 *
 * hvspace.c
 *	  From a user's vector to the space in which the tree works.
 *
 * NOTES
 *	  The usual vector takes a path of float arithmetic only.  What is 1e15
 *	  times longer than the usual takes a slower one in double, so that every
 *	  finite vector has a finite image.
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
#include <stdlib.h>
#include <string.h>

#include "arithmetic/hvkernel.h"

/*
 * Where rows may be any length, the usual length is that of a rather short one: so
 * many are shorter, zero vectors not counted.  Codes about a mean that is far away
 * beside the lengths of vectors tell nothing of them; those of long vectors are as
 * good as any.  Where M is needed long rows are the answers: there it is the median.
 */
#define SHORT_SHARE		0.1
#define MEDIAN_SHARE	0.5

/* times the usual length: what is longer does not count for the mean, or for M */
#define OUTLIER_FACTOR	100.0
#define LONGEST_FACTOR	16384.0

/* of the unit; its inverse must be a normal float */
#define MOST_EXPONENT	126

/* see HvSpaceDistanceError; of 1e-23, no square is left in float */
#define SUM_ERROR		1e-4
#define VANISHED		1e-20

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
HvSpaceInit(HvSpace *space, HvMetric metric, int dim, float unit, float max_norm,
			const float *mean, const HvRotation *rotation)
{
	space->metric = metric;
	space->dim = dim;
	space->center_dims = HvSpaceCenterDims(metric, dim);
	space->rotate_dims = HvSpaceRotateDims(metric, dim);
	space->code_bits = HvSpaceCodeBits(metric, dim);
	space->unit = unit > 0.0f ? unit : 1.0f;
	space->max_norm = max_norm;
	space->mean = mean;
	space->rotation = rotation;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		da = *(const double *) a;
	double		db = *(const double *) b;

	return (da > db) - (da < db);
}

/* the power of two next below a length > 0 */
static float
unit_of(double length)
{
	int			exponent;

	(void) frexp(length, &exponent);
	exponent--;
	if (exponent > MOST_EXPONENT)
		exponent = MOST_EXPONENT;
	if (exponent < -MOST_EXPONENT)
		exponent = -MOST_EXPONENT;
	return ldexpf(1.0f, exponent);
}

bool
HvSpaceUnitIsSound(float unit)
{
	return unit == 0.0f || (unit > 0.0f && unit <= FLT_MAX && unit_of(unit) == unit);
}

/*
 * A mean is taken of rows of one size.  One row in a thousand a hundred times as
 * long moves it by a tenth of a usual length; one of 1e38 would move it so far
 * that float can no longer tell the others apart.  Nor can it beside an M that is a
 * million times as long.
 */
void
HvSpaceMeasure(HvMetric metric, double *norms, int n, double headroom,
			   HvSpaceLengths *lengths)
{
	double		share = HvSpaceNeedsLongest(metric) ? MEDIAN_SHARE : SHORT_SHARE;
	double		usual;
	int			zeros = 0;
	int			last = n - 1;

	lengths->unit = 1.0f;
	lengths->max_norm = 0.0f;
	lengths->most = INFINITY;
	if (HvSpaceIgnoresLength(metric))
		return;

	qsort(norms, n, sizeof(double), compare_doubles);
	while (zeros < n && norms[zeros] == 0.0)
		zeros++;
	if (zeros == n)
		return;
	usual = norms[zeros + (int) (share * (n - zeros))];
	lengths->unit = unit_of(usual);
	lengths->most = OUTLIER_FACTOR * usual;
	if (!HvSpaceNeedsLongest(metric))
		return;
	while (norms[last] > LONGEST_FACTOR * usual)
		last--;
	lengths->max_norm = (float) (headroom * norms[last] / lengths->unit);
}

/* out <- x * factor, n floats */
static void
scale_by(const float *x, int n, double factor, float *out)
{
	if (factor >= FLT_MIN && factor <= FLT_MAX)
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
 * out <- x * length / |x|, n floats; a zero vector stays zero.
 */
static void
scale_to_length(const float *x, int n, double length, float *out)
{
	double		norm = HvMetricNorm(x, n);

	if (norm > 0.0)
		scale_by(x, n, length / norm, out);
	else
		memset(out, 0, sizeof(float) * n);
}

/*
 * The coordinate sqrt(M^2 - |x|^2) that turns an order by inner product into
 * one by distance; 0 for a vector longer than M.
 */
static float
missing_length(double max_norm, double norm)
{
	double		rest = (max_norm - norm) * (max_norm + norm);

	return (rest > 0.0) ? (float) sqrt(rest) : 0.0f;
}

/*
 * A vector longer than M keeps its direction only: in full length it would
 * seem far from all queries, and it is more likely than others to be an answer.
 */
static void
lift_product(const HvSpace *space, const float *x, float *out)
{
	double		norm = HvMetricNorm(x, space->dim) / space->unit;

	if (norm > space->max_norm)
		scale_to_length(x, space->dim, space->max_norm, out);
	else
		scale_by(x, space->dim, 1.0 / space->unit, out);
	out[space->dim] = missing_length(space->max_norm, norm);
}

/* Step 1 for a data vector: x (dim floats) -> out (center_dims floats). */
void
HvSpaceLift(const HvSpace *space, const float *x, float *out)
{
	switch (space->metric)
	{
		case HV_METRIC_L2:
			scale_by(x, space->dim, 1.0 / space->unit, out);
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
	if (space->metric == HV_METRIC_IP)
	{
		/* near FLT_MAX the product might round to infinity */
		scale_to_length(x, space->dim, fmin(space->max_norm, 1e38), out);
		out[space->dim] = 0.0f;
	}
	else
		HvSpaceLift(space, x, out);
}

/*
 * Steps 1 and 2 where float overflowed or the result is longer than
 * HV_SPACE_MAX_NORM: out is the lifted vector, as far as it is finite, and
 * becomes the centred one, of that length.  Only under L2 is it not finite,
 * where it is x in units.
 */
static void
center_long(const HvSpace *space, const float *x, float *out)
{
	double		factor = 0.0;	/* in the first pass: not known yet */
	double		sum = 0.0;

	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < space->center_dims; i++)
		{
			double		d = isfinite(out[i]) ? out[i] : x[i] / (double) space->unit;

			d -= space->mean ? space->mean[i] : 0.0f;
			if (pass == 0)
				sum += d * d;
			else
				out[i] = (float) (d * factor);
		}
		/* float may have erred where the vector is short enough */
		factor = fmin(HV_SPACE_MAX_NORM / sqrt(sum), 1.0);
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
		center_long(space, x, out);
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

/* What the centroid of vectors of the tree space is. */
void
HvSpaceCentroidRule(const HvSpace *space, float *room, HvCentroidRule *rule)
{
	rule->trim = HvSpaceIsUnbounded(space->metric);
	rule->zero = NULL;
	rule->radius = 1.0f;
	if (!HvSpaceIgnoresLength(space->metric))
		return;
	for (int i = 0; i < space->center_dims; i++)
		room[i] = space->mean ? -space->mean[i] : 0.0f;
	HvSpaceRotate(space, room);
	rule->zero = room;
}

/* What an exact distance is as a squared distance in the tree space. */
double
HvSpaceSquareOf(const HvSpace *space, double distance, double query_norm)
{
	double		m = space->max_norm;
	double		units = distance / space->unit;

	switch (space->metric)
	{
		case HV_METRIC_L2:
			return units * units;
		case HV_METRIC_COSINE:
			return 2.0 * distance;	/* |a - b|^2 of unit vectors */
		case HV_METRIC_IP:
			/* query and row both have length M; distance is -<q, x> */
			return 2.0 * m * m + 2.0 * m * (units / query_norm);
	}
	return 0.0;
}

/*
 * By how much a distance summed elsewhere may differ.  A sum of n terms is off by
 * n * FLT_EPSILON / 2 of their sizes at the very most, and by its root mostly.
 * Terms may vanish that are too small for a float.
 */
double
HvSpaceDistanceError(const HvSpace *space, double distance, double query_norm)
{
	switch (space->metric)
	{
		case HV_METRIC_L2:
			return SUM_ERROR * fabs(distance) + VANISHED;
		case HV_METRIC_COSINE:
			return SUM_ERROR;
		case HV_METRIC_IP:
			/* terms of both signs: what counts is how large they are */
			return SUM_ERROR * (fabs(distance) +
								query_norm * space->max_norm * space->unit) + VANISHED;
	}
	return 0.0;
}

/* No distance is below this. */
double
HvSpaceLeastDistance(const HvSpace *space)
{
	return space->metric == HV_METRIC_IP ? -INFINITY : 0.0;
}

/* Octaves by which the vectors of a class are longer than M, at least or at most. */
static double
class_octaves(int length_class)
{
	if (length_class <= HV_LENGTH_FINE_CLASSES)
		return length_class / 16.0;
	return HV_LENGTH_FINE_CLASSES / 16 + (length_class - HV_LENGTH_FINE_CLASSES);
}

/* By how much a vector was shortened, rounded up to the end of a class. */
uint8_t
HvSpaceLengthClass(const HvSpace *space, const float *x)
{
	double		octaves;
	double		fine;

	if (!HvSpaceNeedsLongest(space->metric) || !(space->max_norm > 0.0f))
		return 0;
	octaves = log2(HvMetricNorm(x, space->dim) / space->unit / space->max_norm);
	if (!(octaves > 0.0))
		return 0;
	fine = ceil(16.0 * octaves);
	if (fine > HV_LENGTH_FINE_CLASSES)
		fine = HV_LENGTH_FINE_CLASSES + ceil(octaves - class_octaves(HV_LENGTH_FINE_CLASSES));
	return (uint8_t) fmin(255.0, fmax(1.0, fine));
}

/* A square as it would be if the vector had kept its length. */
float
HvSpaceStretch(float max_norm, uint8_t length_class, float square)
{
	double		diagonal = 2.0 * max_norm * max_norm;
	double		octaves = class_octaves(length_class);
	double		stretched;

	/* the middle of a narrow class, the end of a wide one */
	if (length_class <= HV_LENGTH_FINE_CLASSES)
		octaves -= 0.5 / 16.0;
	stretched = diagonal - exp2(octaves) * (diagonal - square);
	return (float) fmin(fmax(stretched, -FLT_MAX), FLT_MAX);
}
