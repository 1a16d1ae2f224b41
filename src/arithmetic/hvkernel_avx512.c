/*-------------------------------------------------------------------------
 *
 * hvkernel_avx512.c
 *	  The kernels for x86-64 processors with AVX-512 F, BW, VL and VPOPCNTDQ.
 *
 * NOTES
 *	  Bits are counted by one instruction for eight words of 64 bits.  The last
 *	  incomplete word is loaded under a mask, which reads nothing beyond the
 *	  end and fills up with zeros, and these change no sum.
 *
 *	  Every float sum has four strands of 16, added up in the same order
 *	  whatever kernel it is in, so that inner_product_rows and inner_product
 *	  agree to the last bit and a row's result does not depend on its place.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkernel_avx512.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"

#ifdef HV_HAVE_X86_KERNELS

#include <immintrin.h>

#include "arithmetic/hvunroll.h"

#define TARGET		"avx512f,avx512bw,avx512vl,avx512vpopcntdq"
#define AVX512		__attribute__((target(TARGET)))
#define AVX512_INLINE static inline __attribute__((target(TARGET), always_inline))

/* 64 bytes of any alignment */
AVX512_INLINE __m512i
load_bytes(const uint8_t *p)
{
	return _mm512_loadu_si512((const void *) p);
}

/* the groups of 8 bytes under mask, zero elsewhere */
AVX512_INLINE __m512i
load_groups(const uint8_t *p, __mmask8 mask)
{
	return _mm512_maskz_loadu_epi64(mask, (const void *) p);
}

/* mask of the groups of 8 bytes beyond the last whole 64 of a code */
AVX512_INLINE __mmask8
mask_of_rest(int code_bytes)
{
	return (__mmask8) ((1u << (code_bytes % 64 / 8)) - 1);
}

/* mask of the first n of 16 floats; all of them where n > 16 */
AVX512_INLINE __mmask16
mask_of_floats(int n)
{
	return n < 16 ? (__mmask16) ((1u << n) - 1) : (__mmask16) 0xffff;
}

/* sum + number of bits in which a differs from b, for each 64 bits */
AVX512_INLINE __m512i
add_difference(__m512i sum, __m512i a, __m512i b)
{
	return _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(a, b)));
}

/*
 * Stores the totals of eight codes.  Each of sum[] holds eight partial sums of
 * 64 bits, all below 2^16.
 */
AVX512_INLINE void
store_eight(const __m512i sum[8], uint16_t *out)
{
	__m512i		pair[4];
	__m512i		low;
	__m512i		high;
	__m512i		half;
	__m256i		total;

	/* two codes to a word, then four to each quarter of a register */
	HV_UNROLL
	for (int k = 0; k < 4; k++)
		pair[k] = _mm512_or_si512(sum[2 * k], _mm512_slli_epi64(sum[2 * k + 1], 32));
	low = _mm512_add_epi32(_mm512_unpacklo_epi64(pair[0], pair[1]),
						   _mm512_unpackhi_epi64(pair[0], pair[1]));
	high = _mm512_add_epi32(_mm512_unpacklo_epi64(pair[2], pair[3]),
							_mm512_unpackhi_epi64(pair[2], pair[3]));

	/* the quarters added up: low, low, high, high */
	half = _mm512_add_epi32(_mm512_shuffle_i64x2(low, high, 0x44),
							_mm512_shuffle_i64x2(low, high, 0xee));
	half = _mm512_add_epi32(half, _mm512_shuffle_i64x2(half, half, 0xb1));
	total = _mm512_castsi512_si256(_mm512_shuffle_i64x2(half, half, 0x08));
	_mm_storeu_si128((__m128i *) out, _mm256_cvtepi32_epi16(total));
}

