/*-------------------------------------------------------------------------
 *
 * code_test.c
 *	  Codes, prepared queries and byte vectors: bits, estimates, errors.
 *
 * NOTES
 *	  Bit layouts are checked against their definition, estimates against the
 *	  same sum made in double, and errors against what theory says of them.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  test/unit/code_test.c
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "arithmetic/hvcode.h"
#include "unit.h"

#define MAX_BITS	HV_MAX_CODE_BITS

static float o[MAX_BITS];
static float q[MAX_BITS];
static float decoded[MAX_BITS];
static uint8_t code[HV_MAX_CODE_BYTES];
static HvCodeFactors factors;
static HvQueryCode query;

static const int widths[] = {512, 576, 832, 1024, 1536, 4096};

#define NWIDTHS ((int) (sizeof(widths) / sizeof(widths[0])))

static uint64_t random_state = 7;

static float
gauss(void)
{
	return (float) unit_normal(&random_state);
}

static void
fill_gauss(float *x, int n, float scale)
{
	for (int i = 0; i < n; i++)
		x[i] = scale * gauss();
}

static bool
near_to(double a, double b, double tolerance)
{
	return fabs(a - b) <= tolerance * (fabs(b) + 1e-30);
}

static int
bit(const uint8_t *bytes, int i)
{
	return (bytes[i / 8] >> (i % 8)) & 1;
}

static void
test_encode(int bits)
{
	bool		right = true;
	double		norm1 = 0.0;

	fill_gauss(o, bits, 3.0f);
	o[5] = 0.0f;
	o[9] = -0.0f;
	HvCodeEncode(o, bits, code, &factors);
	for (int i = 0; i < bits; i++)
	{
		right = right && bit(code, i) == (o[i] > 0.0f);
		norm1 += fabs(o[i]);
	}
	ok(right, "%d bits: every bit is the sign of its dimension", bits);
	ok(near_to(factors.norm2, unit_product(o, o, bits), 1e-5) &&
	   near_to(factors.scale, unit_product(o, o, bits) / norm1, 1e-5), "%d bits: factors", bits);
	HvCodeDecode(code, &factors, bits, decoded);
	ok(near_to(unit_product(o, decoded, bits), factors.norm2, 1e-4),
	   "%d bits: the decoded vector is as long along o as o", bits);
}

/* the value -15, -13, .. 15 of dimension i */
static int
plane_value(int i)
{
	int			v = 0;

	for (int j = 0; j < HV_QUERY_PLANES; j++)
		v += (bit(query.planes + j * query.bytes, i) ? 1 : -1) * (1 << j);
	return v;
}

static void
test_prepare(int bits)
{
	double		error = 0.0;
	double		along = 0.0;
	double		sum = 0.0;
	bool		signs = true;
	uint16_t	h;
	uint16_t	w;

	fill_gauss(q, bits, 0.5f);
	fill_gauss(o, bits, 2.0f);
	HvCodeEncode(o, bits, code, &factors);
	HvQueryCodePrepare(q, bits, &query);
	for (int i = 0; i < bits; i++)
	{
		double		value = 0.5 * query.step * plane_value(i);

		error += (value - q[i]) * (value - q[i]);
		along += value * q[i];
		sum += bit(code, i) ? value : -value;
		signs = signs && (q[i] == 0.0f || bit(HvQueryCodeSigns(&query), i) == (q[i] > 0.0f));
	}
	ok(signs, "%d bits: the last plane is the signs", bits);
	ok(error < 0.025 * query.norm2, "%d bits: quantiser's error is %.4f of |q|^2", bits,
	   error / query.norm2);
	ok(near_to(along, query.norm2, 1e-3), "%d bits: no shortening", bits);

	HvKernel->hamming_planes(code, 1, bits / 8, query.planes, &w);
	ok(near_to(HvEstimatePlanes(&query, factors.norm2, factors.scale, w),
			   factors.norm2 + query.norm2 - 2.0 * factors.scale * sum, 1e-3),
	   "%d bits: the estimate is its definition", bits);

	HvKernel->hamming(code, 1, bits / 8, HvQueryCodeSigns(&query), &h);
	ok(near_to(HvEstimateHamming(&query, factors.norm2, sqrtf(factors.norm2), h),
			   factors.norm2 + query.norm2 - 2.0 * sqrt(factors.norm2) * query.norm *
			   cos(3.14159265358979323846 * h / bits), 1e-3),
	   "%d bits: so is the one by Hamming distance", bits);
}

