/*-------------------------------------------------------------------------
 *
 * hvsearch.c
 *	  From a query vector to candidate rows: the index side of a scan.
 *
 * NOTES
 *	  Splits go on while a search runs, possibly for hours if it is a cursor.
 *	  Every change that moves tuples stamps the pages they move to and from
 *	  with the next value of the structure counter.  So a tuple that this
 *	  search could have missed is on a leaf that it has not read, or on one
 *	  whose stamp is newer than its own: after the last leaf of the descent, a
 *	  sweep reads those leaves in block order, again and again until the
 *	  counter no longer changes.  An approximate search rarely gets that far.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvsearch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <limits.h>

#include "access/xlog.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "scan/hvsearch.h"
#include "storage/hvdebug.h"
#include "storage/hvstorerecent.h"
#include "storage/hvstorestream.h"
#include "tree/hvwalk.h"

/*
 * The fewest nodes opened a level.  With 4 the ceiling of recall in 16 leaves
 * is the same on fashion-mnist and a point lower on a million generated
 * vectors.
 */
#define MIN_BEAM		8

/* sweeps before splits are blocked; the second rarely finds anything */
#define FREE_SWEEPS		3

/* the mean cannot change so often while a query begins: more mean damage */
#define MOST_ATTEMPTS	100

/* more than any index has */
#define MOST_LEAVES		(1 << 29)

/*
 * Leaves that a search which may stop early looks for at first; then as many
 * again as it has read.  (Others look for as many as they will read.)
 */
#define FIRST_STEP		16

/* leaves read between two updates of the cutoff */
#define LEAVES_A_ROUND	8

/* leaves prefetched once the cache has missed */
#define PREFETCH_LEAVES 16

/* Centers, rotates and quantizes the query for the index as it is now. */
static void
prepare(HvSearch *search)
{
	HvScanOptions options;
	float	   *projected;

	search->index = HvIndexOpen(search->relation);
	HvOptionsForScan(search->relation, &options);
	HvSizingInit(&search->sizing, &search->index->meta, &options);
	HvSizingSetRows(&search->sizing, search->rows);
	if (search->conditions)
		HvSizingSetConditions(&search->sizing);
	if (search->index->meta.dim == 0)
	{
		search->exhausted = true;
		return;
	}
	HvTypeCheckDim(search->query, search->index->meta.dim);

	projected = palloc(search->index->space.rotate_dims * sizeof(float));
	search->prepared = palloc0(sizeof(HvQuery));
	HvSpaceProjectQuery(&search->index->space, search->query->values, projected);
	HvIndexQuery(search->index, projected, search->prepared);
	pfree(projected);
	HvSizingDither(&search->sizing, HvQueryCodeSigns(&search->prepared->code),
				   search->prepared->code.bytes);

	search->scorer.query = search->prepared;
	search->scorer.layout = &search->index->layout;
	search->scorer.conditions = search->conditions;
	search->scorer.margin = search->sizing.margin;
	search->scorer.max_norm = search->index->space.max_norm;
	search->scorer.cutoff = FLT_MAX;
	HvStoreSourceInit(&search->source, search->relation, &search->index->layout,
					  &search->index->meta);
	HvDescentInit(&search->descent, &search->source.source, &search->index->layout,
				  MIN_BEAM, search->context);
	if (search->sizing.per_level.count > 0)
		search->descent.per_level = &search->sizing.per_level;
	HvDescentBegin(&search->descent, search->prepared, search->index->meta.seq);
}

void
HvSearchBegin(HvSearch *search, Relation relation, const HvVectorView *query, double rows,
			  const HvConditions *conditions, HvParallel *parallel,
			  HvInstrument *instrument)
{
	instr_time	start;

	Assert(HvStoreNoPageIsLocked());
	INSTR_TIME_SET_CURRENT(start);
	memset(search, 0, sizeof(HvSearch));
	search->relation = relation;
	search->context = CurrentMemoryContext;
	search->query = query;
	search->rows = rows;
	search->conditions = conditions;
	search->parallel = parallel;
	search->instrument = instrument;
	HvCandidatesInit(&search->candidates, search->context);
	prepare(search);
	if (conditions && conditions->never)
		search->exhausted = true;
	search->since = search->index->meta.seq;
	if (parallel)
		search->since = HvParallelSince(parallel, search->since);
	HV_DEBUG_POINT("scan-prepared");
	HvInstrumentAdd(instrument, HV_STAGE_PREPARE, start);
}

bool
HvSearchIsOnePage(const HvSearch *search)
{
	return search->descent.height == 0;
}

