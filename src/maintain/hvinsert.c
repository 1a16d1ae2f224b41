/*-------------------------------------------------------------------------
 *
 * hvinsert.c
 *	  One row into a finished index.
 *
 * NOTES
 *	  A row is encoded, placed, and appended to one or two leaves, each append
 *	  being a WAL record of its own.  Any change between placing and appending
 *	  makes the insert place the row again: a leaf that is full is split first,
 *	  another one is chosen for a leaf that is gone, codes about an old mean are
 *	  computed again.  A row is in the index as soon as its first copy is; the
 *	  second only makes it easier to find.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvinsert.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "arithmetic/hvcode.h"
#include "heap/hvkeytype.h"
#include "heap/hvtype.h"
#include "maintain/hvconvert.h"
#include "maintain/hvinsert.h"
#include "maintain/hvsplit.h"
#include "storage/hvdebug.h"
#include "tree/hvchoose.h"
#include "tree/hvmeta.h"

/* each new attempt means that others changed the tree: so many mean damage */
#define MOST_ATTEMPTS	1000

/* a row on its way in */
typedef struct Insertion
{
	Relation	relation;
	Relation	heap;
	const Datum *values;		/* of the row, the vector first */
	const bool *nulls;
	HvKeyColumns columns;
	HvVectorView view;
	uint8	   *code;
	HvLeafEntryData *entry;
	uint16		mean_version;
	HvChoice	choice;
	const HvLayout *layout;
	HvPageSource *source;
} Insertion;

/* Encodes and places the row by the index as it is now. */
static void
place_row(Insertion *insertion, ItemPointer tid)
{
	HvIndex    *index = HvIndexOpen(insertion->relation);
	HvChooser  *chooser = palloc0(sizeof(HvChooser));
	HvStoreSource *source = palloc(sizeof(HvStoreSource));
	float	   *projected;

	HvTypeCheckDim(&insertion->view, index->meta.dim);
	projected = palloc(index->space.rotate_dims * sizeof(float));
	insertion->layout = &index->layout;
	insertion->mean_version = (uint16) index->meta.mean_version;
	insertion->code = palloc(index->layout.code_bytes);
	insertion->entry = palloc0(index->layout.leaf_entry_size);
	HvSpaceProject(&index->space, insertion->view.values, projected);
	HvCodeEncode(projected, index->layout.code_bits, insertion->code,
				 &insertion->entry->factors);
	insertion->entry->tid = *tid;
	insertion->entry->length_class = HvSpaceLengthClass(&index->space,
														insertion->view.values);
	HvKeyColumnsVerify(&insertion->columns, insertion->relation, &index->meta);
	HvKeyColumnsStore(&insertion->columns, insertion->values, insertion->nulls,
					  insertion->entry);

	HvStoreSourceInit(source, insertion->relation, &index->layout, &index->meta);
	insertion->source = &source->source;
	HvChooserInit(chooser, &source->source, &index->layout, index->meta.spill != 0,
				 CurrentMemoryContext);
	HV_DEBUG_POINT("insert-opened");
	chooser->shift = index->shift;
	HvChoose(chooser, projected, index->meta.seq, insertion->mean_version, &insertion->choice);
}

/*
 * Appends one copy; splits a full leaf.  False: the row must be placed again.
 */
static bool
append_copy(Insertion *insertion, int copy)
{
	BlockNumber leaf = insertion->choice.leaves[copy];

	Assert(copy >= 0 && copy < insertion->choice.count);
	Assert(ItemPointerIsValid(&insertion->entry->tid)); /* I2 */
	insertion->entry->flags = copy == 0 ? 0 : HV_ENTRY_SPILLED;
	switch (HvStoreAppend(insertion->relation, insertion->layout, leaf, insertion->mean_version,
						  insertion->code, insertion->entry))
	{
		case HV_APPEND_DONE:
			return true;
		case HV_APPEND_FULL:
			HvSplitLeaf(insertion->relation, insertion->heap, leaf);
			return false;
		case HV_APPEND_OTHER_MEAN:
			HvConvertLeaf(insertion->relation, insertion->heap, leaf);
			return false;
		case HV_APPEND_MOVED:
			insertion->source->suspect(insertion->source, leaf,
									   "is no leaf, but another one names it as a leaf");
			return false;
	}
	return false;
}

/* The first row of an index says how many dimensions all have. */
static void
ensure_dimension(Relation relation, const HvVectorView *view)
{
	HvMetaData	meta;

	HvMetaRead(relation, &meta);
	if (meta.dim == 0)
		HvMetaSetDim(relation, view->dim);
}

bool
hvinsert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
		 IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *info)
{
	Insertion	insertion = {0};
	MemoryContext context;
	MemoryContext old;
	int			copy = 0;
	int			attempts = 0;

	if (isnull[0])
		return false;

	context = AllocSetContextCreate(CurrentMemoryContext, "hvtree insert",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	insertion.relation = index;
	insertion.heap = heap;
	insertion.values = values;
	insertion.nulls = isnull;
	HvKeyColumnsInit(&insertion.columns, index);
	HvTypeInfoFor(index)->open(values[0], &insertion.view);
	ensure_dimension(index, &insertion.view);

	do
	{
		CHECK_FOR_INTERRUPTS();
		if (attempts++ == MOST_ATTEMPTS)
			HvStoreCorrupted(index, insertion.choice.count > copy ?
							 insertion.choice.leaves[copy] : HV_ROOT_BLOCK,
							 "does not take the rows that it should");
		place_row(&insertion, tid);
		HV_DEBUG_POINT("insert-placed");
		Assert(HvStoreNoPageIsLocked());
		Assert(insertion.choice.count < 2 ||
			   insertion.choice.leaves[0] != insertion.choice.leaves[1]);
		while (copy < insertion.choice.count && append_copy(&insertion, copy))
		{
			if (copy++ == 0)
				HV_DEBUG_POINT("insert-first-copy");
		}
	} while (copy < Max(insertion.choice.count, 1));

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return false;
}
