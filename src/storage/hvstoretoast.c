/*-------------------------------------------------------------------------
 *
 * hvstoretoast.c
 *	  Chunks of an out-of-line value on a page of a TOAST table.
 *
 * NOTES
 *	  A chunk is a row (value, number, bytes), none of them NULL and the bytes
 *	  stored plainly, so that all three have fixed offsets.  Every chunk is
 *	  tested by itself: it is taken if it has the right value and number, has
 *	  the length that it must have, and is visible to the snapshot.  A chunk
 *	  found by the index of the table passes the same tests.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstoretoast.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "page/hvcompat.h"
#include "storage/hvstorerecent.h"
#include "storage/hvstoretoast.h"

#define CACHE_LINE		64

/* columns of a TOAST table */
#define CHUNK_COLUMNS	3

/* a row of a TOAST table behind its header */
typedef struct ChunkRow
{
	Oid			id;
	int32		number;
	char		bytes[FLEXIBLE_ARRAY_MEMBER];	/* a varlena with a long header */
} ChunkRow;

/* The chunk at a line pointer, NULL if there is none or it looks damaged. */
static const ChunkRow *
chunk_at(Page page, ItemId item, int32 *length)
{
	HeapTupleHeader header;
	const ChunkRow *row;
	uint32		room = ItemIdGetLength(item);

	if (!ItemIdIsNormal(item) || ItemIdGetOffset(item) + room > BLCKSZ ||
		room < SizeofHeapTupleHeader)
		return NULL;
	header = (HeapTupleHeader) PageGetItem(page, item);
	if (header->t_hoff != MAXALIGN(SizeofHeapTupleHeader) ||
		HeapTupleHeaderGetNatts(header) != CHUNK_COLUMNS ||
		(header->t_infomask & HEAP_HASNULL) ||
		room < header->t_hoff + offsetof(ChunkRow, bytes) + VARHDRSZ)
		return NULL;
	row = (const ChunkRow *) ((char *) header + header->t_hoff);
	if (VARATT_IS_EXTENDED(row->bytes) ||
		room < header->t_hoff + offsetof(ChunkRow, bytes) + VARSIZE(row->bytes))
		return NULL;
	*length = (int32) VARSIZE(row->bytes) - VARHDRSZ;
	return row;
}

/* Does the snapshot see the row at a line pointer? */
static bool
is_visible(Relation toast, Buffer buffer, OffsetNumber offset, ItemId item, Snapshot snapshot)
{
	HeapTupleData tuple;

	tuple.t_data = (HeapTupleHeader) PageGetItem(BufferGetPage(buffer), item);
	tuple.t_len = ItemIdGetLength(item);
	tuple.t_tableOid = RelationGetRelid(toast);
	ItemPointerSet(&tuple.t_self, BufferGetBlockNumber(buffer), offset);
	return HeapTupleSatisfiesVisibility(&tuple, snapshot, buffer);
}

/* Is a chunk of the value with this number and length still missing? */
static bool
is_wanted(const HvToastValue *value, int32 number, int32 length)
{
	if (number < 0 || number >= value->nchunks ||
		!(value->missing & (UINT64CONST(1) << number)))
		return false;
	return length == Min(value->size - number * (int32) TOAST_MAX_CHUNK_SIZE,
						 (int32) TOAST_MAX_CHUNK_SIZE);
}

/*
 * Asks for the line pointers of a page, the headers of its chunks, and the bytes
 * of "n" chunks from number "first" on, if they are where whole chunks are.
 */
static void
prefetch_chunks(const char *page, int first, int n)
{
	const int	step = MAXALIGN(SizeofHeapTupleHeader + offsetof(ChunkRow, bytes) + VARHDRSZ +
								TOAST_MAX_CHUNK_SIZE);

	__builtin_prefetch(page);
	for (int i = 0; i < EXTERN_TUPLES_PER_PAGE; i++)
	{
		const char *chunk = page + BLCKSZ - (i + 1) * step;

		__builtin_prefetch(chunk);
		for (int at = CACHE_LINE; i >= first && i < first + n && at < step; at += CACHE_LINE)
			__builtin_prefetch(chunk + at);
	}
}

void
HvStoreToastExpect(Relation toast, double position, int nchunks, HvToastPin *pins)
{
	BlockNumber block = (BlockNumber) position;
	int			first = (int) ((position - block) * EXTERN_TUPLES_PER_PAGE);

	Assert(position >= 0 && nchunks > 0 && nchunks <= HV_TOAST_MAX_CHUNKS);
	for (int i = 0; i < HV_TOAST_PINS && nchunks > 0; i++)
	{
		Assert(!BufferIsValid(pins[i].buffer));
		pins[i].block = block + i;
		pins[i].buffer = HvStoreRecentRead(toast, block + i);
		prefetch_chunks(BufferGetPage(pins[i].buffer), first, nchunks);
		nchunks -= EXTERN_TUPLES_PER_PAGE - first;
		first = 0;
	}
}

void
HvStoreToastUnpin(HvToastPin *pins)
{
	for (int i = 0; i < HV_TOAST_PINS; i++)
	{
		if (BufferIsValid(pins[i].buffer))
			ReleaseBuffer(pins[i].buffer);
		pins[i].buffer = InvalidBuffer;
	}
}

/*
 * The page's buffer, pinned: one of the pins, which is no longer among them, or
 * a new one.
 */
static Buffer
take_pin(Relation toast, BlockNumber block, HvToastPin *pins)
{
	for (int i = 0; i < HV_TOAST_PINS; i++)
	{
		Buffer		buffer = pins[i].buffer;

		if (BufferIsValid(buffer) && pins[i].block == block)
		{
			pins[i].buffer = InvalidBuffer;
			return buffer;
		}
	}
	return HvStoreRecentRead(toast, block);
}

void
HvStoreToastLook(Relation toast, BlockNumber block, Snapshot snapshot, HvToastPin *pins,
				 HvToastValue *value, HvToastLook *look)
{
	Buffer		buffer = take_pin(toast, block, pins);
	Page		page = BufferGetPage(buffer);
	OffsetNumber last;

	Assert(value->nchunks <= HV_TOAST_MAX_CHUNKS);
	look->found = 0;
	look->lowest = OID_MAX;
	look->highest = InvalidOid;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	last = PageIsNew(page) ? 0 : PageGetMaxOffsetNumber(page);
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
	{
		ItemId		item = PageGetItemId(page, offset);
		int32		length;
		const ChunkRow *row = chunk_at(page, item, &length);

		if (row == NULL)
			continue;
		look->lowest = Min(look->lowest, row->id);
		look->highest = Max(look->highest, row->id);
		if (row->id != value->id || !is_wanted(value, row->number, length) ||
			!is_visible(toast, buffer, offset, item, snapshot))
			continue;
		Assert(row->number * (int32) TOAST_MAX_CHUNK_SIZE + length <= value->size);
		memcpy(value->data + row->number * TOAST_MAX_CHUNK_SIZE, VARDATA(row->bytes), length);
		value->missing &= ~(UINT64CONST(1) << row->number);
		if (row->number == 0)
			value->start = block + (offset - 1) / (double) last;
		look->found++;
	}
	UnlockReleaseBuffer(buffer);
}
