/*-------------------------------------------------------------------------
 *
 * hvcondition.h
 *	  Conditions on key columns, tested on the attributes of leaf tuples.
 *
 * NOTES
 *	  A scan compiles its keys once for each query.  What is left of a condition
 *	  is a comparison of numbers, so a leaf can be tested while it is locked.  A
 *	  tuple that is dropped cannot satisfy the conditions; whether one that
 *	  passes does is up to the executor where attributes do not decide it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvcondition.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCONDITION_H
#define HVCONDITION_H

#include "postgres.h"

#include "access/skey.h"
#include "utils/relcache.h"

#include "heap/hvkeytype.h"

typedef struct HvCondition HvCondition;

typedef struct HvConditions
{
	HvAttributeLayout layout;
	int			count;
	HvCondition *items;
	bool		never;			/* no row can satisfy them */
	bool		lossy;			/* not all rows that pass need satisfy them */
} HvConditions;

/*
 * The conditions of a scan, NULL where there are none.  Allocated in the
 * current context; values of the keys are read now.
 */
extern HvConditions *HvConditionsCompile(Relation index, const HvMetaData *meta,
										 const ScanKeyData *keys, int nkeys);

/*
 * The tuples of a leaf that pass: their numbers into passing, which has room for
 * all; returns how many.  The page is locked; nothing is allocated.
 */
extern int	HvConditionsSelect(const HvConditions *conditions, Page page,
							   const HvLayout *layout, uint16 *passing);

#endif							/* HVCONDITION_H */
