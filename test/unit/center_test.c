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

int
main(void)
{
	static const double factors[] = {1e3, 1e6, 1e15};
	HvCluster	cluster = {COUNT, DIMS, get, NULL, NULL};

	HvKernelsInit();
	make(0, 1.0);
	HvClusterMean(&cluster, false, scratch, mean);
	ok(difference(true) < 1e-5, "a mean");
	HvClusterMean(&cluster, true, scratch, mean);
	ok(difference(true) < 1e-5 && counted() == COUNT, "nothing is far away");
	for (int i = 0; i < COUNT; i++)
		weights[i] = (float) (i % 4);
	cluster.weights = weights;
	HvClusterMean(&cluster, true, scratch, mean);
	ok(difference(true) < 1e-5, "a weighted mean");
	cluster.weights = NULL;

	for (size_t f = 0; f < sizeof(factors) / sizeof(factors[0]); f++)
	{
		for (int far = 1; far <= 4; far++)
		{
			make(far, factors[f]);
			HvClusterMean(&cluster, true, scratch, mean);
			ok(counted() == COUNT - far && difference(false) < 1e-5,
			   "%d vectors times %g do not count", far, factors[f]);
			HvClusterMean(&cluster, false, scratch, mean);
			ok(counted() == COUNT, "they do if they are to");
		}
	}

	/* the mean alone hides the second one */
	make(2, 1e6);
	for (int d = 0; d < DIMS; d++)
		vectors[COUNT / 6][d] *= 1e-4f;
	HvClusterMean(&cluster, true, scratch, mean);
	ok(counted() == COUNT - 2, "one far away behind one much farther");

	make(0, 1.0);
	for (int i = 1; i < COUNT; i++)
		memcpy(vectors[i], vectors[0], sizeof(vectors[0]));
	HvClusterMean(&cluster, true, scratch, mean);
	ok(difference(true) < 1e-5, "equal vectors");
	cluster.count = 1;
	HvClusterMean(&cluster, true, scratch, mean);
	ok(mean[3] == vectors[0][3], "one vector");
	cluster.count = 0;
	HvClusterMean(&cluster, true, scratch, mean);
	ok(mean[3] == 0.0f, "no vector");
	return done();
}