AVX512 static void
avx512_hamming(const uint8_t *codes, int ncodes, int code_bytes,
			   const uint8_t *query, uint16_t *out)
{
	const int	whole_bytes = code_bytes & ~63;
	const __mmask8 rest = mask_of_rest(code_bytes);
	int			i = 0;

	for (; i + 8 <= ncodes; i += 8)
	{
		const uint8_t *code = codes + (size_t) i * code_bytes;
		__m512i		sum[8];
		__m512i		q;
		int			k = 0;

		HV_UNROLL
		for (int c = 0; c < 8; c++)
			sum[c] = _mm512_setzero_si512();
		for (; k < whole_bytes; k += 64)
		{
			q = load_bytes(query + k);
			HV_UNROLL
			for (int c = 0; c < 8; c++)
				sum[c] = add_difference(sum[c], q, load_bytes(code + c * code_bytes + k));
		}
		if (rest != 0)
		{
			q = load_groups(query + k, rest);
			HV_UNROLL
			for (int c = 0; c < 8; c++)
				sum[c] = add_difference(sum[c], q, load_groups(code + c * code_bytes + k, rest));
		}
		store_eight(sum, out + i);
	}
	for (; i < ncodes; i++)
	{
		const uint8_t *code = codes + (size_t) i * code_bytes;
		__m512i		sum = _mm512_setzero_si512();
		int			k = 0;

		for (; k < whole_bytes; k += 64)
			sum = add_difference(sum, load_bytes(query + k), load_bytes(code + k));
		if (rest != 0)
			sum = add_difference(sum, load_groups(query + k, rest), load_groups(code + k, rest));
		out[i] = (uint16_t) _mm512_reduce_add_epi64(sum);
	}
}

/* counts + bits in which ncodes codes differ from the planes, one word of each */
AVX512_INLINE void
count_planes(const uint8_t *code, const int ncodes, const uint8_t *planes,
			 int code_bytes, __mmask8 mask, __m512i counts[4][HV_QUERY_PLANES])
{
	__m512i		word[4];

	HV_UNROLL
	for (int c = 0; c < ncodes; c++)
		word[c] = load_groups(code + c * code_bytes, mask);
	HV_UNROLL
	for (int j = 0; j < HV_QUERY_PLANES; j++)
	{
		__m512i		plane = load_groups(planes + j * code_bytes, mask);

		HV_UNROLL
		for (int c = 0; c < ncodes; c++)
			counts[c][j] = add_difference(counts[c][j], plane, word[c]);
	}
}

/*
 * Partial weighted distances of a constant number of codes in a row, at most
 * four, in one pass over them.
 */
AVX512_INLINE void
measure_planes(const uint8_t *code, const int ncodes, const uint8_t *planes,
			   int code_bytes, __mmask8 rest, __m512i *sum)
{
	const int	whole_bytes = code_bytes & ~63;
	__m512i		counts[4][HV_QUERY_PLANES];
	int			k = 0;

	HV_UNROLL
	for (int c = 0; c < ncodes; c++)
	{
		HV_UNROLL
		for (int j = 0; j < HV_QUERY_PLANES; j++)
			counts[c][j] = _mm512_setzero_si512();
	}
	for (; k < whole_bytes; k += 64)
		count_planes(code + k, ncodes, planes + k, code_bytes, 0xff, counts);
	if (rest != 0)
		count_planes(code + k, ncodes, planes + k, code_bytes, rest, counts);

	/* Horner's rule: each plane weighs twice the one below */
	HV_UNROLL
	for (int c = 0; c < ncodes; c++)
	{
		sum[c] = counts[c][HV_QUERY_PLANES - 1];
		HV_UNROLL
		for (int j = HV_QUERY_PLANES - 2; j >= 0; j--)
			sum[c] = _mm512_add_epi64(_mm512_slli_epi64(sum[c], 1), counts[c][j]);
	}
}

AVX512 static void
avx512_hamming_planes(const uint8_t *codes, int ncodes, int code_bytes,
					  const uint8_t *planes, uint16_t *out)
{
	const __mmask8 rest = mask_of_rest(code_bytes);
	__m512i		sum[8];
	int			i = 0;

	for (; i + 8 <= ncodes; i += 8)
	{
		const uint8_t *code = codes + (size_t) i * code_bytes;

		measure_planes(code, 4, planes, code_bytes, rest, sum);
		measure_planes(code + 4 * code_bytes, 4, planes, code_bytes, rest, sum + 4);
		store_eight(sum, out + i);
	}
	for (; i < ncodes; i++)
	{
		measure_planes(codes + (size_t) i * code_bytes, 1, planes, code_bytes, rest, sum);
		out[i] = (uint16_t) _mm512_reduce_add_epi64(sum[0]);
	}
}

