/*-------------------------------------------------------------------------
 *
 * hvkernel_neon.c
 *	  The kernels for 64-bit ARM, all of which have NEON.
 *
 * NOTES
 *	  Bits are counted by bytes, 16 at a time, and gather in sums of 16 bits.
 *	  A code's last 8 bytes, where its length is an odd multiple of 8, are
 *	  loaded alone, with zeros above them.
 *
 *	  The kernels over floats are those of hvkernelfloat.h.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkernel_neon.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"

#ifdef HV_HAVE_NEON_KERNELS

#include <arm_neon.h>

#include "arithmetic/hvunroll.h"

#define NEON_INLINE static inline __attribute__((always_inline))

/* 8 bytes, and zeros above them */
NEON_INLINE uint8x16_t
load_half(const uint8_t *p)
{
	return vcombine_u8(vld1_u8(p), vdup_n_u8(0));
}

/* sum + number of bits in which a differs from b, for each 2 bytes */
NEON_INLINE uint16x8_t
add_difference(uint16x8_t sum, uint8x16_t a, uint8x16_t b)
{
	return vpadalq_u8(sum, vcntq_u8(veorq_u8(a, b)));
}

/* out[c] = distance of a constant number of codes in a row, at most four */
NEON_INLINE void
measure_hamming(const uint8_t *code, const int ncodes, int code_bytes,
				const uint8_t *query, uint16_t *out)
{
	uint16x8_t	sum[4];
	uint8x16_t	q;
	int			k = 0;

	HV_UNROLL
	for (int c = 0; c < ncodes; c++)
		sum[c] = vdupq_n_u16(0);
	for (; k + 16 <= code_bytes; k += 16)
	{
		q = vld1q_u8(query + k);
		HV_UNROLL
		for (int c = 0; c < ncodes; c++)
			sum[c] = add_difference(sum[c], q, vld1q_u8(code + c * code_bytes + k));
	}
	if (k < code_bytes)
	{
		q = load_half(query + k);
		HV_UNROLL
		for (int c = 0; c < ncodes; c++)
			sum[c] = add_difference(sum[c], q, load_half(code + c * code_bytes + k));
	}
	HV_UNROLL
	for (int c = 0; c < ncodes; c++)
		out[c] = vaddvq_u16(sum[c]);
}

static void
neon_hamming(const uint8_t *codes, int ncodes, int code_bytes,
			 const uint8_t *query, uint16_t *out)
{
	int			i = 0;

	for (; i + 4 <= ncodes; i += 4)
		measure_hamming(codes + (size_t) i * code_bytes, 4, code_bytes, query, out + i);
	for (; i < ncodes; i++)
		measure_hamming(codes + (size_t) i * code_bytes, 1, code_bytes, query, out + i);
}

/*
 * out[c] = weighted distance of a constant number of codes in a row, at most
 * two, in one pass over them.
 */
NEON_INLINE void
measure_planes(const uint8_t *code, const int ncodes, int code_bytes,
			   const uint8_t *planes, uint16_t *out)
{
	uint16x8_t	counts[2][HV_QUERY_PLANES];
	int			k = 0;

	HV_UNROLL
	for (int c = 0; c < ncodes; c++)
	{
		HV_UNROLL
		for (int j = 0; j < HV_QUERY_PLANES; j++)
			counts[c][j] = vdupq_n_u16(0);
	}
	for (; k + 16 <= code_bytes; k += 16)
	{
		HV_UNROLL
		for (int j = 0; j < HV_QUERY_PLANES; j++)
		{
			uint8x16_t	plane = vld1q_u8(planes + j * code_bytes + k);

			HV_UNROLL
			for (int c = 0; c < ncodes; c++)
				counts[c][j] = add_difference(counts[c][j], plane,
											  vld1q_u8(code + c * code_bytes + k));
		}
	}
	if (k < code_bytes)
	{
		HV_UNROLL
		for (int j = 0; j < HV_QUERY_PLANES; j++)
		{
			uint8x16_t	plane = load_half(planes + j * code_bytes + k);

			HV_UNROLL
			for (int c = 0; c < ncodes; c++)
				counts[c][j] = add_difference(counts[c][j], plane,
											  load_half(code + c * code_bytes + k));
		}
	}

	/*
	 * Horner's rule: each plane weighs twice the one below.  The largest
	 * total, 15 * HV_MAX_CODE_BITS, fits 16 bits, and so do its parts.
	 */
	HV_UNROLL
	for (int c = 0; c < ncodes; c++)
	{
		uint16x8_t	sum = counts[c][HV_QUERY_PLANES - 1];

		HV_UNROLL
		for (int j = HV_QUERY_PLANES - 2; j >= 0; j--)
			sum = vaddq_u16(vaddq_u16(sum, sum), counts[c][j]);
		out[c] = vaddvq_u16(sum);
	}
}

