/*-------------------------------------------------------------------------
 *
 * hvmaintain.c
 *	  Maintenance: what keeps a tree that changes as good as a new one.
 *
 * NOTES
 *	  Every step leaves a tree that can be read, searched and inserted into, and
 *	  holds the structure lock for one page only.  A cancel or a crash loses the
 *	  rest of the work and nothing else.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvmaintain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "maintain/hvcalibrate.h"
#include "maintain/hvconvert.h"
#include "maintain/hvmaintain.h"
#include "maintain/hvmean.h"
#include "maintain/hvmerge.h"
#include "maintain/hvreassign.h"
#include "maintain/hvvacuumscan.h"
#include "page/hvcompat.h"
#include "storage/hvdebug.h"
#include "tree/hvinner.h"

/* what VACUUM may read: this many rows, or this share of them, 1 / 4 */
#define BUDGET_LEAST	100000
#define BUDGET_SHARE	4

/* rounds of merging inner pages, each of which may leave work for another */
#define MOST_ROUNDS		(HV_MAX_LEVEL + 1)

typedef struct Work
{
	HvMaintenance *maintenance;
	HvHeap	   *heap;
	HvVacuumScan scan;
	MemoryContext page_context; /* reset for every page */
} Work;

/* One page ---------------------------------------------------------------- */

/* Recomputes a page's centroid if it has drifted, and moves tuples by it. */
static void
recenter_page(Work *work, HvMembers *members, HvParent *parent, float *mean)
{
	HvRecentering	result;

	HvRecenterMembers(members, work->heap, parent, mean, &result);
	work->maintenance->recentered += result.recentered;
	work->maintenance->moved += result.moved;
	work->maintenance->rows_read += result.rows_read;
}

/* Maintains a page below the root; the structure lock is held. */
static void
maintain_page(Work *work, BlockNumber block, int level)
{
	HvIndex    *index = HvIndexOpen(work->maintenance->index);
	HvMembers  *members = palloc(sizeof(HvMembers));
	float	   *mean = palloc(index->layout.code_bits * sizeof(float));
	HvParent	parent;
	int			capacity = level == 0 ? index->layout.leaf_capacity :
		index->layout.inner_capacity;

	Assert(HvStoreStructureIsLocked(index->relation));
	Assert(level >= 0 && level <= HV_MAX_LEVEL);
	if (level >= index->meta.height || !HvMembersRead(members, index, block, level) ||
		members->count == 0 || !HvConvertMembers(members, work->heap))
		return;
	if (members->vectors == NULL)
		HvMembersLoad(members, work->heap);
	HV_DEBUG_POINT("maintain-page");
	if (level == 0)
		work->maintenance->rows_read += members->count;
	work->maintenance->pages++;
	HvMembersCentroid(members, mean);
	HvParentFind(index, block, level, mean, &parent);
	if (!HvConvertPage(index, work->heap, parent.block, level + 1))
		return;
	if (HvMergeIsDue(members->count, capacity) && HvMergePage(members, &parent))
	{
		work->maintenance->merged++;
		work->maintenance->freed++;
	}
	else
		recenter_page(work, members, &parent, mean);
}

/* The same, with the lock and the memory for it. */
static void
visit_page(Work *work, BlockNumber block, int level)
{
	MemoryContext old = MemoryContextSwitchTo(work->page_context);

	HV_VACUUM_DELAY_POINT();
	CHECK_FOR_INTERRUPTS();
	HvStoreLockStructure(work->maintenance->index);
	maintain_page(work, block, level);
	HvStoreUnlockStructure(work->maintenance->index);
	MemoryContextSwitchTo(old);
	MemoryContextReset(work->page_context);
}

/* Leaves ------------------------------------------------------------------ */

