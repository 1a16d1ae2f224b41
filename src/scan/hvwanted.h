/*-------------------------------------------------------------------------
 *
 * hvwanted.h
 *	  What a node of a plan wants of the nodes below it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvwanted.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVWANTED_H
#define HVWANTED_H

#include "nodes/execnodes.h"

typedef struct HvWanted
{
	bool		all;			/* up to the last row */
	double		rows;			/* else at least so many; 0 = not known */
	double		expected;		/* how many the planner expects where that was said;
								 * INFINITY = enough */
} HvWanted;

extern const HvWanted HvWantedEverything;
extern const HvWanted HvWantedAnything; /* unknown */

extern HvWanted HvWantedRows(double rows, double expected);

/*
 * So many more as the planner expects a node to drop of those that the one
 * below it returns.
 */
extern HvWanted HvWantedWithLoss(HvWanted wanted, const Plan *plan, const Plan *below);

/*
 * Does a window function look at its whole partition before the first row of
 * it?  "frame" are the frame options of its window, which may be ordered.
 */
extern bool HvWantedWholePartition(const WindowFunc *function, int frame, bool ordered);

/* Of all children of a node that is no join. */
extern HvWanted HvWantedBelow(PlanState *node, HvWanted wanted);

/* Of the inner side of a nested loop, each time that it begins. */
extern HvWanted HvWantedInside(const NestLoopState *loop, HvWanted wanted);

/* Of a subplan, by the expression that it is part of, each time. */
extern HvWanted HvWantedOfSubplan(const SubPlan *subplan);

#endif							/* HVWANTED_H */
