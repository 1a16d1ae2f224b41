/*-------------------------------------------------------------------------
 *
 * hvmean.h
 *	  The mean that the codes of a grown index are about.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvmean.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMEAN_H
#define HVMEAN_H

#include "hvmembers.h"

/*
 * Takes the first mean of an index from the rows of its root, a leaf, and encodes
 * its tuples anew: loads members->vectors, writes tuples (which comes as a copy
 * of the page), and changes mean, max_norm and encoding of this backend's
 * members->index.  Nothing of it counts before the metapage says so.  Returns
 * the first block of the mean.  Structure lock held, no page locked.
 */
extern BlockNumber HvMeanTake(HvMembers *members, HvHeap *heap, Page tuples);

#endif							/* HVMEAN_H */
