/*-------------------------------------------------------------------------
 *
 * hvpool.c
 *	  The candidates of a scan, nearest first on demand, each row once.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvpool.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "hvpool.h"

/* the first answer of most queries needs about this many */
#define FIRST_BATCH		64
#define FIRST_CAPACITY	2048

typedef struct SeenRow
{
	uint64		id;
	char		status;
} SeenRow;

static inline uint32
hash_row(uint64 id)
{
	return hash_combine(murmurhash32((uint32) id), murmurhash32((uint32) (id >> 32)));
}

#define SH_PREFIX		seen
#define SH_ELEMENT_TYPE SeenRow
#define SH_KEY_TYPE		uint64
#define SH_KEY			id
#define SH_HASH_KEY(tb, key)	hash_row(key)
#define SH_EQUAL(tb, a, b)		((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

void
HvPoolInit(HvPool *pool, MemoryContext context)
{
	pool->context = context;
	pool->capacity = FIRST_CAPACITY;
	pool->items = MemoryContextAllocHuge(context, pool->capacity * sizeof(HvCandidate));
	pool->seen = seen_create(context, 2 * FIRST_BATCH, NULL);
	pool->first = pool->sorted = pool->count = 0;
	pool->taken = 0;
}

HvCandidate *
HvPoolReserve(HvPool *pool, int n)
{
	if (pool->count + n > pool->capacity)
	{
		/* what has been taken out at the front is free again */
		if (pool->first > pool->capacity / 2)
		{
			memmove(pool->items, pool->items + pool->first,
					(pool->count - pool->first) * sizeof(HvCandidate));
			pool->count -= pool->first;
			pool->sorted -= pool->first;
			pool->first = 0;
		}
		if (pool->count + n > pool->capacity)
		{
			pool->capacity = Max(2 * pool->capacity, pool->count + n);
			pool->items = repalloc_huge(pool->items,
										pool->capacity * sizeof(HvCandidate));
		}
	}
	return pool->items + pool->count;
}

/*
 * The newcomers may belong before those in order, so none are in order now;
 * partitioning again costs one pass.
 */
void
HvPoolAdded(HvPool *pool, int n)
{
	pool->count += n;
	pool->sorted = pool->first;
}

/*
 * Puts the next batch in order.  Batches grow with what was taken before, so that
 * taking everything out of a pool of n costs n log n.
 */
static void
sort_batch(HvPool *pool)
{
	int64		left = pool->count - pool->first;
	int64		n = Min(Max(pool->taken / 2, FIRST_BATCH), left);

	HvSelectSmallest(pool->items + pool->first, left, n);
	HvSortKeyed(pool->items + pool->first, n);
	pool->sorted = pool->first + n;
}

int
HvPoolTake(HvPool *pool, float bound, int max, HvCandidate *out)
{
	int			n = 0;

	while (n < max && pool->first < pool->count)
	{
		HvCandidate *candidate;
		bool		found;

		if (pool->first == pool->sorted)
			sort_batch(pool);
		candidate = &pool->items[pool->first];
		if (!(candidate->key < bound))
			break;
		pool->first++;
		pool->taken++;
		seen_insert(pool->seen, candidate->id, &found);
		if (!found)
			out[n++] = *candidate;
	}
	return n;
}

float
HvPoolRankKey(HvPool *pool, int64 m)
{
	HvCandidate *items = pool->items + pool->first;
	int64		left = pool->count - pool->first;
	float		key = -FLT_MAX;

	if (left < m)
		return FLT_MAX;
	HvSelectSmallest(items, left, m);
	pool->sorted = pool->first;
	for (int64 i = 0; i < m; i++)
		key = Max(key, items[i].key);
	return key;
}
