/*-------------------------------------------------------------------------
 *
 * hvreassign.c
 *	  Tuples that are nearer to another page since a centroid has changed go
 *	  there.
 *
 * NOTES
 *	  The vectors of the pages with new centroids are at hand: their tuples are
 *	  compared with the neighbours' centroids outright.  Those of the
 *	  neighbours' tuples are not, and reading 300 rows would cost more than the
 *	  split itself; so their codes are compared first, and only rows that are
 *	  nearer by their code, or that the code leaves undecided, are read.
 *
 *	  To recenter a page is to recompute its centroid first, by which descents
 *	  find it.  Tuples come and go, and an inner page that got its children from
 *	  one region of the data may have those of another now, for which queries
 *	  would not look there.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvreassign.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "maintain/hvconvert.h"
#include "maintain/hvreassign.h"
#include "storage/hvdebug.h"
#include "tree/hvinner.h"
#include "tree/hvmove.h"

/* neighbours looked at */
#define NEIGHBORS		8

/*
 * a row is read if its code says "nearer" or misses that by so many standard
 * errors
 */
#define DOUBT			0.5f

#define MAX_TUPLES		(BLCKSZ / sizeof(HvLeafEntryData))

/*
 * A tuple this far from its centroid, in mean squared distances of the page's
 * tuples, is looked for a better page in the whole tree.
 */
#define STRAY			1.5f

/* moves between the new pages and one of their neighbours */
typedef struct Exchange
{
	HvNeighbor	neighbor;
	HvMembers	members;
	int			nmoves;
	HvMove	   *moves;
} Exchange;

typedef struct Reassign
{
	HvIndex    *index;
	HvHeap	   *heap;
	const HvRecentered *pages;
	int			npages;
	int			level;
	float		stray;			/* STRAY, or 0 to look for all */
	Exchange   *exchanges;
	int			nexchanges;
	HvQueryCode *code;			/* scratch */
	float	   *vector;			/* scratch, rotate_dims floats */
	HvReassignment *result;
} Reassign;

static void
add_move(Exchange *exchange, const void *entry, int from, int to)
{
	HvMove	   *move = &exchange->moves[exchange->nmoves++];

	Assert(from != to && from <= HV_MAX_RECENTERED && to <= HV_MAX_RECENTERED);
	move->entry = entry;
	move->from = from;
	move->to = to;
}

/* Tuples of the recentered pages ------------------------------------------ */

/* The neighbour nearer to a vector than "own" is, or -1. */
static int
nearest_exchange(const Reassign *work, const float *vector, float own, float norm2)
{
	int			best = -1;

	for (int i = 0; i < work->nexchanges; i++)
	{
		float		distance = HvNeighborDistance(work->index, &work->exchanges[i].neighbor,
												  vector, norm2);

		if (distance < own)
		{
			own = distance;
			best = i;
		}
	}
	return best;
}

/*
 * The page of a level with the nearest centroid to a vector; its distance is
 * below "below".  False if there is none.
 */
static bool
nearest_page(HvIndex *index, const float *vector, int level, float below, HvNeighbor *nearest)
{
	HvNeighbor	neighbors[NEIGHBORS];
	float		norm2 = HvKernel->inner_product(vector, vector, index->layout.code_bits);
	int			n = HvNeighborsFind(index, vector, level, NULL, 0, neighbors, NEIGHBORS);
	bool		found = false;

	for (int i = 0; i < n; i++)
	{
		float		distance = HvNeighborDistance(index, &neighbors[i], vector, norm2);

		if (distance < below)
		{
			below = distance;
			*nearest = neighbors[i];
			found = true;
		}
	}
	return found;
}

/* Moves one tuple to a page anywhere in the tree. */
static void
send_stray(Reassign *work, const HvRecentered *from, int i, BlockNumber to)
{
	BlockNumber blocks[2] = {from->center.block, to};
	HvMove		move = {HvMembersEntry(from->members, i), 0, 1};

	if (to != from->center.block && HvConvertPage(work->index, work->heap, to, work->level))
		work->result->moved += HvMoveTuples(work->index, work->level, blocks, 2, &move, 1);
}

