/*-------------------------------------------------------------------------
 *
 * hvlife.c
 *	  Program: what the benchmarks of a growing and changing table need beside
 *	  a set of vectors: orders in which its rows arrive, a set whose second half
 *	  lies elsewhere, and the true neighbours among a part of the rows.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvlife.c
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

#include "arithmetic/hvkernel.h"
#include "hvrandom.h"
#include "hvsource.h"
#include "hvtool.h"

static const char usage[] =
"Usage: hvlife order --base SOURCE --by HOW [--clusters N] [--seed N]\n"
"           The order in which the rows arrive, on stdout: lines of place and row\n"
"           number, both from 0.  HOW is random, cluster (rows next to the same one\n"
"           of N rows drawn at random, one such cluster after the other; default\n"
"           64), or file (as they stand).\n"
"\n"
"       hvlife shift --base SOURCE --query SOURCE --out PREFIX [--length X] [--seed N]\n"
"           Writes PREFIX-base.fbin and PREFIX-query.fbin: the second half of the\n"
"           rows and every second query moved by one vector of random direction, X\n"
"           times as long as the median row (default 0.7).\n"
"\n"
"       hvlife truth --gt FILE.ibin --out FILE.ibin [--k N]\n"
"           The true neighbours that are left when only the rows named on stdin,\n"
"           one number a line, are there.  Ends in an error if a query has fewer\n"
"           than N left (default 10).\n"
"\n"
"SOURCE is a file (.fbin, .f16bin, .u8bin, each also .gz) or model:ROWS:DIM:SEED.\n";

/* kinds of random streams, apart from those of the model and the programs */
#define STREAM_ORDER		31
#define STREAM_DIRECTION	32

#define BLOCK_ROWS			256

/* rows that the median length is taken from */
#define LENGTH_ROWS			1000

typedef struct Options
{
	const char *base;
	const char *query;
	const char *by;
	const char *out;
	const char *gt;
	int64_t		clusters;
	int64_t		k;
	double		length;
	int64_t		seed;
} Options;

/* A random permutation of 0 .. n - 1. */
static int32_t *
random_order(int64_t n, uint64_t seed)
{
	int32_t    *order = HvAlloc((size_t) n * sizeof(int32_t));
	HvRandom	random;

	HvRandomStart(&random, seed, STREAM_ORDER, 0);
	for (int64_t i = 0; i < n; i++)
	{
		int64_t		j = (int64_t) (HvRandomUniform(&random) * (double) (i + 1));

		order[i] = order[j];
		order[j] = (int32_t) i;
	}
	return order;
}

/* The number of the nearest centre of every row; out has base->n numbers. */
static void
assign_rows(const HvSource *base, const float *centres, int ncentres, int *out)
{
	size_t		dim = (size_t) base->dim;
	float	   *rows = HvAlloc(BLOCK_ROWS * dim * sizeof(float));
	float	   *products = HvAlloc((size_t) ncentres * sizeof(float));
	float	   *norm2 = HvAlloc((size_t) ncentres * sizeof(float));

	for (int c = 0; c < ncentres; c++)
		norm2[c] = HvKernel->inner_product(centres + (size_t) c * dim,
										   centres + (size_t) c * dim, base->dim);
	for (int64_t first = 0; first < base->n; first += BLOCK_ROWS)
	{
		int			count = base->n - first < BLOCK_ROWS ? (int) (base->n - first) : BLOCK_ROWS;

		HvSourceRows(base, first, count, rows);
		for (int r = 0; r < count; r++)
		{
			int			nearest = 0;

			HvKernel->inner_product_rows(rows + (size_t) r * dim, centres, ncentres,
										 base->dim, products);
			for (int c = 1; c < ncentres; c++)
				if (norm2[c] - 2.0f * products[c] < norm2[nearest] - 2.0f * products[nearest])
					nearest = c;
			out[first + r] = nearest;
		}
	}
	free(rows);
	free(products);
	free(norm2);
}

