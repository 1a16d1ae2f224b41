/*-------------------------------------------------------------------------
 *
 * hvtool.h
 *	  The few things that every bench program needs: end with a message, get
 *	  memory, read the clock, parse options, take a percentile.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvtool.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVTOOL_H
#define HVTOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arithmetic/hvmetric.h"

/* the name that stands before every message; main() sets it */
extern const char *HvToolName;

/* Prints the message to stderr and ends the program with status 1. */
extern void HvDie(const char *format,...)
			__attribute__((format(printf, 1, 2), noreturn));

/* malloc that never returns NULL; the memory is zeroed and 64-byte aligned */
extern void *HvAlloc(size_t size);

/* seconds of the monotonic clock */
extern double HvNow(void);

/* A whole number within [low, high], or the end of the program. */
extern int64_t HvParseInt(const char *option, const char *text, int64_t low, int64_t high);

/* A long option, and the one place that its value goes to. */
typedef struct HvOption
{
	const char *name;			/* NULL ends a list */
	const char **text;
	int64_t    *number;			/* within [low, high] */
	int64_t		low;
	int64_t		high;
	double	   *real;			/* any that is finite */
	bool	   *flag;			/* set to true, without a value */
} HvOption;

/*
 * Takes all arguments from optind on, which are options of the list, or ends the
 * program: with the usage on stdout for --help, on stderr where something else
 * is left.
 */
extern void HvParseOptions(const HvOption *options, const char *usage, int argc, char **argv);

/* Prints the usage to stderr and ends the program with status 2. */
extern void HvUsage(const char *usage)
			__attribute__((noreturn));

/* "l2", "ip" or "cosine", or the end of the program */
extern HvMetric HvParseMetric(const char *text);

/* Sorts values[0 .. n - 1], smallest first. */
extern void HvSortDoubles(double *values, int n);

/* The value below which the given share (0 .. 1) of n sorted values lies; 0 for n = 0. */
extern double HvPercentile(const double *sorted, int n, double share);

#endif							/* HVTOOL_H */
