/*-------------------------------------------------------------------------
 *
 * hvcheck.h
 *	  What the parts of hvtree_check share.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvcheck.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCHECK_H
#define HVCHECK_H

#include "page/hvcompat.h"
#include "page/hvpage.h"
#include "sql/hvrowsort.h"
#include "storage/hvstore.h"

/* what the walk keeps of a block */
typedef struct HvBlockNote
{
	uint64		used_slots;		/* centroid pages: slots in use */
	uint64		named_slots;	/* slots that inner entries name here */
	BlockNumber parent;			/* the inner page that names it as a child */
	uint16		mean_version;
	uint16		count;			/* tuples, used slots, or floats */
	uint8		kind;			/* HvPageKind; a zero page counts as free */
	uint8		level;
	uint8		child_level;	/* the level that its parent expects */
	bool		in_mean;
} HvBlockNote;

typedef struct HvCheck
{
	Relation	heap;
	Relation	index;
	BlockNumber heap_blocks;	/* of the table, as last seen */
	HvMetaData	meta;
	HvLayout	layout;			/* valid when meta.dim > 0 */
	HvAttributeLayout attributes;
	BlockNumber blocks;
	HvBlockNote *notes;			/* one a block */
	HvRowSort	rows;
	HvRowSort  *table_rows;		/* that must be there; NULL = it was not asked for */
	BufferAccessStrategy strategy;
	PGAlignedBlock image;		/* of the page at hand */
} HvCheck;

/* Raises the error.  What follows the colon is a sentence about the block. */
pg_noreturn extern void HvCheckViolated(const HvCheck *check, int invariant, BlockNumber block,
										const char *format,...) pg_attribute_printf(4, 5);

/* Fills table_rows, which HvRowSortEnd frees.  Nothing is locked. */
extern void HvCheckReadTable(HvCheck *check, Snapshot snapshot);

/* I8, I12 and I13, when all leaves are in rows; the structure lock is held. */
extern void HvCheckRows(HvCheck *check);

#endif							/* HVCHECK_H */
