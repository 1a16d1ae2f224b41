/*-------------------------------------------------------------------------
 *
 * hvbatch.c
 *	  Which rows of a scan are found before one is returned.
 *
 * NOTES
 *	  The conditions are the plan node's own expression, evaluated in its own
 *	  context and with its own slot: both are free while it waits for a row.
 *	  The row is read as the node would read it.  So a row that is dropped
 *	  costs what it would cost there; one that passes is looked at twice.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvbatch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"

#include "page/hvpage.h"
#include "scan/hvbatch.h"

/* a batch after the first gets one row for so many that were returned */
#define ROWS_A_BATCH_ROW	4

static bool may_change(Node *expression, PlannedStmt *statement);

/* Does a plan call a function that may give another result the next time? */
static bool
plan_may_change(const Plan *plan, PlannedStmt *statement)
{
	Node	   *more = NULL;

	if (plan == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(plan))
	{
		case T_NestLoop:
			more = (Node *) ((const NestLoop *) plan)->join.joinqual;
			break;
		case T_Agg:
		case T_BitmapHeapScan:
		case T_IndexOnlyScan:
		case T_IndexScan:
		case T_Material:
		case T_Memoize:
		case T_SeqScan:
		case T_Sort:
			break;
		default:
			return true;		/* there may be expressions that are not looked at here */
	}
	return may_change(more, statement) ||
		may_change((Node *) plan->targetlist, statement) ||
		may_change((Node *) plan->qual, statement) ||
		(!IsA(plan, BitmapHeapScan) && (plan_may_change(plan->lefttree, statement) ||
										plan_may_change(plan->righttree, statement)));
}

/* expression_tree_walker callback; a hashed subplan runs once. */
static bool
has_changing_subplan(Node *node, void *statement)
{
	const SubPlan *subplan = (const SubPlan *) node;

	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) && !subplan->useHashTable &&
		plan_may_change(list_nth(((PlannedStmt *) statement)->subplans, subplan->plan_id - 1),
						statement))
		return true;
	return expression_tree_walker(node, has_changing_subplan, statement);
}

/* Can an expression that is looked at twice have two results? */
static bool
may_change(Node *expression, PlannedStmt *statement)
{
	return contain_volatile_functions(expression) ||
		has_changing_subplan(expression, statement);
}

/*
 * What is wanted of the scan now.  Conditions that only the executor can look
 * at drop rows as any node above does.
 */
static void
look_above(HvBatch *batch)
{
	IndexScanState *node;
	double		rows;

	batch->limit = HvLimitOfScan(batch->scan);
	batch->node = node = batch->limit.node;
	if (batch->parallel)
		batch->limit = HvParallelLimit(batch->parallel);
	if (node == NULL || node->ss.ps.qual == NULL || batch->filter != NULL)
		return;
	rows = batch->scan->heapRelation->rd_rel->reltuples;
	batch->limit.rows *= Max(rows / Max(node->ss.ps.plan->plan_rows, 1), 1);
}

/* What conditions cost, in what the executor takes for a row. */
static double
cost_of(List *conditions)
{
	QualCost	cost;

	cost_qual_eval(&cost, conditions, NULL);
	return cost.per_tuple / Max(cpu_tuple_cost, DEFAULT_CPU_TUPLE_COST / 100);
}

void
HvBatchInit(HvBatch *batch, IndexScanDesc scan, HvParallel *parallel, HvReorder *order)
{
	IndexScanState *node = HvLimitOfScan(scan).node;

	memset(batch, 0, sizeof(HvBatch));
	batch->scan = scan;
	batch->parallel = parallel;
	batch->order = order;
	batch->node = node;
	batch->certain = -INFINITY;
	if (node && node->ss.ps.qual &&
		!may_change((Node *) node->ss.ps.plan->qual, node->ss.ps.state->es_plannedstmt))
	{
		batch->filter = node->ss.ps.qual;
		batch->filter_cost = cost_of(node->ss.ps.plan->qual);
	}
	look_above(batch);
}

