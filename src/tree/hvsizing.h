/*-------------------------------------------------------------------------
 *
 * hvsizing.h
 *	  How far a scan looks: the rules that scan and cost estimate share.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvsizing.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSIZING_H
#define HVSIZING_H

#include "page/hvpage.h"
#include "tree/hvoptions.h"

typedef struct HvSizing
{
	bool		measured;		/* by the curve of the index */
	bool		grown;			/* the index has outgrown that curve */
	double		rows;			/* that the query wants, 0 = unknown */
	double		tuples_a_row;	/* met for each row that counts: more than 1 where many
								 * are dead, or fail conditions */
	HvCurvePoint at[HV_CURVE_RANKS];	/* of the curve, for the target */
	double		fewest;			/* leaves, whatever the curve says */
	double		power;			/* leaves grow by this power of the rows beyond it */
	double		leaf_tuples;	/* in a leaf, 0 = unknown */
	bool		by_hand;		/* probes are what the user has set */
	double		dither;			/* 0 .. 1, see HvSizingDither */
	double		probes;			/* set or by rule: leaves before the first ten rows */
	double		rerank;			/* rows before the first ten rows, < 0 = by bounds */
	HvLevelProbes per_level;	/* if set: nodes opened on each level */
	float		margin;			/* standard errors of HvLeafScorer */
	int			cutoff_rank;	/* the candidate whose key is the scorer's cutoff */
	int			max_scan_tuples;	/* 0 = no bound */
} HvSizing;

extern void HvSizingInit(HvSizing *sizing, const HvMetaData *meta,
						 const HvScanOptions *options);

/* Was an index measured when it was about as large as it is? */
extern bool HvSizingHasCurve(const HvMetaData *meta);

/* By a curve alone, for a target; by the fixed rules where it is empty. */
extern void HvSizingFromCurve(HvSizing *sizing, const HvCurve *curve, double target_recall);

/* For a query that wants so many rows; 0 = unknown, as after Init. */
extern void HvSizingSetRows(HvSizing *sizing, double rows);

/*
 * Says that rows must satisfy conditions, after SetRows: the nearest of those that
 * do may be far away, where estimates do not tell them apart.
 */
extern void HvSizingSetConditions(HvSizing *sizing);

/*
 * Says how many tuples a scan has met for each row that counts: one that is
 * visible and satisfies its conditions.
 */
extern void HvSizingSetTuples(HvSizing *sizing, double tuples_a_row);

/*
 * Leaves to have been read before the k-th row is taken, k >= 1; Wanted is the
 * mean of all queries, which is not a whole number.
 */
extern int	HvSizingLeaves(const HvSizing *sizing, double k);
extern double HvSizingWanted(const HvSizing *sizing, double k);

/*
 * Dithers the fraction of a number of leaves: of ten queries that want 2.3
 * leaves on the average three read three.  Which ones is decided by a hash of
 * the query's code.  Where few leaves hold most neighbours a leaf more or less
 * is too much: .04 of recall.
 */
extern void HvSizingDither(HvSizing *sizing, const uint8 *code, int bytes);

/*
 * How near a leaf must be to be read for the k-th row, for HasArrived; 0 = it
 * need not be.
 */
extern double HvSizingStop(const HvSizing *sizing, double k);

/*
 * Leaves that are read before a scan may stop, of so many at most: a share.  A
 * query that is far from all rows has all leaves at about the same distance,
 * and looks easy.
 */
extern double HvSizingLeast(double leaves);

/*
 * The rule by which a scan for k rows stops early: "next", the squared
 * distance of the next leaf as the descent estimates it, times "stop" is more
 * than "near", the exact one of the k-th nearest of the visible rows measured
 * so far (INFINITY if they are fewer).  Scans and their replays use this rule
 * and no other.
 */
static inline bool
HvSizingHasArrived(double stop, double next, double near)
{
	return stop > 0 && next * stop > near;
}

/* Leaves that a scan of k rows is expected to read, for the cost estimate. */
extern double HvSizingExpectedLeaves(const HvSizing *sizing, double k);

/* Rows to have been reranked before it, with a fixed rerank. */
extern int64 HvSizingRerank(const HvSizing *sizing, double k);

/* Rows that reranking by bounds fetches for k rows, for the cost estimate. */
extern double HvSizingExpectedFetches(const HvSizing *sizing, double k);

#endif							/* HVSIZING_H */
