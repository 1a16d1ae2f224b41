/*-------------------------------------------------------------------------
 *
 * hvmeasure.c
 *	  Runs queries against a table and measures what comes back and when.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvmeasure.c
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvmeasure.h"
#include "hvtool.h"
#include "hvwire.h"

#define MAX_LIMIT		1000

static const char last_scan[] =
"SELECT prepare_us, tree_us, leaves_us, rerank_us,"
" (SELECT coalesce(sum(p), 0) FROM unnest(level_pages[2:]) p), coalesce(level_pages[1], 0),"
" codes_scored, candidates, heap_fetches, buffers_hit, buffers_read"
" FROM hvtree_last_scan()";

/* one connection with its statement */
typedef struct Session
{
	const HvMeasureJob *job;
	PGconn	   *conn;
	Oid			type;			/* of the parameter */
} Session;

/* what one pass over the queries found; arrays of n queries */
typedef struct Pass
{
	int			limit;
	int			done;			/* queries that ran */
	double	   *ms;
	int		   *counts;			/* rows returned */
	int64_t    *ids;			/* n * limit */
	double	   *distances;		/* n * limit, or NULL: not asked for */
} Pass;

HvQueries *
HvQueriesOpen(const char *name, const char *truth, int limit, HvForm form)
{
	HvQueries  *queries = HvAlloc(sizeof(HvQueries));
	HvSource   *source = HvSourceOpen(name, HV_STREAM_QUERY, NULL);
	float	   *rows = HvSourceAll(source);

	queries->n = (int) source->n;
	if (limit > 0 && limit < queries->n)
		queries->n = limit;
	queries->size = HvWireVectorSize(form, source->dim);
	queries->parameters = HvAlloc((size_t) queries->n * queries->size);
	for (int i = 0; i < queries->n; i++)
		HvWireVector(form, rows + (size_t) i * (size_t) source->dim, source->dim,
					 queries->parameters + (size_t) i * queries->size);
	free(rows);
	if (truth != NULL)
	{
		queries->truth = HvFileOpen(truth);
		if (queries->truth->n < queries->n)
			HvDie("%s has the neighbours of %d queries, not of %d", truth,
				  queries->truth->n, queries->n);
	}
	return queries;
}

/* The statement, malloc'ed. */
static char *
statement(const HvMeasureJob *job, int limit, bool with_distance)
{
	const HvTarget *target = job->target;
	const char *operator = HvTargetOperator(target);
	char	   *distance = NULL;
	char	   *sql;

	if (asprintf(&distance, ", %s %s $1", target->column, operator) < 0 ||
		asprintf(&sql, "SELECT id%s FROM %s%s%s%s ORDER BY %s %s $1 LIMIT %d",
				 with_distance || job->distance ? distance : "", target->table,
				 job->filter != NULL ? " WHERE (" : "",
				 job->filter != NULL ? job->filter : "",
				 job->filter != NULL ? ")" : "",
				 target->column, operator, limit) < 0)
		HvDie("out of memory");
	free(distance);
	return sql;
}

static Session
open_session(const HvMeasureJob *job)
{
	Session		session = {.job = job, .conn = HvTargetConnect(job->target)};

	session.type = HvTargetType(session.conn, job->target);
	for (int i = 0; i < job->nsettings; i++)
		HvApplySetting(session.conn, job->settings[i]);
	return session;
}

/* Prepares the statement under a name. */
static void
prepare(Session *session, const char *name, int limit, bool with_distance)
{
	const Oid	types[] = {session->type};
	char	   *sql = statement(session->job, limit, with_distance);
	PGresult   *result = PQprepare(session->conn, name, sql, 1, types);

	HvCheckResult(session->conn, result, PGRES_COMMAND_OK);
	PQclear(result);
	free(sql);
}

