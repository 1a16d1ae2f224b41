/*-------------------------------------------------------------------------
 *
 * hvwriter.c
 *	  Writing a tree into a new index, from the leaves up.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvwriter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "arithmetic/hvcenter.h"
#include "build/hvwriter.h"
#include "storage/hvstore.h"

/* pages made of too many children are filled so far */
#define DIVIDED_FILL	0.8
#define DIVIDE_ITERATIONS 5

/* the children of one page to be written, or of several if they are many */
typedef struct Pending
{
	int			count;
	int			capacity;
	char	   *entries;		/* inner_entry_size each */
	uint8	   *codes;			/* code_bytes each */
	float	   *weights;		/* leaf tuples below */
	HvVectors	vectors;		/* centroids */
} Pending;

struct HvWriter
{
	HvBuild    *build;
	MemoryContext context;
	Pending		pending[HV_MAX_LEVEL + 2];	/* by the level of the parent */
	PGAlignedBlock centroid_page;
	BlockNumber centroid_block; /* where it goes */
	BlockNumber only_leaf;		/* valid while there is one leaf only */
	PGAlignedBlock only_image;
};

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

static BlockNumber
append_empty(HvWriter *writer, HvPageKind kind)
{
	PGAlignedBlock image;

	HvPageInitKind((Page) image.data, kind, 0, (uint16) writer->build->meta.mean_version);
	return HvStoreBuildAppend(writer->build->index, MAIN_FORKNUM, (Page) image.data);
}

/* The mean goes to the blocks after the root; returns the first of them. */
static BlockNumber
write_mean(HvWriter *writer)
{
	const HvSpace *space = &writer->build->space;
	int			n = space->center_dims;
	BlockNumber first = InvalidBlockNumber;

	Assert(n > 0 && HvMetricAllFinite(space->mean, n)); /* I9 */
	for (int done = 0; done < n; done += HV_MEAN_FLOATS_PER_PAGE)
	{
		int			here = Min(n - done, HV_MEAN_FLOATS_PER_PAGE);
		BlockNumber block = HvStoreBlocks(writer->build->index);
		PGAlignedBlock image;

		HvPageInitKind((Page) image.data, HV_PAGE_MEAN, 0,
					   (uint16) writer->build->meta.mean_version);
		HvMeanPageSet((Page) image.data, space->mean + done, here);
		if (done + here < n)
			HvPageGetOpaque((Page) image.data)->link = block + 1;
		(void) HvStoreBuildAppend(writer->build->index, MAIN_FORKNUM, (Page) image.data);
		if (first == InvalidBlockNumber)
			first = block;
	}
	return first;
}

HvWriter *
HvWriterBegin(HvBuild *build)
{
	HvWriter   *writer = palloc0(sizeof(HvWriter));

	writer->build = build;
	writer->context = CurrentMemoryContext;
	writer->centroid_block = InvalidBlockNumber;
	writer->only_leaf = InvalidBlockNumber;
	(void) append_empty(writer, HV_PAGE_META);
	(void) append_empty(writer, HV_PAGE_LEAF);
	Assert(HvStoreBlocks(build->index) == HV_ROOT_BLOCK + 1);	/* I1, I3 */
	if (build->space.mean)
		build->meta.mean_block = write_mean(writer);
	return writer;
}

/* Stores a centroid in the page being filled; returns its slot. */
static uint16
store_centroid(HvWriter *writer, const int8 *values, const HvByteFactors *factors)
{
	const HvLayout *layout = &writer->build->layout;
	Page		page = (Page) writer->centroid_page.data;
	int			slot = -1;

	if (writer->centroid_block != InvalidBlockNumber)
		slot = HvCentroidPageTake(page, layout);
	if (slot < 0)
	{
		if (writer->centroid_block != InvalidBlockNumber)
			HvStoreBuildReplace(writer->build->index, MAIN_FORKNUM, writer->centroid_block, page);
		writer->centroid_block = append_empty(writer, HV_PAGE_CENTROID);
		HvPageInitKind(page, HV_PAGE_CENTROID, 0, (uint16) writer->build->meta.mean_version);
		slot = HvCentroidPageTake(page, layout);
	}
	HvCentroidPageSet(page, layout, slot, values, factors);
	return (uint16) slot;
}

