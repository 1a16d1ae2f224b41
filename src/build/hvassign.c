/*-------------------------------------------------------------------------
 *
 * hvassign.c
 *	  All rows of a table on their way to the leaves of its tree.
 *
 * NOTES
 *	  Every participant reads a part of the table, places each row by
 *	  descending the tree, just as an insert does, and sorts its tuples by
 *	  leaf; the leader merges.  The tuples of a leaf are counted for all
 *	  participants together: whether a row near a full leaf goes to the next
 *	  one depends on the order in which they place their rows.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvassign.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "build/hvassign.h"
#include "build/hvcluster.h"
#include "build/hvleafmeans.h"
#include "maintain/hvprogress.h"
#include "build/hvsample.h"
#include "page/hvcompat.h"
#include "page/hvpage.h"
#include "tree/hvchoose.h"

/*
 * Rows go to another leaf when one is so full.  That gives leaves that are
 * about two thirds full (planned as hvbuild.c does): clusters are uneven, and
 * those that are overfull all the same are divided.
 */
#define LEAF_LIMIT			0.95

/*
 * of maintenance_work_mem for tree and sort; the rest is for leaves to be
 * divided
 */
#define SORT_SHARE			0.75

/* a sort gets at least this much, whatever the tree takes */
#define LEAST_SORT_KB		1024

/* bytes that the sort needs for a tuple besides it */
#define SORT_OVERHEAD		96

/* rows between two progress reports */
#define ROWS_A_REPORT		256

/* the sort's columns: leaf, row pointer, leaf entry with code */
#define SORT_LEAF	1
#define SORT_ROW	2
#define SORT_TUPLE	3

