/*-------------------------------------------------------------------------
 *
 * hvstorestream.h
 *	  Reading many pages of an index in an order that is known beforehand.
 *
 * NOTES
 *	  Since PostgreSQL 17 a stream reads neighbouring blocks by one call, and
 *	  asks for distant ones ahead; since 18 it also reads in the background.
 *	  Before, blocks that a callback names are asked for ahead, and a range is
 *	  left to the kernel, which sees by itself that it is read in order.
 *
 *	  A stream pins pages ahead of the one that it gives out, a ring's share at
 *	  most.  Nothing of this access method waits for a pin to go.  What a page
 *	  holds is what it holds when it is given out, not when it was read.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstorestream.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSTORESTREAM_H
#define HVSTORESTREAM_H

#include "storage/hvstore.h"

/* The settings that say how many blocks may be asked for ahead. */
typedef enum HvStreamUse
{
	HV_STREAM_QUERY,			/* effective_io_concurrency */
	HV_STREAM_MAINTENANCE		/* maintenance_io_concurrency */
} HvStreamUse;

/*
 * The next block of a stream, InvalidBlockNumber at its end.  Asked well before
 * the block is given out, so that what is done with the ones before cannot matter.
 * No lock may be taken in it.
 */
typedef BlockNumber (*HvStoreNextBlock) (void *state);

typedef struct HvStoreStream HvStoreStream;

/* A stream of the blocks that a callback names. */
extern HvStoreStream *HvStoreStreamBegin(Relation index, const HvLayout *layout,
										 HvStreamUse use, BufferAccessStrategy strategy,
										 HvStoreNextBlock next, void *state);

/* A stream of the blocks from first up to end, without end itself. */
extern HvStoreStream *HvStoreStreamBeginRange(Relation index, const HvLayout *layout,
											  HvStreamUse use,
											  BufferAccessStrategy strategy,
											  BlockNumber first, BlockNumber end);

/*
 * The next page, as HvStoreRead gives it: pinned, share-locked and verified, or
 * *page = NULL and nothing held where it is all zero.  HvStoreRelease releases
 * it.  False at the end, with nothing held.
 */
extern bool HvStoreStreamNext(HvStoreStream *stream, BlockNumber *block, Page *page,
							  Buffer *buffer);

/* The same, pinned only, for what must be done before HvStoreLock. */
extern bool HvStoreStreamPin(HvStoreStream *stream, BlockNumber *block, Buffer *buffer);

/* The same as HvStoreCopy gives it: a copy, unverified; nothing is held. */
extern bool HvStoreStreamCopy(HvStoreStream *stream, BlockNumber *block, Page image);

/* Releases what was read ahead.  After an error the transaction does that. */
extern void HvStoreStreamEnd(HvStoreStream *stream);

#endif							/* HVSTORESTREAM_H */
