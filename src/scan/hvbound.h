/*-------------------------------------------------------------------------
 *
 * hvbound.h
 *	  Conditions of WHERE that bound the distance that a scan orders by.
 *
 * NOTES
 *	  WHERE v <-> $1 < 0.3 ORDER BY v <-> $1: behind the first row that is too
 *	  far away no other can pass.  The executor evaluates the condition all the
 *	  same, so a bound may be a little too wide, and must never be too narrow.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvbound.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVBOUND_H
#define HVBOUND_H

#include "nodes/execnodes.h"

#include "arithmetic/hvspace.h"

/* the conditions of one plan node */
typedef struct HvBoundConditions HvBoundConditions;

/* what they say for one query vector */
typedef struct HvBound
{
	bool		nothing;		/* no row can pass */
	double		distance;		/* rows farther away do not pass; INFINITY = all may */
	double		certain;		/* rows up to here pass these conditions, whatever the
								 * rounding; -INFINITY = no row does for certain */
	double		square;			/* of distance in the tree space, or INFINITY */
} HvBound;

/* Is a clause a bound on a distance, OpExpr of an index column and a query? */
extern bool HvBoundIsOne(Node *clause, const Node *distance);

/*
 * The bounds among the conditions of a scan's node, NULL if there are none.
 * They live in the current memory context.
 */
extern HvBoundConditions *HvBoundFind(IndexScanState *node);

/*
 * What is left of the node's conditions without the bounds, NULL if nothing;
 * *known is false where it cannot be evaluated apart.
 */
extern ExprState *HvBoundRest(const HvBoundConditions *conditions, bool *known);

/*
 * Evaluates the bounds for the query vector of a scan, whose length is
 * query_norm.  Calls functions of the user's, so no page may be locked.
 */
extern HvBound HvBoundEvaluate(const HvBoundConditions *conditions, Datum query, bool isnull,
							   const HvSpace *space, double query_norm);

/* that of a scan without conditions */
extern const HvBound HvBoundNone;

static inline bool
HvBoundExists(const HvBound *bound)
{
	return bound->distance < INFINITY;
}

#endif							/* HVBOUND_H */
