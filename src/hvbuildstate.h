/*-------------------------------------------------------------------------
 *
 * hvbuildstate.h
 *	  What all parts of one build know.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvbuildstate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVBUILDSTATE_H
#define HVBUILDSTATE_H

#include "nodes/execnodes.h"

#include "hvkmeans.h"
#include "hvmeta.h"
#include "hvoptions.h"
#include "hvtype.h"

typedef struct HvBuild
{
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	const HvTypeInfo *type;
	HvBuildOptions options;
	HvMetaData	meta;
	HvLayout	layout;
	HvSpace		space;
	Size		budget;			/* bytes of maintenance_work_mem */
	double		estimated_rows;
	MemoryContext context;		/* as long as the build */
	MemoryContext row_context;	/* one row */
} HvBuild;

#endif							/* HVBUILDSTATE_H */
