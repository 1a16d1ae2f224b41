/*-------------------------------------------------------------------------
 *
 * hvbuildjobs.h
 *	  What the participants of a build do, and where a worker begins.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvbuildjobs.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVBUILDJOBS_H
#define HVBUILDJOBS_H

#include "hvbuildparallel.h"

/* the work of each kind of job */
extern const HvJobWork HvBuildJobs[HV_NJOBS];

/* where a parallel worker begins */
extern PGDLLEXPORT void hvbuild_parallel_main(dsm_segment *segment, shm_toc *toc);

#endif							/* HVBUILDJOBS_H */
