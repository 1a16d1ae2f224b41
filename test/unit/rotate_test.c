/*-------------------------------------------------------------------------
 *
 * rotate_test.c
 *	  The rotation: orthogonal for every number of dimensions, mixing, and the
 *	  same for ever.
 *
 * NOTES
 *	  Every index file depends on the bits of the golden table below.  If that
 *	  check fails, the code is wrong and not the table.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  test/unit/rotate_test.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"
#include "arithmetic/hvrotate.h"

#include <string.h>

#include "unit.h"

#define MAX_DIMS	16384
#define GUARD		123.0f

static HvRotation *rotation;
static float x[MAX_DIMS + 1];
static float y[MAX_DIMS + 1];

/* |u - v| of n floats */
static double
distance(const float *u, const float *v, int n)
{
	double		sum = 0.0;

	for (int i = 0; i < n; i++)
		sum += ((double) u[i] - (double) v[i]) * ((double) u[i] - (double) v[i]);
	return sqrt(sum);
}

/*
 * Rotates all n unit vectors: the columns of the matrix must be of length 1
 * and at right angles.  Returns the largest deviation.
 *
 * The products of all pairs of columns are most of what this test does, and an
 * emulator takes its time for each operation: hence columns of doubles, and one
 * operation for two where the processor has it.
 */
static double
column_error(int n, uint64_t seed)
{
	double	   *columns = unit_alloc((size_t) n * n * sizeof(double));
	double		worst = 0.0;

	HvRotationInit(rotation, n, seed);
	for (int c = 0; c < n; c++)
	{
		for (int i = 0; i < n; i++)
			x[i] = i == c ? 1.0f : 0.0f;
		HvRotationApply(rotation, x);
		for (int i = 0; i < n; i++)
			columns[(size_t) c * n + i] = x[i];
	}
	for (int c = 0; c < n; c++)
	{
		for (int d = 0; d <= c; d++)
		{
			const double *u = columns + (size_t) c * n;
			const double *v = columns + (size_t) d * n;
			double		error = c == d ? -1.0 : 0.0;

			for (int i = 0; i < n; i++)
#ifdef FP_FAST_FMA
				error = fma(u[i], v[i], error);
#else
				error += u[i] * v[i];
#endif
			if (fabs(error) > worst)
				worst = fabs(error);
		}
	}
	free(columns);
	return worst;
}

static void
test_small_matrices(void)
{
	double		worst = 0.0;

	for (int n = 1; n <= 300; n++)
	{
		double		error = column_error(n, (uint64_t) n);

		if (error > worst)
			worst = error;
		if (error > 2e-6)
			diag("n = %d: error %g", n, error);
	}
	ok(worst <= 2e-6, "orthogonal for all n from 1 to 300");
}

/* lengths, products and sums of random vectors are kept */
static void
test_large(int n)
{
	static float sum[MAX_DIMS];
	uint64_t	state = (uint64_t) n;
	double		xx;
	double		xy;
	bool		kept = true;
	bool		linear = true;

	for (int repeat = 0; repeat < 5; repeat++)
	{
		HvRotationInit(rotation, n, (uint64_t) repeat);
		for (int i = 0; i < n; i++)
		{
			x[i] = (float) unit_normal(&state);
			y[i] = (float) unit_normal(&state);
			sum[i] = x[i] - 3.0f * y[i];
		}
		xx = unit_product(x, x, n);
		xy = unit_product(x, y, n);
		HvRotationApply(rotation, x);
		HvRotationApply(rotation, y);
		HvRotationApply(rotation, sum);
		kept &= fabs(unit_product(x, x, n) - xx) <= 2e-6 * n;
		kept &= fabs(unit_product(x, y, n) - xy) <= 2e-6 * n;
		for (int i = 0; i < n; i++)
			y[i] = x[i] - 3.0f * y[i];
		linear &= distance(sum, y, n) <= 4e-6 * sqrt(10.0 * n);
	}
	ok(kept, "n = %d: lengths and angles are kept", n);
	ok(linear, "n = %d: linear", n);
}

/*
 * Single coordinates must spread over all of them as they do in a random
 * matrix.  There the largest of all n * n entries is about sqrt(4 log n / n),
 * and the fourth powers of all entries add up to 3.
 */
static void
test_spread(int n)
{
	double		limit = 1.2 * sqrt(4.0 * log((double) n) / n);
	double		worst = 0.0;
	double		fourth = 0.0;

	HvRotationInit(rotation, n, 1);
	for (int c = 0; c < n; c++)
	{
		memset(x, 0, (size_t) n * sizeof(float));
		x[c] = 1.0f;
		HvRotationApply(rotation, x);
		for (int i = 0; i < n; i++)
		{
			double		square = (double) x[i] * (double) x[i];

			if (sqrt(square) > worst)
				worst = sqrt(square);
			fourth += square * square;
		}
	}
	if (!ok(worst <= limit, "n = %d: single coordinates spread", n))
		diag("largest coordinate %g, limit %g", worst, limit);

	if (!ok(fourth > 2.8 && fourth < 3.3, "n = %d: coordinates look normal", n))
		diag("kurtosis %g", fourth);
}

/* FNV-1a of the bits of n floats */
static uint64_t
hash_floats(const float *values, int n)
{
	uint64_t	hash = UINT64_C(0xcbf29ce484222325);

	for (int i = 0; i < n; i++)
	{
		uint32_t	bits;

		memcpy(&bits, &values[i], sizeof(bits));
		for (int k = 0; k < 4; k++)
		{
			hash ^= (bits >> (8 * k)) & 0xff;
			hash *= UINT64_C(0x100000001b3);
		}
	}
	return hash;
}

typedef struct Golden
{
	int			n;
	uint64_t	seed;
	uint64_t	hash;
} Golden;

