/*-------------------------------------------------------------------------
 *
 * hvconvert.c
 *	  From codes about one mean to codes about another, page by page.
 *
 * NOTES
 *	  A leaf's codes are made from the rows in the heap, an inner page's from
 *	  the centroids of its children; a centroid is moved by the difference of
 *	  the means, which needs no data.  No tuple changes its page, so the page
 *	  gets no stamp: the mean version is all that others need.
 *
 *	  Between being read and being written a leaf can lose rows to VACUUM, or
 *	  get one from an insert that does not know of the new mean yet.  Then it
 *	  is read again.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvconvert.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "maintain/hvconvert.h"
#include "storage/hvdebug.h"
#include "tree/hvinner.h"

/* One page ---------------------------------------------------------------- */

/* Writes codes of the loaded vectors into a copy of the page. */
static void
encode_members(const HvMembers *members, Page page)
{
	const HvLayout *layout = &members->index->layout;
	int			size = HvPageEntrySize(page, layout);
	uint8	   *code = palloc(layout->code_bytes);
	void	   *entry = palloc(size);

	Assert(members->vectors != NULL && members->count == HvPageCount(page));
	for (int i = 0; i < members->count; i++)
	{
		/* either kind of entry begins with the factors */
		memcpy(entry, HvPageEntry(page, i, size), size);
		HvCodeEncode(members->vectors[i], layout->code_bits, code, (HvCodeFactors *) entry);
		HvPageReplace(page, layout, i, code, entry);
	}
	HvPageGetOpaque(page)->mean_version = (uint16) members->index->meta.mean_version;
	pfree(code);
	pfree(entry);
}

/* Puts an image in the place of a page that is still what was read. */
static bool
replace_page(HvMembers *members, Page image)
{
	HvAction	action;
	Page		page;
	Size		skip = offsetof(PageHeaderData, pd_flags);

	Assert(HvPageGetOpaque(image)->mean_version ==
		   (uint16) members->index->meta.mean_version); /* I7 */
	HvActionBegin(&action, members->index->relation);
	page = HvActionOpen(&action, &members->index->layout, members->block);
	if (!HvMembersUnchanged(members, page))
	{
		HvActionAbort(&action);
		return false;
	}
	/* no tuple moves: the stamp is as it was */
	Assert(HvPageGetOpaque(page)->seq == HvPageGetOpaque(image)->seq);
	memcpy((char *) page + skip, (char *) image + skip, BLCKSZ - skip);
	HvActionCommit(&action);
	memcpy(members->image.data, image, BLCKSZ);
	return true;
}

bool
HvConvertMembers(HvMembers *members, HvHeap *heap)
{
	HvIndex    *index = members->index;
	PGAlignedBlock image;

	Assert(HvStoreStructureIsLocked(index->relation));
	Assert(heap != NULL || members->level > 0);
	while (HvIndexIsOld(index, members->block,
						HvPageGetOpaque((Page) members->image.data)->mean_version))
	{
		CHECK_FOR_INTERRUPTS();
		HvMembersLoad(members, heap);
		HV_DEBUG_POINT("convert-page");
		image = members->image;
		encode_members(members, (Page) image.data);
		if (replace_page(members, (Page) image.data))
			break;
		if (!HvMembersRead(members, index, members->block, members->level))
			return false;
	}
	Assert(HvPageGetOpaque((Page) members->image.data)->mean_version ==
		   (uint16) index->meta.mean_version);	/* I7 */
	return true;
}

bool
HvConvertPage(HvIndex *index, HvHeap *heap, BlockNumber block, int level)
{
	HvMembers  *members = palloc(sizeof(HvMembers));
	bool		found = HvMembersRead(members, index, block, level) &&
		HvConvertMembers(members, heap);

	pfree(members);
	return found;
}

void
HvConvertLeaf(Relation relation, Relation heap, BlockNumber leaf)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree conversion",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HvHeap	   *reader;

	HvStoreLockStructure(relation);
	reader = HvHeapBeginAll(heap, relation, context);
	HvConvertPage(HvIndexOpen(relation), reader, leaf, 0);
	HvHeapEnd(reader);
	HvStoreUnlockStructure(relation);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
HvConvertCentroids(HvIndex *index, BlockNumber block)
{
	HvAction	action;
	Page		page;

	HvActionBegin(&action, index->relation);
	page = HvActionOpen(&action, &index->layout, block);
	if (HvPageKindOf(page) == HV_PAGE_CENTROID &&
		HvIndexIsOld(index, block, HvPageGetOpaque(page)->mean_version))
	{
		HvCentroidPageShift(index, page);
		HvActionCommit(&action);
	}
	else
		HvActionAbort(&action);
}

/* All pages --------------------------------------------------------------- */

/* What a block holds: its kind, its level, whether its codes are old. */
static HvPageKind
look_at(HvIndex *index, BlockNumber block, BufferAccessStrategy strategy, int *level,
		bool *old)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, block, strategy, &buffer);
	HvPageKind	kind = HV_PAGE_FREE;
	uint16		mean_version = 0;

	*level = 0;
	*old = false;
	if (page == NULL)
		return kind;
	kind = HvPageKindOf(page);
	*level = HvPageGetOpaque(page)->level;
	mean_version = HvPageGetOpaque(page)->mean_version;
	HvStoreRelease(buffer);
	if (kind == HV_PAGE_LEAF || kind == HV_PAGE_INNER || kind == HV_PAGE_CENTROID)
		*old = HvIndexIsOld(index, block, mean_version);
	return kind;
}

/*
 * Pages before block are converted; all of them if it is beyond the end.  No
 * page goes back to the mean before, and new ones are about the present one.
 * One action.
 */
static void
note_progress(HvIndex *index, BlockNumber block, bool at_end)
{
	HvAction	action;
	HvMetaData *meta;

	Assert(HvStoreStructureIsLocked(index->relation));
	if (at_end)
		HV_DEBUG_POINT("convert-finish");
	HvActionBegin(&action, index->relation);
	meta = HvActionOpenMeta(&action);
	Assert(meta->flags & HV_META_CONVERTING);
	meta->convert_block = block;
	if (at_end)
	{
		meta->flags &= ~HV_META_CONVERTING;
		meta->old_mean_block = InvalidBlockNumber;
	}
	HvActionCommit(&action);
}

void
HvConvertNext(HvIndex *index, HvHeap *heap, int limit)
{
	BufferAccessStrategy strategy = HvStoreBulkStrategy();
	BlockNumber nblocks = HvStoreBlocks(index->relation);
	BlockNumber block = Max(index->meta.convert_block, HV_ROOT_BLOCK);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree page conversion",
												  ALLOCSET_DEFAULT_SIZES);

	Assert(HvStoreStructureIsLocked(index->relation) && limit > 0);
	for (; block < nblocks && limit > 0; block++)
	{
		MemoryContext before = MemoryContextSwitchTo(context);
		int			level;
		bool		old;
		HvPageKind	kind = look_at(index, block, strategy, &level, &old);

		CHECK_FOR_INTERRUPTS();
		if (old && kind == HV_PAGE_CENTROID)
			HvConvertCentroids(index, block);
		else if (old)
		{
			HvConvertPage(index, heap, block, level);
			limit--;
		}
		MemoryContextSwitchTo(before);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	pfree(strategy);
	note_progress(index, block, block >= nblocks);
}
