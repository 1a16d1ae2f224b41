/*-------------------------------------------------------------------------
 *
 * hvrerank.c
 *	  Candidates to exact distances.
 *
 * NOTES
 *	  A window of candidates is visited in block order: rows of one page then
 *	  share a pin, and once a read has missed the cache, the blocks to come
 *	  are asked for ahead.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvrerank.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/instrument.h"
#include "miscadmin.h"

#include "hvrerank.h"

/* blocks asked for ahead: the queue depth at which flash storage levels off */
#define PREFETCH_ROWS	32

/* Puts candidates in the order of their rows; a window is small. */
static void
sort_by_row(HvCandidate *candidates, int n)
{
	for (int i = 0; i < n; i++)
		candidates[i].key = 0;	/* ties are broken by id */
	HvSortKeyed(candidates, n);
}

int
HvRerankWindow(HvHeap *heap, const HvVectorView *query, HvCandidate *candidates, int n,
			   HvRow *rows)
{
	HvMetric	metric = HvHeapType(heap)->metric;
	int64		misses = pgBufferUsage.shared_blks_read;
	int			nrows = 0;
	int			ahead = 0;

	sort_by_row(candidates, n);
	for (int i = 0; i < n; i++)
	{
		HvVectorView view;

		CHECK_FOR_INTERRUPTS();
		if (pgBufferUsage.shared_blks_read != misses)
		{
			for (ahead = Max(ahead, i + 1); ahead < n && ahead <= i + PREFETCH_ROWS; ahead++)
				HvHeapPrefetch(heap, candidates[ahead].id);
		}
		if (!HvHeapGet(heap, candidates[i].id, &view))
			continue;
		HvTypeCheckDim(&view, query->dim);
		rows[nrows].id = candidates[i].id;
		rows[nrows].distance = HvMetricDistance(metric, query->values, view.values,
												query->dim);
		rows[nrows].value = HvHeapValue(heap);
		nrows++;
		HvTypeClose(&view);
	}
	HvHeapRelease(heap);
	return nrows;
}
