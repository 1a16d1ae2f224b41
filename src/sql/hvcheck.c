/*-------------------------------------------------------------------------
 *
 * hvcheck.c
 *	  hvtree_check: does an index keep all of its invariants?
 *
 * NOTES
 *	  The invariants, I1 to I13, are listed in src/README; messages name them by
 *	  their numbers.
 *
 *	  From I3, I4 and I11: every tuple is reached from the root by one way
 *	  only, since levels fall by one on each step.
 *
 *	  Not a violation: pages and centroid slots that nothing names, left by a
 *	  crash (they are counted, and reported at DEBUG1); a spilled copy without
 *	  the row's own tuple, left by a VACUUM that was interrupted.
 *
 *	  The structure lock is held for the duration, so that no tuple moves from
 *	  page to page.  Appends and the removal of dead tuples go on.  They change
 *	  one leaf at a time, which is copied before it is checked; only I8, which
 *	  is about several leaves, is checked twice (hvcheckrows.c).
 *
 *	  During recovery there is no such lock to take: replay must be paused for
 *	  an answer that can be relied on.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvcheck.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xlog.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "heap/hvtype.h"
#include "page/hvcompat.h"
#include "page/hvpage.h"
#include "sql/hvacl.h"
#include "sql/hvcheck.h"
#include "storage/hvstorestream.h"
#include "tree/hvmeta.h"

PG_FUNCTION_INFO_V1(hvtree_check);

void
HvCheckViolated(const HvCheck *check, int invariant, BlockNumber block, const char *format,...)
{
	char		problem[256];
	va_list		args;

	va_start(args, format);
	vsnprintf(problem, sizeof(problem), format, args);
	va_end(args);
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" violates invariant I%d at block %u: %s",
					RelationGetRelationName(check->index), invariant, block, problem),
			 RecoveryInProgress() ?
			 errhint("If replay was going on, pause it and look again; else REINDEX the index on the primary.") :
			 errhint("Please REINDEX it.")));
}

/* Metapage ---------------------------------------------------------------- */

/* May pages be about the mean before? */
static bool
is_converting(const HvMetaData *meta)
{
	return (meta->flags & HV_META_CONVERTING) != 0;
}

static bool
is_block_or_none(const HvCheck *check, BlockNumber block)
{
	return block < check->blocks || block == InvalidBlockNumber;
}

static void
check_meta(HvCheck *check)
{
	Page		page = (Page) check->image.data;
	HvMetaData *meta = &check->meta;
	const char *problem;

	if (check->blocks <= HV_ROOT_BLOCK)
		HvCheckViolated(check, 1, HV_META_BLOCK, "the index has %u blocks, fewer than any",
						check->blocks);
	HvStoreCopy(check->index, HV_META_BLOCK, check->strategy, page);
	problem = PageIsNew(page) ? "is empty" : HvPageVerifyAt(page, HV_META_BLOCK, NULL);
	if (problem == NULL)
		problem = HvMetaVerify(page);
	if (problem)
		HvCheckViolated(check, 1, HV_META_BLOCK, "the metapage %s", problem);

	HvMetaRead(check->index, meta); /* may complain about version and metric */
	for (int i = 0; i < (int) lengthof(meta->reserved); i++)
	{
		if (meta->reserved[i] != 0)
			HvCheckViolated(check, 1, HV_META_BLOCK, "a reserved field is in use");
	}
	if (meta->dim == 0)
	{
		HvMetaRequireEmpty(check->index);
		return;
	}
	if (!is_block_or_none(check, meta->mean_block) ||
		!is_block_or_none(check, meta->centroid_block) ||
		(is_converting(meta) && !is_block_or_none(check, meta->old_mean_block)) ||
		meta->maintain_block > check->blocks || meta->convert_block > check->blocks)
		HvCheckViolated(check, 1, HV_META_BLOCK, "a block is named that the index does not have");
	if (meta->curve.seq > meta->seq)
		HvCheckViolated(check, 1, HV_META_BLOCK, "the index was measured in the future");
	HvMetaLayout(meta, &check->layout);
	HvAttributeLayoutUnpack(&check->attributes, meta);
}

/* One page ---------------------------------------------------------------- */

/*
 * Notes a centroid slot that an inner entry names; check_slots does the rest.
 */
static void
note_centroid(HvCheck *check, BlockNumber block, int i, const HvInnerEntryData *entry)
{
	uint64		bit;

	if (entry->centroid_block >= check->blocks ||
		entry->centroid_slot >= check->layout.slots_per_page)
		HvCheckViolated(check, 5, block, "entry %d names slot %u of block %u, which cannot be",
						i, entry->centroid_slot, entry->centroid_block);
	bit = UINT64CONST(1) << entry->centroid_slot;
	if (check->notes[entry->centroid_block].named_slots & bit)
		HvCheckViolated(check, 5, block, "entry %d names slot %u of block %u, which another one names",
						i, entry->centroid_slot, entry->centroid_block);
	check->notes[entry->centroid_block].named_slots |= bit;
}

