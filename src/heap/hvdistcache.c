/*-------------------------------------------------------------------------
 *
 * hvdistcache.c
 *	  Distances of the rows a scan has just sent, for the operators.
 *
 * NOTES
 *	  A value is identified by its TOAST table and its number there, a query by
 *	  its floats, bit by bit.  A number means one content as long as a snapshot
 *	  sees the value: it is given again only after VACUUM has removed every
 *	  chunk of it, and a rewrite of the table locks out all scans of it.  So a
 *	  cache must be freed before the snapshot and the lock of its scan.  Both
 *	  belong to the executor's run, and so does the memory in which the cache
 *	  is stored, however the run ends; a callback of that memory takes the
 *	  cache off the list.
 *
 *	  Rows behind an old snapshot of a server with old_snapshot_threshold may be
 *	  removed while it is in use: there are no caches on such a server.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvdistcache.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "lib/ilist.h"
#include "utils/memutils.h"

#include "heap/hvdistcache.h"
#include "page/hvcompat.h"

/*
 * Rows of a scan: an executor node computes the distance of a row before it
 * takes the next one, a join may have taken a few more.
 */
#define CACHED_ROWS		64

/*
 * Caches searched, latest first: a partitioned table has one for each
 * partition.
 */
#define CACHES_SEARCHED		16

struct HvDistCache
{
	dlist_node	node;
	MemoryContextCallback callback;
	Oid			toast_table;
	HvMetric	metric;
	int			dim;
	float	   *query;			/* a copy: the scan's may be freed before the cache */
	int			next;			/* entry to be overwritten */
	Oid			values[CACHED_ROWS];	/* InvalidOid = unused */
	double		distances[CACHED_ROWS];
};

/* of this backend, the one written to last in front */
static dlist_head caches = DLIST_STATIC_INIT(caches);

/* memory context callback */
static void
forget_cache(void *arg)
{
	HvDistCache *cache = arg;

	dlist_delete(&cache->node);
}

HvDistCache *
HvDistCacheBegin(Oid toast_table, const HvTypeInfo *type, const HvVectorView *query,
				 MemoryContext context)
{
	HvDistCache *cache;

	if (!OidIsValid(toast_table) || type->open != HvTypeOpenRealArray ||
		HvCompatSnapshotsExpire())
		return NULL;
	cache = MemoryContextAlloc(context, sizeof(HvDistCache));
	cache->toast_table = toast_table;
	cache->metric = type->metric;
	cache->dim = query->dim;
	cache->query = MemoryContextAlloc(context, query->dim * sizeof(float));
	memcpy(cache->query, query->values, query->dim * sizeof(float));
	cache->next = 0;
	memset(cache->values, 0, sizeof(cache->values));

	cache->callback.func = forget_cache;
	cache->callback.arg = cache;
	dlist_push_head(&caches, &cache->node);
	MemoryContextRegisterResetCallback(context, &cache->callback);
	return cache;
}

void
HvDistCacheAdd(HvDistCache *cache, Oid value, double distance)
{
	Assert(OidIsValid(value) && cache->next < CACHED_ROWS);
	cache->values[cache->next] = value;
	cache->distances[cache->next] = distance;
	cache->next = (cache->next + 1) % CACHED_ROWS;
	dlist_move_head(&caches, &cache->node);
}

/* The entry of a value, latest first; -1 if there is none. */
static int
find_value(const HvDistCache *cache, Oid value)
{
	for (int back = 1; back <= CACHED_ROWS; back++)
	{
		int			i = (cache->next + CACHED_ROWS - back) % CACHED_ROWS;

		if (cache->values[i] == value)
			return i;
	}
	return -1;
}

/*
 * The distance of a row's value and a query.  A query that is no vector is an
 * error, as it would be without a cache: the value is indexed, so it is one.
 */
static bool
find_distance(Datum row, Datum query, HvMetric metric, double *distance)
{
	struct varlena *attribute = (struct varlena *) DatumGetPointer(row);
	struct varatt_external pointer;
	HvVectorView view = {0, NULL, NULL};
	bool		found = false;
	int			searched = 0;
	dlist_iter	iter;

	if (!VARATT_IS_EXTERNAL_ONDISK(attribute))
		return false;
	VARATT_EXTERNAL_GET_POINTER(pointer, attribute);

	dlist_foreach(iter, &caches)
	{
		const HvDistCache *cache = dlist_container(HvDistCache, node, iter.cur);
		int			entry;

		if (searched++ == CACHES_SEARCHED)
			break;
		if (cache->toast_table != pointer.va_toastrelid || cache->metric != metric)
			continue;
		entry = find_value(cache, pointer.va_valueid);
		if (entry < 0)
			continue;
		if (view.values == NULL)
			HvTypeOpenStoredRealArray(query, &view);

		/* a vector that equals a scan's query is finite, as that is */
		if (view.dim == cache->dim &&
			memcmp(view.values, cache->query, view.dim * sizeof(float)) == 0)
		{
			*distance = cache->distances[entry];
			found = true;
			break;
		}
	}
	HvTypeClose(&view);
	return found;
}

bool
HvDistCacheFind(Datum a, Datum b, HvMetric metric, double *distance)
{
	if (dlist_is_empty(&caches))
		return false;
	return find_distance(a, b, metric, distance) ||
		find_distance(b, a, metric, distance);
}
