/*-------------------------------------------------------------------------
 *
 * hvnearest.h
 *	  The next nearest row of a scan: how far to read and to measure first.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvnearest.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVNEAREST_H
#define HVNEAREST_H

#include "scan/hvscanstate.h"

/* Leaves are compared with the farthest of so many of the nearest rows. */
extern int	HvNearestToKnow(const HvScan *state);

/* The next row of the search, an HvScan (HvBatchTake). */
extern bool HvNearestTake(void *scan_state, HvRow *row);

/* With nothing to order by, candidates are returned as they are found. */
extern bool HvNearestInAnyOrder(HvScan *state, uint64 *id);

#endif							/* HVNEAREST_H */
