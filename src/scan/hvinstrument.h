/*-------------------------------------------------------------------------
 *
 * hvinstrument.h
 *	  What a scan took: time by stage, buffers by kind, and the sum of it.
 *
 * NOTES
 *	  A scan counts in its own memory while it runs.  At a rescan or its end,
 *	  the counts are kept for hvtree_last_scan and added to the statistics that
 *	  all sessions share (hvstat.h).
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvinstrument.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVINSTRUMENT_H
#define HVINSTRUMENT_H

#include "postgres.h"

#include "portability/instr_time.h"

#include "page/hvpage.h"
#include "storage/hvbuffers.h"

/* times in microseconds; counts since the last rescan */
typedef struct HvScanStats
{
	Oid			index;			/* InvalidOid before the first scan */
	int			height;
	int64		pages[HV_MAX_LEVEL + 1];	/* by level, 0 = leaves */
	int64		tuples[HV_MAX_LEVEL + 1];
	int64		codes_scored;
	int64		candidates;		/* that got the finer estimate */
	int64		heap_fetches;
	int64		rows_emitted;
	HvBuffers	index_buffers;	/* touched by the access method */
	HvBuffers	heap_buffers;
	HvBuffers	toast_buffers;
	double		scan_us;		/* first call, and the work of the later ones */
	double		prepare_us;
	double		tree_us;
	double		leaves_us;
	double		rerank_us;
} HvScanStats;

typedef enum HvStage
{
	HV_STAGE_PREPARE,
	HV_STAGE_TREE,
	HV_STAGE_LEAVES,
	HV_STAGE_RERANK,
	HV_STAGE_REST,				/* of the first call, what no other stage took */
	HV_NSTAGES
} HvStage;

typedef struct HvInstrument
{
	instr_time	times[HV_NSTAGES];
	HvBuffers	buffers;		/* touched for this query vector */
	HvBuffers	rerank_buffers; /* of them, in the table and its TOAST */
	HvBuffers	toast_before;	/* of the reader of rows, when the query began */
} HvInstrument;

/*
 * Begins to count for a new query vector; toast is what the reader has touched
 * so far.
 */
extern void HvInstrumentBegin(HvInstrument *instrument, HvBuffers toast);

/* Adds the time since start to a stage. */
static inline void
HvInstrumentAdd(HvInstrument *instrument, HvStage stage, instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_ACCUM_DIFF(instrument->times[stage], now, start);
}

/*
 * The first call, begun at start, has ended: time outside all stages is the
 * rest.
 */
extern void HvInstrumentFirstCall(HvInstrument *instrument, instr_time start);

/*
 * The work on a query vector has ended: stats, whose counts the caller has
 * filled, gets times and buffers, is kept for HvLastScan and added to the
 * statistics of all sessions.
 */
extern void HvInstrumentEnd(const HvInstrument *instrument, HvBuffers toast,
							HvScanStats *stats);

/* What the last scan of this session did. */
extern const HvScanStats *HvLastScan(void);

#endif							/* HVINSTRUMENT_H */
