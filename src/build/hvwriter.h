/*-------------------------------------------------------------------------
 *
 * hvwriter.h
 *	  Writing a tree into a new index, from the leaves up.
 *
 * NOTES
 *	  Leaves come one after the other; whenever the leaves of one parent are
 *	  complete, its page is written, and so on upwards.  A parent with more
 *	  children than a page holds becomes several pages.  Pages go to shared
 *	  buffers without WAL: the build logs them all at its end.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvwriter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVWRITER_H
#define HVWRITER_H

#include "build/hvbuildstate.h"

typedef struct HvWriter HvWriter;

/*
 * Writes placeholders for metapage and root, and the mean.  Memory is taken
 * from the current context.
 */
extern HvWriter *HvWriterBegin(HvBuild *build);

/*
 * Writes one leaf.  centroid has code_bits floats; its weight in the centroid
 * of the parent is the number of tuples.
 */
extern void HvWriterAddLeaf(HvWriter *writer, Page leaf, const float *centroid);

/* No more children for the page that is being collected on this level. */
extern void HvWriterClose(HvWriter *writer, int level);

/*
 * Writes what is left, root and metapage; a single leaf becomes the root
 * itself.
 */
extern void HvWriterFinish(HvWriter *writer, int height);

#endif							/* HVWRITER_H */
