/*-------------------------------------------------------------------------
 *
 * hvwanted.c
 *	  What a node of a plan wants of the nodes below it.
 *
 * NOTES
 *	  Given what is wanted of it, each node wants of those below it
 *
 *	  - everything, whatever happens above: a Sort, a Hash, an aggregate that is
 *		not sorted, a table that is changed;
 *
 *	  - everything, for the sake of the order: a MergeJoin.  It may stop early, but
 *		it is not known when, and rows that come late would find no partner;
 *
 *	  - so many rows: a LIMIT, a condition on row_number() that ends a window.  A
 *		node that drops rows wants as many more as the planner expects it to drop;
 *
 *	  - an unknown number: the inner side of a semi-join, a subquery behind IN.
 *
 *	  A node that is not named here is treated as one of the last kind.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvwanted.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"

#include "page/hvcompat.h"
#include "scan/hvwanted.h"

const HvWanted HvWantedEverything = {.all = true};
const HvWanted HvWantedAnything = {.all = false};

/* At least so many rows, but no more than what the last of them takes. */
HvWanted
HvWantedRows(double rows, double expected)
{
	return (HvWanted) {.rows = rows, .expected = expected};
}

/* As many rows, where the one behind them must be seen. */
static HvWanted
one_more(HvWanted wanted)
{
	if (wanted.rows > 0)
		wanted.rows++;
	return wanted;
}

HvWanted
HvWantedWithLoss(HvWanted wanted, const Plan *plan, const Plan *below)
{
	wanted.rows *= Max(below->plan_rows / Max(plan->plan_rows, 1), 1);
	return wanted;
}

/*
 * The number that a constant or a parameter of the query is, or what NULL
 * stands for; false if it is none.
 */
static bool
number_of(const Node *node, ParamListInfo params, double null, double *number)
{
	ParamExternData space = {0};
	const ParamExternData *param = &space;

	/* LIMIT casts what is no bigint */
	if (node != NULL && IsA(node, FuncExpr) &&
		((const FuncExpr *) node)->funcid == F_INT8_INT4)
		node = linitial(((const FuncExpr *) node)->args);
	if (node != NULL && IsA(node, Const))
	{
		space.ptype = ((const Const *) node)->consttype;
		space.value = ((const Const *) node)->constvalue;
		space.isnull = ((const Const *) node)->constisnull;
	}
	else if (node != NULL && IsA(node, Param) &&
			 ((const Param *) node)->paramkind == PARAM_EXTERN &&
			 params != NULL && ((const Param *) node)->paramid <= params->numParams)
	{
		int			id = ((const Param *) node)->paramid;

		param = params->paramFetch ?
			params->paramFetch(params, id, false, &space) : &params->params[id - 1];
	}
	else
		return false;
	if (param->ptype != INT8OID && param->ptype != INT4OID)
		return false;
	if (param->isnull)
		*number = null;
	else
		*number = param->ptype == INT8OID ? DatumGetInt64(param->value) : DatumGetInt32(param->value);
	return true;
}

/*
 * How many rows a LIMIT returns, INFINITY for all, and skips; false if
 * unknown.  It may not have been reached yet, if a CTE below it has another
 * reader.
 */
static bool
read_limit(const LimitState *limit, double *count, double *offset)
{
	const Limit *plan = (const Limit *) limit->ps.plan;
	ParamListInfo params = limit->ps.state->es_param_list_info;

	if (limit->lstate == LIMIT_INITIAL)
	{
		*offset = 0;
		*count = INFINITY;
		return (plan->limitCount == NULL ||
				number_of(plan->limitCount, params, INFINITY, count)) &&
			(plan->limitOffset == NULL || number_of(plan->limitOffset, params, 0, offset));
	}
	*offset = limit->offset;
	*count = limit->noCount ? INFINITY : limit->count;
	return true;
}

static HvWanted
below_limit(const LimitState *limit, HvWanted wanted)
{
	double		count;
	double		offset;

	if (!read_limit(limit, &count, &offset) || (!wanted.all && wanted.rows == 0))
		return HvWantedAnything;
	if (!wanted.all)
		count = Min(count, wanted.rows);
	if (isinf(count))
		return wanted;
	wanted = HvWantedRows(Max(count + offset, 1), outerPlan(limit->ps.plan)->plan_rows);
	return limit->limitOption == LIMIT_OPTION_WITH_TIES ? one_more(wanted) : wanted;
}

bool
HvWantedWholePartition(const WindowFunc *function, int frame, bool ordered)
{
	switch (function->winfnoid)
	{
		case F_ROW_NUMBER:
		case F_RANK_:
		case F_DENSE_RANK_:
		case F_LAG_ANYELEMENT:
		case F_LAG_ANYELEMENT_INT4:
		case F_LAG_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE:
		case F_LEAD_ANYELEMENT:
		case F_LEAD_ANYELEMENT_INT4:
		case F_LEAD_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE:
			return false;
		case F_PERCENT_RANK_:
		case F_CUME_DIST_:
		case F_NTILE:
			return true;
	}
	if (frame & FRAMEOPTION_END_UNBOUNDED_FOLLOWING)
		return true;
	/* without an order all rows are peers */
	return !ordered && !(frame & FRAMEOPTION_ROWS);
}

