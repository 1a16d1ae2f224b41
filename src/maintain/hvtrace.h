/*-------------------------------------------------------------------------
 *
 * hvtrace.h
 *	  The rows that a search far wider than any scan finds, and their leaves.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvtrace.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVTRACE_H
#define HVTRACE_H

#include "heap/hvheap.h"
#include "tree/hvmeta.h"

/* neighbours that a trace can be made to find at most */
#define HV_TRACE_NEIGHBORS	1150

/* a row of the table that was found near a query */
typedef struct HvTraceRow
{
	float		square;			/* its squared distance in the tree space, exact */
	float		estimate;		/* what its code says of that */
	float		error;			/* standard error of the estimate */
	int			leaf;			/* its leaf is the leaf-th nearest, from 1 */
} HvTraceRow;

/* what one query has found */
typedef struct HvTrace
{
	int			neighbors;		/* that it was made to find, if there are so many */
	int			nleaves;		/* leaves read */
	float	   *distances;		/* of the leaves, squared, as the descent estimates them */
	int			nrows;
	HvTraceRow *rows;			/* nearest first */
} HvTrace;

typedef struct HvTracer HvTracer;

/*
 * A tracer that reads up to so many leaves a query; memory from the current
 * context.
 */
extern HvTracer *HvTracerBegin(HvIndex *index, HvHeap *heap, int width);

/* From now on it reads that many; no more than before. */
extern void HvTracerNarrow(HvTracer *tracer, int width);

/*
 * Traces the vector of the row at id as a query, as if that row and copies of
 * its vector were not in the index.  So many neighbors are found; what the
 * trace holds is taken from the current memory context.  False where the row
 * cannot be a query (it is gone, or has no direction), or where the mean of
 * the index changes meanwhile.  One page is locked at a time, none on return.
 */
extern bool HvTraceRowQuery(HvTracer *tracer, uint64 id, int neighbors, HvTrace *trace);

/*
 * Which leaves hold the neighbors of that row, as their codes tell: no row but that is
 * read.  Returns how many neighbors there are, 0 where the row cannot be a query.
 */
extern int	HvTraceRowLeaves(HvTracer *tracer, uint64 id, int neighbors, int *leaves);

/* HvTraceRowQuery for a vector of the index's dimensions, whether it is a row or not. */
extern bool HvTraceGivenQuery(HvTracer *tracer, const float *values, int neighbors,
							  HvTrace *trace);

#endif							/* HVTRACE_H */
