/*-------------------------------------------------------------------------
 *
 * kernel_test.c
 *	  Every table of kernels that this processor has, against the scalar one.
 *
 * NOTES
 *	  Inputs are copied to the end of a buffer of exactly their size, at every
 *	  alignment, so that the address checker sees a read past the end.  Results
 *	  stand between guard values.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  test/unit/kernel_test.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"

#include <float.h>
#include <string.h>

#include "unit.h"

#define MAX_DIMS	4100
#define MAX_CODES	35
#define GUARD		0xa5a5

static uint64_t state = 42;

/*
 * A copy of size bytes that ends where its memory ends and starts shift bytes
 * after an aligned address.  *base is what to free.
 */
static void *
copy_at(const void *data, size_t size, size_t shift, void **base)
{
	char	   *memory = unit_alloc(size + shift);

	memcpy(memory + shift, data, size);
	*base = memory;
	return memory + shift;
}

static void
fill_random_bytes(uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t) unit_random(&state);
}

/*
 * The distance of one code bit by bit, from the definition in hvkernel.h alone;
 * nplanes 1 or HV_QUERY_PLANES.
 */
static int
count_differences(const uint8_t *code, const uint8_t *planes, int nplanes, int code_bytes)
{
	int			sum = 0;

	for (int j = 0; j < nplanes; j++)
	{
		for (int i = 0; i < code_bytes * 8; i++)
		{
			int			bit = (code[i / 8] >> (i % 8)) & 1;
			int			plane_bit = (planes[j * code_bytes + i / 8] >> (i % 8)) & 1;

			sum += (bit ^ plane_bit) << j;
		}
	}
	return sum;
}

/* both kernels on one set of codes; false where a result is wrong */
static bool
check_codes(const HvKernels *kernels, const uint8_t *codes, int ncodes, int code_bytes,
			const uint8_t *planes, size_t shift)
{
	uint16_t	expected[MAX_CODES + 1];
	uint16_t	got[MAX_CODES + 1];
	void	   *codes_base;
	void	   *planes_base;
	void	   *query_base;
	const uint8_t *c = copy_at(codes, (size_t) ncodes * code_bytes, shift, &codes_base);
	const uint8_t *p = copy_at(planes, (size_t) HV_QUERY_PLANES * code_bytes,
							   shift / 2, &planes_base);
	const uint8_t *q = copy_at(planes, (size_t) code_bytes, shift / 2, &query_base);
	bool		good = true;

	for (int nplanes = 1; nplanes <= HV_QUERY_PLANES; nplanes += HV_QUERY_PLANES - 1)
	{
		for (int i = 0; i <= MAX_CODES; i++)
			expected[i] = got[i] = GUARD;
		for (int i = 0; i < ncodes; i++)
			expected[i] = (uint16_t) count_differences(codes + (size_t) i * code_bytes,
													   planes, nplanes, code_bytes);
		if (nplanes == 1)
			kernels->hamming(c, ncodes, code_bytes, q, got);
		else
			kernels->hamming_planes(c, ncodes, code_bytes, p, got);
		if (memcmp(expected, got, sizeof(got)) != 0)
		{
			diag("%d codes of %d bytes, %d planes, shift %d: wrong",
				 ncodes, code_bytes, nplanes, (int) shift);
			good = false;
		}
	}
	free(codes_base);
	free(planes_base);
	free(query_base);
	return good;
}

