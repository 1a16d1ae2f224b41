/*-------------------------------------------------------------------------
 *
 * hvcheck.c
 *	  hvtree_check: does an index keep all of its invariants?
 *
 * NOTES
 *	  The invariants, I1 to I11, are listed in src/README; messages name them by
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
 *	  is about several leaves, is checked twice (confirm_duplicate).
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

#include "heap/hvtype.h"
#include "page/hvcompat.h"
#include "page/hvpage.h"
#include "sql/hvacl.h"
#include "sql/hvinspect.h"
#include "storage/hvstorestream.h"
#include "tree/hvmeta.h"

PG_FUNCTION_INFO_V1(hvtree_check);

/* what the walk keeps of a block */
typedef struct BlockNote
{
	uint64		used_slots;		/* centroid pages: slots in use */
	uint64		named_slots;	/* slots that inner entries name here */
	BlockNumber parent;			/* the inner page that names it as a child */
	uint16		count;			/* tuples, used slots, or floats */
	uint8		kind;			/* HvPageKind; a zero page counts as free */
	uint8		level;
	uint8		child_level;	/* the level that its parent expects */
	bool		in_mean;
} BlockNote;

typedef struct Check
{
	Relation	index;
	HvMetaData	meta;
	HvLayout	layout;			/* valid when meta.dim > 0 */
	BlockNumber blocks;
	BlockNote  *notes;			/* one a block */
	HvRowSort	rows;
	BufferAccessStrategy strategy;
	PGAlignedBlock image;		/* of the page at hand */
} Check;

pg_noreturn static void violated(const Check *check, int invariant, BlockNumber block,
								 const char *format,...) pg_attribute_printf(4, 5);

/* Raises the error.  What follows the colon is a sentence about the block. */
static void
violated(const Check *check, int invariant, BlockNumber block, const char *format,...)
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

static void
check_meta(Check *check)
{
	Page		page = (Page) check->image.data;
	HvMetaData *meta = &check->meta;
	const char *problem;

	if (check->blocks <= HV_ROOT_BLOCK)
		violated(check, 1, HV_META_BLOCK, "the index has %u blocks, fewer than any",
				 check->blocks);
	HvStoreCopy(check->index, HV_META_BLOCK, check->strategy, page);
	problem = PageIsNew(page) ? "is empty" : HvMetaVerify(page);
	if (problem)
		violated(check, 1, HV_META_BLOCK, "the metapage %s", problem);

	HvMetaRead(check->index, meta); /* may complain about the version */
	if (meta->metric != (uint32) HvTypeInfoFor(check->index)->metric)
		violated(check, 1, HV_META_BLOCK, "the operator class has another metric");
	if (meta->height > HV_MAX_LEVEL)
		violated(check, 1, HV_META_BLOCK, "a height of %u is out of range", meta->height);
	if (meta->dim == 0)
		return;
	if (!isfinite(meta->max_norm) || meta->max_norm < 0)
		violated(check, 1, HV_META_BLOCK, "the largest norm is no number");
	if ((meta->mean_block != InvalidBlockNumber && meta->mean_block >= check->blocks) ||
		(meta->centroid_block != InvalidBlockNumber && meta->centroid_block >= check->blocks))
		violated(check, 1, HV_META_BLOCK, "a block is named that the index does not have");
	HvMetaLayout(meta, &check->layout);
}

/* One page ---------------------------------------------------------------- */

/*
 * Notes a centroid slot that an inner entry names; check_slots does the rest.
 */
static void
note_centroid(Check *check, BlockNumber block, int i, const HvInnerEntryData *entry)
{
	uint64		bit;

	if (entry->centroid_block >= check->blocks ||
		entry->centroid_slot >= check->layout.slots_per_page)
		violated(check, 5, block, "entry %d names slot %u of block %u, which cannot be",
				 i, entry->centroid_slot, entry->centroid_block);
	bit = UINT64CONST(1) << entry->centroid_slot;
	if (check->notes[entry->centroid_block].named_slots & bit)
		violated(check, 5, block, "entry %d names slot %u of block %u, which another one names",
				 i, entry->centroid_slot, entry->centroid_block);
	check->notes[entry->centroid_block].named_slots |= bit;
}

