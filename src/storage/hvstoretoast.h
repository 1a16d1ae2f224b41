/*-------------------------------------------------------------------------
 *
 * hvstoretoast.h
 *	  Chunks of an out-of-line value on a page of a TOAST table.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstoretoast.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSTORETOAST_H
#define HVSTORETOAST_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/buf.h"
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

/* pages that a value is expected on */
#define HV_TOAST_PINS	2

/* a page pinned before it is looked at; buffer InvalidBuffer = none */
typedef struct HvToastPin
{
	BlockNumber block;
	Buffer		buffer;
} HvToastPin;

/*
 * Pins the page of a value's first chunk, and the next one if chunks must be
 * there, and asks the processor for the bytes, so that they come from memory
 * while the caller does something else.  position: of chunk 0, as in
 * HvToastValue; the blocks from first to last must exist.  No pins are held on
 * entry.
 */
extern void HvStoreToastExpect(Relation toast, double position, int nchunks,
							   HvToastPin *pins);

/* Releases what is pinned. */
extern void HvStoreToastUnpin(HvToastPin *pins);

/*
 * Copies what a page of a TOAST table of heapam has of a value.  The block must
 * exist.  What looks damaged is skipped.  Nothing is locked on return; a pin of
 * the page among those in pins is used and released.
 */
extern void HvStoreToastLook(Relation toast, BlockNumber block, Snapshot snapshot,
							 HvToastPin *pins, HvToastValue *value, HvToastLook *look);

#endif							/* HVSTORETOAST_H */
