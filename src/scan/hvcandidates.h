/*-------------------------------------------------------------------------
 *
 * hvcandidates.h
 *	  The candidates of a scan, nearest first on demand, each row once.
 *
 * NOTES
 *	  Thousands go in and a few dozen come out, so the pool is a plain array
 *	  that is partitioned when somebody asks.  A row may stand in two leaves,
 *	  or be met again after a split moved it: it comes out once.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvcandidates.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCANDIDATES_H
#define HVCANDIDATES_H

#include "tree/hvleaf.h"

struct seen_hash;

typedef struct HvCandidates
{
	MemoryContext context;
	HvCandidate *items;			/* [first, sorted) in order, the rest in none */
	int64		first;
	int64		sorted;
	int64		count;
	int64		capacity;
	int64		taken;			/* in all */
	struct seen_hash *seen;		/* rows that have come out */
} HvCandidates;

extern void HvCandidatesInit(HvCandidates *candidates, MemoryContext context);

/*
 * Room for n more candidates, to be filled by the caller (who may hold a page
 * lock by then) and made known by HvCandidatesAdded.
 */
extern HvCandidate *HvCandidatesReserve(HvCandidates *candidates, int n);
extern void HvCandidatesAdded(HvCandidates *candidates, int n);

/*
 * Takes up to max candidates with key < bound, nearest first, into out; rows
 * that came out before are dropped.  Returns how many.
 */
extern int	HvCandidatesTake(HvCandidates *candidates, float bound, int max, HvCandidate *out);

/* The key of the m-th nearest candidate, FLT_MAX if there are not so many. */
extern float HvCandidatesRankKey(HvCandidates *candidates, int64 m);

static inline bool
HvCandidatesIsEmpty(const HvCandidates *candidates)
{
	return candidates->first >= candidates->count;
}

#endif							/* HVCANDIDATES_H */
