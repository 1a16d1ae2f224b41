/*-------------------------------------------------------------------------
 *
 * hvbuild.h
 *	  Building an index from a table.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvbuild.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVBUILD_H
#define HVBUILD_H

#include "access/genam.h"
#include "nodes/execnodes.h"

#include "build/hvbuildparallel.h"

/* phases of pg_stat_progress_create_index; 1 is core's own */
#define HV_PHASE_SURVEY		2
#define HV_PHASE_SAMPLE		3
#define HV_PHASE_CLUSTER	4
#define HV_PHASE_ASSIGN		5
#define HV_PHASE_SORT		6
#define HV_PHASE_WRITE		7
#define HV_PHASE_LOG		8
#define HV_PHASE_CALIBRATE	9

extern IndexBuildResult *hvbuild(Relation heap, Relation index, IndexInfo *info);
extern void hvbuildempty(Relation index);
extern char *hvbuildphasename(int64 phase);

/* where a parallel worker begins */
extern PGDLLEXPORT void hvbuild_parallel_main(dsm_segment *segment, shm_toc *toc);

#endif							/* HVBUILD_H */
