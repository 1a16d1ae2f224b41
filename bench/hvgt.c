/*-------------------------------------------------------------------------
 *
 * hvgt.c
 *	  Program: the exact neighbours of every query, as an .ibin file.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvgt.c
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>

#include "hvexact.h"
#include "hvtool.h"

static const char usage[] =
"Usage: hvgt --base SOURCE --query SOURCE --out FILE.ibin [option ...]\n"
"Writes the exact nearest neighbours of every query.\n"
"\n"
"  --base SOURCE     vectors to search\n"
"  --query SOURCE    vectors to search for\n"
"  --metric NAME     l2, ip or cosine (default cosine)\n"
"  --k N             neighbours of each query (default 100)\n"
"  --threads N       (default 2)\n"
"  --out FILE.ibin\n"
"\n"
"SOURCE is a file (.fbin, .f16bin, .u8bin, each also .gz) or model:ROWS:DIM:SEED,\n"
"the vectors that hvgen makes; they are made on the way and stored nowhere.\n";

int
main(int argc, char **argv)
{
	const char *base = NULL;
	const char *query = NULL;
	const char *out = NULL;
	const char *metric = "cosine";
	int64_t		k = 100;
	int64_t		threads = 2;
	const HvOption options[] = {
		{"base", .text = &base},
		{"query", .text = &query},
		{"metric", .text = &metric},
		{"k", .number = &k, .low = 1, .high = 10000},
		{"threads", .number = &threads, .low = 1, .high = 256},
		{"out", .text = &out},
		{NULL}
	};
	HvExactJob	job = {.progress = true};
	double		started = HvNow();
	size_t		count;
	int32_t    *ids;
	float	   *distances;

	HvToolName = "hvgt";
	HvParseOptions(options, usage, argc, argv);
	if (base == NULL || query == NULL || out == NULL)
		HvUsage(usage);
	job.metric = HvParseMetric(metric);
	job.k = (int) k;
	job.threads = (int) threads;

	job.base = HvSourceOpen(base, HV_STREAM_BASE, NULL);
	job.query = HvSourceOpen(query, HV_STREAM_QUERY, job.base);
	count = (size_t) job.query->n * (size_t) job.k;
	ids = HvAlloc(count * sizeof(int32_t));
	distances = HvAlloc(count * sizeof(float));
	HvExactRun(&job, ids, distances);
	HvIbinWrite(out, (int) job.query->n, job.k, ids, distances);
	fprintf(stderr, "%s: %d nearest of %lld queries among %lld rows, %.1f s\n", out,
			job.k, (long long) job.query->n, (long long) job.base->n, HvNow() - started);
	return 0;
}
