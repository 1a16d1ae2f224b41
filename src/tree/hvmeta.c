/*-------------------------------------------------------------------------
 *
 * hvmeta.c
 *	  The metapage, and all that follows from it, ready for use.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvmeta.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "utils/memutils.h"

#include "tree/hvmeta.h"

/*
 * What the relation cache keeps, one chunk: this header, the rotation, the
 * mean.  It may vanish at any relation cache invalidation.
 */
typedef struct MetaCache
{
	HvMetaData	meta;
	Size		rotation_size;
	Size		mean_size;
	Size		shift_size;
	/* rotation, mean and shift follow */
} MetaCache;

#define CACHE_HEADER_SIZE	MAXALIGN(sizeof(MetaCache))

/* What is wrong with a curve, or NULL. */
static const char *
verify_curve(const HvCurve *curve)
{
	if (curve->queries == 0)
		return NULL;
	if (!isfinite(curve->rows) || curve->rows < 0)
		return "was measured with a number of rows that is none";
	for (int i = 0; i < HV_CURVE_TARGETS * HV_CURVE_RANKS; i++)
	{
		const HvCurvePoint *point = &curve->points[i / HV_CURVE_RANKS][i % HV_CURVE_RANKS];

		if (!(point->margin >= 0 && point->margin <= HV_CURVE_MOST_MARGIN))
			return "has a margin out of range";
		if (!(point->stop > 0 && point->stop <= HV_CURVE_MOST_STOP))
			return "has a distance to stop at out of range";
		if (!(point->leaves >= 1 && point->leaves <= HV_CURVE_MOST_LEAVES &&
			  point->read >= 1 && point->read <= HV_CURVE_MOST_LEAVES &&
			  point->fetches >= 1 && point->fetches <= FLT_MAX))
			return "has sizes of scans out of range";
	}
	return NULL;
}

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
	return verify_curve(&meta->curve);
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
	Assert(HvMetaVerify(page) == NULL); /* I1 */
}

/*
 * An index from before there were curves has a metapage that ends before the
 * curve, and Generic WAL keeps nothing of what is beyond a page's end.
 */
