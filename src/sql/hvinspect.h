/*-------------------------------------------------------------------------
 *
 * hvinspect.h
 *	  Looking into an index from SQL: what its functions share.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvinspect.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVINSPECT_H
#define HVINSPECT_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/tuplesort.h"

/*
 * Leaf tuples in the order of their rows, kept within maintenance_work_mem:
 * Add all of them, Sort, then Next until it returns false.  A row's own tuple
 * comes before its spilled copy.
 */
typedef struct HvRowSort
{
	Tuplesortstate *sort;
} HvRowSort;

extern void HvRowSortBegin(HvRowSort *rows);
extern void HvRowSortAdd(HvRowSort *rows, uint64 row, bool spilled);
extern void HvRowSortPerform(HvRowSort *rows);
extern bool HvRowSortNext(HvRowSort *rows, uint64 *row, bool *spilled);
extern void HvRowSortEnd(HvRowSort *rows);

#endif							/* HVINSPECT_H */
