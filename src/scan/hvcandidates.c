/*-------------------------------------------------------------------------
 *
 * hvcandidates.c
 *	  The candidates of a scan, nearest first on demand, each row once.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvcandidates.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "scan/hvcandidates.h"

/* most queries take about this many for their first rows */
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
HvCandidatesInit(HvCandidates *candidates, MemoryContext context)
{
	candidates->context = context;
	candidates->capacity = FIRST_CAPACITY;
	candidates->items = MemoryContextAllocHuge(context, candidates->capacity * sizeof(HvCandidate));
	candidates->seen = seen_create(context, 2 * FIRST_BATCH, NULL);
	candidates->first = candidates->sorted = candidates->count = 0;
	candidates->taken = 0;
}

HvCandidate *
HvCandidatesReserve(HvCandidates *candidates, int n)
{
	if (candidates->count + n > candidates->capacity)
	{
		/* what has been taken out at the front is free again */
		if (candidates->first > candidates->capacity / 2)
		{
			memmove(candidates->items, candidates->items + candidates->first,
					(candidates->count - candidates->first) * sizeof(HvCandidate));
			candidates->count -= candidates->first;
			candidates->sorted -= candidates->first;
			candidates->first = 0;
		}
		if (candidates->count + n > candidates->capacity)
		{
			candidates->capacity = Max(2 * candidates->capacity, candidates->count + n);
			candidates->items = repalloc_huge(candidates->items,
										candidates->capacity * sizeof(HvCandidate));
		}
	}
	return candidates->items + candidates->count;
}

/*
 * The new ones may be nearer than those in order, so none are in order now;
 * partitioning again costs one pass.
 */
void
HvCandidatesAdded(HvCandidates *candidates, int n)
{
	Assert(n >= 0 && candidates->count + n <= candidates->capacity);
	candidates->count += n;
	candidates->sorted = candidates->first;
}

/*
 * Puts the next batch in order.  Batches grow with what was taken before, so
 * that taking all of n candidates costs n log n.
 */
static void
sort_batch(HvCandidates *candidates)
{
	int64		left = candidates->count - candidates->first;
	int64		n = Min(Max(candidates->taken / 2, FIRST_BATCH), left);

	HvSelectSmallest(candidates->items + candidates->first, left, n);
	HvSortKeyed(candidates->items + candidates->first, n);
	candidates->sorted = candidates->first + n;
}

int
HvCandidatesTake(HvCandidates *candidates, float bound, int max, HvCandidate *out)
{
	int			n = 0;

	Assert(candidates->first <= candidates->sorted && candidates->sorted <= candidates->count);
	while (n < max && candidates->first < candidates->count)
	{
		HvCandidate *candidate;
		bool		found;

		if (candidates->first == candidates->sorted)
			sort_batch(candidates);
		candidate = &candidates->items[candidates->first];
		if (!(candidate->key < bound))
			break;
		candidates->first++;
		candidates->taken++;
		seen_insert(candidates->seen, candidate->id, &found);
		if (!found)
			out[n++] = *candidate;
	}
	return n;
}

float
HvCandidatesRankKey(HvCandidates *candidates, int64 m)
{
	HvCandidate *items = candidates->items + candidates->first;
	int64		left = candidates->count - candidates->first;
	float		key = -FLT_MAX;

	Assert(m > 0);
	if (left < m)
		return FLT_MAX;
	HvSelectSmallest(items, left, m);
	candidates->sorted = candidates->first;
	for (int64 i = 0; i < m; i++)
		key = Max(key, items[i].key);
	return key;
}
