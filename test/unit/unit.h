/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  A small harness for tests of the arithmetic: checks in, TAP out.
 *
 * NOTES
 *	  A test program calls ok() once a property, not once a number, says
 *	  diag() before a check that is about to fail, and ends with
 *		return done();
 *	  plan() may say beforehand how many checks there will be; done() then
 *	  counts a wrong number as a failure.  Everything is in this header, so
 *	  that a test is one file and the sources that it tests.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  test/unit/unit.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef UNIT_H
#define UNIT_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define UNIT_UNUSED __attribute__((unused))
#define UNIT_PRINTF(at, first) __attribute__((unused, format(printf, at, first)))

static int	unit_planned = 0;	/* 0: not said */
static int	unit_checks = 0;
static int	unit_failures = 0;

/* announces the number of checks */
static UNIT_UNUSED void
plan(int checks)
{
	unit_planned = checks;
	printf("1..%d\n", checks);
}

/* a line of explanation, which TAP readers skip */
static UNIT_PRINTF(1, 2) void
diag(const char *format,...)
{
	va_list		args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* one check; returns its condition */
static UNIT_PRINTF(2, 3) bool
ok(bool condition, const char *format,...)
{
	va_list		args;

	unit_checks++;
	if (!condition)
		unit_failures++;
	printf("%sok %d - ", condition ? "" : "not ", unit_checks);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return condition;
}

/* a check that this machine cannot make */
static UNIT_PRINTF(1, 2) void
skip(const char *format,...)
{
	va_list		args;

	unit_checks++;
	printf("ok %d # SKIP ", unit_checks);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* the end of a test: the exit status of its main() */
static UNIT_UNUSED int
done(void)
{
	if (unit_planned == 0)
		printf("1..%d\n", unit_checks);
	else if (unit_planned != unit_checks)
	{
		diag("planned %d checks, made %d", unit_planned, unit_checks);
		unit_failures++;
	}
	if (unit_failures > 0)
		diag("%d of %d checks failed", unit_failures, unit_checks);
	return unit_failures > 0 ? 1 : 0;
}

/* memory, or the end of the test */
static UNIT_UNUSED void *
unit_alloc(size_t size)
{
	void	   *p = malloc(size > 0 ? size : 1);

	if (p == NULL)
	{
		printf("Bail out! out of memory\n");
		exit(2);
	}
	return p;
}

/* 64 random bits, the same on every machine; any seed will do */
static UNIT_UNUSED uint64_t
unit_random(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* uniform in [0, 1) */
static UNIT_UNUSED double
unit_uniform(uint64_t *state)
{
	return (double) (unit_random(state) >> 11) / 9007199254740992.0;
}

/* normal with mean 0 and variance 1 (Box and Muller) */
static UNIT_UNUSED double
unit_normal(uint64_t *state)
{
	double		u = 1.0 - unit_uniform(state);
	double		v = unit_uniform(state);

	return sqrt(-2.0 * log(u)) * cos(6.283185307179586477 * v);
}

/* the inner product of n floats, in double */
static UNIT_UNUSED double
unit_product(const float *a, const float *b, int n)
{
	double		sum = 0.0;

	for (int i = 0; i < n; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

#endif							/* UNIT_H */
