/*-------------------------------------------------------------------------
 *
 * layoutrule.h
 *	  Rules by which a scan may choose for itself how much to read.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/layoutrule.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef LAYOUTRULE_H
#define LAYOUTRULE_H

#include <stdbool.h>

#include "layoutrank.h"

/*
 * "Rerank, in the order of estimate - z * error, until that exceeds the k-th
 * exact distance": what is lost against reranking all, and how many are read.
 * The error is that of vectors at a right angle, or, by_angle, that of the
 * angle that the estimate tells.
 */
typedef struct LayoutRerankRule
{
	double		z;
	bool		by_angle;
	double		lost;			/* share of the neighbours that the leaves held */
	double		mean;			/* rows reranked */
	double		p95;
} LayoutRerankRule;

extern void LayoutRerankTry(const LayoutTree *tree, const LayoutQueries *queries, int leaves,
							LayoutRerankRule *rules, int nrules);

/*
 * "After at least some leaves, stop when the next one's estimated squared
 * distance d2 exceeds factor times the k-th exact one, limit2."  Or, by_radius:
 * "when (d2 + r2 - limit2) / (2 sqrt(d2 r2)) exceeds factor", r2 the mean
 * squared distance of the leaf's tuples from its centroid: how far, in standard
 * deviations times the root of the intrinsic dimension, a tuple would have to
 * lie off the middle to be nearer than the limit.
 */
typedef struct LayoutStopRule
{
	int			least;
	double		factor;
	bool		by_radius;
	double		recall;			/* share of the true nearest in the leaves read */
	double		mean;			/* leaves */
	double		p95;
} LayoutStopRule;

extern void LayoutStopTry(const LayoutTree *tree, const LayoutQueries *queries, int most,
						  LayoutStopRule *rules, int nrules);

#endif							/* LAYOUTRULE_H */
