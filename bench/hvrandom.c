/*-------------------------------------------------------------------------
 *
 * hvrandom.c
 *	  Random streams that can be started anywhere, and fast normal values.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvrandom.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "hvrandom.h"

/*
 * The right edge of the lowest layer and the area of every layer: the numbers
 * for which 256 layers of equal area cover exp(-x^2 / 2) exactly.
 */
#define TAIL_START		3.6541528853610088
#define LAYER_AREA		0.00492867323399

HvZiggurat	HvNormalTable;

static double
density(double x)
{
	return exp(-0.5 * x * x);
}

void
HvRandomInit(void)
{
	double	   *edge = HvNormalTable.edge;

	/* layer 0 holds the tail too: as wide as a box of its area would be */
	edge[0] = LAYER_AREA / density(TAIL_START);
	edge[1] = TAIL_START;
	for (int i = 1; i < HV_ZIGGURAT_LAYERS - 1; i++)
		edge[i + 1] = sqrt(-2.0 * log(LAYER_AREA / edge[i] + density(edge[i])));
	edge[HV_ZIGGURAT_LAYERS] = 0.0;

	for (int i = 0; i < HV_ZIGGURAT_LAYERS; i++)
	{
		HvNormalTable.width[i] = (float) (edge[i] * 0x1p-31);
		HvNormalTable.safe[i] = (uint32_t) (edge[i + 1] / edge[i] * 0x1p31);
	}
}

static uint64_t
splitmix64(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void
HvRandomStart(HvRandom *random, uint64_t seed, uint64_t kind, uint64_t index)
{
	uint64_t	state = seed;

	/* every number goes through the mixer before the next one joins */
	state = splitmix64(&state) ^ kind;
	state = splitmix64(&state) ^ index;
	for (int i = 0; i < 4; i++)
		random->s[i] = splitmix64(&state);
}

/* a value beyond TAIL_START, by Marsaglia's rejection from an exponential */
static double
normal_tail(HvRandom *random)
{
	double		x;
	double		y;

	do
	{
		x = -log(HvRandomUniform(random)) / TAIL_START;
		y = -log(HvRandomUniform(random));
	} while (y + y < x * x);
	return TAIL_START + x;
}

/*
 * The value u of a layer, where it is not within the box that is under the curve
 * as a whole: by chance the value itself, a value of the tail, or one of another
 * draw.
 */
float
HvRandomNormalEdge(HvRandom *random, int layer, int32_t u)
{
	const double *edge = HvNormalTable.edge;
	double		x = (double) u * 0x1p-31 * edge[layer];
	double		low;
	double		high;

	if (layer == 0)
		return (float) (u < 0 ? -normal_tail(random) : normal_tail(random));

	low = density(edge[layer]);
	high = density(edge[layer + 1]);
	if (low + HvRandomUniform(random) * (high - low) < density(x))
		return (float) x;
	return HvRandomNormal(random);
}
