/*-------------------------------------------------------------------------
 *
 * hvreorder.c
 *	  Measured rows in the order in which they are returned.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/scan/hvreorder.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "scan/hvreorder.h"

/* a row with its exact distance that can be taken */
typedef struct RowInHand
{
	pairingheap_node node;
	HvRow		row;
} RowInHand;

/*
 * qsort callback, farthest first, since rows are taken from the end.  NaN, the
 * distance of a zero vector, is behind all numbers.
 */
static int
compare_rows(const void *a, const void *b)
{
	const HvRow *ra = a;
	const HvRow *rb = b;

	if (isnan(ra->distance) != isnan(rb->distance))
		return isnan(ra->distance) ? -1 : 1;
	if (ra->distance < rb->distance)
		return 1;
	if (ra->distance > rb->distance)
		return -1;
	return ra->id < rb->id ? 1 : (ra->id > rb->id ? -1 : 0);
}

/* pairingheap_comparator: the nearest on top */
static int
compare_in_hand(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	return compare_rows(&((const RowInHand *) a)->row, &((const RowInHand *) b)->row);
}

/* binaryheap comparator: the largest on top */
static int
compare_distances(Datum a, Datum b, void *arg)
{
	double		da = DatumGetFloat8(a);
	double		db = DatumGetFloat8(b);

	return da > db ? 1 : (da < db ? -1 : 0);
}

void
HvReorderInit(HvReorder *order, int nearest, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	Assert(nearest >= 1 && nearest <= HV_REORDER_MOST_NEAREST);
	memset(order, 0, sizeof(HvReorder));
	order->context = context;
	order->in_hand = pairingheap_allocate(compare_in_hand, NULL);
	order->nearest = binaryheap_allocate(nearest, compare_distances, NULL);
	order->taken_distance = order->returned_distance = -INFINITY;
	MemoryContextSwitchTo(old);
}

double
HvReorderFarthest(const HvReorder *order)
{
	if (order->nearest->bh_size < order->nearest->bh_space)
		return INFINITY;
	return DatumGetFloat8(binaryheap_first(order->nearest));
}

/* Adds a distance to the nearest few, if it is one of them. */
static void
note_distance(HvReorder *order, double distance)
{
	if (isnan(distance))
		return;
	if (order->nearest->bh_size < order->nearest->bh_space)
		binaryheap_add(order->nearest, Float8GetDatum(distance));
	else if (distance < HvReorderFarthest(order))
		binaryheap_replace_first(order->nearest, Float8GetDatum(distance));
}

static void
append(HvReorder *order, HvRowList *list, const HvRow *row)
{
	if (list->n == list->size)
	{
		list->size = Max(16, 2 * list->size);
		list->rows = list->rows ?
			repalloc_huge(list->rows, list->size * sizeof(HvRow)) :
			MemoryContextAlloc(order->context, list->size * sizeof(HvRow));
	}
	list->rows[list->n++] = *row;
	list->sorted = false;
}

/* Takes the nearest row of a list; false if there is none. */
static bool
take_nearest(HvRowList *list, HvRow *row)
{
	if (list->n == 0)
		return false;
	if (!list->sorted && list->n > 1)
		qsort(list->rows, list->n, sizeof(HvRow), compare_rows);
	list->sorted = true;
	*row = list->rows[--list->n];
	return true;
}

bool
HvReorderAdd(HvReorder *order, const HvRow *row)
{
	RowInHand  *kept = order->spare;
	bool		behind = row->distance < order->taken_distance;

	note_distance(order, row->distance);
	if (row->distance < order->returned_distance)
	{
		append(order, &order->late, row);
		return behind;
	}
	if (kept == NULL)
		kept = MemoryContextAlloc(order->context, sizeof(RowInHand));
	order->spare = NULL;
	kept->row = *row;
	pairingheap_add(order->in_hand, &kept->node);
	return behind;
}

const HvRow *
HvReorderNearest(const HvReorder *order)
{
	if (pairingheap_is_empty(order->in_hand))
		return NULL;
	return &((const RowInHand *) pairingheap_first(order->in_hand))->row;
}

bool
HvReorderHasNumber(const HvReorder *order)
{
	const HvRow *nearest = HvReorderNearest(order);

	return nearest && !isnan(nearest->distance);
}

bool
HvReorderTake(HvReorder *order, HvRow *row)
{
	if (HvReorderHasNumber(order) ||
		(order->late.n == 0 && !pairingheap_is_empty(order->in_hand)))
	{
		RowInHand  *nearest = (RowInHand *) pairingheap_remove_first(order->in_hand);

		*row = nearest->row;
		if (row->distance > order->taken_distance)
			order->taken_distance = row->distance;
		order->spare = nearest;
		return true;
	}
	return take_nearest(&order->late, row);
}

bool
HvReorderIsBehind(const HvReorder *order)
{
	const HvRow *nearest = HvReorderNearest(order);

	return nearest && nearest->distance < order->taken_distance;
}

void
HvReorderKeep(HvReorder *order, const HvRow *row)
{
	append(order, &order->batch, row);
}

bool
HvReorderTakeAny(HvReorder *order, HvRow *row)
{
	if (pairingheap_is_empty(order->in_hand))
		return false;
	order->spare = (RowInHand *) pairingheap_remove_first(order->in_hand);
	*row = order->spare->row;
	return true;
}

void
HvReorderKeepLast(HvReorder *order, const HvRow *row)
{
	order->taken_distance = INFINITY;
	append(order, row->distance < order->returned_distance ? &order->late : &order->batch, row);
}

bool
HvReorderHasBatch(const HvReorder *order)
{
	return order->batch.n > 0;
}

bool
HvReorderReturn(HvReorder *order, HvRow *row)
{
	if (!take_nearest(&order->batch, row))
		return false;
	Assert(row->distance <= order->taken_distance || isnan(row->distance));
	if (row->distance > order->returned_distance)
		order->returned_distance = row->distance;
	return true;
}
