/*-------------------------------------------------------------------------
 *
 * hvcompat.h
 *	  What differs between the major versions of PostgreSQL, 14 to 18.
 *
 * NOTES
 *	  Every test of PG_VERSION_NUM stands in this file.  Where a name of the
 *	  newest version can be given to an older one, it is; the rest gets a
 *	  name of its own, Hv... for functions and HV_... for macros.
 *
 *	  Versions that lack a field of IndexAmRoutine or of a planner node are
 *	  served by HV_SINCE_nn(statement): the statement is compiled from that
 *	  version on.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/page/hvcompat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCOMPAT_H
#define HVCOMPAT_H

#include "access/genam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/vacuum.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#endif
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

/* without ICU's own headers, which need not be installed */
#pragma push_macro("USE_ICU")
#undef USE_ICU
#include "utils/pg_locale.h"
#pragma pop_macro("USE_ICU")

#if PG_VERSION_NUM < 140000 || PG_VERSION_NUM >= 190000
#error "hvindex supports PostgreSQL 14 to 18"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM >= 170000
#define HV_HAS_READ_STREAM
#include "storage/read_stream.h"
#ifndef READ_STREAM_USE_BATCHING	/* 18 */
#define READ_STREAM_USE_BATCHING 0
#endif
#endif

#if PG_VERSION_NUM >= 160000
#define HV_SINCE_16(statement) statement
#else
#define HV_SINCE_16(statement)
#endif

#if PG_VERSION_NUM >= 170000
#define HV_SINCE_17(statement) statement
#else
#define HV_SINCE_17(statement)
#endif

#if PG_VERSION_NUM >= 180000
#define HV_SINCE_18(statement) statement
#else
#define HV_SINCE_18(statement)
#endif

/*
 * What the server looks up by name is visible, nothing else is (the Makefile
 * says -fvisibility=hidden).  Before 16 PostgreSQL had no word for that where
 * every symbol was visible by default, and did not declare SQL functions with it.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(function) \
	extern PGDLLEXPORT Datum function(PG_FUNCTION_ARGS); \
	extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, function)(void); \
	const Pg_finfo_record * \
	CppConcat(pg_finfo_, function)(void) \
	{ \
		static const Pg_finfo_record info = {1}; \
		return &info; \
	} \
	extern int	no_such_variable
#endif

/* The module's magic block; 18 shows name and version in pg_get_loaded_modules(). */
#if PG_VERSION_NUM >= 180000
#define HV_MODULE_MAGIC(module, ver) PG_MODULE_MAGIC_EXT(.name = (module), .version = (ver))
#else
#define HV_MODULE_MAGIC(module, ver) PG_MODULE_MAGIC
#endif

/* 18 has one spelling only, and it stands before everything else. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* Settings under our prefix that nobody defined are reported (14) or refused. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* tuplesort_begin_*: a flag for random access became a set of options. */
#if PG_VERSION_NUM < 150000
#define TUPLESORT_NONE false
#endif

/*
 * HvCompatTuplesortGetDatum: the next of a sorted series of pass-by-value
 * datums, false at the end.  16 lets the caller choose whether to copy.
 */
static inline bool
HvCompatTuplesortGetDatum(Tuplesortstate *sort, Datum *value, bool *isnull)
{
#if PG_VERSION_NUM >= 160000
	return tuplesort_getdatum(sort, true, false, value, isnull, NULL);
#else
	return tuplesort_getdatum(sort, true, value, isnull, NULL);
#endif
}

/* vacuum_delay_point() learnt to tell VACUUM from ANALYZE. */
#if PG_VERSION_NUM >= 180000
#define HV_VACUUM_DELAY_POINT() vacuum_delay_point(false)
#else
#define HV_VACUUM_DELAY_POINT() vacuum_delay_point()
#endif

/*
 * ExecutorRun_hook lost execute_once.  Declare a hook as
 *		static void run_hook(HV_EXECUTOR_RUN_PARAMS);
 * and pass its arguments on by next(HV_EXECUTOR_RUN_ARGS).
 */
#if PG_VERSION_NUM >= 180000
#define HV_EXECUTOR_RUN_PARAMS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count
#define HV_EXECUTOR_RUN_ARGS queryDesc, direction, count
#else
#define HV_EXECUTOR_RUN_PARAMS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count, bool execute_once
#define HV_EXECUTOR_RUN_ARGS queryDesc, direction, count, execute_once
#endif

