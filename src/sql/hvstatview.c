/*-------------------------------------------------------------------------
 *
 * hvstatview.c
 *	  The counts of scans, from SQL.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvstatview.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "page/hvcompat.h"
#include "scan/hvstat.h"
#include "sql/hvacl.h"

PG_FUNCTION_INFO_V1(hvtree_scan_stats_get);
PG_FUNCTION_INFO_V1(hvtree_scan_stats_info);
PG_FUNCTION_INFO_V1(hvtree_scan_stats_reset);

/* digits of a rate behind the point */
#define RATE_DIGITS 4

#define ROW_COLUMNS 26

/* a result row, filled from the left */
typedef struct StatResult
{
	int			n;
	Datum		values[ROW_COLUMNS];
	bool		nulls[ROW_COLUMNS];
} StatResult;

static void
put(StatResult *result, Datum value, bool isnull)
{
	result->values[result->n] = value;
	result->nulls[result->n++] = isnull;
}

static void
put_count(StatResult *result, const HvStatRow *row, HvStatCounter counter)
{
	put(result, Int64GetDatum((int64) row->counts[counter]), false);
}

static void
put_float(StatResult *result, double value, bool isnull)
{
	put(result, Float8GetDatum(value), isnull);
}

/*
 * The share of what was found in the cache, NULL where nothing was looked for.
 */
static void
put_rate(StatResult *result, const HvStatRow *row, HvStatCounter hit, HvStatCounter read)
{
	double		hits = row->counts[hit];
	double		all = hits + row->counts[read];
	Datum		rate = (Datum) 0;

	if (all > 0)
		rate = DirectFunctionCall2(numeric_round,
								   DirectFunctionCall1(float8_numeric,
													   Float8GetDatum(hits / all)),
								   Int32GetDatum(RATE_DIGITS));
	put(result, rate, all == 0);
}

static void
put_time(StatResult *result, const HvStatRow *row, HvStatCounter counter)
{
	put_float(result, row->counts[counter] / 1000.0, false);
}

/* One row of the view, in the order of the function's declaration. */
static void
fill_row(StatResult *result, const HvStatRow *row)
{
	double		scans = row->counts[HV_STAT_SCANS];

	result->n = 0;
	put(result, ObjectIdGetDatum(row->index), false);
	for (int i = HV_STAT_SCANS; i <= HV_STAT_TOAST_READ; i++)
		put_count(result, row, (HvStatCounter) i);
	put_rate(result, row, HV_STAT_INDEX_HIT, HV_STAT_INDEX_READ);
	put_rate(result, row, HV_STAT_HEAP_HIT, HV_STAT_HEAP_READ);
	put_rate(result, row, HV_STAT_TOAST_HIT, HV_STAT_TOAST_READ);
	put_float(result, row->counts[HV_STAT_TIME] / Max(scans, 1) / 1000.0, scans == 0);
	put_float(result, HvStatQuantile(row, 0.50), scans == 0);
	put_float(result, HvStatQuantile(row, 0.95), scans == 0);
	put_float(result, HvStatQuantile(row, 0.99), scans == 0);
	for (int i = HV_STAT_TIME; i <= HV_STAT_RERANK_TIME; i++)
		put_time(result, row, (HvStatCounter) i);
	put(result, TimestampTzGetDatum(row->since), false);
	Assert(result->n == ROW_COLUMNS);
}

/* The row type that the function was declared with, which must be ours. */
static TupleDesc
result_type(FunctionCallInfo fcinfo, int columns)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != columns)
		elog(ERROR, "function is declared with other result columns");
	return BlessTupleDesc(desc);
}

Datum
hvtree_scan_stats_get(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	StatResult	result;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		int			n;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->tuple_desc = result_type(fcinfo, ROW_COLUMNS);
		call->user_fctx = HvStatRead(&n);
		call->max_calls = n;
		MemoryContextSwitchTo(old);
	}

	call = SRF_PERCALL_SETUP();
	if (call->call_cntr >= call->max_calls)
		SRF_RETURN_DONE(call);
	fill_row(&result, (const HvStatRow *) call->user_fctx + call->call_cntr);
	SRF_RETURN_NEXT(call, HeapTupleGetDatum(heap_form_tuple(call->tuple_desc, result.values,
															result.nulls)));
}

Datum
hvtree_scan_stats_info(PG_FUNCTION_ARGS)
{
	HvStatTotals totals;
	TupleDesc	desc = result_type(fcinfo, 4);
	Datum		values[4];
	bool		nulls[4] = {false};

	HvStatReadTotals(&totals);
	values[0] = CStringGetTextDatum(totals.shared ? "server" : "session");
	values[1] = Int32GetDatum(totals.indexes);
	values[2] = Int32GetDatum(HV_STAT_INDEXES);
	values[3] = Int64GetDatum((int64) totals.forgotten);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/*
 * For one index the right to VACUUM its table is required, for all the
 * database's owner.
 */
Datum
hvtree_scan_stats_reset(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index;

	if (PG_ARGISNULL(0))
	{
		HvAclDatabase();
		HvStatReset(InvalidOid);
		PG_RETURN_VOID();
	}
	HvAclOwned(PG_GETARG_OID(0), &heap, &index);
	HvStatReset(RelationGetRelid(index));
	HvAclClose(heap, index, AccessShareLock);
	PG_RETURN_VOID();
}
