/*-------------------------------------------------------------------------
 *
 * hvwatch.h
 *	  Waits for a statement and watches the memory of its backend and of the
 *	  parallel workers that help it.
 *
 * NOTES
 *	  Read from /proc, so the server must run on this machine.  What is not to be
 *	  had there stays negative.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvwatch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVWATCH_H
#define HVWATCH_H

#include "hvclient.h"

/* negative: not known */
typedef struct HvBuildFigures
{
	double		seconds;
	double		peak_mb;		/* VmHWM of the backend: shared buffers included */
	double		private_mb;		/* largest sum of RssAnon seen, every 20 ms, of
								 * the backend and its parallel workers */
	double		segments_mb;	/* largest sum seen of the shared memory segments
								 * made for the statement; not shared buffers */
	double		participants;	/* most processes seen at a time */
} HvBuildFigures;

/* nothing known */
extern HvBuildFigures HvBuildUnknown(void);

/*
 * Sends a statement over conn, waits for its end and returns what was seen; other
 * is a second connection, which asks who helps and, for stderr, how far it is.
 */
extern HvBuildFigures HvWatchStatement(PGconn *conn, PGconn *other, const char *sql);

#endif							/* HVWATCH_H */
