/*-------------------------------------------------------------------------
 *
 * space_test.c
 *	  The way into the tree space: orders and lengths must survive it.
 *
 * NOTES
 *	  Every metric's promise is checked on pairs of random vectors: distances
 *	  in the tree space must be what the metric says, whatever the mean.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  test/unit/space_test.c
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <string.h>

#include "arithmetic/hvkernel.h"
#include "arithmetic/hvspace.h"
#include "unit.h"

#define MAX_DIMS	6000
#define NVECTORS	40

static float data[NVECTORS][MAX_DIMS];
static float images[NVECTORS][MAX_DIMS];
static float query[MAX_DIMS];
static float query_image[MAX_DIMS];
static float mean[MAX_DIMS];
static HvSpace space;
static HvRotation *rotation;

static uint64_t random_state = 7;

static float
gauss(void)
{
	return (float) unit_normal(&random_state);
}

static double
distance2(const float *a, const float *b, int n)
{
	double		sum = 0.0;

	for (int i = 0; i < n; i++)
		sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	return sum;
}

static bool
all_finite(const float *x, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (!isfinite(x[i]))
			return false;
	}
	return true;
}

/* random data about a mean, projected with the right M */
static void
make_space(HvMetric metric, int dim, bool with_mean)
{
	double		max_norm = 0.0;

	for (int v = 0; v < NVECTORS; v++)
	{
		for (int i = 0; i < dim; i++)
			data[v][i] = 0.5f + gauss() * (1.0f + 0.02f * (float) v);
		max_norm = fmax(max_norm, HvMetricNorm(data[v], dim));
	}
	for (int i = 0; i <= dim; i++)
	{
		query[i] = 0.5f + 7.0f * gauss();
		mean[i] = 0.5f + 0.1f * gauss();
	}

	free(rotation);
	rotation = malloc(HvRotationSize(HvSpaceRotateDims(metric, dim)));
	HvRotationInit(rotation, HvSpaceRotateDims(metric, dim), 42);
	HvSpaceInit(&space, metric, dim, 1.0f, (float) max_norm, with_mean ? mean : NULL, rotation);

	for (int v = 0; v < NVECTORS; v++)
		HvSpaceProject(&space, data[v], images[v]);
	HvSpaceProjectQuery(&space, query, query_image);
}

static void
test_dims(void)
{
	ok(HvSpaceCenterDims(HV_METRIC_L2, 128) == 128 &&
	   HvSpaceCenterDims(HV_METRIC_IP, 128) == 129, "inner product has one dimension more");
	ok(HvSpaceRotateDims(HV_METRIC_L2, 64) == HV_MIN_CODE_BITS &&
	   HvSpaceCodeBits(HV_METRIC_L2, 64) == HV_MIN_CODE_BITS, "short vectors are padded");
	ok(HvSpaceCodeBits(HV_METRIC_L2, 4) == 64 && HvSpaceCodeBits(HV_METRIC_IP, 4) == 128 &&
	   HvCodeHoldsValues(HvSpaceCodeBits(HV_METRIC_COSINE, HV_CODE_MOST_VALUES)) &&
	   !HvCodeHoldsValues(HvSpaceCodeBits(HV_METRIC_IP, HV_CODE_MOST_VALUES)),
	   "the shortest ones to what their values take");
	ok(HvSpaceRotateDims(HV_METRIC_COSINE, 1024) == 1024 &&
	   HvSpaceRotateDims(HV_METRIC_IP, 1024) == 1088, "to a multiple of 64");
	ok(HvSpaceRotateDims(HV_METRIC_L2, 5000) == 5056 &&
	   HvSpaceCodeBits(HV_METRIC_L2, 5000) == 4096, "long ones are cut");
}

