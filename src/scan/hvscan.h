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
 * Sets how many rows the caller wants, after a rescan and before the first
 * row: for callers other than the executor, whose LIMIT the scan finds by
 * itself.
 */
extern void HvScanSetRows(IndexScanDesc scan, double rows);

extern IndexScanDesc hvbeginscan(Relation index, int nkeys, int norderbys);
extern void hvrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
					 int norderbys);
extern bool hvgettuple(IndexScanDesc scan, ScanDirection direction);
extern void hvendscan(IndexScanDesc scan);

#endif							/* HVSCAN_H */
