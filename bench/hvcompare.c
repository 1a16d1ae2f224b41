/*-------------------------------------------------------------------------
 *
 * hvcompare.c
 *	  Program: several indexes on the same vectors, each through a sweep of its
 *	  own setting, measured in turns.
 *
 * NOTES
 *	  An "arm" is an index with the setting that says how hard it searches.  What
 *	  disturbs the machine for a while must not hit one arm alone, so the arms
 *	  take turns: first value of the first arm, first value of the second, ...,
 *	  second value of the first; and all of that for several rounds.  A line of
 *	  results is written as soon as it is there.
 *
 *	  All indexes lie on one table.  So that the planner has no choice, those that
 *	  are not being measured are marked as invalid in the catalog meanwhile.  That
 *	  takes a superuser, and a cluster that is thrown away afterwards.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvcompare.c
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvmeasure.h"
#include "hvtool.h"

static const char usage[] =
"Usage: hvcompare --table NAME --query SOURCE --arm ARM [--arm ARM ...] [option ...]\n"
"Measures SELECT id FROM NAME ORDER BY embedding <op> $1 LIMIT k with each index.\n"
"Marks the other indexes of the table as invalid meanwhile: for throw-away clusters.\n"
"\n"
"  --arm METHOD:INDEX:SETTING=V1,V2,...   in the order of growing effort\n"
"  --table NAME        of the arms that follow\n"
"  --column NAME       the same (default embedding)\n"
"  --type NAME         the same: real or vector (default vector)\n"
"  --query SOURCE      query vectors: a file, or model:ROWS:DIM:SEED\n"
"  --gt FILE.ibin      their true neighbours, for recall\n"
"  --metric NAME       l2, ip or cosine (default l2)\n"
"  --label TEXT        first column of the results (default: the table)\n"
"  --session N=VALUE   a setting for every connection (repeatable)\n"
"  --k N               LIMIT (default 10)\n"
"  --queries N         only the first N queries\n"
"  --rounds N          (default 3)\n"
"  --first-round N     the number that the first one bears (default 1)\n"
"  --seconds S         ends a pass over the queries after S seconds (default 10)\n"
"  --enough R          after the first round, leaves out what follows on a value\n"
"                      with a recall of R (default .9995)\n"
"  --cold              no queries before the measured ones\n"
"  --tsv FILE          append the results there\n"
"  --quantiles FILE    append 201 quantiles of each line's times there\n"
"  --conninfo STR      where the server is (default: as the environment says)\n";

#define MAX_ARMS		16
#define MAX_VALUES		32
#define MAX_SETTINGS	16

typedef struct Arm
{
	HvTarget	target;
	const char *method;
	const char *setting;
	char	   *values[MAX_VALUES];
	int			nvalues;
} Arm;

typedef struct Compare
{
	const char *query;
	const char *gt;
	const char *label;
	const char *tsv;
	const char *quantiles;
	int			limit;
	int			k;
	int			rounds;
	int			first_round;
	int			seconds;
	double		enough;
	bool		cold;
	const char *settings[MAX_SETTINGS];
	HvTarget	target;			/* of the arms that follow */
	Arm			arms[MAX_ARMS];
	int			narms;
	HvQueries  *queries[HV_FORM_VECTOR + 1];	/* by type, as needed */
} Compare;

static void
add_arm(Compare *compare, char *text)
{
	Arm		   *arm = &compare->arms[compare->narms];
	char	   *index = strchr(text, ':');
	char	   *setting = index != NULL ? strchr(index + 1, ':') : NULL;
	char	   *equals = setting != NULL ? strchr(setting, '=') : NULL;

	if (equals == NULL)
		HvDie("--arm needs METHOD:INDEX:SETTING=VALUE,..., not \"%s\"", text);
	if (compare->target.table == NULL)
		HvDie("--table must stand before the first --arm");
	if (compare->narms++ == MAX_ARMS)
		HvDie("more than %d --arm", MAX_ARMS);
	*index = *setting = *equals = '\0';
	arm->target = compare->target;
	arm->method = text;
	arm->target.index = index + 1;
	arm->setting = setting + 1;
	for (char *value = strtok(equals + 1, ","); value != NULL; value = strtok(NULL, ","))
	{
		if (arm->nvalues == MAX_VALUES)
			HvDie("%s has more than %d values", arm->setting, MAX_VALUES);
		arm->values[arm->nvalues++] = value;
	}
}

