/*-------------------------------------------------------------------------
 *
 * hvparallel.c
 *	  What the participants of a parallel scan share.
 *
 * NOTES
 *	  The descriptor of a scan has a fixed size, as the executor requires; what
 *	  grows is in a shared area of its own, made by the leader.  It is changed
 *	  by atomic operations alone: no participant waits for another.
 *
 *	  A set of claims only grows, which makes it simple.  It consists of
 *	  tables, each four times as large as the one before and divided into
 *	  windows of eight slots.  A key is looked for in its window of each table
 *	  in turn and put into the first free slot that is found.  Since no slot is
 *	  ever freed, two participants with the same key come to the same slot, and
 *	  one of them finds the key of the other there.
 *
 *	  The areas are not left to resource owners, which warn of what is released
 *	  at the end of a query, but to the memory context that they were opened in.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvparallel.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/dsa.h"
#include "utils/memutils.h"

#include "scan/hvlimit.h"
#include "scan/hvparallel.h"

/* slots of a window: a cache line */
#define WINDOW		8

/* windows of the first table: 32 kB, enough for what most scans claim */
#define FIRST_WINDOWS	512

/* more slots than a table has rows */
#define MAX_TABLES	16

/* 0 = free: neither a row nor a leaf has that number */
typedef pg_atomic_uint64 Slot;

typedef enum ClaimSet
{
	CLAIMED_LEAVES,
	CLAIMED_ROWS,
	CLAIM_SETS
} ClaimSet;

/* in the descriptor of the scan */
typedef struct HvParallelShared
{
	HvLimit		limit;			/* what is wanted of the scan, without the node */
	int			leader;			/* its process, which has the area already */
	dsa_area   *leader_area;	/* valid there only */
	dsa_handle	area;
	pg_atomic_uint64 since;		/* counter + 1, 0 = not known yet */
	pg_atomic_uint64 counts[HV_PARALLEL_COUNTS];
	dsa_pointer_atomic tables[CLAIM_SETS][MAX_TABLES];
} HvParallelShared;

struct HvParallel
{
	HvParallelShared *shared;
	dsa_area   *area;
	Slot	   *tables[CLAIM_SETS][MAX_TABLES]; /* those met so far */
};

Size
hvestimateparallelscan(HV_PARALLEL_ESTIMATE_PARAMS)
{
	return sizeof(HvParallelShared);
}

static void
detach_area(void *area)
{
	dsa_detach(area);
}

/* Lets an area, opened in this memory context, go with the context. */
static void
keep_area(dsa_area *area)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	dsa_pin_mapping(area);
	callback->func = detach_area;
	callback->arg = area;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
}

static void
share_limit(HvParallelShared *shared, HvLimit limit)
{
	shared->limit = limit;
	shared->limit.node = NULL;
}

/* The memory is that of the query: the executor keeps its own things there. */
void
hvinitparallelscan(void *target)
{
	HvParallelShared *shared = target;
	dsa_area   *area = dsa_create(LWTRANCHE_PARALLEL_QUERY_DSA);

	keep_area(area);
	share_limit(shared, HvLimitOfParallelScan());
	shared->leader = MyProcPid;
	shared->leader_area = area;
	shared->area = dsa_get_handle(area);
	pg_atomic_init_u64(&shared->since, 0);
	for (int i = 0; i < HV_PARALLEL_COUNTS; i++)
		pg_atomic_init_u64(&shared->counts[i], 0);
	for (int set = 0; set < CLAIM_SETS; set++)
	{
		for (int i = 0; i < MAX_TABLES; i++)
			dsa_pointer_atomic_init(&shared->tables[set][i], InvalidDsaPointer);
	}
}

/* The workers have ended, new ones have not been started. */
void
hvparallelrescan(IndexScanDesc scan)
{
	HvParallelShared *shared = HvCompatParallelTarget(scan);

	share_limit(shared, HvLimitOfScan(scan));
	pg_atomic_write_u64(&shared->since, 0);
	for (int i = 0; i < HV_PARALLEL_COUNTS; i++)
		pg_atomic_write_u64(&shared->counts[i], 0);
	for (int set = 0; set < CLAIM_SETS; set++)
	{
		for (int i = 0; i < MAX_TABLES; i++)
		{
			dsa_pointer table = dsa_pointer_atomic_read(&shared->tables[set][i]);

			if (DsaPointerIsValid(table))
				dsa_free(shared->leader_area, table);
			dsa_pointer_atomic_write(&shared->tables[set][i], InvalidDsaPointer);
		}
	}
}