double
HvSearchTuplesFor(const HvSearch *search, double k)
{
	const HvLeafScorer *scorer = &search->scorer;
	double		low = 1;
	double		high = scorer->codes;
	double		met = scorer->tuples;
	double		rise;
	int			level = 0;

	Assert(k >= 1);
	if (search->conditions == NULL)
		return k;
	if (k >= scorer->codes)
		return Max(k * scorer->tuples / Max(scorer->codes, 1), k);
	while (level + 1 < search->met_levels && 2 * low <= k)
	{
		low *= 2;
		level++;
	}
	if (level + 1 < search->met_levels)
	{
		high = 2 * low;
		met = search->met[level + 1];
	}
	met = search->met[level] + (k - low) / (high - low) * (met - search->met[level]);
	rise = (scorer->codes / k) / (scorer->tuples / met);
	return Max(met * Max(rise, 1), k);
}

int
HvSearchLeaves(const HvSearch *search)
{
	return search->parallel ?
		(int) Min(HvParallelTotal(search->parallel, HV_LEAVES_READ), INT_MAX / 4) :
		search->leaves_read;
}

/*
 * Finds leaves, so that "leaves" can be given out in all.  If the tree is
 * about another mean than the query (the mean has just changed), the query is
 * prepared again.
 */
static void
widen(HvSearch *search, int leaves)
{
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	HvDescentWiden(&search->descent, leaves);
	for (int attempts = 0; search->descent.stale; attempts++)
	{
		CHECK_FOR_INTERRUPTS();
		if (attempts == MOST_ATTEMPTS)
			HvStoreCorrupted(search->relation, HV_ROOT_BLOCK,
							 "or one below it has codes about an unknown mean");
		prepare(search);
		HvDescentWiden(&search->descent, leaves);
	}
	HvInstrumentAdd(search->instrument, HV_STAGE_TREE, start);
}

/*
 * Block numbers come from pages, which may be damaged; no int holds the
 * largest.
 */
static bool
was_read(const HvSearch *search, BlockNumber block)
{
	return block <= INT_MAX && bms_is_member((int) block, search->seen_leaves);
}

/* Is this participant the one that reads a leaf that was found? */
static bool
is_mine(HvSearch *search, BlockNumber block)
{
	return search->parallel ? HvParallelClaimLeaf(search->parallel, block) :
		!was_read(search, block);
}

/* Notes that a leaf has been read. */
static void
count_leaf(HvSearch *search, BlockNumber block, int tuples)
{
	search->leaf_tuples += tuples;
	search->leaves_read++;
	if (search->parallel)
		(void) HvParallelAdd(search->parallel, HV_LEAVES_READ, 1);
	else
		search->seen_leaves = bms_add_member(search->seen_leaves, (int) block);
}

/* Notes how many tuples have been met, if the candidates have doubled. */
static void
note_met(HvSearch *search)
{
	while (search->met_levels < HV_MET_LEVELS &&
		   search->scorer.codes >= INT64CONST(1) << search->met_levels)
		search->met[search->met_levels++] = search->scorer.tuples;
}

/*
 * Adds the tuples of a leaf, locked and then released, to the candidates, where
 * "out" has room for them, if the leaf is ours or has a stamp above newer_than.
 * Returns where a split put its other half, if there was one.
 */
static BlockNumber
score_page(HvSearch *search, BlockNumber block, bool mine, Page page, Buffer buffer,
		  uint64 newer_than, HvCandidate *out)
{
	BlockNumber other_half = InvalidBlockNumber;
	int			n = 0;
	bool		is_leaf;

	Assert(HvStorePageIsLocked(buffer));
	is_leaf = HvPageKindOf(page) == HV_PAGE_LEAF &&
		(mine || HvPageGetOpaque(page)->seq > newer_than);
	if (is_leaf)
	{
		n = HvLeafScore(&search->scorer, page, out);
		if (HvPageGetOpaque(page)->seq > search->since)
			other_half = HvPageGetOpaque(page)->link;
	}
	HvStoreRelease(buffer);
	if (!is_leaf)
		return InvalidBlockNumber;

	note_met(search);
	HvCandidatesAdded(&search->candidates, n);
	count_leaf(search, block, n);
	return other_half;
}

/* Room for the candidates of any leaf; to be made before a page is locked. */
static HvCandidate *
reserve(HvSearch *search)
{
	Assert(HvStoreNoPageIsLocked());
	return HvCandidatesReserve(&search->candidates, search->index->layout.leaf_capacity);
}

/* Reads one leaf.  The descent names it, or a link, which is only a hint. */
static BlockNumber
read_leaf_page(HvSearch *search, BlockNumber block, bool is_link)
{
	HvCandidate *out = reserve(search);
	Buffer		buffer;
	Page		page = is_link ?
		HvStoreRead(search->relation, &search->index->layout, block, NULL, &buffer) :
		HvStoreSourceLeaf(&search->source, block, &buffer);

	if (page == NULL)
		return InvalidBlockNumber;
	return score_page(search, block, true, page, buffer, search->since, out);
}