/* Remembers in the metapage where to go on. */
static void
set_place(Work *work, BlockNumber block)
{
	HvAction	action;
	HvMetaData	meta;

	HvMetaRead(work->maintenance->index, &meta);
	if (meta.maintain_block == block)
		return;
	HvActionBegin(&action, work->maintenance->index);
	HvActionOpenMeta(&action)->maintain_block = block;
	HvActionCommit(&action);
}

/*
 * The position in a list of ascending blocks of the first one not below block.
 */
static int
first_from(const List *blocks, BlockNumber block)
{
	int			at = 0;

	while (at < list_length(blocks) && list_nth_oid(blocks, at) < block)
		at++;
	return at < list_length(blocks) ? at : 0;
}

/*
 * Rows that may be read where the caller does not say.  Autovacuum comes when
 * a fifth of a table has changed, so a quarter keeps up with it; a small table
 * can be read whole; and rows that came since the last VACUUM are added.
 */
static int64
automatic_budget(const Work *work)
{
	double		rows = work->scan.rows;
	double		new_rows = Max(rows - work->scan.index->meta.rows, 0);

	return (int64) Max(rows / BUDGET_SHARE + new_rows, BUDGET_LEAST);
}

/* Maintains the leaves that are due, from where the last run ended. */
static void
maintain_leaves(Work *work)
{
	HvMaintenance *maintenance = work->maintenance;
	const List *due = work->scan.due_leaves;
	int			all = list_length(due);
	int			first = first_from(due, work->scan.index->meta.maintain_block);
	/*
	 * a round over every leaf ends at the last one, so that it can be complete
	 */
	int			n = maintenance->every_leaf ? all - first : all;
	/* the few rows that were read for the mean do not count */
	int64		limit = maintenance->budget + maintenance->rows_read;
	int			done;

	Assert(first == 0 || first < all);
	for (done = 0; done < n; done++)
	{
		if (maintenance->budget >= 0 && maintenance->rows_read >= limit)
			break;
		visit_page(work, list_nth_oid(due, (first + done) % all), 0);
	}
	maintenance->complete = done == n;
	set_place(work, done == n ? 0 : list_nth_oid(due, (first + done) % all));
}

/* Inner pages ------------------------------------------------------------- */

/* Is an inner page due, and of which level is it?  0 = no. */
static int
due_level(Work *work, BlockNumber block)
{
	const HvLayout *layout = &work->scan.index->layout;
	Buffer		buffer;
	Page		page;
	int			level = 0;

	if (block == HV_ROOT_BLOCK)
		return 0;
	page = HvStoreRead(work->maintenance->index, layout, block, NULL, &buffer);
	if (page == NULL)
		return 0;
	if (HvPageKindOf(page) == HV_PAGE_INNER &&
		(work->maintenance->every_leaf || HvVacuumScanIsDue(work->scan.index, page)))
		level = HvPageGetOpaque(page)->level;
	HvStoreRelease(buffer);
	return level;
}

/* Maintains inner pages, lowest level first; returns how many were merged. */
static int64
maintain_inner(Work *work)
{
	int64		merged = work->maintenance->merged;
	ListCell   *cell;

	for (int level = 1; level < work->scan.index->meta.height; level++)
	{
		foreach(cell, work->scan.inner_pages)
		{
			if (due_level(work, lfirst_oid(cell)) == level)
				visit_page(work, lfirst_oid(cell), level);
		}
	}
	return work->maintenance->merged - merged;
}

/* Takes a level off the tree while the root has a single child. */
static void
lower_root(Work *work)
{
	MemoryContext old = MemoryContextSwitchTo(work->page_context);

	HvStoreLockStructure(work->maintenance->index);
	while (HvMergeRoot(HvIndexOpen(work->maintenance->index)))
	{
		work->maintenance->levels++;
		work->maintenance->freed++;
	}
	HvStoreUnlockStructure(work->maintenance->index);
	MemoryContextSwitchTo(old);
	MemoryContextReset(work->page_context);
}