static void
test_codes(const HvKernels *kernels)
{
	static uint8_t codes[MAX_CODES * HV_MAX_CODE_BYTES];
	static uint8_t planes[HV_QUERY_PLANES * HV_MAX_CODE_BYTES];
	bool		random_good = true;
	bool		extreme_good = true;
	bool		counts_good = true;
	bool		shifts_good = true;

	fill_random_bytes(codes, sizeof(codes));
	fill_random_bytes(planes, sizeof(planes));
	for (int bytes = 8; bytes <= HV_MAX_CODE_BYTES; bytes += 8)
		random_good &= check_codes(kernels, codes, 19, bytes, planes, 1);
	for (int n = 0; n <= MAX_CODES; n++)
	{
		counts_good &= check_codes(kernels, codes, n, 128, planes, 0);
		counts_good &= check_codes(kernels, codes, n, 104, planes, 3);
	}
	for (size_t shift = 0; shift < 64; shift++)
		shifts_good &= check_codes(kernels, codes, 9, 8 * (int) (shift + 1), planes, shift);

	/* nothing differs, everything differs */
	for (int value = 0; value <= 0xff; value += 0xff)
	{
		memset(codes, value, sizeof(codes));
		memset(planes, 0xff, sizeof(planes));
		for (int bytes = 8; bytes <= HV_MAX_CODE_BYTES; bytes += 8)
			extreme_good &= check_codes(kernels, codes, 17, bytes, planes, 5);
	}
	ok(random_good, "%s: codes of 8 to %d bytes", kernels->name, HV_MAX_CODE_BYTES);
	ok(counts_good, "%s: 0 to %d codes", kernels->name, MAX_CODES);
	ok(shifts_good, "%s: codes at all alignments", kernels->name);
	ok(extreme_good, "%s: all bits equal, all bits different", kernels->name);
}

/*
 * Is a float sum of n terms near the double sum?  The bound is on the sum of
 * the absolute terms: 8 roundings of the strands' ends and n / 4 in a strand.
 */
static bool
sum_is_near(float got, double expected, double magnitude, int n)
{
	double		bound = magnitude * (8.0 + n / 4.0) * (double) FLT_EPSILON;

	if (fabs((double) got - expected) <= bound)
		return true;
	diag("n = %d: got %.9g, expected %.17g, allowed +- %.3g", n, (double) got, expected, bound);
	return false;
}

/* every float kernel on one pair of vectors */
static bool
check_floats(const HvKernels *kernels, const float *a, const float *b, const int8_t *v, int n)
{
	double		ab = 0.0;
	double		aa = 0.0;
	double		bb = 0.0;
	double		vb = 0.0;
	double		l2 = 0.0;
	double		abs_ab = 0.0;
	double		abs_vb = 0.0;
	float		parts[3];
	bool		good = true;

	for (int i = 0; i < n; i++)
	{
		double		x = (double) a[i];
		double		y = (double) b[i];
		/* the subtraction is done in float by all kernels */
		double		d = (double) (a[i] - b[i]);

		ab += x * y;
		aa += x * x;
		bb += y * y;
		vb += v[i] * y;
		l2 += d * d;
		abs_ab += fabs(x * y);
		abs_vb += fabs(v[i] * y);
	}
	kernels->cosine_parts(a, b, n, parts);
	good &= sum_is_near(parts[0], ab, abs_ab, n);
	good &= sum_is_near(parts[1], aa, aa, n);
	good &= sum_is_near(parts[2], bb, bb, n);
	good &= sum_is_near(kernels->inner_product(a, b, n), ab, abs_ab, n);
	good &= sum_is_near(kernels->l2_squared(a, b, n), l2, l2, n);
	good &= sum_is_near(kernels->inner_product_i8(v, b, n), vb, abs_vb, n);

	/* the same again is the same to the last bit */
	good &= kernels->l2_squared(a, b, n) == kernels->l2_squared(a, b, n);
	good &= kernels->l2_squared(a, b, n) == kernels->l2_squared(b, a, n);
	return good;
}

/* check_floats at one length and alignment, on random values of one scale */
static bool
check_floats_at(const HvKernels *kernels, int n, int shift, float scale)
{
	static float a[MAX_DIMS];
	static float b[MAX_DIMS];
	static int8_t v[MAX_DIMS];
	void	   *a_base;
	void	   *b_base;
	void	   *v_base;
	bool		good;

	for (int i = 0; i < n; i++)
	{
		a[i] = scale * (float) unit_normal(&state);
		b[i] = scale * (float) unit_normal(&state);
		v[i] = (int8_t) ((int) (unit_random(&state) % 255) - 127);
	}
	good = check_floats(kernels,
						copy_at(a, (size_t) n * sizeof(float), (size_t) shift * 4, &a_base),
						copy_at(b, (size_t) n * sizeof(float), (size_t) (shift % 5) * 4, &b_base),
						copy_at(v, (size_t) n, (size_t) shift, &v_base), n);
	free(a_base);
	free(b_base);
	free(v_base);
	return good;
}

