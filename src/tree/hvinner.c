/*-------------------------------------------------------------------------
 *
 * hvinner.c
 *	  Inner entries: the centroids they name, the page that holds them, and
 *	  the pages whose centroids are nearest to a point.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvinner.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tree/hvdescend.h"
#include "tree/hvinner.h"

/* Writes centroid into a used slot of a page image. */
static void
set_slot(const HvIndex *index, Page page, int slot, const float *centroid)
{
	int			bits = index->layout.code_bits;
	int8	   *values = palloc(bits);
	HvByteFactors factors;

	HvByteEncode(centroid, bits, values, &factors);
	HvCentroidPageSet(page, &index->layout, slot, values, &factors);
	pfree(values);
}

/* What a slot of a page image holds, about the mean of index. */
static void
get_slot(const HvIndex *index, Page page, BlockNumber block, int slot, float *centroid)
{
	HvByteFactors factors;
	const int8 *values = HvCentroidPageGet(page, &index->layout, slot, &factors);
	int			bits = index->layout.code_bits;

	HvByteDecode(values, &factors, bits, centroid);
	if (!HvIndexIsOld(index, block, HvPageGetOpaque(page)->mean_version))
		return;
	Assert(index->shift != NULL);	/* I7 */
	for (int i = 0; i < bits; i++)
		centroid[i] -= index->shift[i];
}

void
HvCentroidPageShift(HvIndex *index, Page page)
{
	float	   *centroid = palloc(index->layout.code_bits * sizeof(float));

	Assert(HvPageKindOf(page) == HV_PAGE_CENTROID);
	Assert(HvPageGetOpaque(page)->mean_version != (uint16) index->meta.mean_version);
	for (int slot = 0; slot < index->layout.slots_per_page; slot++)
	{
		if (!HvCentroidPageIsUsed(page, slot))
			continue;
		get_slot(index, page, InvalidBlockNumber, slot, centroid);
		set_slot(index, page, slot, centroid);
	}
	HvPageGetOpaque(page)->mean_version = (uint16) index->meta.mean_version;
	pfree(centroid);
}

/* The same if the page needs it. */
static void
ensure_current(HvIndex *index, Page page, BlockNumber block)
{
	if (HvIndexIsOld(index, block, HvPageGetOpaque(page)->mean_version))
		HvCentroidPageShift(index, page);
	Assert(HvPageGetOpaque(page)->mean_version == (uint16) index->meta.mean_version);	/* I7 */
}

/*
 * Takes a slot of a page and makes the metapage propose that page; false where
 * it is full or no centroid page.  Then *next is the page to try instead.
 */
static bool
add_to_page(HvIndex *index, BlockNumber block, const float *centroid, HvCentroidRef *ref,
			BlockNumber *next)
{
	HvAction	action;
	Page		page;
	int			slot = -1;

	HvActionBegin(&action, index->relation);
	page = HvActionOpen(&action, &index->layout, block);
	*next = InvalidBlockNumber;
	if (HvPageKindOf(page) == HV_PAGE_CENTROID)
	{
		ensure_current(index, page, block);
		slot = HvCentroidPageTake(page, &index->layout);
		/* links lead downwards, so that no damage makes them a circle */
		if (HvPageGetOpaque(page)->link < block)
			*next = HvPageGetOpaque(page)->link;
	}
	if (slot < 0)
	{
		HvActionAbort(&action);
		return false;
	}
	set_slot(index, page, slot, centroid);
	if (block != index->meta.centroid_block)
		HvActionOpenMeta(&action)->centroid_block = block;
	HvActionCommit(&action);
	index->meta.centroid_block = block;
	ref->block = block;
	ref->slot = (uint16) slot;
	return true;
}

HvCentroidRef
HvCentroidAdd(HvIndex *index, const float *centroid)
{
	BlockNumber block = index->meta.centroid_block;
	BlockNumber next;
	HvCentroidRef ref;
	HvAction	action;
	Page		page;

	Assert(HvStoreStructureIsLocked(index->relation));
	while (block != InvalidBlockNumber)
	{
		if (add_to_page(index, block, centroid, &ref, &next))
			return ref;
		block = next;
	}

	/* a new page, which the metapage proposes from now on */
	ref.block = HvStoreAllocate(index->relation);
	HvActionBegin(&action, index->relation);
	page = HvActionCreate(&action, ref.block, HV_PAGE_CENTROID, 0,
						  (uint16) index->meta.mean_version);
	ref.slot = (uint16) HvCentroidPageTake(page, &index->layout);
	set_slot(index, page, ref.slot, centroid);
	HvActionOpenMeta(&action)->centroid_block = ref.block;
	HvActionCommit(&action);
	index->meta.centroid_block = ref.block;
	return ref;
}

