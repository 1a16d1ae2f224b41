/*-------------------------------------------------------------------------
 *
 * hvcenter.c
 *	  The centroid of a cluster: its mean, but for two things.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvcenter.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvcenter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic/hvkernel.h"

/*
 * Far away is what is so many times as far from the mean as three quarters of the
 * vectors at most are, squared.  One of n vectors, all others being near to each
 * other, is n - 1 times as far from their mean as they are.
 */
#define FAR_AWAY	16.0f
#define NEAR_SHARE	0.75f

/* a mean without some vectors may show that others are far away */
#define ROUNDS		2

/* of the radius: a mean as near to zero as that has no direction */
#define NO_DIRECTION	1e-3f

static int
compare_floats(const void *a, const void *b)
{
	float		fa = *(const float *) a;
	float		fb = *(const float *) b;

	return (fa > fb) - (fa < fb);
}

/* a function of its own, or the loop would not be vectorised */
static inline void
add_share(float *restrict mean, const float *restrict vector, float share, int dims)
{
	for (int j = 0; j < dims; j++)
		mean[j] += (vector[j] - mean[j]) * share;
}

/* mean <- that of the vectors whose counts[i] is not 0 */
static void
compute_mean(const HvCluster *cluster, const float *counts, float *mean)
{
	double		total = 0.0;

	memset(mean, 0, sizeof(float) * cluster->dims);
	for (int i = 0; i < cluster->count; i++)
	{
		double		weight = cluster->weights ? cluster->weights[i] : 1.0;

		if (counts[i] == 0.0f || weight <= 0.0)
			continue;
		total += weight;
		add_share(mean, cluster->vector(cluster->arg, i), (float) (weight / total),
				  cluster->dims);
	}
}

/* Sets counts[i] by how far vector i is from the mean; true if one is far away. */
static bool
trim_far(const HvCluster *cluster, const float *mean, float *counts)
{
	int			n = cluster->count;
	float	   *sorted = counts + n;
	float		most;
	bool		found = false;

	for (int i = 0; i < n; i++)
		counts[i] = HvKernel->l2_squared(cluster->vector(cluster->arg, i), mean, cluster->dims);
	memcpy(sorted, counts, sizeof(float) * n);
	qsort(sorted, n, sizeof(float), compare_floats);
	most = FAR_AWAY * sorted[(int) (NEAR_SHARE * (n - 1))];
	for (int i = 0; i < n; i++)
	{
		bool		far = counts[i] > most;

		found = found || far;
		counts[i] = far ? 0.0f : 1.0f;
	}
	return found;
}

void
HvCentroidOfMean(const HvCentroidRule *rule, float *mean, int dims)
{
	float		length;
	float		f;

	if (rule->zero == NULL)
		return;
	length = sqrtf(HvKernel->l2_squared(mean, rule->zero, dims));
	if (!(length > NO_DIRECTION * rule->radius))
		return;
	f = rule->radius / length;
	for (int i = 0; i < dims; i++)
		mean[i] = rule->zero[i] + (mean[i] - rule->zero[i]) * f;
}

void
HvClusterCentroid(const HvCluster *cluster, const HvCentroidRule *rule, float *scratch,
				  float *centroid)
{
	for (int i = 0; i < cluster->count; i++)
		scratch[i] = 1.0f;
	compute_mean(cluster, scratch, centroid);
	for (int round = 0; rule->trim && cluster->count > 0 && round < ROUNDS &&
		 trim_far(cluster, centroid, scratch); round++)
		compute_mean(cluster, scratch, centroid);
	if (cluster->count > 0)
		HvCentroidOfMean(rule, centroid, cluster->dims);
}
