/*-------------------------------------------------------------------------
 *
 * hvqueryset.h
 *	  Vectors to search with, as an SQL query returns them.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvqueryset.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVQUERYSET_H
#define HVQUERYSET_H

#include "postgres.h"

#include "utils/relcache.h"

typedef struct HvQuerySet
{
	int			count;
	Datum	   *values;			/* of the type that the index has; none is NULL */
} HvQuerySet;

/*
 * Takes the first column of what a query returns, without NULLs, into memory
 * of the current context.  The query is one SELECT that changes nothing,
 * returns the type of the indexed column and "most" rows at most; all else is
 * an error, which names the function that was given the query.  It is run as
 * the current user, with the active snapshot.
 */
extern void HvQuerySetRun(HvQuerySet *set, const char *function, const char *query,
						  Relation index, int most);

#endif							/* HVQUERYSET_H */
