/*-------------------------------------------------------------------------
 *
 * hvkernel_avx2.c
 *	  The kernels for x86-64 processors with AVX2 and FMA.
 *
 * NOTES
 *	  Bits are counted by looking up the two halves of each byte in a table of
 *	  16 (Mula's method).  The counts of one code gather in bytes: a code has
 *	  at most 16 words of 32 bytes and each adds at most 8, so they stay below
 *	  256 and one sum of bytes per code is enough.
 *
 *	  The kernels over floats are those of hvkernelfloat.h.
 *
 *	  Code lengths are multiples of 8 bytes, vector lengths anything.  The last
 *	  incomplete word is loaded under a mask, which reads nothing beyond the
 *	  end and fills up with zeros, and these change no sum.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkernel_avx2.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"

#ifdef HV_HAVE_X86_KERNELS

#include <immintrin.h>

#include "arithmetic/hvunroll.h"

#define AVX2 __attribute__((target("avx2,fma,popcnt")))
#define AVX2_INLINE static inline __attribute__((target("avx2,fma,popcnt"), always_inline))

/* the longest code in words of 32 bytes */
#define MAX_WORDS	(HV_MAX_CODE_BYTES / 32)

/* mask that loads the first n of 4 groups of 8 bytes, 0 <= n <= 4 */
AVX2_INLINE __m256i
mask_of_groups(int n)
{
	const __m256i lanes = _mm256_setr_epi64x(0, 1, 2, 3);

	return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), lanes);
}

/* 32 bytes of any alignment */
AVX2_INLINE __m256i
load_bytes(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *) p);
}

/* the groups of 8 bytes under mask, zero elsewhere */
AVX2_INLINE __m256i
load_groups(const uint8_t *p, __m256i mask)
{
	return _mm256_maskload_epi64((const long long *) p, mask);
}

/* bits set in each half byte */
AVX2_INLINE __m256i
half_byte_counts(void)
{
	return _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
							0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
}

/* counts + number of bits in which a differs from b, for each byte */
AVX2_INLINE __m256i
add_difference(__m256i counts, __m256i a, __m256i b)
{
	const __m256i table = half_byte_counts();
	const __m256i low_half = _mm256_set1_epi8(0x0f);
	__m256i		x = _mm256_xor_si256(a, b);
	__m256i		low = _mm256_and_si256(x, low_half);
	__m256i		high = _mm256_and_si256(_mm256_srli_epi16(x, 4), low_half);

	return _mm256_add_epi8(counts, _mm256_add_epi8(_mm256_shuffle_epi8(table, low),
												   _mm256_shuffle_epi8(table, high)));
}

/* sums of the bytes of x, one in each 64 bits */
AVX2_INLINE __m256i
sum_bytes(__m256i x)
{
	return _mm256_sad_epu8(x, _mm256_setzero_si256());
}

/*
 * Stores the totals of four codes.  Each of sum[] holds four partial sums of
 * 64 bits, all below 2^16.
 */
AVX2_INLINE void
store_four(const __m256i sum[4], uint16_t *out)
{
	__m256i		even = _mm256_or_si256(sum[0], _mm256_slli_epi64(sum[1], 32));
	__m256i		odd = _mm256_or_si256(sum[2], _mm256_slli_epi64(sum[3], 32));
	__m256i		half = _mm256_add_epi32(_mm256_unpacklo_epi64(even, odd),
										_mm256_unpackhi_epi64(even, odd));
	__m128i		total = _mm_add_epi32(_mm256_castsi256_si128(half),
									  _mm256_extracti128_si256(half, 1));

	_mm_storel_epi64((__m128i *) out, _mm_packus_epi32(total, total));
}

/* the total of one code's four partial sums */
AVX2_INLINE uint16_t
total_of(__m256i sum)
{
	__m128i		half = _mm_add_epi64(_mm256_castsi256_si128(sum),
									 _mm256_extracti128_si256(sum, 1));

	half = _mm_add_epi64(half, _mm_unpackhi_epi64(half, half));
	return (uint16_t) _mm_cvtsi128_si32(half);
}

/*
 * Partial Hamming distances of a constant number of codes in a row, at most
 * four, side by side.
 */
