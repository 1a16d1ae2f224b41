/*-------------------------------------------------------------------------
 *
 * hvkernelfloat.h
 *	  The kernels over floats, whose text is the same for all instruction sets.
 *
 * NOTES
 *	  A hvkernel_*.c file includes this once, after it has defined
 *
 *		SIMD_FUNCTION, SIMD_INLINE	what stands before a function, static included
 *		SIMD_NAME(kernel)			its name
 *		SIMD_VECTOR, SIMD_WIDTH		the type of a register, floats in it
 *		SIMD_ROWS					rows that are multiplied side by side: ROWS *
 *									ROWS sums of a tile and ROWS + 1 registers more,
 *									or four strands for each of ROWS, must fit
 *		SIMD_BLOCK					registers of a block of the Hadamard transform,
 *									8 or 16
 *		SIMD_ZERO(), SIMD_LOAD(p), SIMD_STORE(p, v)
 *		SIMD_ADD(a, b), SIMD_SUB(a, b), SIMD_SCALE(v, f)
 *		SIMD_FMA(a, b, sum)			a * b + sum
 *		SIMD_TOTAL(v)				the sum of a register's floats
 *
 *	  and the functions
 *
 *		load_first(p, n)			the first n >= 1 floats, at most SIMD_WIDTH, and
 *									zeros: reads nothing beyond them
 *		load_i8(p, v)				4 * SIMD_WIDTH signed bytes as floats in v[4]
 *		transform_register(v)		the strides of the Hadamard transform inside of
 *									one register
 *
 *	  Every float sum has four strands, added up in the same order whatever kernel
 *	  it is in, so that inner_product_rows and inner_product agree to the last bit
 *	  and a row's result does not depend on its place.  A tile has one strand for
 *	  each sum, so it agrees with them but for rounding.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkernelfloat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVKERNELFLOAT_H
#define HVKERNELFLOAT_H

#include "arithmetic/hvkernel.h"
#include "arithmetic/hvunroll.h"

/* floats of one round of four strands */
#define SIMD_ROUND	(4 * SIMD_WIDTH)

/* Sums ------------------------------------------------------------------ */

/* the total of the four strands of a sum */
SIMD_INLINE float
add_strands(const SIMD_VECTOR sum[4])
{
	return SIMD_TOTAL(SIMD_ADD(SIMD_ADD(sum[0], sum[1]), SIMD_ADD(sum[2], sum[3])));
}

SIMD_FUNCTION float
SIMD_NAME(l2_squared) (const float *a, const float *b, int n)
{
	SIMD_VECTOR sum[4];
	int			i = 0;

	HV_UNROLL
	for (int s = 0; s < 4; s++)
		sum[s] = SIMD_ZERO();
	for (; i + SIMD_ROUND <= n; i += SIMD_ROUND)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
		{
			SIMD_VECTOR d = SIMD_SUB(SIMD_LOAD(a + i + s * SIMD_WIDTH),
									 SIMD_LOAD(b + i + s * SIMD_WIDTH));

			sum[s] = SIMD_FMA(d, d, sum[s]);
		}
	}
	for (; i < n; i += SIMD_WIDTH)
	{
		SIMD_VECTOR d = SIMD_SUB(load_first(a + i, n - i), load_first(b + i, n - i));

		sum[0] = SIMD_FMA(d, d, sum[0]);
	}
	return add_strands(sum);
}

/*
 * out[r] = <x, row r> for a constant number of rows, at most SIMD_ROWS, n
 * floats each.
 */
SIMD_INLINE void
multiply_rows(const float *x, const float *rows, const int nrows, int n, float *out)
{
	SIMD_VECTOR sum[SIMD_ROWS][4];
	int			i = 0;

	HV_UNROLL
	for (int r = 0; r < nrows; r++)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			sum[r][s] = SIMD_ZERO();
	}
	for (; i + SIMD_ROUND <= n; i += SIMD_ROUND)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
		{
			SIMD_VECTOR v = SIMD_LOAD(x + i + s * SIMD_WIDTH);

			HV_UNROLL
			for (int r = 0; r < nrows; r++)
				sum[r][s] = SIMD_FMA(v, SIMD_LOAD(rows + (size_t) r * n + i + s * SIMD_WIDTH),
									 sum[r][s]);
		}
	}
	for (; i < n; i += SIMD_WIDTH)
	{
		SIMD_VECTOR v = load_first(x + i, n - i);

		HV_UNROLL
		for (int r = 0; r < nrows; r++)
			sum[r][0] = SIMD_FMA(v, load_first(rows + (size_t) r * n + i, n - i), sum[r][0]);
	}
	HV_UNROLL
	for (int r = 0; r < nrows; r++)
		out[r] = add_strands(sum[r]);
}

SIMD_FUNCTION float
SIMD_NAME(inner_product) (const float *a, const float *b, int n)
{
	float		result;

	multiply_rows(a, b, 1, n, &result);
	return result;
}

