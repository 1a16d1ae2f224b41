/*-------------------------------------------------------------------------
 *
 * hvstoresource.c
 *	  The pages of an index as a source of pages for a descent.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstoresource.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/hvstoresource.h"

/*
 * A page is stamped with a counter above all that the source has seen: then the
 * metapage must be there by now (I6).  The page is released for the look at it and
 * read again.
 */
static Page
check_stamp(HvStoreSource *self, BlockNumber block, uint64 seq, Buffer *buffer)
{
	HvMetaData	now;

	HvStoreRelease(*buffer);
	HvStoreReadMeta(self->index, &now);
	if (seq > now.seq)
		HvStoreCorrupted(self->index, block, "is stamped newer than the metapage is");
	self->newest = now.seq;
	return HvStoreRead(self->index, self->layout, block, NULL, buffer);
}

static Page
store_source_get(HvPageSource *source, BlockNumber block, int *handle)
{
	HvStoreSource *self = (HvStoreSource *) source;
	Page		page = HvStoreRead(self->index, self->layout, block, NULL, handle);

	if (page && HvPageGetOpaque(page)->seq > self->newest)
		page = check_stamp(self, block, HvPageGetOpaque(page)->seq, handle);

	/* the root is never freed, and the builder wrote it, so that no crash empties it */
	if (block == HV_ROOT_BLOCK && (page == NULL || !HvPageIsTree(page)))
		HvStoreCorrupted(self->index, block, "is no root of a tree");
	return page;
}

static void
store_source_release(HvPageSource *source, int handle)
{
	HvStoreRelease(handle);
}

/*
 * Who takes a page out of the tree changes it and the metapage in one record, and
 * holds both locks until both are changed, replay does likewise: so the counter
 * that is read after the page is not older than what the page holds.
 */
static void
store_source_suspect(HvPageSource *source, BlockNumber block, const char *problem)
{
	HvStoreSource *self = (HvStoreSource *) source;

	if (source->meta && !self->changed)
	{
		HvMetaData	now;

		HvStoreReadMeta(self->index, &now);
		self->changed = now.seq != source->meta->seq;
	}
	if (!self->changed)
		HvStoreCorrupted(self->index, block, problem);
}

void
HvStoreSourceInit(HvStoreSource *source, Relation index, const HvLayout *layout,
				  const HvMetaData *meta)
{
	source->source.get = store_source_get;
	source->source.release = store_source_release;
	source->source.suspect = store_source_suspect;
	source->source.meta = meta;
	source->index = index;
	source->layout = layout;
	source->newest = meta ? meta->seq : PG_UINT64_MAX;
	source->changed = false;
}

Page
HvStoreSourceLeaf(HvStoreSource *source, BlockNumber block, Buffer *buffer)
{
	Page		page = store_source_get(&source->source, block, buffer);

	if (page && HvPageKindOf(page) == HV_PAGE_LEAF)
		return page;
	if (page)
		HvStoreRelease(*buffer);
	source->source.suspect(&source->source, block, page ?
						   "is no leaf, but another one names it as a leaf" :
						   "is empty, but another one names it as a leaf");
	return NULL;
}
