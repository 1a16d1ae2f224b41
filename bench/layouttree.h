/*-------------------------------------------------------------------------
 *
 * layouttree.h
 *	  A tree in memory, shaped as one in pages would be, for weighing layouts.
 *
 * NOTES
 *	  Level 0 is the leaves; the children of node i of level h are the nodes
 *	  first[i] .. first[i + 1] - 1 of level h - 1, and for a leaf the rows
 *	  members[first[i]] and so on.  The root page is what points to the
 *	  uppermost level.  A leaf has at most one page of tuples.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/layouttree.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef LAYOUTTREE_H
#define LAYOUTTREE_H

#include "arithmetic/hvkmeans.h"
#include "arithmetic/hvselect.h"
#include "arithmetic/hvspace.h"

#define LAYOUT_MAX_LEVELS	8

/* the rows of a set, as seen in the tree space */
typedef struct LayoutSet
{
	int			n;
	int			bits;			/* dimensions of the tree space */
	float	   *rows;			/* n * bits */
	HvVectors	vectors;		/* the same in bytes */
	uint8_t    *codes;			/* n * bits / 8 */
	HvCodeFactors *factors;
} LayoutSet;

typedef struct LayoutLevel
{
	int			n;
	int			room;
	float	   *centroids;		/* n * bits */
	uint8_t    *codes;			/* n * bits / 8 */
	HvCodeFactors *factors;
	int		   *first;			/* n + 1 */
} LayoutLevel;

typedef struct LayoutTree
{
	const LayoutSet *set;
	bool		spill;
	int			leaf_capacity;
	int			inner_capacity;
	int			nlevels;
	LayoutLevel levels[LAYOUT_MAX_LEVELS];
	int		   *members;		/* rows, leaf by leaf */
	int			ntuples;
	float	   *radius2;		/* leaf by leaf: mean squared distance from the centroid */
} LayoutTree;

/* how nodes are compared with the query on the way down */
typedef enum LayoutRouting
{
	LAYOUT_ROUTE_FLOAT,
	LAYOUT_ROUTE_PLANES,
	LAYOUT_ROUTE_HAMMING
} LayoutRouting;

typedef struct LayoutQuery
{
	const float *q;				/* bits floats */
	const HvQueryCode *code;	/* not needed for LAYOUT_ROUTE_FLOAT */
	float		norm2;
} LayoutQuery;

/* what a descent read */
typedef struct LayoutCost
{
	int64_t		pages;			/* above the leaves */
	int64_t		codes;
} LayoutCost;

/* fill: tuples that k-means is to give a leaf, as a part of what a page holds */
extern LayoutTree *LayoutTreeBuild(const LayoutSet *set, bool spill, double fill);
extern void LayoutTreeFree(LayoutTree *tree);

/* nodes looked into at level h: wanted / 2^(h - 1 + shift), but at least some */
typedef struct LayoutBeam
{
	int			least;
	int			shift;
} LayoutBeam;

/* The nearest leaves of a query, nearest first; room for "wanted" of them. */
extern int	LayoutTreeDescend(const LayoutTree *tree, const LayoutQuery *query,
							  LayoutRouting routing, int wanted, LayoutBeam beam,
							  HvKeyed *leaves, LayoutCost *cost);

/* bytes of all pages, float centroids in bytes included */
extern double LayoutTreeBytes(const LayoutTree *tree);

#endif							/* LAYOUTTREE_H */
