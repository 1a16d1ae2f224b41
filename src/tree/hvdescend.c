/*-------------------------------------------------------------------------
 *
 * hvdescend.c
 *	  The way down: from the root to leaves in order of estimated distance.
 *
 * NOTES
 *	  Inner nodes are few, so their codes are scored with the asymmetric
 *	  estimate at once: on tf-idf text it routes as well as float centroids
 *	  (recall .935 against .936 in 32 leaves; corrected Hamming .928, plain
 *	  Hamming .807).
 *
 *	  A page may change between reading its parent and reading it.  It may have
 *	  been split: then its structure counter is above ours, and its link names
 *	  the other half, which is opened too, unless it was opened already: where
 *	  many tuples move, links can form a circle.  It may have been freed and
 *	  used for something else: then its kind or level is wrong and it is
 *	  skipped.  Rows that are missed that way are found by a scan's last
 *	  resort, the sweep (hvscan.c).  Where the structure counter says that nothing
 *	  of that can have happened, the page is damaged (HvPageSource.suspect).
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvdescend.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "storage/hvdebug.h"
#include "tree/hvdescend.h"

/* room for one more page of children, made while no page is locked */
static void
reserve(HvDescent *descent, HvLevelNodes *level)
{
	int			needed = level->count + descent->layout->inner_capacity;

	if (needed <= level->capacity)
		return;
	level->capacity = Max(needed, 2 * level->capacity);
	if (level->nodes == NULL)
		level->nodes = MemoryContextAllocHuge(descent->context,
											  level->capacity * sizeof(HvNode));
	else
		level->nodes = repalloc_huge(level->nodes, level->capacity * sizeof(HvNode));
}

void
HvDescentInit(HvDescent *descent, HvPageSource *source, const HvLayout *layout,
			  int beam, MemoryContext context)
{
	Assert(beam > 0 && layout->inner_capacity > 0);
	memset(descent, 0, sizeof(HvDescent));
	descent->source = source;
	descent->layout = layout;
	descent->beam = beam;
	descent->context = context;
}

void
HvDescentBegin(HvDescent *descent, const HvQuery *query, uint64 seq)
{
	descent->query = query;
	descent->seq = seq;
	descent->height = -1;
	descent->stale = false;
	bms_free(descent->opened);
	descent->opened = NULL;
	for (int level = 0; level <= HV_MAX_LEVEL; level++)
	{
		HvLevelNodes *nodes = &descent->levels[level];

		nodes->taken = nodes->sorted = nodes->count = 0;
		descent->pages[level] = descent->tuples[level] = 0;
	}
}

static void
add_node(HvLevelNodes *level, float key, BlockNumber block, uint64 centroid)
{
	HvNode	   *node = &level->nodes[level->count++];

	Assert(level->count <= level->capacity);
	node->key = isfinite(key) ? key : FLT_MAX;
	node->extra = block;
	node->id = centroid;
}

/* Scores the children of a locked inner page into the level below it. */
static void
score_children(HvDescent *descent, Page page, int level)
{
	const HvQueryCode *query = HvQueryFor(descent->query, HvPageGetOpaque(page)->mean_version);
	int			n = HvPageCount(page);
	uint16		sums[BLCKSZ / sizeof(HvInnerEntryData)];

	Assert(level > 0 && level == HvPageGetOpaque(page)->level);
	Assert(n <= descent->layout->inner_capacity);	/* I10 */
	if (query == NULL)
	{
		descent->stale = true;
		query = &descent->query->code;
	}
	if (!HvCodeHoldsValues(query->bits))
		HvKernel->hamming_planes(HvPageCodes(page), n, descent->layout->code_bytes,
								 query->planes, sums);
	for (int i = 0; i < n; i++)
	{
		const HvInnerEntryData *entry = HvPageInnerEntry(page, descent->layout, i);

		const uint8 *code = HvPageCodes(page) + i * query->bytes;

		add_node(&descent->levels[level - 1],
				 HvCodeHoldsValues(query->bits) ?
				 HvValuesSquare(query, code, entry->factors.scale) :
				 HvEstimatePlanes(query, entry->factors.norm2, entry->factors.scale, sums[i]),
				 entry->child, HvNodePack(entry->centroid_block, entry->centroid_slot));
	}
	descent->pages[level]++;
	descent->tuples[level] += n;
}

/* Block numbers come from pages, which may be damaged; no int holds the largest. */
static bool
was_opened(const HvDescent *descent, BlockNumber block)
{
	return block <= INT_MAX && bms_is_member((int) block, descent->opened);
}

