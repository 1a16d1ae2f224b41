/*-------------------------------------------------------------------------
 *
 * hvkeypath.c
 *	  Conditions on key columns that the planner does not hand to the index.
 *
 * NOTES
 *	  Two kinds of them would be left to the executor:
 *
 *	  - "column IN (...)": before 17 the planner takes a condition with an array,
 *		on another column than the first, for the end of any order of the rows.
 *		That is true of btree.
 *
 *	  - "column", "NOT column", "column IS TRUE", of a boolean: it knows them as
 *		conditions of its own operator families only (15), or not at all.
 *
 *	  For each ordered scan of an hvtree index that lacks such a condition, a
 *	  second one with it is proposed.  It always costs less.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvkeypath.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

#include "planner/hvcost.h"
#include "planner/hvkeypath.h"

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

/* Can the index test "column operator ANY (array)" on this column? */
static bool
is_array_condition(PlannerInfo *root, const IndexOptInfo *index, Node *clause, int column)
{
	const ScalarArrayOpExpr *any = (const ScalarArrayOpExpr *) clause;
	Node	   *array;

	if (!IsA(clause, ScalarArrayOpExpr) || !any->useOr)
		return false;
	array = lsecond(any->args);
	return match_index_to_operand(linitial(any->args), column, (IndexOptInfo *) index) &&
		(!OidIsValid(index->indexcollations[column]) ||
		 index->indexcollations[column] == any->inputcollid) &&
		op_in_opfamily(any->opno, index->opfamily[column]) &&
		!bms_is_member(index->rel->relid, pull_varnos(root, array)) &&
		!contain_volatile_functions(array);
}

/*
 * "column = true" or "column = false" for a clause that says so of a boolean column
 * in another way, else NULL.
 */
static Node *
boolean_condition(const IndexOptInfo *index, Node *clause, int column)
{
	Node	   *operand = clause;
	bool		value = true;

	if (index->opcintype[column] != BOOLOID)
		return NULL;
	if (IsA(clause, BooleanTest))
	{
		BoolTestType test = ((BooleanTest *) clause)->booltesttype;

		if (test != IS_TRUE && test != IS_FALSE)
			return NULL;
		operand = (Node *) ((BooleanTest *) clause)->arg;
		value = test == IS_TRUE;
	}
	else if (is_notclause(clause))
	{
		operand = (Node *) get_notclausearg((Expr *) clause);
		value = false;
	}
	if (!match_index_to_operand(operand, column, (IndexOptInfo *) index))
		return NULL;
	return (Node *) make_opclause(BooleanEqualOperator, BOOLOID, false, (Expr *) operand,
								  (Expr *) makeBoolConst(value, false), InvalidOid, InvalidOid);
}

/* A restriction as a condition of the index, NULL if it cannot be. */
static IndexClause *
condition_of(PlannerInfo *root, const IndexOptInfo *index, RestrictInfo *restriction)
{
	for (int column = 1; column < index->nkeycolumns; column++)
	{
		Node	   *clause = (Node *) restriction->clause;
		IndexClause *condition;
		RestrictInfo *qual = restriction;

		if (!is_array_condition(root, index, clause, column))
		{
			clause = boolean_condition(index, clause, column);
			if (clause == NULL)
				continue;
			qual = make_simple_restrictinfo(root, (Expr *) clause);
		}
		condition = makeNode(IndexClause);
		condition->rinfo = restriction;
		condition->indexquals = list_make1(qual);
		condition->indexcol = column;
		return condition;
	}
	return NULL;
}

static bool
has_condition(const List *conditions, const RestrictInfo *restriction)
{
	ListCell   *lc;

	foreach(lc, conditions)
	{
		if (lfirst_node(IndexClause, lc)->rinfo == restriction)
			return true;
	}
	return false;
}

/* list_sort comparator: in the order of the columns, as the planner has them */
static int
compare_conditions(const ListCell *a, const ListCell *b)
{
	return lfirst_node(IndexClause, a)->indexcol - lfirst_node(IndexClause, b)->indexcol;
}

/* All conditions of a scan; NIL if it has them. */
static List *
all_conditions(PlannerInfo *root, const IndexPath *scan)
{
	const IndexOptInfo *index = scan->indexinfo;
	List	   *conditions = list_copy(scan->indexclauses);
	ListCell   *lc;

	foreach(lc, index->indrestrictinfo)
	{
		RestrictInfo *restriction = lfirst_node(RestrictInfo, lc);
		IndexClause *condition;

		if (restriction->pseudoconstant ||
			has_condition(scan->indexclauses, restriction) ||
			!restriction_is_securely_promotable(restriction, index->rel))
			continue;
		condition = condition_of(root, index, restriction);
		if (condition)
			conditions = lappend(conditions, condition);
	}
	if (list_length(conditions) == list_length(scan->indexclauses))
		return NIL;
	list_sort(conditions, compare_conditions);
	return conditions;
}

/* Is this an ordered scan of an hvtree index that has key columns? */
static bool
has_key_columns(const Path *path)
{
	const IndexPath *scan = (const IndexPath *) path;

	return IsA(path, IndexPath) && scan->indexinfo->amcostestimate == hvcostestimate &&
		list_length(scan->indexorderbys) == 1 && scan->indexinfo->nkeycolumns > 1;
}

static void
pathlist_hook(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	List	   *scans = NIL;
	ListCell   *lc;

	if (next_pathlist_hook)
		next_pathlist_hook(root, rel, rti, rte);

	/* adding a path may free others */
	foreach(lc, rel->pathlist)
	{
		const IndexPath *scan = lfirst(lc);
		List	   *conditions;

		if (!has_key_columns((const Path *) scan))
			continue;
		conditions = all_conditions(root, scan);
		if (conditions)
			scans = lappend(scans,
							create_index_path(root, scan->indexinfo, conditions,
											  scan->indexorderbys, scan->indexorderbycols,
											  scan->path.pathkeys, ForwardScanDirection, false,
											  PATH_REQ_OUTER(&scan->path), 1, false));
	}
	foreach(lc, scans)
		add_path(rel, lfirst(lc));
}

void
HvKeyPathInit(void)
{
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = pathlist_hook;
}
