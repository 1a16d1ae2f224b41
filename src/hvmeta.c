/*-------------------------------------------------------------------------
 *
 * hvmeta.c
 *	  The metapage, and all that follows from it, ready for use.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvmeta.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "hvmeta.h"

/*
 * What the relation cache keeps, one chunk: this header, the rotation, the
 * mean.  It may vanish at any relation cache invalidation.
 */
typedef struct MetaCache
{
	HvMetaData	meta;
	Size		rotation_size;
	Size		mean_size;
	/* rotation and mean follow */
} MetaCache;

#define CACHE_HEADER_SIZE	MAXALIGN(sizeof(MetaCache))

const char *
HvMetaVerify(Page page)
{
	const HvMetaData *meta = HvPageGetMeta(page);
	const char *problem = HvPageVerify(page, NULL);

	if (problem)
		return problem;
	if (HvPageKindOf(page) != HV_PAGE_META)
		return "is not a metapage";
	if (meta->magic != HV_MAGIC)
		return "is not the metapage of an hvtree index";
	if (meta->version != HV_FORMAT_VERSION)
		return NULL;			/* nothing else can be said */
	if (meta->metric < HV_METRIC_L2 || meta->metric > HV_METRIC_COSINE)
		return "names an unknown metric";
	if (meta->dim == 0)
		return NULL;
	if (meta->dim > HV_MAX_DIMENSIONS ||
		meta->code_bits != (uint32) HvSpaceCodeBits((HvMetric) meta->metric, meta->dim))
		return "has a number of dimensions out of range";
	if (meta->leaf_entry_size < sizeof(HvLeafEntryData) ||
		meta->inner_entry_size < sizeof(HvInnerEntryData) ||
		meta->leaf_entry_size % 8 != 0 || meta->inner_entry_size % 8 != 0 ||
		meta->leaf_capacity < 2 || meta->inner_capacity < 2 ||
		meta->leaf_capacity >
		HvLayoutMaxTuples(meta->code_bits / 8, meta->leaf_entry_size) ||
		meta->inner_capacity >
		HvLayoutMaxTuples(meta->code_bits / 8, meta->inner_entry_size))
		return "has tuple sizes out of range";
	return NULL;
}

void
HvMetaRead(Relation relation, HvMetaData *meta)
{
	Buffer		buffer;
	Page		page = HvStoreRead(relation, NULL, HV_META_BLOCK, NULL, &buffer);
	const char *problem = page ? HvMetaVerify(page) : "is empty";

	if (problem)
		HvStoreCorrupted(relation, HV_META_BLOCK, problem);
	memcpy(meta, HvPageGetMeta(page), sizeof(HvMetaData));
	HvStoreRelease(buffer);

	if (meta->version != HV_FORMAT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has format version %u, this hvindex reads version %d",
						RelationGetRelationName(relation), meta->version, HV_FORMAT_VERSION),
				 errhint("REINDEX the index, or install the hvindex that made it.")));
}

void
HvMetaLayout(const HvMetaData *meta, HvLayout *layout)
{
	HvLayoutInit(layout, meta->code_bits, meta->leaf_entry_size, meta->inner_entry_size);
	layout->leaf_capacity = meta->leaf_capacity;
	layout->inner_capacity = meta->inner_capacity;
}

void
HvMetaPageInit(Page page, const HvMetaData *meta)
{
	HvPageInitKind(page, HV_PAGE_META, 0, 0);
	memcpy(HvPageGetMeta(page), meta, sizeof(HvMetaData));
	((PageHeader) page)->pd_lower =
		(char *) HvPageGetMeta(page) + sizeof(HvMetaData) - (char *) page;
}

/* Reads the mean from its chain of pages into mean, n floats. */
static void
read_mean(Relation relation, BlockNumber block, float *mean, int n)
{
	int			got = 0;

	while (got < n)
	{
		Buffer		buffer;
		Page		page;
		int			here;
		const float *values;

		if (block == InvalidBlockNumber)
			HvStoreCorrupted(relation, HV_META_BLOCK, "names a mean that is too short");
		page = HvStoreRead(relation, NULL, block, NULL, &buffer);
		if (page == NULL || HvPageKindOf(page) != HV_PAGE_MEAN)
			HvStoreCorrupted(relation, block, "should be a mean page");
		values = HvMeanPageGet(page, &here);
		if (here == 0 || here > n - got)
			HvStoreCorrupted(relation, block, "has a mean of the wrong length");
		memcpy(mean + got, values, here * sizeof(float));
		got += here;
		block = HvPageGetOpaque(page)->link;
		HvStoreRelease(buffer);
	}
}

BlockNumber
HvMeanWrite(Relation relation, const float *mean, int n, uint16 encoding)
{
	int			npages = (n + HV_MEAN_FLOATS_PER_PAGE - 1) / HV_MEAN_FLOATS_PER_PAGE;
	BlockNumber next = InvalidBlockNumber;

	/* last page first, so that each knows its successor */
	for (int i = npages - 1; i >= 0; i--)
	{
		int			first = i * HV_MEAN_FLOATS_PER_PAGE;
		BlockNumber block = HvStoreAllocate(relation);
		HvAction	action;
		Page		page;

		HvActionBegin(&action, relation);
		page = HvActionCreate(&action, block, HV_PAGE_MEAN, 0, encoding);
		HvMeanPageSet(page, mean + first, Min(n - first, HV_MEAN_FLOATS_PER_PAGE));
		HvPageGetOpaque(page)->link = next;
		HvActionCommit(&action);
		next = block;
	}
	return next;
}

