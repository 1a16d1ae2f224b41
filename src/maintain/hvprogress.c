/*-------------------------------------------------------------------------
 *
 * hvprogress.c
 *	  How far a build is, for pg_stat_progress_create_index.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvprogress.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "commands/progress.h"
#include "utils/backend_progress.h"

#include "maintain/hvprogress.h"

static const char *const phase_names[] = {
	[HV_PHASE_SURVEY] = "surveying table",
	[HV_PHASE_SAMPLE] = "sampling table",
	[HV_PHASE_SPILL] = "trying second copies",
	[HV_PHASE_CLUSTER] = "clustering sample",
	[HV_PHASE_REFINE] = "refining clusters",
	[HV_PHASE_ASSIGN] = "assigning rows to leaves",
	[HV_PHASE_SORT] = "sorting rows by leaf",
	[HV_PHASE_WRITE] = "writing pages",
	[HV_PHASE_LOG] = "logging index",
	[HV_PHASE_TRACE] = "tracing queries",
	[HV_PHASE_CALIBRATE] = "calibrating",
};

/* the columns of the view, by HvProgressUnit */
static const int total_columns[] = {
	PROGRESS_CREATEIDX_TUPLES_TOTAL, PROGRESS_SCAN_BLOCKS_TOTAL
};
static const int done_columns[] = {
	PROGRESS_CREATEIDX_TUPLES_DONE, PROGRESS_SCAN_BLOCKS_DONE
};

char *
hvbuildphasename(int64 phase)
{
	if (phase == PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE)
		return "initializing";
	if (phase < HV_PHASE_SURVEY || phase > HV_PHASE_CALIBRATE)
		return NULL;
	return (char *) phase_names[phase];
}

void
HvProgressInit(HvProgress *progress)
{
	for (int unit = 0; unit < HV_PROGRESS_UNITS; unit++)
	{
		pg_atomic_init_u64(&progress->done[unit], 0);
		progress->total[unit] = 0;
	}
}

void
HvProgressBegin(HvProgress *progress, HvPhase phase, int64 tuples, int64 blocks)
{
	const int	columns[] = {
		PROGRESS_CREATEIDX_SUBPHASE,
		PROGRESS_CREATEIDX_TUPLES_TOTAL,
		PROGRESS_CREATEIDX_TUPLES_DONE,
		PROGRESS_SCAN_BLOCKS_TOTAL,
		PROGRESS_SCAN_BLOCKS_DONE
	};
	const int64 values[] = {phase, tuples, 0, blocks, 0};

	if (progress == NULL)
		return;
	progress->total[HV_PROGRESS_TUPLES] = tuples;
	progress->total[HV_PROGRESS_BLOCKS] = blocks;
	for (int unit = 0; unit < HV_PROGRESS_UNITS; unit++)
		pg_atomic_write_u64(&progress->done[unit], 0);
	pgstat_progress_update_multi_param(lengthof(columns), columns, values);
	elog(DEBUG1, "hvtree build: %s", phase_names[phase]);
}

void
HvProgressExpect(HvProgress *progress, HvProgressUnit unit, int64 more)
{
	progress->total[unit] += more;
	HvProgressPublish(progress);
}

void
HvProgressCount(HvProgress *progress, HvProgressUnit unit, int64 done)
{
	if (progress == NULL)
		return;
	(void) pg_atomic_fetch_add_u64(&progress->done[unit], done);
	if (!IsParallelWorker())
		HvProgressPublish(progress);
}

/* Totals may be estimates: what exceeds one takes its place. */
void
HvProgressPublish(HvProgress *progress)
{
	for (int unit = 0; unit < HV_PROGRESS_UNITS; unit++)
	{
		const int	columns[] = {total_columns[unit], done_columns[unit]};
		int64		values[2];

		if (progress->total[unit] == 0)
			continue;
		values[1] = (int64) pg_atomic_read_u64(&progress->done[unit]);
		progress->total[unit] = values[0] = Max(progress->total[unit], values[1]);
		pgstat_progress_update_multi_param(lengthof(columns), columns, values);
	}
}
