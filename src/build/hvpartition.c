/*-------------------------------------------------------------------------
 *
 * hvpartition.c
 *	  Partitioning a sample into the leaves of a tree, by hierarchical k-means.
 *
 * NOTES
 *	  From the root downwards, level by level: the members of a node are
 *	  clustered into as many children as the leaves below it need, and each
 *	  child gets its share of those leaves by its number of members.
 *
 *	  Upper nodes have few clusters and very many members; there the centroids
 *	  are found on a part of the members and all of them are then assigned
 *	  once.
 *
 *	  The nodes of a level are independent of each other: each participant takes
 *	  one at a time.  While there are too few of them, the assignment of all
 *	  members is shared instead.  Neither changes the result.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvpartition.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "build/hvbuildparallel.h"
#include "build/hvpartition.h"
#include "build/hvsample.h"

/* how full inner pages are made, so that they can take splits later */
#define INNER_FILL			0.7

/*
 * members a cluster that centroids are found on; 64 is where quality levels
 * off
 */
#define TRAINING_MEMBERS	256

/* sizes of leaf clusters, in units of the usual one, that are changed */
#define LARGE_CLUSTER		1.4
#define SMALL_CLUSTER		0.4
#define EVEN_ROUNDS			2

/* members that a participant assigns at a time */
#define NEAREST_CHUNK		1024

/* of them that meet all centroids in one kernel call, see hvkmeans.c */
#define BLOCK_MEMBERS		8

/* a job, for one participant */
typedef struct Division
{
	HvBuild    *build;
	const HvJob *job;
	HvSample	sample;
	bool		together;		/* others help to assign the members */
} Division;

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

double
HvPartitionFanout(const HvLayout *layout)
{
	return Max(2.0, INNER_FILL * layout->inner_capacity);
}

/* The most leaves below a node of a level if pages are filled as planned. */
static double
planned_leaves(const HvLayout *layout, int level)
{
	return pow(HvPartitionFanout(layout), level);
}

int
HvPartitionHeight(const HvLayout *layout, int leaves)
{
	int			height = 1;

	while (planned_leaves(layout, height) < leaves)
		height++;
	Assert(height <= HV_MAX_LEVEL);
	return height;
}

/* Nearest centroid for each member, given |c|^2 of the centroids. */
static void
assign_all(const HvVectors *vectors, const int *members, int n, const float *centroids,
		   int k, int *assignment)
{
	int			dims = vectors->dims;
	float	   *block = palloc(BLOCK_MEMBERS * dims * sizeof(float));
	float	   *products = palloc(BLOCK_MEMBERS * k * sizeof(float));
	float	   *norms = palloc(k * sizeof(float));

	Assert(k > 0);
	for (int c = 0; c < k; c++)
		norms[c] = HvKernel->inner_product(centroids + (Size) c * dims,
										   centroids + (Size) c * dims, dims);
	for (int start = 0; start < n; start += BLOCK_MEMBERS)
	{
		int			here = Min(BLOCK_MEMBERS, n - start);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < here; i++)
			HvVectorsGet(vectors, members[start + i], block + (Size) i * dims);
		HvKernel->inner_product_tile(block, here, centroids, k, dims, products);
		for (int i = 0; i < here; i++)
		{
			const float *product = products + (Size) i * k;
			int			best = 0;

			for (int c = 1; c < k; c++)
			{
				if (norms[c] - 2 * product[c] < norms[best] - 2 * product[best])
					best = c;
			}
			assignment[start + i] = best;
		}
	}
	pfree(block);
	pfree(products);
	pfree(norms);
}

/*
 * Clusters members into up to k groups; assignment and centroids are the
 * result (where all work on it together, the centroids only).
 */
static int
cluster_members(Division *division, const int *members, int n, int k,
				int *assignment, float *centroids)
{
	const HvVectors *vectors = &division->sample.vectors;
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
	params.iterations = division->job->iterations;
	params.seed = division->build->meta.seed + members[0];
	params.rule = division->build->centroid_rule;
	params.rule.trim = false;	/* the means of leaves are trimmed later */
	params.check = check_interrupts;
	made = HvKmeans(vectors, subset, training, &params, scratch, &clusters);
	if (training < n && !division->together)
		assign_all(vectors, members, n, centroids, made, assignment);
	pfree(subset);
	pfree(clusters.counts);
	pfree(scratch);
	return made;
}

