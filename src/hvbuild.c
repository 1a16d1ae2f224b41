/*-------------------------------------------------------------------------
 *
 * hvbuild.c
 *	  Building an index from a table.
 *
 * NOTES
 *	  The table is read twice (and looked into once before, for its mean):
 *
 *	  survey	the dimension, the mean, about how many rows
 *	  sample	a reservoir of rows in the tree space, a byte a dimension
 *	  cluster	hierarchical k-means over the sample: a tree of page images
 *	  assign	each row is placed by descending that tree, just as an insert
 *				does it, and goes to a sort by leaf
 *	  write		the sorted rows become leaf pages, in the order of the tree;
 *				leaves with too many rows are divided; then their parents
 *	  log		the whole index goes to WAL
 *	  calibrate	how far scans of it must look
 *
 *	  Memory: sample and cluster tree share maintenance_work_mem; then the
 *	  sample is freed and what the tree leaves is the sort's.  Too little
 *	  memory makes a coarser tree, whose leaves are divided by their
 *	  own rows when they are written.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvbuild.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "hvbuild.h"
#include "hvbuildstate.h"
#include "hvcalibrate.h"
#include "hvcluster.h"
#include "hvcompat.h"
#include "hvdebug.h"
#include "hvgroup.h"
#include "hvleaf.h"
#include "hvplace.h"
#include "hvsample.h"
#include "hvspill.h"
#include "hvwriter.h"

/*
 * Leaves are planned to be so full, and rows go elsewhere from the second mark on.
 * About two thirds is what comes of it: clusters are uneven, and those that are
 * overfull all the same are divided.
 */
#define LEAF_FILL			0.9
#define LEAF_LIMIT			0.95

/* what spilling makes of one row, measured on text embeddings: 1.8 to 1.9 */
#define COPIES_EXPECTED		1.85

/* with fewer sampled rows a leaf, clusters follow noise: better fewer leaves */
#define LEAST_ROWS_A_LEAF	8

/* shares of maintenance_work_mem while clustering */
#define SAMPLE_SHARE		0.6
#define TREE_SHARE			0.3

/* of it for tree and sort; the rest is for leaves that must be divided */
#define SORT_SHARE			0.75

/* the sort gets at least this much, whatever the tree takes */
#define LEAST_SORT_KB		1024

static const char *const phase_names[] = {
	[HV_PHASE_SURVEY] = "surveying table",
	[HV_PHASE_SAMPLE] = "sampling table",
	[HV_PHASE_CLUSTER] = "clustering sample",
	[HV_PHASE_ASSIGN] = "assigning rows to leaves",
	[HV_PHASE_SORT] = "sorting rows by leaf",
	[HV_PHASE_WRITE] = "writing pages",
	[HV_PHASE_LOG] = "logging index",
	[HV_PHASE_CALIBRATE] = "calibrating",
};

char *
hvbuildphasename(int64 phase)
{
	if (phase == PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE)
		return "initializing";
	if (phase < HV_PHASE_SURVEY || phase > HV_PHASE_CALIBRATE)
		return NULL;
	return (char *) phase_names[phase];
}

static void
report_phase(int phase, int64 total)
{
	const int	params[] = {
		PROGRESS_CREATEIDX_SUBPHASE,
		PROGRESS_CREATEIDX_TUPLES_TOTAL,
		PROGRESS_CREATEIDX_TUPLES_DONE
	};
	const int64 values[] = {phase, total, 0};

	pgstat_progress_update_multi_param(lengthof(params), params, values);
	elog(DEBUG1, "hvtree build: %s", phase_names[phase]);
}

/* Setup ------------------------------------------------------------------- */

/* The metapage of an index that has no dimension yet. */
static void
init_meta(Relation index, HvMetaData *meta, const HvBuildOptions *options)
{
	memset(meta, 0, sizeof(HvMetaData));
	meta->magic = HV_MAGIC;
	meta->version = HV_FORMAT_VERSION;
	meta->metric = HvTypeInfoFor(index)->metric;
	meta->seed = UINT64CONST(0x68767472656531);
	meta->mean_block = InvalidBlockNumber;
	meta->centroid_block = InvalidBlockNumber;
	meta->spill = options->spill > 0;
}

