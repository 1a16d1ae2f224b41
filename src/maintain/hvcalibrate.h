/*-------------------------------------------------------------------------
 *
 * hvcalibrate.h
 *	  An index measures how far its scans must look.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvcalibrate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCALIBRATE_H
#define HVCALIBRATE_H

#include "utils/relcache.h"

#include "maintain/hvtracesample.h"

/* fewer queries than this tell nothing */
#define HV_LEAST_QUERIES	8

/*
 * Traces some rows of the table as queries and stores in the metapage which numbers
 * of leaves and which margins reach which recall.  Does nothing for a tree of one
 * page, whose scans are exact.  Takes about a second, can be cancelled, and locks
 * one page at a time.  A snapshot must be active, or the caller be a build.
 * progress is that of the build.
 */
extern void HvCalibrate(Relation heap, Relation index, HvProgress *progress);

/*
 * The same where the index has changed much since it was measured last.  A curve of
 * given queries is scaled, not replaced.
 */
extern void HvCalibrateIfDue(Relation heap, Relation index);

typedef enum HvCalibrated
{
	HV_CALIBRATED,
	HV_CALIBRATED_NEEDLESS,		/* the tree is one page */
	HV_CALIBRATED_NOT			/* the queries do not find their neighbors */
} HvCalibrated;

/*
 * The same as the first with given queries, in random order; NULL = rows again.  Says
 * how many could be traced.
 */
extern HvCalibrated HvCalibrateWith(Relation heap, Relation index, const HvGivenQueries *given,
									int *queries);

#endif							/* HVCALIBRATE_H */