HvParallel *
HvParallelJoin(IndexScanDesc scan, MemoryContext context)
{
	MemoryContext old;
	HvParallel *parallel;

	if (scan->parallel_scan == NULL)
		return NULL;
	old = MemoryContextSwitchTo(context);
	parallel = palloc0(sizeof(HvParallel));
	parallel->shared = HvCompatParallelTarget(scan);
	if (parallel->shared->leader == MyProcPid)
		parallel->area = parallel->shared->leader_area;
	else
	{
		parallel->area = dsa_attach(parallel->shared->area);
		keep_area(parallel->area);
	}
	MemoryContextSwitchTo(old);
	return parallel;
}

HvLimit
HvParallelLimit(const HvParallel *parallel)
{
	return parallel->shared->limit;
}

uint64
HvParallelSince(HvParallel *parallel, uint64 seq)
{
	uint64		since = 0;

	if (pg_atomic_compare_exchange_u64(&parallel->shared->since, &since, seq + 1))
		return seq;
	return since - 1;
}

int64
HvParallelTotal(const HvParallel *parallel, HvParallelCount which)
{
	return (int64) pg_atomic_read_u64(&parallel->shared->counts[which]);
}

int64
HvParallelAdd(HvParallel *parallel, HvParallelCount which, int64 n)
{
	return (int64) pg_atomic_fetch_add_u64(&parallel->shared->counts[which], n);
}

static Size
windows_of(int table)
{
	return (Size) FIRST_WINDOWS << (2 * table);
}

/*
 * Makes a table of a set unless another participant is faster; returns the
 * valid one.
 */
static dsa_pointer
make_table(HvParallel *parallel, ClaimSet set, int table)
{
	Size		nslots = windows_of(table) * WINDOW;
	dsa_pointer made = dsa_allocate_extended(parallel->area, nslots * sizeof(Slot),
											 DSA_ALLOC_HUGE);
	Slot	   *slots = dsa_get_address(parallel->area, made);
	dsa_pointer other = InvalidDsaPointer;

	for (Size i = 0; i < nslots; i++)
		pg_atomic_init_u64(&slots[i], 0);
	if (dsa_pointer_atomic_compare_exchange(&parallel->shared->tables[set][table], &other,
											made))
		return made;
	dsa_free(parallel->area, made);
	return other;
}

static Slot *
open_table(HvParallel *parallel, ClaimSet set, int table)
{
	dsa_pointer pointer = dsa_pointer_atomic_read(&parallel->shared->tables[set][table]);

	if (!DsaPointerIsValid(pointer))
		pointer = make_table(parallel, set, table);
	return parallel->tables[set][table] = dsa_get_address(parallel->area, pointer);
}

/*
 * Puts key into a window; false if it is full, *first says whether key is new.
 */
static bool
put_into_window(Slot *window, uint64 key, bool *first)
{
	for (int i = 0; i < WINDOW; i++)
	{
		uint64		there = pg_atomic_read_u64(&window[i]);

		*first = there == 0 && pg_atomic_compare_exchange_u64(&window[i], &there, key);
		if (*first || there == key)
			return true;
	}
	return false;
}

/* Puts key into a set; false if it was there. */
static bool
claim(HvParallel *parallel, ClaimSet set, uint64 key)
{
	uint64		hash = hash_bytes_extended((unsigned char *) &key, sizeof(key), 0);
	bool		first;

	for (int table = 0; table < MAX_TABLES; table++)
	{
		Slot	   *slots = parallel->tables[set][table];

		if (slots == NULL)
			slots = open_table(parallel, set, table);
		if (put_into_window(slots + hash % windows_of(table) * WINDOW, key, &first))
			return first;
	}
	elog(ERROR, "claims of a parallel hvtree scan do not fit into their tables");
	return false;
}

bool
HvParallelClaimLeaf(HvParallel *parallel, BlockNumber block)
{
	/* the table of a set may have to be allocated */
	Assert(InterruptHoldoffCount == 0);
	return claim(parallel, CLAIMED_LEAVES, (uint64) block + 1);
}

int
HvParallelClaimRows(HvParallel *parallel, HvCandidate *candidates, int n)
{
	int			kept = 0;

	for (int i = 0; i < n; i++)
	{
		if (claim(parallel, CLAIMED_ROWS, candidates[i].id))
			candidates[kept++] = candidates[i];
	}
	return kept;
}
