/*-------------------------------------------------------------------------
 *
 * hvrowsort.c
 *	  Row pointers in the order of the table.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvrowsort.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "page/hvcompat.h"
#include "page/hvpage.h"
#include "sql/hvrowsort.h"

void
HvRowSortBegin(HvRowSort *rows)
{
	rows->sort = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false,
									   maintenance_work_mem, NULL, TUPLESORT_NONE);
}

void
HvRowSortAdd(HvRowSort *rows, uint64 row, bool spilled, int sum)
{
	uint64		packed = ((row << 1 | spilled) * HV_ATTRIBUTE_SUMS) | sum;

	Assert(row < UINT64CONST(1) << 48 && sum >= 0 && sum < HV_ATTRIBUTE_SUMS);
	tuplesort_putdatum(rows->sort, Int64GetDatum((int64) packed), false);
}

/* Of table_index_build_scan: a row, by the root of its HOT chain. */
static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	HvRowSort  *rows = state;

	if (isnull[0])
		return;
	HvKeyColumnsStore(&rows->columns, values, isnull, rows->entry);
	HvRowSortAdd(rows, HvRowPack(tid), false,
				 HvAttributeSum(&rows->columns.layout, rows->entry));
}

void
HvRowSortAddTable(HvRowSort *rows, Relation heap, Relation index, Snapshot snapshot)
{
	IndexInfo  *info = BuildIndexInfo(index);
	TableScanDesc scan = table_beginscan_strat(heap, snapshot, 0, NULL, true, true);

	HvKeyColumnsInit(&rows->columns, index);
	rows->entry = palloc0(rows->columns.layout.entry_size);
	/* which of the rows counts is up to the snapshot, as in a concurrent build */
	info->ii_Concurrent = true;
	(void) table_index_build_scan(heap, index, info, true, false, add_row, rows, scan);
}

void
HvRowSortPerform(HvRowSort *rows)
{
	tuplesort_performsort(rows->sort);
}

bool
HvRowSortNext(HvRowSort *rows, HvSortedRow *row)
{
	uint64		packed;
	Datum		value;
	bool		isnull;

	if (!HvCompatTuplesortGetDatum(rows->sort, &value, &isnull))
		return false;
	packed = (uint64) DatumGetInt64(value);
	row->sum = packed % HV_ATTRIBUTE_SUMS;
	row->spilled = (packed / HV_ATTRIBUTE_SUMS & 1) != 0;
	row->row = packed / HV_ATTRIBUTE_SUMS >> 1;
	return true;
}

void
HvRowSortEnd(HvRowSort *rows)
{
	tuplesort_end(rows->sort);
}
