/*-------------------------------------------------------------------------
 *
 * hvadmin.c
 *	  Work on an index on demand: hvtree_maintain does what VACUUM does for a
 *	  tree, hvtree_calibrate lets it measure how far its scans must look,
 *	  hvtree_prewarm reads its pages, or its upper levels, into the cache.
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
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "arithmetic/hvsplitmix.h"
#include "heap/hvtype.h"
#include "maintain/hvcalibrate.h"
#include "maintain/hvmaintain.h"
#include "page/hvcompat.h"
#include "sql/hvacl.h"
#include "sql/hvqueryset.h"
#include "storage/hvstorestream.h"
#include "tree/hvwalk.h"

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

PG_FUNCTION_INFO_V1(hvtree_calibrate_rows);
PG_FUNCTION_INFO_V1(hvtree_calibrate_queries);

/* of the vectors that a query returns so many are used, chosen by chance */
#define MOST_RETURNED	10000

/*
 * Opens the vectors that a query has returned, in random order.  Those without a
 * direction are no queries where only that counts.
 */
static void
open_given(Relation index, const HvQuerySet *set, HvGivenQueries *given)
{
	const HvTypeInfo *type = HvTypeInfoFor(index);
	HvMetaData	meta;
	uint64_t	random;

	/* with the means: they show a number of dimensions that is damaged */
	HvMetaReadMeans(index, &meta);
	random = meta.seed;
	given->count = 0;
	given->vectors = palloc(Max(set->count, 1) * sizeof(float *));
	for (int i = 0; i < set->count; i++)
	{
		HvVectorView view;
		int			place;

		CHECK_FOR_INTERRUPTS();
		type->open(set->values[i], &view);
		if (meta.dim > 0)
			HvTypeCheckDim(&view, meta.dim);
		if (!HvSpaceZeroHasOrder(type->metric) && HvMetricNorm(view.values, view.dim) == 0)
			continue;
		place = (int) (HvSplitmixNext(&random) % (uint64) (given->count + 1));
		given->vectors[given->count++] = given->vectors[place];
		given->vectors[place] = view.values;
	}
	if (given->count < HV_LEAST_QUERIES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query of hvtree_calibrate returns %d vectors to search with, at least %d are needed",
						given->count, HV_LEAST_QUERIES),
				 errhint("Let it return some hundred vectors that are like those of the searches to come.")));
}

/*
 * Measures an index, with given queries or with its own rows, and returns how many
 * queries that were.
 */
static int
calibrate(Relation heap, Relation index, const HvGivenQueries *given)
{
	HvCaller	caller;
	HvCalibrated outcome;
	int			queries;

	HvOwnerEnter(&caller, heap);
	outcome = HvCalibrateWith(heap, index, given, &queries);
	HvOwnerLeave(&caller);
	if (outcome == HV_CALIBRATED_NEEDLESS)
		ereport(NOTICE,
				(errmsg("index \"%s\" has one leaf, all scans of it are exact",
						RelationGetRelationName(index))));
	if (outcome == HV_CALIBRATED_NOT)
		ereport(WARNING,
				(errmsg("index \"%s\" could not be measured, its calibration stays as it was",
						RelationGetRelationName(index)),
				 errdetail("Too few of the queries have nearest rows that can be told from others.")));
	return queries;
}

/* With rows of the table as queries, as a build does. */
Datum
hvtree_calibrate_rows(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index;
	int			queries;

	HvAclMaintain(PG_GETARG_OID(0), &heap, &index);
	queries = calibrate(heap, index, NULL);
	HvAclClose(heap, index, ShareUpdateExclusiveLock);
	PG_RETURN_INT32(queries);
}

/* With the vectors that an SQL query returns, which is run as the caller. */
Datum
hvtree_calibrate_queries(PG_FUNCTION_ARGS)
{
	Relation	heap;
	Relation	index;
	HvQuerySet	set;
	HvGivenQueries given;
	int			queries;

	HvAclMaintain(PG_GETARG_OID(0), &heap, &index);
	HvQuerySetRun(&set, "hvtree_calibrate", text_to_cstring(PG_GETARG_TEXT_PP(1)), index,
				  MOST_RETURNED);
	open_given(index, &set, &given);
	queries = calibrate(heap, index, &given);
	HvAclClose(heap, index, ShareUpdateExclusiveLock);
	PG_RETURN_INT32(queries);
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
	HvMetaData	meta;
	HvLayout	layout;			/* valid when meta.dim > 0 */
	HvStoreSource source;		/* likewise */
	int64		done;			/* pages */
} Prewarm;

static int
compare_blocks(const void *a, const void *b)
{
	BlockNumber ba = *(const BlockNumber *) a;
	BlockNumber bb = *(const BlockNumber *) b;

	return ba < bb ? -1 : ba > bb;
}