/* Room for one more child. */
static void
reserve(HvWriter *writer, Pending *pending)
{
	const HvLayout *layout = &writer->build->layout;
	int			size = Max(64, 2 * pending->capacity);
	HvVectors  *vectors = &pending->vectors;

	if (pending->count < pending->capacity)
		return;
#define GROW(array, element_size) \
	((array) = (array) ? repalloc_huge((array), (Size) size * (element_size)) : \
	 MemoryContextAllocHuge(writer->context, (Size) size * (element_size)))
	GROW(pending->entries, layout->inner_entry_size);
	GROW(pending->codes, layout->code_bytes);
	GROW(pending->weights, sizeof(float));
	GROW(vectors->values, layout->code_bits);
	GROW(vectors->factors, sizeof(HvByteFactors));
#undef GROW
	vectors->dims = layout->code_bits;
	vectors->capacity = pending->capacity = size;
}

/* One more child for the page being collected on a level. */
static void
add_child(HvWriter *writer, int level, BlockNumber child, const float *centroid, float weight)
{
	const HvLayout *layout = &writer->build->layout;
	Pending    *pending = &writer->pending[level];
	int			i = pending->count;
	HvInnerEntryData *entry;

	Assert(level >= 1 && child > HV_ROOT_BLOCK);	/* I4 */
	if (level > HV_MAX_LEVEL)
		elog(ERROR, "hvtree index would be too high");
	reserve(writer, pending);
	HvVectorsSet(&pending->vectors, i, centroid);
	entry = (HvInnerEntryData *) (pending->entries + i * layout->inner_entry_size);
	memset(entry, 0, layout->inner_entry_size);
	HvCodeEncode(centroid, layout->code_bits, pending->codes + i * layout->code_bytes,
				 &entry->factors);
	entry->centroid_slot = store_centroid(writer, pending->vectors.values +
										  (Size) i * layout->code_bits,
										  &pending->vectors.factors[i]);
	entry->centroid_block = writer->centroid_block;
	entry->child = child;
	pending->weights[i] = weight;
	pending->count = pending->vectors.count = i + 1;
}

/* Appends the members of one cluster to an inner page image. */
static void
fill_inner(HvWriter *writer, int level, const int *cluster, int which, Page image)
{
	const HvLayout *layout = &writer->build->layout;
	Pending    *pending = &writer->pending[level];

	HvPageInitKind(image, HV_PAGE_INNER, level, (uint16) writer->build->meta.mean_version);
	for (int i = 0; i < pending->count; i++)
	{
		if (cluster[i] == which &&
			!HvPageAppend(image, layout, pending->codes + i * layout->code_bytes,
						  pending->entries + i * layout->inner_entry_size))
			elog(ERROR, "inner page of a build has no room");
	}
	Assert(HvPageCount(image) > 0); /* I5 */
}

/* the children of one page */
typedef struct Children
{
	const HvVectors *vectors;
	int		   *numbers;
	float	   *vector;			/* scratch */
} Children;

static const float *
child_centroid(void *arg, int i)
{
	Children   *children = arg;

	HvVectorsGet(children->vectors, children->numbers[i], children->vector);
	return children->vector;
}

/* The weighted mean of the members of one cluster; returns their weight. */
static float
cluster_mean(const Pending *pending, const int *cluster, int which, const HvCentroidRule *rule,
			 float *mean)
{
	int			n = pending->count;
	Children	children = {&pending->vectors, palloc(n * sizeof(int)),
	palloc(pending->vectors.dims * sizeof(float))};
	float	   *weights = palloc(n * sizeof(float));
	HvCluster	members = {0, pending->vectors.dims, child_centroid, &children, weights};
	double		total = 0;

	for (int i = 0; i < n; i++)
	{
		if (cluster[i] != which)
			continue;
		children.numbers[members.count] = i;
		weights[members.count++] = pending->weights[i];
		total += pending->weights[i];
	}
	HvClusterCentroid(&members, rule, palloc(2 * n * sizeof(float)), mean);
	return (float) total;
}

/* Partitions pending children into as many clusters as pages are needed. */
static int
divide(HvWriter *writer, Pending *pending, int *cluster)
{
	const HvLayout *layout = &writer->build->layout;
	int			n = pending->count;
	HvKmeansParams params = {0};
	HvClusters	clusters;
	int		   *members;

	memset(cluster, 0, n * sizeof(int));
	if (n <= layout->inner_capacity)
		return 1;
	members = palloc(n * sizeof(int));
	for (int i = 0; i < n; i++)
		members[i] = i;
	params.k = (int) ceil(n / (DIVIDED_FILL * layout->inner_capacity));
	params.iterations = DIVIDE_ITERATIONS;
	params.seed = writer->build->meta.seed + n;
	params.max_members = layout->inner_capacity;
	params.rule = writer->build->centroid_rule;
	params.rule.trim = false;	/* only who belongs together is wanted */
	params.check = check_interrupts;
	clusters.assignment = cluster;
	clusters.counts = palloc(params.k * sizeof(int));
	clusters.centroids = MemoryContextAllocHuge(CurrentMemoryContext, (Size) params.k *
												layout->code_bits * sizeof(float));
	return HvKmeans(&pending->vectors, members, n, &params,
					MemoryContextAllocHuge(CurrentMemoryContext,
										   HvKmeansScratchSize(n, layout->code_bits, params.k)),
					&clusters);
}

