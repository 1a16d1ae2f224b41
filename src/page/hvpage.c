/*-------------------------------------------------------------------------
 *
 * hvpage.c
 *	  Building, changing and checking the image of one page.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/page/hvpage.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "page/hvpage.h"

/* the used-slot bitmap of a centroid page is stored between header and slots */
#define SLOT_BITMAP_OFFSET	MAXALIGN(SizeOfPageHeaderData)
#define MAX_SLOTS			64

/* a page has changed much when this share of its tuples came or went: 1 / 4 */
#define DUE_CHURN			4

StaticAssertDecl(SLOT_BITMAP_OFFSET + sizeof(uint64) <= HV_DATA_OFFSET,
				 "slot bitmap must end before the slots");

/* I2, I10: after every change, an image is one that a reader would accept. */
#define AssertInOrder(page, layout) Assert(HvPageVerify(page, layout) == NULL)

int
HvLayoutMaxTuples(int code_bytes, int entry_size)
{
	Assert(code_bytes > 0 && entry_size > 0);
	return HV_PAGE_ROOM / (code_bytes + entry_size);
}

void
HvLayoutInit(HvLayout *layout, int code_bits, int leaf_entry_size, int inner_entry_size)
{
	Assert(code_bits > 0 && code_bits % 64 == 0);
	Assert(leaf_entry_size >= sizeof(HvLeafEntryData));
	Assert(inner_entry_size >= sizeof(HvInnerEntryData));

	layout->code_bits = code_bits;
	layout->code_bytes = code_bits / 8;
	layout->leaf_entry_size = leaf_entry_size;
	layout->inner_entry_size = inner_entry_size;
	layout->leaf_capacity = HvLayoutMaxTuples(layout->code_bytes, leaf_entry_size);
	layout->inner_capacity = HvLayoutMaxTuples(layout->code_bytes, inner_entry_size);
	layout->slot_size = sizeof(HvByteFactors) + code_bits;
	layout->slots_per_page = Min(HV_PAGE_ROOM / layout->slot_size, MAX_SLOTS);
}

/* Makes an empty page of a kind, with no stamp and no link. */
void
HvPageInitKind(Page page, HvPageKind kind, int level, uint16 mean_version)
{
	HvPageOpaque opaque;
	PageHeader	header = (PageHeader) page;

	Assert(level >= 0 && level <= HV_MAX_LEVEL);
	Assert((kind == HV_PAGE_INNER) == (level > 0));

	PageInit(page, BLCKSZ, sizeof(HvPageOpaqueData));
	memset((char *) page + SizeOfPageHeaderData, 0, HV_DATA_OFFSET - SizeOfPageHeaderData);
	header->pd_lower = HV_DATA_OFFSET;
	opaque = HvPageGetOpaque(page);
	opaque->link = InvalidBlockNumber;
	opaque->mean_version = mean_version;
	opaque->kind = kind;
	opaque->level = level;
	opaque->page_id = HV_PAGE_ID;
}

bool
HvPageAppend(Page page, const HvLayout *layout, const uint8 *code, const void *entry)
{
	HvPageOpaque opaque = HvPageGetOpaque(page);
	PageHeader	header = (PageHeader) page;
	int			entry_size = HvPageEntrySize(page, layout);
	int			i = opaque->ntuples;

	AssertInOrder(page, layout);
	if (i >= HvPageCapacity(page, layout))
		return false;

	memcpy((char *) page + HV_DATA_OFFSET + i * layout->code_bytes, code, layout->code_bytes);
	memcpy(HvPageEntry(page, i, entry_size), entry, entry_size);
	header->pd_lower += layout->code_bytes;
	header->pd_upper -= entry_size;
	opaque->ntuples++;
	AssertInOrder(page, layout);
	return true;
}

