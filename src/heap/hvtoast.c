/*-------------------------------------------------------------------------
 *
 * hvtoast.c
 *	  Many values of one TOAST table, one after the other.
 *
 * NOTES
 *	  A value is a run of chunks, found by an index on (value, number), each
 *	  but the last TOAST_MAX_CHUNK_SIZE long.  The scan of that index stays
 *	  open, and is restarted with the next value.
 *
 *	  Most values do not need the index: tables are mostly written in the order
 *	  of the values' numbers, and where a value is stored can be estimated from
 *	  where others were found (hvtoastmap.h).
 *
 *	  At 1,024 dimensions, warm, this takes less than half the time of
 *	  detoast_attr, which is most of what a query takes in all.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvtoast.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heaptoast.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "executor/tuptable.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "heap/hvtoast.h"
#include "heap/hvtoastmap.h"
#include "page/hvcompat.h"
#include "storage/hvstore.h"
#include "storage/hvstoretoast.h"

/* columns of every TOAST table */
#define CHUNK_ID	1
#define CHUNK_SEQ	2
#define CHUNK_DATA	3

/* whole chunks that a page holds */
#define PAGE_CHUNKS	((double) EXTERN_TUPLES_PER_PAGE)

/* pages read after an estimate, those with chunks of the value not counted */
#define MAX_PROBES	4

struct HvToast
{
	Relation	table;
	MemoryContext context;
	BlockNumber nblocks;		/* of the table, 0 = not looked at yet */
	Relation   *indexes;		/* this and the next three: once it was needed */
	int			nindexes;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	HvToastSnapshot snapshot;	/* memory for the next */
	Snapshot	toast_snapshot;
	bool		may_vanish;
	bool		use_map;		/* values may be looked for without the index */
	bool		pinned;			/* a fetch may have left pages pinned */
	HvToastPin	now[HV_TOAST_PINS]; /* where the value to be read is expected, */
	HvToastPin	next[HV_TOAST_PINS];	/* and the one after it */
};

HvToast *
HvToastBegin(Relation heap, bool may_vanish)
{
	HvToast    *toast;

	if (!OidIsValid(heap->rd_rel->reltoastrelid) ||
		heap->rd_tableam != GetHeapamTableAmRoutine())
		return NULL;
	toast = palloc0(sizeof(HvToast));
	toast->may_vanish = may_vanish;
	toast->context = CurrentMemoryContext;
	toast->table = table_open(heap->rd_rel->reltoastrelid, AccessShareLock);
	toast->use_map = !may_vanish && !HvCompatSnapshotsExpire() &&
		toast->table->rd_tableam == GetHeapamTableAmRoutine();
	toast->toast_snapshot = HvCompatToastSnapshot(&toast->snapshot);
	return toast;
}

/* Opens the index of the table: not needed as long as estimates are right. */
static void
open_index(HvToast *toast)
{
	MemoryContext old = MemoryContextSwitchTo(toast->context);
	int			valid = toast_open_indexes(toast->table, AccessShareLock, &toast->indexes,
										   &toast->nindexes);

	toast->slot = table_slot_create(toast->table, NULL);
	toast->scan = HvCompatBeginIndexScan(toast->table, toast->indexes[valid],
										 toast->toast_snapshot, 1);
	MemoryContextSwitchTo(old);
}

void
HvToastEnd(HvToast *toast)
{
	if (toast->scan)
	{
		index_endscan(toast->scan);
		ExecDropSingleTupleTableSlot(toast->slot);
		toast_close_indexes(toast->indexes, toast->nindexes, AccessShareLock);
	}
	table_close(toast->table, AccessShareLock);
}

void
HvToastRelease(HvToast *toast)
{
	HvStoreToastUnpin(toast->now);
	HvStoreToastUnpin(toast->next);
	if (!toast->pinned)
		return;
	ExecClearTuple(toast->slot);
	index_rescan(toast->scan, NULL, 0, NULL, 0);
	toast->pinned = false;
}

/* A chunk that is expected is missing, or is another one. */
static void
missing_chunk(const HvToast *toast, Oid id, int32 chunk)
{
	if (toast->may_vanish)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("missing or unexpected chunk %d of toast value %u in %s",
					chunk, id, RelationGetRelationName(toast->table))));
}

