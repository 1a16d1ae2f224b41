/*-------------------------------------------------------------------------
 *
 * hvheap.c
 *	  The vectors of table rows, by row pointer.
 *
 * NOTES
 *	  Rows are fetched through the table access method, which follows HOT
 *	  chains, keeps its pin from row to row of one page, and applies the
 *	  snapshot.  The index column may be an expression; then its value is
 *	  computed just as an insert does it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvheap.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "heap/hvheap.h"
#include "heap/hvtoast.h"
#include "page/hvpage.h"
#include "storage/hvstore.h"
#include "storage/hvstorerecent.h"

/* bytes of a row that are asked for ahead: 1,024 dimensions, not tuned */
#define CACHE_LINE		64
#define MAX_PREFETCH	4096

struct HvHeap
{
	Relation	heap;
	Snapshot	snapshot;
	const HvTypeInfo *type;
	AttrNumber	column;			/* of the heap, 0 = an expression */
	IndexInfo  *info;			/* for an expression */
	EState	   *estate;
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;		/* of the row at hand, */
	TupleTableSlot *other_slot; /* and of the one before */
	MemoryContext context;		/* as long as the reader */
	Relation	index;
	BlockNumber nblocks;		/* of the table, as last seen */
	HvToast    *toast;			/* of the table, NULL = none or not needed */
	HvBuffers	toast_buffers;	/* touched there so far */
	struct varlena *loaded;		/* the last value read by HvHeapLoad */
	Size		loaded_size;	/* room there */
	BlockNumber prefetched;		/* the last block asked for */
	MemoryContext values;		/* detoasted vectors */
};

HvHeap *
HvHeapBegin(Relation heap, Relation index, Snapshot snapshot, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	HvHeap	   *reader = palloc0(sizeof(HvHeap));

	Assert(index->rd_index->indrelid == RelationGetRelid(heap));
	reader->heap = heap;
	reader->index = index;
	reader->nblocks = RelationGetNumberOfBlocks(heap);
	reader->snapshot = snapshot;
	reader->type = HvTypeInfoFor(index);
	reader->column = index->rd_index->indkey.values[0];
	reader->fetch = table_index_fetch_begin(heap);
	reader->slot = table_slot_create(heap, NULL);
	reader->other_slot = table_slot_create(heap, NULL);
	reader->context = context;
	reader->prefetched = InvalidBlockNumber;
	reader->values = AllocSetContextCreate(context, "hvtree heap values",
										   ALLOCSET_DEFAULT_SIZES);
	if (reader->column == 0)
	{
		reader->info = BuildIndexInfo(index);
		reader->estate = CreateExecutorState();
	}
	else
		reader->toast = HvToastBegin(heap, !IsMVCCSnapshot(snapshot));
	MemoryContextSwitchTo(old);
	return reader;
}

HvHeap *
HvHeapBeginAll(Relation heap, Relation index, MemoryContext context)
{
	SnapshotData *snapshot = MemoryContextAllocZero(context, sizeof(SnapshotData));

	InitNonVacuumableSnapshot(*snapshot, GlobalVisTestFor(heap));
	return HvHeapBegin(heap, index, snapshot, context);
}

void
HvHeapEnd(HvHeap *reader)
{
	table_index_fetch_end(reader->fetch);
	ExecDropSingleTupleTableSlot(reader->slot);
	ExecDropSingleTupleTableSlot(reader->other_slot);
	if (reader->estate)
		FreeExecutorState(reader->estate);
	if (reader->toast)
		HvToastEnd(reader->toast);
	MemoryContextDelete(reader->values);
}

const HvTypeInfo *
HvHeapType(const HvHeap *reader)
{
	return reader->type;
}

HvBuffers
HvHeapToastBuffers(const HvHeap *reader)
{
	return reader->toast_buffers;
}

/* Reads a value outside into result; false if it has vanished. */
static bool
load_outside(HvHeap *reader, const struct varatt_external *outside, struct varlena *result)
{
	HvBuffers	before = HvBuffersNow();
	bool		found = HvToastLoad(reader->toast, outside, result);

	HvBuffersAddSince(&reader->toast_buffers, before);
	return found;
}

/* The indexed value of the row in the slot. */
static Datum
indexed_value(HvHeap *reader, bool *isnull)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	if (reader->column != 0)
		return slot_getattr(reader->slot, reader->column, isnull);

	ResetPerTupleExprContext(reader->estate);
	GetPerTupleExprContext(reader->estate)->ecxt_scantuple = reader->slot;
	FormIndexDatum(reader->info, reader->slot, reader->estate, values, nulls);
	*isnull = nulls[0];
	return values[0];
}

void
HvHeapRequireRow(Relation heap, Relation index, BlockNumber *nblocks, ItemPointer tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);

	if (block < *nblocks && OffsetNumberIsValid(offset))
		return;
	*nblocks = RelationGetNumberOfBlocks(heap);
	if (block >= *nblocks || !OffsetNumberIsValid(offset))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" is damaged: it names row (%u,%u) of a table of %u blocks",
						RelationGetRelationName(index), block, offset, *nblocks),
				 errhint("Please REINDEX it.")));
}

/* The visible row at id into the slot; false if there is none. */
static bool
fetch_row(HvHeap *reader, uint64 id)
{
	ItemPointerData tid;
	bool		again = false;
	bool		all_dead = false;

	/* no page of the index is locked while the heap is read */
	Assert(HvStoreNoPageIsLocked());
	HvRowUnpack(id, &tid);
	HvHeapRequireRow(reader->heap, reader->index, &reader->nblocks, &tid);
	return table_index_fetch_tuple(reader->fetch, &tid, reader->snapshot, reader->slot,
								   &again, &all_dead);
}

