/*-------------------------------------------------------------------------
 *
 * hvcluster.c
 *	  The tree that a build places rows by.
 *
 * NOTES
 *	  The sample is partitioned into leaves (hvpartition.c), and the tree is
 *	  then made of the means of the leaves alone: top down, the leaves of a
 *	  node are clustered into as many pages as they need.  So every leaf is
 *	  below the node whose centroid is near, whichever way its members came.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvcluster.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "build/hvcluster.h"
#include "build/hvpartition.h"

#define ARRANGE_ITERATIONS	6

/* at the start of the region */
typedef struct TreeHeader
{
	int			capacity;		/* leaves that there is room for */
	int			nleaves;
} TreeHeader;

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * The most inner pages of a tree: a node with n leaves below it gets ceil(n /
 * planned) children, which is at most one more than n / planned; summed up
 * over all nodes and levels.
 */
static int
most_inner_pages(const HvLayout *layout, int leaves)
{
	double		fanout = HvPartitionFanout(layout);

	return (int) (leaves * fanout / ((fanout - 1) * (fanout - 1))) + HV_MAX_LEVEL * HV_MAX_LEVEL;
}

static int
most_pages(const HvLayout *layout, int leaves)
{
	int			inner = most_inner_pages(layout, leaves);

	return HV_ROOT_BLOCK + inner + (inner + leaves) / layout->slots_per_page + 1;
}

double
HvClusterLeafSize(const HvLayout *layout)
{
	double		fanout = HvPartitionFanout(layout);

	return layout->code_bits + sizeof(HvByteFactors) + 4 * sizeof(float) +
		(double) BLCKSZ / layout->slots_per_page + BLCKSZ * fanout / ((fanout - 1) * (fanout - 1));
}

/*
 * Fills the pointers of tree, which lie behind the header at base; returns the
 * size of all (base may be NULL to ask for it).
 */
static Size
lay_out(const HvLayout *layout, char *base, int capacity, HvClusterTree *tree)
{
	uintptr_t	at = (uintptr_t) base + MAXIMUM_ALIGNOF * 8;
	int			pages = most_pages(layout, capacity);

	memset(tree, 0, sizeof(HvClusterTree));
	HvMemTreeInit(&tree->images, layout, (char *) at, pages);
	at += (Size) pages * BLCKSZ;
	tree->means.dims = layout->code_bits;
	tree->means.capacity = capacity;
	tree->means.values = (int8 *) at;
	at += (Size) capacity * layout->code_bits;
	tree->means.factors = (HvByteFactors *) at;
	at += capacity * sizeof(HvByteFactors);
	tree->mean_units = (float *) at;
	at += capacity * sizeof(float);
	tree->counts = (pg_atomic_uint32 *) at;
	at += capacity * sizeof(pg_atomic_uint32);
	return at - (uintptr_t) base;
}

bool
HvClusterMap(HvBuild *build, HvClusterTree *tree)
{
	TreeHeader *header = HvRegionBase(build->crew, HV_REGION_TREE);

	if (header == NULL)
		return false;
	(void) lay_out(&build->layout, (char *) header, header->capacity, tree);
	tree->nleaves = tree->means.count = header->nleaves;
	return true;
}

Size
HvClusterSize(const HvClusterTree *tree)
{
	HvClusterTree unused;

	return lay_out(tree->images.layout, NULL, tree->means.capacity, &unused);
}

/* Arrange ----------------------------------------------------------------- */

/* The leaves of a tree on their way into pages. */
typedef struct Arrangement
{
	HvBuild    *build;
	HvClusterTree *tree;
	double		fanout;
	int			made;			/* leaves that have a number by now */
} Arrangement;

/* Puts the leaves of a node, and of all nodes below, into pages. */
static void arrange_node(Arrangement *arrangement, BlockNumber page, int level,
						 int *leaves, int n);

static void
add_leaves(Arrangement *arrangement, BlockNumber page, const int *leaves, int n)
{
	HvClusterTree *tree = arrangement->tree;
	float	   *centroid = palloc(tree->means.dims * sizeof(float));

	Assert(n > 0 && n <= arrangement->build->layout.inner_capacity);	/* I5, I10 */
	for (int i = 0; i < n; i++)
	{
		HvVectorsGet(&tree->means, leaves[i], centroid);
		HvMemTreeAddChild(&tree->images, page, (BlockNumber) arrangement->made, centroid);
		tree->units[arrangement->made] = tree->mean_units[leaves[i]];
		tree->parents[arrangement->made++] = page;
	}
	pfree(centroid);
}

/*
 * Clusters the leaves of a node into pages of the level below; none gets more
 * than it can hold in turn.  Reorders leaves; starts has k + 1 places.
 */
static int
cluster_leaves(Arrangement *arrangement, int level, int *leaves, int n, HvClusters *clusters)
{
	const HvLayout *layout = &arrangement->build->layout;
	double		planned = pow(arrangement->fanout, level - 1);
	HvKmeansParams params = {0};
	int			k;

	params.k = (int) Min(ceil(n / planned), layout->inner_capacity);
	params.iterations = ARRANGE_ITERATIONS;
	params.rule = arrangement->build->centroid_rule;
	params.seed = arrangement->build->meta.seed + leaves[0];
	params.max_members = (int) Min(layout->inner_capacity * floor(planned / arrangement->fanout), n);
	params.check = check_interrupts;
	clusters->assignment = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(int));
	clusters->counts = palloc(params.k * sizeof(int));
	clusters->centroids = MemoryContextAllocHuge(CurrentMemoryContext, (Size) params.k *
												 layout->code_bits * sizeof(float));
	k = HvKmeans(&arrangement->tree->means, leaves, n, &params,
				 MemoryContextAllocHuge(CurrentMemoryContext,
										HvKmeansScratchSize(n, layout->code_bits, params.k)),
				 clusters);
	return k;
}

