/*-------------------------------------------------------------------------
 *
 * hvadmin.c
 *	  Work on an index on demand: hvtree_maintain does what VACUUM does for a
 *	  tree, hvtree_prewarm reads its pages, or its upper levels, into the cache.
 *
 * NOTES
 *	  Prewarming is a hint and nothing more: pages may be split or tuples moved
 *	  meanwhile, so that some pages are missed and others read in vain.  One
 *	  page is locked at a time, and only where its children are wanted.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvadmin.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "maintain/hvmaintain.h"
#include "page/hvcompat.h"
#include "sql/hvacl.h"
#include "storage/hvstore.h"
#include "tree/hvmeta.h"

PG_FUNCTION_INFO_V1(hvtree_maintain);

#define RESULT_COLUMNS	8

static Datum
report(FunctionCallInfo fcinfo, const HvMaintenance *maintenance)
{
	TupleDesc	desc;
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != RESULT_COLUMNS)
		elog(ERROR, "return type must be a row of %d columns", RESULT_COLUMNS);
	values[0] = Int64GetDatum(maintenance->pages);
	values[1] = Int64GetDatum(maintenance->rows_read);
	values[2] = Int64GetDatum(maintenance->moved);
	values[3] = Int64GetDatum(maintenance->recentered);
	values[4] = Int64GetDatum(maintenance->merged);
	values[5] = Int64GetDatum(maintenance->freed);
	values[6] = Int32GetDatum(maintenance->levels);
	values[7] = BoolGetDatum(maintenance->complete);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * Looks after every leaf, whether it has changed or not, from where the last
 * run ended, until so many rows have been read; a negative number is no limit.
 */
Datum
hvtree_maintain(PG_FUNCTION_ARGS)
{
	HvMaintenance maintenance = {0};
	HvCaller	caller;

	HvAclMaintain(PG_GETARG_OID(0), &maintenance.heap, &maintenance.index);
	maintenance.strategy = GetAccessStrategy(BAS_VACUUM);
	maintenance.budget = PG_GETARG_INT64(1);
	maintenance.every_leaf = true;
	HvOwnerEnter(&caller, maintenance.heap);
	HvMaintainRun(&maintenance);
	HvOwnerLeave(&caller);
	FreeAccessStrategy(maintenance.strategy);
	HvAclClose(maintenance.heap, maintenance.index, ShareUpdateExclusiveLock);
	PG_RETURN_DATUM(report(fcinfo, &maintenance));
}

PG_FUNCTION_INFO_V1(hvtree_prewarm);

/* pages requested ahead: the queue depth at which flash storage levels off */
#define PREFETCH_PAGES	32

/* numbers of pages; at most one for each page of the index */
typedef struct BlockList
{
	BlockNumber *blocks;
	Size		n;
	Size		size;
} BlockList;

typedef struct Prewarm
{
	Relation	index;
	HvLayout	layout;
	BlockNumber nblocks;
	int64		done;			/* pages */
} Prewarm;

static int
compare_blocks(const void *a, const void *b)
{
	BlockNumber ba = *(const BlockNumber *) a;
	BlockNumber bb = *(const BlockNumber *) b;

	return ba < bb ? -1 : ba > bb;
}

/* Reads every page of the index. */
static void
read_all(Prewarm *prewarm)
{
	BlockNumber ahead = 0;

	for (BlockNumber block = 0; block < prewarm->nblocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		for (; ahead < prewarm->nblocks && ahead - block < PREFETCH_PAGES; ahead++)
			HvStorePrefetch(prewarm->index, ahead);
		HvStoreTouch(prewarm->index, block);
		prewarm->done++;
	}
}

/* Reads the pages of the mean; a chain is never longer than the index. */
static void
read_mean(Prewarm *prewarm, BlockNumber block)
{
	for (BlockNumber n = 0; block < prewarm->nblocks && n < prewarm->nblocks; n++)
	{
		Buffer		buffer;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		page = HvStoreRead(prewarm->index, NULL, block, NULL, &buffer);
		if (page == NULL)
			return;
		block = HvPageKindOf(page) == HV_PAGE_MEAN ? HvPageGetOpaque(page)->link :
			InvalidBlockNumber;
		HvStoreRelease(buffer);
		prewarm->done++;
	}
}

