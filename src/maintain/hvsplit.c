/*-------------------------------------------------------------------------
 *
 * hvsplit.c
 *	  Making room: a full page becomes two, a full root a level more.
 *
 * NOTES
 *	  A leaf is partitioned by 2-means over the vectors of its rows, read from
 *	  the heap; an inner page by the centroids of its children.  (Splits by the
 *	  codes alone cost five points of recall in a tree grown from nothing: .916
 *	  against .963.)  All of that happens under the structure lock alone, no
 *	  page being locked.  Then one action of four pages makes the change: the
 *	  page, its new sibling, their parent, and the metapage, whose structure
 *	  counter both halves are stamped with.  After it, tuples move between the
 *	  halves and the pages around, each to the nearest centroid
 *	  (hvreassign.c).
 *
 *	  A parent that is full is split first, from the root downwards, so that
 *	  the parent of the page at hand always has room.  The root keeps its block:
 *	  its tuples move to two new pages below it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvsplit.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "arithmetic/hvkmeans.h"
#include "maintain/hvconvert.h"
#include "maintain/hvmean.h"
#include "maintain/hvreach.h"
#include "maintain/hvreassign.h"
#include "maintain/hvsplit.h"
#include "storage/hvdebug.h"
#include "tree/hvinner.h"

#define SPLIT_ITERATIONS	10

/* a page being split, all in one memory context */
typedef struct Split
{
	HvIndex    *index;
	HvHeap	   *heap;
	HvMembers	members;		/* of the page as it was read */
	PGAlignedBlock tuples;		/* the same, or with codes about a new mean */
	int		   *side;			/* 0 or 1 for each */
	float	   *centroids[2];	/* code_bits floats */
	HvCentroidRef refs[2];		/* where they are stored */
	BlockNumber blocks[2];		/* where the halves go */
} Split;

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* Partitions the tuples in two; sets side and centroids. */
static void
partition(Split *split)
{
	const HvSpace *space = &split->index->space;
	int			bits = split->index->layout.code_bits;
	int			n = split->members.count;
	HvVectors	vectors = {0};
	int		   *members = palloc(n * sizeof(int));
	float	   *centroids = palloc(2 * bits * sizeof(float));
	int			counts[2];
	HvClusters	clusters = {split->side, centroids, counts};
	HvKmeansParams params = {0};

	Assert(n >= HV_MIN_CAPACITY && split->members.vectors != NULL);
	vectors.dims = bits;
	vectors.count = vectors.capacity = n;
	vectors.values = palloc((Size) n * bits);
	vectors.factors = palloc(n * sizeof(HvByteFactors));
	for (int i = 0; i < n; i++)
	{
		HvVectorsSet(&vectors, i, split->members.vectors[i]);
		members[i] = i;
	}
	params.k = 2;
	HvSpaceCentroidRule(space, palloc(space->rotate_dims * sizeof(float)), &params.rule);
	params.iterations = SPLIT_ITERATIONS;
	params.seed = split->members.block;
	/* or a far row would be split off alone, and merged again (hvmaintain.c) */
	params.max_members = n - (n + HV_LEAST_FILL - 1) / HV_LEAST_FILL;
	params.check = check_interrupts;
	if (HvKmeans(&vectors, members, n, &params,
				 palloc(HvKmeansScratchSize(n, bits, 2)),
				 &clusters) != 2)
		elog(ERROR, "page of %d tuples could not be split", n);
	split->centroids[0] = centroids;
	split->centroids[1] = centroids + bits;
}

/* Change ------------------------------------------------------------------ */

/* Distributes the tuples to two empty pages. */
static void
distribute_tuples(Split *split, Page left, Page right)
{
	const HvLayout *layout = &split->index->layout;
	Page		from = (Page) split->tuples.data;
	int			size = HvPageEntrySize(from, layout);

	Assert(HvPageCount(left) == 0 && HvPageCount(right) == 0);
	Assert(HvPageCount(from) == split->members.count);
	for (int i = 0; i < split->members.count; i++)
	{
		Page		to = split->side[i] == 0 ? left : right;

		if (!HvPageAppend(to, layout, HvPageCodes(from) + i * layout->code_bytes,
						  HvPageEntry(from, i, size)))
			elog(ERROR, "half of a split page has no room");
	}
	Assert(HvPageCount(left) > 0 && HvPageCount(right) > 0);	/* I5 */
	Assert(HvPageCount(left) + HvPageCount(right) == HvPageCount(from));
}

/* Stamps both halves with the next value of the structure counter. */
static void
stamp(HvMetaData *meta, Page left, Page right)
{
	meta->seq++;
	HvPageGetOpaque(left)->seq = meta->seq;
	HvPageGetOpaque(right)->seq = meta->seq;
}