static void
check_inner(Check *check, BlockNumber block, Page page)
{
	int			n = HvPageCount(page);

	if (n == 0)
		violated(check, 5, block, "the inner page is empty");
	for (int i = 0; i < n; i++)
	{
		const HvInnerEntryData *entry = HvPageInnerEntry(page, &check->layout, i);
		BlockNote  *child;

		if (entry->child <= HV_ROOT_BLOCK || entry->child >= check->blocks)
			violated(check, 4, block, "entry %d names block %u as a child, which cannot be",
					 i, entry->child);
		child = &check->notes[entry->child];
		if (child->parent != InvalidBlockNumber)
			violated(check, 4, entry->child, "it is a child of block %u and of block %u",
					 child->parent, block);
		child->parent = block;
		child->child_level = HvPageGetOpaque(page)->level - 1;
		note_centroid(check, block, i, entry);
	}
}

static void
check_leaf(Check *check, BlockNumber block, Page page)
{
	int			n = HvPageCount(page);

	for (int i = 0; i < n; i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, &check->layout, i);
		bool		spilled = (entry->flags & HV_ENTRY_SPILLED) != 0;

		if (entry->flags & ~HV_ENTRY_SPILLED)
			violated(check, 8, block, "tuple %d has unknown flags %04x", i, entry->flags);
		if (spilled && !check->meta.spill)
			violated(check, 8, block, "tuple %d is a spilled copy, which this index has not", i);
		HvRowSortAdd(&check->rows, HvRowPack(&entry->tid), spilled);
	}
}

/* May pages be about the mean before? */
static bool
is_converting(const HvMetaData *meta)
{
	return (meta->flags & HV_META_CONVERTING) != 0;
}

static void
check_tree_page(Check *check, BlockNumber block, Page page)
{
	HvPageOpaque opaque = HvPageGetOpaque(page);
	const char *problem;

	if (opaque->seq > check->meta.seq)
		violated(check, 6, block, "stamped " UINT64_FORMAT ", the structure counter being " UINT64_FORMAT,
				 opaque->seq, check->meta.seq);
	if (opaque->link != InvalidBlockNumber && opaque->link >= check->blocks)
		violated(check, 6, block, "the link to block %u leads nowhere", opaque->link);
	if (opaque->mean_version != (uint16) check->meta.mean_version &&
		!(is_converting(&check->meta) &&
		  opaque->mean_version == (uint16) (check->meta.mean_version - 1)))
		violated(check, 7, block, "mean version %u, the metapage has %u",
				 opaque->mean_version, check->meta.mean_version);

	/* the first row may be on its way into an index that had none */
	if (check->meta.dim == 0)
		return;
	if (HvPageCount(page) > HvPageCapacity(page, &check->layout))
		violated(check, 10, block, "%d tuples, %d being the most",
				 HvPageCount(page), HvPageCapacity(page, &check->layout));
	problem = HvPageVerify(page, &check->layout);
	if (problem == NULL)
		problem = HvPageVerifyTuples(page, &check->layout);
	if (problem)
		violated(check, 2, block, "the page %s", problem);
	if (HvPageKindOf(page) == HV_PAGE_LEAF)
		check_leaf(check, block, page);
	else
		check_inner(check, block, page);
}

static void
check_centroid_page(Check *check, BlockNumber block, Page page)
{
	BlockNumber link = HvPageGetOpaque(page)->link;

	/* inserts follow the links until there is none */
	if (link != InvalidBlockNumber && link >= block)
		violated(check, 6, block, "the link to block %u does not lead downwards", link);
	if (check->meta.dim == 0)
		return;
	for (int slot = 0; slot < check->layout.slots_per_page; slot++)
	{
		HvByteFactors factors;

		if (!HvCentroidPageIsUsed(page, slot))
			continue;
		(void) HvCentroidPageGet(page, &check->layout, slot, &factors);
		if (!isfinite(factors.norm2) || factors.norm2 < 0 ||
			!isfinite(factors.step) || factors.step < 0)
			violated(check, 5, block, "slot %d has factors that are not finite", slot);
		check->notes[block].used_slots |= UINT64CONST(1) << slot;
	}
}

