/*-------------------------------------------------------------------------
 *
 * hvstat.c
 *	  What scans have done, counted by index since the server started.
 *
 * NOTES
 *	  A table of fixed size with one entry for each index.  A scan counts for
 *	  itself and adds its counts here once, when it ends: it takes the lock of
 *	  the table shared, finds the entry and adds to it by atomic operations.
 *	  Only a new entry, and a reset, take the lock exclusively.
 *
 *	  If all entries are in use, one that no scan has added to for a while is
 *	  evicted for the new index (the clock of shared buffers, with one bit).
 *	  So dropped indexes, dropped databases, and indexes of temporary tables
 *	  need not be removed.  The scans of evicted entries are counted as
 *	  forgotten.
 *
 *	  An entry belongs to the OID of an index.  The OID of a dropped one may be
 *	  given to another index after four billion others; that one would go on
 *	  counting where the old one has ended, until a reset.
 *
 *	  A reader sees each counter at another moment.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvstat.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "page/hvcompat.h"
#include "scan/hvstat.h"

/* lists of entries by hash value; twice the entries make them short */
#define LISTS			(2 * HV_STAT_INDEXES)

/* no entry */
#define NONE			(-1)

typedef struct Entry
{
	Oid			database;
	Oid			index;
	int			next;			/* of the same list */
	pg_atomic_uint32 in_use;	/* added to since the hand of the clock passed */
	TimestampTz since;
	pg_atomic_uint64 counts[HV_STAT_COUNTERS];
	pg_atomic_uint64 buckets[HV_STAT_BUCKETS];
} Entry;

/* Memory behind the lists is not touched before an entry is needed. */
typedef struct Table
{
	LWLock		lock;			/* in shared memory only */
	int			tranche;
	int			nentries;
	int			hand;			/* of the clock */
	uint64		forgotten;
	int			lists[LISTS];	/* first entries */
	Entry		entries[HV_STAT_INDEXES];
} Table;

static Table *table = NULL;
static bool table_is_shared;

/* Getting there ----------------------------------------------------------- */

static void
init_local_table(void *memory)
{
	Table	   *fresh = memory;

	fresh->nentries = fresh->hand = 0;
	fresh->forgotten = 0;
	for (int i = 0; i < LISTS; i++)
		fresh->lists[i] = NONE;
}

/* Called for the first backend only, while the others wait. */
static void
init_shared_table(void *memory)
{
	Table	   *fresh = memory;

	fresh->tranche = LWLockNewTrancheId();
	LWLockInitialize(&fresh->lock, fresh->tranche);
	init_local_table(fresh);
}

/*
 * The table of this server, or of this backend.  The name has the size in it,
 * as an update of the extension must not find a table of another shape.
 */
static void
attach(void)
{
	char		name[64];

	if (table != NULL)
		return;
	snprintf(name, sizeof(name), "hvindex scans, form 1, %zu bytes", sizeof(Table));
	table = HvCompatSharedSegment(name, sizeof(Table), init_shared_table);
	table_is_shared = table != NULL;
	if (table_is_shared)
		LWLockRegisterTranche(table->tranche, "HvindexScanStatistics");
	else
	{
		Table	   *fresh = MemoryContextAlloc(TopMemoryContext, sizeof(Table));

		init_local_table(fresh);
		table = fresh;
	}
}

static void
lock_table(LWLockMode mode)
{
	if (table_is_shared)
		LWLockAcquire(&table->lock, mode);
}

static void
unlock_table(void)
{
	if (table_is_shared)
		LWLockRelease(&table->lock);
}

/* Entries (lock held) ----------------------------------------------------- */

static int *
list_of(Oid database, Oid index)
{
	return &table->lists[murmurhash32(index ^ murmurhash32(database)) % LISTS];
}

static Entry *
find_entry(Oid database, Oid index)
{
	int			at = *list_of(database, index);

	while (at != NONE &&
		   (table->entries[at].index != index || table->entries[at].database != database))
		at = table->entries[at].next;
	return at == NONE ? NULL : &table->entries[at];
}

