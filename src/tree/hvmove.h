/*-------------------------------------------------------------------------
 *
 * hvmove.h
 *	  Tuples go from page to page of one level.
 *
 * NOTES
 *	  Every move stamps the pages it takes from and adds to with the next value
 *	  of the structure counter, so that scans and VACUUM that want every tuple
 *	  come back to them (src/README, "Why no row is lost or returned twice").
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

/* pages that one record can move tuples between: the metapage takes the fourth place */
#define HV_MOVE_PAGES	(MAX_GENERIC_XLOG_PAGES - 1)

typedef struct HvMove
{
	const void *entry;			/* of the tuple, as it was read: its identity */
	int			from;			/* positions in the array of blocks */
	int			to;
} HvMove;

/*
 * Moves tuples between nblocks <= HV_MOVE_PAGES pages of one level: one WAL record,
 * or none if nothing could be moved.  Left where they are: tuples that are not
 * on their page any more, for which the other page has no room, or which are
 * there already; and the last tuple of an inner page.  Returns how many were
 * moved.  The structure lock is held, nothing else; likewise on return.
 */
extern int	HvMoveTuples(HvIndex *index, int level, const BlockNumber *blocks, int nblocks,
						 const HvMove *moves, int nmoves);

/* a page on its way out of the tree */
typedef struct HvRemoval
{
	BlockNumber block;
	int			level;
	BlockNumber parent;
	BlockNumber heir;			/* takes what tuples it has, InvalidBlockNumber = none */
} HvRemoval;

/*
 * Moves all tuples of a page to its heir, takes it out of its parent and makes it
 * free: one WAL record.  Then gives back the slot of its centroid: another one.
 * False, with nothing done, where the heir lacks the room, or where the parent
 * would be left without a child.  Locks as above.
 */
extern bool HvMoveOut(HvIndex *index, const HvRemoval *removal);

#endif							/* HVMOVE_H */
