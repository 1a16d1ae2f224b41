/*-------------------------------------------------------------------------
 *
 * hvcandidates.h
 *	  The candidates of a scan, nearest first on demand, each row once.
 *
 * NOTES
 *	  Thousands are added and a few dozen taken, so they are kept in a plain
 *	  array that is partitioned on demand.  A row may be in two leaves, or be
 *	  met again after a split moved it: it is taken once.
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
	struct seen_hash *seen;		/* rows that were taken */
} HvCandidates;

extern void HvCandidatesInit(HvCandidates *candidates, MemoryContext context);

/*
 * Room for n more candidates, to be filled by the caller (which may hold a page
 * lock by then) and added by HvCandidatesAdded.
 */
extern HvCandidate *HvCandidatesReserve(HvCandidates *candidates, int n);
extern void HvCandidatesAdded(HvCandidates *candidates, int n);

/*
 * Takes up to max candidates with key < bound, nearest first, into out; rows
 * that were taken before are dropped.  Returns how many.
 */
extern int	HvCandidatesTake(HvCandidates *candidates, float bound, int max, HvCandidate *out);

/*
 * The rows of all candidates that were not taken, each once, in the order of their
 * row pointers; *n: how many.  They count as taken.
 */
extern uint64 *HvCandidatesTakeAll(HvCandidates *candidates, int64 *n);

/* The key of the m-th nearest candidate, FLT_MAX if there are not so many. */
extern float HvCandidatesRankKey(HvCandidates *candidates, int64 m);

static inline bool
HvCandidatesIsEmpty(const HvCandidates *candidates)
{
	return candidates->first >= candidates->count;
}

#endif							/* HVCANDIDATES_H */