static void
test_floats(const HvKernels *kernels)
{
	bool		lengths_good = true;
	bool		shifts_good = true;
	bool		scales_good = true;

	for (int n = 0; n <= 600; n++)
		lengths_good &= check_floats_at(kernels, n, n % 17, 1.0f);
	for (int n = 4050; n <= MAX_DIMS; n++)
		lengths_good &= check_floats_at(kernels, n, 0, 1.0f);
	for (int shift = 0; shift < 64; shift++)
		shifts_good &= check_floats_at(kernels, 250 + shift, shift, 1.0f);
	for (int exponent = -15; exponent <= 17; exponent++)
		scales_good &= check_floats_at(kernels, 391, 1, powf(10.0f, (float) exponent));
	ok(lengths_good, "%s: float sums of all lengths", kernels->name);
	ok(shifts_good, "%s: float sums at all alignments", kernels->name);
	ok(scales_good, "%s: float sums of all scales", kernels->name);
}

/* what overflows must come out as such, or the metrics would not notice */
static void
test_float_extremes(const HvKernels *kernels)
{
	static float a[MAX_DIMS];
	static float b[MAX_DIMS];
	float		parts[3];
	bool		good = true;

	for (int n = 2; n <= 150; n++)
	{
		for (int i = 0; i < n; i++)
		{
			a[i] = 0.0f;
			b[i] = 0.0f;
		}
		a[n - 1] = FLT_MAX;
		b[n - 1] = -FLT_MAX;
		good &= isinf(kernels->l2_squared(a, b, n));
		good &= isinf(kernels->inner_product(a, b, n));
		kernels->cosine_parts(a, b, n, parts);
		good &= isinf(parts[0]) && isinf(parts[1]) && isinf(parts[2]);
		b[n - 1] = FLT_MAX;
		good &= kernels->l2_squared(a, b, n) == 0.0f;
		a[n - 1] = NAN;
		good &= isnan(kernels->l2_squared(a, b, n)) && isnan(kernels->inner_product(a, b, n));
	}
	ok(good, "%s: overflow and NaN in the last place come through", kernels->name);
}

/* rows agree with single products to the last bit, wherever they stand */
static void
test_rows(const HvKernels *kernels)
{
	enum
	{
		max_rows = 13, max_n = 150
	};
	static float x[max_n];
	static float rows[max_rows * max_n];
	float		out[max_rows + 1];
	bool		good = true;
	bool		guarded = true;

	for (int n = 0; n <= max_n; n++)
	{
		for (int i = 0; i < n; i++)
			x[i] = (float) unit_normal(&state);
		for (int i = 0; i < max_rows * n; i++)
			rows[i] = (float) unit_normal(&state);
		for (int nrows = 0; nrows <= max_rows; nrows++)
		{
			void	   *base;
			const float *r = copy_at(rows, (size_t) nrows * n * sizeof(float), 4, &base);

			out[nrows] = 77.0f;
			kernels->inner_product_rows(x, r, nrows, n, out);
			for (int k = 0; k < nrows; k++)
				good &= out[k] == kernels->inner_product(x, r + (size_t) k * n, n);
			guarded &= out[nrows] == 77.0f;
			free(base);
		}
	}
	ok(good, "%s: rows equal single products exactly", kernels->name);
	ok(guarded, "%s: rows write no more than their results", kernels->name);
}