/* Opens the page of a slot that must be in use, in an action. */
static Page
open_slot(HvIndex *index, HvAction *action, HvCentroidRef ref)
{
	Page		page = HvActionOpen(action, &index->layout, ref.block);

	if (HvPageKindOf(page) != HV_PAGE_CENTROID ||
		ref.slot >= index->layout.slots_per_page || !HvCentroidPageIsUsed(page, ref.slot))
		HvStoreCorrupted(index->relation, ref.block, "lacks a centroid that is referred to");
	return page;
}

/* Overwrites a centroid as a part of a caller's action. */
static void
overwrite_slot(HvAction *action, HvIndex *index, HvCentroidRef ref, const float *centroid)
{
	Page		page = open_slot(index, action, ref);

	ensure_current(index, page, ref.block);
	set_slot(index, page, ref.slot, centroid);
}

void
HvCentroidUpdate(HvIndex *index, HvCentroidRef ref, const float *centroid)
{
	HvAction	action;

	HvActionBegin(&action, index->relation);
	overwrite_slot(&action, index, ref, centroid);
	HvActionCommit(&action);
}

void
HvCentroidRemove(HvIndex *index, HvCentroidRef ref)
{
	HvAction	action;

	Assert(HvStoreStructureIsLocked(index->relation));
	HvActionBegin(&action, index->relation);
	HvCentroidPageFree(open_slot(index, &action, ref), ref.slot);
	HvActionCommit(&action);
}

void
HvCentroidRead(HvIndex *index, HvCentroidRef ref, float *centroid)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, ref.block, NULL, &buffer);

	if (page == NULL || HvPageKindOf(page) != HV_PAGE_CENTROID ||
		ref.slot >= index->layout.slots_per_page || !HvCentroidPageIsUsed(page, ref.slot))
		HvStoreCorrupted(index->relation, ref.block, "lacks a centroid that is referred to");
	get_slot(index, page, ref.block, ref.slot, centroid);
	HvStoreRelease(buffer);
}

/* the first look opens as many pages as an insert does */
#define FIRST_BEAM		8
#define FIRST_LEAVES	32

/* as good as all leaves */
#define MOST_LEAVES		(1 << 28)

/* Is block a child of the inner page at?  Then fills parent. */
static bool
is_parent(HvIndex *index, BlockNumber at, int level, BlockNumber block, HvParent *parent)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, at, NULL, &buffer);
	int			child = -1;

	if (page == NULL)
		return false;
	if (HvPageKindOf(page) == HV_PAGE_INNER && HvPageGetOpaque(page)->level == level)
		child = HvPageFindChild(page, &index->layout, block);
	if (child >= 0)
	{
		parent->block = at;
		parent->ref.block = HvPageInnerEntry(page, &index->layout, child)->centroid_block;
		parent->ref.slot = HvPageInnerEntry(page, &index->layout, child)->centroid_slot;
		parent->children = HvPageCount(page);
	}
	HvStoreRelease(buffer);
	return child >= 0;
}

/*
 * Descends to where the page's tuples would be looked for, and widens that
 * until the parent is among the pages opened: the first look finds it as a
 * rule.
 */
void
HvParentFind(HvIndex *index, BlockNumber block, int level, const float *near,
			 HvParent *parent)
{
	HvQuery    *query = palloc0(sizeof(HvQuery));
	HvStoreSource source;
	HvDescent	descent;
	int			checked = 0;
	bool		found = false;

	Assert(HvStoreStructureIsLocked(index->relation));
	Assert(level >= 0 && level < HV_MAX_LEVEL);
	HvIndexQuery(index, near, query);
	HvStoreSourceInit(&source, index->relation, &index->layout, NULL);
	HvDescentInit(&descent, &source.source, &index->layout, FIRST_BEAM, CurrentMemoryContext);
	/* nothing moves under the structure lock: no link need be followed */
	HvDescentBegin(&descent, query, PG_UINT64_MAX);

	for (int leaves = FIRST_LEAVES; leaves <= MOST_LEAVES && !found; leaves *= 4)
	{
		const HvLevelNodes *opened = &descent.levels[level + 1];

		HvDescentWiden(&descent, leaves);
		if (descent.height == level + 1)
		{
			found = is_parent(index, HV_ROOT_BLOCK, level + 1, block, parent);
			break;
		}
		for (; checked < opened->taken && !found; checked++)
			found = is_parent(index, opened->nodes[checked].extra, level + 1, block, parent);
	}
	pfree(query);
	if (!found)
		HvStoreCorrupted(index->relation, block, "has no parent");
}