/* Puts leaves in the order of their clusters. */
static void
group_leaves(int *leaves, int n, const HvClusters *clusters, int k)
{
	int		   *sorted = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(int));
	int			made = 0;

	for (int c = 0; c < k; c++)
	{
		for (int i = 0; i < n; i++)
		{
			if (clusters->assignment[i] == c)
				sorted[made++] = leaves[i];
		}
	}
	Assert(made == n);
	memcpy(leaves, sorted, n * sizeof(int));
}

static void
arrange_node(Arrangement *arrangement, BlockNumber page, int level, int *leaves, int n)
{
	HvClusterTree *tree = arrangement->tree;
	MemoryContext scratch;
	MemoryContext old;
	HvClusters	clusters;
	int			k;

	Assert(level >= 1 && level == HvPageGetOpaque(HvMemTreePage(&tree->images, page))->level);
	if (level == 1)
	{
		add_leaves(arrangement, page, leaves, n);
		return;
	}
	scratch = AllocSetContextCreate(CurrentMemoryContext, "hvtree inner nodes",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	k = cluster_leaves(arrangement, level, leaves, n, &clusters);
	group_leaves(leaves, n, &clusters, k);
	for (int c = 0, start = 0; c < k; start += clusters.counts[c++])
	{
		BlockNumber child = HvMemTreeAddInner(&tree->images, level - 1);

		tree->page_parents[child] = page;
		HvMemTreeAddChild(&tree->images, page, child,
						  clusters.centroids + (Size) c * tree->means.dims);
		arrange_node(arrangement, child, level - 1, leaves + start, clusters.counts[c]);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

void
HvClusterArrange(HvBuild *build, HvClusterTree *tree)
{
	Arrangement arrangement = {.build = build, .tree = tree};
	int			n = tree->means.count;
	int		   *leaves = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(int));

	arrangement.fanout = HvPartitionFanout(&build->layout);
	for (int i = 0; i < n; i++)
		leaves[i] = i;
	HvMemTreeClear(&tree->images);
	tree->height = HvPartitionHeight(&build->layout, n);
	tree->nleaves = n;
	((TreeHeader *) HvRegionBase(build->crew, HV_REGION_TREE))->nleaves = n;
	(void) HvMemTreeAddInner(&tree->images, tree->height);
	tree->page_parents[HV_ROOT_BLOCK] = InvalidBlockNumber;
	arrange_node(&arrangement, HV_ROOT_BLOCK, tree->height, leaves, n);
	Assert(arrangement.made == n);	/* I4: each leaf has one parent */
	pfree(leaves);
}

HvClusterTree *
HvClusterBegin(HvBuild *build, HvSample *sample, int n, int leaves)
{
	HvClusterTree *tree = palloc(sizeof(HvClusterTree));
	int			iterations = build->options.kmeans_iterations > 0 ?
		Min(build->options.kmeans_iterations, 1000) : HV_DEFAULT_KMEANS_ITERATIONS;
	int			nleaves = HvPartition(build, sample, n, leaves, iterations);
	TreeHeader *header = HvRegionAllocate(build->crew, HV_REGION_TREE,
										  lay_out(&build->layout, NULL, nleaves, tree));

	header->capacity = header->nleaves = nleaves;
	(void) HvClusterMap(build, tree);
	tree->parents = MemoryContextAllocHuge(CurrentMemoryContext, nleaves * sizeof(BlockNumber));
	tree->units = MemoryContextAllocHuge(CurrentMemoryContext, nleaves * sizeof(float));
	tree->page_parents = MemoryContextAllocHuge(CurrentMemoryContext,
												tree->images.capacity * sizeof(BlockNumber));
	return tree;
}

void
HvClusterFree(HvBuild *build, HvClusterTree *tree)
{
	pfree(tree->parents);
	pfree(tree->units);
	pfree(tree->page_parents);
	pfree(tree);
	HvRegionFree(build->crew, HV_REGION_TREE);
}

void
HvClusterLeafCentroid(const HvClusterTree *tree, int leaf, float *centroid)
{
	const HvMemTree *images = &tree->images;
	const HvLayout *layout = images->layout;
	Page		parent = HvMemTreePage(images, tree->parents[leaf]);
	int			at = HvPageFindChild(parent, layout, (BlockNumber) leaf);
	const HvInnerEntryData *entry;
	const int8 *values;
	HvByteFactors factors;

	Assert(leaf >= 0 && leaf < tree->nleaves && at >= 0);
	entry = HvPageInnerEntry(parent, layout, at);
	values = HvCentroidPageGet(HvMemTreePage(images, entry->centroid_block), layout,
							   entry->centroid_slot, &factors);
	HvByteDecode(values, &factors, layout->code_bits, centroid);
}

BlockNumber
HvClusterAncestor(const HvClusterTree *tree, int leaf, int level)
{
	BlockNumber block = tree->parents[leaf];

	Assert(leaf >= 0 && leaf < tree->nleaves);
	Assert(level >= 1 && level <= tree->height);
	for (int at = 1; at < level; at++)
		block = tree->page_parents[block];
	return block;
}
