/*-------------------------------------------------------------------------
 *
 * hvhealth.c
 *	  How far a tree has gone from what a build would make of its rows.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvhealth.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "arithmetic/hvsplitmix.h"
#include "heap/hvheap.h"
#include "page/hvpage.h"
#include "sql/hvacl.h"
#include "sql/hvhealth.h"
#include "tree/hvchoose.h"
#include "tree/hvmembers.h"

/* of the sample: any number, always the same */
#define SAMPLE_SEED		UINT64CONST(0x6472696674)

/* what is needed to place rows */
typedef struct Probe
{
	HvIndex    *index;
	HvHeap	   *heap;
	HvStoreSource source;
	HvChooser	chooser;
	HvMembers	leaf;
	float	   *vector;			/* rotate_dims floats */
} Probe;

/* Counting ---------------------------------------------------------------- */

void
HvHealthInit(HvHealth *health)
{
	memset(health, 0, sizeof(HvHealth));
	health->random = SAMPLE_SEED;
}

/* Gives one more row of a leaf its chance to be in the sample. */
static void
offer_row(HvHealth *health, BlockNumber leaf)
{
	int64		place = health->rows++;

	if (place >= HV_HEALTH_SAMPLE)
		place = (int64) (HvSplitmixNext(&health->random) % (uint64) health->rows);
	if (place < HV_HEALTH_SAMPLE)
		health->leaves[place] = leaf;
}

void
HvHealthAddLeaf(HvHealth *health, Page page, const HvLayout *layout, BlockNumber block)
{
	int			n = HvPageCount(page);
	int			tenth = n * HV_FILL_CLASSES / layout->leaf_capacity;

	health->fill[Min(tenth, HV_FILL_CLASSES - 1)]++;
	health->churn += HvPageGetOpaque(page)->churn;
	for (int i = 0; i < n; i++)
	{
		if (!(HvPageLeafEntry(page, layout, i)->flags & HV_ENTRY_SPILLED))
			offer_row(health, block);
	}
}

/* Sampling ---------------------------------------------------------------- */

/* A row of a leaf by chance, not a spilled copy; -1 if there is none. */
static int
draw_row(HvHealth *health, const HvMembers *leaf)
{
	int			first;

	if (leaf->count == 0)
		return -1;
	first = (int) (HvSplitmixNext(&health->random) % (uint64) leaf->count);
	for (int i = 0; i < leaf->count; i++)
	{
		int			at = (first + i) % leaf->count;

		if (!HvMembersIsSpilled(leaf, at))
			return at;
	}
	return -1;
}

/*
 * The vector of a row in the tree space; false if no version of it is visible.
 */
static bool
load_row(Probe *probe, int i)
{
	const HvLeafEntryData *entry = HvMembersEntry(&probe->leaf, i);
	HvVectorView view;
	bool		found = HvHeapGet(probe->heap, HvRowPack(&entry->tid), &view) &&
		view.dim == (int) probe->index->meta.dim;

	if (found)
		HvSpaceProject(&probe->index->space, view.values, probe->vector);
	HvHeapRelease(probe->heap);
	return found;
}

/* Places one row of a leaf, and compares. */
static void
probe_leaf(HvHealth *health, Probe *probe, BlockNumber block)
{
	HvChoice	choice;
	int			row;

	if (!HvMembersRead(&probe->leaf, probe->index, block, 0))
		return;
	row = draw_row(health, &probe->leaf);
	if (row < 0 || !load_row(probe, row))
		return;
	HvChoose(&probe->chooser, probe->vector, probe->index->meta.seq,
			(uint16) probe->index->meta.mean_version, &choice);
	if (choice.count == 0)
		return;
	health->sampled++;
	health->misplaced += choice.leaves[0] != block;
}

static void
probe_sample(HvHealth *health, Relation heap, Relation index)
{
	Probe	   *probe = palloc0(sizeof(Probe));

	probe->index = HvIndexOpen(index);
	if (probe->index->meta.dim == 0 || probe->index->meta.height == 0)
		return;
	probe->heap = HvHeapBegin(heap, index, GetActiveSnapshot(), CurrentMemoryContext);
	probe->vector = palloc(probe->index->space.rotate_dims * sizeof(float));
	HvStoreSourceInit(&probe->source, index, &probe->index->layout, &probe->index->meta);
	HvChooserInit(&probe->chooser, &probe->source.source, &probe->index->layout, false,
				 CurrentMemoryContext);
	probe->chooser.shift = probe->index->shift;
	for (int i = 0; i < Min(health->rows, HV_HEALTH_SAMPLE); i++)
	{
		CHECK_FOR_INTERRUPTS();
		probe_leaf(health, probe, health->leaves[i]);
	}
	HvHeapEnd(probe->heap);
}

void
HvHealthSample(HvHealth *health, Relation heap, Relation index)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree health",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HvCaller	caller;

	HvOwnerEnter(&caller, heap);
	probe_sample(health, heap, index);
	HvOwnerLeave(&caller);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
