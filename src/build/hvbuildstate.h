/*-------------------------------------------------------------------------
 *
 * hvbuildstate.h
 *	  The state of one build that all of its files use.
 *
 * NOTES
 *	  Each participant of a parallel build has an HvBuild of its own; what they
 *	  share is reached by "crew" (hvbuildparallel.h).
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvbuildstate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVBUILDSTATE_H
#define HVBUILDSTATE_H

#include "nodes/execnodes.h"

#include "arithmetic/hvkmeans.h"
#include "maintain/hvprogress.h"
#include "heap/hvkeytype.h"
#include "heap/hvtype.h"
#include "tree/hvmeta.h"
#include "tree/hvoptions.h"

struct HvCrew;

typedef struct HvBuild
{
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	const HvTypeInfo *type;
	HvKeyColumns columns;
	HvBuildOptions options;
	HvMetaData	meta;
	HvLayout	layout;
	HvSpace		space;
	HvCentroidRule centroid_rule;	/* of space */
	Size		budget;			/* bytes of maintenance_work_mem, of all together */
	double		estimated_rows;
	MemoryContext context;		/* as long as the build */
	MemoryContext row_context;	/* one row */
	struct HvCrew *crew;		/* its participants; NULL before there are any */
	HvProgress *progress;		/* of all participants */
	HvProgress	own_progress;	/* while the leader is alone */
} HvBuild;

/* The metapage of an index that has no dimension yet. */
extern void HvBuildInitMeta(Relation index, HvMetaData *meta, const HvBuildOptions *options);

/* A build of an index; no row has been looked at. */
extern HvBuild *HvBuildBegin(Relation heap, Relation index, IndexInfo *info);

/*
 * Rows can be projected from here on: dim, unit and max_norm of meta are known,
 * and the mean.
 */
extern void HvBuildInitSpace(HvBuild *build, const float *mean);

#endif							/* HVBUILDSTATE_H */
