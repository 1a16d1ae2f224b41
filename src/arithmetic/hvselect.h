/*-------------------------------------------------------------------------
 *
 * hvselect.h
 *	  Taking the few smallest of many: quickselect and sort on float keys.
 *
 * NOTES
 *	  Scans keep thousands of candidates and want the nearest few dozen, now
 *	  and then the next few dozen.  Partitioning an array costs a fraction of
 *	  keeping a heap of everything.
 *
 *	  Keys are finite.  Ties are broken by the id, so that the same candidates
 *	  come out whatever order they went in.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvselect.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSELECT_H
#define HVSELECT_H

#include <stdint.h>

typedef struct HvKeyed
{
	float		key;
	uint32_t	extra;			/* the caller's, not looked at */
	uint64_t	id;
} HvKeyed;

/* Moves the m smallest of items[0 .. n - 1] to the front, in any order. O(n). */
extern void HvSelectSmallest(HvKeyed *items, int64_t n, int64_t m);

/* Sorts items[0 .. n - 1], smallest key first. */
extern void HvSortKeyed(HvKeyed *items, int64_t n);

#endif							/* HVSELECT_H */