/* bias and standard error of both estimates, in units of 2 |o| |q| / sqrt(bits) */
static void
test_errors(int bits, double correlation)
{
	const int	pairs = 1500;
	double		sum[2] = {0};
	double		sum2[2] = {0};
	uint16_t	h;
	uint16_t	w;

	for (int p = 0; p < pairs; p++)
	{
		double		unit;
		double		error[2];
		double		exact;

		fill_gauss(q, bits, 1.0f);
		fill_gauss(o, bits, 1.0f);
		for (int i = 0; i < bits; i++)
			o[i] = (float) (correlation * q[i] + sqrt(1.0 - correlation * correlation) * o[i]);
		HvCodeEncode(o, bits, code, &factors);
		HvQueryCodePrepare(q, bits, &query);
		HvKernel->hamming_planes(code, 1, bits / 8, query.planes, &w);
		HvKernel->hamming(code, 1, bits / 8, HvQueryCodeSigns(&query), &h);
		unit = 2.0 * sqrt(factors.norm2) * query.norm / sqrt(bits);
		exact = factors.norm2 + query.norm2 - 2.0 * unit_product(o, q, bits);
		error[0] = (HvEstimatePlanes(&query, factors.norm2, factors.scale, w) - exact) / unit;
		error[1] = (HvEstimateHamming(&query, factors.norm2, sqrtf(factors.norm2), h) - exact) / unit;
		for (int e = 0; e < 2; e++)
		{
			sum[e] += error[e];
			sum2[e] += error[e] * error[e];
		}
	}
	ok(fabs(sum[0] / pairs) < 0.15 && fabs(sum[1] / pairs) < 0.15,
	   "correlation %.1f: estimates are unbiased (%.3f, %.3f)", correlation,
	   sum[0] / pairs, sum[1] / pairs);
	ok(sqrt(sum2[0] / pairs) < HV_PLANES_ERROR * 1.08 && sqrt(sum2[1] / pairs) < HV_HAMMING_ERROR * 1.08,
	   "correlation %.1f: standard errors %.3f and %.3f are as stated", correlation,
	   sqrt(sum2[0] / pairs), sqrt(sum2[1] / pairs));
}

static void
test_cosine_table(void)
{
	for (int i = 0; i < NWIDTHS; i++)
	{
		int			bits = widths[NWIDTHS - 1 - i];
		bool		right = true;

		fill_gauss(q, bits, 1.0f);
		HvQueryCodePrepare(q, bits, &query);
		for (int h = 0; h <= bits; h++)
			right = right && fabs(query.cosine[h] - cos(3.14159265358979323846 * h / bits)) < 1e-6;
		ok(right, "%d bits: table of cosines", bits);
	}
}

static void
test_odd_vectors(void)
{
	uint16_t	w = 1234;

	memset(o, 0, sizeof(o));
	fill_gauss(q, 512, 1.0f);
	HvCodeEncode(o, 512, code, &factors);
	HvQueryCodePrepare(q, 512, &query);
	ok(factors.norm2 == 0.0f && factors.scale == 0.0f &&
	   HvEstimatePlanes(&query, 0.0f, 0.0f, w) == query.norm2, "the zero vector");

	HvQueryCodePrepare(o, 512, &query);
	ok(query.norm == 0.0f && query.step == 0.0f &&
	   HvEstimatePlanes(&query, 9.0f, 1.0f, w) == 9.0f, "the zero query");

	fill_gauss(o, 512, 1e15f / 22.0f);
	HvCodeEncode(o, 512, code, &factors);
	HvQueryCodePrepare(o, 512, &query);
	HvKernel->hamming_planes(code, 1, 64, query.planes, &w);
	ok(isfinite(HvEstimatePlanes(&query, factors.norm2, factors.scale, w)) &&
	   fabsf(HvEstimatePlanes(&query, factors.norm2, factors.scale, w)) < 0.05f * query.norm2,
	   "a vector of length 1e15 is near to itself");

	memset(o, 0, sizeof(o));
	o[7] = 1e-30f;
	HvCodeEncode(o, 512, code, &factors);
	HvQueryCodePrepare(o, 512, &query);
	ok(isfinite(factors.scale) && isfinite(query.step), "a vector that float cannot square");

	memset(o, 0, sizeof(o));
	o[7] = 5.0f;
	HvQueryCodePrepare(o, 512, &query);
	ok(plane_value(7) == 15 && near_to(query.step, 2.0 * 5.0 / 15.0, 1e-5),
	   "a single coordinate is the last level");
}

