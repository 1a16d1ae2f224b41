/*-------------------------------------------------------------------------
 *
 * hvstorerecent.c
 *	  Pins pages that are read all the time, without the buffer mapping.
 *
 * NOTES
 *	  A query reads some fifty pages of its index.  ReadBuffer finds each in the
 *	  shared buffer mapping: a hash, a lock, a walk, most of them cache misses.
 *	  So each backend remembers in which buffer it met a block last, and asks
 *	  there first.  The buffer's own header says whether it still is that page,
 *	  so what is remembered may be wrong and need not be invalidated.
 *
 *	  ReadRecentBuffer does not raise the buffer's usage count, whatever its
 *	  comment says (up to 18, it pins by PinBuffer_Locked).  A page that is only
 *	  read that way would be evicted before pages that nobody reads.  So it is
 *	  used where the count is at its maximum already, where ReadBuffer would not
 *	  raise it either: replacement goes on exactly as without it.
 *
 *	  Temporary tables, whose buffers are private, are read by ReadBuffer, as
 *	  they must be before 14.4 and 15.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstorerecent.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"

#include "page/hvcompat.h"
#include "storage/hvstorerecent.h"

/*
 * Most blocks remembered by a backend, a power of two: 4 MB for 4 GB of pages.
 * No more are used than there are shared buffers.  The table takes memory as it
 * is written to.
 */
#define MOST_ENTRIES (512 * 1024)

#define CACHE_LINE	64

typedef struct HotEntry
{
	BlockNumber block;
	Buffer		buffer;			/* InvalidBuffer = none */
} HotEntry;

static HotEntry hot[MOST_ENTRIES];
static uint32 hot_mask = 0;		/* entries in use - 1, 0 = not known yet */

/* Neighbouring blocks have neighbouring entries; relations begin anywhere. */
static inline HotEntry *
entry_of(Relation relation, BlockNumber block)
{
	uint32		start = murmurhash32((uint32) HvCompatRelationFile(relation));

	if (hot_mask == 0)
		hot_mask = Min(pg_nextpower2_32(Max(NBuffers, 2)), MOST_ENTRIES) - 1;
	Assert((hot_mask & (hot_mask + 1)) == 0 && hot_mask < MOST_ENTRIES);
	return &hot[(start + block) & hot_mask];
}

/* Is the buffer's usage count at its maximum?  The header may belong to any page. */
static inline bool
is_hot(Buffer buffer)
{
	uint32		state = pg_atomic_read_u32(&GetBufferDescriptor(buffer - 1)->state);

	return BUF_STATE_GET_USAGECOUNT(state) >= BM_MAX_USAGE_COUNT;
}

Buffer
HvStoreRecentRead(Relation relation, BlockNumber block)
{
	HotEntry   *entry;

	/* VACUUM with a cost limit must have its pages counted by ReadBuffer */
	if (RelationUsesLocalBuffers(relation) || VacuumCostActive)
		return ReadBuffer(relation, block);
	entry = entry_of(relation, block);
	if (entry->block == block && entry->buffer != InvalidBuffer && is_hot(entry->buffer) &&
		HvCompatReadRecentBuffer(relation, block, entry->buffer))
	{
		Assert(BufferGetBlockNumber(entry->buffer) == block);
		return entry->buffer;
	}
	entry->block = block;
	entry->buffer = ReadBuffer(relation, block);
	return entry->buffer;
}

/* The buffer where a block was met last, InvalidBuffer if that is not known. */
static inline Buffer
met_in(Relation relation, BlockNumber block)
{
	const HotEntry *entry = entry_of(relation, block);

	return entry->block == block && !RelationUsesLocalBuffers(relation) ?
		entry->buffer : InvalidBuffer;
}

void
HvStoreRecentNote(Relation relation, BlockNumber block, Buffer buffer)
{
	HotEntry   *entry = entry_of(relation, block);

	Assert(BufferIsValid(buffer) && BufferGetBlockNumber(buffer) == block);
	if (!BufferIsLocal(buffer))
	{
		entry->block = block;
		entry->buffer = buffer;
	}
}

void
HvStoreRecentPrefetchHeader(Relation relation, BlockNumber block, OffsetNumber offset)
{
	Buffer		buffer = met_in(relation, block);

	if (buffer == InvalidBuffer)
		return;
	__builtin_prefetch(GetBufferDescriptor(buffer - 1));
	__builtin_prefetch(BufferGetPage(buffer));
	if (offset != InvalidOffsetNumber)
		__builtin_prefetch(PageGetItemId(BufferGetPage(buffer), offset));
}

void
HvStoreRecentPrefetchItem(Relation relation, BlockNumber block, OffsetNumber offset)
{
	Buffer		buffer = met_in(relation, block);
	Page		page;

	/* an offset of a damaged index may lead out of the page, and this one is read */
	if (buffer == InvalidBuffer || !OffsetNumberIsValid(offset) ||
		SizeOfPageHeaderData + offset * sizeof(ItemIdData) > BLCKSZ)
		return;
	page = BufferGetPage(buffer);
	__builtin_prefetch(page + ItemIdGetOffset(PageGetItemId(page, offset)) % BLCKSZ);
}

void
HvStoreRecentPrefetchPage(Relation relation, BlockNumber block)
{
	Buffer		buffer = met_in(relation, block);
	const char *page;

	if (buffer == InvalidBuffer)
		return;
	__builtin_prefetch(GetBufferDescriptor(buffer - 1));
	page = BufferGetPage(buffer);
	for (int at = 0; at < BLCKSZ; at += CACHE_LINE)
		__builtin_prefetch(page + at);
}