void
HvWriterClose(HvWriter *writer, int level)
{
	Pending    *pending = &writer->pending[level];
	MemoryContext scratch;
	MemoryContext old;
	int		   *cluster;
	int			k;

	Assert(level >= 1 && level <= HV_MAX_LEVEL);
	if (pending->count == 0)
		return;
	scratch = AllocSetContextCreate(writer->context, "hvtree inner pages",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	cluster = palloc(pending->count * sizeof(int));
	k = divide(writer, pending, cluster);
	for (int which = 0; which < k; which++)
	{
		float	   *mean = palloc(writer->build->layout.code_bits * sizeof(float));
		float		weight = cluster_mean(pending, cluster, which,
										  &writer->build->centroid_rule, mean);
		PGAlignedBlock image;

		fill_inner(writer, level, cluster, which, (Page) image.data);
		add_child(writer, level + 1,
				  HvStoreBuildAppend(writer->build->index, MAIN_FORKNUM, (Page) image.data),
				  mean, weight);
	}
	pending->count = pending->vectors.count = 0;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

void
HvWriterAddLeaf(HvWriter *writer, Page leaf, const float *centroid)
{
	BlockNumber block = HvStoreBuildAppend(writer->build->index, MAIN_FORKNUM, leaf);

	Assert(HvPageKindOf(leaf) == HV_PAGE_LEAF);
	Assert(HvPageVerify(leaf, &writer->build->layout) == NULL); /* I2, I10 */
	if (writer->build->meta.leaves == 0)
	{
		writer->only_leaf = block;
		memcpy(writer->only_image.data, leaf, BLCKSZ);
	}
	else
		writer->only_leaf = InvalidBlockNumber;
	writer->build->meta.leaves++;
	add_child(writer, 1, block, centroid, HvPageCount(leaf));
}

/* A tree of one leaf needs nothing but that leaf, in the root's place. */
static void
write_leaf_root(HvWriter *writer)
{
	Relation	index = writer->build->index;
	PGAlignedBlock image;

	Assert(writer->build->meta.leaves == 1 && writer->centroid_block != InvalidBlockNumber);
	HvPageInitKind((Page) image.data, HV_PAGE_FREE, 0, 0);
	HvStoreBuildReplace(index, MAIN_FORKNUM, writer->only_leaf, (Page) image.data);
	HvStoreBuildReplace(index, MAIN_FORKNUM, writer->centroid_block, (Page) image.data);
	HvStoreBuildReplace(index, MAIN_FORKNUM, HV_ROOT_BLOCK, (Page) writer->only_image.data);
	HvStoreRecordFree(index, writer->only_leaf);
	HvStoreRecordFree(index, writer->centroid_block);
	writer->build->meta.height = 0;
}

/* Writes the upper levels; levels are added until one page is enough. */
static void
write_inner_root(HvWriter *writer, int height)
{
	const HvLayout *layout = &writer->build->layout;
	int			level = Max(height, 1);
	int		   *one;
	PGAlignedBlock image;

	for (int below = 1; below < level; below++)
		HvWriterClose(writer, below);
	while (writer->pending[level].count > layout->inner_capacity)
		HvWriterClose(writer, level++);
	Assert(writer->pending[level].count > 0);	/* I5 */
	one = palloc0(writer->pending[level].count * sizeof(int));
	fill_inner(writer, level, one, 0, (Page) image.data);
	pfree(one);
	HvStoreBuildReplace(writer->build->index, MAIN_FORKNUM, HV_ROOT_BLOCK, (Page) image.data);
	HvStoreBuildReplace(writer->build->index, MAIN_FORKNUM, writer->centroid_block,
						(Page) writer->centroid_page.data);
	Assert(HvPageGetOpaque((Page) image.data)->level == level); /* I3 */
	writer->build->meta.height = level;
	writer->build->meta.centroid_block = writer->centroid_block;
}

void
HvWriterFinish(HvWriter *writer, int height)
{
	PGAlignedBlock image;

	if (writer->only_leaf != InvalidBlockNumber)
		write_leaf_root(writer);
	else if (writer->build->meta.leaves > 0)
		write_inner_root(writer, height);
	HvMetaPageInit((Page) image.data, &writer->build->meta);
	HvStoreBuildReplace(writer->build->index, MAIN_FORKNUM, HV_META_BLOCK, (Page) image.data);
}
