/*-------------------------------------------------------------------------
 *
 * hvspill.c
 *	  Whether a second copy of each row pays, by trial on a sample.
 *
 * NOTES
 *	  A part of the sample is made into a small tree, and some of its vectors
 *	  are taken as queries.  For each of their true neighbours the rank of its
 *	  leaf is found, among all leaves in the order of their distance from the
 *	  query, and the better rank of its two leaves when spilled.  The 95th
 *	  percentile of the ranks is how many leaves recall .95 takes.  Spilled
 *	  leaves are as full as others but there are more of them, so the
 *	  leaves to be read compare as
 *
 *		rank of one leaf	against		copies a row * rank of the better leaf.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvspill.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "arithmetic/hvselect.h"
#include "build/hvcluster.h"
#include "build/hvrefine.h"
#include "build/hvspill.h"
#include "tree/hvchoose.h"

#define TRIAL_VECTORS	20000
#define TRIAL_QUERIES	100
#define TRIAL_NEIGHBOURS 10

/* rows between two progress reports */
#define ROWS_A_REPORT	128

/* rows a leaf of the trial, as in a tree without spill */
#define TRIAL_FILL		0.75

/*
 * the work saved that the space is worth: a doubled index for a fifth less
 * work is not
 */
#define LEAST_GAIN		0.7

typedef struct Trial
{
	const HvSample *sample;
	int		   *members;		/* of it, evenly spread */
	int			count;
	HvClusterTree *tree;
	HvChoice   *choices;		/* of each vector */
	HvKeyed    *order;			/* scratch, count or nleaves of them */
	int		   *rank_of_leaf;	/* for the current query */
	float	   *centroids;		/* nleaves * dims */
	int		   *ranks[2];		/* without and with spill, of all neighbours */
	int			nranks;
	double		copies;			/* a row */
} Trial;

/* Distances from query to all rows, as keys in trial->order. */
static void
rank_rows(Trial *trial, int query, const float *q)
{
	const HvVectors *vectors = &trial->sample->vectors;
	float		norm2 = vectors->factors[trial->members[query]].norm2;

	for (int i = 0; i < trial->count; i++)
	{
		int			row = trial->members[i];

		trial->order[i].id = i;
		trial->order[i].key = i == query ? INFINITY :
			HvByteDistance(vectors->values + (Size) row * vectors->dims, &vectors->factors[row],
						   q, norm2, vectors->dims);
	}
	HvSelectSmallest(trial->order, trial->count, TRIAL_NEIGHBOURS);
}

/* The place of each leaf in the order of distance from the query. */
static void
rank_leaves(Trial *trial, const float *q)
{
	int			dims = trial->sample->vectors.dims;
	int			n = trial->tree->nleaves;
	float	   *products = palloc(n * sizeof(float));
	HvKeyed    *order = palloc(n * sizeof(HvKeyed));

	HvKernel->inner_product_rows(q, trial->centroids, n, dims, products);
	for (int i = 0; i < n; i++)
	{
		const float *c = trial->centroids + (Size) i * dims;

		order[i].id = i;
		order[i].key = HvKernel->inner_product(c, c, dims) - 2 * products[i];
	}
	HvSortKeyed(order, n);
	for (int i = 0; i < n; i++)
		trial->rank_of_leaf[order[i].id] = i + 1;
	pfree(products);
	pfree(order);
}

/* Notes the ranks of the leaves that hold the neighbours of one query. */
static void
try_query(Trial *trial, int query)
{
	const HvVectors *vectors = &trial->sample->vectors;
	float	   *q = palloc(vectors->dims * sizeof(float));

	HvVectorsGet(vectors, trial->members[query], q);
	rank_leaves(trial, q);
	rank_rows(trial, query, q);
	for (int i = 0; i < TRIAL_NEIGHBOURS; i++)
	{
		const HvChoice *choice = &trial->choices[trial->order[i].id];
		int			own;
		int			better;

		if (choice->count == 0)
			continue;
		own = better = trial->rank_of_leaf[choice->leaves[0]];
		if (choice->count > 1)
			better = Min(own, trial->rank_of_leaf[choice->leaves[1]]);
		trial->ranks[0][trial->nranks] = own;
		trial->ranks[1][trial->nranks] = better;
		trial->nranks++;
	}
	pfree(q);
}

