/*-------------------------------------------------------------------------
 *
 * center_test.c
 *	  The middle of a cluster: a plain mean, unless a few vectors are far away.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  test/unit/center_test.c
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "arithmetic/hvcenter.h"
#include "arithmetic/hvkernel.h"
#include "unit.h"

#define DIMS	40
#define COUNT	30

static float vectors[COUNT][DIMS];
static float weights[COUNT];
static float scratch[2 * COUNT];
static float mean[DIMS];
static uint64_t random_state = 5;

static const float *
get(void *arg, int i)
{
	static float copy[DIMS];

	(void) arg;
	/* the next call overwrites it, as that of a user may */
	memcpy(copy, vectors[i], sizeof(copy));
	return copy;
}

/* COUNT vectors around (2, 2, ..), "far" of them times factor */
static void
make(int far, double factor)
{
	for (int i = 0; i < COUNT; i++)
	{
		weights[i] = 1.0f;
		for (int d = 0; d < DIMS; d++)
			vectors[i][d] = (float) ((2.0 + unit_normal(&random_state)) * (i % (COUNT / 6) == 0 && i / (COUNT / 6) < far ? factor : 1.0));
	}
}

/* the largest difference in a coordinate from the weighted mean of those that count */
static double
difference(bool counts_all)
{
	double		worst = 0.0;

	for (int d = 0; d < DIMS; d++)
	{
		double		sum = 0.0;
		double		total = 0.0;

		for (int i = 0; i < COUNT; i++)
		{
			if (!counts_all && scratch[i] == 0.0f)
				continue;
			sum += (double) weights[i] * vectors[i][d];
			total += weights[i];
		}
		worst = fmax(worst, fabs(sum / total - mean[d]));
	}
	return worst;
}

static int
counted(void)
{
	int			n = 0;

	for (int i = 0; i < COUNT; i++)
		n += scratch[i] != 0.0f;
	return n;
}

/* The centroid of vectors that are all as far from one point is as far from it. */
static void
test_direction(HvCluster *cluster, const HvCentroidRule *plain, const HvCentroidRule *direction)
{
	float		plain_mean[DIMS];
	float		length;
	float		plain_length;
	double		product = 0.0;

	make(0, 1.0);
	cluster->count = COUNT;
	HvClusterCentroid(cluster, plain, scratch, plain_mean);
	HvClusterCentroid(cluster, direction, scratch, mean);
	length = sqrtf(HvKernel->l2_squared(mean, direction->zero, DIMS));
	plain_length = sqrtf(HvKernel->l2_squared(plain_mean, direction->zero, DIMS));
	for (int d = 0; d < DIMS; d++)
		product += (mean[d] - direction->zero[d]) * (plain_mean[d] - direction->zero[d]);
	ok(fabsf(length - direction->radius) < 1e-4f, "as far from zero as the vectors");
	ok(product / length / plain_length > 1.0 - 1e-5, "in the direction of the mean");

	cluster->count = 1;
	memcpy(vectors[0], direction->zero, sizeof(vectors[0]));
	HvClusterCentroid(cluster, direction, scratch, mean);
	ok(memcmp(mean, direction->zero, sizeof(mean)) == 0, "zero has no direction");
}

int
main(void)
{
	static const double factors[] = {1e3, 1e6, 1e15};
	static const float zero[DIMS] = {1.0f};
	const HvCentroidRule plain = {false, NULL, 1.0f};
	const HvCentroidRule trimmed = {true, NULL, 1.0f};
	const HvCentroidRule direction = {false, zero, 7.0f};
	HvCluster	cluster = {COUNT, DIMS, get, NULL, NULL};

	HvKernelsInit();
	make(0, 1.0);
	HvClusterCentroid(&cluster, &plain, scratch, mean);
	ok(difference(true) < 1e-5, "a mean");
	HvClusterCentroid(&cluster, &trimmed, scratch, mean);
	ok(difference(true) < 1e-5 && counted() == COUNT, "nothing is far away");
	for (int i = 0; i < COUNT; i++)
		weights[i] = (float) (i % 4);
	cluster.weights = weights;
	HvClusterCentroid(&cluster, &trimmed, scratch, mean);
	ok(difference(true) < 1e-5, "a weighted mean");
	cluster.weights = NULL;

	for (size_t f = 0; f < sizeof(factors) / sizeof(factors[0]); f++)
	{
		for (int far = 1; far <= 4; far++)
		{
			make(far, factors[f]);
			HvClusterCentroid(&cluster, &trimmed, scratch, mean);
			ok(counted() == COUNT - far && difference(false) < 1e-5,
			   "%d vectors times %g do not count", far, factors[f]);
			HvClusterCentroid(&cluster, &plain, scratch, mean);
			ok(counted() == COUNT, "they do if they are to");
		}
	}

	/* the mean alone hides the second one */
	make(2, 1e6);
	for (int d = 0; d < DIMS; d++)
		vectors[COUNT / 6][d] *= 1e-4f;
	HvClusterCentroid(&cluster, &trimmed, scratch, mean);
	ok(counted() == COUNT - 2, "one far away behind one much farther");

	make(0, 1.0);
	for (int i = 1; i < COUNT; i++)
		memcpy(vectors[i], vectors[0], sizeof(vectors[0]));
	HvClusterCentroid(&cluster, &trimmed, scratch, mean);
	ok(difference(true) < 1e-5, "equal vectors");
	cluster.count = 1;
	HvClusterCentroid(&cluster, &trimmed, scratch, mean);
	ok(mean[3] == vectors[0][3], "one vector");
	cluster.count = 0;
	HvClusterCentroid(&cluster, &trimmed, scratch, mean);
	ok(mean[3] == 0.0f, "no vector");
	test_direction(&cluster, &plain, &direction);
	return done();
}