static void
clear_entry(Entry *entry)
{
	entry->since = GetCurrentTimestamp();
	for (int i = 0; i < HV_STAT_COUNTERS; i++)
		pg_atomic_write_u64(&entry->counts[i], 0);
	for (int i = 0; i < HV_STAT_BUCKETS; i++)
		pg_atomic_write_u64(&entry->buckets[i], 0);
}

/* Evicts the entry that the clock selects; returns its place. */
static int
evict(void)
{
	int		   *link;
	int			at;
	Entry	   *entry;

	Assert(table->nentries == HV_STAT_INDEXES);
	do
	{
		at = table->hand;
		table->hand = (table->hand + 1) % HV_STAT_INDEXES;
		entry = &table->entries[at];
	} while (pg_atomic_exchange_u32(&entry->in_use, 0) != 0);

	table->forgotten += pg_atomic_read_u64(&entry->counts[HV_STAT_SCANS]);
	link = list_of(entry->database, entry->index);
	while (*link != at)
		link = &table->entries[*link].next;
	*link = entry->next;
	return at;
}

/* A fresh entry, lock held exclusively. */
static Entry *
make_entry(Oid database, Oid index)
{
	int		   *list = list_of(database, index);
	int			at;
	Entry	   *entry;

	Assert(!table_is_shared || LWLockHeldByMeInMode(&table->lock, LW_EXCLUSIVE));
	if (table->nentries < HV_STAT_INDEXES)
	{
		at = table->nentries++;
		entry = &table->entries[at];
		pg_atomic_init_u32(&entry->in_use, 0);
		for (int i = 0; i < HV_STAT_COUNTERS; i++)
			pg_atomic_init_u64(&entry->counts[i], 0);
		for (int i = 0; i < HV_STAT_BUCKETS; i++)
			pg_atomic_init_u64(&entry->buckets[i], 0);
	}
	else
	{
		at = evict();
		entry = &table->entries[at];
	}
	clear_entry(entry);
	entry->database = database;
	entry->index = index;
	entry->next = *list;
	*list = at;
	return entry;
}

/* Times ------------------------------------------------------------------- */

static int
bucket_of(uint64 us)
{
	int			octave;
	int			bucket;

	if (us < 8)
		return (int) us;
	octave = pg_leftmost_one_pos64(us);
	bucket = (octave - 2) * 8 + (int) (us >> (octave - 3) & 7);
	Assert(bucket >= 8);
	return Min(bucket, HV_STAT_BUCKETS - 1);
}

/* the shortest time of a bucket, in microseconds */
static double
bucket_start(int bucket)
{
	if (bucket < 8)
		return bucket;
	return (double) (UINT64CONST(8) + bucket % 8) * (double) (UINT64CONST(1) << (bucket / 8 - 1));
}

double
HvStatQuantile(const HvStatRow *row, double share)
{
	double		total = 0;
	double		before = 0;
	int			bucket = 0;

	/* the counter of scans may be a moment older or younger */
	for (int i = 0; i < HV_STAT_BUCKETS; i++)
		total += row->buckets[i];
	while (bucket < HV_STAT_BUCKETS - 1 && before + row->buckets[bucket] < share * total)
		before += row->buckets[bucket++];
	if (row->buckets[bucket] == 0)
		return bucket_start(bucket);
	return bucket_start(bucket) + (bucket_start(bucket + 1) - bucket_start(bucket)) *
		Min(1.0, (share * total - before) / row->buckets[bucket]);
}

/* What callers want ------------------------------------------------------- */

static void
add(Entry *entry, HvStatCounter counter, int64 n)
{
	if (n > 0)
		pg_atomic_fetch_add_u64(&entry->counts[counter], n);
}

