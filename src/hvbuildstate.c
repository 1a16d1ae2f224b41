/*-------------------------------------------------------------------------
 *
 * hvbuildstate.c
 *	  What all parts of one build know.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvbuildstate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "hvbuildstate.h"

void
HvBuildInitMeta(Relation index, HvMetaData *meta, const HvBuildOptions *options)
{
	memset(meta, 0, sizeof(HvMetaData));
	meta->magic = HV_MAGIC;
	meta->version = HV_FORMAT_VERSION;
	meta->metric = HvTypeInfoFor(index)->metric;
	meta->seed = UINT64CONST(0x68767472656531);
	meta->mean_block = InvalidBlockNumber;
	meta->centroid_block = InvalidBlockNumber;
	meta->spill = options->spill > 0;
}

/*
 * The seed of rotation, sample and clusters: always the same, so that the same table
 * gives the same index.
 */
HvBuild *
HvBuildBegin(Relation heap, Relation index, IndexInfo *info)
{
	HvBuild    *build = palloc0(sizeof(HvBuild));

	build->heap = heap;
	build->index = index;
	build->info = info;
	build->type = HvTypeInfoFor(index);
	build->budget = (Size) maintenance_work_mem * 1024;
	build->context = CurrentMemoryContext;
	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "hvtree build row",
											   ALLOCSET_DEFAULT_SIZES);
	HvOptionsForBuild(index, &build->options);
	HvBuildInitMeta(index, &build->meta, &build->options);
	return build;
}

void
HvBuildInitSpace(HvBuild *build, const float *mean)
{
	HvMetric	metric = build->type->metric;
	int			rotate_dims = HvSpaceRotateDims(metric, build->meta.dim);
	HvRotation *rotation = MemoryContextAlloc(build->context, HvRotationSize(rotate_dims));

	HvMetaLayout(&build->meta, &build->layout);
	HvRotationInit(rotation, rotate_dims, build->meta.seed);
	HvSpaceInit(&build->space, metric, build->meta.dim, build->meta.max_norm, mean, rotation);
}
