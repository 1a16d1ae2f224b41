/*-------------------------------------------------------------------------
 *
 * hvacl.c
 *	  Opening an index for an SQL function, with the rights that it takes.
 *
 * NOTES
 *	  Tables are locked before their indexes, as everywhere.  Rights are checked
 *	  before anything is locked: a user that has none cannot block others.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvacl.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "page/hvcompat.h"
#include "scan/hvscan.h"
#include "sql/hvacl.h"

/* Errors unless oid is an index of one table, not of a partitioned one. */
static void
check_kind(Oid oid)
{
	char		kind = get_rel_relkind(oid);

	if (kind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("relation with OID %u does not exist", oid)));
	if (kind == RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" is partitioned", get_rel_name(oid)),
				 errhint("Name the indexes of its partitions, one by one.")));
	if (kind != RELKIND_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index", get_rel_name(oid))));
}

/* Errors unless the index is of our kind and can be read here and now. */
static void
check_index(Relation index)
{
	const char *name = RelationGetRelationName(index);

	if (index->rd_indam->amgettuple != hvgettuple)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" is not an hvtree index", name)));
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary indexes of other sessions")));
	if (!index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", name),
				 errhint("Its build has not finished, or failed; REINDEX it in that case.")));
	if (index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("unlogged index \"%s\" cannot be read during recovery", name)));
}

static void
open_both(Oid oid, Oid table, LOCKMODE lock, Relation *heap, Relation *index)
{
	*heap = table_open(table, lock);
	*index = index_open(oid, lock);

	/* the number may belong to another index by now */
	if ((*index)->rd_index->indrelid != table)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index \"%s\" was replaced while it was being opened",
						RelationGetRelationName(*index))));
	check_index(*index);
}

/* The table of an index. */
static Oid
table_of(Oid index)
{
	Oid			table;

	check_kind(index);
	table = IndexGetRelation(index, true);
	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("relation with OID %u does not exist", index)));
	return table;
}

/*
 * May the current user SELECT what is indexed?  What expressions and
 * conditions read is not looked for: they take a right to the whole table, as
 * in messages of the core.
 */
static bool
may_select(Oid table, Oid index)
{
	HeapTuple	tuple;
	Form_pg_index form;
	bool		may;

	if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return true;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	may = heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	for (int i = 0; may && i < form->indnatts; i++)
	{
		AttrNumber	column = form->indkey.values[i];

		may = column != 0 &&
			pg_attribute_aclcheck(table, column, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
	}
	ReleaseSysCache(tuple);
	return may;
}

/* Would a query of the current user see some of the rows only? */
static void
require_all_rows(Oid table)
{
	if (check_enable_rls(table, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row-level security of table \"%s\" applies to the current user",
						get_rel_name(table)),
				 errdetail("The answer would depend on rows that policies hide.")));
}

void
HvAclRead(Oid oid, HvAclUse use, Relation *heap, Relation *index)
{
	Oid			table = table_of(oid);

	if (!may_select(table, oid) &&
		!(use == HV_ACL_LOOK &&
		  (has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		   has_privs_of_role(GetUserId(), ROLE_PG_STAT_SCAN_TABLES))))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(table));
	if (use == HV_ACL_READ_ROWS)
		require_all_rows(table);
	open_both(oid, table, AccessShareLock, heap, index);
}

/* The table of an index, which the current user must be allowed to VACUUM. */
static Oid
require_maintain(Oid oid)
{
	Oid			table = table_of(oid);

	if (!HvCompatMayMaintain(table))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(table));
	return table;
}

void
HvAclCheck(Oid oid, Relation *heap, Relation *index)
{
	Oid			table = has_privs_of_role(GetUserId(), ROLE_PG_STAT_SCAN_TABLES) ?
		table_of(oid) : require_maintain(oid);

	open_both(oid, table, AccessShareLock, heap, index);
}

void
HvAclMaintain(Oid oid, Relation *heap, Relation *index)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recovery is in progress"),
				 errhint("An hvtree index can be maintained on the primary only.")));
	open_both(oid, require_maintain(oid), ShareUpdateExclusiveLock, heap, index);
}

void
HvAclOwned(Oid oid, Relation *heap, Relation *index)
{
	open_both(oid, require_maintain(oid), AccessShareLock, heap, index);
}

void
HvAclDatabase(void)
{
	if (!HvCompatOwnsDatabase())
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_DATABASE, get_database_name(MyDatabaseId));
}

void
HvAclClose(Relation heap, Relation index, LOCKMODE lock)
{
	index_close(index, lock);
	table_close(heap, lock);
}

void
HvOwnerEnter(HvCaller *caller, Relation heap)
{
	GetUserIdAndSecContext(&caller->user, &caller->context);
	SetUserIdAndSecContext(heap->rd_rel->relowner,
						   caller->context | SECURITY_RESTRICTED_OPERATION);
	caller->nest_level = NewGUCNestLevel();
	HV_SINCE_17(RestrictSearchPath());
}

void
HvOwnerLeave(const HvCaller *caller)
{
	AtEOXact_GUC(false, caller->nest_level);
	SetUserIdAndSecContext(caller->user, caller->context);
}
