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

/* Is block a child of the inner page parent? */
static bool
is_child(HvIndex *index, BlockNumber parent, int level, BlockNumber block)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, parent, NULL, &buffer);
	bool		found;

	if (page == NULL)
		return false;
	found = HvPageKindOf(page) == HV_PAGE_INNER && HvPageGetOpaque(page)->level == level &&
		HvPageFindChild(page, &index->layout, block) >= 0;
	HvStoreRelease(buffer);
	return found;
}

/* The middle of a page's tuples, as their codes tell it. */
static float *
page_middle(HvIndex *index, Page image)
{
	int			bits = index->layout.code_bits;
	int			n = HvPageCount(image);
	float	   *middle = palloc0(bits * sizeof(float));
	float	   *vector = palloc(bits * sizeof(float));

	for (int i = 0; i < n; i++)
	{
		HvPageDecode(image, &index->layout, i, vector);
		for (int j = 0; j < bits; j++)
			middle[j] += vector[j] / n;
	}
	pfree(vector);
	return middle;
}

/*
 * Descends to where the page's tuples would be looked for, and widens that
 * until the parent is among the pages opened: the first look finds it as a rule.
 */
BlockNumber
HvParentFind(HvIndex *index, Page image, BlockNumber block)
{
	int			level = HvPageGetOpaque(image)->level + 1;
	HvQueryCode *code = palloc(sizeof(HvQueryCode));
	HvStoreSource source;
	HvDescent	descent;
	int			checked = 0;

	HvQueryCodePrepare(page_middle(index, image), index->layout.code_bits, code);
	HvStoreSourceInit(&source, index->relation, &index->layout);
	HvDescentInit(&descent, &source.source, &index->layout, FIRST_BEAM, CurrentMemoryContext);
	HvDescentBegin(&descent, code, index->meta.seq, (uint16) index->meta.encoding);

	for (int leaves = FIRST_LEAVES; leaves <= MOST_LEAVES; leaves *= 4)
	{
		const HvLevelNodes *opened = &descent.levels[level];

		HvDescentWiden(&descent, leaves);
		if (descent.height == level)
			return HV_ROOT_BLOCK;
		for (; checked < opened->taken; checked++)
		{
			if (is_child(index, opened->nodes[checked].extra, level, block))
				return opened->nodes[checked].extra;
		}
	}
	HvStoreCorrupted(index->relation, block, "has no parent");
}
