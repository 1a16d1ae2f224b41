/*-------------------------------------------------------------------------
 *
 * hvkerneltile.h
 *	  Two kernels whose text is the same for all instruction sets.
 *
 * NOTES
 *	  A hvkernel_*.c file includes this once, after it has defined
 *
 *		TILE_FUNCTION, TILE_INLINE	what stands before a function, static included
 *		TILE_NAME(kernel)			its name
 *		TILE_VECTOR, TILE_WIDTH		the type of a register, floats in it
 *		TILE_X, TILE_R				rows of either kind in a tile, so that TILE_X *
 *									TILE_R sums and TILE_R + 1 more fit the registers
 *		TILE_ZERO(), TILE_LOAD(p), TILE_FMA(a, b, sum), TILE_TOTAL(v)
 *		TILE_LOAD_I8(p), TILE_SCALE(v, f), TILE_STORE(p, v)
 *
 *	  and multiply_rows(x, rows, nrows, n, out).  A product is summed up in other
 *	  strands here than there, so the two agree but for rounding.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkerneltile.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVKERNELTILE_H
#define HVKERNELTILE_H

#include "arithmetic/hvkernel.h"
#include "arithmetic/hvunroll.h"

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
 * out[i * stride + r] = <x row i, row r> for TILE_X and TILE_R rows: each load
 * serves several products.
 */
TILE_INLINE void
multiply_tile(const float *x, const float *rows, int n, int stride, float *out)
{
	TILE_VECTOR sum[TILE_X][TILE_R];
	int			k = 0;

	HV_UNROLL
	for (int i = 0; i < TILE_X; i++)
	{
		HV_UNROLL
		for (int r = 0; r < TILE_R; r++)
			sum[i][r] = TILE_ZERO();
	}
	for (; k + TILE_WIDTH <= n; k += TILE_WIDTH)
	{
		TILE_VECTOR b[TILE_R];

		HV_UNROLL
		for (int r = 0; r < TILE_R; r++)
			b[r] = TILE_LOAD(rows + (size_t) r * n + k);
		HV_UNROLL
		for (int i = 0; i < TILE_X; i++)
		{
			TILE_VECTOR a = TILE_LOAD(x + (size_t) i * n + k);

			HV_UNROLL
			for (int r = 0; r < TILE_R; r++)
				sum[i][r] = TILE_FMA(a, b[r], sum[i][r]);
		}
	}
	HV_UNROLL
	for (int i = 0; i < TILE_X; i++)
	{
		HV_UNROLL
		for (int r = 0; r < TILE_R; r++)
			out[(size_t) i * stride + r] = TILE_TOTAL(sum[i][r]) +
				multiply_rest(x + (size_t) i * n, rows + (size_t) r * n, k, n);
	}
}

TILE_FUNCTION void
TILE_NAME(inner_product_tile) (const float *x, int nx, const float *rows, int nrows, int n, float *out)
{
	int			i = 0;

	for (; i + TILE_X <= nx; i += TILE_X)
	{
		int			r = 0;

		for (; r + TILE_R <= nrows; r += TILE_R)
			multiply_tile(x + (size_t) i * n, rows + (size_t) r * n, n, nrows,
						  out + (size_t) i * nrows + r);
		for (; r < nrows; r++)
		{
			for (int k = i; k < i + TILE_X; k++)
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

TILE_FUNCTION void
TILE_NAME(decode_i8) (const int8_t *v, float step, int n, float *out)
{
	int			i = 0;

	for (; i + TILE_WIDTH <= n; i += TILE_WIDTH)
		TILE_STORE(out + i, TILE_SCALE(TILE_LOAD_I8(v + i), step));
	for (; i < n; i++)
		out[i] = step * (float) v[i];
}

#endif							/* HVKERNELTILE_H */
