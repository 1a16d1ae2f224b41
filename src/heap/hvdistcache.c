/*-------------------------------------------------------------------------
 *
 * hvdistcache.c
 *	  Distances of the rows a scan has just sent, for the operators.
 *
 * NOTES
 *	  A value is known by its TOAST table and its number there, a query by its
 *	  floats, bit by bit.  A number stands for one content as long as a snapshot
 *	  sees the value: it is given again only after VACUUM has removed every
 *	  chunk of it, and a table is rewritten only by someone who locks out all
 *	  scans of it.  So a memo must be gone before the snapshot and the lock of
 *	  its scan.  Both belong to the executor's run, and so does the memory in
 *	  which the memo stands, however the run ends; that the memory goes
 *	  is what takes a memo off the list.
 *
 *	  Rows behind an old snapshot of a server with old_snapshot_threshold may be
 *	  removed while it is in use: there are no memos on such a server.
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
 * Rows of a scan: an executor node asks for the distance of a row before it takes
 * the next one, a join may have taken a few more.
 */
#define MEMO_ROWS		64

/* Memos looked into, latest first: a partitioned table has one for each partition. */
#define MEMOS_ASKED		16

struct HvDistCache
{
	dlist_node	node;
	MemoryContextCallback callback;
	Oid			toast_table;
	HvMetric	metric;
	int			dim;
	float	   *query;			/* a copy: the scan's may go before the memo */
	int			next;			/* entry to be overwritten */
	Oid			values[MEMO_ROWS];	/* InvalidOid = unused */
	double		distances[MEMO_ROWS];
};

/* of this backend, the one written to last in front */
static dlist_head memos = DLIST_STATIC_INIT(memos);

/* memory context callback */
static void
forget_memo(void *arg)
{
	HvDistCache *memo = arg;

	dlist_delete(&memo->node);
}

HvDistCache *
HvDistCacheBegin(Oid toast_table, const HvTypeInfo *type, const HvVectorView *query,
			MemoryContext context)
{
	HvDistCache *memo;

	if (!OidIsValid(toast_table) || type->open != HvTypeOpenRealArray ||
		HvCompatSnapshotsExpire())
		return NULL;
	memo = MemoryContextAlloc(context, sizeof(HvDistCache));
	memo->toast_table = toast_table;
	memo->metric = type->metric;
	memo->dim = query->dim;
	memo->query = MemoryContextAlloc(context, query->dim * sizeof(float));
	memcpy(memo->query, query->values, query->dim * sizeof(float));
	memo->next = 0;
	memset(memo->values, 0, sizeof(memo->values));

	memo->callback.func = forget_memo;
	memo->callback.arg = memo;
	dlist_push_head(&memos, &memo->node);
	MemoryContextRegisterResetCallback(context, &memo->callback);
	return memo;
}

void
HvDistCacheAdd(HvDistCache *memo, Oid value, double distance)
{
	memo->values[memo->next] = value;
	memo->distances[memo->next] = distance;
	memo->next = (memo->next + 1) % MEMO_ROWS;
	dlist_move_head(&memos, &memo->node);
}

/* The entry of a value, latest first; -1 if there is none. */
static int
find_value(const HvDistCache *memo, Oid value)
{
	for (int back = 1; back <= MEMO_ROWS; back++)
	{
		int			i = (memo->next + MEMO_ROWS - back) % MEMO_ROWS;

		if (memo->values[i] == value)
			return i;
	}
	return -1;
}

/*
 * The distance of a row's value and a query.  A query that is no vector is an
 * error, as it would be without a memo: the value is indexed, so it is one.
 */
static bool
find_distance(Datum row, Datum query, HvMetric metric, double *distance)
{
	struct varlena *attribute = (struct varlena *) DatumGetPointer(row);
	struct varatt_external pointer;
	HvVectorView view = {0, NULL, NULL};
	bool		found = false;
	int			asked = 0;
	dlist_iter	iter;

	if (!VARATT_IS_EXTERNAL_ONDISK(attribute))
		return false;
	VARATT_EXTERNAL_GET_POINTER(pointer, attribute);

	dlist_foreach(iter, &memos)
	{
		const HvDistCache *memo = dlist_container(HvDistCache, node, iter.cur);
		int			entry;

		if (asked++ == MEMOS_ASKED)
			break;
		if (memo->toast_table != pointer.va_toastrelid || memo->metric != metric)
			continue;
		entry = find_value(memo, pointer.va_valueid);
		if (entry < 0)
			continue;
		if (view.values == NULL)
			HvTypeOpenStoredRealArray(query, &view);

		/* what equals a scan's query is finite, as that is */
		if (view.dim == memo->dim &&
			memcmp(view.values, memo->query, view.dim * sizeof(float)) == 0)
		{
			*distance = memo->distances[entry];
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
	if (dlist_is_empty(&memos))
		return false;
	return find_distance(a, b, metric, distance) ||
		find_distance(b, a, metric, distance);
}