static int
compare_ints(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

static int
percentile_95(int *values, int n)
{
	Assert(n > 0);
	qsort(values, n, sizeof(int), compare_ints);
	return values[(int) (0.95 * (n - 1))];
}

/* Copies the centroids of all leaves out of the tree. */
static void
copy_centroids(Trial *trial, const HvLayout *layout)
{
	HvClusterTree *tree = trial->tree;

	trial->centroids = MemoryContextAllocHuge(CurrentMemoryContext, (Size) tree->nleaves *
											  layout->code_bits * sizeof(float));
	for (int i = 0; i < tree->nleaves; i++)
		HvClusterLeafCentroid(tree, i, trial->centroids + (Size) i * layout->code_bits);
}

/* Places all vectors of the trial, with spill. */
static void
place_all(Trial *trial, HvBuild *build)
{
	const HvLayout *layout = &build->layout;
	HvChooser  *chooser = palloc0(sizeof(HvChooser));
	float	   *vector = palloc(layout->code_bits * sizeof(float));
	int64		copies = 0;

	HvChooserInit(chooser, &trial->tree->images.source, layout, true, CurrentMemoryContext);
	trial->choices = palloc(trial->count * sizeof(HvChoice));
	for (int i = 0; i < trial->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i % ROWS_A_REPORT == 0)
			HvProgressCount(build->progress, HV_PROGRESS_TUPLES, Min(ROWS_A_REPORT, trial->count - i));
		HvVectorsGet(&trial->sample->vectors, trial->members[i], vector);
		HvChoose(chooser, vector, 0, 0, &trial->choices[i]);
		copies += trial->choices[i].count;
	}
	trial->copies = (double) copies / trial->count;
}

/* Takes n of the sample, evenly spread: it is in the order of the table. */
static void
take_members(Trial *trial, HvSample *sample, int n)
{
	trial->sample = sample;
	trial->count = n;
	trial->members = palloc(n * sizeof(int));
	for (int i = 0; i < n; i++)
		trial->members[i] = (int) ((int64) i * sample->vectors.count / n);
	memcpy(sample->members, trial->members, n * sizeof(int));
}

/* The work of queries with spill, as a part of that without. */
static double
try_queries(Trial *trial, HvBuild *build)
{
	int			queries = Min(TRIAL_QUERIES, trial->count);

	copy_centroids(trial, &build->layout);
	trial->order = palloc(trial->count * sizeof(HvKeyed));
	trial->rank_of_leaf = palloc(trial->tree->nleaves * sizeof(int));
	for (int i = 0; i < 2; i++)
		trial->ranks[i] = palloc(queries * TRIAL_NEIGHBOURS * sizeof(int));
	for (int i = 0; i < queries; i++)
	{
		CHECK_FOR_INTERRUPTS();
		try_query(trial, (int) ((int64) i * trial->count / queries));
		HvProgressCount(build->progress, HV_PROGRESS_TUPLES, trial->count / queries);
	}
	return trial->copies * percentile_95(trial->ranks[1], trial->nranks) /
		percentile_95(trial->ranks[0], trial->nranks);
}

bool
HvSpillPays(HvBuild *build, HvSample *sample)
{
	const HvLayout *layout = &build->layout;
	MemoryContext scratch;
	MemoryContext old;
	Trial		trial = {0};
	int			rows = Min(sample->vectors.count, TRIAL_VECTORS);
	int			leaves = rows / (int) Max(2, TRIAL_FILL * layout->leaf_capacity);
	double		gain;

	if (leaves < 8)
		return false;			/* every query reads most of so small a tree */
	scratch = AllocSetContextCreate(CurrentMemoryContext, "hvtree spill trial",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	take_members(&trial, sample, rows);
	/* then placed, and compared with queries */
	HvProgressBegin(build->progress, HV_PHASE_SPILL, HvRefineBeginWork(build, rows, leaves) +
					HvRefineTreeWork(rows) + 2 * (int64) rows, 0);
	trial.tree = HvRefineBegin(build, sample, rows, leaves);
	HvRefineTree(build, sample, rows, trial.tree);
	place_all(&trial, build);
	gain = try_queries(&trial, build);
	elog(DEBUG1, "hvtree spill trial: %d leaves, %.2f copies a row, work with spill %.2f of that without",
		 trial.tree->nleaves, trial.copies, gain);
	HvClusterFree(build, trial.tree);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	for (int i = 0; i < sample->vectors.count; i++)
		sample->members[i] = i;
	return gain < LEAST_GAIN;
}
