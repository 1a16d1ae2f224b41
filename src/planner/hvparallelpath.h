/*-------------------------------------------------------------------------
 *
 * hvparallelpath.h
 *	  Parallel scans as the planner sees them.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvparallelpath.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVPARALLELPATH_H
#define HVPARALLELPATH_H

/* Begins to propose parallel scans to the planner; once, from _PG_init. */
extern void HvParallelPathInit(void);

#endif							/* HVPARALLELPATH_H */