/* The centroids of the clusters; an empty one keeps its own. */
static void
recompute_centroids(Division *division, const int *members, int n, const int *assignment,
					float *centroids, int k)
{
	const HvVectors *vectors = &division->sample.vectors;
	int			dims = vectors->dims;
	float	   *restrict vector = palloc(dims * sizeof(float));
	int		   *counts = palloc0(k * sizeof(int));

	for (int i = 0; i < n; i++)
	{
		float	   *restrict centroid = centroids + (Size) assignment[i] * dims;
		float		share = 1.0f / ++counts[assignment[i]];

		HvVectorsGet(vectors, members[i], vector);
		for (int j = 0; j < dims; j++)
			centroid[j] += (vector[j] - centroid[j]) * share;
	}
	for (int c = 0; c < k; c++)
		HvCentroidOfMean(&division->build->centroid_rule, centroids + (Size) c * dims, dims);
	pfree(vector);
	pfree(counts);
}

/*
 * Clusters the members of one cluster again; returns how many centroids it
 * wrote.
 */
static int
divide_cluster(Division *division, const int *members, int n, const int *assignment,
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
	made = cluster_members(division, own, count, Min(pieces, count), own_assignment,
						   centroids);
	pfree(own);
	pfree(own_assignment);
	return made;
}

/*
 * Makes clusters more alike in size: those that would overfill a leaf are
 * divided, those of a few members dissolved.  centroids has room for
 * inner_capacity of them, usual is the size aimed at; returns their number.
 * Plain k-means leaves a third of the clusters overfull and a tenth almost
 * empty (fashion-mnist-784), and leaves divided only when they are written are
 * half empty.
 */
static int
even_out(Division *division, const int *members, int n, double usual, int k,
		 int *assignment, float *centroids)
{
	const HvVectors *vectors = &division->sample.vectors;
	int			dims = vectors->dims;
	int			room = division->build->layout.inner_capacity;
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

		/* there must be a place for every cluster that follows */
		pieces = Min(Max(pieces, counts[c] > LARGE_CLUSTER * usual ? 2 : 1), room - made - (k - c - 1));
		if (counts[c] < SMALL_CLUSTER * usual && k > 1)
			continue;
		if (pieces > 1)
			made += divide_cluster(division, members, n, assignment, c, pieces, to);
		else
		{
			memcpy(to, old + (Size) c * dims, dims * sizeof(float));
			made++;
		}
	}
	Assert(made > 0 && made <= room);
	pfree(old);
	pfree(counts);
	assign_all(vectors, members, n, centroids, made, assignment);
	recompute_centroids(division, members, n, assignment, centroids, made);
	return made;
}

/* Puts members in the order of their clusters, and marks where each begins. */
static void
group_members(const HvSample *sample, int start, int n, const int *assignment, int k)
{
	int		   *members = sample->members + start;
	int		   *sorted = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(int));
	int		   *at = palloc0((k + 1) * sizeof(int));

	for (int i = 0; i < n; i++)
		at[assignment[i] + 1]++;
	for (int c = 0; c < k; c++)
	{
		/* nothing may have come near a centroid in the end */
		if (at[c + 1] > 0)
			sample->cuts[start + at[c]] = 1;
		at[c + 1] += at[c];
	}
	for (int i = 0; i < n; i++)
		sorted[at[assignment[i]]++] = members[i];
	memcpy(members, sorted, n * sizeof(int));
	pfree(sorted);
	pfree(at);
}

/* How many children a node of a level gets that has so many leaves below it. */
static int
count_children(const HvLayout *layout, int level, const HvSpan *span)
{
	double		wanted = level == 1 ? span->leaves :
		ceil(span->leaves / planned_leaves(layout, level - 1));

	wanted = Min(wanted, layout->inner_capacity);
	return (int) Max(1, Min(wanted, span->count));
}

/* Divides a node alone. */
static void
divide_node(Division *division, const HvSpan *span)
{
	const HvLayout *layout = &division->build->layout;
	int		   *members = division->sample.members + span->start;
	int			n = span->count;
	int			k = count_children(layout, division->job->level, span);
	double		usual = (double) n / k;
	int		   *assignment = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(int));
	float	   *centroids = MemoryContextAllocHuge(CurrentMemoryContext, (Size) layout->inner_capacity *
												   layout->code_bits * sizeof(float));

	k = cluster_members(division, members, n, k, assignment, centroids);
	HvProgressCount(division->build->progress, HV_PROGRESS_TUPLES, n);
	for (int round = 0; division->job->level == 1 && round < EVEN_ROUNDS; round++)
	{
		k = even_out(division, members, n, usual, k, assignment, centroids);
		HvProgressCount(division->build->progress, HV_PROGRESS_TUPLES, n);
	}
	group_members(&division->sample, span->start, n, assignment, k);
	pfree(assignment);
	pfree(centroids);
}