/* the total of the four strands of a sum */
AVX512_INLINE float
add_strands(const __m512 sum[4])
{
	return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(sum[0], sum[1]),
											  _mm512_add_ps(sum[2], sum[3])));
}

AVX512 static float
avx512_l2_squared(const float *a, const float *b, int n)
{
	__m512		sum[4];
	int			i = 0;

	HV_UNROLL
	for (int s = 0; s < 4; s++)
		sum[s] = _mm512_setzero_ps();
	for (; i + 64 <= n; i += 64)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
		{
			__m512		d = _mm512_sub_ps(_mm512_loadu_ps(a + i + s * 16),
										  _mm512_loadu_ps(b + i + s * 16));

			sum[s] = _mm512_fmadd_ps(d, d, sum[s]);
		}
	}
	for (; i < n; i += 16)
	{
		__mmask16	mask = mask_of_floats(n - i);
		__m512		d = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, a + i),
									  _mm512_maskz_loadu_ps(mask, b + i));

		sum[0] = _mm512_fmadd_ps(d, d, sum[0]);
	}
	return add_strands(sum);
}

/*
 * out[r] = <x, row r> for a constant number of rows, at most four, n floats
 * each.
 */
AVX512_INLINE void
multiply_rows(const float *x, const float *rows, const int nrows, int n, float *out)
{
	__m512		sum[4][4];
	int			i = 0;

	HV_UNROLL
	for (int r = 0; r < nrows; r++)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			sum[r][s] = _mm512_setzero_ps();
	}
	for (; i + 64 <= n; i += 64)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
		{
			__m512		v = _mm512_loadu_ps(x + i + s * 16);

			HV_UNROLL
			for (int r = 0; r < nrows; r++)
				sum[r][s] = _mm512_fmadd_ps(v, _mm512_loadu_ps(rows + (size_t) r * n + i + s * 16),
											sum[r][s]);
		}
	}
	for (; i < n; i += 16)
	{
		__mmask16	mask = mask_of_floats(n - i);
		__m512		v = _mm512_maskz_loadu_ps(mask, x + i);

		HV_UNROLL
		for (int r = 0; r < nrows; r++)
			sum[r][0] = _mm512_fmadd_ps(v, _mm512_maskz_loadu_ps(mask, rows + (size_t) r * n + i),
										sum[r][0]);
	}
	HV_UNROLL
	for (int r = 0; r < nrows; r++)
		out[r] = add_strands(sum[r]);
}

AVX512 static float
avx512_inner_product(const float *a, const float *b, int n)
{
	float		result;

	multiply_rows(a, b, 1, n, &result);
	return result;
}

AVX512 static void
avx512_inner_product_rows(const float *x, const float *rows, int nrows, int n, float *out)
{
	int			r = 0;

	for (; r + 4 <= nrows; r += 4)
		multiply_rows(x, rows + (size_t) r * n, 4, n, out + r);
	for (; r < nrows; r++)
		multiply_rows(x, rows + (size_t) r * n, 1, n, out + r);
}