bool
HvHeapGet(HvHeap *reader, uint64 id, HvVectorView *view)
{
	MemoryContext old;
	struct varatt_external outside;
	bool		isnull;
	Datum		value;

	if (!fetch_row(reader, id))
		return false;
	old = MemoryContextSwitchTo(reader->values);
	value = indexed_value(reader, &isnull);
	if (!isnull && reader->toast && HvToastIsPointer(reader->toast, value, &outside))
	{
		struct varlena *result = palloc(HvToastSize(&outside));

		isnull = !load_outside(reader, &outside, result);
		value = PointerGetDatum(result);
	}
	if (!isnull)
		reader->type->open_stored(value, view);
	MemoryContextSwitchTo(old);
	return !isnull;
}

/*
 * Asks the processor for the bytes of the row in the slot.  They are needed
 * when the next row has been fetched.
 */
static void
prefetch_bytes(TupleTableSlot *slot)
{
	if (TTS_IS_BUFFERTUPLE(slot))
	{
		HeapTuple	tuple = ((BufferHeapTupleTableSlot *) slot)->base.tuple;

		for (uint32 at = CACHE_LINE; at < Min(tuple->t_len, MAX_PREFETCH); at += CACHE_LINE)
			__builtin_prefetch((char *) tuple->t_data + at);
	}
}

/* Remembers the buffer of the row in the slot. */
static void
note_buffer(const HvHeap *reader)
{
	if (TTS_IS_BUFFERTUPLE(reader->slot))
		HvStoreRecentNote(reader->heap, ItemPointerGetBlockNumber(&reader->slot->tts_tid),
						  ((BufferHeapTupleTableSlot *) reader->slot)->buffer);
}

HvHeapPlace
HvHeapLook(HvHeap *reader, uint64 id, HvVectorView *view, struct varatt_external *outside)
{
	TupleTableSlot *before = reader->slot;
	MemoryContext old;
	HvHeapPlace place = HV_HEAP_NOWHERE;
	bool		isnull;
	Datum		value;

	reader->slot = reader->other_slot;
	reader->other_slot = before;
	if (!fetch_row(reader, id))
		return HV_HEAP_NOWHERE;
	prefetch_bytes(reader->slot);
	note_buffer(reader);
	old = MemoryContextSwitchTo(reader->values);
	value = indexed_value(reader, &isnull);
	if (isnull)
		place = HV_HEAP_NOWHERE;
	else if (reader->toast && HvToastIsPointer(reader->toast, value, outside))
		place = HV_HEAP_OUTSIDE;
	else
	{
		/*
		 * the memory of an expression's result is used again for the next row
		 */
		if (reader->column == 0)
			value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		reader->type->open_stored(value, view);
		place = HV_HEAP_IN_ROW;
	}
	MemoryContextSwitchTo(old);
	return place;
}

void
HvHeapLoad(HvHeap *reader, const struct varatt_external *outside, HvVectorView *view)
{
	MemoryContext old = MemoryContextSwitchTo(reader->values);

	Assert(reader->toast != NULL);
	if (HvToastSize(outside) > reader->loaded_size)
	{
		reader->loaded_size = HvToastSize(outside);
		if (reader->loaded)
			pfree(reader->loaded);
		reader->loaded = MemoryContextAlloc(reader->context, reader->loaded_size);
	}
	if (!load_outside(reader, outside, reader->loaded))
		elog(ERROR, "the vector of a row that may vanish was read in two steps");
	reader->type->open_stored(PointerGetDatum(reader->loaded), view);
	MemoryContextSwitchTo(old);
}

Oid
HvHeapToastTable(const HvHeap *reader)
{
	return reader->toast ? reader->heap->rd_rel->reltoastrelid : InvalidOid;
}

void *
HvHeapAlloc(HvHeap *reader, Size size)
{
	return MemoryContextAlloc(reader->values, size);
}

void
HvHeapExpect(HvHeap *reader, uint64 id, int steps)
{
	/* a hint: nothing is known of the row pointer yet */
	BlockNumber block = (BlockNumber) (id >> 16);
	OffsetNumber offset = (OffsetNumber) (id & 0xFFFF);

	if (steps > 1)
		HvStoreRecentPrefetchHeader(reader->heap, block, offset);
	else
		HvStoreRecentPrefetchItem(reader->heap, block, offset);
}

void
HvHeapExpectOutside(HvHeap *reader, const struct varatt_external *outside)
{
	HvBuffers	before = HvBuffersNow();

	Assert(reader->toast != NULL);
	HvToastExpect(reader->toast, outside);
	HvBuffersAddSince(&reader->toast_buffers, before);
}

void
HvHeapPrefetchOutside(HvHeap *reader, const struct varatt_external *outside)
{
	Assert(reader->toast != NULL);
	HvToastPrefetch(reader->toast, outside);
}

void
HvHeapPrefetch(HvHeap *reader, uint64 id)
{
	BlockNumber block = (BlockNumber) (id >> 16);

	if (block != reader->prefetched && block < reader->nblocks)
		HvStorePrefetch(reader->heap, block);
	reader->prefetched = block;
}

void
HvHeapRelease(HvHeap *reader)
{
	ExecClearTuple(reader->slot);
	ExecClearTuple(reader->other_slot);
	table_index_fetch_reset(reader->fetch);
	if (reader->toast)
		HvToastRelease(reader->toast);
	MemoryContextReset(reader->values);
}
