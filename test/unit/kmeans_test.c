/*-------------------------------------------------------------------------
 *
 * kmeans_test.c
 *	  k-means: what it promises, on vectors that make it hard.
 *
 * NOTES
 *	  Blobs that must be found, equal vectors that must be parted, limits that
 *	  must be kept, and lengths at which float sums might overflow.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  test/unit/kmeans_test.c
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "arithmetic/hvkmeans.h"
#include "unit.h"

#define DIMS		64
#define MAX_VECTORS	2000
#define MAX_K		64
#define CANARY		0xA7

typedef struct Run
{
	int			result;
	int			assignment[MAX_VECTORS];
	float		centroids[MAX_K * DIMS];
	int			counts[MAX_K];
	bool		overrun;		/* wrote beyond its scratch memory */
} Run;

static int8_t values[MAX_VECTORS * DIMS];
static HvByteFactors factors[MAX_VECTORS];
static HvVectors vectors = {DIMS, 0, MAX_VECTORS, values, factors};
static int	members[MAX_VECTORS];
static int	check_calls;
static Run	run;

static uint64_t random_state = 7;

static float
gauss(void)
{
	return (float) unit_normal(&random_state);
}

static void
note_check(void *arg)
{
	(*(int *) arg)++;
}

/* n vectors in nblobs blobs of radius noise about random points of length scale */
static void
make_blobs(int n, int nblobs, float scale, float noise)
{
	static float middle[MAX_K][DIMS];
	float		x[DIMS];

	for (int b = 0; b < nblobs; b++)
	{
		for (int i = 0; i < DIMS; i++)
			middle[b][i] = scale * gauss() / 8.0f;
	}
	for (int v = 0; v < n; v++)
	{
		for (int i = 0; i < DIMS; i++)
			x[i] = middle[v % nblobs][i] + noise * gauss() / 8.0f;
		HvVectorsSet(&vectors, v, x);
		members[v] = v;
	}
	vectors.count = n;
}

/* are centroids those without vectors far away? */
static bool trim_centroids = false;

static void
cluster(int n, int k, int iterations, int max_members, uint64_t seed)
{
	HvKmeansParams params = {
		.k = k, .iterations = iterations, .seed = seed, .max_members = max_members,
		.rule = {trim_centroids, NULL, 1.0f}, .check = note_check, .check_arg = &check_calls
	};
	size_t		size = HvKmeansScratchSize(n, DIMS, k);
	uint8_t    *scratch = malloc(size + 64);

	memset(scratch, CANARY, size + 64);
	check_calls = 0;
	/* an odd address, because the caller promises nothing */
	run.result = HvKmeans(&vectors, members, n, &params, scratch + 1,
						  &(HvClusters){run.assignment, run.centroids, run.counts});
	run.overrun = false;
	for (int i = 1; i < 64; i++)
		run.overrun = run.overrun || scratch[size + i] != CANARY;
	free(scratch);
}

/* is the result what the header promises of any result? */
static bool
is_sound(int n, int k, int max_members)
{
	static double sums[MAX_K][DIMS];
	int			counts[MAX_K] = {0};
	float		x[DIMS];

	if (run.overrun || run.result != ((k < n) ? k : n))
		return false;
	memset(sums, 0, sizeof(sums));
	for (int m = 0; m < n; m++)
	{
		int			c = run.assignment[m];

		if (c < 0 || c >= run.result)
			return false;
		counts[c]++;
		HvVectorsGet(&vectors, members[m], x);
		for (int i = 0; i < DIMS; i++)
			sums[c][i] += x[i];
	}
	for (int c = 0; c < run.result; c++)
	{
		if (counts[c] == 0 || counts[c] != run.counts[c] ||
			(max_members > 0 && counts[c] > max_members))
			return false;
		for (int i = 0; i < DIMS; i++)
		{
			double		mean = sums[c][i] / counts[c];
			double		length = sqrt(factors[members[0]].norm2) + 1e-6;

			if (!(fabs(mean - run.centroids[c * DIMS + i]) <= 1e-4 * length))
				return false;
		}
	}
	return true;
}

static bool
same_as_blobs(int n, int nblobs)
{
	for (int m = nblobs; m < n; m++)
	{
		if (run.assignment[m] != run.assignment[m % nblobs])
			return false;
	}
	return true;
}

static void
test_blobs(void)
{
	Run			first;

	make_blobs(60, 2, 1.0f, 0.2f);
	cluster(60, 2, 5, 0, 1);
	ok(is_sound(60, 2, 0) && same_as_blobs(60, 2), "two blobs of a page are parted");
	ok(run.counts[0] == 30, "30 to each side");

	make_blobs(2000, 20, 1.0f, 0.2f);
	cluster(2000, 20, 8, 0, 1);
	ok(is_sound(2000, 20, 0), "20 clusters of 2000 are sound");
	first = run;
	cluster(2000, 20, 8, 0, 1);
	ok(memcmp(&first, &run, sizeof(Run)) == 0, "the same seed gives the same clusters");

	cluster(2000, 64, 3, 0, 2);
	ok(is_sound(2000, 64, 0), "64 clusters of 20 blobs are sound");
	ok(check_calls >= 1 && check_calls < 100, "check was called (%d times)", check_calls);
}

