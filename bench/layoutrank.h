/*-------------------------------------------------------------------------
 *
 * layoutrank.h
 *	  At what place does each way to estimate distances put the true neighbours?
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/layoutrank.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef LAYOUTRANK_H
#define LAYOUTRANK_H

#include <limits.h>

#include "layouttree.h"

#define LAYOUT_K		10
#define LAYOUT_MAX_K	100

/* the ways to estimate */
typedef enum LayoutEstimate
{
	LAYOUT_HAMMING,				/* sign against sign, corrected by both norms */
	LAYOUT_PLANES,				/* sign against four bit planes */
	LAYOUT_TWO_BITS,			/* second-stage codes, against a float query */
	LAYOUT_FOUR_BITS,
	LAYOUT_RESIDUAL,			/* sign codes relative to the leaf's centroid */
	LAYOUT_ESTIMATES
} LayoutEstimate;

#define LAYOUT_MISSING	INT_MAX /* was in none of the leaves */

/* the queries, in the tree space */
typedef struct LayoutQueries
{
	int			n;
	const float *rows;			/* n * bits */
	const int  *truth;			/* n * LAYOUT_MAX_K, nearest first */
	int			ntruth;			/* neighbours known of each query */
} LayoutQueries;

/* codes that a set has besides those of the tree */
typedef struct LayoutCodes
{
	int8_t	   *values[2];		/* two and four bits: odd numbers, n * bits */
	float	   *scale[2];		/* |o|^2 / <o, values> */
} LayoutCodes;

/* what one number of leaves gives */
typedef struct LayoutRanks
{
	int			leaves;			/* wanted */
	double		inner_pages;	/* means over the queries */
	double		inner_codes;
	double		leaf_pages;
	double		codes;			/* leaf tuples scored, second copies included */
	double		ceiling[LAYOUT_MAX_K + 1];	/* share of the true k nearest met, k = 1, 10, .. */
	int			nranks;			/* queries * LAYOUT_K */
	int		   *ranks[LAYOUT_ESTIMATES];	/* 0 = estimated nearest */
} LayoutRanks;

/* one row met by a query */
typedef struct LayoutCandidate
{
	int			row;
	float		exact;			/* squared, in the tree space */
	float		estimate[LAYOUT_ESTIMATES];
} LayoutCandidate;

extern void LayoutCodesMake(const LayoutSet *set, LayoutCodes *codes);

/*
 * All different rows of the given leaves.  candidates has room for all tuples
 * of the tree.  With codes NULL only HAMMING and PLANES are estimated.
 */
extern int	LayoutCollect(const LayoutTree *tree, const LayoutCodes *codes,
						  const LayoutQuery *query, const HvKeyed *leaves, int nleaves,
						  LayoutCandidate *candidates);

/* Ranks of all queries for a number of leaves; free with LayoutRanksFree. */
extern LayoutRanks *LayoutRank(const LayoutTree *tree, const LayoutCodes *codes,
							   const LayoutQueries *queries, LayoutRouting routing,
							   int leaves, LayoutBeam beam);
extern void LayoutRanksFree(LayoutRanks *ranks);

#endif							/* LAYOUTRANK_H */