AVX512 static void
avx512_cosine_parts(const float *a, const float *b, int n, float out[3])
{
	__m512		sum[3][4];
	int			i = 0;

	HV_UNROLL
	for (int p = 0; p < 3; p++)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			sum[p][s] = _mm512_setzero_ps();
	}
	for (; i + 64 <= n; i += 64)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
		{
			__m512		u = _mm512_loadu_ps(a + i + s * 16);
			__m512		v = _mm512_loadu_ps(b + i + s * 16);

			sum[0][s] = _mm512_fmadd_ps(u, v, sum[0][s]);
			sum[1][s] = _mm512_fmadd_ps(u, u, sum[1][s]);
			sum[2][s] = _mm512_fmadd_ps(v, v, sum[2][s]);
		}
	}
	for (; i < n; i += 16)
	{
		__mmask16	mask = mask_of_floats(n - i);
		__m512		u = _mm512_maskz_loadu_ps(mask, a + i);
		__m512		v = _mm512_maskz_loadu_ps(mask, b + i);

		sum[0][0] = _mm512_fmadd_ps(u, v, sum[0][0]);
		sum[1][0] = _mm512_fmadd_ps(u, u, sum[1][0]);
		sum[2][0] = _mm512_fmadd_ps(v, v, sum[2][0]);
	}
	HV_UNROLL
	for (int p = 0; p < 3; p++)
		out[p] = add_strands(sum[p]);
}

/* 16 signed bytes, those under mask, as floats */
AVX512_INLINE __m512
load_i8(const int8_t *p, __mmask16 mask)
{
	return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, p)));
}

AVX512 static float
avx512_inner_product_i8(const int8_t *a, const float *b, int n)
{
	__m512		sum[4];
	int			i = 0;

	HV_UNROLL
	for (int s = 0; s < 4; s++)
		sum[s] = _mm512_setzero_ps();
	for (; i + 64 <= n; i += 64)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			sum[s] = _mm512_fmadd_ps(load_i8(a + i + s * 16, 0xffff),
									 _mm512_loadu_ps(b + i + s * 16), sum[s]);
	}
	for (; i < n; i += 16)
	{
		__mmask16	mask = mask_of_floats(n - i);

		sum[0] = _mm512_fmadd_ps(load_i8(a + i, mask),
								 _mm512_maskz_loadu_ps(mask, b + i), sum[0]);
	}
	return add_strands(sum);
}

#define TILE_FUNCTION			AVX512 static
#define TILE_INLINE				AVX512_INLINE
#define TILE_NAME(kernel)		avx512_##kernel
#define TILE_VECTOR				__m512
#define TILE_WIDTH				16
#define TILE_X					4
#define TILE_R					4
#define TILE_ZERO()				_mm512_setzero_ps()
#define TILE_LOAD(p)			_mm512_loadu_ps(p)
#define TILE_FMA(a, b, sum)		_mm512_fmadd_ps(a, b, sum)
#define TILE_TOTAL(v)			_mm512_reduce_add_ps(v)
#define TILE_LOAD_I8(p)			load_i8(p, 0xffff)
#define TILE_SCALE(v, f)		_mm512_mul_ps(v, _mm512_set1_ps(f))
#define TILE_STORE(p, v)		_mm512_storeu_ps(p, v)

#include "arithmetic/hvkerneltile.h"

/* (u, v) <- (u + v, u - v) */
AVX512_INLINE void
butterfly(__m512 *u, __m512 *v)
{
	__m512		sum = _mm512_add_ps(*u, *v);

	*v = _mm512_sub_ps(*u, *v);
	*u = sum;
}

/* each lane plus its partner, or, in upper lanes, the partner minus the lane */
AVX512_INLINE __m512
combine(__m512 x, __m512 partner, __mmask16 upper)
{
	return _mm512_mask_sub_ps(_mm512_add_ps(x, partner), upper, partner, x);
}

/* The strides 1 to 8 inside of one register. */
AVX512_INLINE __m512
transform_sixteen(__m512 x)
{
	x = combine(x, _mm512_permute_ps(x, 0xb1), 0xaaaa);
	x = combine(x, _mm512_permute_ps(x, 0x4e), 0xcccc);
	x = combine(x, _mm512_shuffle_f32x4(x, x, 0xb1), 0xf0f0);
	return combine(x, _mm512_shuffle_f32x4(x, x, 0x4e), 0xff00);
}