static PGresult *
execute(Session *session, const char *name, int query)
{
	const HvQueries *queries = session->job->queries;
	const char *values[] = {(const char *) queries->parameters + (size_t) query * queries->size};
	const int	lengths[] = {(int) queries->size};
	const int	formats[] = {1};
	PGresult   *result = PQexecPrepared(session->conn, name, 1, values, lengths, formats, 1);

	HvCheckResult(session->conn, result, PGRES_TUPLES_OK);
	return result;
}

/*
 * Does the planner take an index scan for the statement?  If so, name gets the
 * name of the index.
 */
static bool
plan_is_indexed(Session *session, int limit, char name[HV_NAME_SIZE])
{
	static const char scan[] = "Index Scan using ";
	const HvQueries *queries = session->job->queries;
	const Oid	types[] = {session->type};
	const char *values[] = {(const char *) queries->parameters};
	const int	lengths[] = {(int) queries->size};
	const int	formats[] = {1};
	char	   *sql = statement(session->job, limit, false);
	char	   *explain;
	PGresult   *result;

	name[0] = '\0';
	if (asprintf(&explain, "EXPLAIN (COSTS OFF) %s", sql) < 0)
		HvDie("out of memory");
	result = PQexecParams(session->conn, explain, 1, types, values, lengths, formats, 0);
	HvCheckResult(session->conn, result, PGRES_TUPLES_OK);
	for (int i = 0; i < PQntuples(result); i++)
	{
		const char *found = strstr(PQgetvalue(result, i, 0), scan);

		if (found == NULL)
			continue;
		found += sizeof(scan) - 1;
		snprintf(name, HV_NAME_SIZE, "%.*s", (int) strcspn(found, " "), found);
	}
	PQclear(result);
	free(explain);
	free(sql);
	return name[0] != '\0';
}

/*
 * Keeps the session's statements off the index, whatever the settings that were
 * meant for the measured ones say of the other ways.
 */
static void
force_sequential(Session *session)
{
	char		index[HV_NAME_SIZE];

	HvExec(session->conn, "SET enable_indexscan = off");
	HvExec(session->conn, "SET enable_seqscan = on");
	HvExec(session->conn, "SET enable_sort = on");
	if (plan_is_indexed(session, session->job->k, index))
		HvDie("the planner takes the index even when told not to");
}

static Pass
new_pass(const HvQueries *queries, int limit, bool with_distance)
{
	size_t		n = (size_t) queries->n;
	Pass		pass = {.limit = limit};

	if (limit > MAX_LIMIT)
		HvDie("a limit of %d is more than %d", limit, MAX_LIMIT);
	pass.ms = HvAlloc(n * sizeof(double));
	pass.counts = HvAlloc(n * sizeof(int));
	pass.ids = HvAlloc(n * (size_t) limit * sizeof(int64_t));
	if (with_distance)
		pass.distances = HvAlloc(n * (size_t) limit * sizeof(double));
	return pass;
}

static void
free_pass(Pass *pass)
{
	free(pass->ms);
	free(pass->counts);
	free(pass->ids);
	free(pass->distances);
}