/*
 * HvCompatRunCondition: the conditions, on what they compute, that can end a window
 * function and so the scan below it: row_number() OVER (...) <= 10.  Since 15.
 */
static inline List *
HvCompatRunCondition(const WindowAgg *window)
{
#if PG_VERSION_NUM >= 150000
	return window->topWindow ? window->runCondition : NIL;
#else
	return NIL;
#endif
}

/* HvCompatOwnsDatabase: is the current user, in effect, the owner of this database? */
static inline bool
HvCompatOwnsDatabase(void)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, MyDatabaseId, GetUserId());
#else
	return pg_database_ownercheck(MyDatabaseId, GetUserId());
#endif
}

/*
 * HvCompatMayMaintain: may the current user VACUUM a table?  17 has a right for it,
 * MAINTAIN, which the owner has from the start.
 */
static inline bool
HvCompatMayMaintain(Oid table)
{
#if PG_VERSION_NUM >= 170000
	return pg_class_aclcheck(table, GetUserId(), ACL_MAINTAIN) == ACLCHECK_OK ||
		HvCompatOwnsDatabase();
#elif PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, table, GetUserId()) ||
		HvCompatOwnsDatabase();
#else
	return pg_class_ownercheck(table, GetUserId()) || HvCompatOwnsDatabase();
#endif
}

/*
 * HvCompatGetScanCounts, HvCompatSetScanCounts: what this transaction has counted so far
 * as sequential scans of a table, and the rows that these returned; for reads that are none.
 */
typedef struct HvScanCounts
{
	PgStat_Counter scans;
	PgStat_Counter rows;
} HvScanCounts;

#if PG_VERSION_NUM >= 160000
#define HV_SCAN_COUNT(rel)		((rel)->pgstat_info->counts.numscans)
#define HV_SCAN_ROW_COUNT(rel)	((rel)->pgstat_info->counts.tuples_returned)
#else
#define HV_SCAN_COUNT(rel)		((rel)->pgstat_info->t_counts.t_numscans)
#define HV_SCAN_ROW_COUNT(rel)	((rel)->pgstat_info->t_counts.t_tuples_returned)
#endif

static inline void
HvCompatGetScanCounts(Relation rel, HvScanCounts *counts)
{
	counts->scans = rel->pgstat_info ? HV_SCAN_COUNT(rel) : 0;
	counts->rows = rel->pgstat_info ? HV_SCAN_ROW_COUNT(rel) : 0;
}

static inline void
HvCompatSetScanCounts(Relation rel, const HvScanCounts *counts)
{
	if (rel->pgstat_info == NULL)
		return;
	HV_SCAN_COUNT(rel) = counts->scans;
	HV_SCAN_ROW_COUNT(rel) = counts->rows;
}

/* HvCompatCountScan: one more scan, in pg_stat_*_indexes and in EXPLAIN of 18. */
static inline void
HvCompatCountScan(IndexScanDesc scan)
{
	pgstat_count_index_scan(scan->indexRelation);
#if PG_VERSION_NUM >= 180000
	if (scan->instrument)
		scan->instrument->nsearches++;
#endif
}

/*
 * HvCompatSharedSegment: memory that all backends share by its name until the server
 * restarts; init is called for the first one that asks.  NULL before 17, where
 * there is none for a library that was not preloaded.
 */
static inline void *
HvCompatSharedSegment(const char *name, Size size, void (*init) (void *))
{
#if PG_VERSION_NUM >= 170000
	bool		found;

	return GetNamedDSMSegment(name, size, init, &found);
#else
	return NULL;
#endif
}

/*
 * HvCompatExtendRelation: a new zeroed page at the end of a fork, pinned and
 * exclusively locked.  Takes and releases the extension lock.
 */
static inline Buffer
HvCompatExtendRelation(Relation rel, ForkNumber fork)
{
#if PG_VERSION_NUM >= 160000
	return ExtendBufferedRel(BMR_REL(rel), fork, NULL, EB_LOCK_FIRST);
#else
	bool		lock = !RELATION_IS_LOCAL(rel);
	Buffer		buffer;

	if (lock)
		LockRelationForExtension(rel, ExclusiveLock);
	buffer = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, NULL);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (lock)
		UnlockRelationForExtension(rel, ExclusiveLock);
	return buffer;
