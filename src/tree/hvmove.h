/*-------------------------------------------------------------------------
 *
 * hvmove.h
 *	  Tuples go from page to page of one level.
 *
 * NOTES
 *	  Every move stamps the pages it takes from and adds to with the next value
 *	  of the structure counter, so that scans and VACUUM, which want every tuple,
 *	  read them again (src/README, "Why no row is lost or returned twice").
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvmove.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMOVE_H
#define HVMOVE_H

#include "tree/hvinner.h"
#include "tree/hvmeta.h"

/* pages that one record can move tuples between: the metapage is the fourth */
#define HV_MOVE_PAGES	(MAX_GENERIC_XLOG_PAGES - 1)

typedef struct HvMove
{
	const void *entry;			/* of the tuple, as it was read: its identity */
	int			from;			/* positions in the array of blocks */
	int			to;
} HvMove;

/*
 * Moves tuples between nblocks <= HV_MOVE_PAGES pages of one level: one WAL
 * record, or none if nothing could be moved.  Not moved are tuples that are no
 * longer on their page, for which the other page has no room, or which are there
 * already; and the last tuple of an inner page.  Returns how many were moved.
 * The structure lock is held, no page is locked; likewise on return.
 */
extern int	HvMoveTuples(HvIndex *index, int level, const BlockNumber *blocks, int nblocks,
						 const HvMove *moves, int nmoves);

/* a page that is taken out of the tree */
typedef struct HvRemoval
{
	BlockNumber block;
	int			level;
	BlockNumber parent;
	BlockNumber target;			/* gets its tuples, InvalidBlockNumber = none */
} HvRemoval;

/*
 * Moves all tuples of a page to the target, takes it out of its parent and makes
 * it free: one WAL record.  Then frees the slot of its centroid: another one.
 * False, with nothing done, where the target lacks the room, or where the parent
 * would be left without a child.  Locks as above.
 */
extern bool HvMoveOut(HvIndex *index, const HvRemoval *removal);

#endif							/* HVMOVE_H */
