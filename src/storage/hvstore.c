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
 *	  check_action asserts, before that record is written, what holds for every
 *	  change whatever made it: see the invariants of src/README.
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
#include "storage/buf_internals.h"
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

bool
HvStoreNoPageIsLocked(void)
{
	/* a lightweight lock holds off interrupts */
	return InterruptHoldoffCount == 0;
}

static bool
holds_lock(Buffer buffer, LWLockMode mode)
{
	/* the buffers of temporary tables have no locks */
	return BufferIsLocal(buffer) ||
		LWLockHeldByMeInMode(BufferDescriptorGetContentLock(GetBufferDescriptor(buffer - 1)),
							 mode);
}

bool
HvStorePageIsLocked(Buffer buffer)
{
	return BufferIsValid(buffer) &&
		(holds_lock(buffer, LW_SHARED) || holds_lock(buffer, LW_EXCLUSIVE));
}

bool
HvStoreStructureIsLocked(Relation index)
{
	LOCKTAG		tag;

	SET_LOCKTAG_PAGE(tag, index->rd_lockInfo.lockRelId.dbId,
					 index->rd_lockInfo.lockRelId.relId, HV_META_BLOCK);
	return HvCompatLockIsHeld(&tag, ExclusiveLock);
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

	/* a reader holds one lock at a time */
	Assert(BufferIsValid(*buffer) && HvStoreNoPageIsLocked());
	LockBuffer(*buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(*buffer);
	if (PageIsNew(page))
	{
		UnlockReleaseBuffer(*buffer);
		*buffer = InvalidBuffer;
		return NULL;
	}
	problem = HvPageVerifyAt(page, BufferGetBlockNumber(*buffer), layout);
	if (problem)
		HvStoreCorrupted(index, BufferGetBlockNumber(*buffer), problem);
	return page;
}

void
HvStoreReadMeta(Relation index, HvMetaData *meta)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index, NULL, HV_META_BLOCK, NULL, &buffer);
	const char *problem = page ? HvMetaVerify(page) : "is empty";

	if (problem)
		HvStoreCorrupted(index, HV_META_BLOCK, problem);
	memcpy(meta, HvPageGetMeta(page), sizeof(HvMetaData));
	HvStoreRelease(buffer);
}

void
HvStoreRelease(Buffer buffer)
{
	Assert(HvStorePageIsLocked(buffer));
	UnlockReleaseBuffer(buffer);
}

void
HvStoreCopy(Relation index, BlockNumber block, BufferAccessStrategy strategy, Page image)
{
	Buffer		buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);

	Assert(HvStoreNoPageIsLocked());
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

void
HvStoreLockStructure(Relation index)
{
	/*
	 * It comes before every page lock.  It may be held already: expressions of
	 * the index are computed under it, and one may scan the same index.
	 */
	Assert(HvStoreNoPageIsLocked());
	LockPage(index, HV_META_BLOCK, ExclusiveLock);
}

void
HvStoreUnlockStructure(Relation index)
{
	Assert(HvStoreNoPageIsLocked() && HvStoreStructureIsLocked(index));
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

	Assert(HvStoreNoPageIsLocked());
	require_block(index, leaf);
	buffer = ReadBuffer(index, leaf);
	page = BufferGetPage(buffer);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	problem = PageIsNew(page) ? "is empty" : HvPageVerifyAt(page, leaf, layout);
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
	Assert(HvPageGetOpaque(page)->mean_version == mean_version);	/* I7 */
	Assert(HvPageCount(page) <= layout->leaf_capacity); /* I10 */
	GenericXLogFinish(xlog);
	UnlockReleaseBuffer(buffer);
	return HV_APPEND_DONE;
}

void
HvActionBegin(HvAction *action, Relation index)
{
	Assert(HvStoreNoPageIsLocked());
	action->index = index;
	action->xlog = GenericXLogStart(index);
	action->npages = 0;
}

/*
 * Pins and locks one more page of an action; returns its image.  A damaged page
 * can name itself, or the parent it is on, and a page locked twice would wait
 * for itself forever.
 */
