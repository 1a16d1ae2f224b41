/*-------------------------------------------------------------------------
 *
 * hvvacuum.c
 *	  Removing dead rows, giving pages back.
 *
 * NOTES
 *	  ambulkdelete must show every tuple that was there at its start to the
 *	  callback, and splits may move tuples behind its back, to blocks that it
 *	  has passed.  What moved is stamped with the structure counter: after a
 *	  pass in block order, leaves with a newer stamp are visited again, until the
 *	  counter stands still.
 *
 *	  amvacuumcleanup takes empty leaves out of the tree.  A page given back may
 *	  be used again at once: whoever comes to it with an old block number
 *	  finds out by its kind and level, or reads a leaf that holds other rows,
 *	  which does no harm (src/README, "Pages given back").
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvvacuum.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "hvcentroid.h"
#include "hvcompat.h"
#include "hvleaf.h"
#include "hvmeta.h"
#include "hvvacuum.h"

#define MAX_TUPLES	(BLCKSZ / sizeof(HvLeafEntryData))

/* passes over what splits changed before splits are held up */
#define FREE_PASSES	3

/* Bulk delete ----------------------------------------------------------------- */

typedef struct BulkDelete
{
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	HvIndex    *index;
} BulkDelete;

/* The rows of a leaf; -1 if it is none, or is not newer than asked for. */
static int
read_rows(BulkDelete *bulk, BlockNumber block, uint64 newer_than, bool all, uint64 *rows)
{
	const HvLayout *layout = &bulk->index->layout;
	Buffer		buffer;
	Page		page = HvStoreRead(bulk->info->index, layout, block, bulk->info->strategy,
								   &buffer);
	int			n = -1;

	if (page == NULL)
		return -1;
	if (HvPageKindOf(page) == HV_PAGE_LEAF &&
		(all || HvPageGetOpaque(page)->seq > newer_than))
	{
		n = HvPageCount(page);
		for (int i = 0; i < n; i++)
			rows[i] = HvRowPack(&HvPageLeafEntry(page, layout, i)->tid);
	}
	HvStoreRelease(buffer);
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
		}
	}
	HvActionCommit(&action);
	bulk->stats->tuples_removed += removed;
}

/* Asks about the rows of one leaf, with nothing locked, and removes the dead ones. */
static void
clean_leaf(BulkDelete *bulk, BlockNumber block, uint64 newer_than, bool all)
{
	uint64		rows[MAX_TUPLES];
	int			n = read_rows(bulk, block, newer_than, all, rows);
	int			ndead = 0;

	for (int i = 0; i < n; i++)
	{
		ItemPointerData tid;

		HvRowUnpack(rows[i], &tid);
		if (bulk->callback(&tid, bulk->callback_state))
			rows[ndead++] = rows[i];
	}
	if (ndead > 0)
		remove_rows(bulk, block, rows, ndead);
}

