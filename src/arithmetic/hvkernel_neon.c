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
 *	  Every float sum has four strands of 4, added up in the same order
 *	  whatever kernel it is in, so that inner_product_rows and inner_product
 *	  agree to the last bit and a row's result does not depend on its place.
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

/* the total of the four strands of a sum */
NEON_INLINE float
add_strands(const float32x4_t sum[4])
{
	return vaddvq_f32(vaddq_f32(vaddq_f32(sum[0], sum[1]), vaddq_f32(sum[2], sum[3])));
}

static float
neon_l2_squared(const float *a, const float *b, int n)
{
	float32x4_t sum[4];
	float		rest = 0.0f;
	int			i = 0;

	HV_UNROLL
	for (int s = 0; s < 4; s++)
		sum[s] = vdupq_n_f32(0.0f);
	for (; i + 16 <= n; i += 16)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
		{
			float32x4_t d = vsubq_f32(vld1q_f32(a + i + s * 4), vld1q_f32(b + i + s * 4));

			sum[s] = vfmaq_f32(sum[s], d, d);
		}
	}
	for (; i < n; i++)
	{
		float		d = a[i] - b[i];

		rest += d * d;
	}
	return add_strands(sum) + rest;
}

/*
 * out[r] = <x, row r> for a constant number of rows, at most four, n floats
 * each.
 */
NEON_INLINE void
multiply_rows(const float *x, const float *rows, const int nrows, int n, float *out)
{
	float32x4_t sum[4][4];
	float		rest[4] = {0.0f, 0.0f, 0.0f, 0.0f};
	int			i = 0;

	HV_UNROLL
	for (int r = 0; r < nrows; r++)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			sum[r][s] = vdupq_n_f32(0.0f);
	}
	for (; i + 16 <= n; i += 16)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
		{
			float32x4_t v = vld1q_f32(x + i + s * 4);

			HV_UNROLL
			for (int r = 0; r < nrows; r++)
				sum[r][s] = vfmaq_f32(sum[r][s], v,
									  vld1q_f32(rows + (size_t) r * n + i + s * 4));
		}
	}
	for (; i < n; i++)
	{
		HV_UNROLL
		for (int r = 0; r < nrows; r++)
			rest[r] += x[i] * rows[(size_t) r * n + i];
	}
	HV_UNROLL
	for (int r = 0; r < nrows; r++)
		out[r] = add_strands(sum[r]) + rest[r];
}

static float
neon_inner_product(const float *a, const float *b, int n)
{
	float		result;

	multiply_rows(a, b, 1, n, &result);
	return result;
}

static void
neon_inner_product_rows(const float *x, const float *rows, int nrows, int n, float *out)
{
	int			r = 0;

	for (; r + 4 <= nrows; r += 4)
		multiply_rows(x, rows + (size_t) r * n, 4, n, out + r);
	for (; r < nrows; r++)
		multiply_rows(x, rows + (size_t) r * n, 1, n, out + r);
}

static void
neon_cosine_parts(const float *a, const float *b, int n, float out[3])
{
	float32x4_t sum[3][4];
	float		rest[3] = {0.0f, 0.0f, 0.0f};
	int			i = 0;

	HV_UNROLL
	for (int p = 0; p < 3; p++)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			sum[p][s] = vdupq_n_f32(0.0f);
	}
	for (; i + 16 <= n; i += 16)
	{
		HV_UNROLL
		for (int s = 0; s < 4; s++)
		{
			float32x4_t u = vld1q_f32(a + i + s * 4);
			float32x4_t v = vld1q_f32(b + i + s * 4);

			sum[0][s] = vfmaq_f32(sum[0][s], u, v);
			sum[1][s] = vfmaq_f32(sum[1][s], u, u);
			sum[2][s] = vfmaq_f32(sum[2][s], v, v);
		}
	}
	for (; i < n; i++)
	{
		rest[0] += a[i] * b[i];
		rest[1] += a[i] * a[i];
		rest[2] += b[i] * b[i];
	}
	HV_UNROLL
	for (int p = 0; p < 3; p++)
		out[p] = add_strands(sum[p]) + rest[p];
}

static float
neon_inner_product_i8(const int8_t *a, const float *b, int n)
{
	float32x4_t sum[4];
	float		rest = 0.0f;
	int			i = 0;

	HV_UNROLL
	for (int s = 0; s < 4; s++)
		sum[s] = vdupq_n_f32(0.0f);
	for (; i + 16 <= n; i += 16)
	{
		int8x16_t	bytes = vld1q_s8(a + i);
		int16x8_t	low = vmovl_s8(vget_low_s8(bytes));
		int16x8_t	high = vmovl_s8(vget_high_s8(bytes));
		int32x4_t	wide[4];

		wide[0] = vmovl_s16(vget_low_s16(low));
		wide[1] = vmovl_s16(vget_high_s16(low));
		wide[2] = vmovl_s16(vget_low_s16(high));
		wide[3] = vmovl_s16(vget_high_s16(high));
		HV_UNROLL
		for (int s = 0; s < 4; s++)
			sum[s] = vfmaq_f32(sum[s], vcvtq_f32_s32(wide[s]), vld1q_f32(b + i + s * 4));
	}
	for (; i < n; i++)
		rest += (float) a[i] * b[i];
	return add_strands(sum) + rest;
}