/* tiles agree with single products but for rounding, decoded bytes with the definition */
static void
test_tiles(const HvKernels *kernels)
{
	enum
	{
		max_rows = 9, max_n = 150
	};
	static float x[max_rows * max_n];
	static float rows[max_rows * max_n];
	static int8_t bytes[max_n];
	float		out[max_rows * max_rows + 1];
	float		decoded[max_n + 1];
	bool		good = true;
	bool		guarded = true;
	bool		decodes = true;

	for (int n = 0; n <= max_n; n += n < 70 ? 1 : 7)
	{
		for (int i = 0; i < max_rows * n; i++)
		{
			x[i] = (float) unit_normal(&state);
			rows[i] = (float) unit_normal(&state);
		}
		for (int nx = 0; nx <= max_rows; nx++)
		{
			for (int nrows = 0; nrows <= max_rows; nrows++)
			{
				void	   *base;
				const float *r = copy_at(rows, (size_t) nrows * n * sizeof(float), 4, &base);

				out[nx * nrows] = 77.0f;
				kernels->inner_product_tile(x, nx, r, nrows, n, out);
				for (int k = 0; k < nx * nrows; k++)
					good &= fabsf(out[k] - HvKernelsScalar.inner_product(x + (size_t) (k / nrows) * n,
																		 r + (size_t) (k % nrows) * n, n)) < 1e-4f;
				guarded &= out[nx * nrows] == 77.0f;
				free(base);
			}
		}
		for (int i = 0; i < n; i++)
			bytes[i] = (int8_t) (i * 37 % 255 - 127);
		decoded[n] = 77.0f;
		kernels->decode_i8(bytes, 0.37f, n, decoded);
		for (int i = 0; i < n; i++)
			decodes &= decoded[i] == 0.37f * (float) bytes[i];
		guarded &= decoded[n] == 77.0f;
	}
	ok(good, "%s: tiles equal single products", kernels->name);
	ok(decodes, "%s: bytes are decoded exactly", kernels->name);
	ok(guarded, "%s: tiles and decoding write no more than their results", kernels->name);
}

/* the transform by its definition: sign of (i, k) is the parity of i & k */
static double
hadamard_coordinate(const float *x, int n, int i)
{
	double		sum = 0.0;

	for (int k = 0; k < n; k++)
	{
		int			parity = 0;

		for (int common = i & k; common != 0; common &= common - 1)
			parity ^= 1;
		sum += parity != 0 ? -(double) x[k] : (double) x[k];
	}
	return sum;
}

static void
test_hadamard(const HvKernels *kernels)
{
	enum
	{
		max_n = 16384
	};
	static float x[max_n];
	static float scalar[max_n];
	bool		exact = true;
	bool		defined = true;
	bool		inverse = true;

	for (int n = 1; n <= max_n; n *= 2)
	{
		for (size_t shift = 0; shift <= 12; shift += 4)
		{
			void	   *base;
			float	   *y;

			/* small integers: every sum is exact */
			for (int i = 0; i < n; i++)
				x[i] = (float) ((int) (unit_random(&state) % 201) - 100);
			y = copy_at(x, (size_t) n * sizeof(float), shift, &base);
			kernels->hadamard(y, n);
			for (int i = 0; i < n; i += 1 + n / 97)
				defined &= (double) y[i] == hadamard_coordinate(x, n, i);
			kernels->hadamard(y, n);
			for (int i = 0; i < n; i++)
				inverse &= y[i] == x[i] * (float) n;
			free(base);

			/* any numbers: the bits of the scalar kernel */
			for (int i = 0; i < n; i++)
				x[i] = (float) unit_normal(&state);
			memcpy(scalar, x, sizeof(scalar));
			HvKernelsScalar.hadamard(scalar, n);
			y = copy_at(x, (size_t) n * sizeof(float), shift, &base);
			kernels->hadamard(y, n);
			exact &= memcmp(y, scalar, (size_t) n * sizeof(float)) == 0;
			free(base);
		}
	}
	ok(defined, "%s: hadamard follows its definition", kernels->name);
	ok(inverse, "%s: hadamard twice is n times the input", kernels->name);
	ok(exact, "%s: hadamard has the bits of the scalar kernel", kernels->name);
}

/* the value of a half by its definition, in double; not for infinity and NaN */
static double
half_value(unsigned int half)
{
	int			exponent = (int) (half >> 10 & 0x1f);
	double		fraction = (double) (half & 0x3ff) / 1024.0;
	double		size = exponent == 0 ? ldexp(fraction, -14) : ldexp(1.0 + fraction, exponent - 15);

	return (half & 0x8000) != 0 ? -size : size;
}

