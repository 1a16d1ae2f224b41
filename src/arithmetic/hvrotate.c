/*-------------------------------------------------------------------------
 *
 * hvrotate.c
 *	  A seeded random rotation of any number of dimensions.
 *
 * NOTES
 *	  Only additions, subtractions and multiplications by fixed factors, always
 *	  in the same order: the result has the same bits on every processor.
 *	  Factors that are the same for all coordinates are left to one
 *	  multiplication at the end (HvRotation.scale):
 *
 *	  - n a power of two: each round grows all lengths by sqrt(n).
 *	  - otherwise the transform would grow its window alone, so the window is
 *		shrunk beforehand, together with the sign flips.  The mixing grows all
 *		lengths by sqrt(2), and the middle coordinate of an odd n with them.
 *
 *	  The loops over blocks of a constant length are there for compilers that
 *	  vectorise nothing else at -O2.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvrotate.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvrotate.h"
#include "arithmetic/hvsplitmix.h"

#include <math.h>

#include "arithmetic/hvkernel.h"

#define BLOCK	16

/* counted from 0: both windows have been transformed once by then */
#define MIX_AFTER_ROUND		1

#define SQRT_TWO	1.41421356237309504880f
#define SQRT_HALF	0.70710678118654752440f

/*
 * Bytes of an HvRotation for n dimensions.
 */
size_t
HvRotationSize(int n)
{
	return offsetof(HvRotation, signs) + (size_t) HV_ROTATE_ROUNDS * n * sizeof(float);
}

/*
 * Fills rot, HvRotationSize(n) bytes of the caller's, from the seed.
 *
 * Sign k of the rounds in a row is bit k % 64 of the generator's word k / 64,
 * a set bit meaning -1.  An index file depends on it: this must not change.
 */
void
HvRotationInit(HvRotation *rot, int n, uint64_t seed)
{
	uint64_t	state = seed;
	uint64_t	bits = 0;

	rot->n = n;
	rot->window = 1;
	while (rot->window <= n / 2)
		rot->window *= 2;

	/* four rounds of sqrt(n), or the one mixing */
	if (rot->window == n)
		rot->scale = 1.0f / ((float) n * (float) n);
	else
		rot->scale = SQRT_HALF;

	for (int k = 0; k < HV_ROTATE_ROUNDS * n; k++)
	{
		if (k % 64 == 0)
			bits = HvSplitmixNext(&state);
		rot->signs[k] = (bits >> (k % 64)) & 1 ? -1.0f : 1.0f;
	}
}

/* x[i] <- x[i] * signs[i] * factor */
static void
flip_signs(float *restrict x, const float *restrict signs, int n, float factor)
{
	int			i = 0;

	for (; i + BLOCK <= n; i += BLOCK)
	{
		for (int k = 0; k < BLOCK; k++)
			x[i + k] *= signs[i + k] * factor;
	}
	for (; i < n; i++)
		x[i] *= signs[i] * factor;
}

/* (low, high) <- (low + high, low - high), n coordinates each, disjoint */
static void
mix_halves(float *restrict low, float *restrict high, int n)
{
	int			i = 0;

	for (; i + BLOCK <= n; i += BLOCK)
	{
		for (int k = 0; k < BLOCK; k++)
		{
			float		u = low[i + k];
			float		v = high[i + k];

			low[i + k] = u + v;
			high[i + k] = u - v;
		}
	}
	for (; i < n; i++)
	{
		float		u = low[i];
		float		v = high[i];

		low[i] = u + v;
		high[i] = u - v;
	}
}

/* x[i] <- x[i] * factor */
static void
scale_all(float *x, int n, float factor)
{
	int			i = 0;

	for (; i + BLOCK <= n; i += BLOCK)
	{
		for (int k = 0; k < BLOCK; k++)
			x[i + k] *= factor;
	}
	for (; i < n; i++)
		x[i] *= factor;
}

/*
 * x <- R x, in place, rot->n floats.
 */
void
HvRotationApply(const HvRotation *rot, float *x)
{
	const int	n = rot->n;
	const int	window = rot->window;
	const int	half = n / 2;
	const float shrink = window == n ? 1.0f : (float) (1.0 / sqrt((double) window));

	for (int round = 0; round < HV_ROTATE_ROUNDS; round++)
	{
		const float *signs = rot->signs + (size_t) round * n;
		int			start = round % 2 == 0 ? 0 : n - window;
		int			end = start + window;

		flip_signs(x, signs, start, 1.0f);
		flip_signs(x + start, signs + start, window, shrink);
		flip_signs(x + end, signs + end, n - end, 1.0f);

		HvKernel->hadamard(x + start, window);

		if (window < n && round == MIX_AFTER_ROUND)
		{
			mix_halves(x, x + n - half, half);
			if (n % 2 != 0)
				x[half] *= SQRT_TWO;
		}
	}
	scale_all(x, n, rot->scale);
}