void
HvBatchSetLossy(HvBatch *batch)
{
	if (batch->node)
		batch->recheck = batch->node->indexqualorig;
}

/*
 * Does the row in the node's slot pass?  One that does not is counted for
 * EXPLAIN.
 */
static bool
row_passes(const HvBatch *batch, ExprState *filter)
{
	IndexScanState *node = batch->node;
	ExprContext *context = node->ss.ps.ps_ExprContext;

	context->ecxt_scantuple = node->ss.ss_ScanTupleSlot;
	if (batch->recheck && !ExecQual(batch->recheck, context))
	{
		InstrCountFiltered2(node, 1);
		return false;
	}
	if (filter && !ExecQual(filter, context))
	{
		InstrCountFiltered1(node, 1);
		return false;
	}
	return true;
}

void
HvBatchSetBound(HvBatch *batch, const HvBoundConditions *conditions, const HvBound *bound)
{
	bool		known;

	batch->bounded = HvBoundExists(bound);
	batch->rest = HvBoundRest(conditions, &known);
	batch->certain = known ? bound->certain : -INFINITY;
	if (known && batch->filter != NULL)
		batch->filter_cost = batch->rest ? cost_of((List *) batch->rest->expr) : 0;
}

bool
HvBatchPasses(const HvBatch *batch, const HvRow *row)
{
	IndexScanState *node = batch->node;
	IndexScanDesc scan = batch->scan;
	ExprState  *filter = batch->filter;
	ItemPointerData tid;
	bool		again = false;
	bool		passes;

	/* a distance, once more, would cost as much as all else of a row */
	if (filter != NULL && row->distance <= batch->certain)
		filter = batch->rest;
	if (batch->recheck == NULL && filter == NULL)
		return true;
	HvRowUnpack(row->id, &tid);
	passes = table_index_fetch_tuple(scan->xs_heapfetch, &tid, scan->xs_snapshot,
									 node->ss.ss_ScanTupleSlot, &again, NULL);
	if (passes)
	{
		passes = row_passes(batch, filter);
		ResetExprContext(node->ss.ps.ps_ExprContext);
	}
	if (!passes)
		pgstat_count_heap_fetch(scan->indexRelation);
	return passes;
}

/*
 * Rows to be found now.  Participants of a parallel scan find the first batch
 * together.
 */
static double
rows_wanted(HvBatch *batch)
{
	double		rows = batch->limit.rows;

	if (batch->limit.all)
		return batch->bounded ? INFINITY : 1;
	if (batch->returned > 0 && batch->parallel == NULL)
	{
		/* a cursor may have been asked for the rest */
		look_above(batch);
		rows = batch->returned / ROWS_A_BATCH_ROW;
	}
	return Min(rows, work_mem * 1024.0 / sizeof(HvRow));
}

/*
 * Finds the rows of a batch, and those that are known by then and belong before
 * its last one: that one may have been taken too early.
 */
static void
fill(HvBatch *batch, HvBatchTake take, void *search)
{
	double		wanted = rows_wanted(batch);
	int64		kept = 0;
	HvRow		row;

	while ((kept == 0 || kept < wanted || HvReorderIsBehind(batch->order)) &&
		   take(search, &row))
	{
		CHECK_FOR_INTERRUPTS();
		if (!HvBatchPasses(batch, &row))
			continue;
		HvReorderKeep(batch->order, &row);
		batch->kept++;
		kept++;
		if (batch->parallel)
			kept = HvParallelAdd(batch->parallel, HV_ROWS_KEPT, 1) + 1;
	}
}

bool
HvBatchNext(HvBatch *batch, HvBatchTake take, void *search, HvRow *row)
{
	if (!HvReorderHasBatch(batch->order))
		fill(batch, take, search);
	if (!HvReorderReturn(batch->order, row))
		return false;
	batch->returned++;
	return true;
}