/* the float that a half is, with sign, infinity and NaN, the latter quiet */
static bool
half_is(unsigned int half, float value)
{
	bool		special = (half >> 10 & 0x1f) == 0x1f;
	bool		negative = (half & 0x8000) != 0;
	uint32_t	bits;

	memcpy(&bits, &value, sizeof(bits));
	if ((bits >> 31 != 0) != negative)
		return false;
	if (special && (half & 0x3ff) != 0)
		return isnan(value) && (bits & 0x7fffff) == ((half & 0x3ff) << 13 | 0x400000);
	if (special)
		return isinf(value);
	return (double) value == half_value(half);
}

/* every half there is, in every place of a register and in the rest behind */
static void
test_halfs(const HvKernels *kernels)
{
	enum
	{
		all = 65536, max_n = 70
	};
	static uint16_t halfs[all];
	static float scalar[all];
	static float out[all + 1];
	bool		defined = true;
	bool		exact = true;
	bool		lengths_good = true;
	bool		guarded = true;

	for (unsigned int rotated = 0; rotated < 16; rotated++)
	{
		for (unsigned int i = 0; i < all; i++)
			halfs[i] = (uint16_t) (i + rotated);
		kernels->halfs_to_floats((const uint8_t *) halfs, all, out);
		HvKernelsScalar.halfs_to_floats((const uint8_t *) halfs, all, scalar);
		for (unsigned int i = 0; i < all; i++)
			defined &= half_is(halfs[i], out[i]);
		exact &= memcmp(out, scalar, sizeof(scalar)) == 0;
	}
	for (int n = 0; n <= max_n; n++)
	{
		for (size_t shift = 0; shift < 32; shift++)
		{
			void	   *base;
			const uint8_t *copy;

			fill_random_bytes((uint8_t *) halfs, (size_t) n * 2);
			copy = copy_at(halfs, (size_t) n * 2, shift, &base);
			out[n] = 77.0f;
			kernels->halfs_to_floats(copy, n, out);
			for (int i = 0; i < n; i++)
				lengths_good &= half_is(halfs[i], out[i]);
			guarded &= out[n] == 77.0f;
			free(base);
		}
	}
	ok(defined, "%s: every half is the float that it should be", kernels->name);
	ok(exact, "%s: halfs have the bits of the scalar kernel", kernels->name);
	ok(lengths_good, "%s: halfs of all lengths and alignments", kernels->name);
	ok(guarded, "%s: halfs write no more than their results", kernels->name);
}

static void
test_choice(void)
{
	const HvKernels *before = HvKernel;

	ok(before == &HvKernelsScalar, "the table is the scalar one before any call");
	HvKernelsInit();
	for (int level = HvKernel->level + 1; level <= HV_KERNEL_NEON; level++)
	{
		if (HvKernelsGet((HvKernelLevel) level) != NULL)
			ok(false, "level %d would have been better", level);
	}
	diag("chosen: %s", HvKernel->name);
	ok(HvKernelsForce(HV_KERNEL_SCALAR) && HvKernel == &HvKernelsScalar, "scalar can be forced");
	HvKernelsInit();
	ok(HvKernel == &HvKernelsScalar, "a forced table stays");
	for (int level = HV_KERNEL_SCALAR; level <= HV_KERNEL_NEON; level++)
	{
		const HvKernels *kernels = HvKernelsGet((HvKernelLevel) level);

		before = HvKernel;
		if (kernels != NULL)
			ok(HvKernelsForce((HvKernelLevel) level) && HvKernel == kernels &&
			   kernels->level == (HvKernelLevel) level, "level %d can be forced", level);
		else
			ok(!HvKernelsForce((HvKernelLevel) level) && HvKernel == before,
			   "level %d, which is lacking, cannot be forced", level);
	}
}

int
main(void)
{
	test_choice();
	for (int level = HV_KERNEL_SCALAR; level <= HV_KERNEL_NEON; level++)
	{
		const HvKernels *kernels = HvKernelsGet((HvKernelLevel) level);

		if (kernels == NULL)
		{
			skip("no kernels of level %d here", level);
			continue;
		}
		test_codes(kernels);
		test_floats(kernels);
		test_float_extremes(kernels);
		test_rows(kernels);
	test_tiles(kernels);
		test_hadamard(kernels);
		test_halfs(kernels);
	}
	return done();
}
