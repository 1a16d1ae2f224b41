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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvcreate.h"
#include "hvtool.h"

const char *
HvTargetOperator(const HvTarget *target)
{
	return target->metric == HV_METRIC_L2 ? "<->" : target->metric == HV_METRIC_IP ? "<#>" : "<=>";
}

const char *
HvTargetMetric(const HvTarget *target)
{
	return target->metric == HV_METRIC_L2 ? "l2" : target->metric == HV_METRIC_IP ? "ip" : "cosine";
}

Oid
HvTargetType(PGconn *conn, const HvTarget *target)
{
	if (target->form == HV_FORM_REAL)
		return HV_TYPE_REAL_ARRAY;
	return (Oid) HvQueryNumber(conn, "SELECT 'vector'::regtype::oid::int8");
}

/* The name of the operator class; all of them are made alike. */
static const char *
operator_class(const HvTarget *target)
{
	static char name[64];

	if (target->opclass != NULL)
		return target->opclass;
	snprintf(name, sizeof(name), "%s_%s_ops",
			 target->form == HV_FORM_REAL ? "real" : "vector", HvTargetMetric(target));
	return name;
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

HvBuildFigures
HvCreateIndex(const HvTarget *target, const char *options)
{
	HvBuildFigures figures;
	PGconn	   *other = HvConnect(target->conninfo);
	PGconn	   *conn;
	char	   *sql;

	HvExec(other, "DROP INDEX IF EXISTS %s", target->index);
	conn = HvTargetConnect(target);
	if (asprintf(&sql, "CREATE INDEX %s ON %s USING %s (%s %s)%s%s%s", target->index,
				 target->table, target->method != NULL ? target->method : "hvtree",
				 target->column, operator_class(target),
				 options[0] != '\0' ? " WITH (" : "", options,
				 options[0] != '\0' ? ")" : "") < 0)
		HvDie("out of memory");
	fprintf(stderr, "  %s\n", sql);
	figures = HvWatchStatement(conn, other, sql);
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
		if (HvQueryNumber(conn, "SELECT count(*) FROM pg_class c JOIN pg_am a ON a.oid = c.relam"
						  " WHERE c.oid = '%s'::regclass AND amname = 'hvtree'", target->index) > 0)
		{
			PGresult   *stats = HvQuery(conn, "SELECT height, spill_factor FROM hvtree_info('%s')",
										target->index);

			figures.height = strtod(PQgetvalue(stats, 0, 0), NULL);
			figures.spill_factor = strtod(PQgetvalue(stats, 0, 1), NULL);
			PQclear(stats);
		}
	}
	PQfinish(conn);
	return figures;
}
