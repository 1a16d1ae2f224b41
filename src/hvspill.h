/*-------------------------------------------------------------------------
 *
 * hvspill.h
 *	  Whether a second copy of each row pays, by trial on a sample.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvspill.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSPILL_H
#define HVSPILL_H

#include "hvbuildstate.h"

/*
 * Does spilling lower the number of codes that a query must score by enough to
 * be worth the space?  vectors is the sample of the build.  Deterministic.
 */
extern bool HvSpillPays(const HvBuild *build, const HvVectors *vectors);

#endif							/* HVSPILL_H */
