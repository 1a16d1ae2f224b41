/*-------------------------------------------------------------------------
 *
 * hvstoretoast.h
 *	  Chunks of an out-of-line value on a page of a TOAST table.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvstoretoast.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSTORETOAST_H
#define HVSTORETOAST_H

#include "postgres.h"

#include "storage/block.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* the longest value that is put together this way, in chunks */
#define HV_TOAST_MAX_CHUNKS 64

/* a value being put together */
typedef struct HvToastValue
{
	Oid			id;
	int32		size;			/* bytes in all, without a header */
	char	   *data;			/* room for them */
	int			nchunks;		/* <= HV_TOAST_MAX_CHUNKS */
	uint64		missing;		/* a bit for each chunk that is not there yet */
	double		start;			/* of chunk 0 in the table: block and a fraction */
} HvToastValue;

/* what else a page told */
typedef struct HvToastLook
{
	int			found;			/* chunks of the value that were new */
	Oid			lowest;			/* values that have chunks on the page; */
	Oid			highest;		/* lowest > highest if there are none */
} HvToastLook;

/*
 * Copies what a page of a TOAST table of heapam has of a value.  The block must exist.
 * What looks damaged is passed over.  Nothing is locked or pinned on return.
 */
extern void HvStoreToastLook(Relation toast, BlockNumber block, Snapshot snapshot,
							 HvToastValue *value, HvToastLook *look);

#endif							/* HVSTORETOAST_H */
