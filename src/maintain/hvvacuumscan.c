/*-------------------------------------------------------------------------
 *
 * hvvacuumscan.c
 *	  What all pages of an index hold, and which of them need maintenance.
 *
 * NOTES
 *	  One pass over all blocks, while others change the tree, finds what VACUUM
 *	  has to do.  Each page is tested again, under the structure lock, before
 *	  something is done with it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvvacuumscan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "maintain/hvmerge.h"
#include "maintain/hvvacuumscan.h"
#include "page/hvcompat.h"
#include "storage/hvdebug.h"
#include "storage/hvstorestream.h"
#include "tree/hvinner.h"
#include "tree/hvmove.h"

/*
 * a centroid page with this share of its slots free is proposed to inserts: 1
 * / 4
 */
#define ROOMY_CENTROIDS		4

/* Taking ------------------------------------------------------------------ */

bool
HvVacuumScanIsDue(const HvIndex *index, Page page)
{
	return HvPageIsChurned(page) ||
		HvMergeIsDue(HvPageCount(page), HvPageCapacity(page, &index->layout)) ||
		HvPageGetOpaque(page)->mean_version != (uint16) index->meta.mean_version;
}

/*
 * Counts a leaf and says whether it is due; a page lock is held: no
 * allocation.
 */
static bool
count_leaf(HvVacuumScan *scan, BlockNumber block, Page page)
{
	int			n = HvPageCount(page);

	for (int i = 0; i < n; i++)
	{
		if (!(HvPageLeafEntry(page, &scan->index->layout, i)->flags & HV_ENTRY_SPILLED))
			scan->rows++;
	}
	scan->tuples += n;
	HvBlockSetAdd(&scan->leaves, block);
	return scan->every_leaf || HvVacuumScanIsDue(scan->index, page);
}

/* Looks at the tuples and the stamp of a tree page that is locked. */
static void
verify_tree_page(HvVacuumScan *scan, BlockNumber block, Page page)
{
	const char *problem = HvPageVerifyTuples(page, &scan->index->layout);

	if (problem)
		HvStoreCorrupted(scan->index->relation, block, problem);
	if (HvPageGetOpaque(page)->seq > scan->newest_stamp)
	{
		scan->newest_stamp = HvPageGetOpaque(page)->seq;
		scan->newest_page = block;
	}
}

/*
 * Counts and lists a page, locked and then released; NULL is an all-zero one.
 */
static void
visit_page(HvVacuumScan *scan, BlockNumber block, Page page, Buffer buffer)
{
	HvPageKind	kind = HV_PAGE_FREE;
	bool		due = false;
	int			tuples = 0;

	if (page)
	{
		kind = HvPageKindOf(page);
		tuples = HvPageCount(page);
		if (HvPageIsTree(page))
			verify_tree_page(scan, block, page);
		if (kind == HV_PAGE_LEAF)
			due = count_leaf(scan, block, page);
		HvStoreRelease(buffer);
	}

	switch (kind)
	{
		case HV_PAGE_FREE:
			scan->free_pages = lappend_oid(scan->free_pages, block);
			break;
		case HV_PAGE_LEAF:
			if (tuples == 0 && block != HV_ROOT_BLOCK)
				scan->empty_leaves = lappend_oid(scan->empty_leaves, block);
			else if (due)
				scan->due_leaves = lappend_oid(scan->due_leaves, block);
			break;
		case HV_PAGE_INNER:
			scan->inner_pages = lappend_oid(scan->inner_pages, block);
			break;
		case HV_PAGE_CENTROID:
			scan->centroid_pages = lappend_oid(scan->centroid_pages, block);
			break;
		case HV_PAGE_MEAN:
			scan->mean_pages = lappend_oid(scan->mean_pages, block);
			break;
		case HV_PAGE_META:
			break;
	}
}

