/*-------------------------------------------------------------------------
 *
 * hvsplitmix.h
 *	  The random numbers of rotations, samples and clusters.
 *
 * NOTES
 *	  splitmix64: the same numbers for a seed on every machine, compiler and
 *	  server version.  The rotation of every index file is made of them, so
 *	  this generator may never change.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvsplitmix.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSPLITMIX_H
#define HVSPLITMIX_H

#include <stdint.h>

/* Steps *state and returns 64 random bits. */
static inline uint64_t
HvSplitmixNext(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

#endif							/* HVSPLITMIX_H */
