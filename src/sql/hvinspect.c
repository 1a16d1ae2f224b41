/*-------------------------------------------------------------------------
 *
 * hvinspect.c
 *	  Looking into an index from SQL: its shape, and what the last scan did.
 *
 * NOTES
 *	  hvtree_info reads every page of the index once, one at a time, and asks
 *	  the table which rows are still there.  It holds no lock that anybody
 *	  would wait for, so its figures may be those of several moments.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvinspect.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "arithmetic/hvmetric.h"
#include "heap/hvheap.h"
#include "page/hvcompat.h"
#include "page/hvpage.h"
#include "scan/hvinstrument.h"
#include "sql/hvacl.h"
#include "sql/hvhealth.h"
#include "sql/hvrowsort.h"
#include "storage/hvstorestream.h"
#include "tree/hvwalk.h"

PG_FUNCTION_INFO_V1(hvtree_info);
PG_FUNCTION_INFO_V1(hvtree_last_scan);

/* more tuples than any leaf has: each takes at least its entry */
#define MAX_LEAF_TUPLES	(BLCKSZ / sizeof(HvLeafEntryData))

/* an index being measured */
typedef struct Survey
{
	Relation	heap;
	Relation	index;
	HvMetaData	meta;
	HvLayout	layout;			/* valid when meta.dim > 0 */
	BlockNumber blocks;
	HvBlockSet	leaves;
	HvRowSort	leaf_rows;
	int64		level_pages[HV_MAX_LEVEL + 1];
	int64		level_tuples[HV_MAX_LEVEL + 1];
	int64		spilled;
	int64		dead;
	int64		centroid_pages;
	int64		free_pages;
	HvHealth	health;
} Survey;

/* Measuring --------------------------------------------------------------- */

/*
 * Counts a tree page; the rows of a leaf come back in rows, as HvRowPack |
 * flags << 48.
 */
static int
count_tree_page(Survey *survey, Page page, BlockNumber block, uint64 *rows)
{
	int			level = HvPageGetOpaque(page)->level;
	int			n = HvPageCount(page);

	const char *problem;

	survey->level_pages[level]++;

	/*
	 * the first row may have come after the metapage was read: a tree of none
	 */
	if (survey->meta.dim == 0)
		return 0;
	problem = HvPageVerifyTuples(page, &survey->layout);
	if (problem)
		HvStoreCorrupted(survey->index, block, problem);
	survey->level_tuples[level] += n;
	if (level > 0)
		return 0;
	HvBlockSetAdd(&survey->leaves, block);
	HvHealthAddLeaf(&survey->health, page, &survey->layout, block);
	for (int i = 0; i < n; i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, &survey->layout, i);

		rows[i] = HvRowPack(&entry->tid) | (uint64) entry->flags << 48;
	}
	return n;
}

/* Counts a page, locked and then released: before its rows are sorted in. */
static void
survey_page(Survey *survey, BlockNumber block, Page page, Buffer buffer)
{
	uint64		rows[MAX_LEAF_TUPLES];
	int			n = 0;
	bool		above_leaves = false;

	if (page == NULL)
	{
		survey->free_pages++;
		return;
	}
	switch (HvPageKindOf(page))
	{
		case HV_PAGE_LEAF:
		case HV_PAGE_INNER:
			n = count_tree_page(survey, page, block, rows);
			above_leaves = HvPageGetOpaque(page)->level == 1;
			break;
		case HV_PAGE_CENTROID:
			survey->centroid_pages++;
			break;
		case HV_PAGE_FREE:
			survey->free_pages++;
			break;
		case HV_PAGE_META:
		case HV_PAGE_MEAN:
			break;
	}
	HvStoreRelease(buffer);

	if (above_leaves)
		HvHealthAddParent(&survey->health, block);
	for (int i = 0; i < n; i++)
	{
		bool		spilled = (rows[i] >> 48 & HV_ENTRY_SPILLED) != 0;

		survey->spilled += spilled;
		HvRowSortAdd(&survey->leaf_rows, rows[i] & UINT64CONST(0xFFFFFFFFFFFF), spilled, 0);
	}
}

