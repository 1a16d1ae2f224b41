/*-------------------------------------------------------------------------
 *
 * hvlimit.h
 *	  How many rows of a scan the plan above it will take.
 *
 * NOTES
 *	  The executor does not tell an index scan its LIMIT.  But a scan that knows it
 *	  can give rows in exact order without reading more than it must: a caller
 *	  that takes all rows gets the first one when all have been read, one that
 *	  takes k rows gets the first one when k have been found.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvlimit.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVLIMIT_H
#define HVLIMIT_H

#include "access/genam.h"
#include "nodes/execnodes.h"

/* what is known of the rows that a scan, or any node of a plan, will be asked for */
typedef struct HvLimit
{
	bool		all;			/* the last one will be asked for */
	double		rows;			/* else at least so many; 0 = not known */
	IndexScanState *node;		/* of the scan; NULL = not found */
} HvLimit;

/* Begins to watch which queries run; once, from _PG_init. */
extern void HvLimitInit(void);

/* What the query that runs this scan wants of it, as things are now. */
extern HvLimit HvLimitOfScan(IndexScanDesc scan);

/*
 * The same for a parallel scan that the leader is about to share with its workers: the
 * scan has no descriptor yet.
 */
extern HvLimit HvLimitOfParallelScan(void);

#endif							/* HVLIMIT_H */
