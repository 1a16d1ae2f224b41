/*-------------------------------------------------------------------------
 *
 * hvbuildstate.c
 *	  The state of one build, and how many workers it requests.
 *
 * NOTES
 *	  The rules for workers are those of plan_create_index_workers(), with two
 *	  differences.  That function counts the main fork of the table alone, but
 *	  vectors are mostly in TOAST; and it adds a worker whenever the table is
 *	  three times as large, since a btree build reads and sorts.  This build is
 *	  mostly arithmetic, which any number of processors can share.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvbuildstate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "optimizer/clauses.h"
#include "optimizer/paths.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "build/hvbuildparallel.h"
#include "build/hvbuildstate.h"

/* kB of maintenance_work_mem for each participant at least, as with btree */
#define LEAST_KB_A_PARTICIPANT	32768

void
HvBuildInitMeta(Relation index, HvMetaData *meta, const HvBuildOptions *options)
{
	HvKeyColumns columns;

	memset(meta, 0, sizeof(HvMetaData));
	meta->magic = HV_MAGIC;
	meta->metric = HvTypeInfoFor(index)->metric;
	HvKeyColumnsInit(&columns, index);
	HvAttributeLayoutPack(&columns.layout, meta);
	meta->version = columns.count > 0 ? HV_FORMAT_KEYS : HV_FORMAT_OLDEST;
	meta->seed = UINT64CONST(0x68767472656531);
	meta->mean_block = InvalidBlockNumber;
	meta->centroid_block = InvalidBlockNumber;
	meta->spill = options->spill > 0;
}

/*
 * The seed of rotation, sample and clusters: always the same, so that the same
 * table gives the same index.
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
	build->progress = &build->own_progress;
	HvProgressInit(build->progress);
	HvOptionsForBuild(index, &build->options);
	HvBuildInitMeta(index, &build->meta, &build->options);
	HvKeyColumnsInit(&build->columns, index);
	return build;
}

void
HvBuildInitSpace(HvBuild *build, const float *mean)
{
	HvMetric	metric = build->type->metric;
	int			rotate_dims = HvSpaceRotateDims(metric, build->meta.dim);
	HvRotation *rotation = MemoryContextAlloc(build->context, HvRotationSize(rotate_dims));

	Assert(build->meta.dim > 0 && mean != NULL);
	HvMetaLayout(&build->meta, &build->layout);
	HvRotationInit(rotation, rotate_dims, build->meta.seed);
	HvSpaceInit(&build->space, metric, build->meta.dim, build->meta.unit, build->meta.max_norm,
				mean, rotation);
	HvSpaceCentroidRule(&build->space,
						MemoryContextAlloc(build->context, rotate_dims * sizeof(float)),
						&build->centroid_rule);
}

/* May expressions and condition of the index be computed in workers? */
static bool
runs_in_workers(const HvBuild *build)
{
	Query	   *query = makeNode(Query);

	query->commandType = CMD_SELECT;
	query->targetList = list_concat_copy(RelationGetIndexExpressions(build->index),
										 RelationGetIndexPredicate(build->index));
	return max_parallel_hazard(query) == PROPARALLEL_SAFE;
}

/*
 * Blocks of a table that a build reads: vectors are mostly in its TOAST table.
 */
static BlockNumber
blocks_to_read(Relation heap)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(heap);

	if (OidIsValid(heap->rd_rel->reltoastrelid))
	{
		Relation	toast = table_open(heap->rd_rel->reltoastrelid, AccessShareLock);

		blocks += RelationGetNumberOfBlocks(toast);
		table_close(toast, AccessShareLock);
	}
	return blocks;
}

int
HvCrewWorkersWanted(const HvBuild *build)
{
	Relation	heap = build->heap;
	int			wanted = RelationGetParallelWorkers(heap, -1);
	int			affordable = maintenance_work_mem / LEAST_KB_A_PARTICIPANT - 1;

	if (max_parallel_maintenance_workers == 0 || wanted == 0 || IsParallelWorker() ||
		heap->rd_rel->relpersistence == RELPERSISTENCE_TEMP || !runs_in_workers(build))
		return 0;
	if (wanted > 0)
		return Min(wanted, max_parallel_maintenance_workers);
	if (blocks_to_read(heap) < (BlockNumber) min_parallel_table_scan_size)
		return 0;
	return Max(0, Min(affordable, max_parallel_maintenance_workers));
}
