/*-------------------------------------------------------------------------
 *
 * layoutprice.h
 *	  The cheapest way of each layout to a wanted recall.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/layoutprice.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef LAYOUTPRICE_H
#define LAYOUTPRICE_H

#include <stdbool.h>

#include "layoutrank.h"

/* what is kept of a row, and how a query reads it */
typedef enum LayoutKind
{
	LAYOUT_KIND_HAMMING,		/* sign codes, Hamming, rerank */
	LAYOUT_KIND_PLANES,			/* sign codes, planes, rerank */
	LAYOUT_KIND_CASCADE,		/* Hamming, the best of them by planes, rerank */
	LAYOUT_KIND_TWO_BITS,		/* cascade, then two-bit codes on refine pages */
	LAYOUT_KIND_FOUR_BITS,
	LAYOUT_KIND_RESIDUAL,		/* sign codes of residuals, planes, rerank */
	LAYOUT_KINDS
} LayoutKind;

extern const char *const LayoutKindNames[LAYOUT_KINDS];

typedef struct LayoutPlan
{
	bool		possible;
	const LayoutRanks *ranks;	/* how many leaves */
	double		survivors;		/* scored by planes after Hamming */
	double		refined;		/* read on refine pages */
	double		fetched;		/* rows of the heap */
	double		us;
} LayoutPlan;

/*
 * The cheapest plan among the given numbers of leaves that reaches recall@10.
 * heap_us is the price of a row of the heap.
 */
extern LayoutPlan LayoutPlanCheapest(LayoutKind kind, const LayoutRanks *const *grid, int ngrid,
									 int bits, double recall, double heap_us);

/* bytes a row that refine pages add */
extern double LayoutRefineBytes(LayoutKind kind, int bits);

#endif							/* LAYOUTPRICE_H */
