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
#include <getopt.h>
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
	static const struct option options[] = {
		{"base", required_argument, NULL, 'b'},
		{"query", required_argument, NULL, 'q'},
		{"metric", required_argument, NULL, 'm'},
		{"k", required_argument, NULL, 'k'},
		{"threads", required_argument, NULL, 't'},
		{"out", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}
	};
	const char *base = NULL;
	const char *query = NULL;
	const char *out = NULL;
	HvExactJob	job = {.metric = HV_METRIC_COSINE, .k = 100, .threads = 2, .progress = true};
	double		started = HvNow();
	size_t		count;
	int32_t    *ids;
	float	   *distances;
	int			c;

	HvToolName = "hvgt";
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		switch (c)
		{
			case 'b':
				base = optarg;
				break;
			case 'q':
				query = optarg;
				break;
			case 'm':
				job.metric = HvParseMetric(optarg);
				break;
			case 'k':
				job.k = (int) HvParseInt("k", optarg, 1, 10000);
				break;
			case 't':
				job.threads = (int) HvParseInt("threads", optarg, 1, 256);
				break;
			case 'o':
				out = optarg;
				break;
			case 'h':
				fputs(usage, stdout);
				return 0;
			default:
				return 2;
		}
	}
	if (base == NULL || query == NULL || out == NULL || optind != argc)
	{
		fputs(usage, stderr);
		return 2;
	}

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
