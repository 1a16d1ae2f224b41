/*-------------------------------------------------------------------------
 *
 * hvcode.h
 *	  Binary codes of tree-space vectors, and the distances that they tell.
 *
 * NOTES
 *	  o is a vector of the tree space (hvspace.h).  Its code is one sign bit a
 *	  dimension (1 = positive), kept with two floats,
 *		norm2 = |o|^2	and		scale = |o|^2 / |o|_1	(0 for o = 0),
 *	  scale * sgn(o) being the unbiased stand-in for o (RaBitQ, arXiv
 *	  2405.12497).  All estimates are of SQUARED Euclidean distances in the tree
 *	  space; they may come out slightly negative.
 *
 *	  The query side is quantised to odd multiples of step / 2,
 *		q_i ~ (step / 2) * v_i,	v_i in { -15, -13, .. 15 },
 *	  v_i = sum over j of 2^j * s_ij with s_ij = +-1.  Since for +-1 vectors
 *	  <a, b> = bits - 2 * hamming(a, b),
 *		<sgn(o), q> ~ (step / 2) * (15 * bits - 2 * w),
 *	  w = sum over j of 2^j * hamming(code, plane j): what the kernel
 *	  hamming_planes returns.  Plane 3 is the sign of q_i, so the plain Hamming
 *	  distance is the first term of the same sum.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvcode.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCODE_H
#define HVCODE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arithmetic/hvkernel.h"

/* the two floats that stand beside a code */
typedef struct HvCodeFactors
{
	float		norm2;
	float		scale;
} HvCodeFactors;

/*
 * Rows to fetch for recall@10 = .95, and bytes a row in the index, of 4,800
 * picture descriptors of 128 dimensions by bits: 128 49 rows (57 bytes), 256 27
 * (84), 384 23 (120), 512 21 (160), 768 18 (239), 1024 16 (324).  Text
 * embeddings of 384 dimensions: 384 21 (128), 512 20 (154), 768 17 (233).
 */
#define HV_MIN_CODE_BITS	512

/*
 * A code of fewer bits holds values: 16 bits of each of the first bits / 16 coordinates,
 * in steps of "scale", the others being 0.  So short a vector fits as it is, and 512
 * signs of its random projections, which take more room, tell less: 100,000 points
 * in a cube, ten neighbours at recall .95: 120 rows fetched with signs, 12 with values.
 */
#define HV_CODE_VALUE_BITS	16
#define HV_CODE_MOST_VALUES	28

static inline bool
HvCodeHoldsValues(int bits)
{
	return bits < HV_MIN_CODE_BITS;
}

/* Encodes o (bits floats, bits a multiple of 64) into bits / 8 bytes. */
extern void HvCodeEncode(const float *o, int bits, uint8_t *code, HvCodeFactors *factors);

/* out (bits floats) <- what a code alone still knows of o: scale * sgn(o), or values */
extern void HvCodeDecode(const uint8_t *code, const HvCodeFactors *factors,
						 int bits, float *out);

/* a prepared query, fixed size so that it can live in a scan's memory */
typedef struct HvQueryCode
{
	int			bits;
	int			bytes;			/* bits / 8 */
	float		norm2;			/* |q|^2 */
	float		norm;			/* |q| */
	float		step;			/* of the quantiser, 0 for q = 0 */
	float		values[HV_CODE_MOST_VALUES];	/* q itself, where codes hold values */
	uint8_t		planes[HV_QUERY_PLANES * HV_MAX_CODE_BYTES];	/* plane j at j * bytes */
	float		cosine[HV_MAX_CODE_BITS + 1];	/* cos(pi * h / bits) */
} HvQueryCode;

/* Prepares q (bits floats). */
extern void HvQueryCodePrepare(const float *q, int bits, HvQueryCode *query);

/* the plane that plain Hamming distance is taken to */
static inline const uint8_t *
HvQueryCodeSigns(const HvQueryCode *query)
{
	return query->planes + (HV_QUERY_PLANES - 1) * query->bytes;
}

/* estimate from a Hamming distance h, corrected by both norms; sqrt_norm2 = |o| */
static inline float
HvEstimateHamming(const HvQueryCode *query, float norm2, float norm, uint16_t h)
{
	return norm2 + query->norm2 - 2.0f * norm * query->norm * query->cosine[h];
}

/* estimate from a weighted sum w of hamming_planes */
static inline float
HvEstimatePlanes(const HvQueryCode *query, float norm2, float scale, uint16_t w)
{
	return norm2 + query->norm2
		- scale * query->step * (float) (15 * query->bits - 2 * (int) w);
}

/* the squared distance of q and the vector of a code that holds values */
static inline float
HvValuesSquare(const HvQueryCode *query, const uint8_t *code, float scale)
{
	int			n = query->bits / HV_CODE_VALUE_BITS;
	float		sum = 0.0f;
	int16_t		values[HV_CODE_MOST_VALUES];

	memcpy(values, code, query->bytes);
	for (int i = 0; i < n; i++)
	{
		float		d = query->values[i] - scale * (float) values[i];

		sum += d * d;
	}
	return sum;
}

/* ... is no less than this: a coordinate is off by half a step at most */
static inline float
HvValuesLowerBound(const HvQueryCode *query, float square, float scale)
{
	float		off = 0.5f * scale * sqrtf((float) (query->bits / HV_CODE_VALUE_BITS));
	float		distance = sqrtf(square) - off;

	return distance > 0.0f ? distance * distance : 0.0f;
}

/*
 * Standard error of an estimate: 2 c |o| |q| sin(angle) / sqrt(bits), the angle
 * as estimated.  c was found by simulation: 0.755 for an unquantised query, about
 * 1.2 for sign against sign at right angles, 1.0 at the angles of neighbours.
 */
#define HV_PLANES_ERROR		0.76f
#define HV_HAMMING_ERROR	1.2f

/*
 * factor standard errors below an estimate; per_root is 2 c factor / sqrt(bits)
 */
static inline float
HvLowerBound(const HvQueryCode *query, float norm2, float estimate, float per_root)
{
	float		product = 0.5f * (norm2 + query->norm2 - estimate);
	float		sine2 = norm2 * query->norm2 - product * product;

	return sine2 > 0 ? estimate - per_root * sqrtf(sine2) : estimate;
}

/*
 * A centroid in 8 bits a dimension: c_i ~ step * v_i.  The error of one
 * coordinate is at most step / 2, step = max |c_i| / 127.
 */
typedef struct HvByteFactors
{
	float		norm2;			/* of the quantised vector */
	float		step;
} HvByteFactors;

extern void HvByteEncode(const float *c, int n, int8_t *v, HvByteFactors *factors);
extern void HvByteDecode(const int8_t *v, const HvByteFactors *factors, int n, float *out);

/*
 * Adds x (n floats) to sum in units of step: each coordinate as an integer of
 * -127 .. 127, what is beyond them cut off.
 */
extern void HvByteAddTo(const float *x, int n, float step, int16_t *sum);

/* squared distance of x (n floats, |x|^2 = norm2) and a byte vector, >= 0 */
extern float HvByteDistance(const int8_t *v, const HvByteFactors *factors,
							const float *x, float norm2, int n);

#endif							/* HVCODE_H */