/* Adds the children of an inner page. */
static void
collect_children(Prewarm *prewarm, BlockNumber block, BlockList *children)
{
	Buffer		buffer;
	Page		page = HvStoreRead(prewarm->index, &prewarm->layout, block, NULL, &buffer);
	int			n;

	if (page == NULL)
		return;
	n = HvPageKindOf(page) == HV_PAGE_INNER ? HvPageCount(page) : 0;
	if (children->n + n > children->size)
	{
		/* no waiting while the page is locked: this only allocates */
		children->size = 2 * (children->n + n);
		children->blocks = repalloc_huge(children->blocks,
										 children->size * sizeof(BlockNumber));
	}
	for (int i = 0; i < n; i++)
	{
		BlockNumber child = HvPageInnerEntry(page, &prewarm->layout, i)->child;

		if (child < prewarm->nblocks)
			children->blocks[children->n++] = child;
	}
	HvStoreRelease(buffer);
}

/*
 * Reads a level, in block order; its children go to the list, unless it is
 * NULL.
 */
static void
read_level(Prewarm *prewarm, const BlockList *level, BlockList *children)
{
	Size		ahead = 0;

	for (Size i = 0; i < level->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (; ahead < level->n && ahead - i < PREFETCH_PAGES; ahead++)
			HvStorePrefetch(prewarm->index, level->blocks[ahead]);
		if (children)
			collect_children(prewarm, level->blocks[i], children);
		else
			HvStoreTouch(prewarm->index, level->blocks[i]);
		prewarm->done++;
	}
}

static void
read_levels(Prewarm *prewarm, int levels)
{
	BlockList	level = {palloc(sizeof(BlockNumber)), 1, 1};

	level.blocks[0] = HV_ROOT_BLOCK;
	for (int i = 1; i <= levels && level.n > 0; i++)
	{
		BlockList	children = {palloc(sizeof(BlockNumber)), 0, 1};

		read_level(prewarm, &level, i < levels ? &children : NULL);

		/* each page once, whatever damaged ones say: the lists stay bounded */
		qsort(children.blocks, children.n, sizeof(BlockNumber), compare_blocks);
		children.n = qunique(children.blocks, children.n, sizeof(BlockNumber),
							 compare_blocks);
		pfree(level.blocks);
		level = children;
	}
	pfree(level.blocks);
}

/*
 * levels: 0 is the metapage and the mean, 1 the root too, and so on; fewer is
 * every page there is.  Returns how many pages were read.
 */
Datum
hvtree_prewarm(PG_FUNCTION_ARGS)
{
	int			levels = PG_GETARG_INT32(1);
	Prewarm		prewarm = {0};
	Relation	heap;

	HvAclRead(PG_GETARG_OID(0), HV_ACL_READ, &heap, &prewarm.index);
	prewarm.nblocks = HvStoreBlocks(prewarm.index);
	if (levels < 0)
		read_all(&prewarm);
	else
	{
		HvMetaData	meta;

		HvMetaRead(prewarm.index, &meta);
		prewarm.done = 1;
		if (meta.dim == 0)
		{
			/* a root without rows, and nothing else */
			if (levels > 0)
				HvStoreTouch(prewarm.index, HV_ROOT_BLOCK);
			prewarm.done += levels > 0;
		}
		else
		{
			HvMetaLayout(&meta, &prewarm.layout);
			read_mean(&prewarm, meta.mean_block);
			if (meta.flags & HV_META_CONVERTING)
				read_mean(&prewarm, meta.old_mean_block);
			read_levels(&prewarm, Min(levels, HV_MAX_LEVEL + 1));
		}
	}
	HvAclClose(heap, prewarm.index, AccessShareLock);
	PG_RETURN_INT64(prewarm.done);
}
