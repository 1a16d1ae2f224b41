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
#include "tree/hvsizing.h"

/* traces in the order in which a margin lets their rows be fetched */
typedef struct HvReplay
{
	const HvTrace *traces;
	int			ntraces;
	float		margin;
	HvKeyed   **orders; 		/* of each trace: key = lower bound */
	HvKeyed    *waiting;		/* of one trace */
	uint64	   *in_hand;		/* a bit for each row of it */
	float	  **arrivals;		/* of each trace: HvReplayArrival */
	double		leaves[HV_TRACE_NEIGHBORS]; /* wanted before each row */
	double		stop[HV_CURVE_RANKS];
	double		least;
} HvReplay;

/* means of all traces, for the first HvCurveRank(i) rows */
typedef struct HvReplayResult
{
	double		recall[HV_CURVE_RANKS];
	double		fetches[HV_CURVE_RANKS];
	double		leaves[HV_CURVE_RANKS]; /* read */
} HvReplayResult;

/* Makes room for traces, in the current memory context. */
extern void HvReplayInit(HvReplay *replay, const HvTrace *traces, int ntraces);

extern void HvReplaySetMargin(HvReplay *replay, float margin);

/* The sizes of the scans that are replayed. */
extern void HvReplaySetSizing(HvReplay *replay, const HvSizing *sizing);

/* Replays the scan of one trace, and adds to result. */
extern void HvReplayScan(HvReplay *replay, int trace, int last, HvReplayResult *result);

/* Leaves after which a scan of ten rows of a trace stops, if "stop" is as told. */
extern int	HvReplayArrival(const HvReplay *replay, int trace, double stop);

/*
 * Replays scans of these sizes up to the row of a rank, HvCurveRank(last), on all traces
 * that were made to find so many neighbors.
 */
extern void HvReplayRun(HvReplay *replay, const HvSizing *sizing, int last,
						HvReplayResult *result);

#endif							/* HVREPLAY_H */
