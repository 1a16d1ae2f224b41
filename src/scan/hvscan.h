/*-------------------------------------------------------------------------
 *
 * hvscan.h
 *	  Ordered index scans, and what the last one of this backend did.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvscan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSCAN_H
#define HVSCAN_H

#include "postgres.h"

#include "access/relscan.h"
#include "access/sdir.h"

#include "page/hvpage.h"
#include "storage/hvbuffers.h"

/* times in microseconds; counts since the last rescan */
typedef struct HvScanStats
{
	Oid			index;			/* InvalidOid before the first scan */
	int			height;
	int64		pages[HV_MAX_LEVEL + 1];	/* by level, 0 = leaves */
	int64		tuples[HV_MAX_LEVEL + 1];
	int64		codes_scored;
	int64		candidates;		/* that got the finer estimate */
	int64		heap_fetches;
	int64		rows_emitted;
	HvBuffers	index_buffers;	/* touched by the access method */
	HvBuffers	heap_buffers;
	HvBuffers	toast_buffers;
	double		scan_us;		/* first call, and the work of the later ones */
	double		prepare_us;
	double		tree_us;
	double		leaves_us;
	double		rerank_us;
} HvScanStats;

extern const HvScanStats *HvLastScan(void);

extern IndexScanDesc hvbeginscan(Relation index, int nkeys, int norderbys);
extern void hvrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
					 int norderbys);
extern bool hvgettuple(IndexScanDesc scan, ScanDirection direction);
extern void hvendscan(IndexScanDesc scan);

#endif							/* HVSCAN_H */
