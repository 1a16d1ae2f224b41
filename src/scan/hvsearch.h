/*-------------------------------------------------------------------------
 *
 * hvsearch.h
 *	  From a query vector to candidate rows: the index side of a scan.
 *
 * NOTES
 *	  A search reads leaves in order of their distance and adds their tuples to
 *	  the candidates.  It can go on until every tuple of the index is among
 *	  them, whatever splits happen meanwhile.
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

#include "heap/hvtype.h"
#include "scan/hvcandidates.h"
#include "scan/hvinstrument.h"
#include "scan/hvparallel.h"
#include "tree/hvdescend.h"
#include "tree/hvleaf.h"
#include "tree/hvmeta.h"
#include "tree/hvsizing.h"

/* enough for 2^39 rows */
#define HV_MET_LEVELS	40

typedef struct HvSearch
{
	Relation	relation;
	MemoryContext context;		/* lives as long as the query vector */
	HvIndex    *index;			/* as of the beginning */
	HvSizing	sizing;
	const HvVectorView *query;
	double		rows;			/* that the query wants, 0 = unknown */
	const HvConditions *conditions; /* on key columns, or NULL */
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
	int64		leaf_tuples;	/* of them that are candidates */
	int64		met[HV_MET_LEVELS]; /* tuples met when 2^i of them satisfied the conditions */
	int			met_levels;		/* of these that are known */
	int64		cutoff_tuples;	/* of them when the scorer's cutoff was taken */
	bool		exhausted;		/* every tuple is among the candidates */
	HvInstrument *instrument;
} HvSearch;

/* how far a search goes on: see HvSizingHasArrived */
typedef struct HvGoal
{
	int			leaves;			/* to be read at most, by all participants */
	double		least;			/* to be read in any case */
	double		stop;			/* of HvSizing, 0 = all of them are read */
	double		near;			/* squared distance that the next leaf is compared with */
} HvGoal;

/*
 * One search object serves one scan; memory comes from the current context,
 * which must be the one that is reset with the query vector.  rows is how many
 * the query wants, 0 = unknown.  In a parallel scan it is this participant's
 * share of it.  Tuples that do not pass the conditions are no candidates.
 */
extern void HvSearchBegin(HvSearch *search, Relation relation, const HvVectorView *query,
						  double rows, const HvConditions *conditions, HvParallel *parallel,
						  HvInstrument *instrument);

/*
 * How many tuples are met before k of them satisfy the conditions: as it was, or
 * where fewer have been found, as it has been so far.  k without conditions.
 */
extern double HvSearchTuplesFor(const HvSearch *search, double k);

/* Leaves read so far, by all participants. */
extern int	HvSearchLeaves(const HvSearch *search);

/* Is the whole tree one page?  Known after the first HvSearchVisit. */
extern bool HvSearchIsOnePage(const HvSearch *search);

/*
 * Reads leaves until the goal is reached, or none is left.  Locks one page at
 * a time, none on return.  HasArrived: would it read nothing at all?
 */
extern void HvSearchApproach(HvSearch *search, HvGoal goal);
extern bool HvSearchHasArrived(const HvSearch *search, HvGoal goal);

/*
 * The same until so many leaves have been read in all, by whatever
 * participant.
 */
extern void HvSearchVisit(HvSearch *search, int leaves);

/*
 * Reads all leaves that were not read yet, in block order.  Locks as the others
 * do.  Not for a parallel scan.
 */
extern void HvSearchRest(HvSearch *search);

/* Fills in the counts of an account that are the search's. */
extern void HvSearchAccount(const HvSearch *search, HvScanStats *stats);

#endif							/* HVSEARCH_H */
