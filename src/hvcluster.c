/*-------------------------------------------------------------------------
 *
 * hvcluster.c
 *	  Hierarchical k-means over a sample: the tree that a build places rows by.
 *
 * NOTES
 *	  From the root downwards: the members of a node are clustered into as many
 *	  children as the leaves below it need, and each child gets its share of
 *	  those leaves by its number of members.  All leaves are on one level.
 *
 *	  Upper nodes have few clusters and very many members; there the centroids
 *	  are found on a part of the members and all of them are then assigned
 *	  once.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvcluster.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "hvcluster.h"

/* how full inner pages are made, so that they can take splits later */
#define INNER_FILL			0.7

/* members a cluster that centroids are found on; 64 is where quality levels off */
#define TRAINING_MEMBERS	256

/* sizes of leaf clusters, in units of the usual one, that are changed */
#define LARGE_CLUSTER		1.4
#define SMALL_CLUSTER		0.4
#define EVEN_ROUNDS			2

typedef struct Clustering
{
	const HvVectors *vectors;
	const HvLayout *layout;
	const HvClusterParams *params;
	HvClusterTree *tree;
	int			leaves_capacity;
	int			pages_capacity;
	double		fanout;			/* children of an inner page as planned */
} Clustering;

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* The most leaves below a node of a level if pages are filled as planned. */
static double
planned_leaves(const Clustering *clustering, int level)
{
	return pow(clustering->fanout, level);
}

/* Nearest centroid for each member, given |c|^2 of the centroids. */
static void
assign_all(const HvVectors *vectors, const int *members, int n, const float *centroids,
		   int k, int *assignment)
{
	int			dims = vectors->dims;
	float	   *vector = palloc(dims * sizeof(float));
	float	   *products = palloc(k * sizeof(float));
	float	   *norms = palloc(k * sizeof(float));

	for (int c = 0; c < k; c++)
		norms[c] = HvKernel->inner_product(centroids + (Size) c * dims,
										   centroids + (Size) c * dims, dims);
	for (int i = 0; i < n; i++)
	{
		int			best = 0;

		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		HvVectorsGet(vectors, members[i], vector);
		HvKernel->inner_product_rows(vector, centroids, k, dims, products);
		for (int c = 1; c < k; c++)
		{
			if (norms[c] - 2 * products[c] < norms[best] - 2 * products[best])
				best = c;
		}
		assignment[i] = best;
	}
	pfree(vector);
	pfree(products);
	pfree(norms);
}

/*
 * Clusters members into up to k groups; assignment and centroids are the
 * result.  members may be reordered.
 */
static int
cluster_members(Clustering *clustering, const int *members, int n, int k,
				int *assignment, float *centroids)
{
	const HvVectors *vectors = clustering->vectors;
	HvKmeansParams params = {0};
	int			training = (int) Min((int64) n, (int64) k * TRAINING_MEMBERS);
	int		   *subset = palloc(training * sizeof(int));
	HvClusters	clusters = {assignment, centroids, palloc(k * sizeof(int))};
	void	   *scratch = MemoryContextAllocHuge(CurrentMemoryContext,
												 HvKmeansScratchSize(training, vectors->dims, k));
	int			made;

	/* evenly spread over members, which are in the order of the sample */
	for (int i = 0; i < training; i++)
		subset[i] = members[(int64) i * n / training];
	params.k = k;
	params.iterations = clustering->params->iterations;
	params.seed = clustering->params->seed + members[0];
	params.check = check_interrupts;
	made = HvKmeans(vectors, subset, training, &params, scratch, &clusters);
	if (training < n)
		assign_all(vectors, members, n, centroids, made, assignment);
	pfree(subset);
	pfree(clusters.counts);
	pfree(scratch);
	return made;
}

/* The means of the clusters; an empty one keeps its centroid. */
static void
recompute_means(const HvVectors *vectors, const int *members, int n, const int *assignment,
				float *centroids, int k)
{
	int			dims = vectors->dims;
	float	   *vector = palloc(dims * sizeof(float));
	int		   *counts = palloc0(k * sizeof(int));

	for (int i = 0; i < n; i++)
	{
		float	   *centroid = centroids + (Size) assignment[i] * dims;
		float		share = 1.0f / ++counts[assignment[i]];

		HvVectorsGet(vectors, members[i], vector);
		for (int j = 0; j < dims; j++)
			centroid[j] += (vector[j] - centroid[j]) * share;
	}
	pfree(vector);
	pfree(counts);
}

