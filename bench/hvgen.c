/*-------------------------------------------------------------------------
 *
 * hvgen.c
 *	  Program: vectors like text embeddings, into files or as a COPY stream,
 *	  and the figures that tell how real such a set is.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvgen.c
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvexact.h"
#include "arithmetic/hvkernel.h"
#include "hvrandom.h"
#include "hvtool.h"
#include "hvwire.h"

static const char usage[] =
"Usage: hvgen --out PREFIX [option ...]    writes PREFIX-base.fbin, PREFIX-query.fbin\n"
"       hvgen --copy [option ...]          COPY BINARY of (id int8, embedding real[])\n"
"                                          on stdout\n"
"       hvgen stats [option ...]           how hard to search the set is\n"
"\n"
"  --n N             rows (default 100000)\n"
"  --dim N           dimensions (default 1024)\n"
"  --seed N          (default 42)\n"
"  --queries N       rows of the query file (default 1000; 200 for stats)\n"
"  --base SOURCE     stats of these vectors instead\n"
"  --query SOURCE    with these queries\n"
"\n"
"SOURCE is a file (.fbin, .f16bin, .u8bin, each also .gz) or model:ROWS:DIM:SEED.\n"
"Row i depends on the seed and i alone, so a shorter set is the start of a longer one.\n";

#define WRITE_ROWS		256

/* rows that the distances of random pairs are taken from, and neighbours for LID */
#define SAMPLE_ROWS		10000
#define NEIGHBOURS		100
#define PAIR_ROWS		4000

static void
write_fbin(const HvSource *source, const char *path)
{
	FILE	   *file = HvFbinCreate(path, (int) source->n, source->dim);
	float	   *rows = HvAlloc(WRITE_ROWS * (size_t) source->dim * sizeof(float));
	double		started = HvNow();

	for (int64_t first = 0; first < source->n; first += WRITE_ROWS)
	{
		int			count = source->n - first < WRITE_ROWS ?
			(int) (source->n - first) : WRITE_ROWS;

		HvSourceRows(source, first, count, rows);
		HvFbinAppend(file, rows, count, source->dim);
	}
	HvFbinFinish(file, path);
	free(rows);
	fprintf(stderr, "%s: %lld rows of %d, %.1f s\n", path, (long long) source->n,
			source->dim, HvNow() - started);
}

static void
write_files(const HvSource *base, const HvSource *query, const char *prefix)
{
	char		path[4096];

	if (strlen(prefix) > sizeof(path) - 32)
		HvDie("the prefix is too long");
	snprintf(path, sizeof(path), "%s-base.fbin", prefix);
	write_fbin(base, path);
	snprintf(path, sizeof(path), "%s-query.fbin", prefix);
	write_fbin(query, path);
}

static void
write_stdout(void *target, const void *bytes, size_t size)
{
	(void) target;
	if (fwrite(bytes, 1, size, stdout) != size)
		HvDie("cannot write: %s", strerror(errno));
}

/* Prints a median with the values that 10 and 90 % of the queries stay below. */
static void
print_spread(const char *name, double *values, int n)
{
	HvSortDoubles(values, n);
	printf("%-44s %8.3f   (10 %%: %.3f, 90 %%: %.3f)\n", name,
		   HvPercentile(values, n, 0.5), HvPercentile(values, n, 0.1),
		   HvPercentile(values, n, 0.9));
}

/* The mean distance and the mean cosine of query q to sampled rows of the base. */
static void
sample_pairs(const float *query, const float *sample, int n, int dim,
			 double *distance, double *cosine)
{
	*distance = 0.0;
	*cosine = 0.0;
	for (int i = 0; i < n; i++)
	{
		const float *row = sample + (size_t) i * (size_t) dim;
		double		product = 0.0;
		double		a2 = 0.0;
		double		b2 = 0.0;

		for (int j = 0; j < dim; j++)
		{
			product += (double) query[j] * row[j];
			a2 += (double) query[j] * query[j];
			b2 += (double) row[j] * row[j];
		}
		*distance += sqrt(fmax(0.0, a2 + b2 - 2.0 * product)) / n;
		*cosine += product / sqrt(a2 * b2) / n;
	}
}

/*
 * tr(C)^2 / tr(C^2) of the covariance C of n rows: the number of directions
 * that would do if all carried the same variance.  tr(C^2) is the mean square
 * of the product of two different centred rows, so C itself is not needed.
 * Centres the rows in place.
 */
static double
participation_ratio(float *rows, int n, int dim)
{
	double	   *mean = HvAlloc((size_t) dim * sizeof(double));
	double		trace = 0.0;
	double		squares = 0.0;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < dim; j++)
			mean[j] += rows[(size_t) i * (size_t) dim + (size_t) j] / (double) n;
	for (int i = 0; i < n; i++)
	{
		float	   *row = rows + (size_t) i * (size_t) dim;

		for (int j = 0; j < dim; j++)
			row[j] -= (float) mean[j];
		trace += HvKernel->inner_product(row, row, dim) / n;
		for (int k = 0; k < i; k++)
		{
			double		product = HvKernel->inner_product(row, rows + (size_t) k * (size_t) dim, dim);

			squares += 2.0 * product * product / ((double) n * (n - 1));
		}
	}
	free(mean);
	return trace * trace / squares;
}

