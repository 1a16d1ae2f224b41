/*-------------------------------------------------------------------------
 *
 * hvcentroid.h
 *	  The byte vectors of centroids in a finished index.
 *
 * NOTES
 *	  Queries never read them; inserts read a few, splits write them.  All
 *	  functions that write need the structure lock and are one WAL record
 *	  each.  A slot that a crash leaves behind without an owner is a small leak,
 *	  not damage: VACUUM collects it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvcentroid.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCENTROID_H
#define HVCENTROID_H

#include "hvmeta.h"

typedef struct HvCentroidRef
{
	BlockNumber block;
	uint16		slot;
} HvCentroidRef;

/* Stores centroid (code_bits floats) in a free slot. */
extern HvCentroidRef HvCentroidAdd(HvIndex *index, const float *centroid);

/*
 * Makes the centroids of a page image that is about the mean before be about the
 * mean of index.
 */
extern void HvCentroidPageShift(HvIndex *index, Page page);

/* Overwrites a centroid as a part of a caller's action. */
extern void HvCentroidSet(HvAction *action, HvIndex *index, HvCentroidRef ref,
						  const float *centroid);

/* Overwrites a centroid. */
extern void HvCentroidUpdate(HvIndex *index, HvCentroidRef ref, const float *centroid);

/* Gives a slot back. */
extern void HvCentroidRemove(HvIndex *index, HvCentroidRef ref);

/*
 * Reads a centroid into code_bits floats, about the mean of index; errors where
 * there is none.
 */
extern void HvCentroidRead(HvIndex *index, HvCentroidRef ref, float *centroid);

#endif							/* HVCENTROID_H */
