/*-------------------------------------------------------------------------
 *
 * hvrerank.h
 *	  Candidates to exact distances.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvrerank.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVRERANK_H
#define HVRERANK_H

#include "heap/hvheap.h"
#include "tree/hvleaf.h"

/* a row and its exact distance under the metric of the index */
typedef struct HvRow
{
	double		distance;
	uint64		id;				/* HvRowPack(tid) */
	Oid			value;			/* number of its vector in the TOAST table, or
								 * InvalidOid */
} HvRow;

/*
 * Exact distances from query for n candidates, which are put in the order of
 * their heap blocks.  Returns how many of them are visible rows, written to
 * rows; no buffer is pinned afterwards.  query has the dimension of the index.
 */
extern int	HvRerankWindow(HvHeap *heap, const HvVectorView *query,
						   HvCandidate *candidates, int n, HvRow *rows);

#endif							/* HVRERANK_H */