void
HvParentMakeEntry(const HvIndex *index, BlockNumber child, HvCentroidRef ref,
				  const float *centroid, uint8 *code, void *entry_data)
{
	HvInnerEntryData *entry = entry_data;

	memset(entry, 0, index->layout.inner_entry_size);
	HvCodeEncode(centroid, index->layout.code_bits, code, &entry->factors);
	entry->child = child;
	entry->centroid_block = ref.block;
	entry->centroid_slot = ref.slot;
}

void
HvParentRecenter(HvIndex *index, BlockNumber block, const HvParent *parent,
				 const float *centroid)
{
	const HvLayout *layout = &index->layout;
	uint8	   *code = palloc(layout->code_bytes);
	void	   *entry = palloc(layout->inner_entry_size);
	HvAction	action;
	Page		page;

	Assert(HvStoreStructureIsLocked(index->relation));
	Assert(block != parent->block); /* I4 */
	HvActionBegin(&action, index->relation);
	page = HvActionOpen(&action, layout, block);
	HvPageGetOpaque(page)->churn = 0;
	if (centroid)
	{
		int			at;

		overwrite_slot(&action, index, parent->ref, centroid);
		page = HvActionOpen(&action, layout, parent->block);
		at = HvPageFindChild(page, layout, block);
		if (at < 0)
			elog(ERROR, "block %u is not the parent of block %u", parent->block, block);
		HvParentMakeEntry(index, block, parent->ref, centroid, code, entry);
		HvPageReplace(page, layout, at, code, entry);
	}
	HvActionCommit(&action);
	pfree(code);
	pfree(entry);
}

/* nodes opened a level, as for an insert */
#define NEIGHBOR_BEAM	8

static bool
is_excepted(BlockNumber block, const BlockNumber *except, int nexcept)
{
	for (int i = 0; i < nexcept; i++)
	{
		if (except[i] == block)
			return true;
	}
	return false;
}

int
HvNeighborsFind(HvIndex *index, const float *center, int level,
				const BlockNumber *except, int nexcept, HvNeighbor *neighbors, int limit)
{
	int			bits = index->layout.code_bits;
	HvQuery    *query = palloc0(sizeof(HvQuery));
	HvStoreSource source;
	HvDescent	descent;
	HvLevelNodes *found = &descent.levels[level];
	int			wanted;
	int			n = 0;

	Assert(HvStoreStructureIsLocked(index->relation));
	Assert(level >= 0 && level <= HV_MAX_LEVEL && limit > 0);
	HvIndexQuery(index, center, query);
	HvStoreSourceInit(&source, index->relation, &index->layout, NULL);
	HvDescentInit(&descent, &source.source, &index->layout, NEIGHBOR_BEAM,
				  CurrentMemoryContext);
	/* nothing moves under the structure lock: no link need be followed */
	HvDescentBegin(&descent, query, PG_UINT64_MAX);
	HvDescentWiden(&descent, (limit + nexcept) << level);

	wanted = Min(limit + nexcept, found->count);
	HvSelectSmallest(found->nodes, found->count, wanted);
	HvSortKeyed(found->nodes, wanted);
	for (int i = 0; i < wanted && n < limit; i++)
	{
		const HvNode *node = &found->nodes[i];
		HvCentroidRef ref = {HvNodeCentroidBlock(node), (uint16) HvNodeCentroidSlot(node)};

		if (is_excepted(node->extra, except, nexcept))
			continue;
		neighbors[n].block = node->extra;
		neighbors[n].centroid = palloc(bits * sizeof(float));
		HvCentroidRead(index, ref, neighbors[n].centroid);
		neighbors[n].norm2 = HvKernel->inner_product(neighbors[n].centroid,
													 neighbors[n].centroid, bits);
		n++;
	}
	pfree(query);
	return n;
}

float
HvNeighborDistance(const HvIndex *index, const HvNeighbor *neighbor, const float *vector,
				   float norm2)
{
	float		product = HvKernel->inner_product(vector, neighbor->centroid,
												  index->layout.code_bits);

	return Max(norm2 + neighbor->norm2 - 2.0f * product, 0.0f);
}