#endif
}

/*
 * HvCompatToastSnapshot: the snapshot that TOAST is read with; 18 keeps it itself.
 */
#if PG_VERSION_NUM >= 180000
typedef char HvToastSnapshot;

static inline Snapshot
HvCompatToastSnapshot(HvToastSnapshot *unused)
{
	return get_toast_snapshot();
}
#else
typedef SnapshotData HvToastSnapshot;

static inline Snapshot
HvCompatToastSnapshot(HvToastSnapshot *snapshot)
{
	init_toast_snapshot(snapshot);
	return snapshot;
}
#endif

/*
 * HvCompatSnapshotsExpire: may rows be removed that a snapshot in use sees?  17 gave
 * up old_snapshot_threshold.
 */
static inline bool
HvCompatSnapshotsExpire(void)
{
#if PG_VERSION_NUM >= 170000
	return false;
#else
	return OldSnapshotThresholdActive();
#endif
}

/*
 * amestimateparallelscan got the numbers of keys in 17, and the index in 18.
 * Declare it as
 *		Size hvestimateparallelscan(HV_PARALLEL_ESTIMATE_PARAMS);
 */
#if PG_VERSION_NUM >= 180000
#define HV_PARALLEL_ESTIMATE_PARAMS Relation index, int nkeys, int norderbys
#elif PG_VERSION_NUM >= 170000
#define HV_PARALLEL_ESTIMATE_PARAMS int nkeys, int norderbys
#else
#define HV_PARALLEL_ESTIMATE_PARAMS void
#endif

/* HvCompatParallelTarget: the access method's part of a parallel scan's descriptor. */
static inline void *
HvCompatParallelTarget(IndexScanDesc scan)
{
#if PG_VERSION_NUM >= 180000
	return (char *) scan->parallel_scan + scan->parallel_scan->ps_offset_am;
#else
	return (char *) scan->parallel_scan + scan->parallel_scan->ps_offset;
#endif
}

/* HvCompatBeginIndexScan: index_beginscan without order-by keys. */
static inline IndexScanDesc
HvCompatBeginIndexScan(Relation table, Relation index, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(table, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(table, index, snapshot, nkeys, 0);
#endif
}

/* HvCompatLockIsHeld: does this backend hold a heavyweight lock in this mode? */
static inline bool
HvCompatLockIsHeld(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/* HvCompatRelationFile: the number of a relation's file, renamed in 16. */
static inline Oid
HvCompatRelationFile(Relation relation)
{
#if PG_VERSION_NUM >= 160000
	return relation->rd_locator.relNumber;
#else
	return relation->rd_node.relNode;
#endif
}

/*
 * HvCompatReadRecentBuffer: ReadRecentBuffer for a block of the main fork in shared
 * buffers, with the statistics that only ReadBuffer counts.
 */
static inline bool
HvCompatReadRecentBuffer(Relation relation, BlockNumber block, Buffer buffer)
{
#if PG_VERSION_NUM >= 160000
	if (!ReadRecentBuffer(relation->rd_locator, MAIN_FORKNUM, block, buffer))
		return false;
#else
	if (!ReadRecentBuffer(relation->rd_node, MAIN_FORKNUM, block, buffer))
		return false;
#endif
#if PG_VERSION_NUM >= 180000
	pgstat_count_io_op(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT, 1, 0);
#elif PG_VERSION_NUM >= 160000
	pgstat_count_io_op(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT);
#endif
	pgstat_count_buffer_read(relation);
	pgstat_count_buffer_hit(relation);
	return true;
}

/*
 * HvCompatCollationIsC: are strings compared byte by byte?  Since 18 the collation
 * itself says so.
 */
static inline bool
HvCompatCollationIsC(Oid collation)
{
#if PG_VERSION_NUM >= 180000
	return OidIsValid(collation) && pg_newlocale_from_collation(collation)->collate_is_c;
#else
	return OidIsValid(collation) && lc_collate_is_c(collation);
#endif
}

/* HvCompatBeginOrderedScan: index_beginscan with one order-by key and no other. */
static inline IndexScanDesc
HvCompatBeginOrderedScan(Relation table, Relation index, Snapshot snapshot)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(table, index, snapshot, NULL, 0, 1);
#else
	return index_beginscan(table, index, snapshot, 0, 1);
#endif
}

#endif							/* HVCOMPAT_H */