/*
 * Copies the chunk in the slot to its place; returns its length, 0 if it is
 * wrong.
 */
static int32
copy_chunk(const HvToast *toast, Oid id, int32 chunk, char *to, int32 room)
{
	bool		isnull;
	int32		number = DatumGetInt32(slot_getattr(toast->slot, CHUNK_SEQ, &isnull));
	struct varlena *data =
		(struct varlena *) DatumGetPointer(slot_getattr(toast->slot, CHUNK_DATA, &isnull));
	int32		expected = Min(room, (int32) TOAST_MAX_CHUNK_SIZE);

	/* chunks are never compressed or moved out themselves */
	if (isnull || number != chunk || VARATT_IS_EXTERNAL(data) ||
		VARATT_IS_COMPRESSED(data) || (int32) VARSIZE_ANY_EXHDR(data) != expected)
	{
		missing_chunk(toast, id, chunk);
		return 0;
	}
	memcpy(to, VARDATA_ANY(data), expected);
	return expected;
}

/* The value by the index of its table, chunk after chunk. */
static bool
load_by_index(HvToast *toast, HvToastValue *value)
{
	ScanKeyData key;

	Assert(HvStoreNoPageIsLocked());
	if (toast->scan == NULL)
		open_index(toast);
	ScanKeyInit(&key, CHUNK_ID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(value->id));
	index_rescan(toast->scan, &key, 1, NULL, 0);
	toast->pinned = true;
	for (int32 chunk = 0, done = 0; done < value->size; chunk++)
	{
		int32		copied = 0;

		if (index_getnext_slot(toast->scan, ForwardScanDirection, toast->slot))
			copied = copy_chunk(toast, value->id, chunk, value->data + done,
								value->size - done);
		else
			missing_chunk(toast, value->id, chunk);
		if (copied == 0)
			return false;
		if (chunk == 0)
			value->start = ItemPointerGetBlockNumber(&toast->slot->tts_tid) +
				Min((ItemPointerGetOffsetNumber(&toast->slot->tts_tid) - 1) / PAGE_CHUNKS, 0.99);
		done += copied;
	}
	return true;
}

/* Is there such a block?  The table does not shrink while it is locked. */
static bool
block_exists(HvToast *toast, double block)
{
	if (block < 0)
		return false;
	if (toast->nblocks == 0)
		toast->nblocks = RelationGetNumberOfBlocks(toast->table);
	return block < toast->nblocks;
}

/*
 * The chunks that are still missing from the pages beside the one where some
 * were found: they were written one after the other.
 */
static bool
load_neighbours(HvToast *toast, HvToastValue *value, BlockNumber block)
{
	for (int step = -1; step <= 1; step += 2)
	{
		double		next = (double) block + step;
		HvToastLook look = {1, 0, 0};

		/* those before are missing only if the first is */
		if (step < 0 && !(value->missing & 1))
			continue;
		for (; value->missing && look.found > 0 && block_exists(toast, next); next += step)
			HvStoreToastLook(toast->table, (BlockNumber) next, toast->toast_snapshot,
							 toast->now, value, &look);
	}
	return value->missing == 0;
}

/*
 * The value by an estimate of where it is stored.  A page that has other values
 * tells in which direction to go on.
 *
 * This is as safe as the index.  A chunk is taken if it has the number of this
 * value and a chunk number that is missing, is as long as that one must be, and
 * is visible to the same snapshot; the index does no more than to name such
 * chunks.  There are no two: a number is given to a new value only when no
 * chunk, dead or alive, has it.  If any chunk is not found, all of them are
 * fetched by the index, which reports what is wrong.
 */
