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
 *	  The kernels over floats are those of hvkernelfloat.h.
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

/* the first n floats, at most 16, and zeros */
AVX512_INLINE __m512
load_first(const float *p, int n)
{
	return _mm512_maskz_loadu_ps(mask_of_floats(n), p);
}

/* 64 signed bytes of any alignment as floats */
AVX512_INLINE void
load_i8(const int8_t *p, __m512 v[4])
{
	HV_UNROLL
	for (int s = 0; s < 4; s++)
		v[s] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *) (p + s * 16))));
}

/* each lane plus its partner, or, in upper lanes, the partner minus the lane */
AVX512_INLINE __m512
combine(__m512 x, __m512 partner, __mmask16 upper)
{
	return _mm512_mask_sub_ps(_mm512_add_ps(x, partner), upper, partner, x);
}

/* The strides 1 to 8. */
AVX512_INLINE __m512
transform_register(__m512 x)
{
	x = combine(x, _mm512_permute_ps(x, 0xb1), 0xaaaa);
	x = combine(x, _mm512_permute_ps(x, 0x4e), 0xcccc);
	x = combine(x, _mm512_shuffle_f32x4(x, x, 0xb1), 0xf0f0);
	return combine(x, _mm512_shuffle_f32x4(x, x, 0x4e), 0xff00);
}

#define SIMD_FUNCTION			AVX512 static
#define SIMD_INLINE				AVX512_INLINE
#define SIMD_NAME(kernel)		avx512_##kernel
#define SIMD_VECTOR				__m512
#define SIMD_WIDTH				16
#define SIMD_ROWS				4
#define SIMD_BLOCK				16
#define SIMD_ZERO()				_mm512_setzero_ps()
#define SIMD_LOAD(p)			_mm512_loadu_ps(p)
#define SIMD_STORE(p, v)		_mm512_storeu_ps(p, v)
#define SIMD_ADD(a, b)			_mm512_add_ps(a, b)
#define SIMD_SUB(a, b)			_mm512_sub_ps(a, b)
#define SIMD_SCALE(v, f)		_mm512_mul_ps(v, _mm512_set1_ps(f))
#define SIMD_FMA(a, b, sum)		_mm512_fmadd_ps(a, b, sum)
#define SIMD_TOTAL(v)			_mm512_reduce_add_ps(v)

#include "arithmetic/hvkernelfloat.h"

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
