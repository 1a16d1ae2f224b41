/*-------------------------------------------------------------------------
 *
 * hvlimit.c
 *	  Whether whoever runs a scan can stop it before its end.
 *
 * NOTES
 *	  A hook around ExecutorRun remembers the queries that are running, inner
 *	  ones on top; nothing of them is changed.  A scan looks for its node in the
 *	  plan of the innermost one.  It will be read to its end if no LIMIT
 *	  stands above it and the caller did not ask for a number of rows (as a
 *	  cursor does).  Only the ways down that a plan with one such scan
 *	  really has are followed; a scan that is not found is not read to its end.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvlimit.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"

#include "page/hvcompat.h"
#include "scan/hvlimit.h"

typedef struct RunningQuery
{
	QueryDesc  *query;
	uint64		count;			/* rows asked for, 0 = all */
	struct RunningQuery *outer;
} RunningQuery;

static RunningQuery *innermost = NULL;
static ExecutorRun_hook_type next_run_hook = NULL;

/* Keeps the list of running queries, whatever way the inner one ends. */
static void
run_hook(HV_EXECUTOR_RUN_PARAMS)
{
	RunningQuery here = {queryDesc, count, innermost};

	innermost = &here;
	PG_TRY();
	{
		if (next_run_hook)
			next_run_hook(HV_EXECUTOR_RUN_ARGS);
		else
			standard_ExecutorRun(HV_EXECUTOR_RUN_ARGS);
	}
	PG_FINALLY();
	{
		innermost = here.outer;
	}
	PG_END_TRY();
}

void
HvLimitInit(void)
{
	next_run_hook = ExecutorRun_hook;
	ExecutorRun_hook = run_hook;
}

typedef struct Search
{
	IndexScanDesc scan;
	bool		limited;		/* a LIMIT stands above the node at hand */
	bool		found;
	bool		all;
} Search;

/* planstate_tree_walker callback: true ends the walk. */
static bool
find_scan(PlanState *node, Search *search)
{
	bool		limited_above = search->limited;
	bool		stop;

	if (node == NULL)
		return false;
	if (IsA(node, IndexScanState) &&
		((IndexScanState *) node)->iss_ScanDesc == search->scan)
	{
		search->found = true;
		search->all = !search->limited;
		return true;
	}

	/* semi-joins and the like stop early too: they are nested loops */
	if (IsA(node, LimitState) || IsA(node, NestLoopState))
		search->limited = true;
	stop = planstate_tree_walker(node, find_scan, search);
	search->limited = limited_above;
	return stop;
}

bool
HvLimitWantsAll(IndexScanDesc scan)
{
	Search		search = {scan, false, false, false};

	if (innermost == NULL || innermost->count != 0 || innermost->query->planstate == NULL)
		return false;
	(void) find_scan(innermost->query->planstate, &search);
	return search.found && search.all;
}

/* planstate_tree_walker callback: does a node end those below it early? */
static bool
stops_early(PlanState *node, void *unused)
{
	return IsA(node, LimitState) || IsA(node, NestLoopState) ||
		planstate_tree_walker(node, stops_early, unused);
}

bool
HvLimitNobodyStops(void)
{
	return innermost != NULL && innermost->count == 0 &&
		innermost->query->planstate != NULL &&
		!stops_early(innermost->query->planstate, NULL);
}

/* Rows that a LIMIT takes from below it, 0 = all or not known yet. */
static double
rows_of_limit(const LimitState *limit)
{
	if (limit->lstate == LIMIT_INITIAL || limit->noCount)
		return 0;
	return (double) limit->count + limit->offset;
}

typedef struct RowsSearch
{
	IndexScanDesc scan;
	double		rows;			/* asked of the node at hand, 0 = unknown */
	double		found;
} RowsSearch;

/* Does a node ask its child for a row whenever it is asked for one? */
static bool
hands_on_rows(const PlanState *node)
{
	switch (nodeTag(node))
	{
		case T_ResultState:
		case T_ProjectSetState:
		case T_AppendState:
		case T_MergeAppendState:
		case T_GatherState:
		case T_GatherMergeState:
		case T_SubqueryScanState:
		case T_LockRowsState:
		case T_MaterialState:
			return true;
		default:
			return false;
	}
}

/* planstate_tree_walker callback: true ends the walk. */
static bool
find_rows(PlanState *node, RowsSearch *search)
{
	double		rows_above = search->rows;
	bool		stop;

	if (node == NULL)
		return false;
	if (IsA(node, IndexScanState) &&
		((IndexScanState *) node)->iss_ScanDesc == search->scan)
	{
		search->found = search->rows;
		return true;
	}
	if (IsA(node, LimitState))
		search->rows = rows_of_limit((LimitState *) node);
	else if (!hands_on_rows(node))
		search->rows = 0;
	stop = planstate_tree_walker(node, find_rows, search);
	search->rows = rows_above;
	return stop;
}

double
HvLimitRows(IndexScanDesc scan)
{
	RowsSearch	search = {scan, 0, 0};

	if (innermost == NULL || innermost->query->planstate == NULL)
		return 0;
	search.rows = (double) innermost->count;
	(void) find_rows(innermost->query->planstate, &search);
	return search.found;
}
