/*-------------------------------------------------------------------------
 *
 * hvmove.c
 *	  Tuples go from page to page of one level.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvmove.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/hvdebug.h"
#include "tree/hvmove.h"

/* Is an image a tree page of this level? */
static bool
is_of_level(Page page, int level)
{
	return HvPageKindOf(page) == (level == 0 ? HV_PAGE_LEAF : HV_PAGE_INNER) &&
		HvPageGetOpaque(page)->level == level;
}

/*
 * Where the row's other copy is already on the page that this one should go to,
 * no tuple moves: the two exchange the flag that says which one is spilled, and
 * the row is in the same two leaves as before.
 */
static bool
exchange_copies(const HvLayout *layout, Page from, Page to, const HvLeafEntryData *entry)
{
	HvLeafEntryData other = *entry;
	int			at = HvPageFindTuple(from, layout, entry);
	int			there;

	Assert(HvPageKindOf(to) == HV_PAGE_LEAF);
	other.flags ^= HV_ENTRY_SPILLED;
	there = HvPageFindTuple(to, layout, &other);
	if (at < 0 || there < 0 || HvPageFindTuple(to, layout, entry) >= 0)
		return false;
	HvPageLeafEntry(from, layout, at)->flags ^= HV_ENTRY_SPILLED;
	HvPageLeafEntry(to, layout, there)->flags ^= HV_ENTRY_SPILLED;
	Assert(HvPageFindTuple(from, layout, &other) >= 0); /* I8 */
	Assert(HvPageFindTuple(to, layout, entry) >= 0);
	return true;
}

/* Moves one tuple, if that can be. */
static bool
move_tuple(const HvLayout *layout, Page from, Page to, const void *entry)
{
	int			size = HvPageEntrySize(from, layout);
	int			at = HvPageFindTuple(from, layout, entry);

	Assert(from != to && HvPageKindOf(from) == HvPageKindOf(to));
	Assert(HvPageGetOpaque(from)->mean_version == HvPageGetOpaque(to)->mean_version);	/* I7 */
	if (HvPageKindOf(from) == HV_PAGE_LEAF && exchange_copies(layout, from, to, entry))
		return true;
	if (at < 0 || HvPageFindTuple(to, layout, entry) >= 0 ||
		(HvPageKindOf(from) == HV_PAGE_INNER && HvPageCount(from) < 2) ||
		!HvPageAppend(to, layout, HvPageCodes(from) + at * layout->code_bytes,
					  HvPageEntry(from, at, size)))
		return false;
	HvPageRemove(from, layout, at);
	HvPageAddChurn(from, 1);
	HvPageAddChurn(to, 1);
	Assert(HvPageFindTuple(to, layout, entry) >= 0);
	Assert(HvPageKindOf(from) == HV_PAGE_LEAF || HvPageCount(from) > 0);	/* I5 */
	return true;
}

int
HvMoveTuples(HvIndex *index, int level, const BlockNumber *blocks, int nblocks,
			 const HvMove *moves, int nmoves)
{
	HvAction	action;
	Page		pages[HV_MOVE_PAGES];
	bool		changed[HV_MOVE_PAGES] = {false};
	bool		fit = true;
	int			moved = 0;
	HvMetaData *meta;

	Assert(HvStoreStructureIsLocked(index->relation));
	Assert(nblocks > 0 && nblocks <= HV_MOVE_PAGES);
	Assert(level >= 0 && level <= HV_MAX_LEVEL);
	HvActionBegin(&action, index->relation);
	for (int i = 0; i < nblocks; i++)
	{
		pages[i] = HvActionOpen(&action, &index->layout, blocks[i]);
		fit = fit && is_of_level(pages[i], level) &&
			HvPageGetOpaque(pages[i])->mean_version == HvPageGetOpaque(pages[0])->mean_version;
	}
	for (int i = 0; i < nmoves && fit; i++)
	{
		const HvMove *move = &moves[i];

		Assert(move->from >= 0 && move->from < nblocks);
		Assert(move->to >= 0 && move->to < nblocks);
		if (!move_tuple(&index->layout, pages[move->from], pages[move->to], move->entry))
			continue;
		changed[move->from] = changed[move->to] = true;
		moved++;
	}
	if (moved == 0)
	{
		HvActionAbort(&action);
		return 0;
	}
	meta = HvActionOpenMeta(&action);
	meta->seq++;
	for (int i = 0; i < nblocks; i++)
	{
		if (changed[i])
			HvPageGetOpaque(pages[i])->seq = meta->seq;
	}
	HvActionCommit(&action);
	return moved;
}

/* Moves all tuples of a page to another one; false where it lacks the room. */
static bool
move_all(const HvLayout *layout, Page page, Page target, int level)
{
	if (!is_of_level(target, level) ||
		HvPageGetOpaque(target)->mean_version != HvPageGetOpaque(page)->mean_version)
		return false;
	for (int i = HvPageCount(page) - 1; i >= 0; i--)
	{
		const void *entry = HvPageEntry(page, i, HvPageEntrySize(page, layout));

		if (!HvPageAppend(target, layout, HvPageCodes(page) + i * layout->code_bytes, entry))
			return false;
		HvPageAddChurn(target, 1);
	}
	return true;
}

bool
HvMoveOut(HvIndex *index, const HvRemoval *removal)
{
	const HvLayout *layout = &index->layout;
	bool		has_target = removal->target != InvalidBlockNumber;
	HvAction	action;
	Page		page;
	Page		target = NULL;
	Page		parent;
	HvMetaData *meta;
	HvCentroidRef ref;
	int			at;
	bool		can;

	Assert(HvStoreStructureIsLocked(index->relation));
	Assert(removal->block != removal->parent && removal->block != removal->target);
	HvActionBegin(&action, index->relation);
	page = HvActionOpen(&action, layout, removal->block);
	if (has_target)
		target = HvActionOpen(&action, layout, removal->target);
	parent = HvActionOpen(&action, layout, removal->parent);
	at = is_of_level(parent, removal->level + 1) ?
		HvPageFindChild(parent, layout, removal->block) : -1;
	can = at >= 0 && HvPageCount(parent) >= 2 && is_of_level(page, removal->level);
	if (can)
		can = has_target ? move_all(layout, page, target, removal->level) :
			HvPageCount(page) == 0;
	if (!can)
	{
		HvActionAbort(&action);
		return false;
	}
	meta = HvActionOpenMeta(&action);
	ref.block = HvPageInnerEntry(parent, layout, at)->centroid_block;
	ref.slot = HvPageInnerEntry(parent, layout, at)->centroid_slot;
	HvPageRemove(parent, layout, at);
	Assert(HvPageCount(parent) > 0);	/* I5 */
	HvPageAddChurn(parent, 1);
	HvPageInitKind(page, HV_PAGE_FREE, 0, 0);
	if (removal->level == 0)
		meta->leaves = Max(meta->leaves, 2) - 1;
	/* a backend that still knows the page's number must see that the tree has changed */
	meta->seq++;
	if (has_target)
		HvPageGetOpaque(target)->seq = meta->seq;
	HvActionCommit(&action);
	HvStoreRecordFree(index->relation, removal->block);
	HV_DEBUG_POINT("merge-freed");
	HvCentroidRemove(index, ref);
	return true;
}