static const struct option long_options[] = {
	{"arm", required_argument, NULL, 'a'},
	{"table", required_argument, NULL, 't'},
	{"column", required_argument, NULL, 'C'},
	{"type", required_argument, NULL, 'y'},
	{"query", required_argument, NULL, 'q'},
	{"gt", required_argument, NULL, 'g'},
	{"metric", required_argument, NULL, 'm'},
	{"label", required_argument, NULL, 'l'},
	{"session", required_argument, NULL, 'S'},
	{"k", required_argument, NULL, 'k'},
	{"queries", required_argument, NULL, 'n'},
	{"rounds", required_argument, NULL, 'r'},
	{"first-round", required_argument, NULL, 'f'},
	{"seconds", required_argument, NULL, 's'},
	{"enough", required_argument, NULL, 'e'},
	{"cold", no_argument, NULL, 'c'},
	{"tsv", required_argument, NULL, 'T'},
	{"quantiles", required_argument, NULL, 'Q'},
	{"conninfo", required_argument, NULL, 'I'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0}
};

/* An option that says what is measured; false for the others. */
static bool
take_target(Compare *compare, int c)
{
	switch (c)
	{
		case 'a':
			add_arm(compare, optarg);
			return true;
		case 't':
			compare->target.table = optarg;
			return true;
		case 'C':
			compare->target.column = optarg;
			return true;
		case 'y':
			compare->target.form = HvParseForm(optarg);
			return true;
		case 'm':
			compare->target.metric = HvParseMetric(optarg);
			return true;
		case 'S':
			if (compare->target.nsettings == MAX_SETTINGS)
				HvDie("more than %d --session", MAX_SETTINGS);
			compare->settings[compare->target.nsettings++] = optarg;
			return true;
		case 'I':
			compare->target.conninfo = optarg;
			return true;
		default:
			return false;
	}
}

/* One that says how, and where to; false for those that are not ours. */
static bool
take_option(Compare *compare, int c)
{
	switch (c)
	{
		case 'q':
			compare->query = optarg;
			return true;
		case 'g':
			compare->gt = optarg;
			return true;
		case 'l':
			compare->label = optarg;
			return true;
		case 'k':
			compare->k = (int) HvParseInt("k", optarg, 1, 1000);
			return true;
		case 'n':
			compare->limit = (int) HvParseInt("queries", optarg, 1, INT32_MAX);
			return true;
		case 'r':
			compare->rounds = (int) HvParseInt("rounds", optarg, 1, 1000);
			return true;
		case 'f':
			compare->first_round = (int) HvParseInt("first-round", optarg, 1, 1000000);
			return true;
		case 's':
			compare->seconds = (int) HvParseInt("seconds", optarg, 0, 100000);
			return true;
		case 'e':
			compare->enough = strtod(optarg, NULL);
			return true;
		case 'c':
			compare->cold = true;
			return true;
		case 'T':
			compare->tsv = optarg;
			return true;
		case 'Q':
			compare->quantiles = optarg;
			return true;
		default:
			return false;
	}
}

static void
parse_options(Compare *compare, int argc, char **argv)
{
	int			c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
	{
		if (c == 'h')
		{
			fputs(usage, stdout);
			exit(0);
		}
		if (!take_target(compare, c) && !take_option(compare, c))
			exit(2);
	}
	if (compare->narms == 0 || compare->query == NULL || optind != argc)
	{
		fputs(usage, stderr);
		exit(2);
	}
	if (compare->label == NULL)
		compare->label = compare->arms[0].target.table;
	/* settings may stand behind the arms, and hold for all of them */
	for (int i = 0; i < compare->narms; i++)
	{
		compare->arms[i].target.settings = compare->settings;
		compare->arms[i].target.nsettings = compare->target.nsettings;
		compare->arms[i].target.metric = compare->target.metric;
		compare->arms[i].target.conninfo = compare->target.conninfo;
	}
}

/* The queries as parameters of the type of the arm's column. */
static HvQueries *
arm_queries(Compare *compare, const Arm *arm)
{
	HvQueries **queries = &compare->queries[arm->target.form];

	if (*queries == NULL)
		*queries = HvQueriesOpen(compare->query, compare->gt, compare->limit, arm->target.form);
	return *queries;
}

/*
 * Leaves one index of a table to the planner, or all of them if "only" is NULL.
 * Primary keys are not touched.
 */
static void
show_index(const HvTarget *target, const char *only)
{
	PGconn	   *conn = HvConnect(target->conninfo);
	char	   *valid;

	if (asprintf(&valid, only != NULL ? "(indexrelid = '%s'::regclass)" : "true", only) < 0)
		HvDie("out of memory");
	HvExec(conn, "UPDATE pg_index SET indisvalid = %s WHERE indrelid = '%s'::regclass"
		   " AND NOT indisprimary AND indisvalid <> %s", valid, target->table, valid);
	free(valid);
	PQfinish(conn);
}

/* Opens a file of results for appending, with the head line if it is empty. */
static FILE *
open_results(const char *path, const char *head)
{
	FILE	   *file = fopen(path, "a");

	if (file == NULL)
		HvDie("%s: %s", path, strerror(errno));
	/* cppcheck-suppress seekOnAppendedFile; ftell needs it */
	fseek(file, 0, SEEK_END);
	if (ftell(file) == 0)
		fprintf(file, "%s\n", head);
	return file;
}

