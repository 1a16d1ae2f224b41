/*-------------------------------------------------------------------------
 *
 * hvacl.h
 *	  Who may look into an index, or work on it, and as whom.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvacl.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVACL_H
#define HVACL_H

#include "postgres.h"

#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* what is done with an index, each more than the one before */
typedef enum HvAclUse
{
	/*
	 * sizes and counts: SELECT on what is indexed, or pg_read_all_stats,
	 * pg_stat_scan_tables
	 */
	HV_ACL_LOOK,

	/* its pages are read into the cache: SELECT on what is indexed */
	HV_ACL_READ,

	/*
	 * the result depends on each row of the table: no row-level security
	 * either
	 */
	HV_ACL_READ_ROWS
} HvAclUse;

/*
 * Opens an index with its table, to be read: both under AccessShareLock.
 * Errors where it is no hvtree index, or one that cannot be read now, or where
 * the current user may not use it so.  SELECT on the table will do, or on the
 * columns of an index that has neither expressions nor a condition.
 */
extern void HvAclRead(Oid oid, HvAclUse use, Relation *heap, Relation *index);

/*
 * The same for what blocks others.  Errors where the current user neither may
 * VACUUM the table nor is a member of pg_stat_scan_tables.
 */
extern void HvAclCheck(Oid oid, Relation *heap, Relation *index);

/*
 * The same for maintenance, both under ShareUpdateExclusiveLock.  Errors where
 * the current user may not VACUUM the table, or during recovery.
 */
extern void HvAclMaintain(Oid oid, Relation *heap, Relation *index);

/*
 * The same to be read, both under AccessShareLock, on a standby too: for what
 * belongs to an index without being in it.  Errors where the current user may
 * not VACUUM the table.
 */
extern void HvAclOwned(Oid oid, Relation *heap, Relation *index);

/* Errors unless the current user owns the database. */
extern void HvAclDatabase(void);

/* Closes both, and releases the locks. */
extern void HvAclClose(Relation heap, Relation index, LOCKMODE lock);

/* the calling user, while functions run as the table's owner */
typedef struct HvCaller
{
	Oid			user;
	int			context;
	int			nest_level;		/* of settings */
} HvCaller;

/*
 * Reading a row may run the functions of an index expression, which the owner
 * of the table chose.  Between Enter and Leave they run with the owner's
 * rights and no others, as in VACUUM.  An error in between needs no Leave.
 */
extern void HvOwnerEnter(HvCaller *caller, Relation heap);
extern void HvOwnerLeave(const HvCaller *caller);

#endif							/* HVACL_H */
