/*-------------------------------------------------------------------------
 *
 * hvexhaustive.h
 *	  Scans that had better read everything, in block order.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvexhaustive.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVEXHAUSTIVE_H
#define HVEXHAUSTIVE_H

#include "scan/hvscanstate.h"

/* Is it time to stop looking for near rows? */
extern bool HvExhaustiveIsDue(const HvScan *state);

/*
 * Finds all rows that pass and are not returned yet, and keeps them for the batch.
 * What is left in the scan after that are late rows.
 */
extern void HvExhaustiveRun(HvScan *state);

#endif							/* HVEXHAUSTIVE_H */
