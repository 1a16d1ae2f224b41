/*-------------------------------------------------------------------------
 *
 * hvlimit.c
 *	  How many rows of a scan the plan above it will take.
 *
 * NOTES
 *	  Hooks around ExecutorRun and ExecutorFinish remember the queries that are
 *	  running, inner ones on top; nothing of them is changed.  A scan looks for
 *	  its node in the plan of the innermost one, and finds on the way down what
 *	  each node wants of the next (hvwanted.h).  If a scan is reached in several
 *	  ways, through a CTE that is read twice, the largest number counts; for one
 *	  that is not found the number is unknown.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvlimit.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/amapi.h"
#include "access/parallel.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "page/hvcompat.h"
#include "scan/hvlimit.h"
#include "scan/hvscan.h"
#include "scan/hvwanted.h"

/*
 * Nodes looked at before a search gives up.  CTEs that read each other twice
 * make a small plan a large tree.
 */
#define MOST_NODES	100000

typedef struct RunningQuery
{
	QueryDesc  *query;
	uint64		count;			/* rows asked for, 0 = all */
	struct RunningQuery *outer;
} RunningQuery;

static RunningQuery *innermost = NULL;
static ExecutorRun_hook_type next_run_hook = NULL;
static ExecutorFinish_hook_type next_finish_hook = NULL;

/* Keeps the list of running queries, also when the inner one fails. */
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

/*
 * The same at the end of a query: what WITH has changed is read to its end
 * there.
 */