SIMD_FUNCTION void
SIMD_NAME(inner_product_rows) (const float *x, const float *rows, int nrows, int n, float *out)
{
	int			r = 0;

	for (; r + SIMD_ROWS <= nrows; r += SIMD_ROWS)
		multiply_rows(x, rows + (size_t) r * n, SIMD_ROWS, n, out + r);
	for (; r < nrows; r++)
		multiply_rows(x, rows + (size_t) r * n, 1, n, out + r);
}

SIMD_FUNCTION void
SIMD_NAME(cosine_parts) (const float *a, const float *b, int n, float out[3])
{
	SIMD_VECTOR sum[3][4];
	int			i = 0;

	HV_UNROLL
	for (int p = 0; p < 3; p++)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			sum[p][s] = SIMD_ZERO();
	}
	for (; i + SIMD_ROUND <= n; i += SIMD_ROUND)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
		{
			SIMD_VECTOR u = SIMD_LOAD(a + i + s * SIMD_WIDTH);
			SIMD_VECTOR v = SIMD_LOAD(b + i + s * SIMD_WIDTH);

			sum[0][s] = SIMD_FMA(u, v, sum[0][s]);
			sum[1][s] = SIMD_FMA(u, u, sum[1][s]);
			sum[2][s] = SIMD_FMA(v, v, sum[2][s]);
		}
	}
	for (; i < n; i += SIMD_WIDTH)
	{
		SIMD_VECTOR u = load_first(a + i, n - i);
		SIMD_VECTOR v = load_first(b + i, n - i);

		sum[0][0] = SIMD_FMA(u, v, sum[0][0]);
		sum[1][0] = SIMD_FMA(u, u, sum[1][0]);
		sum[2][0] = SIMD_FMA(v, v, sum[2][0]);
	}
	HV_UNROLL
	for (int p = 0; p < 3; p++)
		out[p] = add_strands(sum[p]);
}

/* Signed bytes ---------------------------------------------------------- */

/* The tree space has a multiple of 64 dimensions: its vectors leave no rest. */
SIMD_FUNCTION float
SIMD_NAME(inner_product_i8) (const int8_t *a, const float *b, int n)
{
	SIMD_VECTOR sum[4];
	float		rest = 0.0f;
	int			i = 0;

	HV_UNROLL
	for (int s = 0; s < 4; s++)
		sum[s] = SIMD_ZERO();
	for (; i + SIMD_ROUND <= n; i += SIMD_ROUND)
	{
		SIMD_VECTOR v[4];

		load_i8(a + i, v);
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			sum[s] = SIMD_FMA(v[s], SIMD_LOAD(b + i + s * SIMD_WIDTH), sum[s]);
	}
	for (; i < n; i++)
		rest += (float) a[i] * b[i];
	return add_strands(sum) + rest;
}

SIMD_FUNCTION void
SIMD_NAME(decode_i8) (const int8_t *v, float step, int n, float *out)
{
	int			i = 0;

	for (; i + SIMD_ROUND <= n; i += SIMD_ROUND)
	{
		SIMD_VECTOR wide[4];

		load_i8(v + i, wide);
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			SIMD_STORE(out + i + s * SIMD_WIDTH, SIMD_SCALE(wide[s], step));
	}
	for (; i < n; i++)
		out[i] = step * (float) v[i];
}

/* Tiles ----------------------------------------------------------------- */

/* what the whole registers leave of <x, row> */
static inline float
multiply_rest(const float *x, const float *row, int from, int n)
{
	float		sum = 0.0f;

	for (int k = from; k < n; k++)
		sum += x[k] * row[k];
	return sum;
}

/*
 * out[i * stride + r] = <x row i, row r> for SIMD_ROWS rows of either kind: each
 * load serves several products.
 */
SIMD_INLINE void
multiply_tile(const float *x, const float *rows, int n, int stride, float *out)
{
	SIMD_VECTOR sum[SIMD_ROWS][SIMD_ROWS];
	int			k = 0;

	HV_UNROLL
	for (int i = 0; i < SIMD_ROWS; i++)
	{
		HV_UNROLL
		for (int r = 0; r < SIMD_ROWS; r++)
			sum[i][r] = SIMD_ZERO();
	}
	for (; k + SIMD_WIDTH <= n; k += SIMD_WIDTH)
	{
		SIMD_VECTOR b[SIMD_ROWS];

		HV_UNROLL
		for (int r = 0; r < SIMD_ROWS; r++)
			b[r] = SIMD_LOAD(rows + (size_t) r * n + k);
		HV_UNROLL
		for (int i = 0; i < SIMD_ROWS; i++)
		{
			SIMD_VECTOR a = SIMD_LOAD(x + (size_t) i * n + k);

			HV_UNROLL
			for (int r = 0; r < SIMD_ROWS; r++)
				sum[i][r] = SIMD_FMA(a, b[r], sum[i][r]);
		}
	}
	HV_UNROLL
	for (int i = 0; i < SIMD_ROWS; i++)
	{
		HV_UNROLL
		for (int r = 0; r < SIMD_ROWS; r++)
			out[(size_t) i * stride + r] = SIMD_TOTAL(sum[i][r]) +
				multiply_rest(x + (size_t) i * n, rows + (size_t) r * n, k, n);
	}
}