AVX2_INLINE void
measure_hamming(const uint8_t *code, const int ncodes, int code_bytes,
				const uint8_t *query, __m256i rest, __m256i *sum)
{
	__m256i		counts[4];
	__m256i		q;
	int			k = 0;

	HV_UNROLL
	for (int c = 0; c < ncodes; c++)
		counts[c] = _mm256_setzero_si256();
	for (; k + 32 <= code_bytes; k += 32)
	{
		q = load_bytes(query + k);
		HV_UNROLL
		for (int c = 0; c < ncodes; c++)
			counts[c] = add_difference(counts[c], q, load_bytes(code + c * code_bytes + k));
	}
	if (k < code_bytes)
	{
		q = load_groups(query + k, rest);
		HV_UNROLL
		for (int c = 0; c < ncodes; c++)
			counts[c] = add_difference(counts[c], q, load_groups(code + c * code_bytes + k, rest));
	}
	HV_UNROLL
	for (int c = 0; c < ncodes; c++)
		sum[c] = sum_bytes(counts[c]);
}

AVX2 static void
avx2_hamming(const uint8_t *codes, int ncodes, int code_bytes,
			 const uint8_t *query, uint16_t *out)
{
	const __m256i rest = mask_of_groups(code_bytes % 32 / 8);
	__m256i		sum[4];
	int			i = 0;

	for (; i + 4 <= ncodes; i += 4)
	{
		measure_hamming(codes + (size_t) i * code_bytes, 4, code_bytes, query, rest, sum);
		store_four(sum, out + i);
	}
	for (; i < ncodes; i++)
	{
		measure_hamming(codes + (size_t) i * code_bytes, 1, code_bytes, query, rest, sum);
		out[i] = total_of(sum[0]);
	}
}

/*
 * The planes with their half bytes parted, so that a code's need to be parted
 * once and not once a plane.
 */
typedef struct SplitPlanes
{
	__m256i		low[MAX_WORDS][HV_QUERY_PLANES];
	__m256i		high[MAX_WORDS][HV_QUERY_PLANES];
} SplitPlanes;

AVX2_INLINE void
split_planes(const uint8_t *planes, int code_bytes, __m256i rest, SplitPlanes *split)
{
	const __m256i low_half = _mm256_set1_epi8(0x0f);

	for (int k = 0; k < code_bytes; k += 32)
	{
		HV_UNROLL
		for (int j = 0; j < HV_QUERY_PLANES; j++)
		{
			const uint8_t *p = planes + j * code_bytes + k;
			__m256i		word = k + 32 <= code_bytes ? load_bytes(p) : load_groups(p, rest);

			split->low[k / 32][j] = _mm256_and_si256(word, low_half);
			split->high[k / 32][j] = _mm256_and_si256(_mm256_srli_epi16(word, 4), low_half);
		}
	}
}

/* adds to counts[j] the bits in which word differs from plane j */
AVX2_INLINE void
count_planes(__m256i word, const __m256i *plane_low, const __m256i *plane_high,
			 __m256i counts[HV_QUERY_PLANES])
{
	const __m256i table = half_byte_counts();
	const __m256i low_half = _mm256_set1_epi8(0x0f);
	__m256i		low = _mm256_and_si256(word, low_half);
	__m256i		high = _mm256_and_si256(_mm256_srli_epi16(word, 4), low_half);

	HV_UNROLL
	for (int j = 0; j < HV_QUERY_PLANES; j++)
	{
		__m256i		l = _mm256_shuffle_epi8(table, _mm256_xor_si256(low, plane_low[j]));
		__m256i		h = _mm256_shuffle_epi8(table, _mm256_xor_si256(high, plane_high[j]));

		counts[j] = _mm256_add_epi8(counts[j], _mm256_add_epi8(l, h));
	}
}

/* partial weighted distances of one code, in one pass over it */
AVX2_INLINE __m256i
planes_one(const uint8_t *code, int code_bytes, __m256i rest, const SplitPlanes *split)
{
	const int	whole = code_bytes / 32;
	__m256i		counts[HV_QUERY_PLANES];
	__m256i		sum;

	HV_UNROLL
	for (int j = 0; j < HV_QUERY_PLANES; j++)
		counts[j] = _mm256_setzero_si256();
	for (int w = 0; w < whole; w++)
		count_planes(load_bytes(code + w * 32), split->low[w], split->high[w], counts);
	if (whole * 32 < code_bytes)
		count_planes(load_groups(code + whole * 32, rest),
					 split->low[whole], split->high[whole], counts);

	/* Horner's rule: each plane weighs twice the one below */
	sum = sum_bytes(counts[HV_QUERY_PLANES - 1]);
	HV_UNROLL
	for (int j = HV_QUERY_PLANES - 2; j >= 0; j--)
		sum = _mm256_add_epi64(_mm256_slli_epi64(sum, 1), sum_bytes(counts[j]));
	return sum;
}