/*
 * Reads a leaf and what was split off it since the search began.  There may be no
 * link; a leaf that the descent names is read whatever its number is.
 */
static void
read_leaf(HvSearch *search, BlockNumber block)
{
	bool		is_link = false;

	while ((!is_link || block != InvalidBlockNumber) && is_mine(search, block))
	{
		block = read_leaf_page(search, block, is_link);
		is_link = true;
		HV_DEBUG_POINT("scan-leaf");
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Reads every leaf that was not read yet or has a stamp above "newer_than", in
 * block order.  The latter are read by every participant that sweeps: the
 * others may have read them before they got the stamp.
 */
static void
sweep(HvSearch *search, uint64 newer_than)
{
	BufferAccessStrategy strategy = HvStoreBulkStrategy();
	HvStoreStream *stream =
		HvStoreStreamBeginRange(search->relation, &search->index->layout, HV_STREAM_QUERY,
								strategy, HV_ROOT_BLOCK, HvStoreBlocks(search->relation));
	HvCandidate *out = reserve(search);
	BlockNumber block;
	Buffer		buffer;

	while (HvStoreStreamPin(stream, &block, &buffer))
	{
		bool		mine = is_mine(search, block);
		Page		page = HvStoreLock(search->relation, &search->index->layout, &buffer);

		if (page)
			(void) score_page(search, block, mine, page, buffer, newer_than, out);
		HV_DEBUG_POINT("scan-swept");
		CHECK_FOR_INTERRUPTS();
		out = reserve(search);
	}
	HvStoreStreamEnd(stream);
	pfree(strategy);
}

/*
 * The descent has given out its last leaf: find what splits may have hidden.
 * Where splits come faster than sweeps, the last sweep blocks them; on a
 * standby, where nothing can, the sweeps go on until none comes in between.
 */
static void
finish(HvSearch *search)
{
	uint64		done = search->since;
	bool		locked = false;

	Assert(HvDescentExhausted(&search->descent));
	HvDescentVerify(&search->descent);
	for (int sweeps = 0;; sweeps++)
	{
		HvMetaData	meta;

		HvMetaRead(search->relation, &meta);
		if (meta.seq == done)
			break;
		if (sweeps == FREE_SWEEPS && !RecoveryInProgress())
		{
			HvStoreLockStructure(search->relation);
			locked = true;
			HvMetaRead(search->relation, &meta);
		}
		HV_DEBUG_POINT("scan-sweep");
		sweep(search, done);
		done = meta.seq;
	}
	if (locked)
		HvStoreUnlockStructure(search->relation);
	/* pages were passed over as freed: does the tree of now not name them? */
	if (search->source.changed)
		HvWalkTree(search->relation, &search->index->layout, NULL, NULL, NULL);
	search->exhausted = true;
}

/* Prefetches the next leaves, if the last ones were not in the cache. */
static void
prefetch_leaves(const HvSearch *search)
{
	const HvLevelNodes *bottom = &search->descent.levels[0];
	int			end = Min(bottom->taken + PREFETCH_LEAVES, bottom->sorted);

	for (int i = bottom->taken; i < end; i++)
		HvStorePrefetch(search->relation, bottom->nodes[i].extra);
}

/*
 * Makes the processor load the leaf after this one from memory, meanwhile.
 * 60,000 rows of fashion-mnist, recall@10 .969, six sessions of each in turns:
 * median p50 .139 ms without, .130 with it.
 */
static void
expect_leaf(const HvSearch *search)
{
	const HvLevelNodes *bottom = &search->descent.levels[0];

	if (bottom->taken < bottom->sorted)
		HvStoreRecentPrefetchPage(search->relation, bottom->nodes[bottom->taken].extra);
}

/*
 * Tightens the scorer's cutoff.  That takes a pass over the candidates, so it
 * is done often at first and then whenever they have grown by half.
 */
static void
update_cutoff(HvSearch *search)
{
	if (search->leaf_tuples < search->cutoff_tuples + search->cutoff_tuples / 2)
		return;
	search->scorer.cutoff = HvCandidatesRankKey(&search->candidates, search->sizing.cutoff_rank);
	search->cutoff_tuples = search->leaf_tuples;
}

bool
HvSearchHasArrived(const HvSearch *search, HvGoal goal)
{
	const HvLevelNodes *bottom = &search->descent.levels[0];
	int			read = HvSearchLeaves(search);

	if (search->exhausted || read >= goal.leaves)
		return true;
	return read >= goal.least && bottom->taken < bottom->sorted &&
		HvSizingHasArrived(goal.stop, bottom->nodes[bottom->taken].key, goal.near);
}

/*
 * Reads the next few leaves, to the goal; false where the descent has no more.
 */
static bool
read_round(HvSearch *search, int leaves, HvGoal goal)
{
	int64		misses = pgBufferUsage.shared_blks_read;
	instr_time	start;
	bool		found = true;

	INSTR_TIME_SET_CURRENT(start);
	for (int i = 0; i < leaves && !HvSearchHasArrived(search, goal); i++)
	{
		const HvNode *node = HvDescentNext(&search->descent);

		found = node != NULL;
		if (!found)
			break;
		expect_leaf(search);
		read_leaf(search, node->extra);
		if (pgBufferUsage.shared_blks_read != misses && i % PREFETCH_LEAVES == 0)
			prefetch_leaves(search);
	}
	update_cutoff(search);
	HvInstrumentAdd(search->instrument, HV_STAGE_LEAVES, start);
	return found;
}

void
HvSearchApproach(HvSearch *search, HvGoal goal)
{
	MemoryContext old = MemoryContextSwitchTo(search->context);

	Assert(goal.leaves >= 0 && HvStoreNoPageIsLocked());
	while (!HvSearchHasArrived(search, goal))
	{
		int			missing = goal.leaves - HvSearchLeaves(search);
		int			given;

		CHECK_FOR_INTERRUPTS();
		if (read_round(search, Min(missing, LEAVES_A_ROUND), goal))
			continue;

		given = search->descent.levels[0].taken;
		/*
		 * a search that may stop early takes the steps of a trace (hvtrace.c)
		 */
		if (goal.stop > 0)
			missing = Min(missing, Max(given, FIRST_STEP));
		/*
		 * some that were given out were gone, or read before: count from there
		 */
		widen(search, given + Min(missing, MOST_LEAVES));
		HV_DEBUG_POINT("scan-descended");
		if (HvDescentExhausted(&search->descent))
		{
			instr_time	start;

			INSTR_TIME_SET_CURRENT(start);
			finish(search);
			HvInstrumentAdd(search->instrument, HV_STAGE_LEAVES, start);
		}
	}
	MemoryContextSwitchTo(old);
}

/* qsort callback */
static int
compare_blocks(const void *a, const void *b)
{
	BlockNumber ba = *(const BlockNumber *) a;
	BlockNumber bb = *(const BlockNumber *) b;

	return ba < bb ? -1 : (ba > bb ? 1 : 0);
}

/* Blocks of the leaves that the descent has not given out; *n: how many. */
static BlockNumber *
leaves_left(HvSearch *search, int *n)
{
	const HvLevelNodes *bottom = &search->descent.levels[0];
	BlockNumber *blocks;
	const HvNode *node;

	widen(search, MOST_LEAVES);
	HV_DEBUG_POINT("scan-descended");
	blocks = MemoryContextAllocHuge(search->context,
									(bottom->count - bottom->taken + 1) * sizeof(BlockNumber));
	*n = 0;
	while ((node = HvDescentNext(&search->descent)) != NULL)
		blocks[(*n)++] = node->extra;
	qsort(blocks, *n, sizeof(BlockNumber), compare_blocks);
	return blocks;
}

void
HvSearchRest(HvSearch *search)
{
	MemoryContext old = MemoryContextSwitchTo(search->context);
	BlockNumber *blocks;
	instr_time	start;
	int			n;

	Assert(search->parallel == NULL && HvStoreNoPageIsLocked());
	if (!search->exhausted)
	{
		blocks = leaves_left(search, &n);
		INSTR_TIME_SET_CURRENT(start);
		for (int i = 0; i < n; i++)
		{
			if (i % PREFETCH_LEAVES == 0)
			{
				for (int j = i; j < Min(i + 2 * PREFETCH_LEAVES, n); j++)
					HvStorePrefetch(search->relation, blocks[j]);
			}
			read_leaf(search, blocks[i]);
		}
		finish(search);
		pfree(blocks);
		HvInstrumentAdd(search->instrument, HV_STAGE_LEAVES, start);
	}
	MemoryContextSwitchTo(old);
}

void
HvSearchVisit(HvSearch *search, int leaves)
{
	HvGoal		goal = {.leaves = leaves};

	HvSearchApproach(search, goal);
}

void
HvSearchAccount(const HvSearch *search, HvScanStats *stats)
{
	stats->height = Max(0, search->descent.height);
	for (int level = 1; level <= HV_MAX_LEVEL; level++)
	{
		stats->pages[level] = search->descent.pages[level];
		stats->tuples[level] = search->descent.tuples[level];
	}
	stats->pages[0] = search->leaves_read;
	stats->tuples[0] = search->scorer.tuples;
	stats->codes_scored = search->scorer.codes;
	stats->candidates = search->scorer.refined;
}
