/*-------------------------------------------------------------------------
 *
 * hvbound.c
 *	  Conditions of WHERE that bound the distance that a scan orders by.
 *
 * NOTES
 *	  A bound is a comparison of float8 between a term of the distance and a
 *	  value.  In the term, numbers are added to the distance, or it is
 *	  multiplied by them: 1 - (v <=> $1) > $2.  Value and numbers are any
 *	  expressions without columns that do not change within a scan; they are
 *	  evaluated for each query vector.  Then the term is undone from the outside
 *	  to the inside, which leaves the farthest distance that can pass.
 *
 *	  The distance is the one that the scan orders by if it has the same
 *	  operator, column and query.  Queries may be different expressions with the
 *	  same value, as two subqueries are: then their bytes are compared.
 *
 *	  A row without a distance (NaN, that of a zero vector under cosine
 *	  distance) passes 1 - (v <=> $1) > $2, since NaN is above all numbers.  As
 *	  its place in the order is behind all other rows, a bound cuts it off.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvbound.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "scan/hvbound.h"

/* what a term does with the number that it gets from inside */
typedef enum StepKind
{
	STEP_ADD,
	STEP_SUBTRACT,				/* the number of the step */
	STEP_SUBTRACT_FROM,			/* it */
	STEP_MULTIPLY,
	STEP_DIVIDE,				/* by it */
	STEP_NEGATE
} StepKind;

typedef struct Step
{
	StepKind	kind;
	Expr	   *number;
	ExprState  *state;
} Step;

/* term < value, or term > value */
typedef struct Condition
{
	bool		is_upper;		/* the former */
	List	   *steps;			/* of the term, outermost first */
	Expr	   *value;
	ExprState  *value_state;
	Expr	   *query;			/* NULL = the one of the scan */
	ExprState  *query_state;
} Condition;

const HvBound HvBoundNone = {
	.distance = INFINITY, .certain = -INFINITY, .square = INFINITY
};

struct HvBoundConditions
{
	IndexScanState *node;
	List	   *conditions;
	ExprState  *rest;
	bool		rest_known;
};

/* Is it a number, or a vector, that stays the same for all rows of a scan? */
static bool
is_fixed(Node *node)
{
	return !contain_var_clause(node) && !contain_volatile_functions(node) &&
		!contain_subplans(node);
}

/* Is this the distance?  If its query is another expression it is noted. */
static bool
read_distance(Node *node, const OpExpr *distance, Condition *condition)
{
	OpExpr	   *found = (OpExpr *) node;
	Node	   *query;
	bool		commuted;

	if (!IsA(node, OpExpr) || list_length(found->args) != 2)
		return false;
	commuted = !equal(linitial(found->args), linitial(distance->args));
	if (commuted && !equal(lsecond(found->args), linitial(distance->args)))
		return false;
	if ((commuted ? get_commutator(found->opno) : found->opno) != distance->opno)
		return false;
	query = commuted ? linitial(found->args) : lsecond(found->args);
	if (!is_fixed(query))
		return false;
	condition->query = equal(query, lsecond(distance->args)) ? NULL : (Expr *) query;
	return true;
}

/* What a function does, seen from its argument 0 or 1; false if it is no step. */
static bool
step_of_function(Oid function, bool from_left, StepKind *kind)
{
	switch (function)
	{
		case F_FLOAT8PL:
			*kind = STEP_ADD;
			return true;
		case F_FLOAT8MI:
			*kind = from_left ? STEP_SUBTRACT : STEP_SUBTRACT_FROM;
			return true;
		case F_FLOAT8MUL:
			*kind = STEP_MULTIPLY;
			return true;
		case F_FLOAT8DIV:
			*kind = STEP_DIVIDE;
			return from_left;
	}
	return false;
}

static void
add_step(Condition *condition, StepKind kind, Node *number)
{
	Step	   *step = palloc0(sizeof(Step));

	step->kind = kind;
	step->number = (Expr *) number;
	condition->steps = lappend(condition->steps, step);
}

