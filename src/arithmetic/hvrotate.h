/*-------------------------------------------------------------------------
 *
 * hvrotate.h
 *	  A seeded random rotation of any number of dimensions.
 *
 * NOTES
 *	  Four rounds of random sign flips and a fast Hadamard transform.  When n
 *	  is not a power of two the transform covers the first 2^floor(log2 n)
 *	  coordinates in the even rounds and the last so many in the odd ones.  The
 *	  two windows may have little in common, so that after the second round
 *	  coordinate j of the first half is mixed with coordinate j of the last
 *	  half, (x, y) -> (x + y, x - y) / sqrt(2) (an odd n leaves the middle one
 *	  alone).  Once, and there: by then both windows have been transformed.
 *	  Mixing in every round would split a coordinate that no window has covered
 *	  yet into two, one of which the next window may miss again; at n = 1536 an
 *	  eighth of the square of single coordinates stayed in two places that way.
 *
 *	  The result is orthogonal: lengths and angles stay.  The signs come from
 *	  the seed alone, by a generator written down here (splitmix64), so the same
 *	  seed gives the same rotation on every machine and in every release: the
 *	  index file depends on it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvrotate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVROTATE_H
#define HVROTATE_H

#include <stddef.h>
#include <stdint.h>

#define HV_ROTATE_ROUNDS	4

typedef struct HvRotation
{
	int			n;				/* dimensions, >= 1 */
	int			window;			/* largest power of two <= n */
	float		scale;			/* what all rounds together must be multiplied by */
	float		signs[];		/* HV_ROTATE_ROUNDS * n values, +1 or -1 */
} HvRotation;

/* bytes of an HvRotation for n dimensions */
extern size_t HvRotationSize(int n);

/* fills rot (HvRotationSize(n) bytes, caller's memory) from the seed */
extern void HvRotationInit(HvRotation *rot, int n, uint64_t seed);

/* x <- R x, in place, rot->n floats */
extern void HvRotationApply(const HvRotation *rot, float *x);

#endif							/* HVROTATE_H */