/* Clusters the members of one cluster again; returns how many centroids it wrote. */
static int
divide_cluster(Clustering *clustering, const int *members, int n, const int *assignment,
			   int which, int pieces, float *centroids)
{
	int		   *own = palloc(n * sizeof(int));
	int		   *own_assignment = palloc(n * sizeof(int));
	int			count = 0;
	int			made;

	for (int i = 0; i < n; i++)
	{
		if (assignment[i] == which)
			own[count++] = members[i];
	}
	made = cluster_members(clustering, own, count, Min(pieces, count), own_assignment,
						   centroids);
	pfree(own);
	pfree(own_assignment);
	return made;
}

/*
 * Makes clusters more alike in size: those that would overfill a leaf are
 * divided, those of a few members dissolved.  centroids has room for
 * inner_capacity of them, usual is the size aimed at; returns their number.  Plain k-means leaves a third
 * of the clusters overfull and a tenth next to empty (fashion-mnist-784), and
 * leaves divided only when they are written are half empty.
 */
static int
even_out(Clustering *clustering, const int *members, int n, double usual, int k,
		 int *assignment, float *centroids)
{
	const HvVectors *vectors = clustering->vectors;
	int			dims = vectors->dims;
	int			room = clustering->layout->inner_capacity;
	int		   *counts = palloc0(k * sizeof(int));
	float	   *old = MemoryContextAllocHuge(CurrentMemoryContext, (Size) k * dims * sizeof(float));
	int			made = 0;

	memcpy(old, centroids, (Size) k * dims * sizeof(float));
	for (int i = 0; i < n; i++)
		counts[assignment[i]]++;
	for (int c = 0; c < k; c++)
	{
		int			pieces = counts[c] > LARGE_CLUSTER * usual ? (int) rint(counts[c] / usual) : 1;
		float	   *to = centroids + (Size) made * dims;

		/* every cluster still to come must find a place */
		pieces = Min(Max(pieces, counts[c] > LARGE_CLUSTER * usual ? 2 : 1), room - made - (k - c - 1));
		if (counts[c] < SMALL_CLUSTER * usual && k > 1)
			continue;
		if (pieces > 1)
			made += divide_cluster(clustering, members, n, assignment, c, pieces, to);
		else
		{
			memcpy(to, old + (Size) c * dims, dims * sizeof(float));
			made++;
		}
	}
	pfree(old);
	pfree(counts);
	assign_all(vectors, members, n, centroids, made, assignment);
	recompute_means(vectors, members, n, assignment, centroids, made);
	return made;
}

static BlockNumber
add_inner_page(Clustering *clustering, int level, BlockNumber parent)
{
	HvClusterTree *tree = clustering->tree;
	BlockNumber block = HvImagesAddInner(&tree->images, level);

	if ((int) block >= clustering->pages_capacity)
	{
		clustering->pages_capacity = Max(2 * clustering->pages_capacity, (int) block + 1);
		tree->page_parents = repalloc_huge(tree->page_parents,
										   clustering->pages_capacity * sizeof(BlockNumber));
	}
	tree->page_parents[block] = parent;
	return block;
}

static int
add_leaf(Clustering *clustering, BlockNumber parent)
{
	HvClusterTree *tree = clustering->tree;

	if (tree->nleaves == clustering->leaves_capacity)
	{
		clustering->leaves_capacity *= 2;
		tree->parents = repalloc_huge(tree->parents,
									  clustering->leaves_capacity * sizeof(BlockNumber));
	}
	tree->parents[tree->nleaves] = parent;
	return tree->nleaves++;
}

/* Puts members in the order of their clusters; starts has k + 1 places. */
static void
group_members(int *members, int n, const int *assignment, int k, int *starts)
{
	int		   *sorted = palloc(n * sizeof(int));
	int		   *at = palloc(k * sizeof(int));

	memset(starts, 0, (k + 1) * sizeof(int));
	for (int i = 0; i < n; i++)
		starts[assignment[i] + 1]++;
	for (int c = 0; c < k; c++)
	{
		starts[c + 1] += starts[c];
		at[c] = starts[c];
	}
	for (int i = 0; i < n; i++)
		sorted[at[assignment[i]]++] = members[i];
	memcpy(members, sorted, n * sizeof(int));
	pfree(sorted);
	pfree(at);
}

/* How many children a node of a level gets that has so many leaves below it. */
static int
count_children(const Clustering *clustering, int level, int leaves, int members)
{
	double		wanted = level == 1 ? leaves : ceil(leaves / planned_leaves(clustering, level - 1));

	wanted = Min(wanted, clustering->layout->inner_capacity);
	return (int) Max(1, Min(wanted, members));
}

