/*-------------------------------------------------------------------------
 *
 * hvexact.h
 *	  Exact nearest neighbours by brute force.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvexact.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVEXACT_H
#define HVEXACT_H

#include <stdbool.h>
#include <stdint.h>

#include "arithmetic/hvmetric.h"
#include "hvsource.h"

typedef struct HvExactJob
{
	const HvSource *base;
	const HvSource *query;
	HvMetric	metric;
	int			k;				/* neighbours wanted of each query, <= base->n */
	int			threads;
	bool		progress;		/* tell stderr how far it is */
} HvExactJob;

/*
 * ids and distances (query->n * k each) of the k nearest of every query, in
 * order of (distance, id): L2 not squared, negative inner product, or 1 - cosine.
 * Every base row is read once, and about k of a query a second time.
 */
extern void HvExactRun(const HvExactJob *job, int32_t *ids, float *distances);

#endif							/* HVEXACT_H */