/*
 * Notes an inner page as opened.  Queries rarely meet a link.  At the first one
 * the notes are made from the nodes that were taken so far.
 */
static void
note_opened(HvDescent *descent, BlockNumber block)
{
	MemoryContext old = MemoryContextSwitchTo(descent->context);

	if (descent->opened == NULL)
	{
		for (int level = 1; level < descent->height; level++)
		{
			const HvLevelNodes *nodes = &descent->levels[level];

			for (int i = 0; i < nodes->taken; i++)
			{
				if (nodes->nodes[i].extra <= INT_MAX)
					descent->opened = bms_add_member(descent->opened,
													 (int) nodes->nodes[i].extra);
			}
		}
	}
	if (block <= INT_MAX)
		descent->opened = bms_add_member(descent->opened, (int) block);
	MemoryContextSwitchTo(old);
}

/*
 * Reads a page that is named as an inner page of a level, as a page source does;
 * NULL if it is none any more.
 */
static Page
get_inner(HvDescent *descent, BlockNumber block, int level, int *handle)
{
	HvPageSource *source = descent->source;
	Page		page = source->get(source, block, handle);

	if (page && HvPageKindOf(page) == HV_PAGE_INNER && HvPageGetOpaque(page)->level == level)
		return page;
	if (page)
		source->release(source, *handle);
	source->suspect(source, block, page ?
					"is not of the level that the page above expects" :
					"is empty, but another one names it as an inner page");
	return NULL;
}

/* More nodes of a level than the tree has leaves: some are named twice. */
static void
check_count(HvDescent *descent, BlockNumber block, int level)
{
	const HvMetaData *meta = descent->source->meta;

	if (meta && meta->height > 0 && descent->levels[level].count > meta->leaves)
		descent->source->suspect(descent->source, block,
								 "and others name more pages than the index has");
}

/*
 * Opens an inner node, and what was split off it since the descent began.  A link
 * may lead nowhere, a node may not.
 */
static void
open_node(HvDescent *descent, BlockNumber block, int level)
{
	bool		is_link = false;

	while ((!is_link || block != InvalidBlockNumber) && !was_opened(descent, block))
	{
		BlockNumber next = InvalidBlockNumber;
		int			handle;
		Page		page;

		reserve(descent, &descent->levels[level - 1]);
		page = get_inner(descent, block, level, &handle);
		if (page == NULL)
			return;
		if (HvPageGetOpaque(page)->seq > descent->seq)
			next = HvPageGetOpaque(page)->link;
		score_children(descent, page, level);
		descent->source->release(descent->source, handle);
		check_count(descent, block, level - 1);
		if (next != InvalidBlockNumber || descent->opened)
			note_opened(descent, block);
		block = block <= INT_MAX ? next : InvalidBlockNumber;
		is_link = true;
	}
}

/*
 * Reads the root, whatever it is by now, and opens it if it is an inner page.
 * Room for its children must be made before it is locked, which takes a look
 * at its level first; should it grow in between, look again.
 */
static void
open_root(HvDescent *descent)
{
	int			expected = 0;

	for (;;)
	{
		int			handle;
		int			level;
		Page		page;

		reserve(descent, &descent->levels[Max(expected - 1, 0)]);
		page = descent->source->get(descent->source, HV_ROOT_BLOCK, &handle);
		if (page == NULL)
			elog(ERROR, "hvtree index has no root page");
		level = HvPageGetOpaque(page)->level;
		if (level == expected)
		{
			if (level == 0)
				add_node(&descent->levels[0], 0, HV_ROOT_BLOCK, 0);
			else
				score_children(descent, page, level);
		}
		descent->source->release(descent->source, handle);
		if (level == expected)
			break;
		expected = level;
	}
	descent->height = expected;
	if (descent->source->meta && expected != descent->source->meta->height)
		descent->source->suspect(descent->source, HV_ROOT_BLOCK,
								 "is not as high as the metapage says");
}

/* How many nodes of a level to open in order to find so many leaves. */
static int
beam_at(const HvDescent *descent, int level, int leaves)
{
	const HvLevelProbes *by_hand = descent->per_level;
	int			below_root = descent->height - 1 - level;

	/* the list counts for the first leaves only */
	if (by_hand && below_root < by_hand->count && leaves <= descent->first_leaves)
		return by_hand->nodes[below_root];
	return Max(descent->beam, leaves >> level);
}