/* Takes over what the survey found; from here on rows can be projected. */
static void
init_space(HvBuild *build, const HvSurvey *survey)
{
	HvMetric	metric = build->type->metric;
	int			rotate_dims = HvSpaceRotateDims(metric, survey->dim);
	HvRotation *rotation = MemoryContextAlloc(build->context, HvRotationSize(rotate_dims));

	HvMetaShape(&build->meta, survey->dim, &build->options);
	HvMetaLayout(&build->meta, &build->layout);
	HvRotationInit(rotation, rotate_dims, build->meta.seed);
	build->meta.max_norm = survey->max_norm;
	build->meta.encoding = 1;	/* codes about the mean that follows */
	HvSpaceInit(&build->space, metric, survey->dim, survey->max_norm, survey->mean, rotation);
	build->estimated_rows = survey->rows;
}

static HvBuild *
begin_build(Relation heap, Relation index, IndexInfo *info)
{
	HvBuild    *build = palloc0(sizeof(HvBuild));

	build->heap = heap;
	build->index = index;
	build->info = info;
	build->type = HvTypeInfoFor(index);
	build->budget = (Size) maintenance_work_mem * 1024;
	build->context = CurrentMemoryContext;
	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "hvtree build row",
											   ALLOCSET_DEFAULT_SIZES);
	HvOptionsForBuild(index, &build->options);
	init_meta(index, &build->meta, &build->options);
	return build;
}

/* Sample and cluster -------------------------------------------------------- */

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
	double		fits = SAMPLE_SHARE * build->budget /
		(build->layout.code_bits + sizeof(HvByteFactors));

	return (int) Max(1, Min(Min(wanted, fits), 1e8));
}

static void
allocate_vectors(const HvBuild *build, HvVectors *vectors, MemoryContext context)
{
	memset(vectors, 0, sizeof(HvVectors));
	vectors->dims = build->layout.code_bits;
	vectors->capacity = sample_size(build);
	vectors->values = MemoryContextAllocHuge(context,
											 (Size) vectors->capacity * vectors->dims);
	vectors->factors = MemoryContextAllocHuge(context, vectors->capacity *
											  sizeof(HvByteFactors));
}

