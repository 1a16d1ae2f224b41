/*-------------------------------------------------------------------------
 *
 * hvmaintain.c
 *	  hvtree_maintain: the care that VACUUM takes of a tree, on demand.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvmaintain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"

#include "hvaccess.h"
#include "hvupkeep.h"

PG_FUNCTION_INFO_V1(hvtree_maintain);

#define RESULT_COLUMNS	8

static Datum
report(FunctionCallInfo fcinfo, const HvUpkeep *upkeep)
{
	TupleDesc	desc;
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != RESULT_COLUMNS)
		elog(ERROR, "return type must be a row of %d columns", RESULT_COLUMNS);
	values[0] = Int64GetDatum(upkeep->pages);
	values[1] = Int64GetDatum(upkeep->rows_read);
	values[2] = Int64GetDatum(upkeep->moved);
	values[3] = Int64GetDatum(upkeep->recentered);
	values[4] = Int64GetDatum(upkeep->merged);
	values[5] = Int64GetDatum(upkeep->freed);
	values[6] = Int32GetDatum(upkeep->levels);
	values[7] = BoolGetDatum(upkeep->complete);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * Looks after every leaf, whether it has changed or not, from where the last
 * run ended, until so many rows have been read; a negative number is no limit.
 */
Datum
hvtree_maintain(PG_FUNCTION_ARGS)
{
	HvUpkeep	upkeep = {0};
	HvCaller	caller;

	HvAccessMaintain(PG_GETARG_OID(0), &upkeep.heap, &upkeep.index);
	upkeep.strategy = GetAccessStrategy(BAS_VACUUM);
	upkeep.budget = PG_GETARG_INT64(1);
	upkeep.every_leaf = true;
	HvOwnerEnter(&caller, upkeep.heap);
	HvUpkeepRun(&upkeep);
	HvOwnerLeave(&caller);
	FreeAccessStrategy(upkeep.strategy);
	HvAccessClose(upkeep.heap, upkeep.index, ShareUpdateExclusiveLock);
	PG_RETURN_DATUM(report(fcinfo, &upkeep));
}
