/*-------------------------------------------------------------------------
 *
 * hvinstrument.c
 *	  What a scan took: time by stage, buffers by kind, and the sum of it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvinstrument.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scan/hvinstrument.h"
#include "scan/hvstat.h"

static HvScanStats last_scan;

const HvScanStats *
HvLastScan(void)
{
	return &last_scan;
}

void
HvInstrumentBegin(HvInstrument *instrument, HvBuffers toast)
{
	memset(instrument, 0, sizeof(HvInstrument));
	instrument->toast_before = toast;
}

/*
 * Later calls are timed by their stages alone: the rest of them is to take a
 * row that is measured already, and reading the clock would cost more than
 * that.
 */
void
HvInstrumentFirstCall(HvInstrument *instrument, instr_time start)
{
	instr_time *rest = &instrument->times[HV_STAGE_REST];

	INSTR_TIME_SET_CURRENT(*rest);
	INSTR_TIME_SUBTRACT(*rest, start);
	for (int stage = 0; stage < HV_STAGE_REST; stage++)
		INSTR_TIME_SUBTRACT(*rest, instrument->times[stage]);
}

void
HvInstrumentEnd(const HvInstrument *instrument, HvBuffers toast, HvScanStats *stats)
{
	double		us[HV_NSTAGES];

	stats->scan_us = 0;
	for (int stage = 0; stage < HV_NSTAGES; stage++)
	{
		us[stage] = INSTR_TIME_GET_DOUBLE(instrument->times[stage]) * 1e6;
		stats->scan_us += us[stage];
	}
	stats->prepare_us = us[HV_STAGE_PREPARE];
	stats->tree_us = us[HV_STAGE_TREE];
	stats->leaves_us = us[HV_STAGE_LEAVES];
	stats->rerank_us = us[HV_STAGE_RERANK];
	stats->index_buffers = HvBuffersMinus(instrument->buffers, instrument->rerank_buffers);
	stats->toast_buffers = HvBuffersMinus(toast, instrument->toast_before);
	stats->heap_buffers = HvBuffersMinus(instrument->rerank_buffers, stats->toast_buffers);
	last_scan = *stats;
	HvStatAddScan(&last_scan);
}