/* Reads every page of the index, and looks whether the tree is complete. */
static void
read_all(Prewarm *prewarm)
{
	const HvLayout *layout = prewarm->meta.dim > 0 ? &prewarm->layout : NULL;
	BlockNumber nblocks = HvStoreBlocks(prewarm->index);
	HvStoreStream *stream = HvStoreStreamBeginRange(prewarm->index, layout, HV_STREAM_QUERY,
													NULL, 0, nblocks);
	HvBlockSet	leaves;
	BlockNumber block;
	Page		page;
	Buffer		buffer;

	HvBlockSetInit(&leaves, nblocks);
	while (HvStoreStreamNext(stream, &block, &page, &buffer))
	{
		if (page && HvPageKindOf(page) == HV_PAGE_LEAF)
			HvBlockSetAdd(&leaves, block);
		if (page)
			HvStoreRelease(buffer);
		prewarm->done++;
		CHECK_FOR_INTERRUPTS();
	}
	HvStoreStreamEnd(stream);
	if (layout)
		HvWalkTree(prewarm->index, layout, &leaves, NULL, NULL);
}

/* The metapage and what it names apart from the tree, which have been read. */
static void
count_meta(Prewarm *prewarm)
{
	HvMetaData *meta = &prewarm->meta;
	int			means = (meta->mean_block != InvalidBlockNumber) +
		((meta->flags & HV_META_CONVERTING) != 0);
	int			floats;

	prewarm->done++;
	if (meta->dim == 0)
		return;
	floats = HvSpaceCenterDims((HvMetric) meta->metric, (int) meta->dim);
	prewarm->done += means *
		((floats + HV_MEAN_FLOATS_PER_PAGE - 1) / HV_MEAN_FLOATS_PER_PAGE);
}

/* Reads a page that is named as one of a level; adds its children, unless NULL. */
static void
read_tree_page(Prewarm *prewarm, BlockNumber block, int level, BlockList *children)
{
	HvPageSource *source = &prewarm->source.source;
	int			handle;
	Page		page = source->get(source, block, &handle);
	bool		right = page && HvPageIsTree(page) && HvPageGetOpaque(page)->level == level;
	int			n = right && level > 0 && children ? HvPageCount(page) : 0;

	if (n > 0 && children->n + n > children->size)
	{
		/* no waiting while the page is locked: this only allocates */
		children->size = 2 * (children->n + n);
		children->blocks = repalloc_huge(children->blocks,
										 children->size * sizeof(BlockNumber));
	}
	for (int i = 0; i < n; i++)
		children->blocks[children->n++] =
			HvPageInnerEntry(page, &prewarm->layout, i)->child;
	if (page)
		source->release(source, handle);
	if (!right)
		source->suspect(source, block,
						"is not of the kind and level that the page above expects");
}

/*
 * Reads a level, in block order; its children go to the list, unless it is
 * NULL.
 */
static void
read_level(Prewarm *prewarm, const BlockList *blocks, int level, BlockList *children)
{
	Size		ahead = 0;

	for (Size i = 0; i < blocks->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (; ahead < blocks->n && ahead - i < PREFETCH_PAGES; ahead++)
			HvStorePrefetch(prewarm->index, blocks->blocks[ahead]);
		read_tree_page(prewarm, blocks->blocks[i], level, children);
		prewarm->done++;
	}
}

/* Reads the upper levels, from the root down. */
static void
read_levels(Prewarm *prewarm, int levels)
{
	BlockList	blocks = {palloc(sizeof(BlockNumber)), 1, 1};

	blocks.blocks[0] = HV_ROOT_BLOCK;
	for (int i = 0; i < levels && blocks.n > 0; i++)
	{
		BlockList	children = {palloc(sizeof(BlockNumber)), 0, 1};
		int			level = prewarm->meta.height - i;

		read_level(prewarm, &blocks, level, i + 1 < levels ? &children : NULL);

		/* each page once, whatever damaged ones say: the lists stay bounded */
		qsort(children.blocks, children.n, sizeof(BlockNumber), compare_blocks);
		children.n = qunique(children.blocks, children.n, sizeof(BlockNumber),
							 compare_blocks);
		pfree(blocks.blocks);
		blocks = children;
	}
	pfree(blocks.blocks);
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
	HvMetaReadMeans(prewarm.index, &prewarm.meta);
	if (prewarm.meta.dim > 0)
		HvMetaLayout(&prewarm.meta, &prewarm.layout);
	HvStoreSourceInit(&prewarm.source, prewarm.index,
					  prewarm.meta.dim > 0 ? &prewarm.layout : NULL, &prewarm.meta);
	if (levels < 0)
		read_all(&prewarm);
	else
	{
		count_meta(&prewarm);
		/* without a dimension there is a root without rows, and nothing else */
		read_levels(&prewarm, Min(levels, prewarm.meta.height + 1));
	}
	HvAclClose(heap, prewarm.index, AccessShareLock);
	PG_RETURN_INT64(prewarm.done);
}
