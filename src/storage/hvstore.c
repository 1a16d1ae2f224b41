/*-------------------------------------------------------------------------
 *
 * hvstore.c
 *	  Pages of an index: reading, changing, allocating, logging.
 *
 * NOTES
 *	  All changes of a finished index go through Generic WAL: an action takes
 *	  its locks, works on private images, and one record publishes them.  An
 *	  error in between releases the locks and changes nothing.
 *
 *	  A build fills its pages in shared buffers without WAL and logs the whole
 *	  fork at its end.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstore.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"

#include "page/hvcompat.h"
#include "storage/hvstore.h"
#include "storage/hvstorerecent.h"

void
HvStoreCorrupted(Relation index, BlockNumber block, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" is damaged: block %u %s",
					RelationGetRelationName(index), block, problem),
			 errhint("Please REINDEX it.")));
}

/*
 * Is there such a block?  Block numbers come from pages, which may be damaged.
 * The storage manager's note of the size may be old, but an index never
 * shrinks, so that it answers nearly always without a look at the file.
 */
static bool
block_exists(Relation index, BlockNumber block)
{
	BlockNumber known = RelationGetSmgr(index)->smgr_cached_nblocks[MAIN_FORKNUM];

	return (known != InvalidBlockNumber && block < known) ||
		block < RelationGetNumberOfBlocks(index);
}

static void
require_block(Relation index, BlockNumber block)
{
	if (!block_exists(index, block))
		HvStoreCorrupted(index, block, "does not exist, but another one names it");
}

Page
HvStoreRead(Relation index, const HvLayout *layout, BlockNumber block,
			BufferAccessStrategy strategy, Buffer *buffer)
{
	require_block(index, block);
	*buffer = strategy ? ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy) :
		HvStoreRecentRead(index, block);
	return HvStoreLock(index, layout, buffer);
}