void
HvVacuumScanTake(HvVacuumScan *scan, HvIndex *index, BufferAccessStrategy strategy,
				 bool every_leaf)
{
	HvStoreStream *stream =
		HvStoreStreamBeginRange(index->relation, &index->layout, HV_STREAM_MAINTENANCE,
								strategy, HV_ROOT_BLOCK,
								HvStoreBlocks(index->relation));
	BlockNumber block;
	Page		page;
	Buffer		buffer;

	Assert(index->meta.dim > 0 && HvStoreNoPageIsLocked());
	memset(scan, 0, sizeof(HvVacuumScan));
	scan->index = index;
	scan->strategy = strategy;
	scan->every_leaf = every_leaf;
	HvBlockSetInit(&scan->leaves, HvStoreBlocks(index->relation));
	while (HvStoreStreamNext(stream, &block, &page, &buffer))
	{
		visit_page(scan, block, page, buffer);
		HV_VACUUM_DELAY_POINT();
		CHECK_FOR_INTERRUPTS();
	}
	HvStoreStreamEnd(stream);
}

/*
 * A page that lost its content must not be used again as long as the tree names
 * it, or a damaged tree becomes a wrong one.  So free pages go into the map only
 * when the tree is known to be sound.
 */
void
HvVacuumScanVerify(HvVacuumScan *scan)
{
	Relation	index = scan->index->relation;
	HvMetaData	meta;
	ListCell   *cell;

	HvMetaRead(index, &meta);
	if (scan->newest_stamp > meta.seq)
		HvStoreCorrupted(index, scan->newest_page, "is stamped newer than the metapage is");
	HvWalkTree(index, &scan->index->layout, &scan->leaves, NULL, NULL);
	foreach(cell, scan->free_pages)
		HvStoreRecordFree(index, lfirst_oid(cell));
}

/* Empty leaves ------------------------------------------------------------ */

/* Copies an inner page; false if it is no longer one. */
static bool
copy_inner(const HvVacuumScan *scan, BlockNumber block, Page image)
{
	Buffer		buffer;
	Page		page = HvStoreRead(scan->index->relation, &scan->index->layout, block,
								   NULL, &buffer);
	bool		inner;

	if (page == NULL)
		return false;
	inner = HvPageKindOf(page) == HV_PAGE_INNER;
	if (inner)
		memcpy(image, page, BLCKSZ);
	HvStoreRelease(buffer);
	return inner;
}

