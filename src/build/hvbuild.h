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

extern IndexBuildResult *hvbuild(Relation heap, Relation index, IndexInfo *info);
extern void hvbuildempty(Relation index);

/* where a parallel worker begins */
extern PGDLLEXPORT void hvbuild_parallel_main(dsm_segment *segment, shm_toc *toc);

#endif							/* HVBUILD_H */