/* Leaves that sample and memory allow; says so if they are much fewer than wanted. */
static int
affordable_leaves(const HvBuild *build, const HvVectors *vectors, int wanted)
{
	double		by_memory = TREE_SHARE * build->budget /
		(build->layout.slot_size + build->layout.code_bytes + build->layout.inner_entry_size);
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

static void
report_leaves(void *arg, int done)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

/* Samples the table and clusters the sample; NULL where one leaf is enough. */
static HvClusterTree *
cluster_sample(HvBuild *build)
{
	MemoryContext scratch = AllocSetContextCreate(build->context, "hvtree build sample",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	HvClusterTree *tree = NULL;
	HvClusterParams params = {0};
	HvVectors	vectors;

	report_phase(HV_PHASE_SAMPLE, (int64) build->estimated_rows);
	allocate_vectors(build, &vectors, scratch);
	HvSampleVectors(build, &vectors);
	HV_DEBUG_POINT("build-sampled");
	report_phase(HV_PHASE_CLUSTER, 0);
	if (build->options.spill < 0)
		build->meta.spill = HvSpillPays(build, &vectors);
	params.leaves = affordable_leaves(build, &vectors,
									  wanted_leaves(build, build->meta.spill ?
													COPIES_EXPECTED : 1.0));
	params.iterations = build->options.kmeans_iterations > 0 ?
		Min(build->options.kmeans_iterations, 1000) : HV_DEFAULT_KMEANS_ITERATIONS;
	params.seed = build->meta.seed;
	params.progress = report_leaves;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, params.leaves);
	if (params.leaves > 1)
		tree = HvClusterBuild(&vectors, &build->layout, &params, build->context);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return tree;
}

/* Assign and sort ----------------------------------------------------------- */

/* the sort's columns: leaf, row pointer, leaf entry with code */
#define SORT_LEAF	1
#define SORT_ROW	2
#define SORT_TUPLE	3

typedef struct Assignment
{
	HvBuild    *build;
	HvPlacer   *placer;			/* NULL: all rows go to leaf 0 */
	int		   *counts;			/* tuples of each leaf so far */
	Tuplesortstate *sort;
	TupleTableSlot *put_slot;
	TupleTableSlot *get_slot;
	float	   *projected;
	bytea	   *tuple;			/* leaf entry, then code */
	int64		rows;			/* without copies */
	int64		copies;
} Assignment;

static TupleDesc
sort_columns(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(3);

	TupleDescInitEntry(desc, SORT_LEAF, "leaf", INT4OID, -1, 0);
	TupleDescInitEntry(desc, SORT_ROW, "row", INT8OID, -1, 0);
	TupleDescInitEntry(desc, SORT_TUPLE, "tuple", BYTEAOID, -1, 0);
	return desc;
}

/* Has a leaf got as many tuples as its page should have?  For the placer. */
static bool
leaf_is_full(void *arg, BlockNumber leaf)
{
	const Assignment *assignment = arg;

	return assignment->counts[leaf] >=
		(int) (LEAF_LIMIT * assignment->build->layout.leaf_capacity);
}

static void
begin_assignment(Assignment *assignment, HvBuild *build, HvClusterTree *tree)
{
	const HvLayout *layout = &build->layout;
	TupleDesc	desc = sort_columns();
	AttrNumber	columns[] = {SORT_LEAF, SORT_ROW};
	Oid			operators[] = {Int4LessOperator, Int8LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};
	int			tree_kb = tree ? (int) (tree->images.bytes / 1024) : 0;
	Size		tuple_size = VARHDRSZ + layout->leaf_entry_size + layout->code_bytes;

	memset(assignment, 0, sizeof(Assignment));
	assignment->build = build;
	assignment->sort = tuplesort_begin_heap(desc, lengthof(columns), columns, operators,
											collations, nulls_first,
											Max((int) (SORT_SHARE * maintenance_work_mem) - tree_kb,
												LEAST_SORT_KB),
											NULL, TUPLESORT_NONE);
	assignment->put_slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	assignment->get_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	assignment->projected = palloc(build->space.rotate_dims * sizeof(float));
	assignment->tuple = palloc0(tuple_size);
	SET_VARSIZE(assignment->tuple, tuple_size);
	if (tree)
	{
		assignment->placer = palloc0(sizeof(HvPlacer));
		HvPlacerInit(assignment->placer, &tree->images.source, layout,
					 build->meta.spill != 0, build->context);
		assignment->placer->is_full = leaf_is_full;
		assignment->placer->is_full_arg = assignment;
		assignment->counts = MemoryContextAllocExtended(build->context,
														tree->nleaves * sizeof(int),
														MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	}
}

/* Sends one copy of a row to the sort. */
static void
put_copy(Assignment *assignment, HvLeafEntryData *entry, int leaf, uint8 flags)
{
	TupleTableSlot *slot = assignment->put_slot;
	uint64		row = HvRowPack(&entry->tid);

	entry->flags = flags;
	ExecClearTuple(slot);
	slot->tts_values[SORT_LEAF - 1] = Int32GetDatum(leaf);
	slot->tts_values[SORT_ROW - 1] = Int64GetDatum((int64) row);
	slot->tts_values[SORT_TUPLE - 1] = PointerGetDatum(assignment->tuple);
	memset(slot->tts_isnull, 0, 3 * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(assignment->sort, slot);
	assignment->copies++;
}

/* Callback of the table scan: places one row. */
static void
assign_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive,
		   void *state)
{
	Assignment *assignment = state;
	HvBuild    *build = assignment->build;
	HvLeafEntryData *entry = (HvLeafEntryData *) VARDATA(assignment->tuple);
	HvPlacement placement = {1, {0}};
	HvVectorView view;
	MemoryContext old;

	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(build->row_context);
	build->type->open(values[0], &view);
	HvTypeCheckDim(&view, build->meta.dim);
	HvSpaceProject(&build->space, view.values, assignment->projected);
	HvCodeEncode(assignment->projected, build->layout.code_bits,
				 (uint8 *) entry + build->layout.leaf_entry_size, &entry->factors);
	entry->tid = *tid;
	entry->length_class = HvSpaceLengthClass(&build->space, view.values);
	if (assignment->placer)
	{
		HvPlace(assignment->placer, assignment->projected, 0, 0, &placement);
		if (placement.count == 0)
			elog(ERROR, "hvtree build found no leaf for a row");
	}
	for (int i = 0; i < placement.count; i++)
	{
		if (assignment->counts)
			assignment->counts[placement.leaves[i]]++;
		put_copy(assignment, entry, (int) placement.leaves[i], i == 0 ? 0 : HV_ENTRY_SPILLED);
	}
	assignment->rows++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
}

/* Write ----------------------------------------------------------------------- */

/* The leaf changes: write its rows, and the parents that are complete by now. */
static void
end_leaf(HvGroup *group, HvClusterTree *tree, int leaf, int next_leaf)
{
	HvGroupFlush(group);
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
write_tree(HvBuild *build, Assignment *assignment, HvClusterTree *tree)
{
	TupleTableSlot *slot = assignment->get_slot;
	HvWriter   *writer = HvWriterBegin(build);
	float	   *centroid = palloc(build->layout.code_bits * sizeof(float));
	SnapshotData snapshot;
	HvHeap	   *heap;
	HvGroup		group;
	int			leaf = -1;
	int64		done = 0;

	/* all rows but those that VACUUM may remove, with their TOAST, any moment */
	InitNonVacuumableSnapshot(snapshot, GlobalVisTestFor(build->heap));
	heap = HvHeapBegin(build->heap, build->index, &snapshot, build->context);
	HvGroupInit(&group, build, writer, heap);
	while (tuplesort_gettupleslot(assignment->sort, true, false, slot, NULL))
	{
		bool		isnull;
		int			next_leaf = DatumGetInt32(slot_getattr(slot, SORT_LEAF, &isnull));
		bytea	   *tuple = DatumGetByteaPP(slot_getattr(slot, SORT_TUPLE, &isnull));

		CHECK_FOR_INTERRUPTS();
		if (next_leaf != leaf)
		{
			if (leaf >= 0)
				end_leaf(&group, tree, leaf, next_leaf);
			if (tree)
			{
				HvClusterLeafCentroid(tree, next_leaf, centroid);
				group.centroid = centroid;
			}
			leaf = next_leaf;
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
		}
		HvGroupAdd(&group, VARDATA_ANY(tuple));
		done++;
	}
	if (leaf >= 0)
		end_leaf(&group, tree, leaf, -1);
	HvHeapEnd(heap);
	build->meta.rows = assignment->rows;
	build->meta.tuples = assignment->copies;
	HvWriterFinish(writer, tree ? tree->height : 1);
}

/* Build ----------------------------------------------------------------------- */

/* An index without a row: a metapage and an empty root. */
static void
write_empty(Relation index, ForkNumber fork)
{
	HvBuildOptions options;
	HvMetaData	meta;
	PGAlignedBlock image;

	HvOptionsForBuild(index, &options);
	init_meta(index, &meta, &options);
	HvMetaPageInit((Page) image.data, &meta);
	(void) HvStoreBuildAppend(index, fork, (Page) image.data);
	HvPageInitKind((Page) image.data, HV_PAGE_LEAF, 0, 0);
	(void) HvStoreBuildAppend(index, fork, (Page) image.data);
}

void
hvbuildempty(Relation index)
{
	write_empty(index, INIT_FORKNUM);
	HvStoreBuildLog(index, INIT_FORKNUM);
}

/* Samples, clusters, assigns and writes a table that has rows. */
static void
build_tree(HvBuild *build, Assignment *assignment)
{
	HvClusterTree *tree = cluster_sample(build);

	HV_DEBUG_POINT("build-clustered");
	report_phase(HV_PHASE_ASSIGN, (int64) build->estimated_rows);
	begin_assignment(assignment, build, tree);
	(void) table_index_build_scan(build->heap, build->index, build->info, false, true,
								  assign_row, assignment, NULL);
	report_phase(HV_PHASE_SORT, assignment->copies);
	tuplesort_performsort(assignment->sort);
	report_phase(HV_PHASE_WRITE, assignment->copies);
	write_tree(build, assignment, tree);
	tuplesort_end(assignment->sort);
	ExecDropSingleTupleTableSlot(assignment->get_slot);
	ExecDropSingleTupleTableSlot(assignment->put_slot);
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
	Assignment	assignment = {0};

	if (HvStoreBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	build = begin_build(heap, index, info);
	report_phase(HV_PHASE_SURVEY, 0);
	HvSampleSurvey(build, &survey);
	if (survey.dim == 0)
		write_empty(index, MAIN_FORKNUM);
	else
	{
		init_space(build, &survey);
		build_tree(build, &assignment);
	}
	HV_DEBUG_POINT("build-written");
	report_phase(HV_PHASE_LOG, 0);
	HvStoreBuildLog(index, MAIN_FORKNUM);
	report_phase(HV_PHASE_CALIBRATE, 0);
	HvCalibrate(heap, index);

	MemoryContextSwitchTo(old);
	result->heap_tuples = assignment.rows;
	result->index_tuples = assignment.rows;
	MemoryContextDelete(context);
	return result;
}