/* The strides 1 to 128 of 256 floats, in sixteen registers. */
AVX512_INLINE void
transform_block(float *x)
{
	__m512		v[16];

	HV_UNROLL
	for (int k = 0; k < 16; k++)
		v[k] = transform_sixteen(_mm512_loadu_ps(x + k * 16));
	HV_UNROLL
	for (int k = 0; k < 8; k++)
		butterfly(&v[2 * k], &v[2 * k + 1]);
	HV_UNROLL
	for (int k = 0; k < 8; k++)
		butterfly(&v[k / 2 * 4 + k % 2], &v[k / 2 * 4 + k % 2 + 2]);
	HV_UNROLL
	for (int k = 0; k < 8; k++)
		butterfly(&v[k / 4 * 8 + k % 4], &v[k / 4 * 8 + k % 4 + 4]);
	HV_UNROLL
	for (int k = 0; k < 8; k++)
		butterfly(&v[k], &v[k + 8]);
	HV_UNROLL
	for (int k = 0; k < 16; k++)
		_mm512_storeu_ps(x + k * 16, v[k]);
}

/* one stride, a multiple of 16, over n floats */
AVX512_INLINE void
transform_stride(float *x, int n, int stride)
{
	for (int start = 0; start < n; start += 2 * stride)
	{
		for (int k = start; k < start + stride; k += 16)
		{
			__m512		u = _mm512_loadu_ps(x + k);
			__m512		v = _mm512_loadu_ps(x + k + stride);

			butterfly(&u, &v);
			_mm512_storeu_ps(x + k, u);
			_mm512_storeu_ps(x + k + stride, v);
		}
	}
}

/* stride and 2 * stride in one pass over n floats */
AVX512_INLINE void
transform_two_strides(float *x, int n, int stride)
{
	for (int start = 0; start < n; start += 4 * stride)
	{
		for (int k = start; k < start + stride; k += 16)
		{
			__m512		v[4];

			HV_UNROLL
			for (int j = 0; j < 4; j++)
				v[j] = _mm512_loadu_ps(x + k + j * stride);
			butterfly(&v[0], &v[1]);
			butterfly(&v[2], &v[3]);
			butterfly(&v[0], &v[2]);
			butterfly(&v[1], &v[3]);
			HV_UNROLL
			for (int j = 0; j < 4; j++)
				_mm512_storeu_ps(x + k + j * stride, v[j]);
		}
	}
}

AVX512 static void
avx512_hadamard(float *x, int n)
{
	int			stride;

	if (n < 16)
	{
		HvKernelsScalar.hadamard(x, n);
		return;
	}
	if (n < 256)
	{
		for (int k = 0; k < n; k += 16)
			_mm512_storeu_ps(x + k, transform_sixteen(_mm512_loadu_ps(x + k)));
		stride = 16;
	}
	else
	{
		for (int k = 0; k < n; k += 256)
			transform_block(x + k);
		stride = 256;
	}
	for (; stride * 2 < n; stride *= 4)
		transform_two_strides(x, n, stride);
	if (stride < n)
		transform_stride(x, n, stride);
}

AVX512 static void
avx512_halfs_to_floats(const uint8_t *halfs, int n, float *out)
{
	for (int i = 0; i < n; i += 16)
	{
		__mmask16	mask = mask_of_floats(n - i);
		__m256i		sixteen = _mm256_maskz_loadu_epi16(mask, halfs + 2 * (size_t) i);

		_mm512_mask_storeu_ps(out + i, mask, _mm512_cvtph_ps(sixteen));
	}
}

const HvKernels HvKernelsAvx512 = {
	.level = HV_KERNEL_AVX512,
	.name = "avx512",
	.hamming = avx512_hamming,
	.hamming_planes = avx512_hamming_planes,
	.l2_squared = avx512_l2_squared,
	.inner_product = avx512_inner_product,
	.cosine_parts = avx512_cosine_parts,
	.inner_product_rows = avx512_inner_product_rows,
	.inner_product_i8 = avx512_inner_product_i8,
	.inner_product_tile = avx512_inner_product_tile,
	.decode_i8 = avx512_decode_i8,
	.hadamard = avx512_hadamard,
	.halfs_to_floats = avx512_halfs_to_floats
};

#endif							/* HV_HAVE_X86_KERNELS */
