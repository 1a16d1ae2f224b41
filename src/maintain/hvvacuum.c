/*-------------------------------------------------------------------------
 *
 * hvvacuum.c
 *	  Removing dead rows, freeing pages.
 *
 * NOTES
 *	  ambulkdelete must show every tuple that was there at its start to the
 *	  callback, and concurrent splits may move tuples to blocks that it has
 *	  passed.  Pages that tuples moved to are stamped with the structure
 *	  counter: after a pass in block order, leaves with a newer stamp are
 *	  visited again, until the counter no longer changes.
 *
 *	  amvacuumcleanup maintains the tree (hvmaintain.c) within a budget.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvvacuum.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

#include "maintain/hvmaintain.h"
#include "maintain/hvvacuum.h"
#include "page/hvcompat.h"
#include "page/hvpage.h"
#include "storage/hvdebug.h"
#include "storage/hvstorestream.h"
#include "tree/hvwalk.h"

#define MAX_TUPLES	(BLCKSZ / sizeof(HvLeafEntryData))

/* passes over what splits changed before splits are held up */
#define FREE_PASSES	3

/* Bulk delete ------------------------------------------------------------- */

typedef struct BulkDelete
{
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	HvIndex    *index;
	HvBlockSet	leaves;			/* met so far */
} BulkDelete;

/* Notes a leaf whose row pointers may be shown to the callback. */
static void
accept_leaf(BulkDelete *bulk, BlockNumber block, Page page)
{
	const char *problem = HvPageVerifyTuples(page, &bulk->index->layout);

	if (problem)
		HvStoreCorrupted(bulk->info->index, block, problem);
	HvBlockSetAdd(&bulk->leaves, block);
}

/*
 * The rows of a leaf that is newer than newer_than; -1 if the page is not one.
 */
static int
copy_rows(const HvLayout *layout, Page page, uint64 newer_than, bool all, uint64 *rows)
{
	int			n = -1;

	if (HvPageKindOf(page) == HV_PAGE_LEAF &&
		(all || HvPageGetOpaque(page)->seq > newer_than))
	{
		n = HvPageCount(page);
		Assert(n <= layout->leaf_capacity && n <= MAX_TUPLES);	/* I10 */
		for (int i = 0; i < n; i++)
			rows[i] = HvRowPack(&HvPageLeafEntry(page, layout, i)->tid);
	}
	return n;
}

static bool
contains(const uint64 *rows, int n, uint64 row)
{
	for (int i = 0; i < n; i++)
	{
		if (rows[i] == row)
			return true;
	}
	return false;
}

/* Removes the tuples of dead rows from a leaf: one WAL record. */
static void
remove_rows(BulkDelete *bulk, BlockNumber block, const uint64 *dead, int ndead)
{
	const HvLayout *layout = &bulk->index->layout;
	HvAction	action;
	Page		page;
	int			removed = 0;

	HvActionBegin(&action, bulk->info->index);
	page = HvActionOpen(&action, layout, block);
	if (HvPageKindOf(page) == HV_PAGE_LEAF)
	{
		for (int i = HvPageCount(page) - 1; i >= 0; i--)
		{
			const HvLeafEntryData *entry = HvPageLeafEntry(page, layout, i);

			if (!contains(dead, ndead, HvRowPack(&entry->tid)))
				continue;
			removed += (entry->flags & HV_ENTRY_SPILLED) == 0;
			HvPageRemove(page, layout, i);
			HvPageAddChurn(page, 1);
		}
	}
	HvActionCommit(&action);
	bulk->stats->tuples_removed += removed;
}

/*
 * Asks about the rows of one leaf, with nothing locked, and removes the dead
 * ones.
 */
static void
clean_leaf(BulkDelete *bulk, BlockNumber block, uint64 *rows, int n)
{
	int			ndead = 0;

	/* the callback may read the heap */
	Assert(HvStoreNoPageIsLocked());
	for (int i = 0; i < n; i++)
	{
		ItemPointerData tid;

		HvRowUnpack(rows[i], &tid);
		if (bulk->callback(&tid, bulk->callback_state))
			rows[ndead++] = rows[i];
	}
	if (n > 0)
		HV_DEBUG_POINT("bulkdelete-leaf");
	if (ndead > 0)
		remove_rows(bulk, block, rows, ndead);
}

