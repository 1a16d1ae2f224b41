/*-------------------------------------------------------------------------
 *
 * hvcheckrows.c
 *	  hvtree_check: the rows of an index, and those of its table.
 *
 * NOTES
 *	  The table is read before the index.  A row that a snapshot sees is in the
 *	  index by then, and VACUUM cannot take it out as long as the snapshot is
 *	  registered.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvcheckrows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "sql/hvacl.h"
#include "sql/hvcheck.h"

/* How many tuples of a page, a leaf as a rule, are this copy of a row? */
static int
count_row(const HvCheck *check, BlockNumber block, Page page, uint64 row, bool spilled)
{
	int			found = 0;

	if (PageIsNew(page) || HvPageVerifyAt(page, block, &check->layout) != NULL ||
		HvPageKindOf(page) != HV_PAGE_LEAF)
		return 0;
	for (int i = 0; i < HvPageCount(page); i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, &check->layout, i);

		found += HvRowPack(&entry->tid) == row &&
			((entry->flags & HV_ENTRY_SPILLED) != 0) == spilled;
	}
	return found;
}

/*
 * Raises the error if two leaves (or one leaf twice) hold the same copy of a
 * row at the same moment.  One that is the same before and after the other was
 * copied was so at that moment: each change of a leaf counts its churn.  (Two locks
 * at once could deadlock with the replay of a move, which the structure lock does
 * not hold up.)
 */
static void
compare_leaves(const HvCheck *check, BlockNumber a, BlockNumber b, uint64 row, bool spilled)
{
	Size		skip = offsetof(PageHeaderData, pd_flags);
	PGAlignedBlock first;
	PGAlignedBlock second;
	PGAlignedBlock again;
	int			found;

	do
	{
		CHECK_FOR_INTERRUPTS();
		HvStoreCopy(check->index, a, NULL, (Page) first.data);
		HvStoreCopy(check->index, b, NULL, (Page) second.data);
		HvStoreCopy(check->index, a, NULL, (Page) again.data);
	} while (memcmp(first.data + skip, again.data + skip, BLCKSZ - skip) != 0);

	found = count_row(check, a, (Page) first.data, row, spilled);
	if (b != a)
		found += count_row(check, b, (Page) second.data, row, spilled);
	if (found > 1)
		HvCheckViolated(check, 8, b, "row (%u,%u) is here and in block %u%s",
						(BlockNumber) (row >> 16), (OffsetNumber) (row & 0xFFFF), a,
						spilled ? ", spilled both times" : "");
}

/*
 * The walk has met the same copy of a row twice.  VACUUM may have removed the
 * first one meanwhile, and its row pointer been used again: find both and look
 * at them together.
 */
static void
confirm_duplicate(HvCheck *check, uint64 row, bool spilled)
{
	Page		page = (Page) check->image.data;
	BlockNumber last = InvalidBlockNumber;

	for (BlockNumber block = HV_ROOT_BLOCK; block < check->blocks; block++)
	{
		int			found;

		CHECK_FOR_INTERRUPTS();
		if (check->notes[block].kind != HV_PAGE_LEAF)
			continue;
		HvStoreCopy(check->index, block, check->strategy, page);
		found = count_row(check, block, page, row, spilled);
		if (found > 1 || (found == 1 && last != InvalidBlockNumber))
			compare_leaves(check, found > 1 ? block : last, block, row, spilled);
		if (found > 0)
			last = block;
	}
}

/* Raises the error about a row of the table. */
pg_noreturn static void
row_violates(const HvCheck *check, int invariant, uint64 row, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" violates invariant I%d: it %s row (%u,%u) of table \"%s\"",
					RelationGetRelationName(check->index), invariant, problem,
					(BlockNumber) (row >> 16), (OffsetNumber) (row & 0xFFFF),
					RelationGetRelationName(check->heap)),
			 errhint("Please REINDEX it.")));
}

/* the rows of the table that the index must have */
typedef struct WantedRows
{
	HvSortedRow next;			/* row 0 = there is none */
	HvSortedRow found;			/* the one before */
} WantedRows;

static void
next_wanted(const HvCheck *check, WantedRows *wanted)
{
	wanted->found = wanted->next;
	if (check->table_rows == NULL || !HvRowSortNext(check->table_rows, &wanted->next))
		wanted->next.row = 0;
}

/*
 * Every row of the table below a row that the index has, or all that are left, must
 * have been seen before.  All copies of a row have the key columns of the row.
 */
static void
check_row_is_wanted(const HvCheck *check, const HvSortedRow *row, WantedRows *wanted)
{
	if (wanted->next.row != 0 && wanted->next.row < row->row)
		row_violates(check, 12, wanted->next.row, "lacks");
	if (wanted->next.row == row->row)
		next_wanted(check, wanted);
	if (wanted->found.row == row->row && wanted->found.sum != row->sum)
		row_violates(check, 13, row->row, "has other key columns than");
}

void
HvCheckRows(HvCheck *check)
{
	HvSortedRow end = {.row = PG_UINT64_MAX};
	HvSortedRow last = {0};		/* no row has this pointer */
	HvSortedRow row;
	WantedRows	wanted;

	memset(&wanted, 0, sizeof(WantedRows));
	HvRowSortPerform(&check->rows);
	next_wanted(check, &wanted);
	while (HvRowSortNext(&check->rows, &row))
	{
		CHECK_FOR_INTERRUPTS();
		if (row.row == last.row && row.spilled == last.spilled)
			confirm_duplicate(check, row.row, row.spilled);
		last = row;
		check_row_is_wanted(check, &row, &wanted);
	}
	check_row_is_wanted(check, &end, &wanted);
}

/* As the owner of the table, who may run the expressions of the index. */
void
HvCheckReadTable(HvCheck *check, Snapshot snapshot)
{
	HvCaller	caller;

	check->table_rows = palloc(sizeof(HvRowSort));
	HvRowSortBegin(check->table_rows);
	HvOwnerEnter(&caller, check->heap);
	HvRowSortAddTable(check->table_rows, check->heap, check->index, snapshot);
	HvOwnerLeave(&caller);
	HvRowSortPerform(check->table_rows);
}
