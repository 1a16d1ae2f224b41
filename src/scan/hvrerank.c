/*-------------------------------------------------------------------------
 *
 * hvrerank.c
 *	  Candidates to exact distances.
 *
 * NOTES
 *	  A window of candidates is visited in block order: rows of one page then
 *	  share a pin, and once a read has missed the cache, the next blocks are
 *	  prefetched.  Vectors in the TOAST table follow in a second pass, in the
 *	  order of their numbers, which is mostly that of their blocks.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvrerank.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/instrument.h"
#include "miscadmin.h"

#include "scan/hvrerank.h"
#include "storage/hvstore.h"

/* blocks prefetched: the queue depth at which flash storage levels off */
#define PREFETCH_ROWS	32

/* a row whose vector is stored in the TOAST table */
typedef struct Outside
{
	struct varatt_external pointer;
	int			row;			/* in the window's rows */
} Outside;

/* Puts candidates in the order of their rows; a window is small. */
static void
sort_by_row(HvCandidate *candidates, int n)
{
	for (int i = 0; i < n; i++)
		candidates[i].key = 0;	/* ties are broken by id */
	HvSortKeyed(candidates, n);
}

/* a window being reranked */
typedef struct Window
{
	HvHeap	   *heap;
	const HvVectorView *query;
	HvMetric	metric;
	HvRow	   *rows;
	int			nrows;
	Outside    *outside;		/* vectors still to be read */
	int			noutside;
	int64		misses;			/* pages that were not in the cache, before it */
} Window;

/* Has anything had to be read? */
static bool
cache_has_missed(const Window *window)
{
	return pgBufferUsage.shared_blks_read != window->misses;
}

static void
measure(const Window *window, HvRow *row, HvVectorView *view)
{
	HvTypeCheckDim(view, window->query->dim);
	row->distance = HvMetricDistance(window->metric, window->query->values, view->values,
									 window->query->dim);
	HvTypeClose(view);
}

/*
 * The rows, and the distances of vectors that are stored in them.  A row is
 * measured when the next one has been fetched: its bytes come from memory
 * meanwhile.
 */
static void
look_at_rows(Window *window, const HvCandidate *candidates, int n)
{
	HvVectorView views[2];
	HvRow	   *waiting = NULL;
	HvVectorView *waiting_view = NULL;
	int			ahead = 0;

	for (int i = 0; i < n; i++)
	{
		HvVectorView *view = &views[i & 1];
		Outside    *outside = &window->outside[window->noutside];
		HvHeapPlace place;

		CHECK_FOR_INTERRUPTS();
		if (cache_has_missed(window))
		{
			for (ahead = Max(ahead, i + 1); ahead < n && ahead <= i + PREFETCH_ROWS; ahead++)
				HvHeapPrefetch(window->heap, candidates[ahead].id);
		}
		for (int steps = 1; steps <= 2 && i + steps < n; steps++)
			HvHeapExpect(window->heap, candidates[i + steps].id, steps);
		place = HvHeapLook(window->heap, candidates[i].id, view, &outside->pointer);
		if (waiting)
			measure(window, waiting, waiting_view);
		waiting = NULL;
		if (place == HV_HEAP_NOWHERE)
			continue;

		window->rows[window->nrows].id = candidates[i].id;
		window->rows[window->nrows].value = InvalidOid;
		if (place == HV_HEAP_OUTSIDE)
		{
			window->rows[window->nrows].value = outside->pointer.va_valueid;
			outside->row = window->nrows;
			window->noutside++;
		}
		else
		{
			waiting = &window->rows[window->nrows];
			waiting_view = view;
		}
		window->nrows++;
	}
	if (waiting)
		measure(window, waiting, waiting_view);
}

/* qsort callback */
static int
compare_outside(const void *a, const void *b)
{
	Oid			va = ((const Outside *) a)->pointer.va_valueid;
	Oid			vb = ((const Outside *) b)->pointer.va_valueid;

	return va < vb ? -1 : (va > vb ? 1 : 0);
}

/*
 * The distances of vectors outside, in the order in which most of them were
 * written.
 */
static void
load_vectors(Window *window)
{
	int			ahead = 0;

	qsort(window->outside, window->noutside, sizeof(Outside), compare_outside);
	if (window->noutside > 0)
		HvHeapExpectOutside(window->heap, &window->outside[0].pointer);
	for (int i = 0; i < window->noutside; i++)
	{
		HvVectorView view;

		CHECK_FOR_INTERRUPTS();
		if (cache_has_missed(window))
		{
			for (ahead = Max(ahead, i); ahead < window->noutside && ahead <= i + PREFETCH_ROWS;
				 ahead++)
				HvHeapPrefetchOutside(window->heap, &window->outside[ahead].pointer);
		}
		HvHeapExpectOutside(window->heap, i + 1 < window->noutside ?
							&window->outside[i + 1].pointer : NULL);
		HvHeapLoad(window->heap, &window->outside[i].pointer, &view);
		measure(window, &window->rows[window->outside[i].row], &view);
	}
}

int
HvRerankWindow(HvHeap *heap, const HvVectorView *query, HvCandidate *candidates, int n,
			   HvRow *rows)
{
	Window		window = {
		.heap = heap, .query = query, .metric = HvHeapType(heap)->metric, .rows = rows
	};

	Assert(n > 0 && HvStoreNoPageIsLocked());
	window.misses = pgBufferUsage.shared_blks_read;
	window.outside = HvHeapAlloc(heap, n * sizeof(Outside));
	sort_by_row(candidates, n);
	look_at_rows(&window, candidates, n);
	load_vectors(&window);
	HvHeapRelease(heap);
	Assert(window.nrows <= n && window.noutside <= window.nrows);
	return window.nrows;
}
