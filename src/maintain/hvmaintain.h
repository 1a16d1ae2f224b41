/*-------------------------------------------------------------------------
 *
 * hvmaintain.h
 *	  Maintenance: what keeps a tree that changes as good as a new one.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvmaintain.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMAINTAIN_H
#define HVMAINTAIN_H

#include "storage/buf.h"
#include "utils/relcache.h"

#include "storage/hvstore.h"

#define HV_MAINTAIN_AUTO	INT64_MIN

typedef struct HvMaintenance
{
	/* what to do */
	Relation	index;
	Relation	heap;
	BufferAccessStrategy strategy;	/* for the pass over all pages */
	int64		budget;			/* rows whose vectors may be read, < 0 = any,
								 * HV_MAINTAIN_AUTO = by what has changed */
	bool		every_leaf;		/* not only those that have changed much */

	/* what was done */
	double		rows;			/* in the index, as the pass counted them */
	int64		pages;			/* maintained */
	int64		rows_read;
	int64		moved;			/* tuples that went to a nearer page */
	int64		recentered;		/* pages that got a new centroid */
	int64		merged;			/* pages that went into their neighbours */
	int64		freed;			/* pages freed, merged ones included */
	int64		free_pages;		/* that were free before */
	int			levels;			/* by which the tree is lower */
	bool		complete;		/* all that was to do is done */
} HvMaintenance;

/*
 * Takes empty leaves out of the tree, then maintains leaves that are due, then
 * inner pages: a centroid that has drifted is recomputed, tuples that are
 * nearer to another page's centroid go there, sparse pages are merged into
 * others.  Where the budget ends the next call goes on.  Takes the structure
 * lock for one page at a time, so that inserts hardly wait and readers never.
 * A snapshot must be active.  No lock of the index is held on entry or return.
 */
extern void HvMaintainRun(HvMaintenance *maintenance);

#endif							/* HVMAINTAIN_H */