/* Codes of so few coordinates hold their values. */
static void
test_values(int n, float scale)
{
	int			bits = (n * HV_CODE_VALUE_BITS + 63) / 64 * 64;
	int			held = bits / HV_CODE_VALUE_BITS;
	HvQueryCode query;
	HvCodeFactors factors;
	double		largest = 0.0;
	double		exact = 0.0;
	float		square;
	float		bound;

	memset(o, 0, sizeof(o));
	memset(q, 0, sizeof(q));
	fill_gauss(o, n, scale);
	fill_gauss(q, n, scale);
	HvCodeEncode(o, bits, code, &factors);
	HvCodeDecode(code, &factors, bits, decoded);
	HvQueryCodePrepare(q, bits, &query);
	for (int i = 0; i < bits; i++)
	{
		largest = fmax(largest, fabs((double) decoded[i] - o[i]));
		exact += ((double) o[i] - q[i]) * ((double) o[i] - q[i]);
	}
	square = HvValuesSquare(&query, code, factors.scale);
	bound = HvValuesLowerBound(&query, square, factors.scale);
	ok(HvCodeHoldsValues(bits) && held >= n && largest <= 0.51 * factors.scale,
	   "%d values, scale %g: round trip", n, scale);
	ok(near_to(square, exact, 1e-3), "%d values, scale %g: squared distance", n, scale);
	ok(bound <= exact * (1.0 + 1e-5) && bound >= 0.99 * exact,
	   "%d values, scale %g: its lower bound is one, and close", n, scale);
	HvQueryCodePrepare(o, bits, &query);
	square = HvValuesSquare(&query, code, factors.scale);
	ok(HvValuesLowerBound(&query, square, factors.scale) == 0.0f,
	   "%d values, scale %g: a vector may be at its own place", n, scale);
}

static void
test_odd_values(void)
{
	HvQueryCode query;
	HvCodeFactors factors;

	memset(o, 0, sizeof(o));
	HvCodeEncode(o, 64, code, &factors);
	HvQueryCodePrepare(o, 64, &query);
	ok(factors.norm2 == 0.0f && HvValuesSquare(&query, code, factors.scale) == 0.0f,
	   "values of the zero vector");
	o[1] = -3.0f;
	o[2] = 3.0f;
	HvCodeEncode(o, 64, code, &factors);
	HvCodeDecode(code, &factors, 64, decoded);
	ok(near_to(decoded[1], -3.0, 1e-6) && near_to(decoded[2], 3.0, 1e-6) && decoded[0] == 0.0f,
	   "values at both ends");
	o[2] = 1e-40f;
	o[1] = 0.0f;
	HvCodeEncode(o, 64, code, &factors);
	ok(factors.scale == 0.0f, "values of a denormal vector");
}

static void
test_bytes(int n, float scale)
{
	static int8_t v[MAX_BITS];
	HvByteFactors byte;
	double		largest = 0.0;
	double		exact = 0.0;
	float		d;

	fill_gauss(o, n, scale);
	fill_gauss(q, n, scale);
	HvByteEncode(o, n, v, &byte);
	HvByteDecode(v, &byte, n, decoded);
	for (int i = 0; i < n; i++)
	{
		largest = fmax(largest, fabs((double) decoded[i] - o[i]));
		exact += ((double) decoded[i] - q[i]) * ((double) decoded[i] - q[i]);
	}
	d = HvByteDistance(v, &byte, q, (float) unit_product(q, q, n), n);
	ok(largest <= 0.502 * byte.step && near_to(byte.norm2, unit_product(decoded, decoded, n), 1e-5),
	   "%d bytes, scale %g: round trip", n, scale);
	ok(near_to(d, exact, 1e-4), "%d bytes, scale %g: distance", n, scale);
	ok(HvByteDistance(v, &byte, decoded, byte.norm2, n) <= 1e-5f * byte.norm2,
	   "%d bytes, scale %g: no distance to itself", n, scale);
}

static void
test_odd_bytes(void)
{
	int8_t		v[64];
	HvByteFactors byte;
	float		x[64] = {0};

	HvByteEncode(x, 64, v, &byte);
	ok(byte.step == 0.0f && byte.norm2 == 0.0f &&
	   HvByteDistance(v, &byte, x, 0.0f, 64) == 0.0f, "bytes of the zero vector");
	x[3] = -1e-40f;
	HvByteEncode(x, 64, v, &byte);
	HvByteDecode(v, &byte, 64, x);
	ok(byte.norm2 == 0.0f && x[3] == 0.0f, "bytes of a denormal vector");
	x[3] = -1.0f;
	x[4] = 1.0f;
	HvByteEncode(x, 64, v, &byte);
	ok(v[3] == -127 && v[4] == 127, "bytes go from -127 to 127");
}

int
main(void)
{
	HvKernelsInit();
	for (int i = 0; i < NWIDTHS; i++)
	{
		test_encode(widths[i]);
		test_prepare(widths[i]);
	}
	test_errors(512, 0.0);
	test_errors(512, 0.5);
	test_errors(512, 0.9);
	test_cosine_table();
	test_odd_vectors();
	test_values(1, 1.0f);
	test_values(3, 1.0f);
	test_values(HV_CODE_MOST_VALUES, 1e-12f);
	test_values(16, 1e15f);
	test_odd_values();
	test_bytes(1024, 1.0f);
	test_bytes(100, 1e13f);
	test_bytes(4096, 1e-6f);
	test_odd_bytes();
	return done();
}