/* Checks the page in the image. */
static void
check_page(Check *check, BlockNumber block)
{
	Page		page = (Page) check->image.data;
	BlockNote  *note = &check->notes[block];
	const char *problem;

	if (PageIsNew(page))
		return;
	problem = HvPageVerify(page, NULL);
	if (problem)
		violated(check, 2, block, "the page %s", problem);
	note->kind = HvPageKindOf(page);
	note->level = HvPageGetOpaque(page)->level;
	note->count = HvPageCount(page);

	switch (HvPageKindOf(page))
	{
		case HV_PAGE_META:
			if (block != HV_META_BLOCK)
				violated(check, 1, block, "another metapage");
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
check_root(const Check *check)
{
	const BlockNote *root = &check->notes[HV_ROOT_BLOCK];

	if (root->kind != HV_PAGE_LEAF && root->kind != HV_PAGE_INNER)
		violated(check, 3, HV_ROOT_BLOCK, "the root is no tree page");
	if (root->level != check->meta.height)
		violated(check, 3, HV_ROOT_BLOCK, "the root has level %u, the metapage says %u",
				 root->level, check->meta.height);
}

/* Does every page have the parent that it needs, and only such pages one? */
static void
check_parents(const Check *check)
{
	for (BlockNumber block = HV_ROOT_BLOCK + 1; block < check->blocks; block++)
	{
		const BlockNote *note = &check->notes[block];
		bool		in_tree = note->kind == HV_PAGE_LEAF || note->kind == HV_PAGE_INNER;

		if (note->parent == InvalidBlockNumber)
		{
			if (in_tree && note->count > 0)
				violated(check, 11, block, "%u tuples that no way from the root leads to",
						 note->count);
			continue;
		}
		if (!in_tree)
			violated(check, 4, block, "a child of block %u, but no tree page", note->parent);
		if (note->level != note->child_level)
			violated(check, 4, block, "level %u below block %u, which expects level %u",
					 note->level, note->parent, note->child_level);
	}
}

/* Is every slot that inner entries name in use? */
static void
check_slots(const Check *check)
{
	for (BlockNumber block = 0; block < check->blocks; block++)
	{
		const BlockNote *note = &check->notes[block];

		if (note->named_slots != 0 && note->kind != HV_PAGE_CENTROID)
			violated(check, 5, block, "entries name centroids here, but it is no centroid page");
		if (note->named_slots & ~note->used_slots)
			violated(check, 5, block, "entries name centroids in slots that are not used");
	}
}

/* A mean of this mean version that begins at first. */
static void
check_mean(Check *check, BlockNumber first, uint16 mean_version)
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
			violated(check, 9, block, "should be a mean page");
		if (check->notes[block].in_mean)
			violated(check, 9, block, "the chain of the mean comes back to it");
		check->notes[block].in_mean = true;
		HvStoreCopy(check->index, block, check->strategy, page);
		values = HvMeanPageGet(page, &n);
		if (HvPageGetOpaque(page)->mean_version != mean_version)
			violated(check, 9, block, "the mean of mean version %u, the metapage has %u",
					 HvPageGetOpaque(page)->mean_version, mean_version);
		if (!HvMetricAllFinite(values, n))
			violated(check, 9, block, "the mean is not finite");
		found += n;
		block = HvPageGetOpaque(page)->link;
	}
	if (first != InvalidBlockNumber && found != wanted)
		violated(check, 9, first, "the mean has %d floats instead of %d",
				 found, wanted);
}

/* Rows --------------------------------------------------------------------- */

/* How many tuples of the image of a leaf are this copy of a row? */
static int
count_row(const Check *check, Page page, uint64 row, bool spilled)
{
	int			found = 0;

	Assert(HvPageKindOf(page) == HV_PAGE_LEAF);
	for (int i = 0; i < HvPageCount(page); i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, &check->layout, i);

		found += HvRowPack(&entry->tid) == row &&
			((entry->flags & HV_ENTRY_SPILLED) != 0) == spilled;
	}
	return found;
}

/* Copies a page; false if it is all zero, or not a leaf any more. */
static bool
copy_leaf(const Check *check, BlockNumber block, Page image)
{
	Buffer		buffer;
	Page		page = HvStoreRead(check->index, &check->layout, block, NULL, &buffer);

	if (page == NULL)
		return false;
	memcpy(image, page, BLCKSZ);
	HvStoreRelease(buffer);
	return HvPageKindOf(image) == HV_PAGE_LEAF;
}

/*
 * Are two copies of a page the same, but for the WAL position and the
 * checksum?
 */
static bool
same_content(Page a, Page b)
{
	Size		skip = offsetof(PageHeaderData, pd_flags);

	return memcmp((char *) a + skip, (char *) b + skip, BLCKSZ - skip) == 0;
}

