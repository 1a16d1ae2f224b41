/*-------------------------------------------------------------------------
 *
 * hvresjunk.h
 *	  Distances that a plan computes without need.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvresjunk.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVRESJUNK_H
#define HVRESJUNK_H

/* Begins to look at finished plans; once, from _PG_init. */
extern void HvResjunkInit(void);

#endif							/* HVRESJUNK_H */
