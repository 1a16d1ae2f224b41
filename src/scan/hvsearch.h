/*-------------------------------------------------------------------------
 *
 * hvsearch.h
 *	  From a query vector to candidate rows: the index side of a scan.
 *
 * NOTES
 *	  A search reads leaves in order of their distance and pours their tuples
 *	  into a pool.  It can be carried on until every tuple of the index is in
 *	  the pool, whatever splits happen meanwhile.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvsearch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSEARCH_H
#define HVSEARCH_H

#include "nodes/bitmapset.h"
#include "portability/instr_time.h"

#include "heap/hvtype.h"
#include "scan/hvcandidates.h"
#include "scan/hvparallel.h"
#include "tree/hvdescend.h"
#include "tree/hvleaf.h"
#include "tree/hvmeta.h"
#include "tree/hvsizing.h"

typedef struct HvSearch
{
	Relation	relation;
	MemoryContext context;		/* lives as long as the query vector */
	HvIndex    *index;			/* as of the beginning */
	HvSizing	sizing;
	const HvVectorView *query;
	HvParallel *parallel;		/* NULL unless there are other participants */
	HvQuery    *prepared;
	uint64		since;			/* structure counter when the search began: stays when
								 * the query is prepared again */
	HvStoreSource source;
	HvDescent	descent;
	HvLeafScorer scorer;
	HvCandidates candidates;
	Bitmapset  *seen_leaves;	/* blocks of the leaves read, unless they are claimed */
	int			leaves_read;
	int64		leaf_tuples;
	int64		cutoff_tuples;	/* of them when the scorer's cutoff was taken */
	bool		exhausted;		/* everything is in the pool */
	instr_time	prepare_time;
	instr_time	tree_time;
	instr_time	leaves_time;
} HvSearch;

/* how near the next leaf must be to be read */
typedef struct HvGoal
{
	double		stop;			/* of HvSizing, 0 = it need not be */
	double		near;			/* the squared distance of a row, 0 = the tenth */
	double		least;			/* leaves to be read before */
} HvGoal;

/*
 * One search object serves one scan; memory comes from context (reset by the caller).
 * In a parallel scan it is this participant's part of it.
 */
extern void HvSearchBegin(HvSearch *search, Relation relation, const HvVectorView *query,
						  HvParallel *parallel, MemoryContext context);

/* Leaves read so far, by all participants. */
extern int	HvSearchLeaves(const HvSearch *search);

/* Is the whole tree one page?  Known after the first HvSearchVisit. */
extern bool HvSearchIsOnePage(const HvSearch *search);

/*
 * Reads leaves until "leaves" have been read in all, by whatever participant, or none is left.  Locks
 * one page at a time, none on return.
 */
extern void HvSearchVisit(HvSearch *search, int leaves);

/*
 * The same, but stops before a leaf whose squared distance times "stop" is more than
 * "near"; where near is 0, than that of the tenth of the rows met, by its estimate.
 * HasArrived: would it read nothing at all?
 */
extern void HvSearchApproach(HvSearch *search, int leaves, HvGoal goal);
extern bool HvSearchHasArrived(const HvSearch *search, HvGoal goal);

#endif							/* HVSEARCH_H */