/* Is this a term of the distance?  Notes its steps. */
static bool
read_term(Node *node, const OpExpr *distance, Condition *condition)
{
	OpExpr	   *op = (OpExpr *) node;
	StepKind	kind;

	check_stack_depth();
	if (read_distance(node, distance, condition))
		return true;
	if (!IsA(node, OpExpr))
		return false;
	if (op->opfuncid == F_FLOAT8UM)
	{
		add_step(condition, STEP_NEGATE, NULL);
		return read_term(linitial(op->args), distance, condition);
	}
	if (list_length(op->args) != 2)
		return false;
	for (int side = 0; side < 2; side++)
	{
		Node	   *number = list_nth(op->args, 1 - side);

		if (!step_of_function(op->opfuncid, side == 0, &kind) || !is_fixed(number))
			continue;
		add_step(condition, kind, number);
		return read_term(list_nth(op->args, side), distance, condition);
	}
	return false;
}

/* Does a function say that its first argument is less, or greater? */
static bool
is_comparison(Oid function, bool *less)
{
	switch (function)
	{
		case F_FLOAT8LT:
		case F_FLOAT8LE:
		case F_FLOAT84LT:
		case F_FLOAT84LE:
		case F_FLOAT48LT:
		case F_FLOAT48LE:
			*less = true;
			return true;
		case F_FLOAT8GT:
		case F_FLOAT8GE:
		case F_FLOAT84GT:
		case F_FLOAT84GE:
		case F_FLOAT48GT:
		case F_FLOAT48GE:
			*less = false;
			return true;
	}
	return false;
}

/* A clause as a bound; NULL if it is none. */
static Condition *
read_condition(Node *clause, const OpExpr *distance)
{
	const OpExpr *op = (const OpExpr *) clause;
	bool		less;

	if (!IsA(clause, OpExpr) || !IsA(distance, OpExpr) || !is_comparison(op->opfuncid, &less))
		return NULL;
	for (int side = 0; side < 2; side++)
	{
		Node	   *value = list_nth(op->args, 1 - side);
		Condition  *condition;

		if (!is_fixed(value))
			continue;
		condition = palloc0(sizeof(Condition));
		condition->is_upper = less == (side == 0);
		condition->value = (Expr *) value;
		if (read_term(list_nth(op->args, side), distance, condition))
			return condition;
	}
	return NULL;
}

bool
HvBoundIsOne(Node *clause, const Node *distance)
{
	return read_condition(clause, (const OpExpr *) distance) != NULL;
}

/* Prepares the expressions of a condition. */
static void
init_condition(Condition *condition, PlanState *node)
{
	ListCell   *lc;

	condition->value_state = ExecInitExpr(condition->value, node);
	condition->query_state = ExecInitExpr(condition->query, node);
	foreach(lc, condition->steps)
	{
		Step	   *step = lfirst(lc);

		step->state = ExecInitExpr(step->number, node);
	}
}

HvBoundConditions *
HvBoundFind(IndexScanState *node)
{
	const IndexScan *plan = (const IndexScan *) node->ss.ps.plan;
	HvBoundConditions *conditions;
	List	   *rest = NIL;
	ListCell   *lc;

	if (list_length(plan->indexorderbyorig) != 1)
		return NULL;
	conditions = palloc0(sizeof(HvBoundConditions));
	conditions->node = node;
	foreach(lc, plan->scan.plan.qual)
	{
		Condition  *condition = read_condition(lfirst(lc), linitial(plan->indexorderbyorig));

		if (condition == NULL)
			rest = lappend(rest, lfirst(lc));
		else
		{
			init_condition(condition, &node->ss.ps);
			conditions->conditions = lappend(conditions->conditions, condition);
		}
	}
	if (conditions->conditions == NIL)
		return NULL;
	/* a subplan must not have two states */
	conditions->rest_known = !contain_subplans((Node *) rest);
	if (conditions->rest_known)
		conditions->rest = ExecInitQual(rest, &node->ss.ps);
	return conditions;
}

ExprState *
HvBoundRest(const HvBoundConditions *conditions, bool *known)
{
	*known = conditions->rest_known;
	return conditions->rest;
}

