/*-------------------------------------------------------------------------
 *
 * hvbuild.c
 *	  Building an index from a table.
 *
 * NOTES
 *	  The table is read twice at most, after a survey of a few blocks:
 *
 *	  survey	the dimension, the mean, about how many rows
 *	  sample	a part of the rows in the tree space, a byte a dimension
 *	  cluster	hierarchical k-means over the sample: a tree of page images
 *	  assign	each row is placed by descending that tree, just as an insert
 *				does it, and goes to a sort by leaf
 *	  write		the sorted rows become leaf pages, in the order of the tree;
 *				leaves with too many rows are divided; then their parents
 *	  log		the whole index goes to WAL
 *	  calibrate	how far scans of it must look
 *
 *	  Parallel workers take part in sampling, clustering and assigning
 *	  (hvbuildparallel.h); the rest is the leader's.
 *
 *	  Memory: sample and cluster tree share maintenance_work_mem; then the
 *	  sample is freed, unless there is room for it beside the sort, and the sort
 *	  gets what the tree leaves.  Workers share sample and tree, and get a share
 *	  of the sort's memory each.  Too little memory makes a coarser tree, whose
 *	  leaves are divided by their own rows when they are written.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvbuild.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "build/hvassign.h"
#include "build/hvbuild.h"
#include "build/hvbuildparallel.h"
#include "build/hvbuildstate.h"
#include "build/hvcluster.h"
#include "build/hvleafgroup.h"
#include "build/hvleafmeans.h"
#include "build/hvpartition.h"
#include "build/hvrefine.h"
#include "build/hvsample.h"
#include "build/hvspill.h"
#include "build/hvwriter.h"
#include "maintain/hvcalibrate.h"
#include "page/hvcompat.h"
#include "storage/hvdebug.h"

/* leaves are planned to be so full; see LEAF_LIMIT of hvassign.c */
#define LEAF_FILL			0.9

/* what spilling makes of one row, measured on text embeddings: 1.8 to 1.9 */
#define COPIES_EXPECTED		1.85

/* with fewer sampled rows a leaf, clusters follow noise: better fewer leaves */
#define LEAST_ROWS_A_LEAF	8

/* shares of maintenance_work_mem while clustering */
#define SAMPLE_SHARE		0.6
#define TREE_SHARE			0.3

/* tuples and blocks between two progress reports */
#define ROWS_A_REPORT		64
#define BLOCKS_A_REPORT		256

/* Setup ------------------------------------------------------------------- */

/* Stores what the survey found. */
static void
accept_survey(HvBuild *build, const HvSurvey *survey)
{
	HvMetaShape(&build->meta, survey->dim, &build->options);
	build->meta.unit = survey->lengths.unit;
	build->meta.max_norm = survey->lengths.max_norm;
	build->meta.mean_version = 1;	/* codes about the mean that follows */
	build->estimated_rows = survey->rows;
	HvBuildInitSpace(build, survey->mean);
}

/* Sample and cluster ------------------------------------------------------ */

/* Leaves of the finished index with so many copies of each row. */
static int
wanted_leaves(const HvBuild *build, double copies)
{
	double		leaves = ceil(build->estimated_rows * copies /
							  (LEAF_FILL * build->layout.leaf_capacity));

	return (int) Min(leaves, 1e8);
}

/* Rows to sample: enough for the leaves, within the budget. */
static int
sample_size(const HvBuild *build)
{
	double		factor = build->options.sample_factor > 0 ?
		build->options.sample_factor : HV_DEFAULT_SAMPLE_FACTOR;
	double		copies = build->options.spill == 0 ? 1.0 : COPIES_EXPECTED;
	double		wanted = Min(factor * wanted_leaves(build, copies),
							 1.1 * build->estimated_rows + 1000);
	double		fits = SAMPLE_SHARE * build->budget / HvSampleRowSize(&build->layout);

	return (int) Max(1, Min(Min(wanted, fits), 1e8));
}

/*
 * Leaves that sample and memory allow; says so if they are much fewer than
 * wanted.
 */
