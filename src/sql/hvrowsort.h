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

/*
 * Row pointers, as HvRowPack makes them, kept within maintenance_work_mem: Add all of
 * them, Perform, then Next until it returns false.  A row's own tuple comes before
 * its spilled copy.
 */
typedef struct HvRowSort
{
	Tuplesortstate *sort;
} HvRowSort;

extern void HvRowSortBegin(HvRowSort *rows);
extern void HvRowSortAdd(HvRowSort *rows, uint64 row, bool spilled);

/*
 * Adds the rows that an index of the table should have, of those that the snapshot
 * sees, by the pointers that the index should have them by.  The snapshot must stay
 * registered until the index has been read; expressions of the index run as the
 * current user.
 */
extern void HvRowSortAddTable(HvRowSort *rows, Relation heap, Relation index,
							  Snapshot snapshot);
extern void HvRowSortPerform(HvRowSort *rows);
extern bool HvRowSortNext(HvRowSort *rows, uint64 *row, bool *spilled);
extern void HvRowSortEnd(HvRowSort *rows);

#endif							/* HVROWSORT_H */
