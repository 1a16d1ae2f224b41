/*-------------------------------------------------------------------------
 *
 * hvcentroid.c
 *	  The byte vectors of centroids in a finished index.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvcentroid.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hvcentroid.h"

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
	if (!HvIndexIsOld(index, block, HvPageGetOpaque(page)->encoding))
		return;
	for (int i = 0; i < bits; i++)
		centroid[i] -= index->shift[i];
}

void
HvCentroidPageShift(HvIndex *index, Page page)
{
	float	   *centroid = palloc(index->layout.code_bits * sizeof(float));

	for (int slot = 0; slot < index->layout.slots_per_page; slot++)
	{
		if (!HvCentroidPageIsUsed(page, slot))
			continue;
		get_slot(index, page, InvalidBlockNumber, slot, centroid);
		set_slot(index, page, slot, centroid);
	}
	HvPageGetOpaque(page)->encoding = (uint16) index->meta.encoding;
	pfree(centroid);
}

/* The same if the page needs it. */
static void
ensure_current(HvIndex *index, Page page, BlockNumber block)
{
	if (HvIndexIsOld(index, block, HvPageGetOpaque(page)->encoding))
		HvCentroidPageShift(index, page);
}

/*
 * Takes a slot of a page and makes the metapage propose that page; false where it
 * is full or no centroid page.  Then *next is the page to try instead.
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
						  (uint16) index->meta.encoding);
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

	if (HvPageKindOf(page) != HV_PAGE_CENTROID || !HvCentroidPageIsUsed(page, ref.slot))
		HvStoreCorrupted(index->relation, ref.block, "lacks a centroid that is referred to");
	return page;
}

void
HvCentroidSet(HvAction *action, HvIndex *index, HvCentroidRef ref, const float *centroid)
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
	HvCentroidSet(&action, index, ref, centroid);
	HvActionCommit(&action);
}

void
HvCentroidRemove(HvIndex *index, HvCentroidRef ref)
{
	HvAction	action;

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