typedef struct Assignment
{
	HvBuild    *build;
	HvChooser  *chooser;		/* NULL: all rows go to leaf 0 */
	HvClusterTree tree;			/* its counts are those of all participants */
	HvLeafMeans sums;			/* likewise */
	bool		kept;			/* the sample is still in memory: */
	HvSample	sample;
	int			next;			/* of it, see HvSampleFind */
	bool		begun;			/* a row has been seen */
	Tuplesortstate *sort;
	TupleTableSlot *slot;
	float	   *projected;
	bytea	   *tuple;			/* leaf entry, then code */
	HvAssignCounts counts;
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

/* Has a leaf got as many tuples as its page should have?  For the chooser. */
static bool
leaf_is_full(void *arg, BlockNumber leaf)
{
	const Assignment *assignment = arg;

	Assert(leaf < (BlockNumber) assignment->tree.nleaves);
	return pg_atomic_read_u32(&assignment->tree.counts[leaf]) >=
		(uint32) (LEAF_LIMIT * assignment->build->layout.leaf_capacity);
}

/*
 * kB of maintenance_work_mem that tree, sums and a sample that was kept leave
 * for sorts.
 */
static double
sort_budget(const HvBuild *build, const HvClusterTree *tree, Size kept)
{
	double		taken = kept;

	if (tree->nleaves > 0)
		taken += HvClusterSize(tree) + HvLeafMeansSize(&build->layout, tree->nleaves);
	return SORT_SHARE * maintenance_work_mem - taken / 1024;
}

/* The same for the sort of each participant. */
static int
sort_memory(const HvBuild *build, const HvClusterTree *tree)
{
	HvSample	sample;
	Size		kept = HvSampleKept(build, &sample) ?
		HvSampleSize(&build->layout, sample.vectors.capacity) : 0;

	return Max((int) (sort_budget(build, tree, kept) / HvCrewSize(build->crew)), LEAST_SORT_KB);
}

bool
HvAssignKeepsSample(const HvBuild *build, const HvClusterTree *tree)
{
	HvSample	sample;
	double		tuple_kb = (build->layout.leaf_entry_size + build->layout.code_bytes +
							SORT_OVERHEAD) / 1024.0;
	double		copies = build->estimated_rows * (build->meta.spill ? HV_MAX_COPIES : 1);

	/* the bytes of a sampled row are too coarse for a code that holds values */
	return !HvCodeHoldsValues(build->layout.code_bits) &&
		HvSampleKept(build, &sample) && !build->info->ii_Concurrent &&
		sort_budget(build, tree, HvSampleSize(&build->layout, sample.vectors.capacity)) >=
		copies * tuple_kb;
}

/*
 * A sort of tuples by leaf and row.  In a parallel build it is that of a
 * worker or, if participants is not 0, the leader's of what so many of them
 * have sorted.
 */
static Tuplesortstate *
begin_sort(HvBuild *build, int memory, int participants)
{
	AttrNumber	columns[] = {SORT_LEAF, SORT_ROW};
	Oid			operators[] = {Int4LessOperator, Int8LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};
	SortCoordinate coordinate = NULL;

	if (build->crew->sharedsort)
	{
		coordinate = palloc0(sizeof(SortCoordinateData));
		coordinate->isWorker = participants == 0;
		coordinate->nParticipants = participants == 0 ? -1 : participants;
		coordinate->sharedsort = build->crew->sharedsort;
	}
	return tuplesort_begin_heap(sort_columns(), lengthof(columns), columns, operators,
								collations, nulls_first, memory, coordinate, TUPLESORT_NONE);
}

/*
 * All memory is taken from build->context: a crew of one goes on with the
 * sort.
 */
static void
begin_assignment(Assignment *assignment, HvBuild *build)
{
	const HvLayout *layout = &build->layout;
	MemoryContext old = MemoryContextSwitchTo(build->context);
	Size		tuple_size = VARHDRSZ + layout->leaf_entry_size + layout->code_bytes;

	memset(assignment, 0, sizeof(Assignment));
	assignment->build = build;
	assignment->slot = MakeSingleTupleTableSlot(sort_columns(), &TTSOpsVirtual);
	assignment->projected = palloc(build->space.rotate_dims * sizeof(float));
	assignment->tuple = palloc0(tuple_size);
	SET_VARSIZE(assignment->tuple, tuple_size);
	if (HvClusterMap(build, &assignment->tree))
	{
		(void) HvLeafMeansMap(build, &assignment->sums);
		assignment->chooser = palloc0(sizeof(HvChooser));
		HvChooserInit(assignment->chooser, &assignment->tree.images.source, layout,
					 build->meta.spill != 0, build->context);
		assignment->chooser->is_full = leaf_is_full;
		assignment->chooser->is_full_arg = assignment;
	}
	/* inner product needs exact lengths, which the bytes do not give */
	assignment->kept = !HvSpaceNeedsLongest(build->type->metric) &&
		HvSampleKept(build, &assignment->sample);
	assignment->sort = begin_sort(build, sort_memory(build, &assignment->tree), 0);
	MemoryContextSwitchTo(old);
}

/* Sends one copy of a row to the sort. */
static void
put_copy(Assignment *assignment, HvLeafEntryData *entry, int leaf, uint8 flags)
{
	TupleTableSlot *slot = assignment->slot;
	uint64		row = HvRowPack(&entry->tid);

	Assert(leaf >= 0 && ItemPointerIsValid(&entry->tid));	/* I2 */
	entry->flags = flags;
	ExecClearTuple(slot);
	slot->tts_values[SORT_LEAF - 1] = Int32GetDatum(leaf);
	slot->tts_values[SORT_ROW - 1] = Int64GetDatum((int64) row);
	slot->tts_values[SORT_TUPLE - 1] = PointerGetDatum(assignment->tuple);
	memset(slot->tts_isnull, 0, 3 * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(assignment->sort, slot);
	assignment->counts.copies++;
}

/* Makes the vector of a row in the tree space; returns its length class. */
static uint8
load_row(Assignment *assignment, ItemPointer tid, Datum value)
{
	HvBuild    *build = assignment->build;
	HvVectorView view;
	int			i = assignment->kept ?
		HvSampleFind(&assignment->sample, HvRowPack(tid), &assignment->next) : -1;

	if (i >= 0)
	{
		HvVectorsGet(&assignment->sample.vectors, i, assignment->projected);
		return 0;
	}
	build->type->open(value, &view);
	HvTypeCheckDim(&view, build->meta.dim);
	HvSpaceProject(&build->space, view.values, assignment->projected);
	return HvSpaceLengthClass(&build->space, view.values);
}

/*
 * The scan that reports which blocks it has done says of its first one that
 * all are (heapam_scan_get_blocks_done, since it takes this place for the end
 * of a round).
 */
static void
correct_first_block(const HvCrew *crew, BlockNumber block)
{
	BlockNumber start = crew->scan ?
		((ParallelBlockTableScanDesc) crew->scan)->phs_startblock : 0;

	if (block == start)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, 0);
}

/* Callback of the table scan: places one row. */
static void
assign_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive,
		   void *state)
{
	Assignment *assignment = state;
	HvBuild    *build = assignment->build;
	HvLeafEntryData *entry = (HvLeafEntryData *) VARDATA(assignment->tuple);
	HvChoice	choice = {.count = 1};
	MemoryContext old;

	if (!assignment->begun && build->crew->is_leader)
		correct_first_block(build->crew, ItemPointerGetBlockNumber(tid));
	assignment->begun = true;
	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(build->row_context);
	entry->length_class = load_row(assignment, tid, values[0]);
	HvCodeEncode(assignment->projected, build->layout.code_bits,
				 (uint8 *) entry + build->layout.leaf_entry_size, &entry->factors);
	entry->tid = *tid;
	HvKeyColumnsStore(&build->columns, values, isnull, entry);
	if (assignment->chooser)
	{
		HvChoose(assignment->chooser, assignment->projected, 0, 0, &choice);
		if (choice.count == 0)
			elog(ERROR, "hvtree build found no leaf for a row");
	}
	Assert(choice.count <= (build->meta.spill ? HV_MAX_COPIES : 1));	/* I8 */
	if (assignment->chooser)
		HvLeafMeansAdd(&assignment->sums, (int) choice.leaves[0], assignment->projected);
	for (int i = 0; i < choice.count; i++)
	{
		if (assignment->chooser)
			(void) pg_atomic_fetch_add_u32(&assignment->tree.counts[choice.leaves[i]], 1);
		put_copy(assignment, entry, (int) choice.leaves[i], i == 0 ? 0 : HV_ENTRY_SPILLED);
	}
	if (++assignment->counts.rows % ROWS_A_REPORT == 0)
		HvProgressCount(build->progress, HV_PROGRESS_TUPLES, ROWS_A_REPORT);
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
}

