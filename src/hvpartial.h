/*-------------------------------------------------------------------------
 *
 * hvpartial.h
 *	  Parallel scans as the planner sees them.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvpartial.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVPARTIAL_H
#define HVPARTIAL_H

/* Begins to propose parallel scans to the planner; once, from _PG_init. */
extern void HvPartialInit(void);

#endif							/* HVPARTIAL_H */