static void
survey_index(Survey *survey)
{
	BufferAccessStrategy strategy = HvStoreBulkStrategy();
	HvStoreStream *stream;
	BlockNumber block;
	Page		page;
	Buffer		buffer;

	HvMetaRead(survey->index, &survey->meta);
	if (survey->meta.dim > 0)
		HvMetaLayout(&survey->meta, &survey->layout);
	survey->blocks = HvStoreBlocks(survey->index);
	HvBlockSetInit(&survey->leaves, survey->blocks);
	stream = HvStoreStreamBeginRange(survey->index,
									 survey->meta.dim > 0 ? &survey->layout : NULL,
									 HV_STREAM_QUERY, strategy, 0, survey->blocks);
	while (HvStoreStreamNext(stream, &block, &page, &buffer))
	{
		survey_page(survey, block, page, buffer);
		CHECK_FOR_INTERRUPTS();
	}
	HvStoreStreamEnd(stream);
	FreeAccessStrategy(strategy);
	if (survey->meta.dim > 0)
		HvWalkTree(survey->index, &survey->layout, &survey->leaves, NULL, NULL);
}

/*
 * Counts the leaf tuples whose row is visible to no transaction: what the next
 * VACUUM would remove.  Pages that are all-visible in the visibility map have
 * no such row, which index-only scans rely on as well.
 */
static void
count_dead(Survey *survey)
{
	SnapshotData snapshot;
	IndexFetchTableData *fetch = table_index_fetch_begin(survey->heap);
	TupleTableSlot *slot = table_slot_create(survey->heap, NULL);
	Buffer		map = InvalidBuffer;
	BlockNumber nblocks = 0;
	uint64		last = 0;		/* no row has this pointer */
	bool		last_dead = false;
	HvSortedRow sorted;

	InitNonVacuumableSnapshot(snapshot, GlobalVisTestFor(survey->heap));
	HvRowSortPerform(&survey->leaf_rows);
	while (HvRowSortNext(&survey->leaf_rows, &sorted))
	{
		ItemPointerData tid;
		bool		again = false;
		bool		all_dead = false;

		CHECK_FOR_INTERRUPTS();
		HvRowUnpack(sorted.row, &tid);
		HvHeapRequireRow(survey->heap, survey->index, &nblocks, &tid);
		if (sorted.row != last)
			last_dead = !VM_ALL_VISIBLE(survey->heap, ItemPointerGetBlockNumber(&tid), &map) &&
				!table_index_fetch_tuple(fetch, &tid, &snapshot, slot, &again, &all_dead);
		last = sorted.row;
		survey->dead += last_dead;
	}
	if (BufferIsValid(map))
		ReleaseBuffer(map);
	ExecDropSingleTupleTableSlot(slot);
	table_index_fetch_end(fetch);
}

/* Results ----------------------------------------------------------------- */

/* a row of a result, filled from the left */
typedef struct ResultRow
{
	TupleDesc	desc;
	int			n;
	Datum		values[32];
	bool		nulls[32];
} ResultRow;

static void
begin_result(FunctionCallInfo fcinfo, ResultRow *result)
{
	memset(result, 0, sizeof(ResultRow));
	if (get_call_result_type(fcinfo, NULL, &result->desc) != TYPEFUNC_COMPOSITE ||
		result->desc->natts > (int) lengthof(result->values))
		elog(ERROR, "return type must be a row type");
	result->desc = BlessTupleDesc(result->desc);
}

static void
add_value(ResultRow *result, Datum value)
{
	if (result->n >= result->desc->natts)
		elog(ERROR, "function is declared with too few result columns");
	result->values[result->n++] = value;
}

static void
add_null(ResultRow *result)
{
	add_value(result, (Datum) 0);
	result->nulls[result->n - 1] = true;
}

/* A ratio, NULL where it has no meaning. */
static void
add_ratio(ResultRow *result, double a, double b)
{
	if (b > 0)
		add_value(result, Float8GetDatum(a / b));
	else
		add_null(result);
}