static const Golden golden[] = {
	{1, UINT64_C(0x1), UINT64_C(0x4c30c77f9cfe3220)},
	{2, UINT64_C(0x7), UINT64_C(0xf36b449158f2ba5a)},
	{3, UINT64_C(0x7ea), UINT64_C(0xb83b3046fbd8101a)},
	{7, UINT64_C(0x7ea), UINT64_C(0x89b431893aeeb84)},
	{64, UINT64_C(0x7ea), UINT64_C(0xc556eed54d54ea2a)},
	{100, UINT64_C(0x7ea), UINT64_C(0x7f7571d3981fac7e)},
	{300, UINT64_C(0), UINT64_C(0xec20b7f2b7952b73)},
	{384, UINT64_C(0x3), UINT64_C(0xf9a5e0f76e65bee0)},
	{512, UINT64_C(0x7ea), UINT64_C(0x63607390eef77363)},
	{784, UINT64_C(0x7ea), UINT64_C(0xa95075f89a45330e)},
	{1024, UINT64_C(0x1), UINT64_C(0x2f6934a6759a87d1)},
	{1024, UINT64_C(0xffffffffffffffff), UINT64_C(0xdcf4edc9c804475b)},
	{1536, UINT64_C(0x7ea), UINT64_C(0xa7ba0a7b885b9742)},
	{1600, UINT64_C(0xb), UINT64_C(0xab9b76825c6d804c)},
	{4096, UINT64_C(0x7ea), UINT64_C(0x45335626c19d362a)},
	{16000, UINT64_C(0x7ea), UINT64_C(0xee4acc1ca360d3e8)}
};

/* a vector with exact values */
static void
golden_input(int n)
{
	for (int i = 0; i < n; i++)
		x[i] = (float) (i * 37 % 101 - 50) / 64.0f;
	x[n] = GUARD;
}

static void
test_golden(void)
{
	static const float first[4] = {-0x1.c4e6e2p-3f, -0x1.b618cap-1f, 0x1.ca3488p-7f, -0x1.a36718p-2f};
	bool		same = true;
	bool		guarded = true;

	for (size_t g = 0; g < sizeof(golden) / sizeof(golden[0]); g++)
	{
		int			n = golden[g].n;
		uint64_t	hash;

		HvRotationInit(rotation, n, golden[g].seed);
		golden_input(n);
		HvRotationApply(rotation, x);
		hash = hash_floats(x, n);
		if (hash != golden[g].hash)
		{
			diag("{%d, UINT64_C(%#llx), UINT64_C(%#llx)},", n,
				 (unsigned long long) golden[g].seed, (unsigned long long) hash);
			same = false;
		}
		guarded &= x[n] == GUARD;
	}
	ok(same, "%s: the golden rotations, to the last bit", HvKernel->name);
	ok(guarded, "%s: nothing is written behind the end", HvKernel->name);

	HvRotationInit(rotation, 100, 2026);
	golden_input(100);
	HvRotationApply(rotation, x);
	if (!ok(memcmp(x, first, sizeof(first)) == 0,
			"%s: the first golden values", HvKernel->name))
		diag("%af, %af, %af, %af", (double) x[0], (double) x[1], (double) x[2], (double) x[3]);
}

static void
test_seeds(void)
{
	HvRotation *other = unit_alloc(HvRotationSize(500));
	size_t		size = HvRotationSize(500);
	int			minus = 0;

	memset(rotation, 0, size);
	memset(other, 0, size);
	HvRotationInit(rotation, 500, 99);
	HvRotationInit(other, 500, 99);
	ok(memcmp(rotation, other, size) == 0, "the same seed gives the same rotation");
	HvRotationInit(other, 500, 100);
	ok(memcmp(rotation->signs, other->signs, 2000 * sizeof(float)) != 0,
	   "another seed gives another rotation");
	for (int i = 0; i < HV_ROTATE_ROUNDS * 500; i++)
		minus += rotation->signs[i] == -1.0f;
	ok(minus > 900 && minus < 1100, "about half of the signs are minus");
	ok(rotation->n == 500 && rotation->window == 256, "the window is the largest power of two");
	free(other);
}

/* the largest vectors that the tree space lets in, and zero */
static void
test_extremes(void)
{
	bool		finite = true;
	bool		zero = true;
	static const int sizes[] = {512, 1536, 3000, 16384};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		int			n = sizes[s];

		HvRotationInit(rotation, n, 5);
		memset(x, 0, sizeof(x));
		HvRotationApply(rotation, x);
		for (int i = 0; i < n; i++)
			zero &= x[i] == 0.0f;
		memset(x, 0, sizeof(x));
		x[n / 3] = 1e15f;
		HvRotationApply(rotation, x);
		finite &= fabs(sqrt(unit_product(x, x, n)) / 1e15 - 1.0) < 1e-5;
	}
	ok(zero, "zero stays zero");
	ok(finite, "a vector of length 1e15 keeps its length");
}

int
main(void)
{
	static const int large[] = {512, 768, 784, 1024, 1536, 1600, 3072, 4095, 4096, 4097, 16000, 16384};
	static const int spread[] = {512, 576, 768, 784, 960, 1023, 1025, 1536};

	rotation = unit_alloc(HvRotationSize(MAX_DIMS));
	HvKernelsInit();
	test_small_matrices();
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		test_large(large[i]);
	for (size_t i = 0; i < sizeof(spread) / sizeof(spread[0]); i++)
		test_spread(spread[i]);
	test_seeds();
	test_extremes();
	for (int level = HV_KERNEL_SCALAR; level <= HV_KERNEL_NEON; level++)
	{
		if (HvKernelsForce((HvKernelLevel) level))
			test_golden();
	}
	free(rotation);
	return done();
}
