/*-------------------------------------------------------------------------
 *
 * hvkeypath.h
 *	  Conditions on key columns that the planner does not hand to the index.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvkeypath.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVKEYPATH_H
#define HVKEYPATH_H

/* Installs the hook. */
extern void HvKeyPathInit(void);

#endif							/* HVKEYPATH_H */