/*
 * Raises the error if two leaves (or one leaf twice) hold the same copy of a
 * row at the same moment.  One of them is read before and after the other, and
 * must be the same both times: two locks at once could deadlock with the replay
 * of a move, which the structure lock does not hold up.
 */
static void
compare_leaves(const Check *check, BlockNumber a, BlockNumber b, uint64 row, bool spilled)
{
	PGAlignedBlock before;
	PGAlignedBlock other;
	PGAlignedBlock after;
	int			found;

	do
	{
		CHECK_FOR_INTERRUPTS();
		if (!copy_leaf(check, a, (Page) before.data))
			return;
		found = count_row(check, (Page) before.data, row, spilled);
		if (b != a && copy_leaf(check, b, (Page) other.data))
			found += count_row(check, (Page) other.data, row, spilled);
		if (found <= 1 || !copy_leaf(check, a, (Page) after.data))
			return;
	} while (!same_content((Page) before.data, (Page) after.data));
	violated(check, 8, b, "row (%u,%u) is here and in block %u%s",
			 (BlockNumber) (row >> 16), (OffsetNumber) (row & 0xFFFF), a,
			 spilled ? ", spilled both times" : "");
}

/*
 * The walk has met the same copy of a row twice.  VACUUM may have removed the
 * first one meanwhile, and its row pointer been used again: find both and look
 * at them together.
 */
static void
confirm_duplicate(Check *check, uint64 row, bool spilled)
{
	Page		page = (Page) check->image.data;
	BlockNumber last = InvalidBlockNumber;

	for (BlockNumber block = HV_ROOT_BLOCK; block < check->blocks; block++)
	{
		int			found;

		CHECK_FOR_INTERRUPTS();
		if (check->notes[block].kind != HV_PAGE_LEAF)
			continue;
		HvStoreCopy(check->index, block, check->strategy, page);
		if (PageIsNew(page) || HvPageVerify(page, &check->layout) != NULL ||
			HvPageKindOf(page) != HV_PAGE_LEAF)
			continue;
		found = count_row(check, page, row, spilled);
		if (found > 1 || (found == 1 && last != InvalidBlockNumber))
			compare_leaves(check, found > 1 ? block : last, block, row, spilled);
		if (found > 0)
			last = block;
	}
}

static void
check_rows(Check *check)
{
	uint64		last_row = 0;	/* no row has this pointer */
	bool		last_spilled = false;
	uint64		row;
	bool		spilled;

	HvRowSortPerform(&check->rows);
	while (HvRowSortNext(&check->rows, &row, &spilled))
	{
		CHECK_FOR_INTERRUPTS();
		if (row == last_row && spilled == last_spilled)
			confirm_duplicate(check, row, spilled);
		last_row = row;
		last_spilled = spilled;
	}
}

/* What a crash has left behind: not wrong, but no use either. */
static void
report_leaks(const Check *check)
{
	int64		pages = 0;
	int64		slots = 0;

	for (BlockNumber block = HV_ROOT_BLOCK + 1; block < check->blocks; block++)
	{
		const BlockNote *note = &check->notes[block];

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
check_index(Check *check)
{
	Size		size;
	HvStoreStream *stream;
	BlockNumber block;

	check->blocks = HvStoreBlocks(check->index);
	check->strategy = GetAccessStrategy(BAS_BULKREAD);
	check_meta(check);

	size = check->blocks * sizeof(BlockNote);
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
		check_parents(check);
		check_slots(check);
		check_mean(check, check->meta.mean_block, (uint16) check->meta.mean_version);
		if (is_converting(&check->meta))
			check_mean(check, check->meta.old_mean_block, (uint16) (check->meta.mean_version - 1));
		check_rows(check);
		report_leaks(check);
	}
	HvRowSortEnd(&check->rows);
	FreeAccessStrategy(check->strategy);
}

Datum
hvtree_check(PG_FUNCTION_ARGS)
{
	Check	   *check = palloc0(sizeof(Check));
	Relation	heap;
	bool		lock = !RecoveryInProgress();

	HvAclCheck(PG_GETARG_OID(0), &heap, &check->index);
	if (lock)
		HvStoreLockStructure(check->index);
	check_index(check);
	if (lock)
		HvStoreUnlockStructure(check->index);
	HvAclClose(heap, check->index, AccessShareLock);
	PG_RETURN_INT64((int64) check->blocks);
}
