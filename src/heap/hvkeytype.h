/*-------------------------------------------------------------------------
 *
 * hvkeytype.h
 *	  Key columns: from an SQL value to the number that a leaf keeps of it.
 *
 * NOTES
 *	  Columns behind the vector are for conditions.  Their operator classes have
 *	  support function 2, which returns a static HvKeyType: how wide the number
 *	  is, how it is made, and what comparing two of them says.  Where that does
 *	  not decide a condition, the executor does, on the row.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvkeytype.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVKEYTYPE_H
#define HVKEYTYPE_H

#include "postgres.h"

#include "utils/relcache.h"

#include "page/hvattribute.h"

/* the support function of an operator class that returns its HvKeyType */
#define HV_SUPPORT_KEY			2
#define HV_NSUPPORT				2

/* strategies of key columns: those of btree, then those of arrays */
#define HV_STRATEGY_LESS		1
#define HV_STRATEGY_LESS_EQUAL	2
#define HV_STRATEGY_EQUAL		3
#define HV_STRATEGY_GREATER_EQUAL 4
#define HV_STRATEGY_GREATER		5
#define HV_STRATEGY_OVERLAP		6
#define HV_STRATEGY_CONTAINS	7
#define HV_NSTRATEGIES			7

/* what keys a and b say of their values x and y */
typedef enum HvKeyOrder
{
	HV_KEY_EXACT,				/* they compare as x and y do */
	HV_KEY_PREFIX,				/* x < y implies a <= b, x = y implies a = b */
	HV_KEY_STRING,				/* x = y implies a = b; where x and y compare byte by
								 * byte the upper half is as PREFIX */
	HV_KEY_ENUM,				/* as EXACT if both are even; = always */
	HV_KEY_SET					/* sets of bits: x contains y implies a contains b */
} HvKeyOrder;

typedef struct HvKeyType
{
	int			width;			/* bytes stored: 1, 2, 4 or 8 */
	HvKeyOrder	order;

	/*
	 * The key of a non-null value, which fits into width bytes with its sign.
	 * Called with no page locked; may leave memory behind in the current
	 * context.
	 */
	int64		(*key) (Datum value, Oid collation);

	/*
	 * The key that a value of another type of the operator family would have,
	 * false if that stands for other values too (it is as HV_KEY_PREFIX then).
	 * NULL: the family has one type.
	 */
	bool		(*convert) (Datum value, Oid type, int64 *key);
} HvKeyType;

/* the key columns of an open index */
typedef struct HvKeyColumns
{
	int			count;
	const HvKeyType *types[HV_MAX_ATTRIBUTES];
	Oid			collations[HV_MAX_ATTRIBUTES];
	HvAttributeLayout layout;
} HvKeyColumns;

/*
 * Fills columns; raises an error where a column is a vector's, or an array's of
 * a type that has no hash function.
 */
extern void HvKeyColumnsInit(HvKeyColumns *columns, Relation index);

/* An error unless an index has the attributes that its operator classes say. */
extern void HvKeyColumnsVerify(const HvKeyColumns *columns, Relation index,
							   const HvMetaData *meta);

/*
 * Stores all columns of a row (values and nulls of the index, the vector first)
 * in a leaf entry.  No page is locked.
 */
extern void HvKeyColumnsStore(const HvKeyColumns *columns, const Datum *values,
							  const bool *nulls, HvLeafEntryData *entry);

/*
 * The bits of each element of an array, which are not NULL, a palloc'd array.
 * *has_null: are there NULL elements?
 */
extern int64 *HvKeyElements(Datum array, Oid collation, int *count, bool *has_null);

#endif							/* HVKEYTYPE_H */
