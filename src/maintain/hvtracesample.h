/*-------------------------------------------------------------------------
 *
 * hvtracesample.h
 *	  The queries that an index measures itself with, traced.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvtracesample.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVTRACESAMPLE_H
#define HVTRACESAMPLE_H

#include "maintain/hvprogress.h"
#include "maintain/hvtrace.h"

#define HV_MOST_TRACES	512

/* leaves of a trace at most */
#define HV_TRACE_WIDTH	1024

typedef struct HvTraceSample
{
	HvTrace		traces[HV_MOST_TRACES]; /* those with many neighbors first */
	int			count;
	int			counts[HV_CURVE_RANKS]; /* of them, that found the neighbors of a rank */
	int			widths[HV_CURVE_RANKS]; /* leaves that all of those have looked at */
} HvTraceSample;

/* vectors of the index's dimensions that stand for the queries to come */
typedef struct HvGivenQueries
{
	int			count;
	const float **vectors;
} HvGivenQueries;

/*
 * Traces given queries, or where that is NULL rows of the index, chosen by its seed,
 * fewer of a small table.  Where none can be traced the set is empty.  Memory from the
 * current context.  The progress may be NULL.
 */
extern void HvTraceSampleMake(HvTraceSample *set, HvIndex *index, HvHeap *heap,
							  const HvGivenQueries *given, HvProgress *progress);

/*
 * How many leaves hold that share of a few neighbors of so many rows, chosen by the seed
 * of the index and its size.  0 where too few rows could be traced to tell.
 */
extern int	HvTraceSampleReach(HvIndex *index, HvHeap *heap, int queries, int neighbors,
							   double share);

#endif							/* HVTRACESAMPLE_H */
