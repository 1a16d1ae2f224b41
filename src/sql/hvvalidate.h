/*-------------------------------------------------------------------------
 *
 * hvvalidate.h
 *	  What an operator class of hvtree must consist of.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvvalidate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVVALIDATE_H
#define HVVALIDATE_H

#include "postgres.h"

#include "access/amapi.h"

/* amvalidate: is the operator class, with its family, what hvtree can use? */
extern bool hvvalidate(Oid opclassoid);

/* amadjustmembers: which members an operator class cannot do without */
extern void hvadjustmembers(Oid opfamilyoid, Oid opclassoid, List *operators,
							List *functions);

/*
 * amproperty: columns are distance-orderable, the rest is for the core to say
 */
extern bool hvproperty(Oid index_oid, int attno, IndexAMProperty prop,
					   const char *propname, bool *res, bool *isnull);

#endif							/* HVVALIDATE_H */
