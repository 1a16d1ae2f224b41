/*-------------------------------------------------------------------------
 *
 * hvtool.c
 *	  The few things that every bench program needs.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvtool.c
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hvtool.h"

const char *HvToolName = "bench";

void
HvDie(const char *format,...)
{
	va_list		args;

	fprintf(stderr, "%s: ", HvToolName);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void *
HvAlloc(size_t size)
{
	size_t		rounded = (size + 64) & ~(size_t) 63;
	void	   *memory = aligned_alloc(64, rounded);

	if (memory == NULL)
		HvDie("out of memory (%zu bytes)", size);
	return memset(memory, 0, rounded);
}

double
HvNow(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

int64_t
HvParseInt(const char *option, const char *text, int64_t low, int64_t high)
{
	char	   *end;
	long long	value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < low || value > high)
		HvDie("--%s needs a whole number from %lld to %lld, not \"%s\"",
			  option, (long long) low, (long long) high, text);
	return value;
}

HvMetric
HvParseMetric(const char *text)
{
	if (strcmp(text, "l2") == 0)
		return HV_METRIC_L2;
	if (strcmp(text, "ip") == 0)
		return HV_METRIC_IP;
	if (strcmp(text, "cosine") == 0)
		return HV_METRIC_COSINE;
	HvDie("the metric must be l2, ip or cosine, not \"%s\"", text);
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

void
HvSortDoubles(double *values, int n)
{
	qsort(values, (size_t) n, sizeof(double), compare_doubles);
}

double
HvPercentile(const double *sorted, int n, double share)
{
	int			i = (int) (share * n);

	if (n == 0)
		return 0.0;
	return sorted[i < n ? i : n - 1];
}
