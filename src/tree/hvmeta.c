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

#include <math.h>

#include "utils/memutils.h"

#include "arithmetic/hvmetric.h"
#include "heap/hvtype.h"
#include "page/hvattribute.h"
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

void
HvMetaRead(Relation relation, HvMetaData *meta)
{
	HvStoreReadMeta(relation, meta);
	if (meta->version < HV_FORMAT_OLDEST || meta->version > HV_FORMAT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has format version %u, this hvindex reads versions %d to %d",
						RelationGetRelationName(relation), meta->version, HV_FORMAT_OLDEST,
						HV_FORMAT_VERSION),
				 errhint("REINDEX the index, or install the hvindex that made it.")));
	if (meta->metric != (uint32) HvTypeInfoFor(relation)->metric)
		HvStoreCorrupted(relation, HV_META_BLOCK, "names another metric than its operator class");
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

void
HvMetaSetCurve(Relation relation, const HvCurve *curve, const HvCurveOrigin *origin)
{
	HvAction	action;
	HvMetaData *meta;

	HvActionBegin(&action, relation);
	meta = HvActionOpenMeta(&action);
	meta->curve = *curve;
	meta->curve_origin = *origin;
	HvActionCommit(&action);
}

void
HvMetaSetReach(Relation relation, uint32 reach, uint32 leaves)
{
	HvAction	action;
	HvMetaData *meta;

	Assert(reach <= leaves);	/* I1 */
	HvActionBegin(&action, relation);
	meta = HvActionOpenMeta(&action);
	meta->reach = reach;
	meta->reach_leaves = leaves;
	HvActionCommit(&action);
}

bool
HvMetaIsLookDue(uint32 leaves, uint32 first, double growth)
{
	double		next = first;

	while (next < leaves)
		next = ceil(next * growth);
	return next == leaves;
}

/*
 * Copies the floats of one mean page to the end of a mean of n floats, of which
 * *got are there.  Returns what is wrong with the page, or NULL.
 */
static const char *
copy_mean_page(Page page, uint16 mean_version, float *mean, int n, int *got)
{
	int			here;
	const float *values;

	if (page == NULL || HvPageKindOf(page) != HV_PAGE_MEAN ||
		HvPageGetOpaque(page)->mean_version != mean_version)
		return "is no page of the mean that is referred to";
	values = HvMeanPageGet(page, &here);
	if (here == 0 || here > n - *got)
		return "has a mean of the wrong length";
	if (!HvMetricAllFinite(values, here))
		return "has a mean that is not finite";
	memcpy(mean + *got, values, here * sizeof(float));
	*got += here;
	return NULL;
}

/* Is the mean that meta names the present one, or the one before? */
static bool
mean_is_named(Relation relation, const HvMetaData *meta)
{
	HvMetaData	now;

	HvMetaRead(relation, &now);
	return now.mean_version == meta->mean_version && now.mean_block == meta->mean_block &&
		now.flags == meta->flags && now.old_mean_block == meta->old_mean_block;
}

/*
 * Reads a mean that meta names from its chain of pages, n floats.  False if the mean
 * has changed since meta was read, so that VACUUM may have freed the pages.
 */
static bool
read_mean(Relation relation, const HvMetaData *meta, bool old, float *mean, int n)
{
	BlockNumber block = old ? meta->old_mean_block : meta->mean_block;
	uint16		mean_version = (uint16) (meta->mean_version - (old ? 1 : 0));

	for (int got = 0; got < n;)
	{
		BlockNumber next = InvalidBlockNumber;
		const char *problem = "names a mean that is too short";

		if (block != InvalidBlockNumber)
		{
			Buffer		buffer;
			Page		page = HvStoreRead(relation, NULL, block, NULL, &buffer);

			problem = copy_mean_page(page, mean_version, mean, n, &got);
			if (page)
			{
				next = HvPageGetOpaque(page)->link;
				HvStoreRelease(buffer);
			}
		}
		if (problem)
		{
			if (mean_is_named(relation, meta))
				HvStoreCorrupted(relation, block != InvalidBlockNumber ? block : HV_META_BLOCK,
								 problem);
			return false;
		}
		block = next;
	}
	return true;
}

