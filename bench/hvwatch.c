/*-------------------------------------------------------------------------
 *
 * hvwatch.c
 *	  Waits for a statement and watches the memory of its backend and of the
 *	  parallel workers that help it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvwatch.c
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hvtool.h"
#include "hvwatch.h"

#define WATCH_MS		20
#define ASK_SECONDS		0.25
#define TELL_SECONDS	2.0

#define MAX_PROCESSES	64
#define MAX_SEGMENTS	64

/* who takes part, as of the last time that the server was asked */
typedef struct Watch
{
	PGconn	   *other;
	int			leader;
	int			n;
	int			pids[MAX_PROCESSES];	/* the leader is the first */
	HvBuildFigures figures;
} Watch;

HvBuildFigures
HvBuildUnknown(void)
{
	HvBuildFigures figures = {
		.seconds = -1.0, .peak_mb = -1.0, .private_mb = -1.0,
		.segments_mb = -1.0, .participants = -1.0
	};

	return figures;
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

/*
 * The memory of the dynamic segments that a process has mapped: files that the
 * server makes in /dev/shm, of which what has been allocated counts.
 */
static double
segments_mb(int pid)
{
	char		path[64];
	char		line[512];
	ino_t		seen[MAX_SEGMENTS];
	int			nseen = 0;
	double		mb = 0.0;
	FILE	   *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return -1.0;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *name = strstr(line, "/dev/shm/PostgreSQL.");
		struct stat status;
		bool		known = false;

		if (name == NULL)
			continue;
		name[strcspn(name, " \n")] = '\0';
		if (stat(name, &status) != 0)
			continue;
		for (int i = 0; i < nseen; i++)
			known = known || seen[i] == status.st_ino;
		if (known || nseen == MAX_SEGMENTS)
			continue;
		seen[nseen++] = status.st_ino;
		mb += (double) status.st_blocks * 512.0 / (1024.0 * 1024.0);
	}
	fclose(file);
	return mb;
}

/* Asks the server which processes take part, and looks at their segments. */
static void
ask_participants(Watch *watch)
{
	PGresult   *result = HvQuery(watch->other,
								 "SELECT pid FROM pg_stat_activity WHERE leader_pid = %d"
								 " AND pid <> %d", watch->leader, watch->leader);
	double		mb = segments_mb(watch->leader);

	watch->n = 1;
	for (int i = 0; i < PQntuples(result) && watch->n < MAX_PROCESSES; i++)
		watch->pids[watch->n++] = atoi(PQgetvalue(result, i, 0));
	PQclear(result);
	if (watch->n > watch->figures.participants)
		watch->figures.participants = watch->n;
	if (mb > watch->figures.segments_mb)
		watch->figures.segments_mb = mb;
}

/* One look at the memory that is the processes' own. */
static void
look(Watch *watch)
{
	double		sum = 0.0;

	for (int i = 0; i < watch->n; i++)
	{
		double		mb = process_mb(watch->pids[i], "RssAnon:");

		/* a worker may have ended since the server was asked */
		if (mb > 0.0)
			sum += mb;
	}
	if (sum > watch->figures.private_mb)
		watch->figures.private_mb = sum;
}

/* what the server says of a running CREATE INDEX */
static void
tell_progress(PGconn *other, int pid, double seconds)
{
	PGresult   *result = HvQuery(other,
								 "SELECT phase, tuples_done, tuples_total, blocks_done, blocks_total"
								 " FROM pg_stat_progress_create_index WHERE pid = %d", pid);

	if (PQntuples(result) > 0)
	{
		fprintf(stderr, "  create index: %.0f s, %s", seconds, PQgetvalue(result, 0, 0));
		/* a phase counts tuples, blocks or both */
		for (int i = 0; i < 2; i++)
		{
			const char *done = PQgetvalue(result, 0, 1 + 2 * i);
			const char *total = PQgetvalue(result, 0, 2 + 2 * i);

			if (strcmp(total, "0") != 0)
				fprintf(stderr, ", %s %s of %s", i == 0 ? "tuples" : "blocks", done, total);
		}
		fputc('\n', stderr);
	}
	PQclear(result);
}

HvBuildFigures
HvWatchStatement(PGconn *conn, PGconn *other, const char *sql)
{
	Watch		watch = {
		.other = other, .leader = PQbackendPID(conn), .n = 1,
		.figures = HvBuildUnknown()
	};
	double		started = HvNow();
	double		told = started;
	double		asked = started;
	PGresult   *result;

	watch.pids[0] = watch.leader;
	if (PQsendQuery(conn, sql) != 1)
		HvDie("%s", PQerrorMessage(conn));
	while (PQisBusy(conn))
	{
		struct pollfd wait = {.fd = PQsocket(conn), .events = POLLIN};

		look(&watch);
		if (poll(&wait, 1, WATCH_MS) > 0 && PQconsumeInput(conn) == 0)
			HvDie("%s", PQerrorMessage(conn));
		if (HvNow() - asked > ASK_SECONDS)
		{
			asked = HvNow();
			ask_participants(&watch);
		}
		if (HvNow() - told > TELL_SECONDS)
		{
			told = HvNow();
			tell_progress(other, watch.leader, told - started);
		}
	}
	watch.figures.seconds = HvNow() - started;
	watch.figures.peak_mb = process_mb(watch.leader, "VmHWM:");
	while ((result = PQgetResult(conn)) != NULL)
	{
		HvCheckResult(conn, result, PGRES_COMMAND_OK);
		PQclear(result);
	}
	return watch.figures;
}
