/*-------------------------------------------------------------------------
 *
 * hvwalk.c
 *	  All inner pages of a tree, from the root down.
 *
 * NOTES
 *	  Others may change the tree meanwhile.  A page is damaged if it is not what
 *	  another one says, and the structure counter is what it was before that one
 *	  was read; if the counter has advanced, that page is read again.  What
 *	  is said of the whole tree counts only if nothing at all has changed.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvwalk.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "tree/hvwalk.h"

typedef struct Walk
{
	Relation	index;
	const HvLayout *layout;
	const HvBlockSet *known_leaves;
	void		(*visit) (void *arg, Page image);
	void	   *arg;
	HvMetaData	meta;			/* as of the beginning */
	HvBlockSet	named;			/* blocks that inner pages name */
	int64		leaves;			/* of these */
	PGAlignedBlock *images;		/* of the page at hand on each level */
} Walk;

void
HvBlockSetInit(HvBlockSet *set, BlockNumber nblocks)
{
	Size		size = (Size) nblocks / 8 + 1;

	set->nblocks = nblocks;
	set->bits = MemoryContextAllocHuge(CurrentMemoryContext, size);
	memset(set->bits, 0, size);
}

/* The structure counter now. */
static uint64
counter_now(const Walk *walk)
{
	HvMetaData	now;

	HvStoreReadMeta(walk->index, &now);
	return now.seq;
}

/* Copies an inner page of a level; false if it is none. */
static bool
copy_inner(const Walk *walk, BlockNumber block, int level, Page image)
{
	Buffer		buffer;
	Page		page = HvStoreRead(walk->index, walk->layout, block, NULL, &buffer);
	const char *problem = NULL;
	bool		right;

	if (page == NULL)
		return false;
	right = HvPageKindOf(page) == HV_PAGE_INNER && HvPageGetOpaque(page)->level == level;
	if (right)
	{
		memcpy(image, page, BLCKSZ);
		problem = HvPageCount(image) == 0 ? "is an inner page without children" :
			HvPageVerifyTuples(image, walk->layout);
	}
	HvStoreRelease(buffer);
	if (problem)
		HvStoreCorrupted(walk->index, block, problem);
	return right;
}

static bool
is_leaf(const Walk *walk, BlockNumber block)
{
	Buffer		buffer;
	Page		page;
	bool		leaf;

	if (walk->known_leaves && HvBlockSetHas(walk->known_leaves, block))
		return true;
	page = HvStoreRead(walk->index, walk->layout, block, NULL, &buffer);
	leaf = page && HvPageKindOf(page) == HV_PAGE_LEAF;
	if (page)
		HvStoreRelease(buffer);
	return leaf;
}

/* Notes that an inner page names a block. */
static void
note_named(Walk *walk, BlockNumber block, int level)
{
	if (HvBlockSetHas(&walk->named, block) && counter_now(walk) == walk->meta.seq)
		HvStoreCorrupted(walk->index, block, "is a child of two inner pages, or twice of one");
	HvBlockSetAdd(&walk->named, block);
	walk->leaves += level == 0;
}

/* Goes over an inner page and what is below it; false if it is none of this level. */
static bool
walk_page(Walk *walk, BlockNumber block, int level)
{
	Page		image = (Page) walk->images[level].data;
	BlockNumber odd;

	do
	{
		uint64		counter = counter_now(walk);

		CHECK_FOR_INTERRUPTS();
		if (!copy_inner(walk, block, level, image))
			return false;
		odd = InvalidBlockNumber;
		for (int i = 0; i < HvPageCount(image) && odd == InvalidBlockNumber; i++)
		{
			BlockNumber child = HvPageInnerEntry(image, walk->layout, i)->child;

			if (level == 1 ? is_leaf(walk, child) : walk_page(walk, child, level - 1))
				note_named(walk, child, level - 1);
			else
				odd = child;
		}
		if (odd != InvalidBlockNumber && counter_now(walk) == counter)
			HvStoreCorrupted(walk->index, odd,
							 "is not of the kind and level that the page above expects");
	} while (odd != InvalidBlockNumber);

	if (walk->visit)
		walk->visit(walk->arg, image);
	return true;
}

/* The level of the root. */
static int
root_level(const Walk *walk)
{
	Buffer		buffer;
	Page		page = HvStoreRead(walk->index, walk->layout, HV_ROOT_BLOCK, NULL, &buffer);
	int			level;

	if (page == NULL || !HvPageIsTree(page))
		HvStoreCorrupted(walk->index, HV_ROOT_BLOCK, "is no root of a tree");
	level = HvPageGetOpaque(page)->level;
	HvStoreRelease(buffer);
	return level;
}

void
HvWalkTree(Relation index, const HvLayout *layout, const HvBlockSet *known_leaves,
		   void (*visit) (void *arg, Page image), void *arg)
{
	Walk		walk = {.index = index, .layout = layout, .known_leaves = known_leaves,
	.visit = visit, .arg = arg};
	int			level;

	HvMetaRead(index, &walk.meta);
	HvBlockSetInit(&walk.named, HvStoreBlocks(index));
	walk.images = palloc((HV_MAX_LEVEL + 1) * sizeof(PGAlignedBlock));

	/* the root changes its level when the tree grows or shrinks */
	do
		level = root_level(&walk);
	while (level > 0 && !walk_page(&walk, HV_ROOT_BLOCK, level));

	if ((level != walk.meta.height || (level > 0 && walk.leaves != walk.meta.leaves)) &&
		counter_now(&walk) == walk.meta.seq)
		HvStoreCorrupted(index, HV_META_BLOCK,
						 "has a height or a number of leaves that the tree has not");
	pfree(walk.images);
	pfree(walk.named.bits);
}
