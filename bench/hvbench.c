/*-------------------------------------------------------------------------
 *
 * hvbench.c
 *	  Program: builds the index, runs the queries for every setting of a sweep,
 *	  and prints recall, times and costs.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvbench.c
 *
 *-------------------------------------------------------------------------
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvmeasure.h"
#include "hvreport.h"
#include "hvtool.h"

static const char usage[] =
"Usage: hvbench --table NAME --query SOURCE [option ...]\n"
"Measures SELECT id FROM NAME ORDER BY embedding <op> $1 LIMIT k.\n"
"\n"
"  --table NAME\n"
"  --query SOURCE      query vectors: a file, or model:ROWS:DIM:SEED\n"
"  --gt FILE.ibin      their true neighbours, for recall\n"
"  --metric NAME       l2, ip or cosine (default l2)\n"
"  --column NAME       (default embedding)\n"
"  --type NAME         of the column: real (real[]) or vector (default real)\n"
"  --index NAME        (default NAME_hv_METRIC)\n"
"  --method NAME       access method of --create (default hvtree)\n"
"  --opclass NAME      (default TYPE_METRIC_ops)\n"
"  --label TEXT        first column of the results (default: the table)\n"
"  --create OPTIONS    build the index first, WITH (OPTIONS); \"\" for none\n"
"  --session N=VALUE   a setting for every connection, also the build's (repeatable)\n"
"  --set N=V1,V2,...   measure with each value (repeatable: every combination);\n"
"                      with a / among them, that is between the values, which are lists\n"
"  --filter SQL        with this WHERE condition (repeatable: each of them)\n"
"  --k N               LIMIT (default 10)\n"
"  --queries N         only the first N queries\n"
"  --repeat N          measured passes over the queries (default 1)\n"
"  --brief             not also LIMIT 100\n"
"  --distance          SELECT id, embedding <op> $1\n"
"  --exact N           also N queries by sequential scan\n"
"  --tsv FILE          append the results there\n"
"  --conninfo STR      where the server is (default: as the environment says)\n";

#define MAX_SETTINGS	16
#define MAX_VALUES		32

/* one --set: the values, one of which is current */
typedef struct Sweep
{
	const char *name;
	char	   *values[MAX_VALUES];
	int			nvalues;
	int			current;
} Sweep;

typedef struct Options
{
	HvTarget	target;
	const char *query;
	const char *gt;
	const char *label;
	const char *create;
	const char *tsv;
	int			limit;
	int			exact;
	int			k;
	int			repeat;
	bool		brief;
	bool		distance;
	const char *settings[MAX_SETTINGS];
	const char *filters[MAX_SETTINGS];
	int			nfilters;
	Sweep		sweeps[MAX_SETTINGS];
	int			nsweeps;
} Options;

/* everything that a line of results says */
typedef struct Bench
{
	Options    *options;
	HvQueries  *queries;
	HvBuildFigures build;
	HvIndexFigures index;
	HvReport	report;
} Bench;

static void
add_sweep(Options *options, char *text)
{
	Sweep	   *sweep = &options->sweeps[options->nsweeps++];
	char	   *equals = strchr(text, '=');
	const char *separator = strchr(text, '/') != NULL ? "/" : ",";

	if (equals == NULL || options->nsweeps > MAX_SETTINGS - 1)
		HvDie("--set needs NAME=VALUE,..., not \"%s\"", text);
	*equals = '\0';
	sweep->name = text;
	for (char *value = strtok(equals + 1, separator); value != NULL;
		 value = strtok(NULL, separator))
	{
		if (sweep->nvalues == MAX_VALUES)
			HvDie("--set %s has more than %d values", sweep->name, MAX_VALUES);
		sweep->values[sweep->nvalues++] = value;
	}
	if (sweep->nvalues == 0)
		HvDie("--set %s has no value", sweep->name);
}

