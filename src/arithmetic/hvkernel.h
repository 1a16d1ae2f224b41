/*-------------------------------------------------------------------------
 *
 * hvkernel.h
 *	  The arithmetic kernels, one table of pointers per instruction set.
 *
 * NOTES
 *	  Nothing in this file or in the hvkernel_*.c files knows PostgreSQL.
 *	  hvkernel.c looks at the processor once and picks the best table; a test
 *	  may force another one.  hvkernel_scalar.c is the definition of every
 *	  kernel: the others must give the same integers exactly and the same
 *	  floats up to the rounding of a different order of summation.
 *
 *	  Codes are arrays of bits, 8 dimensions a byte, dimension i is bit
 *	  (i % 8) of byte (i / 8).  "codes" is an array of ncodes codes without
 *	  gaps, code_bytes each; code_bytes is a multiple of 8, at most
 *	  HV_MAX_CODE_BYTES.  No pointer needs any alignment.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkernel.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVKERNEL_H
#define HVKERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* the widest code, 4096 bits: 15 * 4096 still fits the uint16_t results */
#define HV_MAX_CODE_BITS	4096
#define HV_MAX_CODE_BYTES	(HV_MAX_CODE_BITS / 8)

/* bit planes of a prepared query; plane j has weight 2^j, the last one is the sign */
#define HV_QUERY_PLANES		4

typedef enum HvKernelLevel
{
	HV_KERNEL_SCALAR = 0,
	HV_KERNEL_AVX2,				/* AVX2, FMA, POPCNT, F16C */
	HV_KERNEL_AVX512,			/* AVX-512 F, BW, VL, VPOPCNTDQ */
	HV_KERNEL_NEON
} HvKernelLevel;

typedef struct HvKernels
{
	HvKernelLevel level;
	const char *name;			/* "scalar", "avx2", "avx512", "neon" */

	/* out[i] = number of bits in which code i differs from query */
	void		(*hamming) (const uint8_t *codes, int ncodes, int code_bytes,
							const uint8_t *query, uint16_t *out);

	/*
	 * out[i] = sum over j of 2^j * hamming(code i, plane j), where plane j
	 * stands at planes + j * code_bytes, j = 0 .. HV_QUERY_PLANES - 1.
	 */
	void		(*hamming_planes) (const uint8_t *codes, int ncodes, int code_bytes,
								   const uint8_t *planes, uint16_t *out);

	/* sum of (a[i] - b[i])^2 */
	float		(*l2_squared) (const float *a, const float *b, int n);

	/* sum of a[i] * b[i] */
	float		(*inner_product) (const float *a, const float *b, int n);

	/* out[0] = <a,b>, out[1] = <a,a>, out[2] = <b,b>, in one pass */
	void		(*cosine_parts) (const float *a, const float *b, int n, float out[3]);

	/*
	 * out[r] = <x, row r> for nrows rows of n floats without gaps.  Same as
	 * nrows calls of inner_product, but x is loaded once for several rows.
	 */
	void		(*inner_product_rows) (const float *x, const float *rows,
									   int nrows, int n, float *out);

	/* sum of a[i] * b[i] with a in -127 .. 127 */
	float		(*inner_product_i8) (const int8_t *a, const float *b, int n);

	/* out[i * nrows + r] = <x row i, row r>: nx rows of x, nrows of rows, n floats each */
	void		(*inner_product_tile) (const float *x, int nx, const float *rows,
									   int nrows, int n, float *out);

	/* out[i] = step * v[i] */
	void		(*decode_i8) (const int8_t *v, float step, int n, float *out);

	/*
	 * Fast Walsh-Hadamard transform in place, not scaled; n is a power of two
	 * (1 included).  Natural (Sylvester) order, so that H(H(x)) = n * x.
	 */
	void		(*hadamard) (float *x, int n);

	/*
	 * out[i] = half i as a float: exact, a NaN becomes a quiet one.  Halfs are
	 * IEEE binary16 in the byte order of the machine, 2 bytes each.
	 */
	void		(*halfs_to_floats) (const uint8_t *halfs, int n, float *out);
} HvKernels;

/* The table in use.  Never NULL; set once by the first call of HvKernelsInit(). */
extern const HvKernels *HvKernel;

/* Chooses the best table for this processor.  Cheap to call again. */
extern void HvKernelsInit(void);

/* The table of one level, or NULL if this build or this processor lacks it. */
extern const HvKernels *HvKernelsGet(HvKernelLevel level);

/* Makes one level the table in use; false (and no change) where it is lacking. */
extern bool HvKernelsForce(HvKernelLevel level);

/* The tables themselves, for hvkernel.c; one of them per hvkernel_*.c */
extern const HvKernels HvKernelsScalar;
#if defined(__x86_64__) && defined(__GNUC__)
#define HV_HAVE_X86_KERNELS 1
extern const HvKernels HvKernelsAvx2;
extern const HvKernels HvKernelsAvx512;

/* halfs_to_floats of the AVX2 table; see hvkernel_f16c.c */
extern void HvKernelF16cConvert(const uint8_t *halfs, int n, float *out);
#endif
#if defined(__aarch64__)
#define HV_HAVE_NEON_KERNELS 1
extern const HvKernels HvKernelsNeon;
#endif

#endif							/* HVKERNEL_H */
