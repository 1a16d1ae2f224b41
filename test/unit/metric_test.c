/*-------------------------------------------------------------------------
 *
 * metric_test.c
 *	  Exact distances: plain values, and the ends of the float range.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  test/unit/metric_test.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"
#include "arithmetic/hvmetric.h"

#include <float.h>
#include <string.h>

#include "unit.h"

#define MAX_DIMS	16000

static float a[MAX_DIMS];
static float b[MAX_DIMS];

/* a smallest denormal float, 2^-149 */
#define TINIEST		1.401298464324817e-45f

/* is x within a relative tolerance of the expected value? */
static bool
near(double x, double expected, double tolerance)
{
	if (fabs(x - expected) <= tolerance * fabs(expected))
		return true;
	diag("got %.17g, expected %.17g", x, expected);
	return false;
}

/* all n values of a vector */
static void
fill(float *x, int n, float value)
{
	for (int i = 0; i < n; i++)
		x[i] = value;
}

static void
test_plain_values(void)
{
	const float u[3] = {1.0f, 2.0f, 2.0f};
	const float v[3] = {4.0f, 6.0f, 2.0f};
	const float w[3] = {-2.0f, -4.0f, -4.0f};
	const float x[3] = {2.0f, -1.0f, 0.0f};

	ok(HvMetricDistance(HV_METRIC_L2, u, v, 3) == 5.0, "L2 distance is 5");
	ok(HvMetricDistance(HV_METRIC_L2, u, u, 3) == 0.0, "L2 distance to itself is 0");
	ok(HvMetricDistance(HV_METRIC_IP, u, v, 3) == -20.0, "negative inner product is -20");
	ok(near(HvMetricDistance(HV_METRIC_COSINE, u, v, 3),
			1.0 - 20.0 / (3.0 * sqrt(56.0)), 1e-12), "cosine distance");
	ok(HvMetricDistance(HV_METRIC_COSINE, u, u, 3) == 0.0, "cosine distance to itself is 0");
	ok(HvMetricDistance(HV_METRIC_COSINE, u, w, 3) == 2.0, "cosine distance to the opposite is 2");
	ok(HvMetricDistance(HV_METRIC_COSINE, u, x, 3) == 1.0, "cosine distance at a right angle is 1");
	ok(HvMetricNorm(u, 3) == 3.0, "norm is 3");
	ok(!signbit(HvMetricDistance(HV_METRIC_IP, u, x, 3)),
	   "inner product 0 gives 0 and not -0");
}

static void
test_overflow(void)
{
	const int	n = 100;
	double		big = (double) FLT_MAX;

	fill(a, n, FLT_MAX);
	fill(b, n, -FLT_MAX);
	ok(near(HvMetricDistance(HV_METRIC_L2, a, b, n), 2.0 * big * 10.0, 1e-12),
	   "L2 distance of the largest floats");
	ok(near(HvMetricDistance(HV_METRIC_IP, a, b, n), big * big * 100.0, 1e-12),
	   "inner product of the largest floats");
	ok(HvMetricDistance(HV_METRIC_COSINE, a, b, n) == 2.0, "cosine of the largest floats");
	ok(near(HvMetricNorm(a, n), big * 10.0, 1e-12), "norm of the largest floats");

	/* strands that overflow to both sides: infinity minus infinity */
	for (int i = 0; i < n; i++)
		b[i] = i % 2 == 0 ? FLT_MAX : -FLT_MAX;
	ok(HvMetricDistance(HV_METRIC_IP, a, b, n) == 0.0, "inner product that cancels out");
	ok(HvMetricDistance(HV_METRIC_COSINE, a, b, n) == 1.0, "cosine that cancels out");

	/* one of three sums overflows alone */
	fill(b, n, 1e-10f);
	ok(near(HvMetricDistance(HV_METRIC_COSINE, a, b, n) + 1.0, 1.0, 1e-9),
	   "cosine of the largest and a small vector");

	fill(a, MAX_DIMS, FLT_MAX);
	ok(near(HvMetricNorm(a, MAX_DIMS), big * sqrt((double) MAX_DIMS), 1e-12),
	   "norm of the largest floats in %d dimensions", MAX_DIMS);
}

static void
test_underflow(void)
{
	const int	n = 100;
	double		tiny = (double) TINIEST;

	fill(a, n, TINIEST);
	fill(b, n, -TINIEST);
	ok(near(HvMetricDistance(HV_METRIC_L2, a, b, n), 2.0 * tiny * 10.0, 1e-12),
	   "L2 distance of the smallest floats");
	ok(near(HvMetricDistance(HV_METRIC_IP, a, b, n), tiny * tiny * 100.0, 1e-12),
	   "inner product of the smallest floats");
	ok(HvMetricDistance(HV_METRIC_COSINE, a, b, n) == 2.0, "cosine of the smallest floats");
	ok(near(HvMetricNorm(a, n), tiny * 10.0, 1e-12), "norm of the smallest floats");

	fill(b, n, 3e38f);
	ok(near(HvMetricDistance(HV_METRIC_COSINE, a, b, n) + 1.0, 1.0, 1e-9),
	   "cosine of the smallest and a large vector");

	/* just below and above the limit, where half the terms are denormal */
	for (int step = 0; step < 40; step++)
	{
		float		x = ldexpf(1.0f, -75 + step / 2) * (step % 2 == 0 ? 1.0f : 1.37f);

		fill(a, n, x);
		fill(b, n, 0.0f);
		if (fabs(HvMetricDistance(HV_METRIC_L2, a, b, n) / (10.0 * (double) x) - 1.0) > 1e-5)
		{
			ok(false, "L2 distance near the limit, step %d", step);
			return;
		}
	}
	ok(true, "L2 distance near the limit between float and double");

	/* neighbours far from zero */
	fill(a, n, 1.0f);
	fill(b, n, 1.0f + FLT_EPSILON);
	ok(near(HvMetricDistance(HV_METRIC_L2, a, b, n), 10.0 * (double) FLT_EPSILON, 1e-6),
	   "L2 distance of neighbouring floats");
}

