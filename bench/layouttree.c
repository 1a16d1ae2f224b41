/*-------------------------------------------------------------------------
 *
 * layouttree.c
 *	  A tree in memory, shaped as one in pages would be, for weighing layouts.
 *
 * NOTES
 *	  Made as the build of the index makes it: k-means from the top, level by
 *	  level; then every row is placed by a search of the finished tree, not
 *	  where the recursion had it; then leaves beyond a page are split.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/layouttree.c
 *
 *-------------------------------------------------------------------------
 */
#include "layouttree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hvtool.h"

#define PAGE_ROOM		(8192 - 24 - 40 - 24)
#define LEAF_ENTRY		16
#define INNER_ENTRY		24

/* parts of an inner page, and of a leaf that is split, that are filled */
#define FILL			0.75

#define KMEANS_ITERATIONS	4

/* the search that places a row */
static const LayoutBeam place_beam = {.least = 8, .shift = 1};

/* leaves looked at for the second copy, and how much farther it may be, squared */
#define SPILL_LEAVES		16
#define SPILL_FARTHER		2.0f

/* copies a row that SPILL_FARTHER leaves, for sizing the tree */
#define SPILL_COPIES		1.9

static float *
centroid(const LayoutTree *tree, int level, int i)
{
	return tree->levels[level].centroids + (size_t) i * tree->set->bits;
}

/* appends a node; first is set by the caller */
static void
append_node(LayoutTree *tree, int level, const float *row)
{
	LayoutLevel *l = &tree->levels[level];
	int			bits = tree->set->bits;

	if (l->n == l->room)
	{
		l->room = l->room * 2 + 64;
		l->centroids = realloc(l->centroids, sizeof(float) * (size_t) l->room * bits);
		l->codes = realloc(l->codes, (size_t) l->room * bits / 8);
		l->factors = realloc(l->factors, sizeof(HvCodeFactors) * (size_t) l->room);
		l->first = realloc(l->first, sizeof(int) * ((size_t) l->room + 1));
		if (!l->centroids || !l->codes || !l->factors || !l->first)
			HvDie("out of memory");
	}
	memcpy(l->centroids + (size_t) l->n * bits, row, sizeof(float) * bits);
	HvCodeEncode(row, bits, l->codes + (size_t) l->n * bits / 8, &l->factors[l->n]);
	l->n++;
}

static void
free_level(LayoutLevel *l)
{
	free(l->centroids);
	free(l->codes);
	free(l->factors);
	free(l->first);
	memset(l, 0, sizeof(*l));
}

/*
 * Clusters rows[0 .. n - 1] into k new nodes of a level and sorts rows by
 * node; counts (k) tells how many each has.
 */
static int
cluster_rows(LayoutTree *tree, int level, int *rows, int n, int k, int max_members, int *counts)
{
	HvKmeansParams params = {.k = k, .iterations = KMEANS_ITERATIONS, .seed = 1,
	.max_members = max_members};
	int			bits = tree->set->bits;
	int		   *assignment = HvAlloc(sizeof(int) * (size_t) n);
	int		   *sorted = HvAlloc(sizeof(int) * (size_t) n);
	float	   *centroids = HvAlloc(sizeof(float) * (size_t) k * bits);
	void	   *scratch = HvAlloc(HvKmeansScratchSize(n, bits, k));
	int			made;
	int			out = 0;

	made = HvKmeans(&tree->set->vectors, rows, n, &params, scratch,
					&(HvClusters){assignment, centroids, counts});
	for (int c = 0; c < made; c++)
	{
		append_node(tree, level, centroids + (size_t) c * bits);
		for (int i = 0; i < n; i++)
		{
			if (assignment[i] == c)
				sorted[out++] = rows[i];
		}
	}
	memcpy(rows, sorted, sizeof(int) * (size_t) n);
	free(assignment);
	free(sorted);
	free(centroids);
	free(scratch);
	return made;
}

