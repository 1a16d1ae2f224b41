/*-------------------------------------------------------------------------
 *
 * hvinsert.h
 *	  One row into a finished index.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvinsert.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVINSERT_H
#define HVINSERT_H

#include "postgres.h"

#include "access/genam.h"
#include "nodes/execnodes.h"

extern bool hvinsert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
					 Relation heap, IndexUniqueCheck check_unique,
					 bool index_unchanged, IndexInfo *info);

#endif							/* HVINSERT_H */