/* The value of a number, which is float8 or float4. */
static double
number_of(ExprState *state, ExprContext *context, bool *isnull)
{
	bool		null;
	Datum		value = ExecEvalExprSwitchContext(state, context, &null);

	*isnull |= null;
	if (null)
		return 0;
	return exprType((Node *) state->expr) == FLOAT4OID ? DatumGetFloat4(value) :
		DatumGetFloat8(value);
}

/* what is left of a condition while its term is undone */
typedef struct Undone
{
	bool		is_upper;
	double		value;
	double		error;			/* that rounding may have made, and was undone */
} Undone;

/* Undoes one step of a term, whose number is given. */
static void
undo(Undone *undone, StepKind kind, double number)
{
	double		value = undone->value;

	undone->error += 2 * DBL_EPSILON * (fabs(value) + fabs(number));
	switch (kind)
	{
		case STEP_ADD:
			value -= number;
			break;
		case STEP_SUBTRACT:
			value += number;
			break;
		case STEP_SUBTRACT_FROM:
			value = number - value;
			undone->is_upper = !undone->is_upper;
			break;
		case STEP_MULTIPLY:
			/* by zero the term is the same for all rows: there is no bound */
			value = number == 0 ? NAN : value / number;
			undone->error /= fabs(number);
			break;
		case STEP_DIVIDE:
			value = number == 0 ? NAN : value * number;
			undone->error *= fabs(number);
			break;
		case STEP_NEGATE:
			value = -value;
			undone->is_upper = !undone->is_upper;
			break;
	}
	if ((kind == STEP_MULTIPLY || kind == STEP_DIVIDE) && number < 0)
		undone->is_upper = !undone->is_upper;
	undone->value = value;
}

/*
 * The farthest distance that passes a condition, NaN if there is none, and by
 * how much it may be off.  *isnull: no row passes.
 */
static double
farthest(const Condition *condition, ExprContext *context, double *error, bool *isnull)
{
	Undone		undone = {.is_upper = condition->is_upper};
	ListCell   *lc;

	undone.value = number_of(condition->value_state, context, isnull);
	foreach(lc, condition->steps)
	{
		const Step *step = lfirst(lc);
		double		number = step->number ? number_of(step->state, context, isnull) : 0;

		undo(&undone, step->kind, number);
	}
	*error = undone.error;
	return undone.is_upper && isfinite(undone.value) && isfinite(undone.error) ?
		undone.value : NAN;
}

/* Is the query of a condition the one of the scan? */
static bool
is_about(const Condition *condition, ExprContext *context, Datum query, bool isnull)
{
	bool		null;
	Datum		other;

	if (condition->query == NULL)
		return true;
	other = ExecEvalExprSwitchContext(condition->query_state, context, &null);
	if (null || isnull)
		return null && isnull;
	return datum_image_eq(query, other, false, -1);
}

HvBound
HvBoundEvaluate(const HvBoundConditions *conditions, Datum query, bool isnull,
				const HvSpace *space, double query_norm)
{
	HvBound		bound = HvBoundNone;
	ExprContext *context = conditions->node->ss.ps.ps_ExprContext;
	ListCell   *lc;

	bound.certain = INFINITY;
	foreach(lc, conditions->conditions)
	{
		const Condition *condition = lfirst(lc);
		double		error;
		double		distance;

		if (!is_about(condition, context, query, isnull))
		{
			bound.certain = -INFINITY;
			continue;
		}
		bound.nothing |= isnull;
		distance = farthest(condition, context, &error, &bound.nothing);
		if (isnan(distance))
		{
			bound.certain = -INFINITY;
			continue;
		}
		error += HvSpaceDistanceError(space, distance, query_norm);
		bound.distance = Min(bound.distance, distance + error);
		bound.certain = Min(bound.certain, distance - error);
	}
	ResetExprContext(context);
	if (!HvBoundExists(&bound))
		return bound;
	bound.nothing |= bound.distance < HvSpaceLeastDistance(space);
	bound.square = HvSpaceSquareOf(space, bound.distance, query_norm);
	return bound;
}