/* What the predicates say of a metric, seen in what its distance and its lift do. */
static void
test_predicates(HvMetric metric)
{
	const char *name = HvMetricName(metric);
	HvSpace		far;
	HvSpace		near;
	float		zero[2] = {0.0f, 0.0f};
	float		x[2] = {3.0f, 4.0f};
	float		y[2] = {30.0f, 40.0f};
	float		lifted[3][3] = {{0.0f}};
	double		to_x = HvMetricDistance(metric, zero, x, 2);
	double		to_y = HvMetricDistance(metric, zero, y, 2);

	HvSpaceInit(&near, metric, 2, 1.0f, 50.0f, NULL, NULL);
	HvSpaceInit(&far, metric, 2, 1.0f, 100.0f, NULL, NULL);
	HvSpaceLift(&near, x, lifted[0]);
	HvSpaceLift(&far, x, lifted[1]);
	HvSpaceLift(&near, y, lifted[2]);
	ok(HvSpaceZeroHasOrder(metric) == (to_x < to_y), "%s: the order about zero", name);
	ok(HvSpaceIgnoresLength(metric) == (distance2(lifted[0], lifted[2], 3) < 1e-6),
	   "%s: whether length counts", name);
	ok(HvSpaceNeedsLongest(metric) == (distance2(lifted[0], lifted[1], 3) > 1.0) &&
	   HvSpaceNeedsLongest(metric) == (HvSpaceCenterDims(metric, 2) == 3),
	   "%s: whether the lift needs the longest row", name);
	ok(HvSpaceIsUnbounded(metric) ==
	   (unit_product(lifted[2], lifted[2], 3) > 2.0 * unit_product(lifted[0], lifted[0], 3)),
	   "%s: whether lifted rows may be any length", name);
}

/* the largest relative error of squared distances, query to data */
static double
l2_error(bool cosine, int dim)
{
	double		worst = 0.0;

	for (int v = 0; v < NVECTORS; v++)
	{
		double		got = distance2(query_image, images[v], space.code_bits);
		double		exact = distance2(query, data[v], dim);

		if (cosine)
			exact = 2.0 - 2.0 * unit_product(query, data[v], dim) /
				(HvMetricNorm(query, dim) * HvMetricNorm(data[v], dim));
		worst = fmax(worst, fabs(got - exact) / exact);
	}
	return worst;
}

/*
 * Under inner product the squared distance must be 2 M^2 - 2 M <x, q> / |q|.
 */
static double
ip_error(int dim)
{
	double		worst = 0.0;
	double		m = space.max_norm;

	for (int v = 0; v < NVECTORS; v++)
	{
		double		got = distance2(query_image, images[v], space.code_bits);
		double		exact = 2.0 * m * m
			- 2.0 * m * unit_product(query, data[v], dim) / HvMetricNorm(query, dim);

		worst = fmax(worst, fabs(got - exact) / (m * m));
	}
	return worst;
}

static void
test_metrics(void)
{
	static const int dims[] = {1, 3, 100, 784, 1024, 1536};

	for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
	{
		for (int with_mean = 0; with_mean < 2; with_mean++)
		{
			make_space(HV_METRIC_L2, dims[i], with_mean);
			ok(l2_error(false, dims[i]) < 1e-3, "%d dimensions: L2 distances stay", dims[i]);
			make_space(HV_METRIC_COSINE, dims[i], with_mean);
			ok(dims[i] == 1 || l2_error(true, dims[i]) < 1e-3,
			   "%d dimensions: cosine as distance of directions", dims[i]);
			make_space(HV_METRIC_IP, dims[i], with_mean);
			ok(ip_error(dims[i]) < 1e-4, "%d dimensions: inner product as distance", dims[i]);
		}
	}

	make_space(HV_METRIC_L2, 5000, true);
	ok(l2_error(false, 5000) < 0.15, "5000 dimensions: cut, but of the same length");
}

static void
test_lengths_do_not_matter(void)
{
	static const float factors[] = {1e-30f, 1e-3f, 1e30f};
	float	   *image = images[0];

	for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++)
	{
		static float scaled[MAX_DIMS];

		make_space(HV_METRIC_COSINE, 100, true);
		for (int d = 0; d < 100; d++)
			scaled[d] = data[0][d] * factors[i];
		HvSpaceProject(&space, scaled, images[1]);
		ok(distance2(image, images[1], space.code_bits) < 1e-9, "cosine: data times %g", factors[i]);

		make_space(HV_METRIC_IP, 100, true);
		for (int d = 0; d < 100; d++)
			scaled[d] = query[d] * factors[i];
		HvSpaceProjectQuery(&space, scaled, images[1]);
		ok(distance2(query_image, images[1], space.code_bits) < 1e-7 * space.max_norm * space.max_norm,
		   "inner product: query times %g", factors[i]);
	}
}

