/*-------------------------------------------------------------------------
 *
 * hvcreate.c
 *	  Building the index under watch, and what it came to.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvcreate.c
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvcreate.h"
#include "hvtool.h"

#define WATCH_MS		20
#define TELL_SECONDS	5.0

const char *
HvTargetOperator(const HvTarget *target)
{
	return target->metric == HV_METRIC_L2 ? "<->" : target->metric == HV_METRIC_IP ? "<#>" : "<=>";
}

static const char *
operator_class(const HvTarget *target)
{
	return target->metric == HV_METRIC_L2 ? "real_l2_ops" :
		target->metric == HV_METRIC_IP ? "real_ip_ops" : "real_cosine_ops";
}

void
HvApplySetting(PGconn *conn, const char *setting)
{
	const char *equals = strchr(setting, '=');
	char	   *value;

	if (equals == NULL)
		HvDie("\"%s\" is not of the form NAME=VALUE", setting);
	value = PQescapeLiteral(conn, equals + 1, strlen(equals + 1));
	HvExec(conn, "SELECT set_config('%.*s', %s, false)",
		   (int) (equals - setting), setting, value);
	PQfreemem(value);
}

PGconn *
HvTargetConnect(const HvTarget *target)
{
	PGconn	   *conn = HvConnect(target->conninfo);

	for (int i = 0; i < target->nsettings; i++)
		HvApplySetting(conn, target->settings[i]);
	return conn;
}

/* Takes one field, in kB, of /proc/PID/status; -1 where it is not to be had. */
static double
process_mb(int pid, const char *field)
{
	char		path[64];
	char		line[256];
	FILE	   *file;
	double		mb = -1.0;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return -1.0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			mb = strtod(line + strlen(field), NULL) / 1024.0;
	fclose(file);
	return mb;
}

/* what the server says of a running CREATE INDEX */
static void
tell_progress(PGconn *other, int pid, double seconds)
{
	PGresult   *result = HvQuery(other,
								 "SELECT phase, tuples_done, tuples_total, blocks_done, blocks_total"
								 " FROM pg_stat_progress_create_index WHERE pid = %d", pid);

	if (PQntuples(result) > 0)
		fprintf(stderr, "  create index: %.0f s, %s, rows %s of %s, blocks %s of %s\n", seconds,
				PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2),
				PQgetvalue(result, 0, 3), PQgetvalue(result, 0, 4));
	PQclear(result);
}

/* Waits for the statement that conn has been sent, and watches its backend. */
static void
watch(PGconn *conn, PGconn *other, HvBuildFigures *figures)
{
	int			pid = PQbackendPID(conn);
	double		started = HvNow();
	double		told = started;
	PGresult   *result;

	while (PQisBusy(conn))
	{
		struct pollfd wait = {.fd = PQsocket(conn), .events = POLLIN};
		double		mb = process_mb(pid, "RssAnon:");

		if (mb > figures->private_mb)
			figures->private_mb = mb;
		if (poll(&wait, 1, WATCH_MS) > 0 && PQconsumeInput(conn) == 0)
			HvDie("%s", PQerrorMessage(conn));
		if (HvNow() - told > TELL_SECONDS)
		{
			told = HvNow();
			tell_progress(other, pid, told - started);
		}
	}
	figures->seconds = HvNow() - started;
	figures->peak_mb = process_mb(pid, "VmHWM:");
	while ((result = PQgetResult(conn)) != NULL)
	{
		HvCheckResult(conn, result, PGRES_COMMAND_OK);
		PQclear(result);
	}
}

HvBuildFigures
HvCreateIndex(const HvTarget *target, const char *options)
{
	HvBuildFigures figures = {.seconds = -1.0, .peak_mb = -1.0, .private_mb = -1.0};
	PGconn	   *other = HvConnect(target->conninfo);
	PGconn	   *conn;
	char	   *sql;

	HvExec(other, "DROP INDEX IF EXISTS %s", target->index);
	conn = HvTargetConnect(target);
	if (asprintf(&sql, "CREATE INDEX %s ON %s USING hvtree (%s %s)%s%s%s", target->index,
				 target->table, target->column, operator_class(target),
				 options[0] != '\0' ? " WITH (" : "", options,
				 options[0] != '\0' ? ")" : "") < 0)
		HvDie("out of memory");
	fprintf(stderr, "  %s\n", sql);
	if (PQsendQuery(conn, sql) != 1)
		HvDie("%s", PQerrorMessage(conn));
	watch(conn, other, &figures);
	free(sql);
	PQfinish(conn);
	PQfinish(other);
	return figures;
}

HvIndexFigures
HvInspectIndex(const HvTarget *target)
{
	HvIndexFigures figures = {.height = -1.0, .spill_factor = -1.0,
	.index_mb = -1.0, .bytes_per_row = -1.0};
	PGconn	   *conn = HvTargetConnect(target);
	const double mb = 1024.0 * 1024.0;

	figures.rows = HvQueryNumber(conn, "SELECT count(*) FROM %s", target->table);
	figures.table_mb = HvQueryNumber(conn, "SELECT pg_table_size('%s')", target->table) / mb;
	if (HvQueryNumber(conn, "SELECT count(*) WHERE to_regclass('%s') IS NOT NULL",
					  target->index) > 0)
	{
		double		bytes = HvQueryNumber(conn, "SELECT pg_relation_size('%s')", target->index);

		figures.index_mb = bytes / mb;
		figures.bytes_per_row = figures.rows > 0 ? bytes / figures.rows : -1.0;
		if (HvHasFunction(conn, "hvtree_stats"))
		{
			PGresult   *stats = HvQuery(conn, "SELECT height, spill_factor FROM hvtree_stats('%s')",
										target->index);

			figures.height = strtod(PQgetvalue(stats, 0, 0), NULL);
			figures.spill_factor = strtod(PQgetvalue(stats, 0, 1), NULL);
			PQclear(stats);
		}
	}
	PQfinish(conn);
	return figures;
}