/* (u, v) <- (u + v, u - v) */
NEON_INLINE void
butterfly(float32x4_t *u, float32x4_t *v)
{
	float32x4_t sum = vaddq_f32(*u, *v);

	*v = vsubq_f32(*u, *v);
	*u = sum;
}

/* x with the sign turned in the lanes where upper has its top bit set */
NEON_INLINE float32x4_t
turn_upper(float32x4_t x, uint32x4_t upper)
{
	return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), upper));
}

/*
 * The strides 1 and 2 inside of one register.  Each lane gets its partner plus
 * or minus itself: minus where the lane is the upper one of the pair.
 */
NEON_INLINE float32x4_t
transform_four(float32x4_t x)
{
	static const uint32_t upper1[4] = {0, 0x80000000, 0, 0x80000000};
	static const uint32_t upper2[4] = {0, 0, 0x80000000, 0x80000000};

	x = vaddq_f32(vrev64q_f32(x), turn_upper(x, vld1q_u32(upper1)));
	return vaddq_f32(vextq_f32(x, x, 2), turn_upper(x, vld1q_u32(upper2)));
}

/* The strides 1 to 32 of 64 floats, in sixteen registers. */
NEON_INLINE void
transform_block(float *x)
{
	float32x4_t v[16];

	HV_UNROLL
	for (int k = 0; k < 16; k++)
		v[k] = transform_four(vld1q_f32(x + k * 4));
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
		vst1q_f32(x + k * 4, v[k]);
}

/* one stride, a multiple of 4, over n floats */
NEON_INLINE void
transform_stride(float *x, int n, int stride)
{
	for (int start = 0; start < n; start += 2 * stride)
	{
		for (int k = start; k < start + stride; k += 4)
		{
			float32x4_t u = vld1q_f32(x + k);
			float32x4_t v = vld1q_f32(x + k + stride);

			butterfly(&u, &v);
			vst1q_f32(x + k, u);
			vst1q_f32(x + k + stride, v);
		}
	}
}

/* stride and 2 * stride in one pass over n floats */
NEON_INLINE void
transform_two_strides(float *x, int n, int stride)
{
	for (int start = 0; start < n; start += 4 * stride)
	{
		for (int k = start; k < start + stride; k += 4)
		{
			float32x4_t v[4];

			HV_UNROLL
			for (int j = 0; j < 4; j++)
				v[j] = vld1q_f32(x + k + j * stride);
			butterfly(&v[0], &v[1]);
			butterfly(&v[2], &v[3]);
			butterfly(&v[0], &v[2]);
			butterfly(&v[1], &v[3]);
			HV_UNROLL
			for (int j = 0; j < 4; j++)
				vst1q_f32(x + k + j * stride, v[j]);
		}
	}
}

/* 4 signed bytes as floats */
NEON_INLINE float32x4_t
load_i8(const int8_t *p)
{
	const int32_t four[4] = {p[0], p[1], p[2], p[3]};

	return vcvtq_f32_s32(vld1q_s32(four));
}

#define TILE_FUNCTION			static
#define TILE_INLINE				NEON_INLINE
#define TILE_NAME(kernel)		neon_##kernel
#define TILE_VECTOR				float32x4_t
#define TILE_WIDTH				4
#define TILE_X					4
#define TILE_R					4
#define TILE_ZERO()				vdupq_n_f32(0.0f)
#define TILE_LOAD(p)			vld1q_f32(p)
#define TILE_FMA(a, b, sum)		vfmaq_f32(sum, a, b)
#define TILE_TOTAL(v)			vaddvq_f32(v)
#define TILE_LOAD_I8(p)			load_i8(p)
#define TILE_SCALE(v, f)		vmulq_n_f32(v, f)
#define TILE_STORE(p, v)		vst1q_f32(p, v)

#include "arithmetic/hvkerneltile.h"

static void
neon_hadamard(float *x, int n)
{
	int			stride;

	if (n < 4)
	{
		HvKernelsScalar.hadamard(x, n);
		return;
	}
	if (n < 64)
	{
		for (int k = 0; k < n; k += 4)
			vst1q_f32(x + k, transform_four(vld1q_f32(x + k)));
		stride = 4;
	}
	else
	{
		for (int k = 0; k < n; k += 64)
			transform_block(x + k);
		stride = 64;
	}
	for (; stride * 2 < n; stride *= 4)
		transform_two_strides(x, n, stride);
	if (stride < n)
		transform_stride(x, n, stride);
}

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
