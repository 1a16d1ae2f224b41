/*-------------------------------------------------------------------------
 *
 * hvsvd.h
 *	  The leading singular vectors of a sparse matrix.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvsvd.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSVD_H
#define HVSVD_H

#include <stddef.h>
#include <stdint.h>

/* row i has the entries start[i] .. start[i + 1] - 1 */
typedef struct HvSparse
{
	int			rows;
	int			columns;
	size_t	   *start;
	int32_t    *column;
	float	   *value;
} HvSparse;

/*
 * The rows of a matrix X = U S V' in the coordinates of its first dim singular
 * vectors, U S^(1/2): rows * dim floats that are the caller's.  The root of the
 * singular values is what lets the later directions count.  The same seed gives
 * the same result, but for the order in which a processor adds.
 */
extern float *HvSvdProject(const HvSparse *matrix, int dim, uint64_t seed);

#endif							/* HVSVD_H */
