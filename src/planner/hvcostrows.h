/*-------------------------------------------------------------------------
 *
 * hvcostrows.h
 *	  What a query takes of a table, for the cost estimate.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvcostrows.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCOSTROWS_H
#define HVCOSTROWS_H

#include "postgres.h"

#include "nodes/pathnodes.h"

/* The partitioned table that a table is a part of, else the table itself. */
extern const RelOptInfo *HvCostWholeTable(const PlannerInfo *root, const RelOptInfo *table);

/*
 * Is it known that the scan runs to its end?  Before 17 the planner takes every
 * window for one that returns its first row at once.
 */
extern bool HvCostTakesAll(const PlannerInfo *root);

/* The share of the index's rows that conditions on key columns leave. */
extern Selectivity HvCostConditions(PlannerInfo *root, const IndexPath *path);

/*
 * The share of the rows that the planner expects to pass the bounds on the distance
 * that the scan orders by; 1 = there are none.
 */
extern Selectivity HvCostBounds(PlannerInfo *root, const IndexPath *path);

/* Rows that the scan returns: fewer where an outer row gives parameters. */
extern double HvCostRows(const IndexPath *path);

/* Is there a condition that the vector is NULL?  Such rows are not in the index. */
extern bool HvCostWantsNull(const IndexPath *path);

/*
 * The share of the rows that pass that joins with other tables may leave.  How
 * large a join is has not been estimated yet; that a row finds a partner is
 * taken to be as likely as that the partner passes its own filters.
 */
extern double HvCostShareJoined(const PlannerInfo *root, const RelOptInfo *table);

#endif							/* HVCOSTROWS_H */
