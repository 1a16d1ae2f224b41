/*-------------------------------------------------------------------------
 *
 * hvscanstate.h
 *	  What is known of a scan while it runs.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvscanstate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSCANSTATE_H
#define HVSCANSTATE_H

#include "heap/hvdistcache.h"
#include "heap/hvheap.h"
#include "scan/hvbatch.h"
#include "scan/hvbound.h"
#include "scan/hvinstrument.h"
#include "scan/hvparallel.h"
#include "scan/hvreorder.h"
#include "scan/hvsearch.h"

typedef struct HvScan
{
	MemoryContext context;		/* as long as the scan */
	MemoryContext query_context;	/* as long as one query vector */
	const HvTypeInfo *type;
	HvHeap	   *heap;			/* NULL before the first row */
	HvParallel *parallel;		/* NULL unless there are other participants */
	HvBoundConditions *bounding;	/* on the distance, NULL = none */

	/* all below belongs to the current query vector */
	bool		started;
	bool		any_order;		/* distances are all alike or unknown */
	bool		everything_first;	/* read all before the first row is taken */
	bool		cut_short;		/* max_scan_tuples was reached */
	bool		complete;		/* all rows but late ones were returned to the batch */
	bool		ended;			/* all that the bound leaves was found */
	HvBound		bound;			/* on the distance */
	HvVectorView query;
	double		query_norm;
	HvConditions *conditions;	/* on key columns, or NULL */
	HvSearch	search;
	HvReorder	order;			/* measured rows */
	HvBatch		batch;			/* how they are returned */
	double		slack;			/* by how much the bounds have been off, squared */
	double		rows_wanted;	/* by the query, 0 = unknown */
	HvGoal		sizes;			/* of a goal for the rank below */
	double		sized_rank;		/* 0 = none yet */
	double		sized_tuples;	/* tuples_a_row of the sizing then */
	int64		fetched;
	int64		visible;		/* of them, so that they could be measured */
	int64		within;			/* of these, within the bound */
	int64		yield_rows;		/* of these, when leaves last brought many more */
	int			yield_leaves;	/* read by then */
	int64		sent;			/* to the batch: taken, whether or not they passed */
	HvCandidate *window;		/* candidates and rows of one rerank */
	HvRow	   *rows;
	HvCandidate *bounds;		/* the same candidates with their keys */
	int			nbounds;
	int			window_size;
	HvDistCache *dist_cache;	/* of rows sent, made for the first one */
	HvInstrument instrument;
} HvScan;

#endif							/* HVSCANSTATE_H */
