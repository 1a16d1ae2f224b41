/*-------------------------------------------------------------------------
 *
 * hvupkeep.c
 *	  Keeping a finished tree as good as a new one, page by page.
 *
 * NOTES
 *	  Every step leaves a tree that can be read, searched and inserted into, and
 *	  holds the structure lock for one page only.  Whoever cancels this, or
 *	  crashes in it, loses what was left to do and nothing else.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvupkeep.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "hvcalibrate.h"
#include "hvcensus.h"
#include "hvcompat.h"
#include "hvconvert.h"
#include "hvdebug.h"
#include "hvmean.h"
#include "hvmerge.h"
#include "hvparent.h"
#include "hvsettle.h"
#include "hvupkeep.h"

/* what VACUUM may read: this many rows, or this share of them, 1 / 4 */
#define BUDGET_LEAST	100000
#define BUDGET_SHARE	4

/* rounds of merging inner pages, each of which may leave work for another */
#define MOST_ROUNDS		(HV_MAX_LEVEL + 1)

typedef struct Work
{
	HvUpkeep   *upkeep;
	HvHeap	   *heap;
	HvCensus	census;
	MemoryContext page_context; /* reset for every page */
} Work;

/* One page -------------------------------------------------------------------- */

/* Gives a page the centroid that it should have, and its tuples the page. */
static void
settle_page(Work *work, HvMembers *members, HvParent *parent, float *mean)
{
	HvSettled	result;

	HvSettleMembers(members, work->heap, parent, mean, &result);
	work->upkeep->recentered += result.recentered;
	work->upkeep->moved += result.moved;
	work->upkeep->rows_read += result.rows_read;
}

/* Looks after a page below the root; the structure lock is held. */
static void
tend_page(Work *work, BlockNumber block, int level)
{
	HvIndex    *index = HvIndexOpen(work->upkeep->index);
	HvMembers  *members = palloc(sizeof(HvMembers));
	float	   *mean = palloc(index->layout.code_bits * sizeof(float));
	HvParent	parent;
	int			capacity = level == 0 ? index->layout.leaf_capacity :
		index->layout.inner_capacity;

	if (level >= index->meta.height || !HvMembersRead(members, index, block, level) ||
		members->count == 0 || !HvConvertMembers(members, work->heap))
		return;
	if (members->vectors == NULL)
		HvMembersLoad(members, work->heap);
	HV_DEBUG_POINT("upkeep-page");
	if (level == 0)
		work->upkeep->rows_read += members->count;
	work->upkeep->pages++;
	HvMembersMean(members, mean);
	HvParentFind(index, block, level, mean, &parent);
	if (!HvConvertPage(index, work->heap, parent.block, level + 1))
		return;
	if (HvMergeIsDue(members->count, capacity) && HvMergePage(members, &parent))
	{
		work->upkeep->merged++;
		work->upkeep->freed++;
	}
	else
		settle_page(work, members, &parent, mean);
}

/* The same, with the lock and the memory for it. */
static void
visit_page(Work *work, BlockNumber block, int level)
{
	MemoryContext old = MemoryContextSwitchTo(work->page_context);

	HV_VACUUM_DELAY_POINT();
	CHECK_FOR_INTERRUPTS();
	HvStoreLockStructure(work->upkeep->index);
	tend_page(work, block, level);
	HvStoreUnlockStructure(work->upkeep->index);
	MemoryContextSwitchTo(old);
	MemoryContextReset(work->page_context);
}

/* Leaves ---------------------------------------------------------------------- */

/* Remembers in the metapage where to go on. */
static void
set_place(Work *work, BlockNumber block)
{
	HvAction	action;
	HvMetaData	meta;

	HvMetaRead(work->upkeep->index, &meta);
	if (meta.upkeep_block == block)
		return;
	HvActionBegin(&action, work->upkeep->index);
	HvActionOpenMeta(&action)->upkeep_block = block;
	HvActionCommit(&action);
}

/* The position in a list of ascending blocks of the first one not below block. */
static int
first_from(const List *blocks, BlockNumber block)
{
	int			at = 0;

	while (at < list_length(blocks) && list_nth_oid(blocks, at) < block)
		at++;
	return at < list_length(blocks) ? at : 0;
}

/*
 * Rows that may be read when nobody says how many.  Autovacuum comes when a fifth of
 * a table has changed, so a quarter keeps up with it; a small table can be done
 * whole; and rows that came since the last VACUUM count on top.
 */
static int64
automatic_budget(const Work *work)
{
	double		rows = work->census.rows;
	double		new_rows = Max(rows - work->census.index->meta.rows, 0);

	return (int64) Max(rows / BUDGET_SHARE + new_rows, BUDGET_LEAST);
}

/* Looks after the leaves that are due, from where the last run ended. */
static void
tend_leaves(Work *work)
{
	HvUpkeep   *upkeep = work->upkeep;
	const List *due = work->census.due_leaves;
	int			all = list_length(due);
	int			first = first_from(due, work->census.index->meta.upkeep_block);
	/* a round over every leaf ends at the last one, so that it can be complete */
	int			n = upkeep->every_leaf ? all - first : all;
	/* the few rows that were read for the mean do not count */
	int64		limit = upkeep->budget + upkeep->rows_read;
	int			done;

	for (done = 0; done < n; done++)
	{
		if (upkeep->budget >= 0 && upkeep->rows_read >= limit)
			break;
		visit_page(work, list_nth_oid(due, (first + done) % all), 0);
	}
	upkeep->complete = done == n;
	set_place(work, done == n ? 0 : list_nth_oid(due, (first + done) % all));
}