static Datum
end_result(ResultRow *result)
{
	if (result->n != result->desc->natts)
		elog(ERROR, "function is declared with too many result columns");
	return HeapTupleGetDatum(heap_form_tuple(result->desc, result->values, result->nulls));
}

static void
add_int8_array(ResultRow *result, const int64 *values, int n)
{
	Datum		datums[HV_MAX_LEVEL + 1];

	for (int i = 0; i < n; i++)
		datums[i] = Int64GetDatum(values[i]);
	add_value(result, PointerGetDatum(construct_array(datums, n, INT8OID, sizeof(int64),
													  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
}

static void
add_int4_array(ResultRow *result, const int64 *values, int n)
{
	Datum		datums[HV_MAX_LEVEL + 1];

	for (int i = 0; i < n; i++)
		datums[i] = Int32GetDatum((int32) Min(values[i], PG_INT32_MAX));
	add_value(result, PointerGetDatum(construct_array(datums, n, INT4OID, sizeof(int32),
													  true, TYPALIGN_INT)));
}

/* How full the pages of each level are, of what they may hold. */
static void
add_level_fill(ResultRow *result, const Survey *survey, int n)
{
	Datum		datums[HV_MAX_LEVEL + 1];

	for (int level = 0; level < n; level++)
	{
		double		capacity = level == 0 ? survey->meta.leaf_capacity :
			survey->meta.inner_capacity;
		double		room = survey->level_pages[level] * capacity;

		datums[level] = Float8GetDatum(room > 0 ? survey->level_tuples[level] / room : 0);
	}
	add_value(result, PointerGetDatum(construct_array(datums, n, FLOAT8OID, sizeof(float8),
													  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
}

/* What shows whether the tree needs maintenance; a single leaf never does. */
static void
add_health(ResultRow *result, const Survey *survey, int levels)
{
	const HvHealth *health = &survey->health;

	add_int8_array(result, health->fill, HV_FILL_CLASSES);
	add_ratio(result, health->displaced, health->sampled);
	add_ratio(result, health->churn, levels > 1 ? survey->level_tuples[0] : 0);
	add_value(result, BoolGetDatum(HvHealthIsDue(health, &survey->meta, survey->level_pages[0],
												 survey->level_tuples[0], survey->dead)));
}

/* What the index has measured about itself, as jsonb; NULL if it never has. */
static void
add_curve(ResultRow *result, const HvCurve *curve, const HvCurveOrigin *origin)
{
	StringInfoData json;

	if (curve->queries == 0)
	{
		add_null(result);
		add_null(result);
		return;
	}
	initStringInfo(&json);
	appendStringInfo(&json, "{\"queries\": %u, \"from\": \"%s\", \"points\": [", curve->queries,
					 origin->source == HV_CURVE_GIVEN ? "given queries" : "rows");
	for (int i = 0; i < HV_CURVE_TARGETS * HV_CURVE_RANKS; i++)
	{
		int			target = i / HV_CURVE_RANKS;
		int			rank = i % HV_CURVE_RANKS;
		const HvCurvePoint *point = &curve->points[target][rank];

		appendStringInfo(&json, "%s{\"target\": %g, \"rows\": %g, \"queries\": %u, \"margin\": %.4g, \"stop\": %.4g, "
						 "\"leaves\": %.4g, \"read\": %.4g, \"fetches\": %.4g}", i > 0 ? ", " : "",
						 HvCurveTarget(target), HvCurveRank(rank), origin->queries[rank],
						 point->margin, point->stop, point->leaves, point->read, point->fetches);
	}
	appendStringInfoString(&json, "]}");
	add_value(result, Int64GetDatum((int64) Min(curve->rows, 1e18)));
	add_value(result, DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

Datum
hvtree_info(PG_FUNCTION_ARGS)
{
	Survey	   *survey = palloc0(sizeof(Survey));
	ResultRow	result;
	int64		tuples;
	int64		rows;
	double		bytes;
	int			levels;

	begin_result(fcinfo, &result);
	HvAclRead(PG_GETARG_OID(0), HV_ACL_LOOK, &survey->heap, &survey->index);
	HvRowSortBegin(&survey->leaf_rows);
	HvHealthInit(&survey->health);
	survey_index(survey);
	count_dead(survey);
	HvRowSortEnd(&survey->leaf_rows);
	HvHealthSample(&survey->health, survey->heap, survey->index);
	HvAclClose(survey->heap, survey->index, AccessShareLock);

	tuples = survey->level_tuples[0];
	rows = tuples - survey->spilled;
	bytes = (double) survey->blocks * BLCKSZ;
	levels = Min(survey->meta.height, HV_MAX_LEVEL) + 1;
	while (levels <= HV_MAX_LEVEL && survey->level_pages[levels] > 0)
		levels++;				/* it has grown meanwhile */

	add_value(&result, Int32GetDatum((int32) survey->meta.version));
	add_value(&result, CStringGetTextDatum(HvMetricName((HvMetric) survey->meta.metric)));
	add_value(&result, Int32GetDatum((int32) survey->meta.dim));
	add_value(&result, Int32GetDatum(survey->meta.dim > 0 ? (int32) survey->meta.code_bits : 0));
	add_value(&result, Int32GetDatum(levels - 1));
	add_value(&result, Int64GetDatum(rows));
	add_value(&result, Int64GetDatum(tuples));
	add_value(&result, Int64GetDatum(survey->dead));
	add_ratio(&result, tuples, rows);
	add_int8_array(&result, survey->level_pages, levels);
	add_int8_array(&result, survey->level_tuples, levels);
	add_level_fill(&result, survey, levels);
	add_value(&result, Int64GetDatum(survey->centroid_pages));
	add_value(&result, Int64GetDatum(survey->free_pages));
	add_value(&result, Int64GetDatum((int64) bytes));
	add_ratio(&result, bytes, rows);
	add_health(&result, survey, levels);
	add_curve(&result, &survey->meta.curve, &survey->meta.curve_origin);
	PG_RETURN_DATUM(end_result(&result));
}

/* One row, all NULL before the first scan of the session. */
Datum
hvtree_last_scan(PG_FUNCTION_ARGS)
{
	const HvScanStats *scan = HvLastScan();
	int			levels = Min(scan->height, HV_MAX_LEVEL) + 1;
	ResultRow	result;

	if (!OidIsValid(scan->index))
		PG_RETURN_NULL();

	begin_result(fcinfo, &result);
	add_value(&result, ObjectIdGetDatum(scan->index));
	add_int4_array(&result, scan->pages, levels);
	add_int4_array(&result, scan->tuples, levels);
	add_value(&result, Int64GetDatum(scan->codes_scored));
	add_value(&result, Int64GetDatum(scan->candidates));
	add_value(&result, Int64GetDatum(scan->heap_fetches));
	add_value(&result, Int64GetDatum(scan->rows_emitted));
	add_value(&result, Int64GetDatum(scan->index_buffers.hit + scan->heap_buffers.hit +
									 scan->toast_buffers.hit));
	add_value(&result, Int64GetDatum(scan->index_buffers.read + scan->heap_buffers.read +
									 scan->toast_buffers.read));
	add_value(&result, Float8GetDatum(scan->prepare_us));
	add_value(&result, Float8GetDatum(scan->tree_us));
	add_value(&result, Float8GetDatum(scan->leaves_us));
	add_value(&result, Float8GetDatum(scan->rerank_us));
	add_value(&result, Float8GetDatum(scan->scan_us));
	add_value(&result, Int64GetDatum(scan->index_buffers.hit));
	add_value(&result, Int64GetDatum(scan->index_buffers.read));
	add_value(&result, Int64GetDatum(scan->heap_buffers.hit));
	add_value(&result, Int64GetDatum(scan->heap_buffers.read));
	add_value(&result, Int64GetDatum(scan->toast_buffers.hit));
	add_value(&result, Int64GetDatum(scan->toast_buffers.read));
	PG_RETURN_DATUM(end_result(&result));
}