static void
finish_hook(QueryDesc *queryDesc)
{
	RunningQuery here = {queryDesc, 0, innermost};

	innermost = &here;
	PG_TRY();
	{
		if (next_finish_hook)
			next_finish_hook(queryDesc);
		else
			standard_ExecutorFinish(queryDesc);
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
	next_finish_hook = ExecutorFinish_hook;
	ExecutorFinish_hook = finish_hook;
}

typedef struct Search
{
	IndexScanDesc scan;			/* NULL = parallel scans without a descriptor */
	HvWanted		wanted;			/* of the current node */
	HvLimit		found;
	int			nodes;			/* looked at */
} Search;

static bool visit(PlanState *node, Search *search);

static bool
visit_wanting(PlanState *node, HvWanted wanted, Search *search)
{
	HvWanted		above = search->wanted;
	bool		stop;

	search->wanted = wanted;
	stop = node != NULL && visit(node, search);
	search->wanted = above;
	return stop;
}

static bool
visit_join(JoinState *join, Search *search)
{
	HvWanted	outer = search->wanted;
	HvWanted	inner = HvWantedEverything;

	if (join->jointype != JOIN_LEFT || join->ps.qual != NULL)
		outer = HvWantedWithLoss(outer, join->ps.plan, outerPlan(join->ps.plan));
	if (IsA(join, MergeJoinState))
		outer = HvWantedEverything;
	else if (IsA(join, NestLoopState))
		inner = HvWantedInside((NestLoopState *) join, search->wanted);
	return visit_wanting(outerPlanState(join), outer, search) ||
		visit_wanting(innerPlanState(join), inner, search);
}

/* The plans of initplans and subplans of a node. */
static bool
visit_subplans(List *subplans, Search *search)
{
	ListCell   *lc;

	foreach(lc, subplans)
	{
		SubPlanState *subplan = lfirst(lc);

		/* what is wanted of a CTE its readers say, unless it changes a table */
		if (subplan->subplan->subLinkType == CTE_SUBLINK &&
			!IsA(subplan->planstate, ModifyTableState))
			continue;
		if (visit_wanting(subplan->planstate, HvWantedOfSubplan(subplan->subplan), search))
			return true;
	}
	return false;
}

/* Is this the node of the scan? */
static bool
is_wanted_scan(const IndexScanState *node, const Search *search)
{
	if (search->scan != NULL)
		return node->iss_ScanDesc == search->scan;
	return node->ss.ps.plan->parallel_aware && node->iss_ScanDesc == NULL &&
		node->iss_RelationDesc->rd_indam->amgettuple == hvgettuple;
}

/* Notes what is wanted on one more way to the scan. */
static void
note_scan(IndexScanState *node, Search *search)
{
	HvLimit    *found = &search->found;
	bool		first = found->node == NULL;

	found->node = node;
	found->all |= search->wanted.all;
	found->rows = !first && (found->rows == 0 || search->wanted.rows == 0) ?
		0 : Max(found->rows, search->wanted.rows);
}

/*
 * The rows that a node locks or changes may be looked at again, by a plan of
 * their own.
 */
static PlanState *
recheck_plan(PlanState *node)
{
	if (IsA(node, LockRowsState))
		return ((LockRowsState *) node)->lr_epqstate.recheckplanstate;
	if (IsA(node, ModifyTableState))
		return ((ModifyTableState *) node)->mt_epqstate.recheckplanstate;
	return NULL;
}

static bool
visit_list(PlanState **nodes, int n, Search *search)
{
	for (int i = 0; i < n; i++)
	{
		if (visit_wanting(nodes[i], search->wanted, search))
			return true;
	}
	return false;
}

/*
 * The nodes below one that wants the same of each.  (A foreign table has none
 * that count.)
 */
static bool
visit_children(PlanState *node, Search *search)
{
	ListCell   *lc;

	switch (nodeTag(node))
	{
		case T_AppendState:
			return visit_list(((AppendState *) node)->appendplans,
							  ((AppendState *) node)->as_nplans, search);
		case T_MergeAppendState:
			return visit_list(((MergeAppendState *) node)->mergeplans,
							  ((MergeAppendState *) node)->ms_nplans, search);
		case T_SubqueryScanState:
			return visit_list(&((SubqueryScanState *) node)->subplan, 1, search);
		case T_CteScanState:
			return visit_list(&((CteScanState *) node)->cteplanstate, 1, search);
		case T_CustomScanState:
			foreach(lc, ((CustomScanState *) node)->custom_ps)
			{
				if (visit_wanting(lfirst(lc), search->wanted, search))
					return true;
			}
			return false;
		default:
			return visit_wanting(outerPlanState(node), search->wanted, search) ||
				visit_wanting(innerPlanState(node), search->wanted, search);
	}
}

/* Looks for the scan in a node and all below it; true if it gives up. */
static bool
visit(PlanState *node, Search *search)
{
	HvWanted		wanted = search->wanted;

	check_stack_depth();
	if (++search->nodes > MOST_NODES)
		return true;
	if (IsA(node, IndexScanState) && is_wanted_scan((IndexScanState *) node, search))
		note_scan((IndexScanState *) node, search);
	if (visit_subplans(node->initPlan, search) || visit_subplans(node->subPlan, search) ||
		visit_wanting(recheck_plan(node), HvWantedRows(1, INFINITY), search))
		return true;
	if (IsA(node, NestLoopState) || IsA(node, MergeJoinState) || IsA(node, HashJoinState))
		return visit_join((JoinState *) node, search);

	search->wanted = HvWantedBelow(node, wanted);
	if (visit_children(node, search))
		return true;
	search->wanted = wanted;
	return false;
}

/* What the caller of a query wants of its plan. */
static HvWanted
wanted_of_query(const RunningQuery *running)
{
	if (running->count > 0)
		return HvWantedRows(running->count, running->query->planstate->plan->plan_rows);

	/* the leader may stop a worker */
	return IsParallelWorker() ? HvWantedAnything : HvWantedEverything;
}

static HvLimit
find(IndexScanDesc scan)
{
	Search		search = {.scan = scan};
	HvLimit		nothing = {0};

	if (innermost == NULL || innermost->query->planstate == NULL ||
		visit_wanting(innermost->query->planstate, wanted_of_query(innermost), &search))
		return nothing;
	return search.found;
}

HvLimit
HvLimitOfScan(IndexScanDesc scan)
{
	return find(scan);
}

HvLimit
HvLimitOfParallelScan(void)
{
	return find(NULL);
}