/* k-means from the top down; sizes[h] nodes are wanted at level h */
static void
train(LayoutTree *tree, const int *sizes)
{
	int			n = tree->set->n;
	int		   *rows = HvAlloc(sizeof(int) * (size_t) n);
	int		   *starts = HvAlloc(sizeof(int) * 2);
	int			nodes = 1;

	for (int i = 0; i < n; i++)
		rows[i] = i;
	starts[1] = n;

	for (int h = tree->nlevels - 1; h >= 0; h--)
	{
		int			room = 2 * sizes[h] + nodes + 16;
		int		   *next = HvAlloc(sizeof(int) * (size_t) room);
		int		   *counts = HvAlloc(sizeof(int) * (size_t) room);

		for (int i = 0; i < nodes; i++)
		{
			int			have = starts[i + 1] - starts[i];
			int			k = (int) ((double) have * sizes[h] / n + 0.5);
			int			made;

			k = (k < 1) ? 1 : k;
			if (h + 1 < tree->nlevels)
				tree->levels[h + 1].first[i] = tree->levels[h].n;
			made = cluster_rows(tree, h, rows + starts[i], have, k, 0, counts);
			for (int c = 0, at = starts[i]; c < made; c++)
			{
				next[tree->levels[h].n - made + c] = at;
				at += counts[c];
			}
		}
		nodes = tree->levels[h].n;
		next[nodes] = n;
		if (h + 1 < tree->nlevels)
			tree->levels[h + 1].first[tree->levels[h + 1].n] = nodes;
		free(starts);
		free(counts);
		starts = next;
	}
	free(starts);
	free(rows);
}

/*
 * SOAR's choice of a second leaf: the one whose residual is short and points
 * elsewhere than the first one's.  -1 where no near one is left.
 */
static int
choose_spill(const LayoutTree *tree, const float *x, const HvKeyed *leaves, int n)
{
	int			bits = tree->set->bits;
	const float *c1 = centroid(tree, 0, (int) leaves[0].id);
	float		d1 = leaves[0].key;
	float		x2 = HvKernel->inner_product(x, x, bits);
	float		xc1 = HvKernel->inner_product(x, c1, bits);
	float		least = 0.0f;
	int			chosen = -1;

	for (int i = 1; i < n; i++)
	{
		const float *c2 = centroid(tree, 0, (int) leaves[i].id);
		float		d2 = leaves[i].key;
		float		across;
		float		loss;

		if (d2 > SPILL_FARTHER * d1)
			break;
		across = x2 - xc1 - HvKernel->inner_product(x, c2, bits)
			+ HvKernel->inner_product(c1, c2, bits);
		loss = d2 + ((d1 > 0.0f) ? across * across / d1 : 0.0f);
		if (chosen < 0 || loss < least)
		{
			least = loss;
			chosen = (int) leaves[i].id;
		}
	}
	return chosen;
}

/* sends every row to its leaf, or two; out is 2 ints a row, -1 = none */
static void
place_rows(const LayoutTree *tree, int *out)
{
	const LayoutSet *set = tree->set;
	HvKeyed		leaves[SPILL_LEAVES];
	LayoutCost	cost;

	for (int row = 0; row < set->n; row++)
	{
		const float *x = set->rows + (size_t) row * set->bits;
		LayoutQuery query = {x, NULL, HvKernel->inner_product(x, x, set->bits)};
		int			n = LayoutTreeDescend(tree, &query, LAYOUT_ROUTE_FLOAT, SPILL_LEAVES,
										  place_beam, leaves, &cost);

		out[2 * (size_t) row] = (int) leaves[0].id;
		out[2 * (size_t) row + 1] = tree->spill ? choose_spill(tree, x, leaves, n) : -1;
	}
}

/*
 * Makes level 0 anew from what was placed: empty leaves go, leaves beyond a
 * page are split.
 */