static void
check_inner(HvCheck *check, BlockNumber block, Page page)
{
	int			n = HvPageCount(page);

	if (n == 0)
		HvCheckViolated(check, 5, block, "the inner page is empty");
	for (int i = 0; i < n; i++)
	{
		const HvInnerEntryData *entry = HvPageInnerEntry(page, &check->layout, i);
		HvBlockNote *child;

		if (entry->child <= HV_ROOT_BLOCK || entry->child >= check->blocks)
			HvCheckViolated(check, 4, block, "entry %d names block %u as a child, which cannot be",
							i, entry->child);
		child = &check->notes[entry->child];
		if (child->parent != InvalidBlockNumber)
			HvCheckViolated(check, 4, entry->child, "it is a child of block %u and of block %u",
							child->parent, block);
		child->parent = block;
		child->child_level = HvPageGetOpaque(page)->level - 1;
		note_centroid(check, block, i, entry);
	}
}

static void
check_leaf(HvCheck *check, BlockNumber block, Page page)
{
	int			n = HvPageCount(page);

	for (int i = 0; i < n; i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, &check->layout, i);
		bool		spilled = (entry->flags & HV_ENTRY_SPILLED) != 0;

		if (ItemPointerGetBlockNumberNoCheck(&entry->tid) >= check->heap_blocks)
		{
			check->heap_blocks = RelationGetNumberOfBlocks(check->heap);
			if (ItemPointerGetBlockNumberNoCheck(&entry->tid) >= check->heap_blocks)
				HvCheckViolated(check, 8, block, "tuple %d names a row of block %u, the table has %u",
								i, ItemPointerGetBlockNumberNoCheck(&entry->tid), check->heap_blocks);
		}
		if (spilled && !check->meta.spill)
			HvCheckViolated(check, 8, block, "tuple %d is a spilled copy, which this index has not", i);
		HvRowSortAdd(&check->rows, HvRowPack(&entry->tid), spilled,
					 HvAttributeSum(&check->attributes, entry));
	}
}

/* Does a page carry a mean version that there may be? */
static bool
has_mean_version(const HvMetaData *meta, uint16 mean_version)
{
	return mean_version == (uint16) meta->mean_version ||
		(is_converting(meta) && mean_version == (uint16) (meta->mean_version - 1));
}

static void
check_tree_page(HvCheck *check, BlockNumber block, Page page)
{
	HvPageOpaque opaque = HvPageGetOpaque(page);
	const char *problem;

	if (opaque->seq > check->meta.seq)
		HvCheckViolated(check, 6, block, "stamped " UINT64_FORMAT ", the structure counter being " UINT64_FORMAT,
						opaque->seq, check->meta.seq);
	if (opaque->link != InvalidBlockNumber && opaque->link >= check->blocks)
		HvCheckViolated(check, 6, block, "the link to block %u leads nowhere", opaque->link);
	if (!has_mean_version(&check->meta, opaque->mean_version))
		HvCheckViolated(check, 7, block, "mean version %u, the metapage has %u",
						opaque->mean_version, check->meta.mean_version);

	/* the first row may be on its way into an index that had none */
	if (check->meta.dim == 0)
		return;
	if (HvPageCount(page) > HvPageCapacity(page, &check->layout))
		HvCheckViolated(check, 10, block, "%d tuples, %d being the most",
						HvPageCount(page), HvPageCapacity(page, &check->layout));
	problem = HvPageVerify(page, &check->layout);
	if (problem == NULL)
		problem = HvPageVerifyTuples(page, &check->layout);
	if (problem)
		HvCheckViolated(check, 2, block, "the page %s", problem);
	if (HvPageKindOf(page) == HV_PAGE_LEAF)
		check_leaf(check, block, page);
	else
		check_inner(check, block, page);
}

static void
check_centroid_page(HvCheck *check, BlockNumber block, Page page)
{
	BlockNumber link = HvPageGetOpaque(page)->link;
	const char *problem;

	/* inserts follow the links until there is none */
	if (link != InvalidBlockNumber && link >= block)
		HvCheckViolated(check, 6, block, "the link to block %u does not lead downwards", link);
	if (check->meta.dim == 0)
		return;
	problem = HvPageVerify(page, &check->layout);
	if (problem)
		HvCheckViolated(check, 2, block, "the page %s", problem);
	for (int slot = 0; slot < check->layout.slots_per_page; slot++)
	{
		HvByteFactors factors;

		if (!HvCentroidPageIsUsed(page, slot))
			continue;
		(void) HvCentroidPageGet(page, &check->layout, slot, &factors);
		if (!isfinite(factors.norm2) || factors.norm2 < 0 ||
			!isfinite(factors.step) || factors.step < 0)
			HvCheckViolated(check, 5, block, "slot %d has factors that are not finite", slot);
		check->notes[block].used_slots |= UINT64CONST(1) << slot;
	}
}