/* Inner pages ------------------------------------------------------------------- */

/* Is an inner page due, and of which level is it?  0 = no. */
static int
due_level(Work *work, BlockNumber block)
{
	const HvLayout *layout = &work->census.index->layout;
	Buffer		buffer;
	Page		page;
	int			level = 0;

	if (block == HV_ROOT_BLOCK)
		return 0;
	page = HvStoreRead(work->upkeep->index, layout, block, NULL, &buffer);
	if (page == NULL)
		return 0;
	if (HvPageKindOf(page) == HV_PAGE_INNER &&
		(work->upkeep->every_leaf || HvCensusIsDue(work->census.index, page)))
		level = HvPageGetOpaque(page)->level;
	HvStoreRelease(buffer);
	return level;
}

/* Looks after inner pages, lowest level first; returns how many were merged. */
static int64
tend_inner(Work *work)
{
	int64		merged = work->upkeep->merged;
	ListCell   *cell;

	for (int level = 1; level < work->census.index->meta.height; level++)
	{
		foreach(cell, work->census.inner_pages)
		{
			if (due_level(work, lfirst_oid(cell)) == level)
				visit_page(work, lfirst_oid(cell), level);
		}
	}
	return work->upkeep->merged - merged;
}

/* Takes a level off the tree while the root has a single child. */
static void
lower_root(Work *work)
{
	MemoryContext old = MemoryContextSwitchTo(work->page_context);

	HvStoreLockStructure(work->upkeep->index);
	while (HvMergeRoot(HvIndexOpen(work->upkeep->index)))
	{
		work->upkeep->levels++;
		work->upkeep->freed++;
	}
	HvStoreUnlockStructure(work->upkeep->index);
	MemoryContextSwitchTo(old);
	MemoryContextReset(work->page_context);
}

/* Converts what nobody looks after otherwise, and ends a change of the mean. */
static void
finish_conversion(Work *work)
{
	MemoryContext old;
	ListCell   *cell;
	HvMetaData	meta;

	HvMetaRead(work->upkeep->index, &meta);
	if ((meta.flags & HV_META_CONVERTING) == 0)
		return;
	old = MemoryContextSwitchTo(work->page_context);
	foreach(cell, work->census.centroid_pages)
	{
		HV_VACUUM_DELAY_POINT();
		HvStoreLockStructure(work->upkeep->index);
		HvConvertCentroids(HvIndexOpen(work->upkeep->index), lfirst_oid(cell));
		HvStoreUnlockStructure(work->upkeep->index);
		MemoryContextReset(work->page_context);
	}
	if (work->upkeep->complete)
	{
		/* the root, and leaves that are empty but the last of their parents */
		HvStoreLockStructure(work->upkeep->index);
		HvConvertNext(HvIndexOpen(work->upkeep->index), work->heap, INT_MAX);
		HvStoreUnlockStructure(work->upkeep->index);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(work->page_context);
}

/* Sees whether the mean is still where the data is. */
static void
review_mean(Work *work)
{
	MemoryContext old = MemoryContextSwitchTo(work->page_context);

	HvStoreLockStructure(work->upkeep->index);
	HvMeanReview(HvIndexOpen(work->upkeep->index), work->heap, &work->upkeep->rows_read);
	HvStoreUnlockStructure(work->upkeep->index);
	MemoryContextSwitchTo(old);
	MemoryContextReset(work->page_context);
}

/* Takes empty leaves out of the tree. */
static void
prune(Work *work)
{
	if (work->census.empty_leaves == NIL)
		return;
	HvStoreLockStructure(work->upkeep->index);
	HvCensusPrune(&work->census);
	HvStoreUnlockStructure(work->upkeep->index);
}

/*
 * Merging leaves leaves inner pages with few children, and those, merged, let more
 * empty leaves go: an inner page keeps its last child.
 */
static void
tend_structure(Work *work)
{
	for (int round = 0; round < MOST_ROUNDS; round++)
	{
		prune(work);
		if (tend_inner(work) == 0)
			break;
	}
	lower_root(work);
}

void
HvUpkeepRun(HvUpkeep *upkeep)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree upkeep",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HvIndex    *index = HvIndexOpen(upkeep->index);
	Work		work = {0};

	upkeep->complete = true;
	if (index->meta.dim > 0)
	{
		work.upkeep = upkeep;
		work.page_context = AllocSetContextCreate(context, "hvtree upkeep of a page",
												  ALLOCSET_DEFAULT_SIZES);
		work.heap = HvHeapBeginAll(upkeep->heap, upkeep->index, context);
		review_mean(&work);
		HvCensusTake(&work.census, HvIndexOpen(upkeep->index), upkeep->strategy,
					 upkeep->every_leaf);
		HV_DEBUG_POINT("vacuum-census");
		if (upkeep->budget == HV_UPKEEP_AUTO)
			upkeep->budget = automatic_budget(&work);
		prune(&work);
		tend_leaves(&work);
		tend_structure(&work);
		finish_conversion(&work);
		HvHeapEnd(work.heap);

		HvStoreLockStructure(upkeep->index);
		HvCensusCollect(&work.census);
		HvCensusRecord(&work.census);
		HvStoreUnlockStructure(upkeep->index);
		HvStoreVacuumFreeMap(upkeep->index);
		HvCalibrateIfDue(upkeep->heap, upkeep->index);
		upkeep->rows = work.census.rows;
		upkeep->freed += work.census.pages_deleted;
		upkeep->free_pages = work.census.free_pages;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
