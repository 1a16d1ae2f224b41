/*-------------------------------------------------------------------------
 *
 * hvvacuumscan.h
 *	  What all pages of an index hold, and which of them need maintenance.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvvacuumscan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVVACUUMSCAN_H
#define HVVACUUMSCAN_H

#include "nodes/pg_list.h"

#include "tree/hvmeta.h"
#include "tree/hvwalk.h"

/*
 * Has a tree page changed much since its centroid was taken, is it sparse, or
 * are its codes about another mean than that of index, which may be out of
 * date?
 */
extern bool HvVacuumScanIsDue(const HvIndex *index, Page page);

/* lists of blocks in ascending order */
typedef struct HvVacuumScan
{
	HvIndex    *index;
	BufferAccessStrategy strategy;
	bool		every_leaf;		/* call all leaves due */
	double		rows;
	double		tuples;
	uint64		newest_stamp;	/* of a tree page, and which one */
	BlockNumber newest_page;
	BlockNumber pages_deleted;
	HvBlockSet	leaves;
	List	   *free_pages;
	List	   *due_leaves;		/* changed much, or sparse */
	List	   *empty_leaves;
	List	   *inner_pages;	/* of all levels */
	List	   *centroid_pages;
	List	   *mean_pages;
} HvVacuumScan;

/*
 * Visits every page of an index that has a dimension, one at a time.  index
 * stays the caller's.  Others go on changing the tree meanwhile.  No lock is held
 * on entry or return.
 */
extern void HvVacuumScanTake(HvVacuumScan *scan, HvIndex *index, BufferAccessStrategy strategy,
							 bool every_leaf);

/*
 * After that: raises an error unless each page that the tree names is what it is
 * named as; then puts the free pages into the free space map.  Locks likewise.
 */
extern void HvVacuumScanVerify(HvVacuumScan *scan);

/*
 * Takes leaves that were found empty out of the tree, if they still are.
 * Structure lock held.
 */
extern void HvVacuumScanPrune(HvVacuumScan *scan);

/*
 * Frees centroid slots that nothing names (a crash can leave some), and pages
 * left without any; makes the metapage name a page with free slots.  Frees the
 * pages of means that are no longer used.  Structure lock held.
 */
extern void HvVacuumScanAll(HvVacuumScan *scan);

/* Notes the counts in the metapage, one WAL record.  Structure lock held. */
extern void HvVacuumScanRecord(const HvVacuumScan *scan);

#endif							/* HVVACUUMSCAN_H */
