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
HvRowSortAdd(HvRowSort *rows, uint64 row, bool spilled)
{
	tuplesort_putdatum(rows->sort, Int64GetDatum((int64) (row << 1 | spilled)), false);
}

/* Of table_index_build_scan: a row, by the root of its HOT chain. */
static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	if (!isnull[0])
		HvRowSortAdd(state, HvRowPack(tid), false);
}

void
HvRowSortAddTable(HvRowSort *rows, Relation heap, Relation index, Snapshot snapshot)
{
	IndexInfo  *info = BuildIndexInfo(index);
	TableScanDesc scan = table_beginscan_strat(heap, snapshot, 0, NULL, true, true);

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
HvRowSortNext(HvRowSort *rows, uint64 *row, bool *spilled)
{
	Datum		value;
	bool		isnull;

	if (!HvCompatTuplesortGetDatum(rows->sort, &value, &isnull))
		return false;
	*row = (uint64) DatumGetInt64(value) >> 1;
	*spilled = (DatumGetInt64(value) & 1) != 0;
	return true;
}

void
HvRowSortEnd(HvRowSort *rows)
{
	tuplesort_end(rows->sort);
}
