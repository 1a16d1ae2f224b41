/*-------------------------------------------------------------------------
 *
 * hvcostrows.c
 *	  What a query takes of a table, for the cost estimate.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvcostrows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/selfuncs.h"

#include "planner/hvcostrows.h"
#include "scan/hvbound.h"
#include "scan/hvwanted.h"

const RelOptInfo *
HvCostWholeTable(const PlannerInfo *root, const RelOptInfo *table)
{
	int			parent;

	if (IS_OTHER_REL(table) && bms_get_singleton_member(table->top_parent_relids, &parent) &&
		root->simple_rel_array[parent] != NULL)
		return root->simple_rel_array[parent];
	return table;
}

/*
 * expression_tree_walker callback: does a window function look at all rows
 * before the first one is returned?
 */
static bool
has_needy_function(Node *node, void *context)
{
	const Query *query = context;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, WindowFunc))
		return expression_tree_walker(node, has_needy_function, context);
	foreach(lc, query->windowClause)
	{
		const WindowClause *window = lfirst(lc);

		if (window->winref == ((WindowFunc *) node)->winref &&
			HvWantedWholePartition((WindowFunc *) node, window->frameOptions,
								   window->orderClause != NIL))
			return true;
	}
	return false;
}

bool
HvCostTakesAll(const PlannerInfo *root)
{
	Query	   *query = root->parse;

	if (root->limit_tuples >= 0)
		return false;
	return root->tuple_fraction <= 0 ||
		(query->hasAggs && query->groupClause == NIL) ||
		(query->hasWindowFuncs && has_needy_function((Node *) query->targetList, query));
}

Selectivity
HvCostConditions(PlannerInfo *root, const IndexPath *path)
{
	List	   *quals = get_quals_from_indexclauses(path->indexclauses);

	return clauselist_selectivity(root, quals, path->indexinfo->rel->relid, JOIN_INNER, NULL);
}

Selectivity
HvCostBounds(PlannerInfo *root, const IndexPath *path)
{
	List	   *bounds = NIL;
	ListCell   *lc;

	foreach(lc, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *clause = lfirst(lc);

		if (HvBoundIsOne((Node *) clause->clause, linitial(path->indexorderbys)))
			bounds = lappend(bounds, clause);
	}
	if (bounds == NIL)
		return 1;
	return Min(clauselist_selectivity(root, bounds, path->indexinfo->rel->relid, JOIN_INNER,
									  NULL), 0.999);
}

double
HvCostRows(const IndexPath *path)
{
	return path->path.param_info ? path->path.param_info->ppi_rows :
		path->indexinfo->rel->rows;
}

bool
HvCostWantsNull(const IndexPath *path)
{
	ListCell   *lc;

	foreach(lc, path->indexclauses)
	{
		const IndexClause *clause = lfirst(lc);

		if (clause->indexcol == 0 && IsA(clause->rinfo->clause, NullTest) &&
			((const NullTest *) clause->rinfo->clause)->nulltesttype == IS_NULL)
			return true;
	}
	return false;
}

/* Can a join with another table drop rows of the one that is scanned? */
static bool
drops_rows(const PlannerInfo *root, const RelOptInfo *table, int other)
{
	int			own = HvCostWholeTable(root, table)->relid;
	ListCell   *lc;

	foreach(lc, root->join_info_list)
	{
		const SpecialJoinInfo *join = lfirst(lc);

		if ((join->jointype == JOIN_LEFT || join->jointype == JOIN_ANTI) &&
			bms_is_member(own, join->syn_lefthand) && bms_is_member(other, join->syn_righthand))
			return false;
	}
	return other != own;
}

double
HvCostShareJoined(const PlannerInfo *root, const RelOptInfo *table)
{
	double		share = 1;
	int			other = -1;

	while ((other = bms_next_member(root->all_baserels, other)) >= 0)
	{
		const RelOptInfo *rel = root->simple_rel_array[other];

		if (rel != NULL && rel->tuples > 0 && drops_rows(root, table, other))
			share *= Min(rel->rows / rel->tuples, 1);
	}
	return share;
}
