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

/*
 * Says how many rows will be asked for, after a rescan and before the first row: for
 * callers that are no executor, whose LIMIT the scan would find by itself.
 */
extern void HvScanSetRows(IndexScanDesc scan, double rows);

extern IndexScanDesc hvbeginscan(Relation index, int nkeys, int norderbys);
extern void hvrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
					 int norderbys);
extern bool hvgettuple(IndexScanDesc scan, ScanDirection direction);
extern void hvendscan(IndexScanDesc scan);

#endif							/* HVSCAN_H */