static void
test_extremes(HvMetric metric)
{
	static const float values[] = {0.0f, 1e-44f, 1e-20f, 1e15f, 1e25f, FLT_MAX};
	static float x[MAX_DIMS];

	make_space(metric, 300, true);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		double		norm;

		for (int d = 0; d < 300; d++)
			x[d] = (d % 2) ? values[i] : -values[i];
		HvSpaceInit(&space, metric, 300, 1.0f, (float) fmin(HvMetricNorm(x, 300), 1e15), mean,
					rotation);
		HvSpaceProject(&space, x, images[0]);
		norm = HvMetricNorm(images[0], space.code_bits);
		ok(all_finite(images[0], space.code_bits) && norm <= 1.001 * HV_SPACE_MAX_NORM,
		   "%s: vector of %g is finite and short enough", HvMetricName(metric), values[i]);
		HvSpaceProjectQuery(&space, x, images[0]);
		norm = HvMetricNorm(images[0], space.code_bits);
		ok(all_finite(images[0], space.code_bits) && norm <= 1.001 * HV_SPACE_MAX_NORM,
		   "%s: query of %g is finite and short enough", HvMetricName(metric), values[i]);
	}

	/* the difference alone overflows */
	for (int d = 0; d <= 300; d++)
	{
		x[d] = FLT_MAX;
		mean[d] = -FLT_MAX;
	}
	HvSpaceProject(&space, x, images[0]);
	ok(all_finite(images[0], space.code_bits), "%s: far from the mean", HvMetricName(metric));
}

/* of vectors that are very much longer than M classes say at least how long they are */
static void
test_wide_classes(void)
{
	HvSpace		space;
	float		x[4] = {0.0f, 0.0f, 0.0f, 0.0f};
	int			last = 0;
	bool		right = true;

	HvSpaceInit(&space, HV_METRIC_IP, 4, 0.125f, 16.0f, NULL, NULL);
	for (double length = 2.0; length < 1e36; length *= 1.9)
	{
		int			length_class;
		double		lower;

		x[2] = (float) length;
		length_class = HvSpaceLengthClass(&space, x);
		right = right && length_class >= last && length_class < 255;
		last = length_class;
		if (length < 1000.0)
			continue;
		/* its product with a unit query along it, in squares */
		lower = HvSpaceStretch(16.0f, (uint8_t) length_class, 0.0f);
		right = right && lower <= HvSpaceSquareOf(&space, -length, 1.0) * (1 - 1e-6) &&
			lower >= 2.1 * HvSpaceSquareOf(&space, -length, 1.0);
	}
	ok(right, "classes of vectors up to 1e36 times longer than M");
}

/* classes of vectors longer than M, and the squares that they are stretched to */
static void
test_length_classes(void)
{
	HvSpace		space;
	float		x[4] = {0.0f, 0.0f, 0.0f, 0.0f};
	bool		right = true;
	bool		close = true;

	HvSpaceInit(&space, HV_METRIC_IP, 4, 1.0f, 2.0f, NULL, NULL);
	ok(HvSpaceLengthClass(&space, x) == 0, "a zero vector is not shortened");
	for (float length = 0.1f; length < 500.0f; length *= 1.1f)
	{
		uint8_t		length_class;
		double		product = 0.5 * length; /* with a unit query, scaled to M below */
		double		exact;
		double		stretched;

		x[1] = length;
		length_class = HvSpaceLengthClass(&space, x);
		right = right && (length_class == 0) == (length <= 2.0f);
		if (length_class == 0)
			continue;
		/* as the shortened vector is seen: product 0.5 * M with the unit query */
		stretched = HvSpaceStretch(2.0f, length_class,
								   (float) HvSpaceSquareOf(&space, -0.5 * 2.0, 1.0));
		exact = HvSpaceSquareOf(&space, -product, 1.0);
		/* half a class is 2.2 % of the product's share */
		close = close && fabs(stretched - exact) <= 0.03 * fabs(exact - 2.0 * 2.0 * 2.0) + 1e-4;
	}
	ok(right, "only vectors longer than M have a length class");
	ok(close, "a stretched square is that of the whole vector within 3 %%");
	test_wide_classes();
	space.max_norm = 1e-6f;
	x[1] = FLT_MAX;
	ok(HvSpaceLengthClass(&space, x) == 255, "the longest vector has the last class");
	ok(isfinite(HvSpaceStretch(1e-6f, 255, 0.0f)) && isfinite(HvSpaceStretch(1e15f, 255, 1e30f)) &&
	   isfinite(HvSpaceStretch(1e15f, 255, 4e30f)), "a stretched square is finite");
	space.metric = HV_METRIC_L2;
	ok(HvSpaceLengthClass(&space, x) == 0, "no length classes under L2");
}