static void
fill_leaves(LayoutTree *tree, const int *placed)
{
	int			n = tree->set->n;
	LayoutLevel old = tree->levels[0];
	int		   *starts = HvAlloc(sizeof(int) * ((size_t) old.n + 2));
	int		   *counts = HvAlloc(sizeof(int) * (2 * (size_t) n + 1));
	LayoutLevel *leaves = &tree->levels[0];
	LayoutLevel *parents = (tree->nlevels > 1) ? &tree->levels[1] : NULL;
	int			parent = 0;

	for (size_t i = 0; i < 2 * (size_t) n; i++)
	{
		if (placed[i] >= 0)
			starts[placed[i] + 2]++;
	}
	for (int i = 2; i <= old.n + 1; i++)
		starts[i] += starts[i - 1];
	tree->ntuples = starts[old.n + 1];
	tree->members = HvAlloc(sizeof(int) * (size_t) tree->ntuples);
	for (size_t i = 0; i < 2 * (size_t) n; i++)
	{
		if (placed[i] >= 0)
			tree->members[starts[placed[i] + 1]++] = (int) (i / 2);
	}

	memset(leaves, 0, sizeof(*leaves));
	for (int i = 0; i < old.n; i++)
	{
		int			have = starts[i + 1] - starts[i];
		int			at = starts[i];
		int			made = (have > 0);

		while (parents && parent < parents->n && parents->first[parent] == i)
			parents->first[parent++] = leaves->n;
		counts[0] = have;
		if (have > tree->leaf_capacity)
			made = cluster_rows(tree, 0, tree->members + at, have,
								(int) (have / (FILL * tree->leaf_capacity)) + 1,
								tree->leaf_capacity, counts);
		else if (have > 0)
			append_node(tree, 0, old.centroids + (size_t) i * tree->set->bits);
		for (int c = 0; c < made; c++)
		{
			leaves->first[leaves->n - made + c] = at;
			at += counts[c];
		}
	}
	while (parents && parent <= parents->n)
		parents->first[parent++] = leaves->n;
	leaves->first[leaves->n] = tree->ntuples;
	free(starts);
	free(counts);
	free_level(&old);
}

/* how far the tuples of each leaf are from its centroid */
static void
measure_leaves(LayoutTree *tree)
{
	const LayoutLevel *leaves = &tree->levels[0];
	int			bits = tree->set->bits;

	tree->radius2 = HvAlloc(sizeof(float) * (size_t) leaves->n);
	for (int leaf = 0; leaf < leaves->n; leaf++)
	{
		int			count = leaves->first[leaf + 1] - leaves->first[leaf];

		for (int i = leaves->first[leaf]; i < leaves->first[leaf + 1]; i++)
			tree->radius2[leaf] += HvKernel->l2_squared(tree->set->rows + (size_t) tree->members[i] * bits,
														centroid(tree, 0, leaf), bits) / (float) count;
	}
}

LayoutTree *
LayoutTreeBuild(const LayoutSet *set, bool spill, double fill)
{
	LayoutTree *tree = HvAlloc(sizeof(LayoutTree));
	int			sizes[LAYOUT_MAX_LEVELS];
	int		   *placed = HvAlloc(sizeof(int) * 2 * (size_t) set->n);

	tree->set = set;
	tree->spill = spill;
	tree->leaf_capacity = PAGE_ROOM / (set->bits / 8 + LEAF_ENTRY);
	tree->inner_capacity = PAGE_ROOM / (set->bits / 8 + INNER_ENTRY);

	sizes[0] = (int) (set->n * (spill ? SPILL_COPIES : 1.0) / (fill * tree->leaf_capacity)) + 1;
	for (tree->nlevels = 1; sizes[tree->nlevels - 1] > tree->inner_capacity; tree->nlevels++)
		sizes[tree->nlevels] = (int) (sizes[tree->nlevels - 1] / (FILL * tree->inner_capacity)) + 1;

	train(tree, sizes);
	place_rows(tree, placed);
	fill_leaves(tree, placed);
	measure_leaves(tree);
	free(placed);
	return tree;
}

void
LayoutTreeFree(LayoutTree *tree)
{
	for (int h = 0; h < tree->nlevels; h++)
		free_level(&tree->levels[h]);
	free(tree->members);
	free(tree->radius2);
	free(tree);
}

