/*-------------------------------------------------------------------------
 *
 * hvkernel_scalar.c
 *	  The kernels in plain C: the definition that all others are tested
 *	  against, and the table of processors without one of their own.
 *
 * NOTES
 *	  Float sums run in four strands.  A single one would wait for its own
 *	  last addition all the time, and would add up more rounding error.
 *
 *	  The Hadamard transform is exact about the order of its additions: strides
 *	  1, 2, 4 and so on.  The other tables keep that order, so that a rotated
 *	  vector has the same bits on every processor.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkernel_scalar.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"

#include <string.h>

/* 8 bytes of any alignment */
static inline uint64_t
load_word(const uint8_t *p)
{
	uint64_t	word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/*
 * Bits set in x, by halving.  The compiler's builtin would become a call of a
 * library function on processors that are not known to count bits.
 */
static inline unsigned int
count_bits(uint64_t x)
{
	x -= (x >> 1) & UINT64_C(0x5555555555555555);
	x = (x & UINT64_C(0x3333333333333333)) + ((x >> 2) & UINT64_C(0x3333333333333333));
	x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned int) ((x * UINT64_C(0x0101010101010101)) >> 56);
}

static void
scalar_hamming(const uint8_t *codes, int ncodes, int code_bytes,
			   const uint8_t *query, uint16_t *out)
{
	for (int i = 0; i < ncodes; i++)
	{
		const uint8_t *code = codes + (size_t) i * code_bytes;
		unsigned int sum = 0;

		for (int k = 0; k < code_bytes; k += 8)
			sum += count_bits(load_word(code + k) ^ load_word(query + k));
		out[i] = (uint16_t) sum;
	}
}

static void
scalar_hamming_planes(const uint8_t *codes, int ncodes, int code_bytes,
					  const uint8_t *planes, uint16_t *out)
{
	for (int i = 0; i < ncodes; i++)
	{
		const uint8_t *code = codes + (size_t) i * code_bytes;
		unsigned int sum = 0;

		for (int k = 0; k < code_bytes; k += 8)
		{
			uint64_t	word = load_word(code + k);

			for (int j = 0; j < HV_QUERY_PLANES; j++)
				sum += count_bits(word ^ load_word(planes + j * code_bytes + k)) << j;
		}
		out[i] = (uint16_t) sum;
	}
}

static float
scalar_l2_squared(const float *a, const float *b, int n)
{
	float		sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
	int			i = 0;

	for (; i + 4 <= n; i += 4)
	{
		for (int k = 0; k < 4; k++)
		{
			float		d = a[i + k] - b[i + k];

			sum[k] += d * d;
		}
	}
	for (; i < n; i++)
	{
		float		d = a[i] - b[i];

		sum[0] += d * d;
	}
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static float
scalar_inner_product(const float *a, const float *b, int n)
{
	float		sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
	int			i = 0;

	for (; i + 4 <= n; i += 4)
	{
		for (int k = 0; k < 4; k++)
			sum[k] += a[i + k] * b[i + k];
	}
	for (; i < n; i++)
		sum[0] += a[i] * b[i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void
scalar_cosine_parts(const float *a, const float *b, int n, float out[3])
{
	out[0] = scalar_inner_product(a, b, n);
	out[1] = scalar_inner_product(a, a, n);
	out[2] = scalar_inner_product(b, b, n);
}

static void
scalar_inner_product_rows(const float *x, const float *rows,
						  int nrows, int n, float *out)
{
	for (int r = 0; r < nrows; r++)
		out[r] = scalar_inner_product(x, rows + (size_t) r * n, n);
}

static float
scalar_inner_product_i8(const int8_t *a, const float *b, int n)
{
	float		sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
	int			i = 0;

	for (; i + 4 <= n; i += 4)
	{
		for (int k = 0; k < 4; k++)
			sum[k] += (float) a[i + k] * b[i + k];
	}
	for (; i < n; i++)
		sum[0] += (float) a[i] * b[i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void
scalar_inner_product_tile(const float *x, int nx, const float *rows, int nrows, int n, float *out)
{
	for (int i = 0; i < nx; i++)
		scalar_inner_product_rows(x + (size_t) i * n, rows, nrows, n, out + (size_t) i * nrows);
}

static void
scalar_decode_i8(const int8_t *v, float step, int n, float *out)
{
	for (int i = 0; i < n; i++)
		out[i] = step * (float) v[i];
}

static void
scalar_hadamard(float *x, int n)
{
	for (int stride = 1; stride < n; stride *= 2)
	{
		for (int start = 0; start < n; start += 2 * stride)
		{
			float	   *low = x + start;
			float	   *high = low + stride;

			for (int k = 0; k < stride; k++)
			{
				float		u = low[k];
				float		v = high[k];

				low[k] = u + v;
				high[k] = u - v;
			}
		}
	}
}

/*
 * The bits of one half as those of a float.  A half has 5 bits of exponent, 15
 * is 2^0, and 10 of fraction; a float 8, with 127 as 2^0, and 23.
 */
static inline uint32_t
half_to_float_bits(uint16_t half)
{
	uint32_t	sign = (uint32_t) (half & 0x8000) << 16;
	uint32_t	fraction = half & 0x03ff;
	uint32_t	exponent = half & 0x7c00;

	if (exponent == 0)
	{
		/* zero or denormal: so many times 2^-24, a normal float */
		float		value = (float) fraction * 5.9604644775390625e-8f;
		uint32_t	bits;

		memcpy(&bits, &value, sizeof(bits));
		return sign | bits;
	}
	if (exponent == 0x7c00)
	{
		/* infinity, or a NaN, which is made quiet as processors do */
		uint32_t	quiet = fraction != 0 ? UINT32_C(0x00400000) : 0;

		return sign | UINT32_C(0x7f800000) | quiet | fraction << 13;
	}
	return sign | (((exponent | fraction) << 13) + UINT32_C(0x38000000));
}

static void
scalar_halfs_to_floats(const uint8_t *halfs, int n, float *out)
{
	for (int i = 0; i < n; i++)
	{
		uint16_t	half;
		uint32_t	bits;

		memcpy(&half, halfs + 2 * (size_t) i, sizeof(half));
		bits = half_to_float_bits(half);
		memcpy(out + i, &bits, sizeof(bits));
	}
}

const HvKernels HvKernelsScalar = {
	.level = HV_KERNEL_SCALAR,
	.name = "scalar",
	.hamming = scalar_hamming,
	.hamming_planes = scalar_hamming_planes,
	.l2_squared = scalar_l2_squared,
	.inner_product = scalar_inner_product,
	.cosine_parts = scalar_cosine_parts,
	.inner_product_rows = scalar_inner_product_rows,
	.inner_product_i8 = scalar_inner_product_i8,
	.inner_product_tile = scalar_inner_product_tile,
	.decode_i8 = scalar_decode_i8,
	.hadamard = scalar_hadamard,
	.halfs_to_floats = scalar_halfs_to_floats
};