void
HvPageReplace(Page page, const HvLayout *layout, int i, const uint8 *code, const void *entry)
{
	int			entry_size = HvPageEntrySize(page, layout);

	AssertInOrder(page, layout);
	Assert(i >= 0 && i < HvPageCount(page));
	memcpy((char *) page + HV_DATA_OFFSET + i * layout->code_bytes, code, layout->code_bytes);
	memcpy(HvPageEntry(page, i, entry_size), entry, entry_size);
}

void
HvPageRemove(Page page, const HvLayout *layout, int i)
{
	HvPageOpaque opaque = HvPageGetOpaque(page);
	PageHeader	header = (PageHeader) page;
	int			entry_size = HvPageEntrySize(page, layout);
	int			last = opaque->ntuples - 1;

	AssertInOrder(page, layout);
	Assert(i >= 0 && i <= last);
	if (i != last)
		HvPageReplace(page, layout, i, HvPageCodes(page) + last * layout->code_bytes,
					  HvPageEntry(page, last, entry_size));
	header->pd_lower -= layout->code_bytes;
	header->pd_upper += entry_size;
	opaque->ntuples--;
	AssertInOrder(page, layout);
}

void
HvPageDecode(Page page, const HvLayout *layout, int i, float *out)
{
	const HvCodeFactors *factors = HvPageEntry(page, i, HvPageEntrySize(page, layout));

	Assert(i < HvPageCount(page));
	HvCodeDecode(HvPageCodes(page) + i * layout->code_bytes, factors, layout->code_bits, out);
}

void
HvPageAddChurn(Page page, int n)
{
	HvPageOpaque opaque = HvPageGetOpaque(page);

	Assert(HvPageIsTree(page) && n >= 0);
	opaque->churn = (uint16) Min((int) opaque->churn + n, PG_UINT16_MAX);
}

bool
HvPageIsChurned(Page page)
{
	Assert(HvPageIsTree(page));
	return HvPageGetOpaque(page)->churn * DUE_CHURN > HvPageCount(page);
}

int
HvPageFindTuple(Page page, const HvLayout *layout, const void *entry)
{
	int			n = HvPageCount(page);
	const HvLeafEntryData *row = entry;

	Assert(HvPageIsTree(page));
	if (HvPageKindOf(page) != HV_PAGE_LEAF)
		return HvPageFindChild(page, layout, ((const HvInnerEntryData *) entry)->child);
	for (int i = 0; i < n; i++)
	{
		const HvLeafEntryData *here = HvPageLeafEntry(page, layout, i);

		if (here->flags == row->flags &&
			memcmp(&here->tid, &row->tid, sizeof(ItemPointerData)) == 0)
			return i;
	}
	return -1;
}

int
HvPageFindChild(Page page, const HvLayout *layout, BlockNumber child)
{
	int			n = HvPageCount(page);

	Assert(HvPageKindOf(page) == HV_PAGE_INNER);
	for (int i = 0; i < n; i++)
	{
		if (HvPageInnerEntry(page, layout, i)->child == child)
			return i;
	}
	return -1;
}

static inline uint64 *
slot_bitmap(Page page)
{
	Assert(HvPageKindOf(page) == HV_PAGE_CENTROID);
	return (uint64 *) ((char *) page + SLOT_BITMAP_OFFSET);
}

static inline char *
slot_address(Page page, const HvLayout *layout, int slot)
{
	Assert(slot >= 0 && slot < layout->slots_per_page);
	return (char *) page + HV_DATA_OFFSET + slot * layout->slot_size;
}

int
HvCentroidPageTake(Page page, const HvLayout *layout)
{
	uint64	   *used = slot_bitmap(page);

	AssertInOrder(page, layout);
	for (int slot = 0; slot < layout->slots_per_page; slot++)
	{
		if ((*used & (UINT64CONST(1) << slot)) == 0)
		{
			int			end = HV_DATA_OFFSET + (slot + 1) * layout->slot_size;
			PageHeader	header = (PageHeader) page;

			*used |= UINT64CONST(1) << slot;
			HvPageGetOpaque(page)->ntuples++;
			header->pd_lower = Max(header->pd_lower, end);
			AssertInOrder(page, layout);
			return slot;
		}
	}
	return -1;
}