static const struct option long_options[] = {
	{"table", required_argument, NULL, 't'},
	{"query", required_argument, NULL, 'q'},
	{"gt", required_argument, NULL, 'g'},
	{"metric", required_argument, NULL, 'm'},
	{"column", required_argument, NULL, 'C'},
	{"type", required_argument, NULL, 'y'},
	{"index", required_argument, NULL, 'i'},
	{"method", required_argument, NULL, 'M'},
	{"opclass", required_argument, NULL, 'o'},
	{"label", required_argument, NULL, 'l'},
	{"create", required_argument, NULL, 'c'},
	{"session", required_argument, NULL, 'S'},
	{"set", required_argument, NULL, 's'},
	{"filter", required_argument, NULL, 'f'},
	{"k", required_argument, NULL, 'k'},
	{"queries", required_argument, NULL, 'n'},
	{"repeat", required_argument, NULL, 'r'},
	{"brief", no_argument, NULL, 'b'},
	{"distance", no_argument, NULL, 'd'},
	{"exact", required_argument, NULL, 'e'},
	{"tsv", required_argument, NULL, 'T'},
	{"conninfo", required_argument, NULL, 'I'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}
};

/* One option; false for those that are not ours. */
static bool
take_option(Options *options, int c)
{
	switch (c)
	{
		case 't':
			options->target.table = optarg;
			return true;
		case 'q':
			options->query = optarg;
			return true;
		case 'g':
			options->gt = optarg;
			return true;
		case 'm':
			options->target.metric = HvParseMetric(optarg);
			return true;
		case 'C':
			options->target.column = optarg;
			return true;
		case 'y':
			options->target.form = HvParseForm(optarg);
			return true;
		case 'i':
			options->target.index = optarg;
			return true;
		case 'M':
			options->target.method = optarg;
			return true;
		case 'o':
			options->target.opclass = optarg;
			return true;
		case 'l':
			options->label = optarg;
			return true;
		case 'c':
			options->create = optarg;
			return true;
		case 'S':
			if (options->target.nsettings == MAX_SETTINGS)
				HvDie("more than %d --session", MAX_SETTINGS);
			options->settings[options->target.nsettings++] = optarg;
			return true;
		case 's':
			add_sweep(options, optarg);
			return true;
		case 'f':
			if (options->nfilters == MAX_SETTINGS)
				HvDie("more than %d --filter", MAX_SETTINGS);
			options->filters[options->nfilters++] = optarg;
			return true;
		case 'k':
			options->k = (int) HvParseInt("k", optarg, 1, 1000);
			return true;
		case 'n':
			options->limit = (int) HvParseInt("queries", optarg, 1, INT32_MAX);
			return true;
		case 'r':
			options->repeat = (int) HvParseInt("repeat", optarg, 1, 1000);
			return true;
		case 'b':
			options->brief = true;
			return true;
		case 'd':
			options->distance = true;
			return true;
		case 'e':
			options->exact = (int) HvParseInt("exact", optarg, 0, 100000);
			return true;
		case 'T':
			options->tsv = optarg;
			return true;
		case 'I':
			options->target.conninfo = optarg;
			return true;
		default:
			return false;
	}
}

static void
parse_options(Options *options, int argc, char **argv)
{
	HvTarget   *target = &options->target;
	int			c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
	{
		if (c == 'h')
		{
			fputs(usage, stdout);
			exit(0);
		}
		if (!take_option(options, c))
			exit(2);
	}
	if (target->table == NULL || options->query == NULL || optind != argc)
	{
		fputs(usage, stderr);
		exit(2);
	}
	target->settings = options->settings;
	if (options->label == NULL)
		options->label = target->table;
	if (target->index == NULL)
	{
		char	   *name;

		if (asprintf(&name, "%s_hv_%s", target->table, HvTargetMetric(target)) < 0)
			HvDie("out of memory");
		target->index = name;
	}
}