static void
add_scan(Entry *entry, const HvScanStats *scan)
{
	add(entry, HV_STAT_SCANS, 1);
	add(entry, HV_STAT_LEAVES, scan->pages[0]);
	add(entry, HV_STAT_CODES, scan->codes_scored);
	add(entry, HV_STAT_CANDIDATES, scan->candidates);
	add(entry, HV_STAT_FETCHES, scan->heap_fetches);
	add(entry, HV_STAT_ROWS, scan->rows_emitted);
	add(entry, HV_STAT_INDEX_HIT, scan->index_buffers.hit);
	add(entry, HV_STAT_INDEX_READ, scan->index_buffers.read);
	add(entry, HV_STAT_HEAP_HIT, scan->heap_buffers.hit);
	add(entry, HV_STAT_HEAP_READ, scan->heap_buffers.read);
	add(entry, HV_STAT_TOAST_HIT, scan->toast_buffers.hit);
	add(entry, HV_STAT_TOAST_READ, scan->toast_buffers.read);
	add(entry, HV_STAT_TIME, (int64) (scan->scan_us * 1000));
	add(entry, HV_STAT_PREPARE_TIME, (int64) (scan->prepare_us * 1000));
	add(entry, HV_STAT_TREE_TIME, (int64) (scan->tree_us * 1000));
	add(entry, HV_STAT_LEAVES_TIME, (int64) (scan->leaves_us * 1000));
	add(entry, HV_STAT_RERANK_TIME, (int64) (scan->rerank_us * 1000));
	pg_atomic_fetch_add_u64(&entry->buckets[bucket_of((uint64) Max(scan->scan_us, 0))], 1);
	if (pg_atomic_read_u32(&entry->in_use) == 0)
		pg_atomic_write_u32(&entry->in_use, 1);
}

void
HvStatAddScan(const HvScanStats *scan)
{
	Entry	   *entry;

	attach();
	lock_table(LW_SHARED);
	entry = find_entry(MyDatabaseId, scan->index);
	if (entry == NULL)
	{
		unlock_table();
		lock_table(LW_EXCLUSIVE);
		entry = find_entry(MyDatabaseId, scan->index);
		if (entry == NULL)
			entry = make_entry(MyDatabaseId, scan->index);
	}
	add_scan(entry, scan);
	unlock_table();
}

static void
copy_entry(HvStatRow *row, Entry *entry)
{
	row->index = entry->index;
	row->since = entry->since;
	for (int i = 0; i < HV_STAT_COUNTERS; i++)
		row->counts[i] = pg_atomic_read_u64(&entry->counts[i]);
	for (int i = 0; i < HV_STAT_BUCKETS; i++)
		row->buckets[i] = pg_atomic_read_u64(&entry->buckets[i]);
}

HvStatRow *
HvStatRead(int *n)
{
	HvStatRow  *rows;
	int			found = 0;

	attach();
	lock_table(LW_SHARED);
	for (int i = 0; i < table->nentries; i++)
		found += table->entries[i].database == MyDatabaseId;
	rows = palloc(Max(found, 1) * sizeof(HvStatRow));
	*n = 0;
	for (int i = 0; i < table->nentries; i++)
	{
		if (table->entries[i].database == MyDatabaseId)
			copy_entry(&rows[(*n)++], &table->entries[i]);
	}
	unlock_table();
	return rows;
}

void
HvStatReadTotals(HvStatTotals *totals)
{
	attach();
	lock_table(LW_SHARED);
	totals->shared = table_is_shared;
	totals->indexes = table->nentries;
	totals->forgotten = table->forgotten;
	unlock_table();
}

void
HvStatReset(Oid index)
{
	attach();
	lock_table(LW_EXCLUSIVE);
	for (int i = 0; i < table->nentries; i++)
	{
		Entry	   *entry = &table->entries[i];

		if (entry->database == MyDatabaseId && (!OidIsValid(index) || entry->index == index))
			clear_entry(entry);
	}
	unlock_table();
}