/* out[i] = distance of the query and node start + i, i < n */
static void
score_nodes(const LayoutTree *tree, int level, int start, int n, const LayoutQuery *query,
			LayoutRouting routing, HvKeyed *out)
{
	const LayoutLevel *l = &tree->levels[level];
	int			bits = tree->set->bits;
	const uint8_t *codes = l->codes + (size_t) start * bits / 8;
	static float *products;
	static uint16_t *sums;
	static int	room = 0;

	if (n > room)
	{
		room = n * 2;
		products = realloc(products, sizeof(float) * (size_t) room);
		sums = realloc(sums, sizeof(uint16_t) * (size_t) room);
		if (!products || !sums)
			HvDie("out of memory");
	}
	if (routing == LAYOUT_ROUTE_FLOAT)
		HvKernel->inner_product_rows(query->q, centroid(tree, level, start), n, bits, products);
	else if (routing == LAYOUT_ROUTE_PLANES)
		HvKernel->hamming_planes(codes, n, bits / 8, query->code->planes, sums);
	else
		HvKernel->hamming(codes, n, bits / 8, HvQueryCodeSigns(query->code), sums);

	for (int i = 0; i < n; i++)
	{
		HvCodeFactors f = l->factors[start + i];

		out[i].id = (uint64_t) (start + i);
		if (routing == LAYOUT_ROUTE_FLOAT)
			out[i].key = f.norm2 + query->norm2 - 2.0f * products[i];
		else if (routing == LAYOUT_ROUTE_PLANES)
			out[i].key = HvEstimatePlanes(query->code, f.norm2, f.scale, sums[i]);
		else
			out[i].key = HvEstimateHamming(query->code, f.norm2, sqrtf(f.norm2), sums[i]);
	}
}

int
LayoutTreeDescend(const LayoutTree *tree, const LayoutQuery *query, LayoutRouting routing,
				  int wanted, LayoutBeam beam, HvKeyed *leaves, LayoutCost *cost)
{
	static HvKeyed *items[2];
	static int	room = 0;
	int			level = tree->nlevels - 1;
	int			n = tree->levels[level].n;

	if (room < tree->levels[0].n + 1)
	{
		room = tree->levels[0].n + 1;
		for (int i = 0; i < 2; i++)
		{
			free(items[i]);
			items[i] = HvAlloc(sizeof(HvKeyed) * (size_t) room);
		}
	}
	cost->pages = 1 + (n - 1) / tree->inner_capacity;
	cost->codes = n;
	score_nodes(tree, level, 0, n, query, routing, items[0]);
	for (; level > 0; level--)
	{
		const int  *first = tree->levels[level].first;
		int			looked = wanted >> (level - 1 + beam.shift);
		int			found = 0;
		HvKeyed    *swap = items[0];

		looked = (looked > beam.least) ? looked : beam.least;
		HvSelectSmallest(items[0], n, looked);
		for (int i = 0; i < n && i < looked; i++)
		{
			int			node = (int) items[0][i].id;
			int			count = first[node + 1] - first[node];

			score_nodes(tree, level - 1, first[node], count, query, routing, items[1] + found);
			found += count;
			cost->pages += (count + tree->inner_capacity - 1) / tree->inner_capacity;
		}
		cost->codes += found;
		items[0] = items[1];
		items[1] = swap;
		n = found;
	}
	wanted = (wanted < n) ? wanted : n;
	HvSelectSmallest(items[0], n, wanted);
	HvSortKeyed(items[0], wanted);
	memcpy(leaves, items[0], sizeof(HvKeyed) * (size_t) wanted);
	return wanted;
}

double
LayoutTreeBytes(const LayoutTree *tree)
{
	double		pages = 2 + tree->levels[0].n;
	double		nodes = tree->levels[0].n;

	for (int h = 1; h < tree->nlevels; h++)
	{
		pages += tree->levels[h].n;
		nodes += tree->levels[h].n;
	}
	return pages * 8192 + nodes * (tree->set->bits + 8);
}
