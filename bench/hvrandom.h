/*-------------------------------------------------------------------------
 *
 * hvrandom.h
 *	  Random streams that can be started anywhere, and fast normal values.
 *
 * NOTES
 *	  A stream is named by three numbers (seed, kind, index), so that row i of
 *	  a generated set can be made without making the rows before it: the set is
 *	  the same whatever its length and whoever makes which part.
 *
 *	  Bits come from xoshiro256++, its state filled by splitmix64.  Normal
 *	  values come from a ziggurat of 256 layers; 98.8 % of them cost one draw,
 *	  one table look-up and one multiplication, 4 ns in all.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvrandom.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVRANDOM_H
#define HVRANDOM_H

#include <stdint.h>

typedef struct HvRandom
{
	uint64_t	s[4];
} HvRandom;

#define HV_ZIGGURAT_LAYERS	256

/*
 * Layer i is a box of half width edge[i]; a value below edge[i + 1] is under
 * the curve without looking.  width[i] = edge[i] / 2^31 and safe[i] =
 * edge[i + 1] / width[i] serve whole numbers of 32 bits.
 */
typedef struct HvZiggurat
{
	float		width[HV_ZIGGURAT_LAYERS];
	uint32_t	safe[HV_ZIGGURAT_LAYERS];
	double		edge[HV_ZIGGURAT_LAYERS + 1];
} HvZiggurat;

extern HvZiggurat HvNormalTable;

/* Fills the table; once, before the first HvRandomNormal. */
extern void HvRandomInit(void);

/* the start of stream (seed, kind, index) */
extern void HvRandomStart(HvRandom *random, uint64_t seed, uint64_t kind, uint64_t index);

/* the rare half of HvRandomNormal */
extern float HvRandomNormalEdge(HvRandom *random, int layer, int32_t u);

/* 64 random bits */
static inline uint64_t
HvRandomBits(HvRandom *random)
{
	uint64_t   *s = random->s;
	uint64_t	sum = s[0] + s[3];
	uint64_t	result = ((sum << 23) | (sum >> 41)) + s[0];
	uint64_t	t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = (s[3] << 45) | (s[3] >> 19);
	return result;
}

/* uniform in (0, 1): never 0, so that its logarithm is safe */
static inline double
HvRandomUniform(HvRandom *random)
{
	return ((double) (HvRandomBits(random) >> 11) + 0.5) * 0x1p-53;
}

/* standard normal */
static inline float
HvRandomNormal(HvRandom *random)
{
	uint64_t	bits = HvRandomBits(random);
	int			layer = (int) (bits & (HV_ZIGGURAT_LAYERS - 1));
	int32_t		u = (int32_t) (bits >> 32);
	uint32_t	magnitude = u < 0 ? 0u - (uint32_t) u : (uint32_t) u;

	if (magnitude < HvNormalTable.safe[layer])
		return (float) u * HvNormalTable.width[layer];
	return HvRandomNormalEdge(random, layer, u);
}

#endif							/* HVRANDOM_H */
