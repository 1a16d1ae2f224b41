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

#include <math.h>

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
#include "tree/hvoptions.h"
#include "tree/hvsizing.h"

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

/* The vector of a row in the tree space; false if no version of it is visible. */
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
	HvStoreSourceInit(&probe->source, index, &probe->index->layout);
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

/* Estimating -------------------------------------------------------------- */

/*
 * What builds leave: leaves .67 to .76 full and .04 to .13 of the rows not in the
 * nearest leaf, since that was full (fashion-mnist, cohere, bge, sift, generated
 * vectors); inner pages half to two thirds full.
 */
#define BUILT_FILL			0.72
#define BUILT_MISPLACED		0.08
#define BUILT_INNER_FILL	0.6

/*
 * Microseconds in memory: a page touch as in src/README, and 20 ns a code of a leaf,
 * a Hamming distance and for half of them an asymmetric one; an inner page, of
 * which a query comes back to the same ones, 0.9 with its codes.
 */
#define PAGE_US			0.9
#define CODE_US			0.020
#define INNER_PAGE_US	0.9

/*
 * How many more leaves it takes for the same recall if a share of the rows stands
 * elsewhere.  On 100,000 generated vectors, with rows put into the second to
 * fourth nearest leaf by chance, .07 of them took 1.16 times the leaves, .14 1.45,
 * .31 1.6; on cohere .11 took 1.09 and .19 1.23.
 */
#define MISPLACED_LEAVES	2.0

/* a beam never opens fewer nodes of a level, see hvsearch.c */
#define LEAST_BEAM		8.0

/* a tree of which a query reads some */
typedef struct Shape
{
	int			levels;			/* leaves included */
	double		pages[HV_MAX_LEVEL + 1];
	double		leaf_tuples;	/* of one */
} Shape;

/* The tree that a build would make of so many tuples. */
static void
built_shape(const HvMetaData *meta, double tuples, Shape *shape)
{
	double		fanout = Max(BUILT_INNER_FILL * meta->inner_capacity, 2);

	shape->pages[0] = Max(ceil(tuples / (BUILT_FILL * meta->leaf_capacity)), 1);
	shape->leaf_tuples = tuples / shape->pages[0];
	shape->levels = 1;
	while (shape->pages[shape->levels - 1] > 1 && shape->levels <= HV_MAX_LEVEL)
	{
		shape->pages[shape->levels] = ceil(shape->pages[shape->levels - 1] / fanout);
		shape->levels++;
	}
}

/* Microseconds of a query that reads so many leaves, without rows of the table. */
static double
query_cost(const Shape *shape, double leaves)
{
	double		cost;

	leaves = Min(leaves, shape->pages[0]);
	cost = leaves * (PAGE_US + shape->leaf_tuples * CODE_US);
	for (int level = 1; level < shape->levels; level++)
		cost += Min(Max(leaves / pow(2, level), LEAST_BEAM), shape->pages[level]) *
			INNER_PAGE_US;
	return cost;
}

/*
 * Let a built tree need P leaves.  Where leaves hold fewer rows than its own do, by
 * a factor f, the k nearest rows lie in as many leaves as the nearest k / f rows of a
 * fuller tree would, and the leaves needed grow as the square root of that (see
 * HvSizingLeaves): to 1.5 times after six tenths of 100,000 rows were removed,
 * where the formula says 1.6.  Misplaced rows make it more.  Rows that are dead but
 * still in the index take the time of others and find nothing.  The rows fetched
 * from the table are about as many in both trees, and are left out.
 */
double
HvHealthCostRatio(const HvHealth *health, const HvMetaData *meta, int levels,
				 const int64 *pages, const int64 *tuples, int64 dead)
{
	HvScanOptions options = {HV_DEFAULT_PROBES, HV_DEFAULT_RERANK,
	HV_DEFAULT_MAX_SCAN_TUPLES, HV_DEFAULT_TARGET_RECALL, {0}};
	HvSizing	sizing;
	Shape		now = {0};
	Shape		built = {0};
	double		live = Max(tuples[0] - dead, 1);
	double		leaves;
	double		more;

	built_shape(meta, live, &built);
	now.levels = levels;
	for (int level = 0; level < levels; level++)
		now.pages[level] = pages[level];
	now.leaf_tuples = tuples[0] / Max(now.pages[0], 1);

	HvSizingInit(&sizing, meta, &options);
	leaves = Min(HvSizingLeaves(&sizing, 1), built.pages[0]);
	more = sqrt(built.leaf_tuples * now.pages[0] / live);
	if (health->sampled > 0)
		more *= 1 + MISPLACED_LEAVES *
			((double) health->misplaced / health->sampled - BUILT_MISPLACED);
	return query_cost(&now, leaves * more) / query_cost(&built, leaves);
}