void
HvCentroidPageFree(Page page, int slot)
{
	uint64	   *used = slot_bitmap(page);
	uint64		bit = UINT64CONST(1) << slot;

	Assert(slot >= 0 && slot < MAX_SLOTS);
	if (*used & bit)
	{
		*used &= ~bit;
		HvPageGetOpaque(page)->ntuples--;
		AssertInOrder(page, NULL);
	}
}

bool
HvCentroidPageIsUsed(Page page, int slot)
{
	return slot >= 0 && slot < MAX_SLOTS &&
		(*slot_bitmap(page) & (UINT64CONST(1) << slot)) != 0;
}

void
HvCentroidPageSet(Page page, const HvLayout *layout, int slot, const int8 *values,
				  const HvByteFactors *factors)
{
	char	   *at = slot_address(page, layout, slot);

	Assert(HvCentroidPageIsUsed(page, slot));	/* I5 */
	memcpy(at, factors, sizeof(HvByteFactors));
	memcpy(at + sizeof(HvByteFactors), values, layout->code_bits);
}

/* The returned pointer is into the page. */
const int8 *
HvCentroidPageGet(Page page, const HvLayout *layout, int slot, HvByteFactors *factors)
{
	const char *at = slot_address(page, layout, slot);

	memcpy(factors, at, sizeof(HvByteFactors));
	return (const int8 *) (at + sizeof(HvByteFactors));
}

void
HvMeanPageSet(Page page, const float *values, int n)
{
	Assert(HvPageKindOf(page) == HV_PAGE_MEAN && HvPageCount(page) == 0);
	Assert(n > 0 && n <= HV_MEAN_FLOATS_PER_PAGE);
	memcpy((char *) page + HV_DATA_OFFSET, values, n * sizeof(float));
	HvPageGetOpaque(page)->ntuples = n;
	((PageHeader) page)->pd_lower = HV_DATA_OFFSET + n * sizeof(float);
	AssertInOrder(page, NULL);
}

const float *
HvMeanPageGet(Page page, int *n)
{
	Assert(HvPageKindOf(page) == HV_PAGE_MEAN);
	*n = HvPageCount(page);
	return (const float *) ((const char *) page + HV_DATA_OFFSET);
}

/* A leaf or an inner page: do the counts agree with the bounds? */
static const char *
verify_tree_page(Page page, const HvLayout *layout)
{
	HvPageOpaque opaque = HvPageGetOpaque(page);
	PageHeader	header = (PageHeader) page;
	int			n = opaque->ntuples;
	int			entry_size;

	if ((opaque->kind == HV_PAGE_LEAF) != (opaque->level == 0) ||
		opaque->level > HV_MAX_LEVEL)
		return "has a level that does not fit its kind";
	if (layout == NULL)
		return NULL;
	entry_size = HvPageEntrySize(page, layout);
	if (n > HvPageCapacity(page, layout))
		return "has more tuples than its capacity";
	if (header->pd_lower != HV_DATA_OFFSET + n * layout->code_bytes ||
		header->pd_upper != header->pd_special - n * entry_size)
		return "has a tuple count that disagrees with its bounds";
	return NULL;
}

/* Do the slots in use lie before pd_lower, and that where a slot ends? */
static const char *
verify_centroid_page(Page page, const HvLayout *layout)
{
	uint64		used = *slot_bitmap(page);
	int			end = ((PageHeader) page)->pd_lower - HV_DATA_OFFSET;
	int			slots;			/* that have ever been in use */

	if (HvPageCount(page) != __builtin_popcountll(used))
		return "has a slot count that disagrees with its bitmap";
	if (layout == NULL)
		return NULL;
	slots = end / layout->slot_size;
	if (end != slots * layout->slot_size || slots > layout->slots_per_page)
		return "has a bound that is not the end of a slot";
	if (slots < MAX_SLOTS && used >> slots != 0)
		return "uses slots beyond its bounds";
	return NULL;
}