/* vectors of data, of which the first get the factor odd */
static void
make_lengths(int dim, int nodd, double odd, double *norms)
{
	for (int v = 0; v < NVECTORS; v++)
	{
		for (int d = 0; d < dim; d++)
			data[v][d] = (float) ((0.3 + gauss()) * (v < nodd ? odd : 1.0));
		norms[v] = HvMetricNorm(data[v], dim);
	}
}

/* whatever the unit of the data, the tree space is the same */
static void
test_units(HvMetric metric, int dim)
{
	static float scaled[MAX_DIMS];
	static float first[NVECTORS + 1][MAX_DIMS];
	double		norms[NVECTORS];
	HvSpaceLengths lengths;
	bool		equal = true;
	double		square = 0.0;

	make_lengths(dim, 0, 1.0, norms);
	free(rotation);
	rotation = malloc(HvRotationSize(HvSpaceRotateDims(metric, dim)));
	HvRotationInit(rotation, HvSpaceRotateDims(metric, dim), 42);
	for (int exponent = 0; exponent <= 230; exponent++)
	{
		/* 0, 1, -1, 2, -2 .. of two to the power of which they are multiples */
		int			power = exponent % 2 ? (exponent + 1) / 2 : -exponent / 2;
		double		factor = ldexp(1.0, power);
		double		here;

		for (int v = 0; v < NVECTORS; v++)
			norms[v] = HvMetricNorm(data[v], dim) * factor;
		HvSpaceMeasure(metric, norms, NVECTORS, 1.1, &lengths);
		HvSpaceInit(&space, metric, dim, lengths.unit, lengths.max_norm, NULL, rotation);
		for (int v = 0; v <= NVECTORS; v++)
		{
			for (int d = 0; d < dim; d++)
				scaled[d] = (float) (data[v % NVECTORS][d] * factor);
			if (v < NVECTORS)
				HvSpaceProject(&space, scaled, images[v]);
			else
				HvSpaceProjectQuery(&space, scaled, query_image);
			if (exponent == 0)
				memcpy(first[v], v < NVECTORS ? images[v] : query_image,
					   space.code_bits * sizeof(float));
			else if (metric == HV_METRIC_L2)
				equal = equal && memcmp(first[v], v < NVECTORS ? images[v] : query_image,
										space.code_bits * sizeof(float)) == 0;
			else				/* lengths of other powers are summed up in double */
				equal = equal && distance2(first[v], v < NVECTORS ? images[v] : query_image,
										   space.code_bits) < 1e-9;
		}
		here = HvSpaceSquareOf(&space, 3.0 * factor *
							   (metric == HV_METRIC_IP ? factor : 1.0), 5.0 * factor);
		if (exponent == 0)
			square = here;
		equal = equal && (metric == HV_METRIC_COSINE || here == square);
	}
	ok(equal, "%s: data times any power of two is the same", HvMetricName(metric));
}