static void
test_sizes(void)
{
	bool		good = true;

	make_blobs(40, 8, 1.0f, 0.5f);
	for (int n = 1; n <= 40; n++)
	{
		for (int k = 1; k <= 12; k++)
		{
			cluster(n, k, 2, 0, (uint64_t) n);
			good = good && is_sound(n, k, 0);
		}
	}
	ok(good, "every n to 40 and k to 12 is sound");

	/* members need not be all, nor in order */
	for (int i = 0; i < 20; i++)
		members[i] = 39 - 2 * i;
	cluster(20, 3, 3, 0, 1);
	ok(is_sound(20, 3, 0), "a part of the vectors, out of order");

	cluster(0, 3, 3, 0, 1);
	ok(run.result == 0, "no members, no clusters");
}

static void
test_equal_vectors(void)
{
	float		zero[DIMS] = {0};

	make_blobs(60, 1, 1.0f, 0.0f);
	cluster(60, 2, 4, 0, 1);
	ok(is_sound(60, 2, 0) && run.counts[0] == 30, "equal vectors are halved");
	cluster(60, 7, 4, 0, 1);
	ok(is_sound(60, 7, 0), "or cut in seven");

	for (int i = 0; i < 60; i++)
		HvVectorsSet(&vectors, i, zero);
	cluster(60, 2, 4, 0, 1);
	ok(is_sound(60, 2, 0) && run.counts[0] == 30, "so are zero vectors");

	make_blobs(90, 3, 1.0f, 0.0f);
	cluster(90, 10, 4, 0, 1);
	ok(is_sound(90, 10, 0), "ten clusters of three different vectors");
	cluster(90, 3, 4, 0, 1);
	ok(is_sound(90, 3, 0) && same_as_blobs(90, 3), "three of three");
}

static void
test_limits(void)
{
	bool		good = true;

	/* 95 of 100 in one place */
	make_blobs(100, 20, 1.0f, 0.3f);
	for (int i = 0; i < 95; i++)
	{
		float		x[DIMS] = {1.0f};

		x[1] = 0.001f * (float) i;
		HvVectorsSet(&vectors, i, x);
	}
	for (int limit = 25; limit <= 60; limit += 5)
	{
		cluster(100, 4, 4, limit, 3);
		good = good && is_sound(100, 4, limit);
	}
	ok(good, "no cluster above max_members");
	cluster(100, 2, 4, 50, 3);
	ok(is_sound(100, 2, 50) && run.counts[0] == 50, "not a single place left over");
}

static void
test_lengths(void)
{
	make_blobs(60, 2, 1e15f, 2e14f);
	cluster(60, 2, 4, 40, 1);
	ok(is_sound(60, 2, 40) && same_as_blobs(60, 2), "vectors of length 1e15");
	make_blobs(60, 2, 1e-12f, 2e-13f);
	cluster(60, 2, 4, 40, 1);
	ok(same_as_blobs(60, 2), "vectors of length 1e-12");
	make_blobs(60, 2, 1e-35f, 2e-36f);
	cluster(60, 2, 4, 40, 1);
	ok(is_sound(60, 2, 40), "vectors too short to be told from zero");
}

/* halving a page must come close to the best of many seedings */
static void
test_halving_quality(void)
{
	double		sum = 0.0;
	double		best_sum = 0.0;

	for (int page = 0; page < 20; page++)
	{
		double		best = HUGE_VAL;

		make_blobs(56, 5, 1.0f, 0.7f);
		for (uint64_t seed = 1; seed <= 40; seed++)
		{
			double		inertia = 0.0;

			cluster(56, 2, 8, 0, seed);
			for (int m = 0; m < 56; m++)
			{
				float		x[DIMS];

				HvVectorsGet(&vectors, m, x);
				inertia += HvKernel->l2_squared(x, run.centroids + run.assignment[m] * DIMS, DIMS);
			}
			if (seed == 1)
				sum += inertia;
			best = (inertia < best) ? inertia : best;
		}
		best_sum += best;
	}
	ok(sum <= 1.02 * best_sum, "halving: inertia %.4f of the best of 40", sum / best_sum);
}

/* half of a page cannot be one vector far away: the others beside it must be found */
static void
test_far_vectors(void)
{
	bool		near = true;

	trim_centroids = true;
	for (uint64_t seed = 0; seed < 50; seed++)
	{
		float		x[DIMS];

		make_blobs(30, 3, 4.0f, 1.0f);
		for (int i = 0; i < DIMS; i++)
			x[i] = 1e6f * gauss();
		HvVectorsSet(&vectors, 11, x);
		cluster(30, 2, 10, 20, seed);
		for (int c = 0; c < 2; c++)
		{
			float		norm2 = HvKernel->inner_product(run.centroids + c * DIMS,
														run.centroids + c * DIMS, DIMS);

			near = near && run.counts[c] >= 10 && norm2 < 40.0f;
		}
	}
	ok(near, "a vector far away does not take the centroid of its half along");
	trim_centroids = false;
	make_blobs(300, 3, 4.0f, 1.0f);
	cluster(300, 3, 10, 0, 1);
	ok(is_sound(300, 3, 0), "without any, centroids are means");
}

int
main(void)
{
	HvKernelsInit();
	test_blobs();
	test_sizes();
	test_equal_vectors();
	test_limits();
	test_lengths();
	test_halving_quality();
	test_far_vectors();
	return done();
}