static void
neon_hamming_planes(const uint8_t *codes, int ncodes, int code_bytes,
					const uint8_t *planes, uint16_t *out)
{
	int			i = 0;

	for (; i + 2 <= ncodes; i += 2)
		measure_planes(codes + (size_t) i * code_bytes, 2, code_bytes, planes, out + i);
	for (; i < ncodes; i++)
		measure_planes(codes + (size_t) i * code_bytes, 1, code_bytes, planes, out + i);
}

/* the first n floats, at most 4, and zeros */
NEON_INLINE float32x4_t
load_first(const float *p, int n)
{
	float		few[4] = {0.0f, 0.0f, 0.0f, 0.0f};

	if (n >= 4)
		return vld1q_f32(p);
	for (int k = 0; k < n; k++)
		few[k] = p[k];
	return vld1q_f32(few);
}

/* 16 signed bytes as floats */
NEON_INLINE void
load_i8(const int8_t *p, float32x4_t v[4])
{
	int8x16_t	bytes = vld1q_s8(p);
	int16x8_t	low = vmovl_s8(vget_low_s8(bytes));
	int16x8_t	high = vmovl_s8(vget_high_s8(bytes));

	v[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
	v[1] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(low)));
	v[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
	v[3] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)));
}

/* x with the sign turned in the lanes where upper has its top bit set */
NEON_INLINE float32x4_t
turn_upper(float32x4_t x, uint32x4_t upper)
{
	return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), upper));
}

/*
 * The strides 1 and 2.  Each lane gets its partner plus
 * or minus itself: minus where the lane is the upper one of the pair.
 */
NEON_INLINE float32x4_t
transform_register(float32x4_t x)
{
	static const uint32_t upper1[4] = {0, 0x80000000, 0, 0x80000000};
	static const uint32_t upper2[4] = {0, 0, 0x80000000, 0x80000000};

	x = vaddq_f32(vrev64q_f32(x), turn_upper(x, vld1q_u32(upper1)));
	return vaddq_f32(vextq_f32(x, x, 2), turn_upper(x, vld1q_u32(upper2)));
}

#define SIMD_FUNCTION			static
#define SIMD_INLINE				NEON_INLINE
#define SIMD_NAME(kernel)		neon_##kernel
#define SIMD_VECTOR				float32x4_t
#define SIMD_WIDTH				4
#define SIMD_ROWS				4
#define SIMD_BLOCK				16
#define SIMD_ZERO()				vdupq_n_f32(0.0f)
#define SIMD_LOAD(p)			vld1q_f32(p)
#define SIMD_STORE(p, v)		vst1q_f32(p, v)
#define SIMD_ADD(a, b)			vaddq_f32(a, b)
#define SIMD_SUB(a, b)			vsubq_f32(a, b)
#define SIMD_SCALE(v, f)		vmulq_n_f32(v, f)
#define SIMD_FMA(a, b, sum)		vfmaq_f32(sum, a, b)
#define SIMD_TOTAL(v)			vaddvq_f32(v)

#include "arithmetic/hvkernelfloat.h"

static void
neon_halfs_to_floats(const uint8_t *halfs, int n, float *out)
{
	int			i = 0;

	for (; i + 8 <= n; i += 8)
	{
		float16x8_t eight = vreinterpretq_f16_u8(vld1q_u8(halfs + 2 * (size_t) i));

		vst1q_f32(out + i, vcvt_f32_f16(vget_low_f16(eight)));
		vst1q_f32(out + i + 4, vcvt_high_f32_f16(eight));
	}
	HvKernelsScalar.halfs_to_floats(halfs + 2 * (size_t) i, n - i, out + i);
}

const HvKernels HvKernelsNeon = {
	.level = HV_KERNEL_NEON,
	.name = "neon",
	.hamming = neon_hamming,
	.hamming_planes = neon_hamming_planes,
	.l2_squared = neon_l2_squared,
	.inner_product = neon_inner_product,
	.cosine_parts = neon_cosine_parts,
	.inner_product_rows = neon_inner_product_rows,
	.inner_product_i8 = neon_inner_product_i8,
	.inner_product_tile = neon_inner_product_tile,
	.decode_i8 = neon_decode_i8,
	.hadamard = neon_hadamard,
	.halfs_to_floats = neon_halfs_to_floats
};

#endif							/* HV_HAVE_NEON_KERNELS */
