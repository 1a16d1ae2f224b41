/*-------------------------------------------------------------------------
 *
 * hvbatch.h
 *	  Which rows of a scan are found before one is returned.
 *
 * NOTES
 *	  The executor drops rows by the other conditions of WHERE when a scan has
 *	  returned them, and does not tell the scan.  Here the conditions are
 *	  evaluated before.  So a scan knows how many of the rows that are wanted
 *	  it has, and which of those that it took the executor has got.
 *
 *	  Rows are returned in batches, each in exact order.  The first is of as
 *	  many rows as the plan is known to want (hvlimit.h): either it gets them,
 *	  or every row of the index has been measured.  Later ones add a quarter to
 *	  what was returned.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvbatch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVBATCH_H
#define HVBATCH_H

#include "access/genam.h"

#include "scan/hvbound.h"
#include "scan/hvlimit.h"
#include "scan/hvparallel.h"
#include "scan/hvreorder.h"

typedef struct HvBatch
{
	IndexScanDesc scan;
	HvParallel *parallel;		/* NULL unless there are other participants */
	HvReorder  *order;
	HvLimit		limit;			/* as of the last batch */
	int64		returned;
	int64		kept;			/* rows that passed, returned or not */
	IndexScanState *node;		/* the scan's plan node, or NULL */
	ExprState  *recheck;		/* conditions on key columns that the index leaves open, */
	ExprState  *filter;			/* and the others: NULL = none that this evaluates */
	double		filter_cost;	/* of the filter, in what the executor takes for a row */
	ExprState  *rest;			/* those of the filter that do not bound the distance */
	double		certain;		/* for rows up to here the rest decides */
	bool		bounded;		/* the search ends by itself: all is not every row */
} HvBatch;

/* Looks at the plan above a scan for a new query vector. */
extern void HvBatchInit(HvBatch *batch, IndexScanDesc scan, HvParallel *parallel,
						HvReorder *order);

/* Rows must be rechecked: the conditions on key columns are lossy. */
extern void HvBatchSetLossy(HvBatch *batch);

/* Says which bound was found on the distance, of which conditions. */
extern void HvBatchSetBound(HvBatch *batch, const HvBoundConditions *conditions,
							const HvBound *bound);

/*
 * Does a row at this distance satisfy the conditions that are evaluated here?
 * Calls functions of the user's, so no page may be locked.
 */
extern bool HvBatchPasses(const HvBatch *batch, const HvRow *row);

/* Takes the next row from the search, nearest first; false if there is none. */
typedef bool (*HvBatchTake) (void *search, HvRow *row);

/*
 * Returns the next row, false if there is none.  Fills a batch first if none is
 * left.  That calls functions of the user's, so no page may be locked.
 */
extern bool HvBatchNext(HvBatch *batch, HvBatchTake take, void *search, HvRow *row);

#endif							/* HVBATCH_H */