/* The parent's two entries after a split: one replaced, one more. */
static void
change_parent(const Split *split, Page parent, BlockNumber parent_block)
{
	const HvLayout *layout = &split->index->layout;
	uint8	   *code = palloc(layout->code_bytes);
	void	   *entry = palloc(layout->inner_entry_size);
	int			at = HvPageFindChild(parent, layout, split->members.block);

	for (int i = 0; i < 2; i++)
	{
		HvParentMakeEntry(split->index, split->blocks[i], split->refs[i],
						  split->centroids[i], code, entry);
		if (i == 0 && at >= 0)
			HvPageReplace(parent, layout, at, code, entry);
		else if (!HvPageAppend(parent, layout, code, entry))
			elog(ERROR, "parent block %u of a split page has no room", parent_block);
	}
	HvPageAddChurn(parent, at >= 0 ? 1 : 0);
}

/*
 * One action: page, new sibling, parent with room, metapage.  False, with
 * nothing done, if the page has changed since it was read.
 */
static bool
divide_page(Split *split, BlockNumber parent_block)
{
	HvIndex    *index = split->index;
	const HvLayout *layout = &index->layout;
	int			level = split->members.level;
	HvPageOpaque before = HvPageGetOpaque((Page) split->members.image.data);
	HvPageKind	kind = (HvPageKind) before->kind;
	HvAction	action;
	Page		page;
	Page		sibling;
	Page		parent;
	HvMetaData *meta;

	Assert(split->members.block != HV_ROOT_BLOCK);
	Assert(before->mean_version == (uint16) index->meta.mean_version);	/* I7 */
	split->blocks[0] = split->members.block;
	split->blocks[1] = HvStoreAllocate(index->relation);
	HvActionBegin(&action, index->relation);
	page = HvActionOpen(&action, layout, split->blocks[0]);
	if (!HvMembersUnchanged(&split->members, page))
	{
		HvActionAbort(&action);
		HvStoreRecordFree(index->relation, split->blocks[1]);
		return false;
	}
	sibling = HvActionCreate(&action, split->blocks[1], kind, level, before->mean_version);
	parent = HvActionOpen(&action, layout, parent_block);
	meta = HvActionOpenMeta(&action);

	HvPageInitKind(page, kind, level, before->mean_version);
	distribute_tuples(split, page, sibling);
	HvPageGetOpaque(page)->link = split->blocks[1];
	HvPageGetOpaque(sibling)->link = before->link;
	stamp(meta, page, sibling);
	if (level == 0)
		meta->leaves++;
	change_parent(split, parent, parent_block);
	HvActionCommit(&action);
	return true;
}

/*
 * One action: two new pages below the root, the root, metapage.  False, with
 * nothing done, if the root has changed since it was read.
 */
static bool
grow_root(Split *split, BlockNumber mean_block)
{
	HvIndex    *index = split->index;
	int			level = split->members.level;
	HvPageKind	kind = HvPageKindOf((Page) split->members.image.data);
	uint16		mean_version = (uint16) index->meta.mean_version;
	Page		pages[2];
	HvAction	action;
	Page		root;
	HvMetaData *meta;

	Assert(split->members.block == HV_ROOT_BLOCK && level < HV_MAX_LEVEL);
	Assert(mean_block != InvalidBlockNumber);	/* I9 */
	split->blocks[0] = HvStoreAllocate(index->relation);
	split->blocks[1] = HvStoreAllocate(index->relation);
	HvActionBegin(&action, index->relation);
	for (int i = 0; i < 2; i++)
		pages[i] = HvActionCreate(&action, split->blocks[i], kind, level, mean_version);
	root = HvActionOpen(&action, &index->layout, HV_ROOT_BLOCK);
	if (!HvMembersUnchanged(&split->members, root))
	{
		HvActionAbort(&action);
		for (int i = 0; i < 2; i++)
			HvStoreRecordFree(index->relation, split->blocks[i]);
		return false;
	}
	meta = HvActionOpenMeta(&action);

	HvPageInitKind(root, HV_PAGE_INNER, level + 1, mean_version);
	distribute_tuples(split, pages[0], pages[1]);
	change_parent(split, root, HV_ROOT_BLOCK);
	stamp(meta, pages[0], pages[1]);
	HvPageGetOpaque(root)->seq = meta->seq;
	meta->height = level + 1;
	if (level == 0)
		meta->leaves = 2;
	meta->mean_version = index->meta.mean_version;
	meta->mean_block = mean_block;
	meta->unit = index->meta.unit;
	meta->max_norm = index->meta.max_norm;
	HvActionCommit(&action);
	return true;
}

/* Split ------------------------------------------------------------------- */

/* Splits the root: two new pages and a level more. */
static void
split_root(Split *split)
{
	HvIndex    *index = split->index;
	BlockNumber mean_block = index->meta.mean_block;

	if (split->members.level == 0 && mean_block == InvalidBlockNumber)
		mean_block = HvMeanTake(&split->members, split->heap, (Page) split->tuples.data);
	else
		HvMembersLoad(&split->members, split->heap);
	HV_DEBUG_POINT("split-read");
	partition(split);
	for (int i = 0; i < 2; i++)
		split->refs[i] = HvCentroidAdd(index, split->centroids[i]);
	HV_DEBUG_POINT("split-centroid");
	if (grow_root(split, mean_block))
	{
		HV_DEBUG_POINT("root-grown");
		return;
	}
	for (int i = 0; i < 2; i++)
		HvCentroidRemove(index, split->refs[i]);
}