/* An option as a number of tuples: 0 or less means what fits. */
static uint16
clamp_capacity(int option, int least, int fits)
{
	return (uint16) (option <= 0 ? fits : Max(Min(option, fits), least));
}

void
HvMetaShape(HvMetaData *meta, int dim, const HvBuildOptions *options)
{
	int			code_bytes;

	meta->dim = dim;
	meta->code_bits = HvSpaceCodeBits((HvMetric) meta->metric, dim);
	code_bytes = meta->code_bits / 8;
	meta->leaf_entry_size = sizeof(HvLeafEntryData);
	meta->inner_entry_size = sizeof(HvInnerEntryData);
	meta->leaf_capacity =
		clamp_capacity(options->leaf_size, HV_MIN_CAPACITY,
					   HvLayoutMaxTuples(code_bytes, meta->leaf_entry_size));
	meta->inner_capacity =
		clamp_capacity(options->branching, HV_MIN_CAPACITY,
					   HvLayoutMaxTuples(code_bytes, meta->inner_entry_size));
}

void
HvMetaSetDim(Relation relation, int dim)
{
	HvBuildOptions options;
	HvAction	action;
	HvMetaData *meta;

	HvOptionsForBuild(relation, &options);
	HvActionBegin(&action, relation);
	meta = HvActionOpenMeta(&action);
	if (meta->dim != 0)
	{
		HvActionAbort(&action);
		return;
	}
	HvMetaShape(meta, dim, &options);
	HvActionCommit(&action);
}

/* Does the cached chunk still describe this metapage? */
static bool
cache_fits(const MetaCache *cache, const HvMetaData *meta)
{
	return cache != NULL &&
		cache->meta.encoding == meta->encoding &&
		cache->meta.dim == meta->dim &&
		cache->meta.seed == meta->seed &&
		cache->meta.mean_block == meta->mean_block;
}

/* Fills the relation cache from the metapage; a mean may be read. */
static void
fill_cache(Relation relation, const HvMetaData *meta)
{
	HvMetric	metric = (HvMetric) meta->metric;
	bool		has_mean = meta->dim > 0 && meta->mean_block != InvalidBlockNumber;
	int			rotate_dims = meta->dim > 0 ? HvSpaceRotateDims(metric, meta->dim) : 0;
	int			center_dims = meta->dim > 0 ? HvSpaceCenterDims(metric, meta->dim) : 0;
	Size		rotation_size = meta->dim > 0 ? MAXALIGN(HvRotationSize(rotate_dims)) : 0;
	Size		mean_size = has_mean ? center_dims * sizeof(float) : 0;
	MetaCache  *cache = palloc(CACHE_HEADER_SIZE + rotation_size + mean_size);
	char	   *at = (char *) cache + CACHE_HEADER_SIZE;
	MetaCache  *kept;

	cache->meta = *meta;
	cache->rotation_size = rotation_size;
	cache->mean_size = mean_size;
	if (rotation_size > 0)
		HvRotationInit((HvRotation *) at, rotate_dims, meta->seed);
	if (mean_size > 0)
		read_mean(relation, meta->mean_block, (float *) (at + rotation_size), center_dims);

	kept = MemoryContextAlloc(relation->rd_indexcxt,
							  CACHE_HEADER_SIZE + rotation_size + mean_size);
	memcpy(kept, cache, CACHE_HEADER_SIZE + rotation_size + mean_size);
	pfree(cache);
	if (relation->rd_amcache)
		pfree(relation->rd_amcache);
	relation->rd_amcache = kept;
}

/*
 * The rotation is never rebuilt and the mean never read while both are in the
 * relation cache; a copy of some 20 kB is what a scan pays.
 */
HvIndex *
HvIndexOpen(Relation relation)
{
	HvMetaData	meta;
	MetaCache  *cache;
	HvIndex    *index;
	char	   *at;

	HvMetaRead(relation, &meta);
	if (!cache_fits(relation->rd_amcache, &meta))
		fill_cache(relation, &meta);

	/* no catalog access from here on: the cache stays where it is */
	cache = relation->rd_amcache;
	cache->meta = meta;
	index = palloc(MAXALIGN(sizeof(HvIndex)) + cache->rotation_size + cache->mean_size);
	at = (char *) index + MAXALIGN(sizeof(HvIndex));
	memcpy(at, (char *) cache + CACHE_HEADER_SIZE, cache->rotation_size + cache->mean_size);

	index->relation = relation;
	index->meta = meta;
	if (meta.dim > 0)
	{
		HvMetaLayout(&meta, &index->layout);
		HvSpaceInit(&index->space, (HvMetric) meta.metric, meta.dim, meta.max_norm,
					cache->mean_size > 0 ? (float *) (at + cache->rotation_size) : NULL,
					(HvRotation *) at);
	}
	return index;
}

void
HvMetaRecall(Relation relation, HvMetaData *meta)
{
	MetaCache  *cache = relation->rd_amcache;

	if (cache)
		*meta = cache->meta;
	else
		HvMetaRead(relation, meta);
}
