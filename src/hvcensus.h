/*-------------------------------------------------------------------------
 *
 * hvcensus.h
 *	  What all pages of an index hold, and which of them need care.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvcensus.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCENSUS_H
#define HVCENSUS_H

#include "nodes/pg_list.h"

#include "hvmeta.h"

/*
 * Has a tree page changed much since its centroid was taken, is it sparse, or are
 * its codes about another mean than that of index, which may be out of date?
 */
extern bool HvCensusIsDue(const HvIndex *index, Page page);

/* lists of blocks in ascending order */
typedef struct HvCensus
{
	HvIndex    *index;
	BufferAccessStrategy strategy;
	bool		every_leaf;		/* call all leaves due */
	double		rows;
	double		tuples;
	BlockNumber leaves;
	BlockNumber free_pages;
	BlockNumber pages_deleted;
	List	   *due_leaves;		/* changed much, or sparse */
	List	   *empty_leaves;
	List	   *inner_pages;	/* of all levels */
	List	   *centroid_pages;
	List	   *mean_pages;
} HvCensus;

/*
 * Visits every page of an index that has a dimension, one at a time; free pages go
 * into the free space map.  index stays the caller's.  Others go on changing
 * the tree meanwhile.  No lock is held on entry or return.
 */
extern void HvCensusTake(HvCensus *census, HvIndex *index, BufferAccessStrategy strategy,
						 bool every_leaf);

/*
 * Takes leaves that were found empty out of the tree, if they still are.  Structure
 * lock held.
 */
extern void HvCensusPrune(HvCensus *census);

/*
 * Gives back centroid slots that nothing names (a crash can leave some), and pages
 * left without any; shows inserts the way to the free slots.  Gives back the pages
 * of means that are not used any more.  Structure lock held.
 */
extern void HvCensusCollect(HvCensus *census);

/* Notes the counts in the metapage, one WAL record.  Structure lock held. */
extern void HvCensusRecord(const HvCensus *census);

#endif							/* HVCENSUS_H */