AVX2 static void
avx2_hamming_planes(const uint8_t *codes, int ncodes, int code_bytes,
					const uint8_t *planes, uint16_t *out)
{
	const __m256i rest = mask_of_groups(code_bytes % 32 / 8);
	SplitPlanes split;
	int			i = 0;

	split_planes(planes, code_bytes, rest, &split);
	for (; i + 4 <= ncodes; i += 4)
	{
		__m256i		sum[4];

		for (int c = 0; c < 4; c++)
			sum[c] = planes_one(codes + (size_t) (i + c) * code_bytes, code_bytes,
								rest, &split);
		store_four(sum, out + i);
	}
	for (; i < ncodes; i++)
		out[i] = total_of(planes_one(codes + (size_t) i * code_bytes, code_bytes,
									 rest, &split));
}

/* the first n floats, at most 8, and zeros */
AVX2_INLINE __m256
load_first(const float *p, int n)
{
	const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

	return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lanes));
}

/* 32 signed bytes of any alignment as floats */
AVX2_INLINE void
load_i8(const int8_t *p, __m256 v[4])
{
	HV_UNROLL
	for (int s = 0; s < 4; s++)
		v[s] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) (p + s * 8))));
}

/* the sum of a register's floats */
AVX2_INLINE float
add_lanes(__m256 v)
{
	__m128		four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
	__m128		two = _mm_add_ps(four, _mm_movehl_ps(four, four));

	return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/*
 * The strides 1, 2 and 4.  Each lane gets its partner
 * plus or minus itself: minus where the lane is the upper one of the pair.
 */
AVX2_INLINE __m256
transform_register(__m256 x)
{
	const float m = -0.0f;
	const __m256 upper1 = _mm256_setr_ps(0, m, 0, m, 0, m, 0, m);
	const __m256 upper2 = _mm256_setr_ps(0, 0, m, m, 0, 0, m, m);
	const __m256 upper4 = _mm256_setr_ps(0, 0, 0, 0, m, m, m, m);

	x = _mm256_add_ps(_mm256_permute_ps(x, 0xb1), _mm256_xor_ps(x, upper1));
	x = _mm256_add_ps(_mm256_permute_ps(x, 0x4e), _mm256_xor_ps(x, upper2));
	return _mm256_add_ps(_mm256_permute2f128_ps(x, x, 0x01), _mm256_xor_ps(x, upper4));
}

#define SIMD_FUNCTION			AVX2 static
#define SIMD_INLINE				AVX2_INLINE
#define SIMD_NAME(kernel)		avx2_##kernel
#define SIMD_VECTOR				__m256
#define SIMD_WIDTH				8
#define SIMD_ROWS				3
#define SIMD_BLOCK				8
#define SIMD_ZERO()				_mm256_setzero_ps()
#define SIMD_LOAD(p)			_mm256_loadu_ps(p)
#define SIMD_STORE(p, v)		_mm256_storeu_ps(p, v)
#define SIMD_ADD(a, b)			_mm256_add_ps(a, b)
#define SIMD_SUB(a, b)			_mm256_sub_ps(a, b)
#define SIMD_SCALE(v, f)		_mm256_mul_ps(v, _mm256_set1_ps(f))
#define SIMD_FMA(a, b, sum)		_mm256_fmadd_ps(a, b, sum)
#define SIMD_TOTAL(v)			add_lanes(v)

#include "arithmetic/hvkernelfloat.h"

const HvKernels HvKernelsAvx2 = {
	.level = HV_KERNEL_AVX2,
	.name = "avx2",
	.hamming = avx2_hamming,
	.hamming_planes = avx2_hamming_planes,
	.l2_squared = avx2_l2_squared,
	.inner_product = avx2_inner_product,
	.cosine_parts = avx2_cosine_parts,
	.inner_product_rows = avx2_inner_product_rows,
	.inner_product_i8 = avx2_inner_product_i8,
	.inner_product_tile = avx2_inner_product_tile,
	.decode_i8 = avx2_decode_i8,
	.hadamard = avx2_hadamard,
	.halfs_to_floats = HvKernelF16cConvert
};

#endif							/* HV_HAVE_X86_KERNELS */
