/*-------------------------------------------------------------------------
 *
 * hvbuildworkers.c
 *	  How many workers a build asks for.
 *
 * NOTES
 *	  The rules are those of plan_create_index_workers(), with two differences.
 *	  That one looks at the main fork of the table alone, but vectors mostly stand in
 *	  TOAST; and it adds a worker whenever the table is three times as
 *	  large, since a btree build reads and sorts.  Here all is arithmetic, which
 *	  any number of processors can share.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvbuildworkers.c
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
#include "utils/rel.h"
#include "utils/relcache.h"

#include "hvbuildparallel.h"

/* kB of maintenance_work_mem for each participant at least, as with btree */
#define LEAST_KB_A_PARTICIPANT	32768

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

/* Blocks of a table that a build reads: vectors mostly stand in its TOAST table. */
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