/* The rows cluster by cluster, in each as they stand in the source. */
static int32_t *
cluster_order(const HvSource *base, int nclusters, uint64_t seed)
{
	int32_t    *drawn = random_order(base->n, seed);
	int32_t    *order = HvAlloc((size_t) base->n * sizeof(int32_t));
	int		   *cluster = HvAlloc((size_t) base->n * sizeof(int));
	float	   *centres = HvAlloc((size_t) nclusters * (size_t) base->dim * sizeof(float));
	int64_t		filled = 0;

	if (nclusters > base->n)
		HvDie("%d clusters of %lld rows", nclusters, (long long) base->n);
	for (int c = 0; c < nclusters; c++)
		HvSourceRows(base, drawn[c], 1, centres + (size_t) c * (size_t) base->dim);
	assign_rows(base, centres, nclusters, cluster);
	for (int c = 0; c < nclusters; c++)
		for (int64_t i = 0; i < base->n; i++)
			if (cluster[i] == c)
				order[filled++] = (int32_t) i;
	free(drawn);
	free(cluster);
	free(centres);
	return order;
}

static void
print_order(const Options *options)
{
	HvSource   *base = HvSourceOpen(options->base, HV_STREAM_BASE, NULL);
	int32_t    *order = NULL;

	if (strcmp(options->by, "random") == 0)
		order = random_order(base->n, options->seed);
	else if (strcmp(options->by, "cluster") == 0)
		order = cluster_order(base, options->clusters, options->seed);
	else if (strcmp(options->by, "file") != 0)
		HvDie("--by must be random, cluster or file, not \"%s\"", options->by);
	for (int64_t i = 0; i < base->n; i++)
		printf("%lld\t%lld\n", (long long) i, order != NULL ? (long long) order[i] : (long long) i);
	free(order);
}

/* The vector that the second half is moved by, of dim floats. */
static float *
shift_vector(const HvSource *base, const Options *options)
{
	float	   *vector = HvAlloc((size_t) base->dim * sizeof(float));
	float	   *row = HvAlloc((size_t) base->dim * sizeof(float));
	double	   *lengths = HvAlloc(LENGTH_ROWS * sizeof(double));
	int			n = base->n < LENGTH_ROWS ? (int) base->n : LENGTH_ROWS;
	double		norm2 = 0.0;
	double		factor;
	HvRandom	random;

	for (int i = 0; i < n; i++)
	{
		HvSourceRows(base, (int64_t) i * base->n / n, 1, row);
		lengths[i] = sqrt((double) HvKernel->inner_product(row, row, base->dim));
	}
	HvSortDoubles(lengths, n);
	HvRandomInit();
	HvRandomStart(&random, options->seed, STREAM_DIRECTION, 0);
	for (int i = 0; i < base->dim; i++)
	{
		vector[i] = HvRandomNormal(&random);
		norm2 += (double) vector[i] * vector[i];
	}
	factor = options->length * HvPercentile(lengths, n, 0.5) / sqrt(norm2);
	for (int i = 0; i < base->dim; i++)
		vector[i] *= (float) factor;
	free(row);
	free(lengths);
	return vector;
}

/* Writes all rows; halves: moves the second half, else every second row. */
static void
write_shifted(const HvSource *source, const float *vector, bool halves,
			  const char *prefix, const char *part)
{
	float	   *row = HvAlloc((size_t) source->dim * sizeof(float));
	char	   *path;
	FILE	   *file;

	if (asprintf(&path, "%s-%s.fbin", prefix, part) < 0)
		HvDie("out of memory");
	file = HvFbinCreate(path, (int) source->n, source->dim);
	for (int64_t i = 0; i < source->n; i++)
	{
		HvSourceRows(source, i, 1, row);
		if (halves ? i >= source->n / 2 : i % 2 == 1)
			for (int j = 0; j < source->dim; j++)
				row[j] += vector[j];
		HvFbinAppend(file, row, 1, source->dim);
	}
	HvFbinFinish(file, path);
	free(path);
	free(row);
}

static void
write_shift(const Options *options)
{
	HvSource   *base = HvSourceOpen(options->base, HV_STREAM_BASE, NULL);
	HvSource   *query = HvSourceOpen(options->query, HV_STREAM_QUERY, base);
	float	   *vector = shift_vector(base, options);

	if (base->dim != query->dim)
		HvDie("the base has %d dimensions, the queries have %d", base->dim, query->dim);
	write_shifted(base, vector, true, options->out, "base");
	write_shifted(query, vector, false, options->out, "query");
	free(vector);
}

