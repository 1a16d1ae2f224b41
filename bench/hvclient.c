/*-------------------------------------------------------------------------
 *
 * hvclient.c
 *	  What the programs ask of libpq.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvclient.c
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvclient.h"
#include "hvtool.h"

PGconn *
HvConnect(const char *conninfo)
{
	PGconn	   *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK)
		HvDie("%s", PQerrorMessage(conn));
	HvExec(conn, "SET client_min_messages = warning");
	return conn;
}

void
HvCheckResult(PGconn *conn, const PGresult *result, ExecStatusType wanted)
{
	if (PQresultStatus(result) != wanted)
		HvDie("%s", PQerrorMessage(conn));
}

/* Formats and runs one statement. */
static PGresult *
run(PGconn *conn, const char *format, va_list args)
{
	char	   *sql;
	PGresult   *result;

	if (vasprintf(&sql, format, args) < 0)
		HvDie("out of memory");
	result = PQexec(conn, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		HvDie("%s  in: %s", PQerrorMessage(conn), sql);
	free(sql);
	return result;
}

void
HvExec(PGconn *conn, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	PQclear(run(conn, format, args));
	va_end(args);
}

PGresult *
HvQuery(PGconn *conn, const char *format,...)
{
	va_list		args;
	PGresult   *result;

	va_start(args, format);
	result = run(conn, format, args);
	va_end(args);
	return result;
}

double
HvQueryNumber(PGconn *conn, const char *format,...)
{
	va_list		args;
	PGresult   *result;
	double		value;

	va_start(args, format);
	result = run(conn, format, args);
	va_end(args);
	value = PQntuples(result) > 0 ? strtod(PQgetvalue(result, 0, 0), NULL) : 0;
	PQclear(result);
	return value;
}

bool
HvHasFunction(PGconn *conn, const char *name)
{
	return HvQueryNumber(conn, "SELECT count(*) FROM pg_proc WHERE proname = '%s'", name) > 0;
}
