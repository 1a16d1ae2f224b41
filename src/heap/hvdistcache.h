/*-------------------------------------------------------------------------
 *
 * hvdistcache.h
 *	  Distances of the rows a scan has just sent, for the operators.
 *
 * NOTES
 *	  The executor computes "column <-> query" once more for every row that a
 *	  scan returns, which for an out-of-line vector means to open the TOAST
 *	  table and read it a second time.  The scan has computed it already.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvdistcache.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVDISTCACHE_H
#define HVDISTCACHE_H

#include "postgres.h"

#include "heap/hvtype.h"

typedef struct HvDistCache HvDistCache;

/*
 * An empty cache of a scan that reads values of a TOAST table.  It is searched
 * until context is reset or deleted, which must be before the scan's snapshot
 * and its lock on the table are released.  NULL where it could not be trusted,
 * or would not be used.
 */
extern HvDistCache *HvDistCacheBegin(Oid toast_table, const HvTypeInfo *type,
									 const HvVectorView *query, MemoryContext context);

/*
 * Notes the distance of a value to the scan's query; the oldest is forgotten.
 */
extern void HvDistCacheAdd(HvDistCache *cache, Oid value, double distance);

/*
 * The distance of two arguments of real[], if one of them is a value of which
 * some running scan has computed the distance to the other.
 */
extern bool HvDistCacheFind(Datum a, Datum b, HvMetric metric, double *distance);

#endif							/* HVDISTCACHE_H */
