/*-------------------------------------------------------------------------
 *
 * hvprogress.h
 *	  How far a build is, for pg_stat_progress_create_index.
 *
 * NOTES
 *	  Each phase counts tuples, blocks or both, from 0 to a total that the leader
 *	  sets.  All participants add to the counts; the leader publishes them,
 *	  whenever it adds to them itself and while it waits for others.
 *
 *	  VACUUM calibrates too, but shows nothing of it: its progress is NULL then.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvprogress.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVPROGRESS_H
#define HVPROGRESS_H

#include "port/atomics.h"

/* 1 is PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE */
typedef enum HvPhase
{
	HV_PHASE_SURVEY = 2,
	HV_PHASE_SAMPLE,
	HV_PHASE_SPILL,
	HV_PHASE_CLUSTER,
	HV_PHASE_REFINE,
	HV_PHASE_ASSIGN,
	HV_PHASE_SORT,
	HV_PHASE_WRITE,
	HV_PHASE_LOG,
	HV_PHASE_TRACE,
	HV_PHASE_CALIBRATE
} HvPhase;

typedef enum HvProgressUnit
{
	HV_PROGRESS_TUPLES,
	HV_PROGRESS_BLOCKS,
	HV_PROGRESS_UNITS
} HvProgressUnit;

/* one for all participants of a build */
typedef struct HvProgress
{
	pg_atomic_uint64 done[HV_PROGRESS_UNITS];

	/* the leader's */
	int64		total[HV_PROGRESS_UNITS];	/* expected, 0 = this phase counts none */
} HvProgress;

extern void HvProgressInit(HvProgress *progress);

/*
 * A phase begins.  What its totals leave out is not published: blocks of a
 * table scan are, by the core.  Leader only.
 */
extern void HvProgressBegin(HvProgress *progress, HvPhase phase, int64 tuples, int64 blocks);

/*
 * So many more are expected in this phase than was known at its start.  Leader
 * only.
 */
extern void HvProgressExpect(HvProgress *progress, HvProgressUnit unit, int64 more);

/* Adds to what is done; any participant. */
extern void HvProgressCount(HvProgress *progress, HvProgressUnit unit, int64 done);

/* Publishes what all have done.  Leader only. */
extern void HvProgressPublish(HvProgress *progress);

/* ambuildphasename */
extern char *hvbuildphasename(int64 phase);

#endif							/* HVPROGRESS_H */