/* Was the leaf empty?  Blocks were visited, hence listed, in order. */
static bool
was_empty(const HvVacuumScan *scan, BlockNumber block)
{
	int			low = 0;
	int			high = list_length(scan->empty_leaves);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		BlockNumber here = list_nth_oid(scan->empty_leaves, middle);

		if (here == block)
			return true;
		if (here < block)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Deletes the empty leaves below one inner page. */
static void
prune_parent(HvVacuumScan *scan, BlockNumber parent)
{
	const HvLayout *layout = &scan->index->layout;
	PGAlignedBlock image;
	Page		page = (Page) image.data;

	if (!copy_inner(scan, parent, page) || HvPageGetOpaque(page)->level != 1)
		return;
	for (int i = 0; i < HvPageCount(page); i++)
	{
		HvRemoval	removal = {HvPageInnerEntry(page, layout, i)->child, 0, parent,
		InvalidBlockNumber};

		if (!was_empty(scan, removal.block) || !HvMoveOut(scan->index, &removal))
			continue;
		scan->pages_deleted++;
	}
}

void
HvVacuumScanPrune(HvVacuumScan *scan)
{
	ListCell   *cell;

	Assert(HvStoreStructureIsLocked(scan->index->relation));
	if (scan->empty_leaves == NIL)
		return;
	foreach(cell, scan->inner_pages)
	{
		CHECK_FOR_INTERRUPTS();
		prune_parent(scan, lfirst_oid(cell));
	}
}

/* Centroid slots ---------------------------------------------------------- */

static int
compare_refs(const void *a, const void *b)
{
	uint64		ra = *(const uint64 *) a;
	uint64		rb = *(const uint64 *) b;

	return ra < rb ? -1 : ra > rb;
}

/* slots that inner pages refer to */
typedef struct SlotRefs
{
	const HvLayout *layout;
	int64		n;
	int64		size;
	uint64	   *refs;
} SlotRefs;

/* Adds the slots of an inner page. */
static void
add_refs(void *arg, Page image)
{
	SlotRefs   *slots = arg;

	if (slots->n + HvPageCount(image) > slots->size)
	{
		slots->size = 2 * slots->size + HvPageCount(image);
		slots->refs = repalloc_huge(slots->refs, slots->size * sizeof(uint64));
	}
	for (int i = 0; i < HvPageCount(image); i++)
	{
		const HvInnerEntryData *entry = HvPageInnerEntry(image, slots->layout, i);

		slots->refs[slots->n++] = ((uint64) entry->centroid_block << 16) | entry->centroid_slot;
	}
}

/* All centroid slots that inner pages refer to, sorted. */
static uint64 *
referenced_slots(const HvVacuumScan *scan, int64 *n)
{
	SlotRefs	slots = {&scan->index->layout, 0, 1, palloc(sizeof(uint64))};

	HvWalkTree(scan->index->relation, slots.layout, &scan->leaves, add_refs, &slots);
	qsort(slots.refs, slots.n, sizeof(uint64), compare_refs);
	*n = slots.n;
	return slots.refs;
}

/*
 * Looks at a page that is locked: the slots in use that nothing names.
 * Returns how many slots it has in use in all, -1 if it is no centroid page
 * any more.
 */
static int
lost_slots(const HvLayout *layout, Page page, BlockNumber block, const uint64 *refs,
		   int64 n, uint64 *lost, BlockNumber *link)
{
	int			used = 0;

	*lost = 0;
	if (HvPageKindOf(page) != HV_PAGE_CENTROID)
		return -1;
	*link = HvPageGetOpaque(page)->link;
	for (int slot = 0; slot < layout->slots_per_page; slot++)
	{
		uint64		ref = ((uint64) block << 16) | (uint64) slot;

		if (!HvCentroidPageIsUsed(page, slot))
			continue;
		used++;
		if (bsearch(&ref, refs, n, sizeof(uint64), compare_refs) == NULL)
			*lost |= UINT64CONST(1) << slot;
	}
	return used;
}

/*
 * Frees slots of a centroid page, or the page itself where none is left in
 * use, and sets its link: one WAL record.
 */
static void
tidy_slots(HvVacuumScan *scan, BlockNumber block, uint64 lost, bool free_page,
		   BlockNumber link)
{
	HvAction	action;
	Page		page;

	HvActionBegin(&action, scan->index->relation);
	page = HvActionOpen(&action, &scan->index->layout, block);
	Assert(free_page || link == InvalidBlockNumber || link < block);	/* I6 */
	for (int slot = 0; lost != 0; slot++, lost >>= 1)
	{
		if (lost & 1)
			HvCentroidPageFree(page, slot);
	}
	if (free_page)
		HvPageInitKind(page, HV_PAGE_FREE, 0, 0);
	else
		HvPageGetOpaque(page)->link = link;
	HvActionCommit(&action);
	if (free_page)
	{
		HvStoreRecordFree(scan->index->relation, block);
		scan->pages_deleted++;
	}
}

/* Makes the metapage name a centroid page with free slots. */
static void
propose(HvVacuumScan *scan, BlockNumber centroid_block)
{
	HvAction	action;

	Assert(centroid_block != HV_META_BLOCK && centroid_block != HV_ROOT_BLOCK);
	HvActionBegin(&action, scan->index->relation);
	HvActionOpenMeta(&action)->centroid_block = centroid_block;
	HvActionCommit(&action);
}

/* Frees a page of a mean that the metapage does not name any more. */
static void
tidy_mean(HvVacuumScan *scan, BlockNumber block, const HvMetaData *meta)
{
	HvAction	action;
	Page		page;
	uint16		age;

	HvActionBegin(&action, scan->index->relation);
	page = HvActionOpen(&action, &scan->index->layout, block);
	age = (uint16) ((uint16) meta->mean_version - HvPageGetOpaque(page)->mean_version);
	if (HvPageKindOf(page) != HV_PAGE_MEAN || age == 0 ||
		(age == 1 && (meta->flags & HV_META_CONVERTING)))
	{
		HvActionAbort(&action);
		return;
	}
	HvPageInitKind(page, HV_PAGE_FREE, 0, 0);
	HvActionCommit(&action);
	HvStoreRecordFree(scan->index->relation, block);
	scan->pages_deleted++;
}

/* A list of blocks and the place of the next one. */
typedef struct ListCursor
{
	const List *blocks;
	int			at;
} ListCursor;

static BlockNumber
next_of_list(void *state)
{
	ListCursor *cursor = state;

	return cursor->at < list_length(cursor->blocks) ?
		list_nth_oid(cursor->blocks, cursor->at++) : InvalidBlockNumber;
}

/*
 * Tidies the centroid pages, given all slots that are named, upwards, each
 * page with room leading to the one below.  Returns the topmost page with
 * room.
 */
static BlockNumber
collect_slots(HvVacuumScan *scan, BlockNumber proposed, const uint64 *refs, int64 n)
{
	const HvLayout *layout = &scan->index->layout;
	int			slots = layout->slots_per_page;
	BlockNumber roomy = InvalidBlockNumber;
	ListCursor	cursor = {scan->centroid_pages, 0};
	HvStoreStream *stream =
		HvStoreStreamBegin(scan->index->relation, layout, HV_STREAM_MAINTENANCE, NULL,
						   next_of_list, &cursor);
	BlockNumber block;
	Page		page;
	Buffer		buffer;

	while (HvStoreStreamNext(stream, &block, &page, &buffer))
	{
		BlockNumber link = InvalidBlockNumber;
		uint64		lost;
		int			used;
		int			left;
		bool		has_room;

		if (page == NULL)
			continue;
		used = lost_slots(layout, page, block, refs, n, &lost, &link);
		HvStoreRelease(buffer);
		CHECK_FOR_INTERRUPTS();
		if (used < 0)
			continue;
		left = used - __builtin_popcountll(lost);
		has_room = left > 0 && left < slots &&
			(block == proposed || (slots - left) * ROOMY_CENTROIDS >= slots);
		if (lost != 0 || left == 0 || (has_room && link != roomy))
			tidy_slots(scan, block, lost, left == 0, roomy);
		if (has_room)
			roomy = block;
	}
	HvStoreStreamEnd(stream);
	return roomy;
}

void
HvVacuumScanAll(HvVacuumScan *scan)
{
	BlockNumber roomy;
	HvMetaData	meta;
	int64		n;
	uint64	   *refs;
	ListCell   *cell;

	Assert(HvStoreStructureIsLocked(scan->index->relation));
	HvMetaRead(scan->index->relation, &meta);
	refs = referenced_slots(scan, &n);
	roomy = collect_slots(scan, meta.centroid_block, refs, n);
	pfree(refs);
	foreach(cell, scan->mean_pages)
		tidy_mean(scan, lfirst_oid(cell), &meta);
	if (roomy != meta.centroid_block)
		propose(scan, roomy);
}

void
HvVacuumScanRecord(const HvVacuumScan *scan)
{
	HvAction	action;
	HvMetaData *meta;

	Assert(HvStoreStructureIsLocked(scan->index->relation));
	Assert(scan->rows >= 0 && scan->rows <= scan->tuples);	/* I8 */
	HvActionBegin(&action, scan->index->relation);
	meta = HvActionOpenMeta(&action);
	meta->rows = scan->rows;
	meta->tuples = scan->tuples;
	HvActionCommit(&action);
}
