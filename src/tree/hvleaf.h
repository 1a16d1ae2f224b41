/*-------------------------------------------------------------------------
 *
 * hvleaf.h
 *	  Scoring the tuples of one leaf page.
 *
 * NOTES
 *	  A candidate is a row with a lower bound of its squared distance: the
 *	  estimate less "margin" standard errors.  Ordering by the lower bound
 *	  rather than by the estimate gives a rough estimate its chance.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvleaf.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVLEAF_H
#define HVLEAF_H

#include <float.h>

#include "arithmetic/hvcode.h"
#include "arithmetic/hvselect.h"
#include "page/hvpage.h"
#include "tree/hvquery.h"

/* key = lower bound of the squared distance, id = HvRowPack(tid) */
typedef HvKeyed HvCandidate;

/* estimates of the nearest rows that were met, so that the last one's is at hand */
#define HV_NEAREST_ROWS	10

typedef struct HvNearest
{
	int			count;
	int			last;			/* of them, the farthest */
	float		squares[HV_NEAREST_ROWS];
	uint64		ids[HV_NEAREST_ROWS];
} HvNearest;

typedef struct HvLeafScorer
{
	const HvQuery *query;
	const HvLayout *layout;
	float		margin;			/* standard errors below the estimate */
	float		max_norm;		/* inner product: M of the space */
	float		cutoff;			/* a lower bound above this is not worth refining */
	int64		codes;			/* codes scored so far */
	int64		refined;		/* those that got the asymmetric estimate */
	HvNearest	nearest;		/* of those */
} HvLeafScorer;

/* The tenth of the nearest, FLT_MAX as long as there are not so many. */
static inline float
HvNearestLast(const HvNearest *nearest)
{
	return nearest->count < HV_NEAREST_ROWS ? FLT_MAX : nearest->squares[nearest->last];
}

/* Takes a row in among the nearest, unless it is there (it may stand in two leaves). */
extern void HvNearestNote(HvNearest *nearest, uint64 id, float square);

/*
 * Scores all tuples of a leaf page, which the caller has locked; out has room
 * for leaf_capacity candidates.  Returns how many it wrote.  Allocates nothing.
 */
extern int	HvLeafScore(HvLeafScorer *scorer, Page page, HvCandidate *out);

#endif							/* HVLEAF_H */