static Page
action_register(HvAction *action, BlockNumber block, int flags)
{
	Buffer		buffer;
	Page		image;

	if (action->npages >= MAX_GENERIC_XLOG_PAGES)
		elog(ERROR, "too many pages in one hvtree action");
	for (int i = 0; i < action->npages; i++)
	{
		/* the metapage is locked last */
		Assert(action->blocks[i] != HV_META_BLOCK);
		if (action->blocks[i] == block)
			HvStoreCorrupted(action->index, block, "is named for two different uses");
	}
	require_block(action->index, block);
	buffer = ReadBuffer(action->index, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	image = GenericXLogRegisterBuffer(action->xlog, buffer, flags);
	action->buffers[action->npages] = buffer;
	action->blocks[action->npages] = block;
	action->images[action->npages] = image;
	action->layouts[action->npages] = NULL;
	action->npages++;
	return image;
}

Page
HvActionOpen(HvAction *action, const HvLayout *layout, BlockNumber block)
{
	Page		page = action_register(action, block, 0);
	const char *problem = PageIsNew(page) ? "is empty" :
		HvPageVerifyAt(page, block, layout);

	if (problem)
		HvStoreCorrupted(action->index, block, problem);
	action->layouts[action->npages - 1] = layout;
	return page;
}

Page
HvActionCreate(HvAction *action, BlockNumber block, HvPageKind kind, int level,
			   uint16 mean_version)
{
	Page		page = action_register(action, block, GENERIC_XLOG_FULL_IMAGE);

	Assert(block > HV_ROOT_BLOCK);
	Assert(HvStoreStructureIsLocked(action->index));
	HvPageInitKind(page, kind, level, mean_version);
	return page;
}

HvMetaData *
HvActionOpenMeta(HvAction *action)
{
	Page		page = HvActionOpen(action, NULL, HV_META_BLOCK);
	const char *problem = HvMetaVerify(page);

	if (problem)
		HvStoreCorrupted(action->index, HV_META_BLOCK, problem);
	return HvPageGetMeta(page);
}

#ifdef USE_ASSERT_CHECKING

/* One page of an action, changed; meta is the new metapage, or NULL. */
static void
check_image(const HvAction *action, int i, const HvMetaData *meta)
{
	Page		before = BufferGetPage(action->buffers[i]);
	Page		after = action->images[i];
	bool		was_tree = !PageIsNew(before) && HvPageIsTree(before);

	Assert(HvPageVerify(after, action->layouts[i]) == NULL);	/* I2, I10 */
	Assert((action->blocks[i] == HV_META_BLOCK) ==
		   (HvPageKindOf(after) == HV_PAGE_META));	/* I1 */
	Assert(action->blocks[i] != HV_ROOT_BLOCK || HvPageIsTree(after));	/* I3 */

	/*
	 * the appender and bulk delete change one leaf, everybody else has the
	 * lock
	 */
	if (action->npages > 1 || HvPageKindOf(after) != HV_PAGE_LEAF)
		Assert(HvPageKindOf(after) == HV_PAGE_META ||
			   HvStoreStructureIsLocked(action->index));

	/* a stamp is the next value of the structure counter */
	if (HvPageIsTree(after) &&
		(!was_tree || HvPageGetOpaque(before)->seq != HvPageGetOpaque(after)->seq))
		Assert(meta && HvPageGetOpaque(after)->seq == meta->seq);	/* I6 */

	/* the height follows the level of the root */
	if (action->blocks[i] == HV_ROOT_BLOCK && was_tree &&
		HvPageGetOpaque(before)->level != HvPageGetOpaque(after)->level)
		Assert(meta && meta->height == HvPageGetOpaque(after)->level);	/* I3 */
}

/* The metapage's counters never go back, and its dimension never changes. */
static void
check_meta(const HvMetaData *before, const HvMetaData *after)
{
	Assert(after->seq == before->seq || after->seq == before->seq + 1); /* I6 */
	Assert(after->mean_version == before->mean_version ||
		   after->mean_version == before->mean_version + 1);	/* I7 */
	Assert(before->dim == 0 || after->dim == before->dim);
	Assert(before->dim == 0 || after->code_bits == before->code_bits);
	Assert(after->metric == before->metric && after->seed == before->seed);
}

/* Is what an action has made of its pages what a reader may see? */
static void
check_action(const HvAction *action)
{
	const HvMetaData *meta = NULL;

	if (action->npages > 0 && action->blocks[action->npages - 1] == HV_META_BLOCK)
	{
		meta = HvPageGetMeta(action->images[action->npages - 1]);
		check_meta(HvPageGetMeta(BufferGetPage(action->buffers[action->npages - 1])), meta);
	}
	for (int i = 0; i < action->npages; i++)
	{
		Assert(holds_lock(action->buffers[i], LW_EXCLUSIVE));
		check_image(action, i, meta);
	}
}

#endif							/* USE_ASSERT_CHECKING */

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
	for (int i = 0; i < action->npages; i++)
		HvPageGetOpaque(action->images[i])->block_tag = HvPageTag(action->blocks[i]);
#ifdef USE_ASSERT_CHECKING
	check_action(action);
#endif
	GenericXLogFinish(action->xlog);
	action_release(action);
}

