/*-------------------------------------------------------------------------
 *
 * hvmeta.h
 *	  The metapage, and all that follows from it, ready for use.
 *
 * NOTES
 *	  The mean and the rotation of an index are kept in the relation cache; an
 *	  HvIndex is a private copy of them, made from a metapage read just now, so
 *	  that nothing in it can be older than its fields "seq" and "mean_version".
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvmeta.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMETA_H
#define HVMETA_H

#include "arithmetic/hvspace.h"
#include "page/hvpage.h"
#include "storage/hvstoresource.h"
#include "tree/hvoptions.h"
#include "tree/hvquery.h"

typedef struct HvIndex
{
	Relation	relation;
	HvMetaData	meta;			/* as of HvIndexOpen */
	HvLayout	layout;			/* valid when meta.dim > 0 */
	HvSpace		space;			/* likewise; mean and rotation in this chunk */
	const float *shift;			/* code_bits floats: what must be added to a vector
								 * of the tree space to have it about the mean before;
								 * NULL unless pages about that may be left */
} HvIndex;

/*
 * A private copy of the metapage and what belongs to it, in the current memory
 * context, one chunk.  Errors on a damaged metapage (ERRCODE_INDEX_CORRUPTED)
 * and on a newer format (ERRCODE_FEATURE_NOT_SUPPORTED).
 */
extern HvIndex *HvIndexOpen(Relation relation);

/* Prepares o (code_bits floats of the tree space) for the codes of an index. */
extern void HvIndexQuery(const HvIndex *index, const float *o, HvQuery *query);

/*
 * Is a tree or centroid page of this mean version about the mean before?  Errors
 * if it is about any other than the two that there can be, so index must have
 * been opened under the structure lock.
 */
extern bool HvIndexIsOld(const HvIndex *index, BlockNumber block, uint16 mean_version);

/* The metapage alone, read now. */
extern void HvMetaRead(Relation relation, HvMetaData *meta);

/*
 * Errors where an index without a dimension has a root with rows: the dimension is
 * stored before the first row is.  One page is locked at a time, none on return.
 */
extern void HvMetaRequireEmpty(Relation relation);

/*
 * The metapage as the relation cache remembers it, for estimates: as old as
 * the last HvIndexOpen of this backend, read now if there was none.
 */
extern void HvMetaRecall(Relation relation, HvMetaData *meta);

/* The layout that a metapage describes. */
extern void HvMetaLayout(const HvMetaData *meta, HvLayout *layout);

/* An image of the metapage. */
extern void HvMetaPageInit(Page page, const HvMetaData *meta);

/*
 * Fills what follows from metric, dimension and options: code_bits, the sizes
 * of entries and the capacities of pages.
 */
extern void HvMetaShape(HvMetaData *meta, int dim, const HvBuildOptions *options);

/*
 * Fixes the dimension of an index that has none yet, one WAL record; does
 * nothing where another session was first.
 */
extern void HvMetaSetDim(Relation relation, int dim);

/* Stores what the index has measured about itself, one WAL record. */
extern void HvMetaSetCurve(Relation relation, const HvCurve *curve,
						   const HvCurveOrigin *origin);

/* Stores how many of so many leaves ten rows take (hvreach.h), one WAL record. */
extern void HvMetaSetReach(Relation relation, uint32 reach, uint32 leaves);

/*
 * Has a tree just grown to a size at which it is looked at: to "first" leaves, or by
 * a factor since?
 */
extern bool HvMetaIsLookDue(uint32 leaves, uint32 first, double growth);

/*
 * The metapage, and the pages of the means that it names, which HvIndexOpen reads only
 * if they are not in the relation cache.
 */
extern void HvMetaReadMeans(Relation relation, HvMetaData *meta);

/*
 * Writes a mean of n floats to pages of its own (structure lock held, or a
 * build); returns the first block.  Each page is a WAL record of its own: the
 * mean counts only when the metapage names it.
 */
extern BlockNumber HvMeanWrite(Relation relation, const float *mean, int n, uint16 mean_version);

#endif							/* HVMETA_H */
