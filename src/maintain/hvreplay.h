/*-------------------------------------------------------------------------
 *
 * hvreplay.h
 *	  What scans would have found, from traces of wider searches.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvreplay.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVREPLAY_H
#define HVREPLAY_H

#include "arithmetic/hvselect.h"
#include "maintain/hvtrace.h"

/* a trace in the order in which its rows are fetched with a margin */
typedef struct HvReplay
{
	const HvTrace *trace;
	HvKeyed    *order;			/* key = lower bound, extra = which row of the trace */
	bool	   *fetched;		/* of each row, in the current scan */
} HvReplay;

/* one scan for so many rows that has read so many leaves */
typedef struct HvReplayResult
{
	double		recall;
	double		fetches;
	double		near;			/* squared distance of the last of the rows, INFINITY = none */
} HvReplayResult;

/* Makes room for a trace, in the current memory context. */
extern void HvReplayInit(HvReplay *replay, const HvTrace *trace);

/* Sets the standard errors that bounds are below the estimates. */
extern void HvReplaySetMargin(HvReplay *replay, float margin);

/*
 * What a scan for rows (as many as the trace was made to find, or fewer) has
 * in its leaves.
 */
extern HvReplayResult HvReplayScan(HvReplay *replay, int rows, int leaves);

#endif							/* HVREPLAY_H */