static int
affordable_leaves(const HvBuild *build, const HvVectors *vectors, int wanted)
{
	double		by_memory = TREE_SHARE * build->budget / HvClusterLeafSize(&build->layout);
	int			leaves = (int) Min(Min((double) wanted, by_memory),
								   (double) vectors->count / LEAST_ROWS_A_LEAF);

	if (leaves < wanted / 4 && vectors->count < build->estimated_rows / 2)
		ereport(NOTICE,
				(errmsg("hvtree clusters a sample of %d rows into %d groups where %d leaves are needed",
						vectors->count, leaves, wanted),
				 errdetail("The rows of each group are divided among its leaves when they are written."),
				 errhint("More maintenance_work_mem may make the index faster to search.")));
	return leaves;
}

/* Samples the table and clusters the sample; NULL where one leaf is enough. */
static HvClusterTree *
cluster_sample(HvBuild *build)
{
	HvClusterTree *tree = NULL;
	HvSample	sample;
	int			leaves;
	int			n;

	HvSampleTake(build, sample_size(build), &sample);
	HV_DEBUG_POINT("build-sampled");
	n = sample.vectors.count;
	if (build->options.spill < 0)
		build->meta.spill = HvSpillPays(build, &sample);
	leaves = affordable_leaves(build, &sample.vectors,
							   wanted_leaves(build, build->meta.spill ? COPIES_EXPECTED : 1.0));
	HvProgressBegin(build->progress, HV_PHASE_CLUSTER, HvRefineBeginWork(build, n, leaves), 0);
	if (leaves > 1)
	{
		tree = HvRefineBegin(build, &sample, n, leaves);
		HvProgressBegin(build->progress, HV_PHASE_REFINE, HvRefineTreeWork(n), 0);
		HvRefineTree(build, &sample, n, tree);
	}
	if (tree == NULL || !HvAssignKeepsSample(build, tree))
		HvRegionFree(build->crew, HV_REGION_SAMPLE);
	return tree;
}

/* Write ------------------------------------------------------------------- */

/*
 * The leaf changes: write its rows, and the parents that are complete by now.
 */
static void
end_leaf(HvLeafGroup *group, HvClusterTree *tree, int leaf, int next_leaf)
{
	Assert(next_leaf < 0 || next_leaf > leaf);
	HvLeafGroupFlush(group);
	for (int level = 1; tree && level < tree->height; level++)
	{
		if (next_leaf >= 0 && HvClusterAncestor(tree, leaf, level) ==
			HvClusterAncestor(tree, next_leaf, level))
			break;
		HvWriterClose(group->writer, level);
	}
}

/* Reads the sorted rows and writes the tree. */
static void
write_tree(HvBuild *build, HvAssigned *assigned, HvClusterTree *tree)
{
	HvWriter   *writer = HvWriterBegin(build);
	float	   *centroid = palloc(build->layout.code_bits * sizeof(float));
	SnapshotData snapshot;
	HvHeap	   *heap;
	HvLeafGroup group;
	HvLeafMeans sums;
	const void *tuple;
	int			leaf = -1;
	int			next_leaf;
	int			rows = 0;		/* since the last progress report */

	/* all rows but those that VACUUM may remove, with their TOAST */
	InitNonVacuumableSnapshot(snapshot, GlobalVisTestFor(build->heap));
	heap = HvHeapBegin(build->heap, build->index, &snapshot, build->context);
	HvLeafGroupInit(&group, build, writer, heap);
	(void) HvLeafMeansMap(build, &sums);
	while (HvAssignedNext(assigned, &next_leaf, &tuple))
	{
		CHECK_FOR_INTERRUPTS();
		if (next_leaf != leaf)
		{
			if (leaf >= 0)
				end_leaf(&group, tree, leaf, next_leaf);
			if (tree)
			{
				(void) HvLeafMeansMean(&sums, next_leaf, centroid);
				HvCentroidOfMean(&build->centroid_rule, centroid, build->layout.code_bits);
				group.centroid = centroid;
			}
			leaf = next_leaf;
		}
		if (++rows == ROWS_A_REPORT)
		{
			HvProgressCount(build->progress, HV_PROGRESS_TUPLES, rows);
			rows = 0;
		}
		HvLeafGroupAdd(&group, tuple);
	}
	if (leaf >= 0)
		end_leaf(&group, tree, leaf, -1);
	HvProgressCount(build->progress, HV_PROGRESS_TUPLES, rows);
	HvHeapEnd(heap);
	build->meta.rows = assigned->counts.rows;
	build->meta.tuples = assigned->counts.copies;
	HvWriterFinish(writer, tree ? tree->height : 1);
}

/* Build ------------------------------------------------------------------- */

