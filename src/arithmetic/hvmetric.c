/*-------------------------------------------------------------------------
 *
 * hvmetric.c
 *	  Exact distances between float vectors.
 *
 * NOTES
 *	  A float sum of n squares or products carries a rounding error of up to
 *	  about n * FLT_EPSILON of its terms.  Terms too small for a normal float
 *	  lose at most n * FLT_MIN * FLT_EPSILON together, which is no more than
 *	  that as long as the sum itself is at least FLT_MIN: hence the limit.  In
 *	  double neither end can be reached from float inputs: squares lie between
 *	  1e-90 and 1e78.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvmetric.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvmetric.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "arithmetic/hvkernel.h"

/* can a sum that was made in float be trusted?  (false for a NaN) */
static inline bool
sum_is_sound(float sum)
{
	float		size = fabsf(sum);

	return size >= FLT_MIN && size <= FLT_MAX;
}

/* sum of (a[i] - b[i])^2 in double */
static double
wide_l2_squared(const float *a, const float *b, int n)
{
	double		sum = 0.0;

	for (int i = 0; i < n; i++)
	{
		double		d = (double) a[i] - (double) b[i];

		sum += d * d;
	}
	return sum;
}

/* sum of a[i] * b[i] in double */
static double
wide_inner_product(const float *a, const float *b, int n)
{
	double		sum = 0.0;

	for (int i = 0; i < n; i++)
		sum += (double) a[i] * (double) b[i];
	return sum;
}

/* Euclidean distance */
static double
l2_distance(const float *a, const float *b, int n)
{
	float		sum = HvKernel->l2_squared(a, b, n);

	if (sum_is_sound(sum))
		return sqrt((double) sum);
	return sqrt(wide_l2_squared(a, b, n));
}

/* inner product */
static double
inner_product(const float *a, const float *b, int n)
{
	float		sum = HvKernel->inner_product(a, b, n);

	if (sum_is_sound(sum))
		return (double) sum;
	return wide_inner_product(a, b, n);
}

/*
 * 1 - cosine, 0 .. 2, or NaN where a or b is a zero vector.
 *
 * A small <a,b> is no reason to do it again: what counts is its size beside
 * the lengths, and those are tested.
 */
static double
cosine_distance(const float *a, const float *b, int n)
{
	float		parts[3];
	double		ab;
	double		aa;
	double		bb;
	double		cosine;

	HvKernel->cosine_parts(a, b, n, parts);
	ab = (double) parts[0];
	aa = (double) parts[1];
	bb = (double) parts[2];
	if (!isfinite(parts[0]) || !sum_is_sound(parts[1]) || !sum_is_sound(parts[2]))
	{
		ab = wide_inner_product(a, b, n);
		aa = wide_inner_product(a, a, n);
		bb = wide_inner_product(b, b, n);
		if (aa == 0.0 || bb == 0.0)
			return (double) NAN;
	}

	/* rounding may carry the quotient a little out of its range */
	cosine = ab / sqrt(aa * bb);
	if (cosine > 1.0)
		cosine = 1.0;
	else if (cosine < -1.0)
		cosine = -1.0;
	return 1.0 - cosine;
}

/*
 * The distance of a and b, n floats each, all finite.  L2: >= 0.  IP: any
 * number.  Cosine: 0 .. 2, NaN where one of the two is a zero vector.
 */
double
HvMetricDistance(HvMetric metric, const float *a, const float *b, int n)
{
	switch (metric)
	{
		case HV_METRIC_L2:
			return l2_distance(a, b, n);
		case HV_METRIC_IP:
			/* a difference, so that zero does not become -0 */
			return 0.0 - inner_product(a, b, n);
		case HV_METRIC_COSINE:
			return cosine_distance(a, b, n);
	}
	return (double) NAN;
}

/*
 * Euclidean length of a, in double where float does not do.
 */
double
HvMetricNorm(const float *a, int n)
{
	return sqrt(inner_product(a, a, n));
}

/*
 * Are all n values finite?
 *
 * Works on the bits: adding one to the exponent field of an infinity or NaN,
 * and of nothing else, carries into the sign bit.
 */
bool
HvMetricAllFinite(const float *a, int n)
{
	uint32_t	carry = 0;
	int			i = 0;

	for (; i + 8 <= n; i += 8)
	{
		uint32_t	bits[8];

		memcpy(bits, a + i, sizeof(bits));
		for (int k = 0; k < 8; k++)
			carry |= (bits[k] & UINT32_C(0x7f800000)) + UINT32_C(0x00800000);
	}
	for (; i < n; i++)
	{
		uint32_t	bits;

		memcpy(&bits, a + i, sizeof(bits));
		carry |= (bits & UINT32_C(0x7f800000)) + UINT32_C(0x00800000);
	}
	return (carry & UINT32_C(0x80000000)) == 0;
}

/*
 * "l2", "inner product" or "cosine", for messages and statistics.
 */
const char *
HvMetricName(HvMetric metric)
{
	switch (metric)
	{
		case HV_METRIC_L2:
			return "l2";
		case HV_METRIC_IP:
			return "inner product";
		case HV_METRIC_COSINE:
			return "cosine";
	}
	return "unknown";
}