/* Checks the page in the image. */
static void
check_page(HvCheck *check, BlockNumber block)
{
	Page		page = (Page) check->image.data;
	HvBlockNote *note = &check->notes[block];
	const char *problem;

	if (PageIsNew(page))
		return;
	problem = HvPageVerifyAt(page, block, NULL);
	if (problem)
		HvCheckViolated(check, 2, block, "the page %s", problem);
	note->mean_version = HvPageGetOpaque(page)->mean_version;
	note->kind = HvPageKindOf(page);
	note->level = HvPageGetOpaque(page)->level;
	note->count = HvPageCount(page);

	switch (HvPageKindOf(page))
	{
		case HV_PAGE_META:
			if (block != HV_META_BLOCK)
				HvCheckViolated(check, 1, block, "another metapage");
			break;
		case HV_PAGE_LEAF:
		case HV_PAGE_INNER:
			check_tree_page(check, block, page);
			break;
		case HV_PAGE_CENTROID:
			check_centroid_page(check, block, page);
			break;
		case HV_PAGE_MEAN:
		case HV_PAGE_FREE:
			break;
	}
}

/* All pages together ------------------------------------------------------- */

static void
check_root(const HvCheck *check)
{
	const HvBlockNote *root = &check->notes[HV_ROOT_BLOCK];

	if (root->kind != HV_PAGE_LEAF && root->kind != HV_PAGE_INNER)
		HvCheckViolated(check, 3, HV_ROOT_BLOCK, "the root is no tree page");
	if (root->level != check->meta.height)
		HvCheckViolated(check, 3, HV_ROOT_BLOCK, "the root has level %u, the metapage says %u",
						root->level, check->meta.height);
}

static bool
is_tree_page(const HvBlockNote *note)
{
	return note->kind == HV_PAGE_LEAF || note->kind == HV_PAGE_INNER;
}

/* Is every page that inner entries name what they say? */
static void
check_children(const HvCheck *check)
{
	BlockNumber leaves = 0;

	for (BlockNumber block = HV_ROOT_BLOCK + 1; block < check->blocks; block++)
	{
		const HvBlockNote *note = &check->notes[block];

		if (note->parent == InvalidBlockNumber)
			continue;
		if (!is_tree_page(note))
			HvCheckViolated(check, 4, block, "a child of block %u, but no tree page", note->parent);
		if (note->level != note->child_level)
			HvCheckViolated(check, 4, block, "level %u below block %u, which expects level %u",
							note->level, note->parent, note->child_level);
		leaves += note->level == 0;
	}
	if (check->meta.height > 0 && leaves != check->meta.leaves)
		HvCheckViolated(check, 3, HV_META_BLOCK, "%u leaves are counted, %u are named",
						check->meta.leaves, leaves);
}

/* Has every page with tuples a parent? */
static void
check_parents(const HvCheck *check)
{
	for (BlockNumber block = HV_ROOT_BLOCK + 1; block < check->blocks; block++)
	{
		const HvBlockNote *note = &check->notes[block];

		if (note->parent == InvalidBlockNumber && is_tree_page(note) && note->count > 0)
			HvCheckViolated(check, 11, block, "%u tuples that no way from the root leads to",
							note->count);
	}
}

/* Is every slot that inner entries name in use? */
static void
check_slots(const HvCheck *check)
{
	for (BlockNumber block = 0; block < check->blocks; block++)
	{
		const HvBlockNote *note = &check->notes[block];

		if (note->named_slots != 0 && note->kind != HV_PAGE_CENTROID)
			HvCheckViolated(check, 5, block, "entries name centroids here, but it is no centroid page");
		if (note->named_slots & ~note->used_slots)
			HvCheckViolated(check, 5, block, "entries name centroids in slots that are not used");
		if (note->named_slots != 0 && !has_mean_version(&check->meta, note->mean_version))
			HvCheckViolated(check, 7, block, "centroids of mean version %u, the metapage has %u",
							note->mean_version, check->meta.mean_version);
	}
}

