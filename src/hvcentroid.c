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

/* Takes a slot of the page that the metapage proposes; false if it is full. */
static bool
add_to_page(HvIndex *index, BlockNumber block, const float *centroid, HvCentroidRef *ref)
{
	HvAction	action;
	Page		page;
	int			slot = -1;

	HvActionBegin(&action, index->relation);
	page = HvActionOpen(&action, &index->layout, block);
	if (HvPageKindOf(page) == HV_PAGE_CENTROID)
		slot = HvCentroidPageTake(page, &index->layout);
	if (slot < 0)
	{
		HvActionAbort(&action);
		return false;
	}
	set_slot(index, page, slot, centroid);
	HvActionCommit(&action);
	ref->block = block;
	ref->slot = (uint16) slot;
	return true;
}

HvCentroidRef
HvCentroidAdd(HvIndex *index, const float *centroid)
{
	HvCentroidRef ref;
	HvAction	action;
	Page		page;

	if (index->meta.centroid_block != InvalidBlockNumber &&
		add_to_page(index, index->meta.centroid_block, centroid, &ref))
		return ref;

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

/* Opens the page of a slot that must be in use. */
static Page
open_slot(HvIndex *index, HvAction *action, HvCentroidRef ref)
{
	Page		page;

	HvActionBegin(action, index->relation);
	page = HvActionOpen(action, &index->layout, ref.block);
	if (HvPageKindOf(page) != HV_PAGE_CENTROID || !HvCentroidPageIsUsed(page, ref.slot))
		HvStoreCorrupted(index->relation, ref.block, "lacks a centroid that is referred to");
	return page;
}

void
HvCentroidUpdate(HvIndex *index, HvCentroidRef ref, const float *centroid)
{
	HvAction	action;
	Page		page = open_slot(index, &action, ref);

	set_slot(index, page, ref.slot, centroid);
	HvActionCommit(&action);
}

void
HvCentroidRemove(HvIndex *index, HvCentroidRef ref)
{
	HvAction	action;
	Page		page = open_slot(index, &action, ref);

	HvCentroidPageFree(page, ref.slot);
	HvActionCommit(&action);
}

void
HvCentroidRead(HvIndex *index, HvCentroidRef ref, float *centroid)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, ref.block, NULL, &buffer);
	HvByteFactors factors;

	if (page == NULL || HvPageKindOf(page) != HV_PAGE_CENTROID ||
		ref.slot >= index->layout.slots_per_page || !HvCentroidPageIsUsed(page, ref.slot))
		HvStoreCorrupted(index->relation, ref.block, "lacks a centroid that is referred to");
	HvByteDecode(HvCentroidPageGet(page, &index->layout, ref.slot, &factors), &factors,
				 index->layout.code_bits, centroid);
	HvStoreRelease(buffer);
}