/*
 * The distances of a page's tuples to its centroid; returns their mean.
 * Spilled copies count for nothing.
 */
static float
own_distances(const Reassign *work, const HvRecentered *page, float *distances)
{
	int			bits = work->index->layout.code_bits;
	float		sum = 0;
	int			n = 0;

	for (int i = 0; i < page->members->count; i++)
	{
		const float *vector = page->members->vectors[i];

		if (HvMembersIsSpilled(page->members, i))
			continue;
		distances[i] = HvNeighborDistance(work->index, &page->center, vector,
										  HvKernel->inner_product(vector, vector, bits));
		sum += distances[i];
		n++;
	}
	return n > 0 ? sum / n : 0;
}

/* Finds tuples that are nearer to another page than to any new centroid. */
static void
find_outgoing(Reassign *work, int page)
{
	const HvRecentered *from = &work->pages[page];
	int			bits = work->index->layout.code_bits;
	float		distances[MAX_TUPLES];
	float		mean = own_distances(work, from, distances);

	Assert(from->members->count <= MAX_TUPLES); /* I10 */
	for (int i = 0; i < from->members->count; i++)
	{
		const float *vector = from->members->vectors[i];
		HvNeighbor	nearest;
		int			to;

		if (HvMembersIsSpilled(from->members, i))
			continue;
		CHECK_FOR_INTERRUPTS();
		if (distances[i] >= work->stray * mean &&
			nearest_page(work->index, vector, work->level, distances[i], &nearest))
		{
			send_stray(work, from, i, nearest.block);
			continue;
		}
		to = nearest_exchange(work, vector, distances[i],
							  HvKernel->inner_product(vector, vector, bits));
		if (to >= 0)
			add_move(&work->exchanges[to], HvMembersEntry(from->members, i), page,
					 work->npages);
	}
}

/* Tuples of their neighbours ---------------------------------------------- */

/*
 * Sets likely[i] for each tuple i of a neighbour's page that may be nearer to
 * the new center: with w the way from the old centroid to the new one, that
 * is where 2 <v, w> exceeds the difference of their squares.
 */
static void
compare_codes(Reassign *work, const Exchange *exchange, const HvNeighbor *center, bool *likely)
{
	const HvLayout *layout = &work->index->layout;
	Page		page = (Page) exchange->members.image.data;
	int			bits = layout->code_bits;
	float		step = center->norm2 - exchange->neighbor.norm2;
	float		error = DOUBT * 2.0f * HV_PLANES_ERROR / sqrtf((float) bits);
	uint16		sums[MAX_TUPLES];

	for (int j = 0; j < bits; j++)
		work->vector[j] = center->centroid[j] - exchange->neighbor.centroid[j];
	HvQueryCodePrepare(work->vector, bits, work->code);
	if (!HvCodeHoldsValues(bits))
		HvKernel->hamming_planes(HvPageCodes(page), exchange->members.count,
								 layout->code_bytes, work->code->planes, sums);
	for (int i = 0; i < exchange->members.count; i++)
	{
		const HvCodeFactors *factors = HvMembersEntry(&exchange->members, i);
		float		nearest;

		if (HvCodeHoldsValues(bits))
			nearest = HvValuesSquare(work->code, HvPageCodes(page) + i * layout->code_bytes,
									 factors->scale);
		else
			nearest = HvLowerBound(work->code, factors->norm2,
								   HvEstimatePlanes(work->code, factors->norm2,
													factors->scale, sums[i]), error);

		if (factors->norm2 + work->code->norm2 - nearest > step)
			likely[i] = true;
	}
}

/*
 * Finds tuples of a neighbour that are nearer to a new centroid than to its
 * own.
 */