static bool
load_by_map(HvToast *toast, HvToastMap *map, HvToastValue *value)
{
	double		position;

	Assert(value->nchunks >= 1 && value->missing != 0);
	if (!HvToastMapWhere(map, value->id, &position))
		return false;
	position = floor(position);
	for (int probe = 0; probe < MAX_PROBES && block_exists(toast, position); probe++)
	{
		HvToastLook look;
		double		step;

		HvStoreToastLook(toast->table, (BlockNumber) position, toast->toast_snapshot,
						 toast->now, value, &look);
		if (look.found > 0)
		{
			bool		complete = value->missing == 0 ||
				load_neighbours(toast, value, (BlockNumber) position);

			HvToastMapJudge(map, complete);
			return complete;
		}
		if (look.lowest > look.highest)
			break;
		if (value->id > look.highest)
			step = Max(1, floor(HvToastMapDistance(map, look.highest, value->id)));
		else if (value->id < look.lowest)
			step = Min(-1, ceil(HvToastMapDistance(map, look.lowest, value->id)));
		else
			break;
		position += step;
	}
	HvToastMapJudge(map, false);
	return false;
}

bool
HvToastIsPointer(const HvToast *toast, Datum value, struct varatt_external *pointer)
{
	struct varlena *attribute = (struct varlena *) DatumGetPointer(value);

	if (!VARATT_IS_EXTERNAL_ONDISK(attribute))
		return false;
	VARATT_EXTERNAL_GET_POINTER(*pointer, attribute);
	return pointer->va_toastrelid == RelationGetRelid(toast->table);
}

Size
HvToastSize(const struct varatt_external *pointer)
{
	return VARATT_EXTERNAL_GET_EXTSIZE(*pointer) + VARHDRSZ;
}

static int
count_chunks(const struct varatt_external *pointer)
{
	return (VARATT_EXTERNAL_GET_EXTSIZE(*pointer) + TOAST_MAX_CHUNK_SIZE - 1) / TOAST_MAX_CHUNK_SIZE;
}

bool
HvToastLoad(HvToast *toast, const struct varatt_external *pointer, struct varlena *result)
{
	HvToastValue value;
	HvToastMap *map = NULL;

	value.id = pointer->va_valueid;
	value.size = VARATT_EXTERNAL_GET_EXTSIZE(*pointer);
	value.data = VARDATA(result);
	value.nchunks = count_chunks(pointer);
	if (VARATT_EXTERNAL_IS_COMPRESSED(*pointer))
		SET_VARSIZE_COMPRESSED(result, value.size + VARHDRSZ);
	else
		SET_VARSIZE(result, value.size + VARHDRSZ);

	if (toast->use_map && value.nchunks >= 1 && value.nchunks <= HV_TOAST_MAX_CHUNKS)
	{
		map = HvToastMapFor(RelationGetRelid(toast->table));
		value.missing = ~UINT64CONST(0) >> (64 - value.nchunks);
	}
	if (!(map && load_by_map(toast, map, &value)) && !load_by_index(toast, &value))
		return false;
	if (map)
		HvToastMapLearn(map, value.id, value.start);
	return true;
}

/*
 * Where a later value is probably stored: both blocks that it may reach exist.
 */
static bool
expected_at(HvToast *toast, const struct varatt_external *pointer, double *position)
{
	return toast->use_map &&
		count_chunks(pointer) >= 1 && count_chunks(pointer) <= HV_TOAST_MAX_CHUNKS &&
		HvToastMapAhead(HvToastMapFor(RelationGetRelid(toast->table)), pointer->va_valueid,
						position) &&
		block_exists(toast, *position) && block_exists(toast, *position + HV_TOAST_PINS - 1);
}

void
HvToastExpect(HvToast *toast, const struct varatt_external *pointer)
{
	double		position;

	HvStoreToastUnpin(toast->now);
	memcpy(toast->now, toast->next, sizeof(toast->now));
	memset(toast->next, 0, sizeof(toast->next));
	if (pointer != NULL && expected_at(toast, pointer, &position))
		HvStoreToastExpect(toast->table, position, count_chunks(pointer), toast->next);
}

void
HvToastPrefetch(HvToast *toast, const struct varatt_external *pointer)
{
	double		position;

	if (toast->use_map &&
		HvToastMapAhead(HvToastMapFor(RelationGetRelid(toast->table)), pointer->va_valueid,
						&position) &&
		block_exists(toast, position))
		HvStorePrefetch(toast->table, (BlockNumber) position);
}
