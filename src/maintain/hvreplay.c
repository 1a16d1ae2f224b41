/*-------------------------------------------------------------------------
 *
 * hvreplay.c
 *	  What scans would have found, from traces of wider searches.
 *
 * NOTES
 *	  A scan fetches the rows of its leaves in the order of their lower bounds,
 *	  a window at a time, until no bound is below the distance of the last row
 *	  that it is asked for (hvscan.c).  A trace knows of each row the leaf, the
 *	  bound and the distance, so that the same can be done without reading
 *	  anything.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvreplay.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "maintain/hvreplay.h"

/* as in hvscan.c */
#define MIN_WINDOW		16
#define WINDOW_SHARE	4

void
HvReplayInit(HvReplay *replay, const HvTrace *trace)
{
	replay->trace = trace;
	replay->order = palloc(trace->nrows * sizeof(HvKeyed));
	replay->fetched = palloc(trace->nrows * sizeof(bool));
}

void
HvReplaySetMargin(HvReplay *replay, float margin)
{
	const HvTrace *trace = replay->trace;

	for (int i = 0; i < trace->nrows; i++)
	{
		replay->order[i].key = trace->rows[i].estimate - margin * trace->rows[i].error;
		replay->order[i].extra = i;
		replay->order[i].id = i;
	}
	HvSortKeyed(replay->order, trace->nrows);
}

/*
 * Rows are numbered in the order of their distances, so the last of the
 * nearest "rows" that were fetched is a number too, which only falls.
 */
HvReplayResult
HvReplayScan(HvReplay *replay, int rows, int leaves)
{
	const HvTrace *trace = replay->trace;
	int			wanted = Min(rows, trace->nrows);
	int			window = Max(MIN_WINDOW, wanted / WINDOW_SHARE);
	int			last = -1;		/* of the nearest that were fetched; -1 = fewer */
	int			fetched = 0;
	int			found = 0;
	HvReplayResult result = {.near = INFINITY};

	Assert(rows > 0 && leaves > 0 && trace->nrows > 0);
	memset(replay->fetched, 0, trace->nrows * sizeof(bool));
	for (int i = 0; i < trace->nrows; i++)
	{
		int			row = replay->order[i].extra;

		if (trace->rows[row].leaf > leaves)
			continue;
		if (last >= 0 && fetched % window == 0 &&
			replay->order[i].key >= trace->rows[last].square)
			break;
		replay->fetched[row] = true;
		fetched++;
		found += row < wanted;
		if (fetched == wanted)
		{
			for (last = trace->nrows - 1; !replay->fetched[last];)
				last--;
		}
		else if (last >= 0 && row < last)
		{
			do
				last--;
			while (!replay->fetched[last]);
		}
	}
	result.recall = (double) found / wanted;
	result.fetches = fetched;
	if (last >= 0)
		result.near = trace->rows[last].square;
	return result;
}
