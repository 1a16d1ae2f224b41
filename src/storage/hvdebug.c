/*-------------------------------------------------------------------------
 *
 * hvdebug.c
 *	  Places where a test may stop, fail or kill a backend.
 *
 * NOTES
 *	  PostgreSQL has injection points of its own, but only from version 17 on
 *	  and only in servers that were configured for them.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvdebug.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/hvdebug.h"

#ifdef HV_DEBUG_POINTS

#include <signal.h>

#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/guc.h"

#define MOST_POINTS	64

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

typedef enum PointAction
{
	POINT_WAIT,
	POINT_NOTICE,
	POINT_ERROR,
	POINT_CRASH
} PointAction;

static const char *const action_names[] = {
	[POINT_WAIT] = "wait",
	[POINT_NOTICE] = "notice",
	[POINT_ERROR] = "error",
	[POINT_CRASH] = "crash",
};

typedef struct Point
{
	char		name[NAMEDATALEN];
	PointAction action;
	int			at_pass;		/* 0 = at each */
	int			passes;			/* so far */
} Point;

bool		HvDebugIsOn = false;

static char *setting;
static Point points[MOST_POINTS];
static int	npoints;

/* Parses "name=action[:N]" and a comma; returns what follows, NULL if invalid. */
static const char *
parse_point(const char *at, Point *point)
{
	size_t		length = strspn(at, NAME_LETTERS);
	int			action;

	if (length == 0 || length >= NAMEDATALEN || at[length] != '=')
		return NULL;
	memset(point, 0, sizeof(Point));
	memcpy(point->name, at, length);
	at += length + 1;

	length = strspn(at, NAME_LETTERS);
	for (action = 0; action < lengthof(action_names); action++)
	{
		if (strlen(action_names[action]) == length &&
			strncmp(at, action_names[action], length) == 0)
			break;
	}
	if (action == lengthof(action_names))
		return NULL;
	point->action = (PointAction) action;
	at += length;

	if (*at == ':')
	{
		char	   *end;

		point->at_pass = (int) strtol(at + 1, &end, 10);
		if (point->at_pass < 1)
			return NULL;
		at = end;
	}
	at += strspn(at, " ");
	if (*at == ',')
		return at + 1 + strspn(at + 1, " ");
	return *at == '\0' ? at : NULL;
}

static bool
check_setting(char **newval, void **extra, GucSource source)
{
	const char *at = *newval;
	Point		point;
	int			count = 0;

	while (*at != '\0')
	{
		at = parse_point(at, &point);
		if (at == NULL || ++count > MOST_POINTS)
		{
			GUC_check_errdetail("Debug points are a list of name=action or name=action:N; actions are \"wait\", \"notice\", \"error\" and \"crash\".");
			return false;
		}
	}
	return true;
}

/* Nothing is allocated, so that it cannot fail. */
static void
assign_setting(const char *newval, void *extra)
{
	const char *at = newval;

	npoints = 0;
	while (at != NULL && *at != '\0' && npoints < MOST_POINTS)
		at = parse_point(at, &points[npoints++]);
	HvDebugIsOn = npoints > 0;
}

void
HvDebugDefine(void)
{
	DefineCustomStringVariable("hvtree.debug_points",
							   "Points of the program at which backends wait, fail or crash.",
							   "For tests only.",
							   &setting, "", PGC_SUSET, GUC_NOT_IN_SAMPLE,
							   check_setting, assign_setting, NULL);
}

/* The key is that of pg_advisory_lock(hashtext(name)). */
static void
wait_for_lock(const char *name)
{
	int64		key = (int32) hash_bytes((const unsigned char *) name, (int) strlen(name));
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, 1);
	(void) LockAcquire(&tag, ShareLock, false, false);
	LockRelease(&tag, ShareLock, false);
}

/* Like a power cut, but all WAL is on disk and other backends are told. */
static void
crash(void)
{
	/* a record of no effect, since its end is sure to be a place to flush to */
	if (!RecoveryInProgress())
		XLogFlush(XLogRestorePoint("hvtree debug point"));
	kill(MyProcPid, SIGKILL);
	for (;;)
		pg_usleep(1000000L);
}

static void
act(const Point *point)
{
	switch (point->action)
	{
		case POINT_WAIT:
			wait_for_lock(point->name);
			break;
		case POINT_NOTICE:
			ereport(NOTICE, (errmsg("debug point \"%s\"", point->name)));
			break;
		case POINT_ERROR:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory"),
					 errdetail("Debug point \"%s\".", point->name)));
			break;
		case POINT_CRASH:
			crash();
			break;
	}
}

void
HvDebugReach(const char *name)
{
	/* a lightweight lock holds off interrupts */
	Assert(InterruptHoldoffCount == 0);
	Assert(npoints > 0 && npoints <= MOST_POINTS);
	for (int i = 0; i < npoints; i++)
	{
		if (strcmp(points[i].name, name) != 0)
			continue;
		points[i].passes++;
		if (points[i].at_pass == 0 || points[i].at_pass == points[i].passes)
			act(&points[i]);
	}
}

#endif							/* HV_DEBUG_POINTS */