/* One line of the report. */
static void
add_row(Bench *bench, const HvMeasureJob *job, const char *settings, const HvMeasure *m)
{
	Options    *options = bench->options;
	HvReport   *report = &bench->report;

	HvReportText(report, "set", options->label);
	HvReportText(report, "metric", HvTargetMetric(&options->target));
	HvReportText(report, "setting", settings);
	HvReportText(report, "filter", job->filter != NULL ? job->filter : "-");
	HvReportText(report, "plan", m->indexed ? "index" : "scan");
	HvReportNumber(report, job->k == 10 ? "r@10" : "r@k", 4, m->recall);
	HvReportNumber(report, "r@100", 4, m->recall100);
	HvReportNumber(report, "rows", 1, m->rows);
	HvReportNumber(report, "short", 0, m->missing);
	HvReportNumber(report, "p50ms", 3, m->p50);
	HvReportNumber(report, "p95ms", 3, m->p95);
	HvReportNumber(report, "p99ms", 3, m->p99);
	HvReportNumber(report, "qps", 0, m->qps);
	HvReportNumber(report, "p50@100", 3, m->p50_100);
	HvReportNumber(report, "exact_ms", 3, m->exact_p50);
	HvReportNumber(report, "prep_us", 1, m->phases[HV_PHASE_PREPARE]);
	HvReportNumber(report, "tree_us", 1, m->phases[HV_PHASE_TREE]);
	HvReportNumber(report, "leaf_us", 1, m->phases[HV_PHASE_LEAVES]);
	HvReportNumber(report, "rerank_us", 1, m->phases[HV_PHASE_RERANK]);
	HvReportNumber(report, "inner_pg", 0, m->phases[HV_PHASE_INNER_PAGES]);
	HvReportNumber(report, "leaf_pg", 0, m->phases[HV_PHASE_LEAF_PAGES]);
	HvReportNumber(report, "codes", 0, m->phases[HV_PHASE_CODES]);
	HvReportNumber(report, "cand", 0, m->phases[HV_PHASE_CANDIDATES]);
	HvReportNumber(report, "fetch", 0, m->phases[HV_PHASE_FETCHES]);
	HvReportNumber(report, "hit", 0, m->phases[HV_PHASE_HITS]);
	HvReportNumber(report, "read", 0, m->phases[HV_PHASE_READS]);
	HvReportHidden(report, "codes_mean", 1, m->mean_codes);
	HvReportHidden(report, "k", 0, job->k);
	HvReportHidden(report, "queries", 0, job->queries->n);
	HvReportHidden(report, "table_rows", 0, bench->index.rows);
	HvReportHidden(report, "table_mb", 1, bench->index.table_mb);
	HvReportHidden(report, "index_mb", 1, bench->index.index_mb);
	HvReportHidden(report, "bytes_row", 1, bench->index.bytes_per_row);
	HvReportHidden(report, "height", 0, bench->index.height);
	HvReportHidden(report, "spill", 2, bench->index.spill_factor);
	HvReportHidden(report, "build_s", 2, bench->build.seconds);
	HvReportHidden(report, "build_peak_mb", 0, bench->build.peak_mb);
	HvReportHidden(report, "build_private_mb", 0, bench->build.private_mb);
	HvReportHidden(report, "build_segments_mb", 0, bench->build.segments_mb);
	HvReportHidden(report, "participants", 0, bench->build.participants);
	HvReportEndRow(report);
	fprintf(stderr, "  %s %s %s%s%s: recall %.4f, p50 %.3f ms%s\n", options->label,
			HvTargetMetric(&options->target), settings,
			job->filter != NULL ? ", " : "", job->filter != NULL ? job->filter : "",
			m->recall, m->p50, m->indexed || job->sequential ? "" : " (no index scan!)");
}

