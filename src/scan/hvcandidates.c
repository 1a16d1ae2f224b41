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
#include "miscadmin.h"
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

/*
 * Sorts n ids by one byte of them, from one array into another; false, and
 * nothing is done, if they are all alike in it.
 */
static bool
sort_by_byte(const uint64 *from, uint64 *to, int64 n, int shift)
{
	int64		places[256] = {0};
	int64		place = 0;

	for (int64 i = 0; i < n; i++)
		places[(from[i] >> shift) & 0xFF]++;
	if (places[(from[0] >> shift) & 0xFF] == n)
		return false;
	for (int byte = 0; byte < 256; byte++)
	{
		int64		count = places[byte];

		places[byte] = place;
		place += count;
	}
	for (int64 i = 0; i < n; i++)
		to[places[(from[i] >> shift) & 0xFF]++] = from[i];
	return true;
}

/* Sorts n ids, in one of two arrays; the one that they are in then is returned. */
static uint64 *
sort_ids(uint64 *ids, uint64 *other, int64 n)
{
	for (int shift = 0; shift < 64 && n > 1; shift += 8)
	{
		uint64	   *sorted = other;

		CHECK_FOR_INTERRUPTS();
		if (!sort_by_byte(ids, other, n, shift))
			continue;
		other = ids;
		ids = sorted;
	}
	return ids;
}

uint64 *
HvCandidatesTakeAll(HvCandidates *candidates, int64 *n)
{
	const HvCandidate *items = candidates->items + candidates->first;
	int64		left = candidates->count - candidates->first;
	uint64	   *ids = MemoryContextAllocHuge(candidates->context, (left + 1) * sizeof(uint64));
	uint64	   *other = MemoryContextAllocHuge(candidates->context, (left + 1) * sizeof(uint64));
	uint64	   *sorted;
	int64		kept = 0;

	for (int64 i = 0; i < left; i++)
		ids[i] = items[i].id;
	sorted = sort_ids(ids, other, left);
	for (int64 i = 0; i < left; i++)
	{
		if (kept > 0 && sorted[i] == sorted[kept - 1])
			continue;
		if (candidates->taken == 0 || seen_lookup(candidates->seen, sorted[i]) == NULL)
			sorted[kept++] = sorted[i];
	}
	pfree(sorted == ids ? other : ids);
	candidates->taken += left;
	candidates->first = candidates->sorted = candidates->count;
	*n = kept;
	return sorted;
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
