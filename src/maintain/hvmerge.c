/*-------------------------------------------------------------------------
 *
 * hvmerge.c
 *	  Fewer pages: a sparse page goes into its neighbours, a root with one
 *	  child into that.
 *
 * NOTES
 *	  A page's tuples do not go to one neighbour: each goes to its own nearest,
 *	  as if it were inserted again.  There are no siblings in this tree that
 *	  would be nearer than others.  The last neighbour gets its tuples in the
 *	  record that takes the page out of the tree, so that no inner page is ever
 *	  seen empty.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvmerge.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "maintain/hvmerge.h"
#include "storage/hvdebug.h"
#include "tree/hvinner.h"
#include "tree/hvmove.h"

/* pages that may take tuples */
#define TARGETS		16

/* room left on them, so that they need not be split at once */
#define HEADROOM	2

typedef struct Merge
{
	HvIndex    *index;
	const HvMembers *members;
	HvNeighbor	targets[TARGETS];
	int			room[TARGETS];
	int			ntargets;
	int		   *choice;			/* the target of each tuple */
} Merge;

/*
 * How many tuples more a page can take; 0 if it is none of this level, or
 * about another mean.
 */
static int
room_on(HvIndex *index, BlockNumber block, int level)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, block, NULL, &buffer);
	int			room = 0;

	if (page == NULL)
		return 0;
	if (HvPageKindOf(page) == (level == 0 ? HV_PAGE_LEAF : HV_PAGE_INNER) &&
		HvPageGetOpaque(page)->level == level &&
		!HvIndexIsOld(index, block, HvPageGetOpaque(page)->mean_version))
		room = HvPageCapacity(page, &index->layout) - HvPageCount(page) - HEADROOM;
	HvStoreRelease(buffer);
	return Max(room, 0);
}

/* The nearest target that has room for a tuple, or -1. */
static int
choose_target(Merge *merge, int i)
{
	const float *vector = merge->members->vectors[i];
	float		norm2 = HvKernel->inner_product(vector, vector,
												merge->index->layout.code_bits);
	float		best_distance = 0;
	int			best = -1;

	Assert(i >= 0 && i < merge->members->count);
	for (int target = 0; target < merge->ntargets; target++)
	{
		float		distance;

		if (merge->room[target] == 0)
			continue;
		distance = HvNeighborDistance(merge->index, &merge->targets[target], vector, norm2);
		if (best < 0 || distance < best_distance)
		{
			best = target;
			best_distance = distance;
		}
	}
	return best;
}

/* Finds a target for every tuple; false if there is none for some. */
static bool
choose_targets(Merge *merge)
{
	const HvMembers *members = merge->members;
	float	   *mean = palloc(merge->index->layout.code_bits * sizeof(float));

	HvMembersCentroid(members, mean);
	merge->ntargets = HvNeighborsFind(merge->index, mean, members->level, &members->block, 1,
									merge->targets, TARGETS);
	for (int target = 0; target < merge->ntargets; target++)
		merge->room[target] = room_on(merge->index, merge->targets[target].block, members->level);

	merge->choice = palloc(Max(members->count, 1) * sizeof(int));
	for (int i = 0; i < members->count; i++)
	{
		merge->choice[i] = choose_target(merge, i);
		if (merge->choice[i] < 0)
			return false;
		merge->room[merge->choice[i]]--;
	}
	return true;
}

/* Moves to one target the tuples that chose it, if there are any. */
static void
move_to(Merge *merge, int target)
{
	const HvMembers *members = merge->members;
	BlockNumber blocks[2] = {members->block, merge->targets[target].block};
	HvMove	   *moves = palloc(Max(members->count, 1) * sizeof(HvMove));
	int			n = 0;

	for (int i = 0; i < members->count; i++)
	{
		if (merge->choice[i] != target)
			continue;
		moves[n].entry = HvMembersEntry(members, i);
		moves[n].from = 0;
		moves[n].to = 1;
		n++;
	}
	if (n > 0)
	{
		HvMoveTuples(merge->index, members->level, blocks, 2, moves, n);
		HV_DEBUG_POINT("merge-moved");
	}
	pfree(moves);
}

bool
HvMergePage(const HvMembers *members, const HvParent *parent)
{
	Merge		merge = {0};
	HvRemoval	removal;
	int			last;

	Assert(HvStoreStructureIsLocked(members->index->relation));
	Assert(members->vectors != NULL || members->count == 0);
	merge.index = members->index;
	merge.members = members;
	if (parent->children < 2 || !choose_targets(&merge))
		return false;
	HV_DEBUG_POINT("merge-page");

	last = members->count > 0 ? merge.choice[members->count - 1] : -1;
	for (int target = 0; target < merge.ntargets; target++)
	{
		CHECK_FOR_INTERRUPTS();
		if (target != last)
			move_to(&merge, target);
	}
	removal.block = members->block;
	removal.level = members->level;
	removal.parent = parent->block;
	removal.target = last >= 0 ? merge.targets[last].block : InvalidBlockNumber;
	return HvMoveOut(merge.index, &removal);
}

/* The only child of the root; false if there is none or more than one. */
static bool
only_child(HvIndex *index, HvInnerEntryData *child, int *level)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, HV_ROOT_BLOCK, NULL,
								   &buffer);
	bool		only;

	if (page == NULL)
		HvStoreCorrupted(index->relation, HV_ROOT_BLOCK, "is empty");
	*level = HvPageGetOpaque(page)->level;
	only = *level > 0 && HvPageCount(page) == 1;
	if (only)
		*child = *HvPageInnerEntry(page, &index->layout, 0);
	HvStoreRelease(buffer);
	return only;
}

bool
HvMergeRoot(HvIndex *index)
{
	const HvLayout *layout = &index->layout;
	HvInnerEntryData entry;
	HvCentroidRef ref;
	HvAction	action;
	Page		child;
	Page		root;
	HvMetaData *meta;
	PGAlignedBlock image;
	int			level;

	Assert(HvStoreStructureIsLocked(index->relation));
	if (!only_child(index, &entry, &level))
		return false;

	HvActionBegin(&action, index->relation);
	child = HvActionOpen(&action, layout, entry.child);
	if (!HvPageIsTree(child) || HvPageGetOpaque(child)->level != level - 1)
		HvStoreCorrupted(index->relation, entry.child, "is not of the level that the root expects");
	if (HvIndexIsOld(index, entry.child, HvPageGetOpaque(child)->mean_version))
	{
		/* the root may be converted already, and no page goes back */
		HvActionAbort(&action);
		return false;
	}
	root = HvActionOpen(&action, layout, HV_ROOT_BLOCK);
	meta = HvActionOpenMeta(&action);

	/* everything but the WAL position, which belongs to the block */
	memcpy(image.data, child, BLCKSZ);
	PageSetLSN((Page) image.data, PageGetLSN(root));
	memcpy(root, image.data, BLCKSZ);
	HvPageGetOpaque(root)->link = InvalidBlockNumber;
	HvPageGetOpaque(root)->seq = ++meta->seq;
	HvPageInitKind(child, HV_PAGE_FREE, 0, 0);
	Assert(HvPageIsTree(root) && HvPageGetOpaque(root)->level == level - 1);	/* I3 */
	meta->height = level - 1;
	if (meta->height == 0)
		meta->leaves = 1;
	HvActionCommit(&action);
	HvStoreRecordFree(index->relation, entry.child);
	HV_DEBUG_POINT("root-shrunk");
	ref.block = entry.centroid_block;
	ref.slot = entry.centroid_slot;
	HvCentroidRemove(index, ref);
	return true;
}