static void
close_results(FILE *file, const char *path)
{
	if (fclose(file) != 0)
		HvDie("%s: %s", path, strerror(errno));
}

static void
write_quantiles(const Compare *compare, const char *key, const HvMeasure *measure)
{
	char		head[HV_QUANTILES * 8 + 128] = "set\tmetric\tmethod\tsetting\tvalue\tk\tround";
	FILE	   *file;

	for (int i = 0; i < HV_QUANTILES; i++)
	{
		size_t		length = strlen(head);

		snprintf(head + length, sizeof(head) - length, "\tq%.1f",
				 100.0 * i / (HV_QUANTILES - 1));
	}
	file = open_results(compare->quantiles, head);
	fputs(key, file);
	for (int i = 0; i < HV_QUANTILES; i++)
		fprintf(file, "\t%.4f", measure->quantiles[i]);
	fputc('\n', file);
	close_results(file, compare->quantiles);
}

/* One line of results, in the files and for stderr. */
static void
write_line(const Compare *compare, const Arm *arm, const char *value, int round,
		   const HvMeasure *measure)
{
	char		key[512];

	snprintf(key, sizeof(key), "%s\t%s\t%s\t%s\t%s\t%d\t%d", compare->label,
			 HvTargetMetric(&arm->target), arm->method, arm->setting, value, compare->k, round);
	if (compare->tsv != NULL)
	{
		FILE	   *file = open_results(compare->tsv,
										"set\tmetric\tmethod\tsetting\tvalue\tk\tround\tqueries\trecall"
										"\trows\tqps\tp50ms\tp95ms\tp99ms");

		fprintf(file, "%s\t%d\t%.5f\t%.2f\t%.1f\t%.4f\t%.4f\t%.4f\n", key, measure->queries,
				measure->recall, measure->rows, measure->qps, measure->p50, measure->p95,
				measure->p99);
		close_results(file, compare->tsv);
	}
	if (compare->quantiles != NULL)
		write_quantiles(compare, key, measure);
	fprintf(stderr, "  %s round %d  %-10s %s=%-5s  recall@%d %.4f  p50 %8.3f ms  p99 %8.3f ms  %7.0f q/s\n",
			compare->label, round, arm->method, arm->setting, value, compare->k, measure->recall,
			measure->p50, measure->p99, measure->qps);
}

/* Measures one value of one arm, with its index alone in the planner's sight. */
static HvMeasure
measure_arm(Compare *compare, const Arm *arm, const char *value)
{
	char		text[256];
	const char *settings[] = {text};
	HvMeasureJob job = {
		.target = &arm->target, .queries = arm_queries(compare, arm), .k = compare->k,
		.repeat = 1, .bare = true, .warm = compare->cold ? -1 : 0,
		.seconds = compare->seconds, .nsettings = 1, .settings = settings
	};
	HvMeasure	measure;

	snprintf(text, sizeof(text), "%s=%s", arm->setting, value);
	show_index(&arm->target, arm->target.index);
	measure = HvMeasureRun(&job);
	if (strcmp(measure.index, arm->target.index) != 0)
		HvDie("the planner takes %s%s where %s was to be measured",
			  measure.indexed ? "the index " : "no index", measure.index, arm->target.index);
	return measure;
}

static void
run_round(Compare *compare, int round)
{
	int			steps = 0;

	for (int i = 0; i < compare->narms; i++)
		if (compare->arms[i].nvalues > steps)
			steps = compare->arms[i].nvalues;
	for (int step = 0; step < steps; step++)
		for (int i = 0; i < compare->narms; i++)
		{
			Arm		   *arm = &compare->arms[i];
			HvMeasure	measure;

			if (step >= arm->nvalues)
				continue;
			measure = measure_arm(compare, arm, arm->values[step]);
			write_line(compare, arm, arm->values[step], round, &measure);
			if (round == compare->first_round && measure.recall >= compare->enough)
				arm->nvalues = step + 1;
		}
}

int
main(int argc, char **argv)
{
	static Compare compare = {
		.target = {.conninfo = "", .column = "embedding", .form = HV_FORM_VECTOR,
		.metric = HV_METRIC_L2},
		.k = 10, .rounds = 3, .first_round = 1, .seconds = 10, .enough = 0.9995
	};

	HvToolName = "hvcompare";
	parse_options(&compare, argc, argv);
	for (int i = 0; i < compare.rounds; i++)
		run_round(&compare, compare.first_round + i);
	for (int i = 0; i < compare.narms; i++)
		show_index(&compare.arms[i].target, NULL);
	return 0;
}
