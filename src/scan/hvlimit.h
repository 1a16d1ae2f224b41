/*-------------------------------------------------------------------------
 *
 * hvlimit.h
 *	  Whether whoever runs a scan can stop it before its end.
 *
 * NOTES
 *	  The executor does not tell an index scan its LIMIT, and most scans need
 *	  not know: they go on as long as they are asked.  But one who is going to
 *	  take every row gets all of them in exact order only if no row goes
 *	  out before all have been seen, and reading everything first is then no
 *	  waste.  So this is a question of yes or no, and "don't know" means no.
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

/* Begins to watch which queries run; once, from _PG_init. */
extern void HvLimitInit(void);

/*
 * How many rows the query that runs this scan asks for, where a LIMIT or the caller of
 * the executor says so and nothing between it and the scan takes more or fewer rows than
 * it gives; a filter may make the scan go further.  0 = unknown.
 */
extern double HvLimitRows(IndexScanDesc scan);

/* Will the query that runs this scan take all its rows? */
extern bool HvLimitWantsAll(IndexScanDesc scan);

/*
 * Will the innermost query take all rows of every scan that it has?  For scans whose
 * node is not known yet, or runs in another process.
 */
extern bool HvLimitNobodyStops(void);

#endif							/* HVLIMIT_H */
