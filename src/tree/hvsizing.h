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
	double		leaves[HV_CURVE_RANKS]; /* at most before the first 10, 100 rows */
	double		read;			/* on the average before the first ten */
	double		stop[HV_CURVE_RANKS];	/* see HvSizingStop; 0 = never */
	double		fetches[HV_CURVE_RANKS];	/* rows reranked for them */
	double		dither;			/* 0 .. 1, see HvSizingDither */
	double		probes;			/* by hand or rule: leaves before the first ten rows */
	double		rerank;			/* rows before the first ten rows, < 0 = by bounds */
	HvLevelProbes per_level;	/* by hand: nodes opened on each level */
	float		margin;			/* standard errors of HvLeafScorer */
	int			cutoff_rank;	/* the candidate whose key is the scorer's cutoff */
	int			max_scan_tuples;	/* 0 = no bound */
} HvSizing;

extern void HvSizingInit(HvSizing *sizing, const HvMetaData *meta,
						 const HvScanOptions *options);

/* What a curve alone says, for a target; the fixed rules where it is empty. */
extern void HvSizingFromCurve(HvSizing *sizing, const HvCurve *curve, double target_recall);

/*
 * Leaves to have been read before the k-th row goes out, k >= 1; Wanted is the mean
 * of all queries, and no whole number.
 */
extern int	HvSizingLeaves(const HvSizing *sizing, double k);
extern double HvSizingWanted(const HvSizing *sizing, double k);

/*
 * Gives a query its share of a fraction: of ten queries that want 2.3 leaves on the
 * average three read three.  Which ones the query's own code decides.  Where few leaves
 * hold most neighbours a leaf more or less is too much: .04 of recall.
 */
extern void HvSizingDither(HvSizing *sizing, const uint8 *code, int bytes);

/*
 * A scan that looks for the k-th row stops before it has read so many when the distance
 * of the next leaf, squared, times this is more than that of the tenth row met (of rows
 * beyond ten: of the nearest that was not sent yet).  0 = it does not.
 */
extern double HvSizingStop(const HvSizing *sizing, double k);

/*
 * Leaves that are read before a scan stops: a share of the most for ten rows.  A query that
 * is far from all rows has all leaves at about the same distance, and looks easy.
 */
extern double HvSizingLeast(const HvSizing *sizing);

/* Leaves that a scan of k rows is expected to read, for the cost estimate. */
extern double HvSizingExpectedLeaves(const HvSizing *sizing, double k);

/* Rows to have been reranked before it, with a fixed rerank. */
extern int64 HvSizingRerank(const HvSizing *sizing, double k);

/* Rows that reranking by bounds fetches for k rows, for the cost estimate. */
extern double HvSizingExpectedFetches(const HvSizing *sizing, double k);

#endif							/* HVSIZING_H */
