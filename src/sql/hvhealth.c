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

#include "arithmetic/hvkernel.h"
#include "arithmetic/hvsplitmix.h"
#include "heap/hvheap.h"
#include "page/hvpage.h"
#include "sql/hvacl.h"
#include "sql/hvhealth.h"
#include "tree/hvchoose.h"
#include "tree/hvinner.h"
#include "tree/hvmembers.h"

/* of the sample: any number, always the same */
#define SAMPLE_SEED		UINT64CONST(0x6472696674)

/* what is needed to place rows */
typedef struct Probe
{
	HvHealth   *health;
	HvIndex    *index;
	HvHeap	   *heap;
	HvStoreSource source;
	HvChooser	chooser;
	HvMembers	leaf;
	float	   *vector;			/* rotate_dims floats */
} Probe;

/* a leaf that a row of the sample is in */
typedef struct SampledLeaf
{
	BlockNumber block;
	HvCentroidRef centroid;		/* InvalidBlockNumber: not found */
	bool		placed;			/* what follows is known */
	float		own;			/* squared distance of the row to it, */
	float		nearest;		/* and to the nearest one */
	double		norm2;			/* of the row */
	float		centroid_norm2;
} SampledLeaf;

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

void
HvHealthAddParent(HvHealth *health, BlockNumber block)
{
	health->parents = lappend_oid(health->parents, block);
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

/*
 * By how much a row is in the wrong leaf: 0 if no other is nearer, 1 if leaves
 * taken at random are as near.  Squared distances: to the leaf's centroid, to
 * the nearest one, to those of all leaves on the average.
 *
 * Whether an insert would choose another leaf tells little.  A build leaves
 * rows in the next leaf where the nearest is full, and takes the means of
 * leaves after their rows have come, so that on text a third of the rows have
 * a nearer leaf, but hardly nearer.
 */
static double
displacement(double own, double nearest, double average)
{
	if (!(own > nearest) || !isfinite(average))
		return 0;
	return own < average ? (own - nearest) / (average - nearest) : 1;
}

/* Squared length of the vector in hand. */
static double
vector_norm2(const Probe *probe)
{
	return HvKernel->inner_product(probe->vector, probe->vector,
								   probe->index->layout.code_bits);
}

/* Places one row of a leaf, and notes how far off its leaf is. */
static void
probe_leaf(Probe *probe, SampledLeaf *leaf)
{
	HvChoice	choice;
	int			row;

	if (!BlockNumberIsValid(leaf->centroid.block) ||
		!HvMembersRead(&probe->leaf, probe->index, leaf->block, 0))
		return;
	row = draw_row(probe->health, &probe->leaf);
	if (row < 0 || !load_row(probe, row))
		return;
	HvChoose(&probe->chooser, probe->vector, probe->index->meta.seq,
			 (uint16) probe->index->meta.mean_version, &choice);
	leaf->placed = choice.count > 0 &&
		HvChooseDistance(&probe->chooser, probe->vector, leaf->centroid.block,
						 leaf->centroid.slot, &leaf->own, &leaf->centroid_norm2);
	leaf->nearest = choice.distance;
	leaf->norm2 = vector_norm2(probe);
}

/*
 * Sums up.  Vectors are about the mean of all, and so are centroids on the
 * average: the mean squared distance of a row to all centroids is the sum of
 * its own squared length and their mean one.
 */
static void
sum_up(HvHealth *health, const SampledLeaf *leaves, int n)
{
	double		centroid_norm2 = 0;

	for (int i = 0; i < n; i++)
	{
		if (!leaves[i].placed)
			continue;
		health->sampled++;
		centroid_norm2 += leaves[i].centroid_norm2;
	}
	for (int i = 0; i < n; i++)
	{
		if (leaves[i].placed)
			health->displaced += displacement(leaves[i].own, leaves[i].nearest,
											  leaves[i].norm2 + centroid_norm2 / health->sampled);
	}
}

/* qsort callback, and bsearch's */
static int
compare_leaves(const void *a, const void *b)
{
	BlockNumber x = ((const SampledLeaf *) a)->block;
	BlockNumber y = ((const SampledLeaf *) b)->block;

	return x < y ? -1 : x > y;
}

/*
 * Notes where the centroid of a leaf is; it may be in the sample several
 * times.
 */
static void
note_centroid(SampledLeaf *leaves, int n, const HvInnerEntryData *entry)
{
	SampledLeaf key = {.block = entry->child};
	SampledLeaf *found = bsearch(&key, leaves, n, sizeof(SampledLeaf), compare_leaves);

	if (found == NULL)
		return;
	while (found > leaves && found[-1].block == key.block)
		found--;
	for (; found < leaves + n && found->block == key.block; found++)
	{
		found->centroid.block = entry->centroid_block;
		found->centroid.slot = entry->centroid_slot;
	}
}

/* Finds the centroids of the sampled leaves in the pages above them. */
static void
find_centroids(const Probe *probe, SampledLeaf *leaves, int n)
{
	const HvLayout *layout = &probe->index->layout;
	ListCell   *cell;

	qsort(leaves, n, sizeof(SampledLeaf), compare_leaves);
	foreach(cell, probe->health->parents)
	{
		Buffer		buffer;
		Page		page = HvStoreRead(probe->index->relation, layout, lfirst_oid(cell), NULL,
									   &buffer);

		CHECK_FOR_INTERRUPTS();
		if (page == NULL)
			continue;
		for (int i = 0; HvPageKindOf(page) == HV_PAGE_INNER && i < HvPageCount(page); i++)
			note_centroid(leaves, n, HvPageInnerEntry(page, layout, i));
		HvStoreRelease(buffer);
	}
}

static void
probe_sample(HvHealth *health, Relation heap, Relation index)
{
	Probe	   *probe = palloc0(sizeof(Probe));
	int			n = (int) Min(health->rows, HV_HEALTH_SAMPLE);
	SampledLeaf *leaves = palloc0(HV_HEALTH_SAMPLE * sizeof(SampledLeaf));

	probe->health = health;
	probe->index = HvIndexOpen(index);
	if (probe->index->meta.dim == 0 || probe->index->meta.height == 0)
		return;
	probe->heap = HvHeapBegin(heap, index, GetActiveSnapshot(), CurrentMemoryContext);
	probe->vector = palloc(probe->index->space.rotate_dims * sizeof(float));
	HvStoreSourceInit(&probe->source, index, &probe->index->layout, &probe->index->meta);
	HvChooserInit(&probe->chooser, &probe->source.source, &probe->index->layout, false,
				 CurrentMemoryContext);
	probe->chooser.shift = probe->index->shift;
	for (int i = 0; i < n; i++)
	{
		leaves[i].block = health->leaves[i];
		leaves[i].centroid.block = InvalidBlockNumber;
	}
	find_centroids(probe, leaves, n);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		probe_leaf(probe, &leaves[i]);
	}
	sum_up(health, leaves, n);
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

/* Judging ----------------------------------------------------------------- */

/*
 * misplaced in trees of 16 leaves and more, generated and of real vectors:
 *
 *	built								.041 at most, text .016, uniform rows .014
 *	grown, also maintained				.03 at most, .07 after most rows went
 *	a fifth exchanged at random			.136 to .20
 *	that, then maintained				.03 to .09, the most with uniform rows
 *
 * Rows exchanged among leaves of one parent, which are near each other, count
 * less: a fifth of them .05 to .17.
 */
#define DUE_MISPLACED	0.12

/* dead tuples, a part of all; autovacuum comes at a fifth of the table */
#define DUE_DEAD		0.25

/* queries read most of a smaller tree, wherever its rows are */
#define LEAST_LEAVES	16

bool
HvHealthIsDue(const HvHealth *health, const HvMetaData *meta, int64 leaves, int64 tuples,
			  int64 dead)
{
	if (leaves > 1 && dead > DUE_DEAD * tuples)
		return true;
	if (leaves < LEAST_LEAVES)
		return false;
	return health->displaced > DUE_MISPLACED * health->sampled ||
		(double) tuples * HV_LEAST_FILL < (double) leaves * meta->leaf_capacity;
}
