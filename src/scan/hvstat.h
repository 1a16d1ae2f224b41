/*-------------------------------------------------------------------------
 *
 * hvstat.h
 *	  What scans have done, counted by index since the server started.
 *
 * NOTES
 *	  From PostgreSQL 17 on all backends count in one table in shared memory,
 *	  which the first of them makes; nothing need be preloaded.  Before 17 each
 *	  backend has a table of its own.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvstat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSTAT_H
#define HVSTAT_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "scan/hvinstrument.h"

/* indexes that are counted one by one: two megabytes */
#define HV_STAT_INDEXES	1024

/* what is added up; times in nanoseconds */
typedef enum HvStatCounter
{
	HV_STAT_SCANS,
	HV_STAT_LEAVES,
	HV_STAT_CODES,
	HV_STAT_CANDIDATES,
	HV_STAT_FETCHES,
	HV_STAT_ROWS,
	HV_STAT_INDEX_HIT,
	HV_STAT_INDEX_READ,
	HV_STAT_HEAP_HIT,
	HV_STAT_HEAP_READ,
	HV_STAT_TOAST_HIT,
	HV_STAT_TOAST_READ,
	HV_STAT_TIME,
	HV_STAT_PREPARE_TIME,
	HV_STAT_TREE_TIME,
	HV_STAT_LEAVES_TIME,
	HV_STAT_RERANK_TIME,
	HV_STAT_COUNTERS			/* how many there are */
} HvStatCounter;

/*
 * Scans by how long they took: whole microseconds up to 8, then eight buckets
 * to each doubling, so that a bucket is an eighth of its time wide or less;
 * the last one ends after 18 minutes and takes all that is longer.
 */
#define HV_STAT_BUCKETS 224

/* one index, as it was when it was read */
typedef struct HvStatRow
{
	Oid			index;
	TimestampTz since;			/* of the first scan, or of the last reset */
	uint64		counts[HV_STAT_COUNTERS];
	uint64		buckets[HV_STAT_BUCKETS];
} HvStatRow;

/* the table as a whole, all databases */
typedef struct HvStatTotals
{
	bool		shared;			/* by all backends */
	int			indexes;		/* that have an entry */
	uint64		forgotten;		/* scans of indexes whose entry was evicted */
} HvStatTotals;

/* Counts a scan that has ended, of an index of the current database. */
extern void HvStatAddScan(const HvScanStats *scan);

/*
 * The entries of the current database, in the current memory context; *n: how
 * many.
 */
extern HvStatRow *HvStatRead(int *n);

extern void HvStatReadTotals(HvStatTotals *totals);

/*
 * Sets the counts of an index of the current database to zero, InvalidOid:
 * those of all of them.
 */
extern void HvStatReset(Oid index);

/*
 * The time in microseconds that a share of the scans of an index did not
 * exceed, about.
 */
extern double HvStatQuantile(const HvStatRow *row, double share);

#endif							/* HVSTAT_H */
