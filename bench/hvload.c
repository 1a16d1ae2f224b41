/*-------------------------------------------------------------------------
 *
 * hvload.c
 *	  Program: vectors into a table (id bigint primary key, embedding).
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvload.c
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvclient.h"
#include "hvsource.h"
#include "hvtool.h"
#include "hvwire.h"

static const char usage[] =
"Usage: hvload --base SOURCE --table NAME [option ...]\n"
"Makes the table NAME (id bigint PRIMARY KEY, embedding TYPE) anew and fills it;\n"
"ids are row numbers, from 0.\n"
"\n"
"  --base SOURCE     the vectors\n"
"  --table NAME\n"
"  --type NAME       real: real[], or vector: vector(n) of the extension pgvector,\n"
"                    which must be there (default real)\n"
"  --categories N    also a column category int: the id modulo N\n"
"  --queries         of a model: its queries, not its rows\n"
"  --storage NAME    of the vectors: default, plain, external (default \"default\")\n"
"  --conninfo STR    where the server is (default: as the environment says)\n"
"\n"
"SOURCE is a file (.fbin, .f16bin, .u8bin, each also .gz) or model:ROWS:DIM:SEED.\n";

static void
send_copy(void *target, const void *bytes, size_t size)
{
	PGconn	   *conn = target;

	if (PQputCopyData(conn, bytes, (int) size) != 1)
		HvDie("%s", PQerrorMessage(conn));
}

static void
copy_rows(PGconn *conn, const HvSource *base, HvRowShape shape, const char *table,
		  const char *label)
{
	char	   *sql;
	PGresult   *result;

	/* made in this transaction, so FREEZE may write the rows as visible to all */
	if (asprintf(&sql, "COPY %s FROM STDIN (FORMAT binary, FREEZE)", table) < 0)
		HvDie("out of memory");
	result = PQexec(conn, sql);
	HvCheckResult(conn, result, PGRES_COPY_IN);
	PQclear(result);
	free(sql);
	HvWireCopy(base, shape, send_copy, conn, label);
	if (PQputCopyEnd(conn, NULL) != 1)
		HvDie("%s", PQerrorMessage(conn));
	while ((result = PQgetResult(conn)) != NULL)
	{
		HvCheckResult(conn, result, PGRES_COMMAND_OK);
		PQclear(result);
	}
}

static void
load(PGconn *conn, const HvSource *base, HvRowShape shape, const char *name, const char *storage)
{
	char	   *table = PQescapeIdentifier(conn, name, strlen(name));
	double		started = HvNow();
	char		type[32] = "real[]";

	if (shape.form == HV_FORM_VECTOR)
		snprintf(type, sizeof(type), "vector(%d)", base->dim);
	if (table == NULL)
		HvDie("%s", PQerrorMessage(conn));
	HvExec(conn, "BEGIN");
	HvExec(conn, "DROP TABLE IF EXISTS %s", table);
	HvExec(conn, "CREATE TABLE %s (id bigint NOT NULL, embedding %s NOT NULL%s)", table, type,
		   shape.categories > 0 ? ", category int NOT NULL" : "");
	if (strcmp(storage, "default") != 0)
		HvExec(conn, "ALTER TABLE %s ALTER COLUMN embedding SET STORAGE %s", table, storage);

	/* element statistics of vectors serve nobody and take longer than the load */
	HvExec(conn, "ALTER TABLE %s ALTER COLUMN embedding SET STATISTICS 0", table);
	copy_rows(conn, base, shape, table, name);
	HvExec(conn, "ALTER TABLE %s ADD PRIMARY KEY (id)", table);
	HvExec(conn, "COMMIT");
	HvExec(conn, "VACUUM (ANALYZE) %s", table);
	fprintf(stderr, "%s: %lld rows of %d dimensions, storage %s, table %.1f MB, loaded in %.1f s\n",
			name, (long long) base->n, base->dim, storage,
			HvQueryNumber(conn, "SELECT pg_table_size('%s')", table) / (1024.0 * 1024.0),
			HvNow() - started);
	PQfreemem(table);
}

int
main(int argc, char **argv)
{
	const char *base = NULL;
	const char *table = NULL;
	const char *type = NULL;
	const char *storage = "default";
	const char *conninfo = "";
	int64_t		categories = 0;
	bool		queries = false;
	const HvOption options[] = {
		{"base", .text = &base},
		{"table", .text = &table},
		{"type", .text = &type},
		{"categories", .number = &categories, .low = 1, .high = INT32_MAX},
		{"queries", .flag = &queries},
		{"storage", .text = &storage},
		{"conninfo", .text = &conninfo},
		{NULL}
	};
	HvRowShape	shape = {HV_FORM_REAL, 0};
	HvStream	stream;
	PGconn	   *conn;

	HvToolName = "hvload";
	HvParseOptions(options, usage, argc, argv);
	if (base == NULL || table == NULL)
		HvUsage(usage);
	if (type != NULL)
		shape.form = HvParseForm(type);
	shape.categories = (int) categories;
	stream = queries ? HV_STREAM_QUERY : HV_STREAM_BASE;
	if (strcmp(storage, "default") != 0 && strcmp(storage, "plain") != 0 &&
		strcmp(storage, "external") != 0)
		HvDie("--storage must be default, plain or external, not \"%s\"", storage);

	conn = HvConnect(conninfo);
	load(conn, HvSourceOpen(base, stream, NULL), shape, table, storage);
	PQfinish(conn);
	return 0;
}
