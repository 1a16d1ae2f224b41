/*-------------------------------------------------------------------------
 *
 * hvqueryset.c
 *	  Vectors to search with, as an SQL query returns them.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvqueryset.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "sql/hvqueryset.h"

/* Errors unless a plan is that of one SELECT that changes and locks nothing. */
static void
check_plan(SPIPlanPtr plan, const char *function)
{
	List	   *sources = SPI_plan_get_plan_sources(plan);
	CachedPlanSource *source = list_length(sources) == 1 ? linitial(sources) : NULL;
	Query	   *query = source && list_length(source->query_list) == 1 ?
		linitial(source->query_list) : NULL;

	if (query == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query of %s must be one command, not %d", function,
						list_length(sources))));
	if (query->commandType != CMD_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query of %s must be a SELECT", function)));
	if (query->hasModifyingCTE || query->rowMarks != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("query of %s must not change or lock rows", function)));
}

/*
 * Errors unless the rows that a query returns begin with a vector of the
 * index.
 */
static void
check_columns(TupleDesc desc, const char *function, Relation index)
{
	Oid			wanted = TupleDescAttr(RelationGetDescr(index), 0)->atttypid;
	Oid			type;

	if (desc->natts == 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query of %s returns no column", function),
				 errhint("Its first column must be of the type of the indexed column.")));
	type = SPI_gettypeid(desc, 1);
	if (getBaseType(type) != getBaseType(wanted))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("query of %s returns type %s, the index has %s", function,
						format_type_be(type), format_type_be(wanted)),
				 errhint("Its first column must be of the type of the indexed column.")));
}

void
HvQuerySetRun(HvQuerySet *set, const char *function, const char *query, Relation index,
			  int most)
{
	MemoryContext context = CurrentMemoryContext;
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(index), 0);
	SPIPlanPtr	plan;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	check_plan(plan, function);
	if (SPI_execute_plan(plan, NULL, NULL, true, most + 1) != SPI_OK_SELECT)
		elog(ERROR, "query of %s is not executed as a SELECT", function);
	check_columns(SPI_tuptable->tupdesc, function, index);
	if (SPI_processed > (uint64) most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query of %s returns more than %d rows", function, most)));

	set->count = 0;
	set->values = MemoryContextAlloc(context, Max(SPI_processed, 1) * sizeof(Datum));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old;

		if (isnull)
			continue;
		old = MemoryContextSwitchTo(context);
		set->values[set->count++] = datumCopy(value, column->attbyval, column->attlen);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
}
