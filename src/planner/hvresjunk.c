/*-------------------------------------------------------------------------
 *
 * hvresjunk.c
 *	  Distances that a plan computes without need.
 *
 * NOTES
 *	  For ORDER BY embedding <-> $1 the parser adds the distance to the target
 *	  list, marked resjunk: a sort may need it.  Where an ordered index scan
 *	  makes the sort unnecessary the planner leaves it there, and the executor
 *	  computes, of each row, a distance that it then drops.  To do so it fetches
 *	  the vector from TOAST again, which the scan has just done itself: a tenth
 *	  of the time of a query for ten rows.
 *
 *	  A hook behind the planner drops the entry from the plan, where the shape
 *	  of the plan makes it certain that this is safe: an ordered scan of an
 *	  hvtree index, with a LIMIT over it or not, as the whole plan, a subplan,
 *	  or a subquery.  The nodes above use only the columns before the resjunk
 *	  ones.  A node in between might refer to the entry by its number (a
 *	  Material, say, for a cursor that scrolls), and so does a LIMIT WITH TIES;
 *	  such plans are left as they are.
 *
 *	  The plan that loads this library is made before the hook is there, and
 *	  computes its distances.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvresjunk.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "utils/syscache.h"

#include "planner/hvresjunk.h"

static planner_hook_type next_planner_hook = NULL;

/* Is this an index of the access method hvtree? */
static bool
is_hvtree(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
	bool		is = false;

	if (HeapTupleIsValid(tuple))
	{
		is = ((Form_pg_class) GETSTRUCT(tuple))->relam == get_index_am_oid("hvtree", true);
		ReleaseSysCache(tuple);
	}
	return is;
}

/*
 * The last entry of a target list if it is resjunk and not the only one, else
 * NULL.
 */
static TargetEntry *
last_resjunk(const Plan *plan)
{
	TargetEntry *entry;

	if (list_length(plan->targetlist) < 2)
		return NULL;
	entry = llast_node(TargetEntry, plan->targetlist);
	return entry->resjunk ? entry : NULL;
}

/*
 * Is the last column of an index scan the distance it is ordered by, and junk?
 */
static bool
ends_with_distance(const Plan *plan)
{
	const IndexScan *scan = (const IndexScan *) plan;
	const TargetEntry *entry;

	if (!IsA(plan, IndexScan) || list_length(scan->indexorderbyorig) != 1)
		return false;
	entry = last_resjunk(plan);
	return entry != NULL && equal(entry->expr, linitial(scan->indexorderbyorig)) &&
		is_hvtree(scan->indexid);
}

/*
 * Does a LIMIT's last column pass on the last one of the plan below it, as
 * junk?
 */
static bool
passes_last(const Limit *limit, const Plan *below)
{
	const TargetEntry *entry = last_resjunk(&limit->plan);
	const Var  *var;

	if (entry == NULL || limit->limitOption != LIMIT_OPTION_COUNT ||
		list_length(limit->plan.targetlist) != list_length(below->targetlist))
		return false;
	var = (const Var *) entry->expr;
	return IsA(var, Var) && var->varno == OUTER_VAR &&
		var->varattno == list_length(below->targetlist);
}

static void
drop_last(Plan *plan)
{
	Assert(last_resjunk(plan) != NULL);
	plan->targetlist = list_truncate(plan->targetlist, list_length(plan->targetlist) - 1);
}

/*
 * Drops the distance from a plan whose reader sees only the columns that are
 * not junk.
 *
 * (That a LIMIT refers to each column of what is below it once, in order, is
 * how the planner makes it: set_plan_references has just replaced its target
 * list, the same as the other's, by references.)
 */
static void
drop_distance(Plan *plan)
{
	if (plan != NULL && IsA(plan, Limit) && ends_with_distance(plan->lefttree) && passes_last((Limit *) plan, plan->lefttree))
	{
		drop_last(plan);
		drop_last(plan->lefttree);
	}
	else if (plan != NULL && ends_with_distance(plan))
		drop_last(plan);
}

/* Which columns of varno do a node's expressions read? */
static Bitmapset *
columns_read(const Plan *plan, int varno)
{
	Bitmapset  *columns = NULL;

	pull_varattnos((Node *) plan->targetlist, varno, &columns);
	pull_varattnos((Node *) plan->qual, varno, &columns);
	if (IsA(plan, NestLoop))
		pull_varattnos((Node *) ((NestLoop *) plan)->join.joinqual, varno, &columns);
	return columns;
}

/* Is the last column of a plan among those? */
static bool
has_last(const Bitmapset *columns, const Plan *plan)
{
	return bms_is_member(list_length(plan->targetlist) - FirstLowInvalidHeapAttributeNumber,
						 columns);
}

/*
 * The plan of a subquery under this node, if the node does not read its last
 * column, else NULL.  (A subquery scan may pass on all columns, junk as well,
 * where none of them is read.)
 *
 * A subquery that does nothing to its columns has no scan of its own; then it
 * may be what an aggregate without groups reads, or a LATERAL one the inner
 * plan of a nested loop, both of which refer to columns by expressions only.
 */
static Plan *
subquery_of(Plan *plan)
{
	Plan	   *below = NULL;
	int			varno = OUTER_VAR;

	if (IsA(plan, SubqueryScan))
	{
		below = ((SubqueryScan *) plan)->subplan;
		varno = ((SubqueryScan *) plan)->scan.scanrelid;
	}
	else if (IsA(plan, Agg) && ((Agg *) plan)->numCols == 0)
		below = plan->lefttree;
	else if (IsA(plan, NestLoop))
	{
		below = plan->righttree;
		varno = INNER_VAR;
	}
	return below != NULL && !has_last(columns_read(plan, varno), below) ? below : NULL;
}

/* Looks for plans of subqueries below a node with one or two plans. */
static void
visit_subqueries(Plan *plan)
{
	check_stack_depth();
	if (plan == NULL)
		return;
	drop_distance(subquery_of(plan));
	if (IsA(plan, SubqueryScan))
		visit_subqueries(((SubqueryScan *) plan)->subplan);
	visit_subqueries(plan->lefttree);
	visit_subqueries(plan->righttree);
}

static PlannedStmt *
plan_hook(Query *parse, const char *query_string, int options, ParamListInfo params)
{
	PlannedStmt *stmt;
	ListCell   *lc;

	if (next_planner_hook)
		stmt = next_planner_hook(parse, query_string, options, params);
	else
		stmt = standard_planner(parse, query_string, options, params);

	/* rows to be locked or changed are named by junk columns of their own */
	if (stmt->commandType == CMD_SELECT && stmt->rowMarks == NIL)
		drop_distance(stmt->planTree);
	visit_subqueries(stmt->planTree);
	foreach(lc, stmt->subplans)
	{
		drop_distance(lfirst(lc));
		visit_subqueries(lfirst(lc));
	}
	return stmt;
}

void
HvResjunkInit(void)
{
	next_planner_hook = planner_hook;
	planner_hook = plan_hook;
}