/* expression_tree_walker callback */
static bool
has_needy_function(Node *node, void *context)
{
	const WindowAgg *window = context;

	if (node == NULL)
		return false;
	if (IsA(node, WindowFunc) &&
		HvWantedWholePartition((WindowFunc *) node, window->frameOptions,
							   window->ordNumCols > 0))
		return true;
	return expression_tree_walker(node, has_needy_function, context);
}

/*
 * The number that a window's condition compares its function with, 0 if that
 * is not known.
 */
static double
number_in(const OpExpr *condition, ParamListInfo params)
{
	ListCell   *lc;

	if (!IsA(condition, OpExpr))
		return 0;
	foreach(lc, condition->args)
	{
		double		number;

		if (number_of(lfirst(lc), params, 1, &number))
			return Max(number, 1);
	}
	return 0;
}

/*
 * A window whose condition can end it (row_number() <= 10) reads one row more
 * than it returns.
 */
static HvWanted
below_window(const WindowAgg *window, ParamListInfo params, HvWanted wanted)
{
	List	   *conditions = HvCompatRunCondition(window);
	ListCell   *lc;

	if (has_needy_function((Node *) window->plan.targetlist, (void *) window))
		return HvWantedEverything;
	if (window->plan.qual != NIL)
		wanted = HvWantedWithLoss(wanted, &window->plan, outerPlan(&window->plan));
	if (conditions == NIL || window->partNumCols > 0)
		return one_more(wanted);
	foreach(lc, conditions)
	{
		double		rows = number_in(lfirst(lc), params);

		if (rows == 0)
			return wanted.all ? HvWantedAnything : one_more(wanted);
		if (wanted.all || wanted.rows > rows)
			wanted = HvWantedRows(rows, outerPlan(&window->plan)->plan_rows);
	}
	return one_more(wanted);
}

/*
 * A merge takes its rows from several children in turn.  Twice its share is
 * wanted of each; all rows, if the planner expects that all rows together are
 * not enough.
 */
static HvWanted
below_merge(int children, HvWanted wanted)
{
	if (wanted.rows > 0 && wanted.expected > wanted.rows)
		wanted.rows = Min(wanted.rows, ceil(2 * wanted.rows / children) + 2);
	return wanted;
}

/* The inner side is rescanned for each row of the outer one. */
HvWanted
HvWantedInside(const NestLoopState *loop, HvWanted wanted)
{
	if (loop->js.single_match)
		return HvWantedAnything;
	if (wanted.rows > innerPlan(loop->js.ps.plan)->plan_rows)
		return HvWantedEverything;
	return wanted;
}

/* What the expression that a subplan is part of wants of it, each time. */
HvWanted
HvWantedOfSubplan(const SubPlan *subplan)
{
	switch (subplan->subLinkType)
	{
		case EXISTS_SUBLINK:
			return HvWantedRows(1, INFINITY);
		case EXPR_SUBLINK:
		case ROWCOMPARE_SUBLINK:
		case MULTIEXPR_SUBLINK:
			/* a second row is an error */
			return HvWantedRows(2, INFINITY);
		case ARRAY_SUBLINK:
			return HvWantedEverything;
		default:
			return subplan->useHashTable ? HvWantedEverything : HvWantedAnything;
	}
}

/* The plan below a node that may drop rows. */
static const Plan *
plan_below(const PlanState *node)
{
	if (IsA(node, CteScanState))
		return ((const CteScanState *) node)->cteplanstate->plan;
	if (IsA(node, SubqueryScanState))
		return ((const SubqueryScanState *) node)->subplan->plan;
	return outerPlan(node->plan);
}

/* What other nodes with one child want of it. */
HvWanted
HvWantedBelow(PlanState *node, HvWanted wanted)
{
	switch (nodeTag(node))
	{
		case T_LimitState:
			return below_limit((LimitState *) node, wanted);
		case T_WindowAggState:
			return below_window((WindowAgg *) node->plan,
								node->state->es_param_list_info, wanted);
		case T_MergeAppendState:
			return below_merge(((MergeAppendState *) node)->ms_nplans, wanted);
		case T_AggState:
			if (((Agg *) node->plan)->aggstrategy != AGG_SORTED)
				return HvWantedEverything;
			return HvWantedWithLoss(one_more(wanted), node->plan, plan_below(node));
		case T_SetOpState:
			if (((SetOp *) node->plan)->strategy != SETOP_SORTED)
				return HvWantedEverything;
			return HvWantedWithLoss(one_more(wanted), node->plan, plan_below(node));
		case T_GroupState:
		case T_UniqueState:
			return HvWantedWithLoss(one_more(wanted), node->plan, plan_below(node));
		case T_IncrementalSortState:
			return one_more(wanted);
		case T_CteScanState:
		case T_SubqueryScanState:
			return node->qual ?
				HvWantedWithLoss(wanted, node->plan, plan_below(node)) : wanted;
		case T_AppendState:
		case T_GatherMergeState:
		case T_GatherState:
		case T_LockRowsState:
		case T_MaterialState:
		case T_MemoizeState:
		case T_ProjectSetState:
		case T_RecursiveUnionState:
		case T_ResultState:
			return wanted;
		case T_SortState:
		case T_HashState:
		case T_ModifyTableState:
			return HvWantedEverything;
		default:
			return HvWantedAnything;
	}
}