/* Measures one combination of settings, with every filter if there are any. */
static void
measure_settings(Bench *bench, const char *const *settings, const char *title)
{
	Options    *options = bench->options;
	HvMeasureJob job = {
		.target = &options->target, .queries = bench->queries,
		.k = options->k, .repeat = options->repeat, .brief = options->brief,
		.distance = options->distance,
		.nsettings = options->nsweeps, .settings = settings
	};
	HvMeasure	measure;

	if (options->nfilters == 0)
	{
		measure = HvMeasureRun(&job);
		add_row(bench, &job, title, &measure);
	}
	for (int i = 0; i < options->nfilters; i++)
	{
		job.filter = options->filters[i];
		measure = HvMeasureFiltered(&job);
		add_row(bench, &job, title, &measure);
	}
}

/* Goes to the next combination; false after the last. */
static bool
next_combination(Options *options)
{
	for (int i = options->nsweeps - 1; i >= 0; i--)
	{
		if (++options->sweeps[i].current < options->sweeps[i].nvalues)
			return true;
		options->sweeps[i].current = 0;
	}
	return false;
}

static void
measure_sweep(Bench *bench)
{
	Options    *options = bench->options;

	do
	{
		char		texts[MAX_SETTINGS][256];
		const char *settings[MAX_SETTINGS];
		char		title[1024] = "default";
		size_t		length = 0;

		for (int i = 0; i < options->nsweeps; i++)
		{
			const Sweep *sweep = &options->sweeps[i];
			const char *dot = strrchr(sweep->name, '.');
			const char *value = sweep->values[sweep->current];

			snprintf(texts[i], sizeof(texts[i]), "%s=%s", sweep->name, value);
			settings[i] = texts[i];
			if (length < sizeof(title))
				length += (size_t) snprintf(title + length, sizeof(title) - length, "%s%s=%s",
											i > 0 ? " " : "",
											dot != NULL ? dot + 1 : sweep->name, value);
		}
		measure_settings(bench, settings, title);
	} while (next_combination(options));
}

static void
measure_exact(Bench *bench)
{
	Options    *options = bench->options;
	HvQueries	few = *bench->queries;
	HvMeasureJob job = {
		.target = &options->target, .queries = &few,
		.k = options->k, .repeat = 1, .sequential = true
	};
	HvMeasure	measure;

	if (few.n > options->exact)
		few.n = options->exact;
	measure = HvMeasureRun(&job);
	add_row(bench, &job, "exact", &measure);
}

static void
print_index(const Bench *bench)
{
	const HvIndexFigures *index = &bench->index;
	const HvBuildFigures *build = &bench->build;

	printf("%s: %.0f rows, table %.1f MB", bench->options->label, index->rows, index->table_mb);
	if (index->index_mb >= 0.0)
		printf(", index %.1f MB = %.1f bytes a row", index->index_mb, index->bytes_per_row);
	if (index->height >= 0.0)
		printf(", height %.0f, spill factor %.2f", index->height, index->spill_factor);
	if (build->seconds >= 0.0)
		printf("\nbuilt in %.2f s by %.0f processes, their own memory %.0f MB, segments that they"
			   " share %.0f MB, peak of the backend with shared buffers %.0f MB",
			   build->seconds, build->participants, build->private_mb, build->segments_mb,
			   build->peak_mb);
	printf("\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	Options		options = {
		.target = {.conninfo = "", .column = "embedding", .metric = HV_METRIC_L2},
		.k = 10, .repeat = 1
	};
	Bench		bench = {
		.options = &options,
		.build = HvBuildUnknown()
	};

	HvToolName = "hvbench";
	parse_options(&options, argc, argv);
	bench.queries = HvQueriesOpen(options.query, options.gt, options.limit, options.target.form);
	if (options.create != NULL)
		bench.build = HvCreateIndex(&options.target, options.create);
	bench.index = HvInspectIndex(&options.target);
	print_index(&bench);

	measure_sweep(&bench);
	if (options.exact > 0)
		measure_exact(&bench);
	HvReportPrint(&bench.report, stdout);
	if (options.tsv != NULL)
		HvReportAppendTsv(&bench.report, options.tsv);
	return 0;
}