static void
find_incoming(Reassign *work, Exchange *exchange)
{
	int			bits = work->index->layout.code_bits;
	bool		likely[MAX_TUPLES] = {false};

	Assert(exchange->members.count <= MAX_TUPLES);	/* I10 */
	for (int page = 0; page < work->npages; page++)
		compare_codes(work, exchange, &work->pages[page].center, likely);

	for (int i = 0; i < exchange->members.count; i++)
	{
		float		norm2;
		float		best;
		int			to = -1;

		if (!likely[i] || HvMembersIsSpilled(&exchange->members, i))
			continue;
		CHECK_FOR_INTERRUPTS();
		HvMembersLoadOne(&exchange->members, work->heap, i, work->vector);
		work->result->rows_read += work->level == 0;
		norm2 = HvKernel->inner_product(work->vector, work->vector, bits);
		best = HvNeighborDistance(work->index, &exchange->neighbor, work->vector, norm2);
		for (int page = 0; page < work->npages; page++)
		{
			float		distance = HvNeighborDistance(work->index, &work->pages[page].center,
													  work->vector, norm2);

			if (distance < best)
			{
				best = distance;
				to = page;
			}
		}
		if (to >= 0)
			add_move(exchange, HvMembersEntry(&exchange->members, i), work->npages, to);
	}
}

/* Both -------------------------------------------------------------------- */

/* Finds the neighbours and reads their pages. */
static void
open_exchanges(Reassign *work)
{
	int			bits = work->index->layout.code_bits;
	HvNeighbor	neighbors[NEIGHBORS];
	BlockNumber except[HV_MAX_RECENTERED];
	float	   *middle = work->vector;
	int			most_moves = (work->npages + 1) * (work->level == 0 ?
												   work->index->layout.leaf_capacity :
												   work->index->layout.inner_capacity);
	int			n;

	memset(middle, 0, bits * sizeof(float));
	for (int page = 0; page < work->npages; page++)
	{
		except[page] = work->pages[page].center.block;
		for (int j = 0; j < bits; j++)
			middle[j] += work->pages[page].center.centroid[j] / work->npages;
	}
	n = HvNeighborsFind(work->index, middle, work->level, except, work->npages,
						neighbors, NEIGHBORS);
	work->exchanges = palloc(Max(n, 1) * sizeof(Exchange));
	for (int i = 0; i < n; i++)
	{
		Exchange   *exchange = &work->exchanges[work->nexchanges];

		exchange->neighbor = neighbors[i];
		exchange->nmoves = 0;
		exchange->moves = palloc(most_moves * sizeof(HvMove));
		if (HvMembersRead(&exchange->members, work->index, neighbors[i].block, work->level) &&
			HvConvertMembers(&exchange->members, work->heap))
			work->nexchanges++;
	}
}