void
HvPartitionDivideWork(HvBuild *build, const HvJob *job)
{
	Division	division = {.build = build, .job = job};
	int			i;

	HvSampleMap(build, &division.sample);
	while ((i = HvCrewNext(build->crew, job)) >= 0)
		divide_node(&division, &division.sample.spans[i]);
}

void
HvPartitionNearestWork(HvBuild *build, const HvJob *job)
{
	HvSample	sample;
	int			i;

	HvSampleMap(build, &sample);
	while ((i = HvCrewNext(build->crew, job)) >= 0)
	{
		int			start = job->start + i * NEAREST_CHUNK;
		int			n = Min(NEAREST_CHUNK, job->start + job->count - start);

		assign_all(&sample.vectors, sample.members + start, n, sample.centroids, job->k,
				   sample.leaves + start);
		HvProgressCount(build->progress, HV_PROGRESS_TUPLES, n);
	}
}

/* Divides a node of an upper level with the help of all. */
static void
divide_together(Division *division, const HvSpan *span)
{
	HvSample   *sample = &division->sample;
	HvJob		job = {.kind = HV_JOB_NEAREST};
	int			k = count_children(&division->build->layout, division->job->level, span);

	division->together = true;
	k = cluster_members(division, sample->members + span->start, span->count, k,
						sample->leaves + span->start, sample->centroids);
	if (span->count > k * TRAINING_MEMBERS)
	{
		job.items = (span->count + NEAREST_CHUNK - 1) / NEAREST_CHUNK;
		job.start = span->start;
		job.count = span->count;
		job.k = k;
		HvCrewRun(division->build->crew, &job);
	}
	else
		HvProgressCount(division->build->progress, HV_PROGRESS_TUPLES, span->count);
	group_members(sample, span->start, span->count, sample->leaves + span->start, k);
}

/* The children of the nodes of a level, as the cuts say, become the nodes. */
static int
make_spans(HvSample *sample, int nspans)
{
	HvSpan	   *parents = palloc(nspans * sizeof(HvSpan));
	int			made = 0;

	memcpy(parents, sample->spans, nspans * sizeof(HvSpan));
	for (int i = 0; i < nspans; i++)
	{
		const HvSpan *parent = &parents[i];
		int			end = parent->start + parent->count;

		for (int start = parent->start, next; start < end; start = next)
		{
			HvSpan	   *span;

			for (next = start + 1; next < end && !sample->cuts[next];)
				next++;
			if (made == sample->span_capacity)
				elog(ERROR, "hvtree build has more inner pages than it has room for");
			span = &sample->spans[made++];
			span->start = start;
			span->count = next - start;
			span->leaves = (int) Max(1, rint((double) parent->leaves * span->count / parent->count));
		}
	}
	pfree(parents);
	return made;
}

/* Notes where leaves start; returns how many there are. */
static int
make_starts(HvSample *sample, int n)
{
	int			nleaves = 0;

	for (int i = 0; i < n; i++)
	{
		if (sample->cuts[i])
			sample->starts[nleaves++] = i;
	}
	Assert(nleaves > 0 && sample->starts[0] == 0);	/* no leaf is empty */
	sample->starts[nleaves] = n;
	return nleaves;
}

int64
HvPartitionWork(const HvLayout *layout, int n, int leaves)
{
	return (int64) n * (HvPartitionHeight(layout, leaves) + EVEN_ROUNDS);
}

int
HvPartition(HvBuild *build, HvSample *sample, int n, int leaves, int iterations)
{
	int			nspans = 1;
	int			height = HvPartitionHeight(&build->layout, leaves);

	Assert(n > 0 && n <= sample->vectors.count && leaves >= 2);
	sample->spans[0].start = 0;
	sample->spans[0].count = n;
	sample->spans[0].leaves = leaves;
	for (int level = height; level >= 1; level--)
	{
		HvJob		job = {.kind = HV_JOB_DIVIDE};
		Division	division = {.build = build, .job = &job, .sample = *sample};

		memset(sample->cuts, 0, n);
		job.items = nspans;
		job.level = level;
		job.iterations = iterations;
		if (level > 1 && nspans < 2 * HvCrewSize(build->crew))
		{
			for (int i = 0; i < nspans; i++)
				divide_together(&division, &sample->spans[i]);
		}
		else
			HvCrewRun(build->crew, &job);
		if (level > 1)
			nspans = make_spans(sample, nspans);
	}
	return make_starts(sample, n);
}
