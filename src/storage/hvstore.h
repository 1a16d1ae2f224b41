/*-------------------------------------------------------------------------
 *
 * hvstore.h
 *	  Pages of an index: reading, changing, allocating, logging.
 *
 * NOTES
 *	  The files of this folder are the only ones that touch buffers and WAL.
 *	  A change of pages is an HvAction: up to four pages, locked in the order
 *	  in which they are opened, changed as private images, and published by
 *	  one WAL record.
 *
 *	  Lock order: tree pages before their parent, pages that nobody else can
 *	  reach yet anywhere, the metapage last.  The structure lock comes before
 *	  all of them.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstore.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSTORE_H
#define HVSTORE_H

#include "access/generic_xlog.h"
#include "storage/buf.h"
#include "utils/rel.h"

#include "page/hvcompat.h"
#include "page/hvpage.h"

/* Raises ERRCODE_INDEX_CORRUPTED naming index and block; problem is a verb phrase. */
pg_noreturn extern void HvStoreCorrupted(Relation index, BlockNumber block,
										 const char *problem);

/*
 * Reads a page of an index.  On return the buffer is pinned and share-locked.
 * The image has been verified; an all-zero page (which a crash may leave)
 * comes back as NULL, with nothing held.
 */
extern Page HvStoreRead(Relation index, const HvLayout *layout, BlockNumber block,
						BufferAccessStrategy strategy, Buffer *buffer);
extern void HvStoreRelease(Buffer buffer);

/* The same for a page that is pinned; the pin goes where it is all-zero. */
extern Page HvStoreLock(Relation index, const HvLayout *layout, Buffer *buffer);

/*
 * Reads the metapage, verified but for the version of its format: the caller
 * looks at that before it relies on any other field.  Nothing is held on return.
 */
extern void HvStoreReadMeta(Relation index, HvMetaData *meta);

/* Copies a page as it is into image, unverified: for callers that look for damage. */
extern void HvStoreCopy(Relation index, BlockNumber block,
						BufferAccessStrategy strategy, Page image);

/* Asks for a page to be read soon. */
extern void HvStorePrefetch(Relation index, BlockNumber block);

/* A ring of buffers for reading the whole index once. */
extern BufferAccessStrategy HvStoreBulkStrategy(void);

/* number of blocks now */
extern BlockNumber HvStoreBlocks(Relation index);

/*
 * The structure lock: a backend that changes inner pages or centroids, or moves
 * tuples between pages, holds it.  A heavyweight lock on the metapage, so that
 * waiting for it can be cancelled and is watched for deadlocks, and so that the
 * heap may be read while it is held.  No page may be locked by the caller yet.
 */
extern void HvStoreLockStructure(Relation index);
extern void HvStoreUnlockStructure(Relation index);

/* For Asserts: does this backend hold the structure lock?  No page at all? */
extern bool HvStoreStructureIsLocked(Relation index);
extern bool HvStoreNoPageIsLocked(void);

/* For Asserts: does this backend hold the lock of a buffer? */
extern bool HvStorePageIsLocked(Buffer buffer);

/* Appends to leaves ----------------------------------------------------- */

typedef enum HvAppendResult
{
	HV_APPEND_DONE,
	HV_APPEND_FULL,				/* the leaf must be split first */
	HV_APPEND_MOVED,			/* no such leaf any more: descend again */
	HV_APPEND_OTHER_MEAN		/* codes are about another mean: encode again */
} HvAppendResult;

/* One tuple into one leaf, one WAL record.  Nothing is held on return. */
extern HvAppendResult HvStoreAppend(Relation index, const HvLayout *layout,
									BlockNumber leaf, uint16 mean_version,
									const uint8 *code, const void *entry);

/* Actions --------------------------------------------------------------- */

typedef struct HvAction
{
	Relation	index;
	GenericXLogState *xlog;
	int			npages;
	Buffer		buffers[MAX_GENERIC_XLOG_PAGES];
	BlockNumber blocks[MAX_GENERIC_XLOG_PAGES];
	Page		images[MAX_GENERIC_XLOG_PAGES]; /* to be changed */
	const HvLayout *layouts[MAX_GENERIC_XLOG_PAGES];	/* for Asserts; NULL = unknown */
} HvAction;

extern void HvActionBegin(HvAction *action, Relation index);

/* Locks an existing page; returns the image to change. */
extern Page HvActionOpen(HvAction *action, const HvLayout *layout, BlockNumber block);

/* Locks a page from HvStoreAllocate, emptied and of the given kind. */
extern Page HvActionCreate(HvAction *action, BlockNumber block, HvPageKind kind,
						   int level, uint16 mean_version);

/* Opens the metapage: always the last page of an action. */
extern HvMetaData *HvActionOpenMeta(HvAction *action);

/* Publishes the changes, or discards them, and releases everything. */
extern void HvActionCommit(HvAction *action);
extern void HvActionAbort(HvAction *action);

/* Allocation (structure lock held) --------------------------------------- */

/* A block that nobody uses; its content is undefined.  No page is locked. */
extern BlockNumber HvStoreAllocate(Relation index);

/* Tells the free space map of a page that is of kind HV_PAGE_FREE or new. */
extern void HvStoreRecordFree(Relation index, BlockNumber block);

/* Makes what was recorded findable; at the end of VACUUM. */
extern void HvStoreVacuumFreeMap(Relation index);

/* Builds: pages written without WAL, in a fork of their own --------------- */

/* Appends a page image to a fork; returns its block.  Logged later, all at once. */
extern BlockNumber HvStoreBuildAppend(Relation index, ForkNumber fork, Page image);

/* Overwrites a page that HvStoreBuildAppend made. */
extern void HvStoreBuildReplace(Relation index, ForkNumber fork, BlockNumber block, Page image);

/* Logs pages start to end - 1 of a fork where the relation needs it (an init fork always does). */
extern void HvStoreBuildLog(Relation index, ForkNumber fork, BlockNumber start, BlockNumber end);

#endif							/* HVSTORE_H */
