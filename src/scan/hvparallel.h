/*-------------------------------------------------------------------------
 *
 * hvparallel.h
 *	  What the participants of a parallel scan share.
 *
 * NOTES
 *	  Each participant descends the tree by itself, in the same order of leaves,
 *	  and reads those that it is the first to claim.  It claims each row before
 *	  it reranks it, so that each is returned once, whatever copies of it there
 *	  are.  src/README, "Parallel scans", explains why none is lost.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvparallel.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVPARALLEL_H
#define HVPARALLEL_H

#include "postgres.h"

#include "access/genam.h"
#include "storage/block.h"

#include "page/hvcompat.h"
#include "scan/hvlimit.h"
#include "tree/hvleaf.h"

/* Access method functions; each is called in the leader. */
extern Size hvestimateparallelscan(HV_PARALLEL_ESTIMATE_PARAMS);
extern void hvinitparallelscan(void *target);
extern void hvparallelrescan(IndexScanDesc scan);

/* one participant's side of a parallel scan */
typedef struct HvParallel HvParallel;

/*
 * Joins the scan; NULL if it is not a parallel one.  Leaves it when context is
 * reset.  To be called again after a rescan.
 */
extern HvParallel *HvParallelJoin(IndexScanDesc scan, MemoryContext context);

/*
 * What the leader's plan wants of all participants together; without the node.
 */
extern HvLimit HvParallelLimit(const HvParallel *parallel);

/*
 * The structure counter when the scan began: seq, read just now, if this
 * participant is the first that calls this.  To be called before any page of
 * the tree is read.
 */
extern uint64 HvParallelSince(HvParallel *parallel, uint64 seq);

/*
 * Is this participant the one to read a leaf?  May allocate, so no page may be
 * locked.  If so it must read it.
 */
extern bool HvParallelClaimLeaf(HvParallel *parallel, BlockNumber block);

/*
 * Keeps those of n candidates that this participant is the first to claim; how
 * many.
 */
extern int	HvParallelClaimRows(HvParallel *parallel, HvCandidate *candidates, int n);

/* What all participants have done so far, and a share of it to be added. */
typedef enum HvParallelCount
{
	HV_LEAVES_READ,
	HV_ROWS_FETCHED,
	HV_ROWS_SENT,
	HV_ROWS_KEPT,
	HV_WARNINGS,
	HV_PARALLEL_COUNTS
} HvParallelCount;

extern int64 HvParallelTotal(const HvParallel *parallel, HvParallelCount which);

/* returns the total before */
extern int64 HvParallelAdd(HvParallel *parallel, HvParallelCount which, int64 n);

#endif							/* HVPARALLEL_H */