/* An index without a row: a metapage and an empty root. */
static void
write_empty(Relation index, ForkNumber fork)
{
	HvBuildOptions options;
	HvMetaData	meta;
	PGAlignedBlock image;

	HvOptionsForBuild(index, &options);
	HvBuildInitMeta(index, &meta, &options);
	HvMetaPageInit((Page) image.data, &meta);
	(void) HvStoreBuildAppend(index, fork, (Page) image.data);
	HvPageInitKind((Page) image.data, HV_PAGE_LEAF, 0, 0);
	(void) HvStoreBuildAppend(index, fork, (Page) image.data);
}

void
hvbuildempty(Relation index)
{
	write_empty(index, INIT_FORKNUM);
	HvStoreBuildLog(index, INIT_FORKNUM, 0, HV_ROOT_BLOCK + 1);
}

/* Logs an index that is written. */
static void
log_index(HvBuild *build)
{
	BlockNumber nblocks = HvStoreBlocks(build->index);

	Assert(nblocks > HV_ROOT_BLOCK);	/* I1, I3 */
	HvProgressBegin(build->progress, HV_PHASE_LOG, 0, nblocks);
	for (BlockNumber block = 0; block < nblocks; block += BLOCKS_A_REPORT)
	{
		BlockNumber end = Min(block + BLOCKS_A_REPORT, nblocks);

		HvStoreBuildLog(build->index, MAIN_FORKNUM, block, end);
		HvProgressCount(build->progress, HV_PROGRESS_BLOCKS, end - block);
	}
}

/* the work of each kind of job */
static const HvJobWork job_work[HV_NJOBS] = {
	[HV_JOB_SAMPLE] = HvSampleWork,
	[HV_JOB_NEAREST] = HvPartitionNearestWork,
	[HV_JOB_DIVIDE] = HvPartitionDivideWork,
	[HV_JOB_MEANS] = HvRefineMeansWork,
	[HV_JOB_PLACE] = HvRefinePlaceWork,
	[HV_JOB_ASSIGN] = HvAssignWork
};

/* Samples, clusters, assigns and writes a table that has rows. */
static void
build_tree(HvBuild *build, HvAssigned *assigned)
{
	HvClusterTree *tree;

	HvCrewBegin(build, job_work, HvCrewWorkersWanted(build));
	tree = cluster_sample(build);
	HV_DEBUG_POINT("build-clustered");
	HvProgressBegin(build->progress, HV_PHASE_ASSIGN, (int64) ceil(build->estimated_rows), 0);
	HvAssignRows(build, tree, assigned);
	HV_DEBUG_POINT("build-assigned");
	HvProgressBegin(build->progress, HV_PHASE_SORT, assigned->counts.copies, 0);
	HvAssignSort(build, assigned);
	HvProgressCount(build->progress, HV_PROGRESS_TUPLES, assigned->counts.copies);
	HvProgressBegin(build->progress, HV_PHASE_WRITE, assigned->counts.copies, 0);
	write_tree(build, assigned, tree);
	HvAssignedEnd(assigned);
	HvRegionFree(build->crew, HV_REGION_SAMPLE);
	if (tree)
	{
		HvRegionFree(build->crew, HV_REGION_MEANS);
		HvClusterFree(build, tree);
	}
	HvCrewEnd(build->crew);
}

IndexBuildResult *
hvbuild(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree build",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HvBuild    *build;
	HvSurvey	survey;
	HvAssigned	assigned = {0};

	if (HvStoreBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	build = HvBuildBegin(heap, index, info);
	HvSampleSurvey(build, &survey);
	if (survey.dim == 0)
	{
		write_empty(index, MAIN_FORKNUM);
		assigned.counts.heap_rows = survey.heap_rows;
	}
	else
	{
		accept_survey(build, &survey);
		build_tree(build, &assigned);
	}
	HV_DEBUG_POINT("build-written");
	log_index(build);
	HvCalibrate(heap, index, build->progress);

	MemoryContextSwitchTo(old);
	result->heap_tuples = assigned.counts.heap_rows;
	result->index_tuples = assigned.counts.rows;
	MemoryContextDelete(context);
	return result;
}

void
hvbuild_parallel_main(dsm_segment *segment, shm_toc *toc)
{
	HvBuild    *build = HvCrewJoin(toc, segment, job_work);

	HvCrewDoJobs(build);
	HvCrewLeave(build);
}