/* Opens the best nodes of each level, enough for so many leaves as a rule. */
static void
open_beams(HvDescent *descent, int leaves)
{
	for (int level = descent->height - 1; level >= 1; level--)
	{
		HvLevelNodes *nodes = &descent->levels[level];
		int			beam = Min(beam_at(descent, level, leaves), nodes->count);

		if (beam <= nodes->taken)
			continue;
		HvSelectSmallest(nodes->nodes + nodes->taken, nodes->count - nodes->taken,
						 beam - nodes->taken);
		while (nodes->taken < beam)
		{
			open_node(descent, nodes->nodes[nodes->taken].extra, level);
			nodes->taken++;
			HV_DEBUG_POINT("descend-node");
			CHECK_FOR_INTERRUPTS();
		}
	}
}

/* Has every inner node that was found been opened? */
static bool
all_opened(const HvDescent *descent)
{
	for (int level = 1; level < descent->height; level++)
	{
		if (descent->levels[level].taken < descent->levels[level].count)
			return false;
	}
	return true;
}

void
HvDescentWiden(HvDescent *descent, int leaves)
{
	HvLevelNodes *bottom = &descent->levels[0];
	int			wanted;

	Assert(leaves >= 0 && descent->query != NULL);
	if (descent->height < 0)
	{
		open_root(descent);
		descent->first_leaves = leaves;
	}

	/* where nodes have few children, the rule must be stretched */
	open_beams(descent, leaves);
	for (int more = leaves; bottom->count < leaves && !all_opened(descent);)
	{
		more = Min(more, INT_MAX / 2) * 2;
		open_beams(descent, more);
	}

	/* put the nearest of the leaves not given out yet in order */
	wanted = Min(leaves, bottom->count);
	if (wanted > bottom->taken)
	{
		HvSelectSmallest(bottom->nodes + bottom->taken, bottom->count - bottom->taken,
						 wanted - bottom->taken);
		HvSortKeyed(bottom->nodes + bottom->taken, wanted - bottom->taken);
		bottom->sorted = wanted;
	}
	Assert(bottom->taken <= bottom->sorted && bottom->sorted <= bottom->count);
}

const HvNode *
HvDescentNext(HvDescent *descent)
{
	HvLevelNodes *bottom = &descent->levels[0];

	return bottom->taken < bottom->sorted ? &bottom->nodes[bottom->taken++] : NULL;
}

static int
compare_blocks(const void *a, const void *b)
{
	BlockNumber ba = *(const BlockNumber *) a;
	BlockNumber bb = *(const BlockNumber *) b;

	return ba < bb ? -1 : ba > bb;
}

/* A block that is among the leaves twice, or InvalidBlockNumber. */
static BlockNumber
find_twin(const HvLevelNodes *bottom)
{
	BlockNumber *blocks = MemoryContextAllocHuge(CurrentMemoryContext,
												 Max(bottom->count, 1) * sizeof(BlockNumber));
	BlockNumber twin = InvalidBlockNumber;

	for (int i = 0; i < bottom->count; i++)
		blocks[i] = bottom->nodes[i].extra;
	qsort(blocks, bottom->count, sizeof(BlockNumber), compare_blocks);
	for (int i = 1; i < bottom->count; i++)
	{
		if (blocks[i] == blocks[i - 1])
			twin = blocks[i];
	}
	pfree(blocks);
	return twin;
}

/*
 * That each leaf has one name, and that there are as many as the metapage says,
 * means that none has lost its name: an inner page that is an older copy of itself,
 * or a copy of another one, shows here and nowhere else.
 */
void
HvDescentVerify(HvDescent *descent)
{
	const HvLevelNodes *bottom = &descent->levels[0];
	HvPageSource *source = descent->source;
	BlockNumber twin;

	Assert(HvDescentExhausted(descent));
	if (source->meta == NULL || descent->height == 0)
		return;
	if (bottom->count != source->meta->leaves)
		source->suspect(source, HV_META_BLOCK,
						"counts more or fewer leaves than the inner pages name");
	twin = find_twin(bottom);
	if (twin != InvalidBlockNumber)
		source->suspect(source, twin, "is named as a leaf twice");
}

bool
HvDescentExhausted(const HvDescent *descent)
{
	const HvLevelNodes *bottom = &descent->levels[0];

	return descent->height >= 0 && all_opened(descent) && bottom->taken == bottom->count;
}