/* a binary float8 */
static double
read_float8(const char *bytes)
{
	int64_t		bits = HvWireReadInt8(bytes);
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Runs the first "count" queries once, or as many as the seconds of the job let. */
static void
run_pass(Session *session, const char *name, Pass *pass, int count)
{
	double		seconds = session->job->seconds;
	double		began = HvNow();

	pass->done = 0;
	for (int q = 0; q < count; q++)
	{
		size_t		first = (size_t) q * (size_t) pass->limit;
		double		started = HvNow();
		PGresult   *result;

		if (seconds > 0.0 && q >= HV_FEWEST_QUERIES && started - began > seconds)
			break;
		result = execute(session, name, q);
		pass->ms[q] = (HvNow() - started) * 1e3;
		pass->counts[q] = PQntuples(result);
		for (int i = 0; i < pass->counts[q]; i++)
		{
			pass->ids[first + (size_t) i] = HvWireReadInt8(PQgetvalue(result, i, 0));
			if (pass->distances != NULL)
				pass->distances[first + (size_t) i] = read_float8(PQgetvalue(result, i, 1));
		}
		PQclear(result);
		pass->done++;
	}
}

/*
 * The share of the true k nearest that a pass returned; a row as far as the k-th
 * is as good as it.
 */
static double
pass_recall(const HvQueries *queries, const Pass *pass)
{
	int			k = pass->limit;
	int64_t		hits = 0;

	if (queries->truth == NULL || queries->truth->dim < k)
		return -1.0;
	for (int q = 0; q < pass->done; q++)
	{
		const int32_t *truth = HvFileNeighbours(queries->truth, q);
		const float *distances = HvFileDistances(queries->truth, q);
		int			good = k;
		int			found = 0;

		while (good < queries->truth->dim && distances[good] <= distances[k - 1])
			good++;
		for (int i = 0; i < pass->counts[q]; i++)
			for (int j = 0; j < good; j++)
				if (pass->ids[(size_t) q * (size_t) k + (size_t) i] == truth[j])
				{
					found++;
					break;
				}
		hits += found < k ? found : k;
	}
	return (double) hits / ((double) pass->done * k);
}

/* One more pass, each query followed by the question what it did. */
static void
measure_phases(Session *session, const char *name, HvMeasure *measure)
{
	int			n = session->job->queries->n;
	double	   *values = HvAlloc((size_t) n * HV_PHASES * sizeof(double));
	PGresult   *result = PQprepare(session->conn, "last_scan", last_scan, 0, NULL);

	HvCheckResult(session->conn, result, PGRES_COMMAND_OK);
	PQclear(result);
	for (int q = 0; q < n; q++)
	{
		PQclear(execute(session, name, q));
		result = PQexecPrepared(session->conn, "last_scan", 0, NULL, NULL, NULL, 0);
		HvCheckResult(session->conn, result, PGRES_TUPLES_OK);
		for (int phase = 0; phase < HV_PHASES && PQntuples(result) > 0; phase++)
			values[(size_t) phase * (size_t) n + (size_t) q] =
				strtod(PQgetvalue(result, 0, phase), NULL);
		PQclear(result);
	}
	for (int phase = 0; phase < HV_PHASES; phase++)
	{
		double	   *row = values + (size_t) phase * (size_t) n;

		if (phase == HV_PHASE_CODES)
		{
			measure->mean_codes = 0.0;
			for (int q = 0; q < n; q++)
				measure->mean_codes += row[q] / n;
		}
		HvSortDoubles(row, n);
		measure->phases[phase] = HvPercentile(row, n, 0.5);
	}
	free(values);
}

static HvMeasure
new_measure(void)
{
	HvMeasure	measure = {
		.recall = -1.0, .recall100 = -1.0, .rows = -1.0, .missing = -1.0,
		.p50 = -1.0, .p95 = -1.0, .p99 = -1.0, .qps = -1.0, .p50_100 = -1.0, .exact_p50 = -1.0,
		.mean_codes = -1.0
	};

	for (int phase = 0; phase < HV_PHASES; phase++)
		measure.phases[phase] = -1.0;
	return measure;
}

/* Runs the measured passes of a prepared statement; the last one stays in *pass. */
static void
measure_times(Session *session, const char *name, Pass *pass, HvMeasure *measure)
{
	int			repeat = session->job->repeat;
	double	   *ms = HvAlloc((size_t) (session->job->queries->n * repeat) * sizeof(double));
	int			n = 0;
	double		sum = 0.0;
	double		rows = 0.0;

	for (int i = 0; i < repeat; i++)
	{
		run_pass(session, name, pass, session->job->queries->n);
		memcpy(ms + n, pass->ms, (size_t) pass->done * sizeof(double));
		n += pass->done;
	}
	for (int i = 0; i < n; i++)
		sum += ms[i];
	for (int q = 0; q < pass->done; q++)
		rows += pass->counts[q];
	HvSortDoubles(ms, n);
	measure->queries = n;
	measure->p50 = HvPercentile(ms, n, 0.50);
	measure->p95 = HvPercentile(ms, n, 0.95);
	measure->p99 = HvPercentile(ms, n, 0.99);
	for (int i = 0; i < HV_QUANTILES; i++)
		measure->quantiles[i] = HvPercentile(ms, n, (double) i / (HV_QUANTILES - 1));
	measure->qps = n / (sum / 1e3);
	measure->rows = rows / pass->done;
	free(ms);
}

/* The pass of LIMIT 100, once. */
static void
measure_hundred(Session *session, HvMeasure *measure)
{
	const HvQueries *queries = session->job->queries;
	Pass		pass = new_pass(queries, 100, false);

	prepare(session, "many", 100, false);
	run_pass(session, "many", &pass, queries->n);
	measure->recall100 = pass_recall(queries, &pass);
	HvSortDoubles(pass.ms, pass.done);
	measure->p50_100 = HvPercentile(pass.ms, pass.done, 0.5);
	free_pass(&pass);
}

HvMeasure
HvMeasureRun(const HvMeasureJob *job)
{
	HvMeasure	measure = new_measure();
	Session		session = open_session(job);
	Pass		pass = new_pass(job->queries, job->k, false);
	int			warm = job->warm > 0 && job->warm < job->queries->n ? job->warm : job->queries->n;

	if (job->sequential)
		force_sequential(&session);
	prepare(&session, "few", job->k, false);
	measure.indexed = plan_is_indexed(&session, job->k, measure.index);
	if (!job->sequential && job->warm >= 0)
		run_pass(&session, "few", &pass, warm);
	measure_times(&session, "few", &pass, &measure);
	measure.recall = pass_recall(job->queries, &pass);
	free_pass(&pass);
	if (!job->sequential && !job->brief && !job->bare)
		measure_hundred(&session, &measure);
	if (!job->sequential && !job->bare && measure.indexed &&
		HvHasFunction(session.conn, "hvtree_last_scan"))
		measure_phases(&session, "few", &measure);
	PQfinish(session.conn);
	return measure;
}

HvMeasure
HvMeasureFiltered(const HvMeasureJob *job)
{
	HvMeasure	measure = new_measure();
	int			n = job->queries->n;
	Session		exact = open_session(job);
	Session		session = open_session(job);
	Pass		truth = new_pass(job->queries, job->k, true);
	Pass		pass = new_pass(job->queries, job->k, true);
	Pass		timed = new_pass(job->queries, job->k, false);
	double		hits = 0.0;
	double		wanted = 0.0;

	force_sequential(&exact);
	prepare(&exact, "exact", job->k, true);
	run_pass(&exact, "exact", &truth, n);
	PQfinish(exact.conn);

	/* the pass that asks for distances serves as the warm-up of the other */
	prepare(&session, "checked", job->k, true);
	run_pass(&session, "checked", &pass, n);
	prepare(&session, "few", job->k, false);
	measure.indexed = plan_is_indexed(&session, job->k, measure.index);
	measure_times(&session, "few", &timed, &measure);
	if (measure.indexed && HvHasFunction(session.conn, "hvtree_last_scan"))
		measure_phases(&session, "few", &measure);
	PQfinish(session.conn);

	measure.missing = 0.0;
	for (int q = 0; q < n; q++)
	{
		size_t		first = (size_t) q * (size_t) job->k;
		int			possible = truth.counts[q];

		if (pass.counts[q] < possible)
			measure.missing += 1.0;
		wanted += possible;
		for (int i = 0; i < pass.counts[q] && i < possible; i++)
			if (pass.distances[first + (size_t) i] <=
				truth.distances[first + (size_t) possible - 1])
				hits += 1.0;
	}
	measure.recall = wanted > 0.0 ? hits / wanted : 1.0;
	HvSortDoubles(truth.ms, n);
	measure.exact_p50 = HvPercentile(truth.ms, n, 0.5);
	free_pass(&truth);
	free_pass(&pass);
	free_pass(&timed);
	return measure;
}