static void
test_zero_vectors(void)
{
	const int	n = 10;

	fill(a, n, 0.0f);
	fill(b, n, 2.0f);
	ok(isnan(HvMetricDistance(HV_METRIC_COSINE, a, b, n)), "cosine of zero and b is NaN");
	ok(isnan(HvMetricDistance(HV_METRIC_COSINE, b, a, n)), "cosine of a and zero is NaN");
	ok(isnan(HvMetricDistance(HV_METRIC_COSINE, a, a, n)), "cosine of two zeros is NaN");
	ok(HvMetricDistance(HV_METRIC_L2, a, a, n) == 0.0, "L2 distance of two zeros is 0");
	ok(near(HvMetricDistance(HV_METRIC_L2, a, b, n), sqrt(40.0), 1e-7), "L2 distance to zero");
	ok(HvMetricDistance(HV_METRIC_IP, a, b, n) == 0.0 &&
	   !signbit(HvMetricDistance(HV_METRIC_IP, a, b, n)), "inner product with zero is 0");
	ok(HvMetricNorm(a, n) == 0.0, "norm of zero is 0");
	fill(a, n, -0.0f);
	ok(isnan(HvMetricDistance(HV_METRIC_COSINE, a, b, n)), "cosine of -0 and b is NaN");
	fill(a, n, FLT_MAX);
	fill(b, n, 0.0f);
	ok(isnan(HvMetricDistance(HV_METRIC_COSINE, a, b, n)),
	   "cosine of a vector that overflows and zero is NaN");
}

/* cosine of parallel vectors stays within 0 .. 2, and exact where it can */
static void
test_cosine_range(void)
{
	uint64_t	state = 7;
	bool		in_range = true;
	bool		self_is_zero = true;
	bool		symmetric = true;

	for (int n = 1; n <= 400; n++)
	{
		double		d;

		for (int i = 0; i < n; i++)
		{
			a[i] = (float) unit_normal(&state);
			b[i] = a[i] * 1.7f;
		}
		d = HvMetricDistance(HV_METRIC_COSINE, a, b, n);
		if (!(d >= 0.0 && d < 1e-5))
			in_range = false;
		for (int i = 0; i < n; i++)
			b[i] = -b[i];
		d = HvMetricDistance(HV_METRIC_COSINE, a, b, n);
		if (!(d <= 2.0 && d > 2.0 - 1e-5))
			in_range = false;
		if (HvMetricDistance(HV_METRIC_COSINE, a, a, n) != 0.0)
			self_is_zero = false;
		for (int m = HV_METRIC_L2; m <= HV_METRIC_COSINE; m++)
		{
			if (HvMetricDistance((HvMetric) m, a, b, n) !=
				HvMetricDistance((HvMetric) m, b, a, n))
				symmetric = false;
		}
	}
	ok(in_range, "cosine of parallel vectors is in range");
	ok(self_is_zero, "cosine distance of any vector to itself is exactly 0");
	ok(symmetric, "all distances are symmetric to the last bit");
}

static void
test_all_finite(void)
{
	const float odd_ones[3] = {NAN, INFINITY, -INFINITY};
	bool		found = true;
	bool		quiet = true;

	for (int n = 0; n <= 70; n++)
	{
		fill(a, n, n % 2 == 0 ? FLT_MAX : -TINIEST);
		if (!HvMetricAllFinite(a, n))
			quiet = false;
		for (int i = 0; i < n; i++)
		{
			for (int k = 0; k < 3; k++)
			{
				float		saved = a[i];

				a[i] = odd_ones[k];
				if (HvMetricAllFinite(a, n))
					found = false;
				a[i] = saved;
			}
		}
		/* what stands behind the end does not count */
		a[n] = NAN;
		if (!HvMetricAllFinite(a, n))
			quiet = false;
	}
	ok(quiet, "finite vectors of all lengths are finite");
	ok(found, "NaN and infinity are found in every place");
}

static void
test_names(void)
{
	ok(strcmp(HvMetricName(HV_METRIC_L2), "l2") == 0, "name of L2");
	ok(strcmp(HvMetricName(HV_METRIC_IP), "inner product") == 0, "name of inner product");
	ok(strcmp(HvMetricName(HV_METRIC_COSINE), "cosine") == 0, "name of cosine");
}

int
main(void)
{
	for (int level = HV_KERNEL_SCALAR; level <= HV_KERNEL_NEON; level++)
	{
		if (!HvKernelsForce((HvKernelLevel) level))
			continue;
		diag("kernels: %s", HvKernel->name);
		test_plain_values();
		test_overflow();
		test_underflow();
		test_zero_vectors();
		test_cosine_range();
	}
	test_all_finite();
	test_names();
	return done();
}