void
HvMetaSetCurve(Relation relation, const HvCurve *curve)
{
	HvAction	action;
	Page		page;

	HvActionBegin(&action, relation);
	page = HvActionOpen(&action, NULL, HV_META_BLOCK);
	HvPageGetMeta(page)->curve = *curve;
	((PageHeader) page)->pd_lower =
		(char *) HvPageGetMeta(page) + sizeof(HvMetaData) - (char *) page;
	Assert(HvMetaVerify(page) == NULL); /* I1 */
	HvActionCommit(&action);
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
HvMeanWrite(Relation relation, const float *mean, int n, uint16 mean_version)
{
	int			npages = (n + HV_MEAN_FLOATS_PER_PAGE - 1) / HV_MEAN_FLOATS_PER_PAGE;
	BlockNumber next = InvalidBlockNumber;

	Assert(n > 0 && HvMetricAllFinite(mean, n));	/* I9 */
	Assert(HvStoreStructureIsLocked(relation));

	/* last page first, so that each knows its successor */
	for (int i = npages - 1; i >= 0; i--)
	{
		int			first = i * HV_MEAN_FLOATS_PER_PAGE;
		BlockNumber block = HvStoreAllocate(relation);
		HvAction	action;
		Page		page;

		HvActionBegin(&action, relation);
		page = HvActionCreate(&action, block, HV_PAGE_MEAN, 0, mean_version);
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

	Assert(dim > 0 && dim <= HV_MAX_DIMENSIONS);
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
		cache->meta.mean_version == meta->mean_version &&
		cache->meta.dim == meta->dim &&
		cache->meta.seed == meta->seed &&
		cache->meta.mean_block == meta->mean_block &&
		cache->meta.flags == meta->flags &&
		cache->meta.old_mean_block == meta->old_mean_block;
}

/* shift <- what takes a vector from the mean in "space" to the mean before. */
static void
compute_shift(Relation relation, const HvMetaData *meta, const HvSpace *space, float *shift)
{
	float	   *difference = palloc(space->rotate_dims * sizeof(float));

	Assert(meta->flags & HV_META_CONVERTING);
	Assert(space->mean != NULL && space->center_dims <= space->rotate_dims);
	read_mean(relation, meta->old_mean_block, difference, space->center_dims);
	for (int i = 0; i < space->center_dims; i++)
		difference[i] = space->mean[i] - difference[i];
	HvSpaceRotate(space, difference);
	memcpy(shift, difference, space->code_bits * sizeof(float));
	pfree(difference);
}

/* The sizes of what is kept of an index with a dimension. */
static void
size_cache(MetaCache *cache, const HvMetaData *meta)
{
	HvMetric	metric = (HvMetric) meta->metric;

	cache->meta = *meta;
	cache->rotation_size = cache->mean_size = cache->shift_size = 0;
	if (meta->dim == 0)
		return;
	cache->rotation_size = MAXALIGN(HvRotationSize(HvSpaceRotateDims(metric, meta->dim)));
	if (meta->mean_block == InvalidBlockNumber)
		return;
	cache->mean_size = MAXALIGN(HvSpaceCenterDims(metric, meta->dim) * sizeof(float));
	if (meta->flags & HV_META_CONVERTING)
		cache->shift_size = meta->code_bits * sizeof(float);
}

static Size
cache_size(const MetaCache *cache)
{
	return CACHE_HEADER_SIZE + cache->rotation_size + cache->mean_size + cache->shift_size;
}

/* The parts of a cached chunk, or of a copy of it; NULL for what it lacks. */
static void
find_parts(const MetaCache *cache, char *at, HvRotation **rotation, float **mean,
		   float **shift)
{
	*rotation = (HvRotation *) at;
	*mean = cache->mean_size > 0 ? (float *) (at + cache->rotation_size) : NULL;
	*shift = cache->shift_size > 0 ?
		(float *) (at + cache->rotation_size + cache->mean_size) : NULL;
}

/* Fills the relation cache from the metapage; means may be read. */
static void
fill_cache(Relation relation, const HvMetaData *meta)
{
	MetaCache	header;
	MetaCache  *cache;
	MetaCache  *kept;
	HvRotation *rotation;
	float	   *mean;
	float	   *shift;

	size_cache(&header, meta);
	cache = palloc(cache_size(&header));
	*cache = header;
	find_parts(cache, (char *) cache + CACHE_HEADER_SIZE, &rotation, &mean, &shift);
	if (meta->dim > 0)
		HvRotationInit(rotation, HvSpaceRotateDims((HvMetric) meta->metric, meta->dim),
					   meta->seed);
	if (mean)
		read_mean(relation, meta->mean_block, mean,
				  HvSpaceCenterDims((HvMetric) meta->metric, meta->dim));
	if (shift)
	{
		HvSpace		space;

		HvSpaceInit(&space, (HvMetric) meta->metric, meta->dim, meta->max_norm, mean,
					rotation);
		compute_shift(relation, meta, &space, shift);
	}

	kept = MemoryContextAlloc(relation->rd_indexcxt, cache_size(cache));
	memcpy(kept, cache, cache_size(cache));
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
	HvRotation *rotation;
	float	   *mean;
	float	   *shift;
	Size		size;

	HvMetaRead(relation, &meta);
	if (!cache_fits(relation->rd_amcache, &meta))
		fill_cache(relation, &meta);

	/* no catalog access from here on: the cache stays where it is */
	cache = relation->rd_amcache;
	cache->meta = meta;
	size = cache_size(cache) - CACHE_HEADER_SIZE;
	index = palloc(MAXALIGN(sizeof(HvIndex)) + size);
	at = (char *) index + MAXALIGN(sizeof(HvIndex));
	memcpy(at, (char *) cache + CACHE_HEADER_SIZE, size);

	index->relation = relation;
	index->meta = meta;
	index->shift = NULL;
	if (meta.dim > 0)
	{
		find_parts(cache, at, &rotation, &mean, &shift);
		HvMetaLayout(&meta, &index->layout);
		HvSpaceInit(&index->space, (HvMetric) meta.metric, meta.dim, meta.max_norm, mean,
					rotation);
		index->shift = shift;
	}
	return index;
}

void
HvIndexQuery(const HvIndex *index, const float *o, HvQuery *query)
{
	Assert(index->meta.dim > 0);
	HvQueryPrepare(query, o, index->layout.code_bits, (uint16) index->meta.mean_version,
				   index->shift);
}

bool
HvIndexIsOld(const HvIndex *index, BlockNumber block, uint16 mean_version)
{
	Assert(HvStoreStructureIsLocked(index->relation));
	if (mean_version == (uint16) index->meta.mean_version)
		return false;
	if (index->shift == NULL || (uint16) (mean_version + 1) != (uint16) index->meta.mean_version)
		HvStoreCorrupted(index->relation, block, "has codes about an unknown mean");
	return true;
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
