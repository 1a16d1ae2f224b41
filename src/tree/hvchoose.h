/*-------------------------------------------------------------------------
 *
 * hvchoose.h
 *	  Which leaf, or leaves, a row belongs to.
 *
 * NOTES
 *	  Insert and build ask the same question of different page sources.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvchoose.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCHOOSE_H
#define HVCHOOSE_H

#include "tree/hvdescend.h"

#define HV_MAX_COPIES	2

/* the leaves of a row: the first is its own, the second its spilled copy's */
typedef struct HvChoice
{
	int			count;			/* 1 or 2; 0 where the tree changed underneath */
	BlockNumber leaves[HV_MAX_COPIES];
	float		distance;		/* squared, to the centroid of the first; 0 if it has none */
} HvChoice;

typedef struct HvChooser
{
	HvPageSource *source;
	const HvLayout *layout;
	bool		spill;
	bool		(*is_full) (void *arg, BlockNumber leaf);	/* NULL = none is */
	void	   *is_full_arg;
	HvDescent	descent;
	const float *shift;			/* for HvQueryPrepare; NULL unless the caller sets it */
	float	   *shifted;		/* the row about the mean before */
	HvQuery		query;
	float	   *residual;		/* of the first leaf, code_bits floats */
	int8	   *centroids;		/* of the leaves looked at, code_bits each */
} HvChooser;

/*
 * All memory is taken from context, once.  A caller that fills leaves to a limit
 * sets is_full afterwards.
 */
extern void HvChooserInit(HvChooser *chooser, HvPageSource *source, const HvLayout *layout,
						  bool spill, MemoryContext context);

/*
 * Chooses leaves for o, a vector of the tree space (code_bits floats).  seq as
 * for HvDescentBegin, mean version as for HvQueryPrepare.  One page is locked at
 * a time, none on return.
 */
extern void HvChoose(HvChooser *chooser, const float *o, uint64 seq, uint16 mean_version,
					 HvChoice *choice);

/*
 * The squared distance of the row that was placed last, o again, to a centroid, and the
 * squared length of that; false if there is no such centroid any more.
 */
extern bool HvChooseDistance(HvChooser *chooser, const float *o, BlockNumber centroid_block,
							 int slot, float *distance, float *norm2);

#endif							/* HVCHOOSE_H */