/* One pass in block order over all leaves, or those stamped after newer_than. */
static void
clean_leaves(BulkDelete *bulk, uint64 newer_than, bool all)
{
	BlockNumber nblocks = HvStoreBlocks(bulk->info->index);

	for (BlockNumber block = HV_ROOT_BLOCK; block < nblocks; block++)
	{
		HV_VACUUM_DELAY_POINT();
		clean_leaf(bulk, block, newer_than, all);
	}
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
	BulkDelete	bulk = {info, stats, callback, state, NULL};

	if (stats == NULL)
		bulk.stats = palloc0(sizeof(IndexBulkDeleteResult));
	old = MemoryContextSwitchTo(context);
	bulk.index = HvIndexOpen(info->index);
	if (bulk.index->meta.dim > 0)
	{
		clean_leaves(&bulk, 0, true);
		catch_up(&bulk);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return bulk.stats;
}

/* Cleanup ----------------------------------------------------------------------- */

/* what a pass over all pages has found */
typedef struct Census
{
	IndexVacuumInfo *info;
	HvIndex    *index;
	uint64		seq;			/* structure counter when it began */
	double		rows;
	double		tuples;
	BlockNumber leaves;
	BlockNumber free_pages;
	BlockNumber pages_deleted;
	List	   *empty_leaves;
	List	   *parents;		/* inner pages of level 1 */
	List	   *inner_pages;	/* all of them */
	List	   *centroid_pages;
} Census;

/* Counts a leaf; a page lock is held, so nothing is allocated. */
static int
count_leaf(Census *census, Page page)
{
	int			n = HvPageCount(page);

	for (int i = 0; i < n; i++)
	{
		if (!(HvPageLeafEntry(page, &census->index->layout, i)->flags & HV_ENTRY_SPILLED))
			census->rows++;
	}
	census->tuples += n;
	census->leaves++;
	return n;
}

static void
visit_page(Census *census, BlockNumber block)
{
	Relation	relation = census->info->index;
	Buffer		buffer;
	Page		page = HvStoreRead(relation, &census->index->layout, block,
								   census->info->strategy, &buffer);
	HvPageKind	kind = HV_PAGE_FREE;
	int			level = 0;
	int			tuples = 0;

	if (page)
	{
		kind = HvPageKindOf(page);
		level = HvPageGetOpaque(page)->level;
		if (kind == HV_PAGE_LEAF)
			tuples = count_leaf(census, page);
		HvStoreRelease(buffer);
	}

	switch (kind)
	{
		case HV_PAGE_FREE:
			HvStoreRecordFree(relation, block);
			census->free_pages++;
			break;
		case HV_PAGE_LEAF:
			if (tuples == 0 && block != HV_ROOT_BLOCK)
				census->empty_leaves = lappend_oid(census->empty_leaves, block);
			break;
		case HV_PAGE_INNER:
			census->inner_pages = lappend_oid(census->inner_pages, block);
			if (level == 1)
				census->parents = lappend_oid(census->parents, block);
			break;
		case HV_PAGE_CENTROID:
			census->centroid_pages = lappend_oid(census->centroid_pages, block);
			break;
		case HV_PAGE_META:
		case HV_PAGE_MEAN:
			break;
	}
}

/* Copies an inner page; false if it is none any more. */
static bool
copy_inner(const Census *census, BlockNumber block, Page image)
{
	Buffer		buffer;
	Page		page = HvStoreRead(census->info->index, &census->index->layout, block, NULL,
								   &buffer);
	bool		inner;

	if (page == NULL)
		return false;
	inner = HvPageKindOf(page) == HV_PAGE_INNER;
	if (inner)
		memcpy(image, page, BLCKSZ);
	HvStoreRelease(buffer);
	return inner;
}

/* Was the leaf empty in the census?  Blocks were visited, hence listed, in order. */
static bool
was_empty(const Census *census, BlockNumber block)
{
	int			low = 0;
	int			high = list_length(census->empty_leaves);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		BlockNumber here = list_nth_oid(census->empty_leaves, middle);

		if (here == block)
			return true;
		if (here < block)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/*
 * Takes a leaf out of its parent and gives its page back, if it is still empty
 * and has siblings: one WAL record.  The structure lock is held.
 */
static bool
delete_leaf(Census *census, BlockNumber parent_block, BlockNumber leaf_block)
{
	const HvLayout *layout = &census->index->layout;
	HvAction	action;
	Page		leaf;
	Page		parent;
	HvMetaData *meta;
	int			at;

	HvActionBegin(&action, census->info->index);
	leaf = HvActionOpen(&action, layout, leaf_block);
	parent = HvActionOpen(&action, layout, parent_block);
	at = HvPageKindOf(parent) == HV_PAGE_INNER && HvPageGetOpaque(parent)->level == 1 ?
		HvPageFindChild(parent, layout, leaf_block) : -1;
	if (at < 0 || HvPageCount(parent) < 2 || HvPageKindOf(leaf) != HV_PAGE_LEAF ||
		HvPageCount(leaf) > 0)
	{
		HvActionAbort(&action);
		return false;
	}
	meta = HvActionOpenMeta(&action);
	HvPageRemove(parent, layout, at);
	HvPageInitKind(leaf, HV_PAGE_FREE, 0, 0);
	meta->leaves = Max(meta->leaves, 2) - 1;
	HvActionCommit(&action);
	HvStoreRecordFree(census->info->index, leaf_block);
	return true;
}

/* Deletes the empty leaves below one parent. */
static void
prune_parent(Census *census, BlockNumber parent)
{
	const HvLayout *layout = &census->index->layout;
	PGAlignedBlock image;

	if (!copy_inner(census, parent, (Page) image.data))
		return;
	for (int i = 0; i < HvPageCount((Page) image.data); i++)
	{
		const HvInnerEntryData *entry = HvPageInnerEntry((Page) image.data, layout, i);
		HvCentroidRef ref = {entry->centroid_block, entry->centroid_slot};

		if (!was_empty(census, entry->child) ||
			!delete_leaf(census, parent, entry->child))
			continue;
		HvCentroidRemove(census->index, ref);
		census->pages_deleted++;
		census->leaves--;
	}
}

static int
compare_refs(const void *a, const void *b)
{
	uint64		ra = *(const uint64 *) a;
	uint64		rb = *(const uint64 *) b;

	return ra < rb ? -1 : ra > rb;
}

/* All centroid slots that inner pages refer to, sorted. */
static uint64 *
referenced_slots(const Census *census, int64 *n)
{
	int64		size = (int64) list_length(census->inner_pages) *
		census->index->layout.inner_capacity;
	uint64	   *refs = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max(size, 1) * sizeof(uint64));
	ListCell   *cell;

	*n = 0;
	foreach(cell, census->inner_pages)
	{
		PGAlignedBlock image;

		CHECK_FOR_INTERRUPTS();
		if (!copy_inner(census, lfirst_oid(cell), (Page) image.data))
			continue;
		for (int i = 0; i < HvPageCount((Page) image.data); i++)
		{
			const HvInnerEntryData *entry =
				HvPageInnerEntry((Page) image.data, &census->index->layout, i);

			refs[(*n)++] = ((uint64) entry->centroid_block << 16) | entry->centroid_slot;
		}
	}
	qsort(refs, *n, sizeof(uint64), compare_refs);
	return refs;
}

/*
 * Frees the slots of a centroid page that nothing refers to (a crash can leave
 * some); returns how many slots are free then.
 */
static int
free_slots(Census *census, BlockNumber block, const uint64 *refs, int64 n)
{
	const HvLayout *layout = &census->index->layout;
	Buffer		buffer;
	Page		page = HvStoreRead(census->info->index, layout, block, NULL, &buffer);
	uint64		lost = 0;
	int			used = 0;

	if (page == NULL)
		return 0;
	if (HvPageKindOf(page) == HV_PAGE_CENTROID)
	{
		for (int slot = 0; slot < layout->slots_per_page; slot++)
		{
			uint64		ref = ((uint64) block << 16) | (uint64) slot;

			if (!HvCentroidPageIsUsed(page, slot))
				continue;
			used++;
			if (bsearch(&ref, refs, n, sizeof(uint64), compare_refs) == NULL)
				lost |= UINT64CONST(1) << slot;
		}
	}
	HvStoreRelease(buffer);
	for (int slot = 0; lost != 0; slot++, lost >>= 1)
	{
		HvCentroidRef ref = {block, (uint16) slot};

		if (lost & 1)
		{
			HvCentroidRemove(census->index, ref);
			used--;
		}
	}
	return layout->slots_per_page - used;
}

/*
 * Collects lost slots, and proposes the emptiest centroid page to inserts.
 * What the census knows of inner pages must be the whole truth.
 */
static BlockNumber
collect_slots(Census *census)
{
	int64		n;
	uint64	   *refs = referenced_slots(census, &n);
	int			most = 0;
	BlockNumber best = InvalidBlockNumber;
	ListCell   *cell;

	foreach(cell, census->centroid_pages)
	{
		int			available = free_slots(census, lfirst_oid(cell), refs, n);

		CHECK_FOR_INTERRUPTS();
		if (available > most)
		{
			most = available;
			best = lfirst_oid(cell);
		}
	}
	return best;
}

/* Notes the counts, and a centroid page with room, in the metapage. */
static void
update_meta(Census *census, BlockNumber centroid_block)
{
	HvAction	action;
	HvMetaData *meta;

	HvActionBegin(&action, census->info->index);
	meta = HvActionOpenMeta(&action);
	meta->rows = census->rows;
	meta->tuples = census->tuples;
	meta->leaves = census->leaves;
	if (centroid_block != InvalidBlockNumber)
		meta->centroid_block = centroid_block;
	HvActionCommit(&action);
}

/* All that needs the structure lock, which is held. */
static void
tidy_structure(Census *census)
{
	BlockNumber centroid_block = InvalidBlockNumber;
	HvMetaData	meta;
	ListCell   *cell;

	if (census->empty_leaves != NIL)
	{
		foreach(cell, census->parents)
		{
			CHECK_FOR_INTERRUPTS();
			prune_parent(census, lfirst_oid(cell));
		}
	}
	HvMetaRead(census->info->index, &meta);
	if (meta.seq == census->seq)
		centroid_block = collect_slots(census);
	update_meta(census, centroid_block);
}

IndexBulkDeleteResult *
hvvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	MemoryContext context;
	MemoryContext old;
	Census		census = {0};
	BlockNumber nblocks;

	if (info->analyze_only)
		return stats;
	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));

	context = AllocSetContextCreate(CurrentMemoryContext, "hvtree vacuum cleanup",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	census.info = info;
	census.index = HvIndexOpen(info->index);
	census.seq = census.index->meta.seq;
	nblocks = HvStoreBlocks(info->index);
	if (census.index->meta.dim > 0)
	{
		for (BlockNumber block = HV_ROOT_BLOCK; block < nblocks; block++)
		{
			HV_VACUUM_DELAY_POINT();
			visit_page(&census, block);
		}
		HvStoreLockStructure(info->index);
		tidy_structure(&census);
		HvStoreUnlockStructure(info->index);
		HvStoreVacuumFreeMap(info->index);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);

	stats->num_pages = nblocks;
	stats->num_index_tuples = census.rows;
	stats->estimated_count = false;
	stats->pages_newly_deleted += census.pages_deleted;
	stats->pages_deleted = stats->pages_free = census.free_pages + census.pages_deleted;
	return stats;
}