void
HvActionAbort(HvAction *action)
{
	GenericXLogAbort(action->xlog);
	action_release(action);
}

/* Is this block still unused?  The free space map is not crash-safe. */
static bool
block_is_unused(Relation index, BlockNumber block)
{
	Buffer		buffer = ReadBuffer(index, block);
	Page		page = BufferGetPage(buffer);
	bool		unused;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	unused = PageIsNew(page) ||
		(HvPageVerifyAt(page, block, NULL) == NULL && HvPageKindOf(page) == HV_PAGE_FREE);
	UnlockReleaseBuffer(buffer);
	return unused;
}

/*
 * The structure lock keeps others from allocating, so a block that is unused
 * stays unused until the caller's action creates a page in it.  A page may be
 * used again at once: a backend that still has its number from before looks at
 * its kind, and what it then reads is correct (src/README, "Page deletion and
 * reuse").
 */
BlockNumber
HvStoreAllocate(Relation index)
{
	BlockNumber block;
	Buffer		buffer;

	Assert(HvStoreStructureIsLocked(index) && HvStoreNoPageIsLocked());
	while ((block = GetFreeIndexPage(index)) != InvalidBlockNumber)
	{
		if (block > HV_ROOT_BLOCK && block_exists(index, block) &&
			block_is_unused(index, block))
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
	Assert(block != HV_META_BLOCK);
	RecordFreeIndexPage(index, block);
}

void
HvStoreVacuumFreeMap(Relation index)
{
	IndexFreeSpaceMapVacuum(index);
}

/* Makes an image the content of a locked page. */
static void
put_image(Buffer buffer, Page image)
{
	Page		page = BufferGetPage(buffer);

	memcpy(page, image, BLCKSZ);
	HvPageGetOpaque(page)->block_tag = HvPageTag(BufferGetBlockNumber(buffer));
	MarkBufferDirty(buffer);
}

BlockNumber
HvStoreBuildAppend(Relation index, ForkNumber fork, Page image)
{
	Buffer		buffer = HvCompatExtendRelation(index, fork);
	BlockNumber block = BufferGetBlockNumber(buffer);

	Assert(HvPageVerify(image, NULL) == NULL);	/* I2 */
	put_image(buffer, image);
	UnlockReleaseBuffer(buffer);
	return block;
}

void
HvStoreBuildReplace(Relation index, ForkNumber fork, BlockNumber block, Page image)
{
	Buffer		buffer = ReadBufferExtended(index, fork, block, RBM_NORMAL, NULL);

	Assert(HvPageVerify(image, NULL) == NULL);	/* I2 */
	Assert((block == HV_META_BLOCK) == (HvPageKindOf(image) == HV_PAGE_META));	/* I1 */
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	put_image(buffer, image);
	UnlockReleaseBuffer(buffer);
}

void
HvStoreBuildLog(Relation index, ForkNumber fork, BlockNumber start, BlockNumber end)
{
	Assert(start < end && end <= RelationGetNumberOfBlocksInFork(index, fork));
	/*
	 * an unlogged index is reset from its init fork, which thus must be logged
	 */
	if (RelationNeedsWAL(index) || fork == INIT_FORKNUM)
		log_newpage_range(index, fork, start, end, true);
}
