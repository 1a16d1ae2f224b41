/*-------------------------------------------------------------------------
 *
 * hvmemtree.c
 *	  A tree of page images in memory, for the builder to descend.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvmemtree.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "build/hvmemtree.h"

static Page
images_get(HvPageSource *source, BlockNumber block, int *handle)
{
	HvMemTree  *images = (HvMemTree *) source;

	*handle = 0;
	return HvMemTreePage(images, block);
}

static void
images_release(HvPageSource *source, int handle)
{
}

/* The tree is the builder's own. */
static void
images_suspect(HvPageSource *source, BlockNumber block, const char *problem)
{
	elog(ERROR, "page %u of a tree in memory %s", block, problem);
}

/* Adds an empty page; returns its block. */
static BlockNumber
add_page(HvMemTree *images, HvPageKind kind, int level)
{
	if (images->count == images->capacity)
		elog(ERROR, "hvtree build has more pages than it has room for");
	HvPageInitKind(HvMemTreePage(images, images->count), kind, level, 0);
	return (BlockNumber) images->count++;
}

void
HvMemTreeInit(HvMemTree *images, const HvLayout *layout, char *pages, int capacity)
{
	Assert(capacity > HV_ROOT_BLOCK);
	memset(images, 0, sizeof(HvMemTree));
	images->source.get = images_get;
	images->source.release = images_release;
	images->source.suspect = images_suspect;
	images->layout = layout;
	images->capacity = capacity;
	images->pages = pages;
	HvMemTreeClear(images);
}

void
HvMemTreeClear(HvMemTree *images)
{
	images->count = HV_ROOT_BLOCK;
	images->centroid_page = InvalidBlockNumber;
}

BlockNumber
HvMemTreeAddInner(HvMemTree *images, int level)
{
	return add_page(images, HV_PAGE_INNER, level);
}

void
HvMemTreeAddChild(HvMemTree *images, BlockNumber parent, BlockNumber child,
				  const float *centroid)
{
	const HvLayout *layout = images->layout;
	HvInnerEntryData *entry = palloc0(layout->inner_entry_size);
	uint8	   *code = palloc(layout->code_bytes);
	int8	   *values = palloc(layout->code_bits);
	HvByteFactors factors;
	int			slot = -1;

	Assert(HvPageKindOf(HvMemTreePage(images, parent)) == HV_PAGE_INNER);
	if (images->centroid_page != InvalidBlockNumber)
		slot = HvCentroidPageTake(HvMemTreePage(images, images->centroid_page), layout);
	if (slot < 0)
	{
		images->centroid_page = add_page(images, HV_PAGE_CENTROID, 0);
		slot = HvCentroidPageTake(HvMemTreePage(images, images->centroid_page), layout);
	}
	HvByteEncode(centroid, layout->code_bits, values, &factors);
	HvCentroidPageSet(HvMemTreePage(images, images->centroid_page), layout, slot, values, &factors);

	HvCodeEncode(centroid, layout->code_bits, code, &entry->factors);
	entry->child = child;
	entry->centroid_block = images->centroid_page;
	entry->centroid_slot = (uint16) slot;
	if (!HvPageAppend(HvMemTreePage(images, parent), layout, code, entry))
		elog(ERROR, "inner page of a build has no room");
	pfree(entry);
	pfree(code);
	pfree(values);
}