/*
 * One pass in block order over all leaves, or those stamped after newer_than.
 */
static void
clean_leaves(BulkDelete *bulk, uint64 newer_than, bool all)
{
	const HvLayout *layout = &bulk->index->layout;
	BlockNumber nblocks = HvStoreBlocks(bulk->info->index);
	HvStoreStream *stream =
		HvStoreStreamBeginRange(bulk->info->index, layout, HV_STREAM_MAINTENANCE,
								bulk->info->strategy, HV_ROOT_BLOCK, nblocks);
	uint64		rows[MAX_TUPLES];
	BlockNumber block;
	Page		page;
	Buffer		buffer;

	/* (a second pass reads few of them: the view may say that all are done) */
	if (bulk->info->report_progress && all)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL, nblocks);
	while (HvStoreStreamNext(stream, &block, &page, &buffer))
	{
		int			n;

		if (bulk->info->report_progress && all)
			pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, block + 1);
		if (page == NULL)
			continue;
		if (HvPageKindOf(page) == HV_PAGE_LEAF)
			accept_leaf(bulk, block, page);
		n = copy_rows(layout, page, newer_than, all, rows);
		HvStoreRelease(buffer);
		HV_VACUUM_DELAY_POINT();
		clean_leaf(bulk, block, rows, n);
	}
	HvStoreStreamEnd(stream);
}

/*
 * Visits the leaves that splits have changed behind the first pass.  Where
 * splits come faster than passes, the last one holds them up.
 */
static void
catch_up(BulkDelete *bulk)
{
	Relation	relation = bulk->info->index;
	uint64		done = bulk->index->meta.seq;
	bool		locked = false;

	for (int passes = 0;; passes++)
	{
		HvMetaData	meta;

		HvMetaRead(relation, &meta);
		if (meta.seq == done)
			break;
		if (passes == FREE_PASSES)
		{
			HvStoreLockStructure(relation);
			locked = true;
			HvMetaRead(relation, &meta);
		}
		clean_leaves(bulk, done, false);
		done = meta.seq;
	}
	if (locked)
		HvStoreUnlockStructure(relation);
}

IndexBulkDeleteResult *
hvbulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			 IndexBulkDeleteCallback callback, void *state)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree bulk delete",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	BulkDelete	bulk = {.info = info, .stats = stats, .callback = callback,
	.callback_state = state};

	if (stats == NULL)
		bulk.stats = palloc0(sizeof(IndexBulkDeleteResult));
	old = MemoryContextSwitchTo(context);
	bulk.index = HvIndexOpen(info->index);
	if (bulk.index->meta.dim > 0)
	{
		HvBlockSetInit(&bulk.leaves, HvStoreBlocks(info->index));
		clean_leaves(&bulk, 0, true);
		HV_DEBUG_POINT("bulkdelete-pass");
		catch_up(&bulk);
		/* a leaf that has lost its content was passed over: say so */
		HvWalkTree(info->index, &bulk.index->layout, &bulk.leaves, NULL, NULL);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return bulk.stats;
}

/* Cleanup ----------------------------------------------------------------- */

/* The table of an index, which VACUUM has locked. */
static Relation
open_heap(Relation index)
{
	return table_open(IndexGetRelation(RelationGetRelid(index), false), AccessShareLock);
}

IndexBulkDeleteResult *
hvvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	HvMaintenance maintenance = {0};

	if (info->analyze_only)
		return stats;
	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));

	maintenance.index = info->index;
	maintenance.heap = open_heap(info->index);
	maintenance.strategy = info->strategy;
	maintenance.budget = HV_MAINTAIN_AUTO;
	HvMaintainRun(&maintenance);
	table_close(maintenance.heap, AccessShareLock);

	stats->num_pages = HvStoreBlocks(info->index);
	stats->num_index_tuples = maintenance.rows;
	stats->estimated_count = false;

	/* rows moved during the count may be in it twice: there are no more than in the table */
	if (!info->estimated_count)
		stats->num_index_tuples = Min(stats->num_index_tuples, info->num_heap_tuples);
	stats->pages_newly_deleted += maintenance.freed;
	stats->pages_deleted = stats->pages_free = maintenance.free_pages + maintenance.freed;
	return stats;
}
