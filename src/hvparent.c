/*-------------------------------------------------------------------------
 *
 * hvparent.c
 *	  The way up: which inner page has a page as its child.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvparent.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hvdescend.h"
#include "hvparent.h"

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
 * until the parent is among the pages opened: the first look finds it as a rule.
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

	HvIndexQuery(index, near, query);
	HvStoreSourceInit(&source, index->relation, &index->layout);
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
HvParentSettle(HvIndex *index, BlockNumber block, const HvParent *parent,
			   const float *centroid)
{
	const HvLayout *layout = &index->layout;
	uint8	   *code = palloc(layout->code_bytes);
	void	   *entry = palloc(layout->inner_entry_size);
	HvAction	action;
	Page		page;

	HvActionBegin(&action, index->relation);
	page = HvActionOpen(&action, layout, block);
	HvPageGetOpaque(page)->churn = 0;
	if (centroid)
	{
		int			at;

		HvCentroidSet(&action, index, parent->ref, centroid);
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
