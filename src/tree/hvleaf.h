/*-------------------------------------------------------------------------
 *
 * hvleaf.h
 *	  Scoring the tuples of one leaf page.
 *
 * NOTES
 *	  A candidate is a row with a lower bound of its squared distance: the
 *	  estimate less "margin" standard errors.  Rows are ordered by the lower
 *	  bound, not by the estimate, so that a rough estimate does not lose them.
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
#include "tree/hvcondition.h"
#include "tree/hvquery.h"

/* key = lower bound of the squared distance, id = HvRowPack(tid) */
typedef HvKeyed HvCandidate;

typedef struct HvLeafScorer
{
	const HvQuery *query;
	const HvLayout *layout;
	const HvConditions *conditions; /* on key columns, or NULL */
	float		margin;			/* standard errors below the estimate */
	float		max_norm;		/* inner product: M of the space */
	float		cutoff;			/* a lower bound above this is not worth refining */
	int64		tuples;			/* met so far */
	int64		codes;			/* of these, that passed the conditions: scored */
	int64		refined;		/* those that got the asymmetric estimate */
} HvLeafScorer;

/*
 * Scores the tuples of a leaf page, which the caller has locked, that pass the
 * conditions; out has room for leaf_capacity candidates.  Returns how many it
 * wrote.  Allocates nothing.
 */
extern int	HvLeafScore(HvLeafScorer *scorer, Page page, HvCandidate *out);

#endif							/* HVLEAF_H */
