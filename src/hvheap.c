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
 *	  src/hvheap.c
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

#include "hvheap.h"
#include "hvleaf.h"
#include "hvstore.h"
#include "hvtoast.h"

struct HvHeap
{
	Relation	heap;
	Snapshot	snapshot;
	const HvTypeInfo *type;
	AttrNumber	column;			/* of the heap, 0 = an expression */
	IndexInfo  *info;			/* for an expression */
	EState	   *estate;
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	Relation	index;
	BlockNumber nblocks;		/* of the table, as last seen */
	HvToast    *toast;			/* of the table, NULL = none or not needed */
	HvBuffers	toast_buffers;
	BlockNumber prefetched;		/* the last block asked for */
	MemoryContext values;		/* detoasted vectors */
};

HvHeap *
HvHeapBegin(Relation heap, Relation index, Snapshot snapshot, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	HvHeap	   *reader = palloc0(sizeof(HvHeap));

	reader->heap = heap;
	reader->index = index;
	reader->nblocks = RelationGetNumberOfBlocks(heap);
	reader->snapshot = snapshot;
	reader->type = HvTypeInfoFor(index);
	reader->column = index->rd_index->indkey.values[0];
	reader->fetch = table_index_fetch_begin(heap);
	reader->slot = table_slot_create(heap, NULL);
	reader->prefetched = InvalidBlockNumber;
	reader->values = AllocSetContextCreate(context, "hvtree heap values",
										   ALLOCSET_DEFAULT_SIZES);
	if (reader->column == 0)
	{
		reader->info = BuildIndexInfo(index);
		reader->estate = CreateExecutorState();
		GetPerTupleExprContext(reader->estate)->ecxt_scantuple = reader->slot;
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

/* Replaces a TOAST pointer by the value; false if it has vanished. */
static bool
fetch_toasted(HvHeap *reader, Datum *value)
{
	HvBuffers	before = HvBuffersNow();
	bool		found = HvToastFetch(reader->toast, value);

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
	FormIndexDatum(reader->info, reader->slot, reader->estate, values, nulls);
	*isnull = nulls[0];
	return values[0];
}

void
HvHeapRequireRow(Relation heap, Relation index, BlockNumber *nblocks, ItemPointer tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);

	if (block < *nblocks)
		return;
	*nblocks = RelationGetNumberOfBlocks(heap);
	if (block >= *nblocks)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" is damaged: it names row (%u,%u) of a table of %u blocks",
						RelationGetRelationName(index), block,
						ItemPointerGetOffsetNumberNoCheck(tid), *nblocks),
				 errhint("Please REINDEX it.")));
}

bool
HvHeapGet(HvHeap *reader, uint64 id, HvVectorView *view)
{
	MemoryContext old;
	ItemPointerData tid;
	bool		again = false;
	bool		all_dead = false;
	bool		isnull;
	Datum		value;

	HvRowUnpack(id, &tid);
	HvHeapRequireRow(reader->heap, reader->index, &reader->nblocks, &tid);
	if (!table_index_fetch_tuple(reader->fetch, &tid, reader->snapshot, reader->slot,
								 &again, &all_dead))
		return false;
	old = MemoryContextSwitchTo(reader->values);
	value = indexed_value(reader, &isnull);
	if (!isnull && reader->toast && !fetch_toasted(reader, &value))
		isnull = true;
	if (!isnull)
		reader->type->open_stored(value, view);
	MemoryContextSwitchTo(old);
	return !isnull;
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
	table_index_fetch_reset(reader->fetch);
	if (reader->toast)
		HvToastRelease(reader->toast);
	MemoryContextReset(reader->values);
}
