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
#include <getopt.h>
#include <math.h>
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

static double
parse_real(const char *option, const char *text)
{
	char	   *end;
	double		value = strtod(text, &end);

	if (end == text || *end != '\0' || !isfinite(value))
		HvDie("--%s needs a number, not \"%s\"", option, text);
	return value;
}

static void
take_option(const HvOption *option, const char *text)
{
	if (option->text != NULL)
		*option->text = text;
	else if (option->number != NULL)
		*option->number = HvParseInt(option->name, text, option->low, option->high);
	else if (option->real != NULL)
		*option->real = parse_real(option->name, text);
	else
		*option->flag = true;
}

void
HvUsage(const char *usage)
{
	fputs(usage, stderr);
	exit(2);
}

void
HvParseOptions(const HvOption *options, const char *usage, int argc, char **argv)
{
	struct option names[32] = {{"help", no_argument, NULL, 0}};
	int			n = 1;
	int			which;
	int			c;

	for (const HvOption *option = options; option->name != NULL; option++, n++)
	{
		if (n + 1 >= (int) (sizeof(names) / sizeof(names[0])))
			HvDie("too many options");
		names[n].name = option->name;
		names[n].has_arg = option->flag != NULL ? no_argument : required_argument;
	}
	while ((c = getopt_long(argc, argv, "", names, &which)) != -1)
	{
		if (c != 0)
			exit(2);			/* getopt has said why */
		if (which == 0)
		{
			fputs(usage, stdout);
			exit(0);
		}
		take_option(&options[which - 1], optarg);
	}
	if (optind != argc)
		HvUsage(usage);
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