/* Reassigns tuples of and to the two halves, which have new centroids. */
static void
reassign(Split *split, HvParent parent)
{
	HvRecentered halves[2];
	HvReassignment result;
	int			bits = split->index->layout.code_bits;

	for (int i = 0; i < 2; i++)
	{
		HvMembers  *half = palloc(sizeof(HvMembers));

		half->index = split->index;
		half->block = split->blocks[i];
		half->level = split->members.level;
		half->count = 0;
		half->vectors = palloc(split->members.count * sizeof(float *));
		HvPageInitKind((Page) half->image.data, HvPageKindOf((Page) split->tuples.data),
					   half->level, 0);
		for (int j = 0; j < split->members.count; j++)
		{
			if (split->side[j] == i)
				half->vectors[half->count++] = split->members.vectors[j];
		}
		halves[i].members = half;
		halves[i].center.block = split->blocks[i];
		halves[i].center.centroid = split->centroids[i];
		halves[i].center.norm2 = HvKernel->inner_product(split->centroids[i],
														 split->centroids[i], bits);
	}
	distribute_tuples(split, (Page) halves[0].members->image.data,
				(Page) halves[1].members->image.data);
	for (int i = 0; i < 2; i++)
	{
		HvParent	own = parent;

		HvReassignEntry(split->index, split->heap, &halves[i].center, split->members.level,
						&own);
	}
	HvReassign(halves, 2, split->members.level > 0, split->heap, &result);
	HvRecenterInner(split->index, split->heap, parent.block, split->members.level + 1);
}

/* Splits a page below a parent that has room. */
static void
split_below(Split *split, const HvParent *parent)
{
	HvIndex    *index = split->index;

	Assert(parent->children < index->layout.inner_capacity);	/* I10 */
	HvMembersLoad(&split->members, split->heap);
	HV_DEBUG_POINT("split-read");
	partition(split);
	split->refs[0] = parent->ref;
	split->refs[1] = HvCentroidAdd(index, split->centroids[1]);
	HV_DEBUG_POINT("split-centroid");
	if (!divide_page(split, parent->block))
	{
		HvCentroidRemove(index, split->refs[1]);
		return;
	}
	HV_DEBUG_POINT("split-divided");
	HvCentroidUpdate(index, split->refs[0], split->centroids[0]);
	reassign(split, *parent);
}

/*
 * Splits a page that is full; does nothing if it is not full, or no longer a
 * page of this level.  The structure lock is held, no page is locked.
 */
static void
split_page(HvIndex *index, HvHeap *heap, BlockNumber block, int level)
{
	Split	   *split = palloc0(sizeof(Split));
	float	   *near;
	HvParent	parent;

	Assert(HvStoreStructureIsLocked(index->relation));
	CHECK_FOR_INTERRUPTS();
	if (level > HV_MAX_LEVEL - 1)
		elog(ERROR, "hvtree index \"%s\" is too high", RelationGetRelationName(index->relation));
	split->index = index;
	split->heap = heap;
	if (!HvMembersRead(&split->members, index, block, level) ||
		!HvConvertMembers(&split->members, heap))
		return;
	split->tuples = split->members.image;
	if (split->members.count < HvPageCapacity((Page) split->tuples.data, &index->layout))
		return;
	split->side = palloc(split->members.count * sizeof(int));

	if (block == HV_ROOT_BLOCK)
	{
		split_root(split);
		return;
	}
	near = palloc(index->layout.code_bits * sizeof(float));
	HvMembersCodeCentroid(&split->members, near);
	HvParentFind(index, block, level, near, &parent);
	if (parent.children >= index->layout.inner_capacity)
	{
		/*
		 * its tuples may move to another page: look for the parent again then
		 */
		split_page(index, heap, parent.block, level + 1);
		HvParentFind(index, block, level, near, &parent);
		if (parent.children >= index->layout.inner_capacity)
			return;				/* it has changed underneath: the caller tries again */
	}
	if (!HvConvertPage(index, heap, parent.block, level + 1))
		return;
	split_below(split, &parent);
}

void
HvSplitLeaf(Relation relation, Relation heap, BlockNumber leaf)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree split",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HvHeap	   *reader;
	HvIndex    *index;
	uint32		leaves;

	HvStoreLockStructure(relation);
	reader = HvHeapBeginAll(heap, relation, context);
	index = HvIndexOpen(relation);
	leaves = index->meta.leaves;
	split_page(index, reader, leaf, 0);
	index = HvIndexOpen(relation);
	HvMeanReviewAfterSplit(index, reader);
	HvHeapEnd(reader);
	HvStoreUnlockStructure(relation);
	if (index->meta.leaves > leaves)
		HvReachMeasure(heap, relation, index->meta.leaves);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