/* A mean of this mean version that begins at first. */
static void
check_mean(HvCheck *check, BlockNumber first, uint16 mean_version)
{
	Page		page = (Page) check->image.data;
	BlockNumber block = first;
	int			wanted = HvSpaceCenterDims((HvMetric) check->meta.metric, check->meta.dim);
	int			found = 0;

	while (block != InvalidBlockNumber)
	{
		const float *values;
		int			n;

		if (block >= check->blocks || check->notes[block].kind != HV_PAGE_MEAN)
			HvCheckViolated(check, 9, block, "should be a mean page");
		if (check->notes[block].in_mean)
			HvCheckViolated(check, 9, block, "the chain of the mean comes back to it");
		check->notes[block].in_mean = true;
		HvStoreCopy(check->index, block, check->strategy, page);
		values = HvMeanPageGet(page, &n);
		if (HvPageGetOpaque(page)->mean_version != mean_version)
			HvCheckViolated(check, 9, block, "the mean of mean version %u, the metapage has %u",
							HvPageGetOpaque(page)->mean_version, mean_version);
		if (!HvMetricAllFinite(values, n))
			HvCheckViolated(check, 9, block, "the mean is not finite");
		found += n;
		block = HvPageGetOpaque(page)->link;
	}
	if (first != InvalidBlockNumber && found != wanted)
		HvCheckViolated(check, 9, first, "the mean has %d floats instead of %d",
						found, wanted);
}

/* Leaks ------------------------------------------------------------------- */

/* What a crash has left behind: not wrong, but no use either. */
static void
report_leaks(const HvCheck *check)
{
	int64		pages = 0;
	int64		slots = 0;

	for (BlockNumber block = HV_ROOT_BLOCK + 1; block < check->blocks; block++)
	{
		const HvBlockNote *note = &check->notes[block];

		pages += note->parent == InvalidBlockNumber && !note->in_mean &&
			(note->kind == HV_PAGE_LEAF || note->kind == HV_PAGE_INNER ||
			 note->kind == HV_PAGE_MEAN);
		slots += __builtin_popcountll(note->used_slots & ~note->named_slots);
	}
	ereport(DEBUG1,
			(errmsg_internal("index \"%s\" has " INT64_FORMAT " pages and " INT64_FORMAT
							 " centroid slots that nothing names",
							 RelationGetRelationName(check->index), pages, slots)));
}

/* Every invariant of an open index; the structure lock is held. */
static void
check_index(HvCheck *check)
{
	Size		size;
	HvStoreStream *stream;
	BlockNumber block;

	check->blocks = HvStoreBlocks(check->index);
	check->strategy = GetAccessStrategy(BAS_BULKREAD);
	check_meta(check);

	size = check->blocks * sizeof(HvBlockNote);
	check->notes = MemoryContextAllocHuge(CurrentMemoryContext, size);
	memset(check->notes, 0, size);
	for (block = 0; block < check->blocks; block++)
		check->notes[block].parent = InvalidBlockNumber;

	HvRowSortBegin(&check->rows);
	stream = HvStoreStreamBeginRange(check->index, NULL, HV_STREAM_QUERY, check->strategy,
									 0, check->blocks);
	while (HvStoreStreamCopy(stream, &block, (Page) check->image.data))
	{
		CHECK_FOR_INTERRUPTS();
		check_page(check, block);
	}
	HvStoreStreamEnd(stream);
	check_root(check);
	if (check->meta.dim > 0)
	{
		check_children(check);
		check_parents(check);
		check_slots(check);
		check_mean(check, check->meta.mean_block, (uint16) check->meta.mean_version);
		if (is_converting(&check->meta))
			check_mean(check, check->meta.old_mean_block, (uint16) (check->meta.mean_version - 1));
	}
	HvCheckRows(check);
	if (check->meta.dim > 0)
		report_leaks(check);
	HvRowSortEnd(&check->rows);
	FreeAccessStrategy(check->strategy);
}

Datum
hvtree_check(PG_FUNCTION_ARGS)
{
	HvCheck    *check = palloc0(sizeof(HvCheck));
	Snapshot	snapshot = NULL;
	bool		lock = !RecoveryInProgress();

	HvAclCheck(PG_GETARG_OID(0), &check->heap, &check->index);
	if (PG_GETARG_BOOL(1))
	{
		snapshot = RegisterSnapshot(GetLatestSnapshot());
		HvCheckReadTable(check, snapshot);
	}
	if (lock)
		HvStoreLockStructure(check->index);
	check_index(check);
	if (lock)
		HvStoreUnlockStructure(check->index);
	if (snapshot)
	{
		HvRowSortEnd(check->table_rows);
		UnregisterSnapshot(snapshot);
	}
	HvAclClose(check->heap, check->index, AccessShareLock);
	PG_RETURN_INT64((int64) check->blocks);
}