/* One flag for every row below n: is it named on stdin? */
static bool *
read_present(int64_t n)
{
	bool	   *present = HvAlloc((size_t) n * sizeof(bool));
	long long	id;
	int			got;

	while ((got = scanf("%lld", &id)) == 1)
	{
		if (id < 0)
			HvDie("row numbers count from 0, not from %lld", id);
		if (id < n)
			present[id] = true;
	}
	if (got != EOF)
		HvDie("stdin has something that is no row number");
	return present;
}

/* Puts the first "width" neighbours of query q that are present into ids. */
static int
keep_present(const HvFile *truth, int q, const bool *present, int width,
			 int32_t *ids, float *distances)
{
	int			kept = 0;

	for (int i = 0; i < truth->dim && kept < width; i++)
	{
		int32_t		id = HvFileNeighbours(truth, q)[i];

		if (!present[id])
			continue;
		ids[kept] = id;
		distances[kept++] = HvFileDistances(truth, q)[i];
	}
	return kept;
}

static void
write_truth(const Options *options)
{
	HvFile	   *truth = HvFileOpen(options->gt);
	size_t		width = (size_t) truth->dim;
	int32_t    *ids = HvAlloc((size_t) truth->n * width * sizeof(int32_t));
	float	   *distances = HvAlloc((size_t) truth->n * width * sizeof(float));
	int32_t		last = 0;
	bool	   *present;

	if (truth->format != HV_FORMAT_NEIGHBOURS)
		HvDie("%s has no neighbours", options->gt);
	for (int q = 0; q < truth->n; q++)
		for (int i = 0; i < truth->dim; i++)
			if (HvFileNeighbours(truth, q)[i] > last)
				last = HvFileNeighbours(truth, q)[i];
	present = read_present((int64_t) last + 1);

	/* as many as every query has left */
	for (int q = 0; q < truth->n; q++)
	{
		int			kept = keep_present(truth, q, present, truth->dim, ids, distances);

		if (kept < options->k)
			HvDie("query %d has only %d of its neighbours left", q, kept);
		if ((size_t) kept < width)
			width = (size_t) kept;
	}
	for (int q = 0; q < truth->n; q++)
		keep_present(truth, q, present, (int) width,
					 ids + (size_t) q * width, distances + (size_t) q * width);
	HvIbinWrite(options->out, truth->n, (int) width, ids, distances);
	free(ids);
	free(distances);
	free(present);
}

static void
parse_options(Options *options, int argc, char **argv)
{
	const HvOption list[] = {
		{"base", .text = &options->base},
		{"query", .text = &options->query},
		{"by", .text = &options->by},
		{"out", .text = &options->out},
		{"gt", .text = &options->gt},
		{"clusters", .number = &options->clusters, .low = 1, .high = 100000},
		{"k", .number = &options->k, .low = 1, .high = 1000},
		{"length", .real = &options->length},
		{"seed", .number = &options->seed, .low = 0, .high = INT64_MAX},
		{NULL}
	};

	HvParseOptions(list, usage, argc, argv);
}

int
main(int argc, char **argv)
{
	Options		options = {.clusters = 64, .k = 10, .length = 0.7, .seed = 42};
	const char *what = argc > 1 ? argv[1] : "";

	HvToolName = "hvlife";
	if (argc > 1 && what[0] != '-')
		optind = 2;
	parse_options(&options, argc, argv);
	HvKernelsInit();
	if (strcmp(what, "order") == 0 && options.base != NULL && options.by != NULL)
		print_order(&options);
	else if (strcmp(what, "shift") == 0 && options.base != NULL && options.query != NULL &&
			 options.out != NULL)
		write_shift(&options);
	else if (strcmp(what, "truth") == 0 && options.gt != NULL && options.out != NULL)
		write_truth(&options);
	else
		HvUsage(usage);
	if (fflush(stdout) != 0)
		HvDie("cannot write: %s", strerror(errno));
	return 0;
}