Page
HvStoreLock(Relation index, const HvLayout *layout, Buffer *buffer)
{
	Page		page;
	const char *problem;

	LockBuffer(*buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(*buffer);
	if (PageIsNew(page))
	{
		UnlockReleaseBuffer(*buffer);
		*buffer = InvalidBuffer;
		return NULL;
	}
	problem = HvPageVerify(page, layout);
	if (problem)
		HvStoreCorrupted(index, BufferGetBlockNumber(*buffer), problem);
	return page;
}

void
HvStoreRelease(Buffer buffer)
{
	UnlockReleaseBuffer(buffer);
}

void
HvStoreCopy(Relation index, BlockNumber block, BufferAccessStrategy strategy, Page image)
{
	Buffer		buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(image, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
}

void
HvStorePrefetch(Relation index, BlockNumber block)
{
	if (block_exists(index, block))
		PrefetchBuffer(index, MAIN_FORKNUM, block);
}

void
HvStoreTouch(Relation index, BlockNumber block)
{
	require_block(index, block);
	ReleaseBuffer(ReadBuffer(index, block));
}

BufferAccessStrategy
HvStoreBulkStrategy(void)
{
	return GetAccessStrategy(BAS_BULKREAD);
}

BlockNumber
HvStoreBlocks(Relation index)
{
	return RelationGetNumberOfBlocks(index);
}

static Page
store_source_get(HvPageSource *source, BlockNumber block, int *handle)
{
	HvStoreSource *self = (HvStoreSource *) source;

	Page		page = HvStoreRead(self->index, self->layout, block, NULL, handle);

	/* the builder wrote it, so that no crash leaves it like that */
	if (page == NULL && block == HV_ROOT_BLOCK)
		HvStoreCorrupted(self->index, block, "is empty");
	return page;
}

static void
store_source_release(HvPageSource *source, int handle)
{
	HvStoreRelease(handle);
}

void
HvStoreSourceInit(HvStoreSource *source, Relation index, const HvLayout *layout)
{
	source->source.get = store_source_get;
	source->source.release = store_source_release;
	source->index = index;
	source->layout = layout;
}

void
HvStoreLockStructure(Relation index)
{
	LockPage(index, HV_META_BLOCK, ExclusiveLock);
}

void
HvStoreUnlockStructure(Relation index)
{
	UnlockPage(index, HV_META_BLOCK, ExclusiveLock);
}

/*
 * Looks before it registers: a Generic WAL action copies the page, which is a
 * waste where the leaf turns out to be full.
 */
HvAppendResult
HvStoreAppend(Relation index, const HvLayout *layout, BlockNumber leaf,
			  uint16 mean_version, const uint8 *code, const void *entry)
{
	Buffer		buffer;
	Page		page;
	HvAppendResult result = HV_APPEND_DONE;
	const char *problem;
	GenericXLogState *xlog;

	require_block(index, leaf);
	buffer = ReadBuffer(index, leaf);
	page = BufferGetPage(buffer);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	problem = PageIsNew(page) ? "is empty" : HvPageVerify(page, layout);
	if (problem)
		HvStoreCorrupted(index, leaf, problem);
	if (HvPageKindOf(page) != HV_PAGE_LEAF)
		result = HV_APPEND_MOVED;
	else if (HvPageGetOpaque(page)->mean_version != mean_version)
		result = HV_APPEND_OTHER_MEAN;
	else if (HvPageCount(page) >= layout->leaf_capacity)
		result = HV_APPEND_FULL;
	if (result != HV_APPEND_DONE)
	{
		UnlockReleaseBuffer(buffer);
		return result;
	}

	xlog = GenericXLogStart(index);
	page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	if (!HvPageAppend(page, layout, code, entry))
		elog(ERROR, "leaf page has no room that it should have");
	HvPageAddChurn(page, 1);
	GenericXLogFinish(xlog);
	UnlockReleaseBuffer(buffer);
	return HV_APPEND_DONE;
}

void
HvActionBegin(HvAction *action, Relation index)
{
	action->index = index;
	action->xlog = GenericXLogStart(index);
	action->npages = 0;
}

/* Pins and locks one more page of an action; returns its image. */
static Page
action_register(HvAction *action, BlockNumber block, int flags)
{
	Buffer		buffer;

	if (action->npages >= MAX_GENERIC_XLOG_PAGES)
		elog(ERROR, "too many pages in one hvtree action");
	require_block(action->index, block);
	buffer = ReadBuffer(action->index, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	action->buffers[action->npages] = buffer;
	action->blocks[action->npages] = block;
	action->npages++;
	return GenericXLogRegisterBuffer(action->xlog, buffer, flags);
}

Page
HvActionOpen(HvAction *action, const HvLayout *layout, BlockNumber block)
{
	Page		page = action_register(action, block, 0);
	const char *problem = PageIsNew(page) ? "is empty" : HvPageVerify(page, layout);

	if (problem)
		HvStoreCorrupted(action->index, block, problem);
	return page;
}

Page
HvActionCreate(HvAction *action, BlockNumber block, HvPageKind kind, int level,
			   uint16 mean_version)
{
	Page		page = action_register(action, block, GENERIC_XLOG_FULL_IMAGE);

	HvPageInitKind(page, kind, level, mean_version);
	return page;
}

HvMetaData *
HvActionOpenMeta(HvAction *action)
{
	return HvPageGetMeta(HvActionOpen(action, NULL, HV_META_BLOCK));
}

static void
action_release(HvAction *action)
{
	for (int i = 0; i < action->npages; i++)
		UnlockReleaseBuffer(action->buffers[i]);
	action->npages = 0;
}

void
HvActionCommit(HvAction *action)
{
	GenericXLogFinish(action->xlog);
	action_release(action);
}

void
HvActionAbort(HvAction *action)
{
	GenericXLogAbort(action->xlog);
	action_release(action);
}

/* Is this block really unused?  The free space map is not crash-safe. */
static bool
block_is_unused(Relation index, BlockNumber block)
{
	Buffer		buffer = ReadBuffer(index, block);
	Page		page = BufferGetPage(buffer);
	bool		unused;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	unused = PageIsNew(page) ||
		(HvPageVerify(page, NULL) == NULL && HvPageKindOf(page) == HV_PAGE_FREE);
	UnlockReleaseBuffer(buffer);
	return unused;
}

/*
 * The structure lock keeps others from allocating, so what is unused stays so
 * until the caller's action makes something of it.  A page may be used
 * again at once: whoever still holds its number from before looks at its kind,
 * and what it then reads is right anyhow (src/README, "Pages given back").
 */
BlockNumber
HvStoreAllocate(Relation index)
{
	BlockNumber block;
	Buffer		buffer;

	while ((block = GetFreeIndexPage(index)) != InvalidBlockNumber)
	{
		if (block > HV_ROOT_BLOCK && block_is_unused(index, block))
			return block;
	}
	buffer = HvCompatExtendRelation(index, MAIN_FORKNUM);
	block = BufferGetBlockNumber(buffer);
	UnlockReleaseBuffer(buffer);
	return block;
}

void
HvStoreRecordFree(Relation index, BlockNumber block)
{
	RecordFreeIndexPage(index, block);
}

void
HvStoreVacuumFreeMap(Relation index)
{
	IndexFreeSpaceMapVacuum(index);
}

BlockNumber
HvStoreBuildAppend(Relation index, ForkNumber fork, Page image)
{
	Buffer		buffer = HvCompatExtendRelation(index, fork);
	BlockNumber block = BufferGetBlockNumber(buffer);

	memcpy(BufferGetPage(buffer), image, BLCKSZ);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	return block;
}

void
HvStoreBuildReplace(Relation index, ForkNumber fork, BlockNumber block, Page image)
{
	Buffer		buffer = ReadBufferExtended(index, fork, block, RBM_NORMAL, NULL);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	memcpy(BufferGetPage(buffer), image, BLCKSZ);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

void
HvStoreBuildLog(Relation index, ForkNumber fork)
{
	BlockNumber nblocks = RelationGetNumberOfBlocksInFork(index, fork);

	/* an unlogged index is reset from its init fork, which thus must be logged */
	if (RelationNeedsWAL(index) || fork == INIT_FORKNUM)
		log_newpage_range(index, fork, 0, nblocks, true);
}
