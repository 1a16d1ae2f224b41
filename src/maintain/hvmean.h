/*-------------------------------------------------------------------------
 *
 * hvmean.h
 *	  The mean that the codes of a grown index are about.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvmean.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMEAN_H
#define HVMEAN_H

#include "tree/hvmembers.h"

/*
 * Computes the first mean of an index from the rows of its root, a leaf, and
 * encodes its tuples again: loads members->vectors, changes tuples (a copy of
 * the page), and changes mean, max_norm and mean version of this backend's
 * members->index.  None of it is in effect before the metapage names the mean.
 * Returns the first block of the mean.  Structure lock held, no page locked.
 */
extern BlockNumber HvMeanTake(HvMembers *members, HvHeap *heap, Page tuples);

/*
 * Compares the mean of an index with that of a sample of its rows, and where
 * they are far apart makes the sample's the mean: pages of it, then one WAL
 * record.  All pages are then about the mean before (hvconvert.h).  Does
 * nothing while an earlier change is not finished.  Adds the rows read to
 * *rows_read.  Returns whether the mean changed; then index must be opened
 * again.  Structure lock held, no page locked; likewise on return.
 */
extern bool HvMeanReview(HvIndex *index, HvHeap *heap, int64 *rows_read);

/*
 * The same for inserts, which look only when a tree has reached certain sizes,
 * and convert a small tree at once, a large one bit by bit.
 */
extern void HvMeanReviewAfterSplit(HvIndex *index, HvHeap *heap);

#endif							/* HVMEAN_H */