/*
 * Converts the pages that are not due otherwise, and ends a change of the
 * mean.
 */
static void
finish_conversion(Work *work)
{
	MemoryContext old;
	ListCell   *cell;
	HvMetaData	meta;

	HvMetaRead(work->maintenance->index, &meta);
	if ((meta.flags & HV_META_CONVERTING) == 0)
		return;
	old = MemoryContextSwitchTo(work->page_context);
	foreach(cell, work->scan.centroid_pages)
	{
		HV_VACUUM_DELAY_POINT();
		HvStoreLockStructure(work->maintenance->index);
		HvConvertCentroids(HvIndexOpen(work->maintenance->index), lfirst_oid(cell));
		HvStoreUnlockStructure(work->maintenance->index);
		MemoryContextReset(work->page_context);
	}
	if (work->maintenance->complete)
	{
		/* the root, and leaves that are empty but the last of their parents */
		HvStoreLockStructure(work->maintenance->index);
		HvConvertNext(HvIndexOpen(work->maintenance->index), work->heap, INT_MAX);
		HvStoreUnlockStructure(work->maintenance->index);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(work->page_context);
}

/* Tests whether the mean is still where the data is. */
static void
review_mean(Work *work)
{
	MemoryContext old = MemoryContextSwitchTo(work->page_context);

	HvStoreLockStructure(work->maintenance->index);
	HvMeanReview(HvIndexOpen(work->maintenance->index), work->heap, &work->maintenance->rows_read);
	HvStoreUnlockStructure(work->maintenance->index);
	MemoryContextSwitchTo(old);
	MemoryContextReset(work->page_context);
}

/* Takes empty leaves out of the tree. */
static void
prune(Work *work)
{
	if (work->scan.empty_leaves == NIL)
		return;
	HvStoreLockStructure(work->maintenance->index);
	HvVacuumScanPrune(&work->scan);
	HvStoreUnlockStructure(work->maintenance->index);
}

/*
 * Merging leaves leaves inner pages with few children, and those, merged, let
 * more empty leaves go: an inner page keeps its last child.
 */
static void
maintain_structure(Work *work)
{
	for (int round = 0; round < MOST_ROUNDS; round++)
	{
		prune(work);
		if (maintain_inner(work) == 0)
			break;
	}
	lower_root(work);
}

void
HvMaintainRun(HvMaintenance *maintenance)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree maintenance",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HvIndex    *index = HvIndexOpen(maintenance->index);
	Work		work = {0};

	Assert(HvStoreNoPageIsLocked());
	maintenance->complete = true;
	if (index->meta.dim > 0)
	{
		work.maintenance = maintenance;
		work.page_context = AllocSetContextCreate(context, "hvtree maintenance of a page",
												  ALLOCSET_DEFAULT_SIZES);
		work.heap = HvHeapBeginAll(maintenance->heap, maintenance->index, context);
		review_mean(&work);
		HvVacuumScanTake(&work.scan, HvIndexOpen(maintenance->index), maintenance->strategy,
					 maintenance->every_leaf);
		HvVacuumScanVerify(&work.scan);
		HV_DEBUG_POINT("vacuum-scan");
		if (maintenance->budget == HV_MAINTAIN_AUTO)
			maintenance->budget = automatic_budget(&work);
		prune(&work);
		maintain_leaves(&work);
		maintain_structure(&work);
		finish_conversion(&work);
		HvHeapEnd(work.heap);

		HvStoreLockStructure(maintenance->index);
		HvVacuumScanAll(&work.scan);
		HvVacuumScanRecord(&work.scan);
		HvStoreUnlockStructure(maintenance->index);
		HvStoreVacuumFreeMap(maintenance->index);
		HvCalibrateIfDue(maintenance->heap, maintenance->index);
		maintenance->rows = work.scan.rows;
		maintenance->freed += work.scan.pages_deleted;
		maintenance->free_pages = list_length(work.scan.free_pages);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
