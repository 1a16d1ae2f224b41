/*-------------------------------------------------------------------------
 *
 * hvrowsort.h
 *	  Row pointers in the order of the table.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvrowsort.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVROWSORT_H
#define HVROWSORT_H

#include "postgres.h"

#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/tuplesort.h"

#include "heap/hvkeytype.h"

/* a row of an index or a table, as it is sorted */
typedef struct HvSortedRow
{
	uint64		row;			/* HvRowPack of its pointer */
	bool		spilled;
	int			sum;			/* HvAttributeSum of its key columns */
} HvSortedRow;

/*
 * Rows, kept within maintenance_work_mem: Add all of them, Perform, then Next until
 * it returns false.  A row's own tuple comes before its spilled copy.
 */
typedef struct HvRowSort
{
	Tuplesortstate *sort;
	HvKeyColumns columns;		/* of AddTable */
	HvLeafEntryData *entry;		/* room for one, with attributes */
} HvRowSort;

extern void HvRowSortBegin(HvRowSort *rows);
extern void HvRowSortAdd(HvRowSort *rows, uint64 row, bool spilled, int sum);

/*
 * Adds the rows that an index of the table should have, of those that the snapshot
 * sees, by the pointers that the index should have them by.  The snapshot must stay
 * registered until the index has been read; expressions of the index run as the
 * current user.
 */
extern void HvRowSortAddTable(HvRowSort *rows, Relation heap, Relation index,
							  Snapshot snapshot);
extern void HvRowSortPerform(HvRowSort *rows);
extern bool HvRowSortNext(HvRowSort *rows, HvSortedRow *row);
extern void HvRowSortEnd(HvRowSort *rows);

#endif							/* HVROWSORT_H */
