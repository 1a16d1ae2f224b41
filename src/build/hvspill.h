/*-------------------------------------------------------------------------
 *
 * hvspill.h
 *	  Whether a second copy of each row pays, by trial on a sample.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvspill.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSPILL_H
#define HVSPILL_H

#include "build/hvsample.h"

/*
 * Does spilling lower the number of codes that a query must score by enough to
 * be worth the space?  Deterministic.  Leader only; uses sample->members and
 * leaves all of them there.
 */
extern bool HvSpillPays(HvBuild *build, HvSample *sample);

#endif							/* HVSPILL_H */