/*
 * Relative contrast: the mean distance to a random row over the distance to the
 * nearest.  Local intrinsic dimension: the maximum-likelihood estimate from the
 * distances of the NEIGHBOURS nearest.  Both in L2.
 */
static void
print_stats(const HvSource *base, const HvSource *query)
{
	int			nq = (int) query->n;
	int			nsample = base->n < SAMPLE_ROWS ? (int) base->n : SAMPLE_ROWS;
	HvExactJob	job = {
		.base = base, .query = query, .metric = HV_METRIC_L2,
		.k = NEIGHBOURS, .threads = 2, .progress = true
	};
	size_t		count = (size_t) nq * NEIGHBOURS;
	int32_t    *ids = HvAlloc(count * sizeof(int32_t));
	float	   *nearest = HvAlloc(count * sizeof(float));
	float	   *sample = HvAlloc((size_t) nsample * (size_t) base->dim * sizeof(float));
	float	   *queries = HvSourceAll(query);
	double	   *cosine = HvAlloc((size_t) nq * sizeof(double));
	double	   *mean = HvAlloc((size_t) nq * sizeof(double));
	double	   *contrast = HvAlloc((size_t) nq * sizeof(double));
	double	   *dimension = HvAlloc((size_t) nq * sizeof(double));
	HvRandom	random;

	HvRandomInit();
	HvRandomStart(&random, 7, 0, 0);
	for (int i = 0; i < nsample; i++)
		HvSourceRows(base, (int64_t) (HvRandomUniform(&random) * (double) base->n), 1,
					 sample + (size_t) i * (size_t) base->dim);
	HvExactRun(&job, ids, nearest);

	for (int q = 0; q < nq; q++)
	{
		const float *row = nearest + (size_t) q * NEIGHBOURS;
		double		farthest = row[NEIGHBOURS - 1];
		double		logs = 0.0;
		int			nlogs = 0;

		sample_pairs(queries + (size_t) q * (size_t) base->dim, sample, nsample,
					 base->dim, &mean[q], &cosine[q]);
		contrast[q] = mean[q] / fmax(row[0], 1e-6 * mean[q]);
		for (int i = 0; i < NEIGHBOURS - 1; i++)
			if (row[i] > 0.0f && row[i] < farthest)
			{
				logs += log(row[i] / farthest);
				nlogs++;
			}
		dimension[q] = nlogs > 0 ? -nlogs / logs : 0.0;
	}
	printf("%lld rows of %d dimensions, %d queries; medians over the queries\n",
		   (long long) base->n, base->dim, nq);
	print_spread("cosine to random rows, mean", cosine, nq);
	print_spread("L2 distance to random rows, mean", mean, nq);
	print_spread("relative contrast (mean / nearest)", contrast, nq);
	print_spread("local intrinsic dimension (100 nearest)", dimension, nq);
	printf("%-44s %8.1f\n", "participation ratio of the covariance",
		   participation_ratio(sample, nsample < PAIR_ROWS ? nsample : PAIR_ROWS, base->dim));
}

typedef struct Options
{
	bool		stats;
	bool		copy;
	const char *out;
	const char *base;
	const char *query;
	int64_t		n;
	int64_t		dim;
	int64_t		seed;
	int64_t		queries;
} Options;

static void
parse_options(Options *options, int argc, char **argv)
{
	const HvOption list[] = {
		{"n", .number = &options->n, .low = 1, .high = INT32_MAX},
		{"dim", .number = &options->dim, .low = 2, .high = HV_MODEL_MAX_DIM},
		{"seed", .number = &options->seed, .low = 0, .high = INT64_MAX},
		{"queries", .number = &options->queries, .low = 1, .high = 1000000},
		{"out", .text = &options->out},
		{"copy", .flag = &options->copy},
		{"base", .text = &options->base},
		{"query", .text = &options->query},
		{NULL}
	};

	HvParseOptions(list, usage, argc, argv);
	if (options->stats + options->copy + (options->out != NULL) != 1)
		HvUsage(usage);
}

/* The source named, or the generated one that the numbers ask for. */
static HvSource *
open_source(const Options *options, HvStream stream, const HvSource *like)
{
	const char *name = stream == HV_STREAM_BASE ? options->base : options->query;
	char		model[80];

	snprintf(model, sizeof(model), "model:%lld:%lld:%lld",
			 (long long) (stream == HV_STREAM_BASE ? options->n : options->queries),
			 (long long) options->dim, (long long) options->seed);
	return HvSourceOpen(name != NULL ? name : model, stream, like);
}

int
main(int argc, char **argv)
{
	Options		options = {.n = 100000, .dim = 1024, .seed = 42, .queries = 1000};
	HvSource   *base;
	HvSource   *query;

	HvToolName = "hvgen";
	if (argc > 1 && strcmp(argv[1], "stats") == 0)
	{
		options.stats = true;
		options.queries = 200;
		optind = 2;
	}
	parse_options(&options, argc, argv);

	base = open_source(&options, HV_STREAM_BASE, NULL);
	if (options.copy)
		HvWireCopy(base, (HvRowShape) {HV_FORM_REAL, 0}, write_stdout, NULL, NULL);
	else
	{
		query = open_source(&options, HV_STREAM_QUERY, base);
		if (options.stats)
			print_stats(base, query);
		else
			write_files(base, query, options.out);
	}
	if (fflush(stdout) != 0)
		HvDie("cannot write: %s", strerror(errno));
	return 0;
}