void
HvAssignWork(HvBuild *build, const HvJob *job)
{
	HvCrew	   *crew = build->crew;
	Assignment	assignment;
	TableScanDesc scan = crew->scan ? table_beginscan_parallel(build->heap, crew->scan) : NULL;

	begin_assignment(&assignment, build);
	assignment.counts.heap_rows =
		table_index_build_scan(build->heap, build->index, build->info, crew->scan != NULL,
							   crew->is_leader, assign_row, &assignment, scan);
	HvProgressCount(build->progress, HV_PROGRESS_TUPLES, assignment.counts.rows % ROWS_A_REPORT);
	if (crew->sharedsort)
	{
		tuplesort_performsort(assignment.sort);
		tuplesort_end(assignment.sort);
	}
	else
		crew->sort = assignment.sort;
	ExecDropSingleTupleTableSlot(assignment.slot);
	HvCrewAddCounts(crew, &assignment.counts);
}

void
HvAssignRows(HvBuild *build, const HvClusterTree *tree, HvAssigned *assigned)
{
	HvJob		job = {.kind = HV_JOB_ASSIGN};

	Assert(build->crew->is_leader);
	if (tree)
	{
		for (int i = 0; i < tree->nleaves; i++)
			pg_atomic_init_u32(&tree->counts[i], 0);
		HvLeafMeansBegin(build, tree);
	}
	HvCrewRun(build->crew, &job);
	HvCrewGetCounts(build->crew, &assigned->counts);
	HvCrewDismiss(build->crew);
}

void
HvAssignSort(HvBuild *build, HvAssigned *assigned)
{
	if (build->crew->sharedsort)
	{
		HvClusterTree tree = {0};

		(void) HvClusterMap(build, &tree);
		assigned->sort = begin_sort(build, sort_memory(build, &tree), assigned->counts.participants);
	}
	else
		assigned->sort = build->crew->sort;
	tuplesort_performsort(assigned->sort);
	assigned->slot = MakeSingleTupleTableSlot(sort_columns(), &TTSOpsMinimalTuple);
}

bool
HvAssignedNext(HvAssigned *assigned, int *leaf, const void **tuple)
{
	bool		isnull;

	if (!tuplesort_gettupleslot(assigned->sort, true, false, assigned->slot, NULL))
		return false;
	*leaf = DatumGetInt32(slot_getattr(assigned->slot, SORT_LEAF, &isnull));
	*tuple = VARDATA_ANY(DatumGetByteaPP(slot_getattr(assigned->slot, SORT_TUPLE, &isnull)));
	return true;
}

void
HvAssignedEnd(HvAssigned *assigned)
{
	tuplesort_end(assigned->sort);
	ExecDropSingleTupleTableSlot(assigned->slot);
}