SIMD_FUNCTION void
SIMD_NAME(inner_product_tile) (const float *x, int nx, const float *rows, int nrows, int n, float *out)
{
	int			i = 0;

	for (; i + SIMD_ROWS <= nx; i += SIMD_ROWS)
	{
		int			r = 0;

		for (; r + SIMD_ROWS <= nrows; r += SIMD_ROWS)
			multiply_tile(x + (size_t) i * n, rows + (size_t) r * n, n, nrows,
						  out + (size_t) i * nrows + r);
		for (; r < nrows; r++)
		{
			for (int k = i; k < i + SIMD_ROWS; k++)
				multiply_rows(x + (size_t) k * n, rows + (size_t) r * n, 1, n,
							  out + (size_t) k * nrows + r);
		}
	}
	for (; i < nx; i++)
	{
		for (int r = 0; r < nrows; r++)
			multiply_rows(x + (size_t) i * n, rows + (size_t) r * n, 1, n,
						  out + (size_t) i * nrows + r);
	}
}

/* Hadamard transform ---------------------------------------------------- */

/* (u, v) <- (u + v, u - v) */
SIMD_INLINE void
butterfly(SIMD_VECTOR *u, SIMD_VECTOR *v)
{
	SIMD_VECTOR sum = SIMD_ADD(*u, *v);

	*v = SIMD_SUB(*u, *v);
	*u = sum;
}

/* one stride between the registers of a block */
SIMD_INLINE void
transform_registers(SIMD_VECTOR *v, const int stride)
{
	HV_UNROLL
	for (int k = 0; k < SIMD_BLOCK / 2; k++)
	{
		int			u = k / stride * 2 * stride + k % stride;

		butterfly(&v[u], &v[u + stride]);
	}
}

/* All strides of SIMD_BLOCK registers. */
SIMD_INLINE void
transform_block(float *x)
{
	SIMD_VECTOR v[SIMD_BLOCK];

	HV_UNROLL
	for (int k = 0; k < SIMD_BLOCK; k++)
		v[k] = transform_register(SIMD_LOAD(x + k * SIMD_WIDTH));
	transform_registers(v, 1);
	transform_registers(v, 2);
	transform_registers(v, 4);
	if (SIMD_BLOCK > 8)
		transform_registers(v, 8);
	HV_UNROLL
	for (int k = 0; k < SIMD_BLOCK; k++)
		SIMD_STORE(x + k * SIMD_WIDTH, v[k]);
}

/* one stride, a multiple of SIMD_WIDTH, over n floats */
SIMD_INLINE void
transform_stride(float *x, int n, int stride)
{
	for (int start = 0; start < n; start += 2 * stride)
	{
		for (int k = start; k < start + stride; k += SIMD_WIDTH)
		{
			SIMD_VECTOR u = SIMD_LOAD(x + k);
			SIMD_VECTOR v = SIMD_LOAD(x + k + stride);

			butterfly(&u, &v);
			SIMD_STORE(x + k, u);
			SIMD_STORE(x + k + stride, v);
		}
	}
}

/* stride and 2 * stride in one pass over n floats */
SIMD_INLINE void
transform_two_strides(float *x, int n, int stride)
{
	for (int start = 0; start < n; start += 4 * stride)
	{
		for (int k = start; k < start + stride; k += SIMD_WIDTH)
		{
			SIMD_VECTOR v[4];

			HV_UNROLL
			for (int j = 0; j < 4; j++)
				v[j] = SIMD_LOAD(x + k + j * stride);
			butterfly(&v[0], &v[1]);
			butterfly(&v[2], &v[3]);
			butterfly(&v[0], &v[2]);
			butterfly(&v[1], &v[3]);
			HV_UNROLL
			for (int j = 0; j < 4; j++)
				SIMD_STORE(x + k + j * stride, v[j]);
		}
	}
}

SIMD_FUNCTION void
SIMD_NAME(hadamard) (float *x, int n)
{
	const int	block = SIMD_BLOCK * SIMD_WIDTH;
	int			stride;

	if (n < SIMD_WIDTH)
	{
		HvKernelsScalar.hadamard(x, n);
		return;
	}
	if (n < block)
	{
		for (int k = 0; k < n; k += SIMD_WIDTH)
			SIMD_STORE(x + k, transform_register(SIMD_LOAD(x + k)));
		stride = SIMD_WIDTH;
	}
	else
	{
		for (int k = 0; k < n; k += block)
			transform_block(x + k);
		stride = block;
	}
	for (; stride * 2 < n; stride *= 4)
		transform_two_strides(x, n, stride);
	if (stride < n)
		transform_stride(x, n, stride);
}

#endif							/* HVKERNELFLOAT_H */