void
HvMetaRequireEmpty(Relation relation)
{
	Buffer		buffer;
	Page		page = HvStoreRead(relation, NULL, HV_ROOT_BLOCK, NULL, &buffer);
	bool		is_empty = page && HvPageKindOf(page) == HV_PAGE_LEAF &&
		HvPageCount(page) == 0;
	HvMetaData	meta;

	if (page)
		HvStoreRelease(buffer);
	if (is_empty)
		return;
	HvMetaRead(relation, &meta);
	if (meta.dim == 0)
		HvStoreCorrupted(relation, HV_ROOT_BLOCK, "is not the empty leaf of an index without rows");
}

/*
 * Where there is no mean, the number of dimensions is seen in the root alone: it has
 * the layout that meta says, or is reported as damaged.
 */
static void
require_root(Relation relation, const HvMetaData *meta)
{
	HvLayout	layout;
	Buffer		buffer;

	Assert(meta->dim > 0);
	HvMetaLayout(meta, &layout);
	if (HvStoreRead(relation, &layout, HV_ROOT_BLOCK, NULL, &buffer))
		HvStoreRelease(buffer);
}

/* Both means that meta names, where it names them; false as read_mean. */
static bool
read_means(Relation relation, const HvMetaData *meta)
{
	int			n = HvSpaceCenterDims((HvMetric) meta->metric, (int) meta->dim);
	float	   *mean = palloc(n * sizeof(float));
	bool		read = true;

	if (meta->mean_block != InvalidBlockNumber)
		read = read_mean(relation, meta, false, mean, n);
	else
		require_root(relation, meta);
	if (read && (meta->flags & HV_META_CONVERTING))
		read = read_mean(relation, meta, true, mean, n);
	pfree(mean);
	return read;
}

void
HvMetaReadMeans(Relation relation, HvMetaData *meta)
{
	do
		HvMetaRead(relation, meta);
	while (meta->dim > 0 && !read_means(relation, meta));
	if (meta->dim == 0)
		HvMetaRequireEmpty(relation);
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
	meta->leaf_entry_size = HvAttributeEntrySize(meta);
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

	HvMetaRequireEmpty(relation);
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

/*
 * shift <- what takes a vector from the mean in "space" to the mean before; false as
 * read_mean.
 */
static bool
compute_shift(Relation relation, const HvMetaData *meta, const HvSpace *space, float *shift)
{
	float	   *difference = palloc(space->rotate_dims * sizeof(float));

	Assert(meta->flags & HV_META_CONVERTING);
	Assert(space->mean != NULL && space->center_dims <= space->rotate_dims);
	if (!read_mean(relation, meta, true, difference, space->center_dims))
		return false;
	for (int i = 0; i < space->center_dims; i++)
		difference[i] = space->mean[i] - difference[i];
	HvSpaceRotate(space, difference);
	memcpy(shift, difference, space->code_bits * sizeof(float));
	pfree(difference);
	return true;
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

/* Fills the relation cache from the metapage; means may be read.  False as read_mean. */
static bool
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
	if (meta->dim > 0 && mean == NULL)
		require_root(relation, meta);
	if (mean && !read_mean(relation, meta, false, mean,
						   HvSpaceCenterDims((HvMetric) meta->metric, meta->dim)))
		return false;
	if (shift)
	{
		HvSpace		space;

		HvSpaceInit(&space, (HvMetric) meta->metric, meta->dim, meta->unit,
					meta->max_norm, mean, rotation);
		if (!compute_shift(relation, meta, &space, shift))
			return false;
	}

	kept = MemoryContextAlloc(relation->rd_indexcxt, cache_size(cache));
	memcpy(kept, cache, cache_size(cache));
	pfree(cache);
	if (relation->rd_amcache)
		pfree(relation->rd_amcache);
	relation->rd_amcache = kept;
	return true;
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

	do
	{
		HvMetaRead(relation, &meta);
		if (meta.dim == 0)
			HvMetaRequireEmpty(relation);
	} while (!cache_fits(relation->rd_amcache, &meta) && !fill_cache(relation, &meta));

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
		HvSpaceInit(&index->space, (HvMetric) meta.metric, meta.dim, meta.unit,
					meta.max_norm, mean, rotation);
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