/*
 * Makes the children of an inner page, and all below.  n >= 1.
 */
static void
cluster_node(Clustering *clustering, BlockNumber page, int level, int *members, int n,
			 int leaves)
{
	HvImages   *images = &clustering->tree->images;
	int			dims = clustering->vectors->dims;
	int			room = clustering->layout->inner_capacity;
	int			k = count_children(clustering, level, leaves, n);
	int		   *assignment = palloc(n * sizeof(int));
	float	   *centroids = MemoryContextAllocHuge(CurrentMemoryContext,
												   (Size) room * dims * sizeof(float));
	double		usual;
	int		   *starts = palloc((room + 1) * sizeof(int));
	BlockNumber *blocks = palloc(room * sizeof(BlockNumber));

	usual = (double) n / k;
	k = cluster_members(clustering, members, n, k, assignment, centroids);
	for (int round = 0; level == 1 && round < EVEN_ROUNDS; round++)
		k = even_out(clustering, members, n, usual, k, assignment, centroids);
	group_members(members, n, assignment, k, starts);
	pfree(assignment);
	for (int c = 0; c < k; c++)
	{
		if (starts[c] == starts[c + 1])
			continue;			/* nothing came near it in the end */
		blocks[c] = level == 1 ? (BlockNumber) add_leaf(clustering, page) :
			add_inner_page(clustering, level - 1, page);
		HvImagesAddChild(images, page, blocks[c], centroids + (Size) c * dims);
	}
	pfree(centroids);

	if (level == 1 && clustering->params->progress)
		clustering->params->progress(clustering->params->progress_arg,
									 clustering->tree->nleaves);
	for (int c = 0; level > 1 && c < k; c++)
	{
		int			count = starts[c + 1] - starts[c];

		if (count > 0)
			cluster_node(clustering, blocks[c], level - 1, members + starts[c], count,
						 Max(1, (int) rint((double) leaves * count / n)));
	}
	pfree(starts);
	pfree(blocks);
}

HvClusterTree *
HvClusterBuild(const HvVectors *vectors, const HvLayout *layout,
			   const HvClusterParams *params, MemoryContext context)
{
	Clustering	clustering = {0};
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "hvtree clustering",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	int		   *members = MemoryContextAllocHuge(scratch, vectors->count * sizeof(int));
	HvClusterTree *tree = MemoryContextAllocZero(context, sizeof(HvClusterTree));

	clustering.vectors = vectors;
	clustering.layout = layout;
	clustering.params = params;
	clustering.tree = tree;
	clustering.fanout = Max(2.0, INNER_FILL * layout->inner_capacity);
	clustering.leaves_capacity = 1024;
	clustering.pages_capacity = 64;
	tree->parents = MemoryContextAllocHuge(context,
										   clustering.leaves_capacity * sizeof(BlockNumber));
	tree->page_parents = MemoryContextAllocHuge(context,
												clustering.pages_capacity * sizeof(BlockNumber));
	HvImagesInit(&tree->images, layout, context);

	tree->height = 1;
	while (planned_leaves(&clustering, tree->height) < params->leaves)
		tree->height++;
	for (int i = 0; i < vectors->count; i++)
		members[i] = i;
	(void) add_inner_page(&clustering, tree->height, InvalidBlockNumber);
	cluster_node(&clustering, HV_ROOT_BLOCK, tree->height, members, vectors->count,
				 params->leaves);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return tree;
}

void
HvClusterLeafCentroid(const HvClusterTree *tree, int leaf, float *centroid)
{
	const HvImages *images = &tree->images;
	const HvLayout *layout = images->layout;
	Page		parent = images->pages[tree->parents[leaf]];
	int			at = HvPageFindChild(parent, layout, (BlockNumber) leaf);
	const HvInnerEntryData *entry;
	const int8 *values;
	HvByteFactors factors;

	Assert(at >= 0);
	entry = HvPageInnerEntry(parent, layout, at);
	values = HvCentroidPageGet(images->pages[entry->centroid_block], layout,
							   entry->centroid_slot, &factors);
	HvByteDecode(values, &factors, layout->code_bits, centroid);
}

BlockNumber
HvClusterAncestor(const HvClusterTree *tree, int leaf, int level)
{
	BlockNumber block = tree->parents[leaf];

	for (int at = 1; at < level; at++)
		block = tree->page_parents[block];
	return block;
}
