/*-------------------------------------------------------------------------
 *
 * hvheap.h
 *	  The vectors of table rows, by row pointer.
 *
 * NOTES
 *	  All code that needs the exact vector of an indexed row calls this: the
 *	  rerank of a scan, the split of a leaf, the end of a build.  No lock of
 *	  the index may be held meanwhile but the structure lock.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvheap.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVHEAP_H
#define HVHEAP_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "heap/hvtype.h"
#include "page/hvcompat.h"
#include "storage/hvbuffers.h"

typedef struct HvHeap HvHeap;

/*
 * Prepares to read rows of heap as index sees them, under a snapshot that must
 * stay valid; all memory is taken from context.
 */
extern HvHeap *HvHeapBegin(Relation heap, Relation index, Snapshot snapshot,
						   MemoryContext context);

/*
 * The same for all rows but those that VACUUM may remove, with their TOAST, at
 * any moment: for maintenance, which answers no query.
 */
extern HvHeap *HvHeapBeginAll(Relation heap, Relation index, MemoryContext context);

/* Must be called before the heap is closed. */
extern void HvHeapEnd(HvHeap *reader);

/* the type of the indexed column */
extern const HvTypeInfo *HvHeapType(const HvHeap *reader);

/*
 * The vector of the row at id (HvRowPack), false where no row is visible there.
 * The view is good until HvHeapRelease; a pin on the row's page may be kept
 * until then.
 */
extern bool HvHeapGet(HvHeap *reader, uint64 id, HvVectorView *view);

/* where the vector of a row is stored */
typedef enum HvHeapPlace
{
	HV_HEAP_NOWHERE,			/* no row is visible, or it has none */
	HV_HEAP_IN_ROW,
	HV_HEAP_OUTSIDE				/* in the TOAST table */
} HvHeapPlace;

/*
 * The first half of HvHeapGet, for many rows one after the other: a vector
 * outside is not read yet, but can be by HvHeapLoad.  In the row, the view is
 * good until the next call but one, and its bytes are on their way into the
 * cache.
 */
extern HvHeapPlace HvHeapLook(HvHeap *reader, uint64 id, HvVectorView *view,
							  struct varatt_external *outside);

/* The second half; the view is good until the next call. */
extern void HvHeapLoad(HvHeap *reader, const struct varatt_external *outside,
					   HvVectorView *view);

/*
 * The TOAST table that HvHeapLook may point into, InvalidOid if there is none.
 */
extern Oid	HvHeapToastTable(const HvHeap *reader);

/* Memory until HvHeapRelease. */
extern void *HvHeapAlloc(HvHeap *reader, Size size);

/*
 * ERRCODE_INDEX_CORRUPTED unless the table has the block of a row pointer: it
 * comes from a page, which may be damaged.  *nblocks is the table's size as
 * last seen, 0 at first.
 */
extern void HvHeapRequireRow(Relation heap, Relation index, BlockNumber *nblocks,
							 ItemPointer tid);

/* the buffers of the TOAST table that were touched so far */
extern HvBuffers HvHeapToastBuffers(const HvHeap *reader);

/*
 * Makes the processor load what is needed of a row that is read next, or after
 * so many steps: for 2 where the row is, for 1 the row.  Neither pins
 * anything.
 */
extern void HvHeapExpect(HvHeap *reader, uint64 id, int steps);

/* What HvToastExpect does, for vectors outside. */
extern void HvHeapExpectOutside(HvHeap *reader, const struct varatt_external *outside);

/* Asks for the block of a row, or that of a vector outside, to be read soon. */
extern void HvHeapPrefetch(HvHeap *reader, uint64 id);
extern void HvHeapPrefetchOutside(HvHeap *reader, const struct varatt_external *outside);

/* Frees all vectors that were read, and the pin. */
extern void HvHeapRelease(HvHeap *reader);

#endif							/* HVHEAP_H */
