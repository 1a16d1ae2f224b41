/*-------------------------------------------------------------------------
 *
 * hvdescend.h
 *	  The way down: from the root to leaves in order of estimated distance.
 *
 * NOTES
 *	  A descent keeps, for each level, the nodes that it has found and how many
 *	  of them it has opened.  To find P leaves it opens the best nodes of every
 *	  level, a beam that narrows by half a level upwards.  It can be widened at
 *	  any time, until every leaf has been found: nodes that are open already are
 *	  not opened again.
 *
 *	  Scans, inserts and the assignment of a build share it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvdescend.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVDESCEND_H
#define HVDESCEND_H

#include "nodes/bitmapset.h"

#include "arithmetic/hvcode.h"
#include "arithmetic/hvselect.h"
#include "page/hvpage.h"
#include "page/hvpagesource.h"
#include "tree/hvoptions.h"
#include "tree/hvquery.h"

/*
 * A node found: key = estimated squared distance, extra = block, id = where its
 * centroid is stored (HvNodeCentroidBlock, HvNodeCentroidSlot).
 */
typedef HvKeyed HvNode;

static inline uint64
HvNodePack(BlockNumber centroid_block, uint16 slot)
{
	return ((uint64) centroid_block << 16) | slot;
}

static inline BlockNumber
HvNodeCentroidBlock(const HvNode *node)
{
	return (BlockNumber) (node->id >> 16);
}

static inline int
HvNodeCentroidSlot(const HvNode *node)
{
	return (int) (node->id & 0xFFFF);
}

typedef struct HvLevelNodes
{
	HvNode	   *nodes;			/* [0, taken) opened, or given out as leaves */
	int			taken;
	int			sorted;			/* leaves: [taken, sorted) are in order */
	int			count;
	int			capacity;
} HvLevelNodes;

typedef struct HvDescent
{
	HvPageSource *source;
	const HvLayout *layout;
	const HvQuery *query;
	MemoryContext context;
	uint64		seq;			/* structure counter when the descent began */
	int			beam;			/* fewest nodes opened a level */
	const HvLevelProbes *per_level; /* instead, for the first leaves; or NULL */
	int			first_leaves;	/* that were wanted at first */
	int			height;			/* level of the root, -1 before it was read */
	bool		stale;			/* met codes about another mean: begin again */
	Bitmapset  *opened;			/* inner pages, once links had to be followed */
	int			pages[HV_MAX_LEVEL + 1];	/* inner pages read, by level */
	int			tuples[HV_MAX_LEVEL + 1];
	HvLevelNodes levels[HV_MAX_LEVEL + 1];
} HvDescent;

/*
 * Prepares a descent for a query; no page is read yet.  All memory is taken
 * from context.  seq is that of the metapage that the query was prepared with.
 */
extern void HvDescentInit(HvDescent *descent, HvPageSource *source,
						  const HvLayout *layout, int beam, MemoryContext context);
extern void HvDescentBegin(HvDescent *descent, const HvQuery *query, uint64 seq);

/*
 * Opens inner nodes until "leaves" leaves can be given out in all, or none are
 * left to find.  One page is locked at a time, none on return.
 */
extern void HvDescentWiden(HvDescent *descent, int leaves);

/* The next leaf, nearest first; NULL where the descent must be widened first. */
extern const HvNode *HvDescentNext(HvDescent *descent);

/* Has every leaf that there was been given out? */
extern bool HvDescentExhausted(const HvDescent *descent);

/*
 * After that: raises an error if the inner pages name a leaf twice, or another
 * number of leaves than the metapage counts, and the tree has not changed since.
 */
extern void HvDescentVerify(HvDescent *descent);

#endif							/* HVDESCEND_H */