/* One record for each neighbour that something goes to or comes from. */
static void
make_moves(Reassign *work)
{
	for (int i = 0; i < work->nexchanges; i++)
	{
		Exchange   *exchange = &work->exchanges[i];
		BlockNumber blocks[HV_MOVE_PAGES];

		if (exchange->nmoves == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		for (int page = 0; page < work->npages; page++)
			blocks[page] = work->pages[page].center.block;
		blocks[work->npages] = exchange->neighbor.block;
		work->result->moved += HvMoveTuples(work->index, work->level, blocks,
											work->npages + 1, exchange->moves,
											exchange->nmoves);
		HV_DEBUG_POINT("reassign-moved");
	}
}

void
HvReassign(const HvRecentered *pages, int npages, bool thorough, HvHeap *heap,
		   HvReassignment *result)
{
	Reassign	work = {0};

	Assert(npages > 0 && npages <= HV_MAX_RECENTERED);
	Assert(HvStoreStructureIsLocked(pages[0].members->index->relation));
	Assert(npages == 1 || pages[0].members->level == pages[1].members->level);
	work.index = pages[0].members->index;
	work.heap = heap;
	work.pages = pages;
	work.npages = npages;
	work.stray = thorough ? 0 : STRAY;
	work.level = pages[0].members->level;
	work.code = palloc(sizeof(HvQueryCode));
	work.vector = palloc(work.index->space.rotate_dims * sizeof(float));
	work.result = result;
	result->moved = result->rows_read = 0;

	open_exchanges(&work);
	for (int page = 0; page < npages; page++)
		find_outgoing(&work, page);
	for (int i = 0; i < work.nexchanges; i++)
		find_incoming(&work, &work.exchanges[i]);
	make_moves(&work);
}

void
HvReassignEntry(HvIndex *index, HvHeap *heap, const HvNeighbor *child, int level,
				HvParent *parent)
{
	HvInnerEntryData entry = {0};
	HvMove		move = {&entry, 0, 1};
	HvNeighbor	nearest;
	BlockNumber blocks[2];

	Assert(HvStoreStructureIsLocked(index->relation));
	if (level + 1 >= index->meta.height ||
		!nearest_page(index, child->centroid, level + 1, FLT_MAX, &nearest) ||
		nearest.block == parent->block ||
		!HvConvertPage(index, heap, nearest.block, level + 1))
		return;
	entry.child = child->block;
	blocks[0] = parent->block;
	blocks[1] = nearest.block;
	if (HvMoveTuples(index, level + 1, blocks, 2, &move, 1) > 0)
		parent->block = nearest.block;
}

/*
 * A centroid is recomputed when it is off by more than this share of the mean
 * squared distance of its page's tuples.  The mean of thirty differs from that
 * of all by a thirtieth, so less is noise.
 */
#define DRIFT			0.05f

/* Has the centroid left the middle of its page's tuples? */
static bool
has_drifted(const HvMembers *members, const float *centroid, const float *mean)
{
	int			bits = members->index->layout.code_bits;
	double		spread = 0;

	Assert(members->count > 0 && members->vectors != NULL);
	for (int i = 0; i < members->count; i++)
		spread += HvKernel->l2_squared(members->vectors[i], mean, bits);
	return HvKernel->l2_squared(centroid, mean, bits) > DRIFT * spread / members->count;
}

void
HvRecenterMembers(HvMembers *members, HvHeap *heap, HvParent *parent, float *mean,
				HvRecentering *result)
{
	HvIndex    *index = members->index;
	HvRecentered page;
	HvReassignment reassigned;
	float	   *centroid = palloc(index->layout.code_bits * sizeof(float));

	Assert(HvStoreStructureIsLocked(index->relation));
	HvCentroidRead(index, parent->ref, centroid);
	result->recentered = has_drifted(members, centroid, mean);
	HvParentRecenter(index, members->block, parent, result->recentered ? mean : NULL);
	HV_DEBUG_POINT("recenter-centroid");

	page.members = members;
	page.center.block = members->block;
	page.center.centroid = result->recentered ? mean : centroid;
	page.center.norm2 = HvKernel->inner_product(page.center.centroid, page.center.centroid,
												index->layout.code_bits);
	HvReassignEntry(index, heap, &page.center, members->level, parent);
	HvReassign(&page, 1, true, heap, &reassigned);
	result->moved = reassigned.moved;
	result->rows_read = reassigned.rows_read;
	pfree(centroid);
}

void
HvRecenterInner(HvIndex *index, HvHeap *heap, BlockNumber block, int level)
{
	HvMembers  *members;
	HvParent	parent;
	HvRecentering	result;
	float	   *mean;

	if (level >= index->meta.height || block == HV_ROOT_BLOCK)
		return;
	members = palloc(sizeof(HvMembers));
	if (!HvMembersRead(members, index, block, level) || members->count == 0 ||
		!HvPageIsChurned((Page) members->image.data) ||
		!HvConvertMembers(members, heap))
		return;
	if (members->vectors == NULL)
		HvMembersLoad(members, heap);
	mean = palloc(index->layout.code_bits * sizeof(float));
	HvMembersCentroid(members, mean);
	HvParentFind(index, block, level, mean, &parent);
	if (HvConvertPage(index, heap, parent.block, level + 1))
		HvRecenterMembers(members, heap, &parent, mean, &result);
}
