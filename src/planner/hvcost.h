/*-------------------------------------------------------------------------
 *
 * hvcost.h
 *	  The cost estimate of an index scan.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvcost.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCOST_H
#define HVCOST_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "utils/relcache.h"

/*
 * amcostestimate.  Reads at most the metapage, and that only where the relation
 * cache does not have it.
 */
extern void hvcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
						   Cost *startup_cost, Cost *total_cost,
						   Selectivity *selectivity, double *correlation,
						   double *pages);

/*
 * What a scan for the rows that are wanted takes, by itself.  (What is reported
 * is less, by what other plans are not charged for.)
 */
extern Cost HvCostOfWork(PlannerInfo *root, IndexPath *path);

/* Among how many the work is divided, the leader included. */
extern double HvCostParticipants(int workers);

#endif							/* HVCOST_H */
