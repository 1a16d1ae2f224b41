/*-------------------------------------------------------------------------
 *
 * hvkerneltile_avx2.h
 *	  The kernels of hvkerneltile.h with AVX2; for hvkernel_avx2.c alone.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkerneltile_avx2.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVKERNELTILE_AVX2_H
#define HVKERNELTILE_AVX2_H

/* the total of one register */
AVX2_INLINE float
add_lanes(__m256 v)
{
	__m256		sum[4] = {v, _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};

	return add_strands(sum);
}

#define TILE_FUNCTION			AVX2 static
#define TILE_INLINE				AVX2_INLINE
#define TILE_NAME(kernel)		avx2_##kernel
#define TILE_VECTOR				__m256
#define TILE_WIDTH				8
#define TILE_X					3
#define TILE_R					3
#define TILE_ZERO()				_mm256_setzero_ps()
#define TILE_LOAD(p)			_mm256_loadu_ps(p)
#define TILE_FMA(a, b, sum)		_mm256_fmadd_ps(a, b, sum)
#define TILE_TOTAL(v)			add_lanes(v)
#define TILE_LOAD_I8(p)			load_i8(p)
#define TILE_SCALE(v, f)		_mm256_mul_ps(v, _mm256_set1_ps(f))
#define TILE_STORE(p, v)		_mm256_storeu_ps(p, v)

#include "arithmetic/hvkerneltile.h"

#endif							/* HVKERNELTILE_AVX2_H */