/* What is wrong with an entry of a leaf, or NULL. */
static const char *
verify_leaf_entry(const HvLeafEntryData *entry)
{
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&entry->tid);

	if (offset == InvalidOffsetNumber || offset > MaxOffsetNumber ||
		ItemPointerGetBlockNumberNoCheck(&entry->tid) == InvalidBlockNumber)
		return "has a tuple without a valid row pointer";
	if (entry->flags & ~HV_ENTRY_SPILLED)
		return "has a tuple with unknown flags";
	return NULL;
}

/* The same for an inner page. */
static const char *
verify_inner_entry(const HvInnerEntryData *entry, const HvLayout *layout)
{
	if (entry->child <= HV_ROOT_BLOCK || entry->child == InvalidBlockNumber)
		return "names a child that cannot be";
	if (entry->centroid_block <= HV_ROOT_BLOCK ||
		entry->centroid_block == InvalidBlockNumber ||
		entry->centroid_slot >= layout->slots_per_page)
		return "names a centroid that cannot be";
	if (entry->flags != 0 || entry->unused != 0)
		return "has a tuple with unknown flags";
	return NULL;
}

const char *
HvPageVerifyTuples(Page page, const HvLayout *layout)
{
	bool		is_leaf = HvPageKindOf(page) == HV_PAGE_LEAF;
	int			n = HvPageCount(page);
	int			entry_size = HvPageEntrySize(page, layout);
	const char *problem = NULL;

	AssertInOrder(page, layout);
	for (int i = 0; i < n && problem == NULL; i++)
	{
		void	   *entry = HvPageEntry(page, i, entry_size);
		const HvCodeFactors *factors = entry;

		if (!isfinite(factors->norm2) || factors->norm2 < 0 ||
			!isfinite(factors->scale) || factors->scale < 0)
			problem = "has a tuple whose factors are not finite";
		else
			problem = is_leaf ? verify_leaf_entry(entry) : verify_inner_entry(entry, layout);
	}
	return problem;
}

const char *
HvPageVerify(Page page, const HvLayout *layout)
{
	HvPageOpaque opaque;
	PageHeader	header = (PageHeader) page;

	if (header->pd_pagesize_version != (BLCKSZ | PG_PAGE_LAYOUT_VERSION) ||
		header->pd_special != BLCKSZ - MAXALIGN(sizeof(HvPageOpaqueData)))
		return "has a special area of the wrong size";
	opaque = HvPageGetOpaque(page);
	if (opaque->page_id != HV_PAGE_ID)
		return "is not an hvtree page";
	if (header->pd_lower < HV_DATA_OFFSET || header->pd_lower > header->pd_upper ||
		header->pd_upper > header->pd_special)
		return "has bounds out of order";
	if (opaque->kind == HV_PAGE_LEAF || opaque->kind == HV_PAGE_INNER)
		return verify_tree_page(page, layout);

	/* what lies between the bounds is lost by the next WAL record */
	if (header->pd_upper != header->pd_special)
		return "has bounds that do not fit its kind";
	switch ((HvPageKind) opaque->kind)
	{
		case HV_PAGE_CENTROID:
			return verify_centroid_page(page, layout);
		case HV_PAGE_MEAN:
			if (header->pd_lower != HV_DATA_OFFSET + opaque->ntuples * sizeof(float))
				return "has a number of floats that disagrees with its bounds";
			return NULL;
		case HV_PAGE_FREE:
			if (opaque->ntuples != 0)
				return "is free, but not empty";
			return NULL;
		case HV_PAGE_META:
			return NULL;
		default:
			return "is of an unknown kind";
	}
}

const char *
HvPageVerifyAt(Page page, BlockNumber block, const HvLayout *layout)
{
	const char *problem = HvPageVerify(page, layout);

	if (problem == NULL && HvPageGetOpaque(page)->block_tag != HvPageTag(block))
		problem = "was written for another block";
	return problem;
}