/* what lengths tell, and what a few odd ones must not change */
static void
test_measure(HvMetric metric)
{
	static const double odd[] = {0.0, 1e-38, 1e-6, 1e6, 1e20, 1e36};
	double		norms[NVECTORS];
	HvSpaceLengths usual;
	HvSpaceLengths lengths;

	make_lengths(50, 0, 1.0, norms);
	HvSpaceMeasure(metric, norms, NVECTORS, 1.1, &usual);
	ok(metric == HV_METRIC_COSINE ? usual.unit == 1.0f :
	   norms[0] / usual.unit >= 0.5 && norms[NVECTORS - 1] / usual.unit < 4.0,
	   "%s: the unit is about the length of rows", HvMetricName(metric));
	ok(metric != HV_METRIC_IP || fabs(usual.max_norm * usual.unit - 1.1 * norms[NVECTORS - 1]) < 1e-3,
	   "%s: M is that of the longest row", HvMetricName(metric));
	ok(usual.most > norms[NVECTORS - 1], "%s: all rows count", HvMetricName(metric));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
	{
		make_lengths(50, 2, odd[i], norms);
		HvSpaceMeasure(metric, norms, NVECTORS, 1.1, &lengths);
		ok(lengths.unit <= 2.0f * usual.unit && lengths.unit >= 0.5f * usual.unit &&
		   lengths.max_norm <= 2.0f * usual.max_norm &&
		   lengths.max_norm >= 0.5f * usual.max_norm,
		   "%s: two rows times %g do not change the unit, nor M", HvMetricName(metric), odd[i]);
		ok(metric == HV_METRIC_COSINE || odd[i] < 1.0 || lengths.most < odd[i],
		   "%s: rows times %g do not count for the mean", HvMetricName(metric), odd[i]);
	}
	memset(norms, 0, sizeof(norms));
	HvSpaceMeasure(metric, norms, NVECTORS, 1.1, &lengths);
	ok(lengths.unit == 1.0f && lengths.max_norm == 0.0f, "%s: zero vectors have no length",
	   HvMetricName(metric));
	HvSpaceMeasure(metric, norms, 0, 1.1, &lengths);
	ok(lengths.unit == 1.0f && lengths.max_norm == 0.0f, "%s: neither have none",
	   HvMetricName(metric));
}

static void
test_unit_of_a_page(void)
{
	static const float sound[] = {0.0f, 1.0f, 0.125f, 0x1p126f, 0x1p-126f};
	static const float unsound[] = {-1.0f, 3.0f, 0x1p127f, 0x1p-127f, 1e-45f, NAN, INFINITY};

	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
		ok(HvSpaceUnitIsSound(sound[i]), "%g is a unit", sound[i]);
	for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++)
		ok(!HvSpaceUnitIsSound(unsound[i]), "%g is no unit", unsound[i]);
}

/* beside a unit of 1e-36 the longest vectors have a finite image in their direction */
static void
test_far_beyond_the_unit(void)
{
	static float x[MAX_DIMS];
	double		norm;

	make_space(HV_METRIC_L2, 100, true);
	for (int d = 0; d < 100; d++)
		x[d] = d % 3 ? FLT_MAX : -FLT_MAX;
	HvSpaceInit(&space, HV_METRIC_L2, 100, ldexpf(1.0f, -120), 0.0f, mean, rotation);
	HvSpaceProject(&space, x, images[0]);
	norm = HvMetricNorm(images[0], space.code_bits);
	ok(all_finite(images[0], space.code_bits) && fabs(norm / HV_SPACE_MAX_NORM - 1) < 1e-3,
	   "the longest vector beside the shortest unit");
	for (int d = 0; d < 100; d++)
		x[d] = d % 3 ? 1e-30f : -1e-30f;
	HvSpaceProject(&space, x, images[1]);
	ok(fabs(unit_product(images[0], images[1], space.code_bits) /
			(norm * HvMetricNorm(images[1], space.code_bits)) - 1) < 1e-5,
	   "it keeps its direction");
}

int
main(void)
{
	HvKernelsInit();
	test_length_classes();
	test_dims();
	for (int metric = HV_METRIC_L2; metric <= HV_METRIC_COSINE; metric++)
		test_predicates((HvMetric) metric);
	test_metrics();
	test_lengths_do_not_matter();
	for (HvMetric metric = HV_METRIC_L2; metric <= HV_METRIC_COSINE; metric++)
	{
		test_units(metric, 100);
		test_measure(metric);
	}
	test_unit_of_a_page();
	test_far_beyond_the_unit();
	test_extremes(HV_METRIC_L2);
	test_extremes(HV_METRIC_IP);
	test_extremes(HV_METRIC_COSINE);
	free(rotation);
	return done();
}
