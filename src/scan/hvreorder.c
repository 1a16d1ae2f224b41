/*-------------------------------------------------------------------------
 *
 * hvreorder.c
 *	  Measured rows in the order in which they go out.
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

/* a row with its exact distance, waiting to go out */
typedef struct RowInHand
{
	pairingheap_node node;
	HvRow		row;
} RowInHand;

/* NaN, the distance of a zero vector, comes after all numbers. */
static int
compare_in_hand(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const HvRow *ra = &((const RowInHand *) a)->row;
	const HvRow *rb = &((const RowInHand *) b)->row;

	if (isnan(ra->distance) || isnan(rb->distance))
		return (int) isnan(ra->distance) - (int) isnan(rb->distance) > 0 ? -1 :
			(int) isnan(ra->distance) < (int) isnan(rb->distance) ? 1 : 0;
	if (ra->distance != rb->distance)
		return ra->distance < rb->distance ? 1 : -1;
	return ra->id < rb->id ? 1 : (ra->id > rb->id ? -1 : 0);
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

	memset(order, 0, sizeof(HvReorder));
	order->context = context;
	order->in_hand = pairingheap_allocate(compare_in_hand, NULL);
	order->nearest = binaryheap_allocate(nearest, compare_distances, NULL);
	order->last_distance = -INFINITY;
	MemoryContextSwitchTo(old);
}

double
HvReorderFarthest(const HvReorder *order)
{
	if (order->nearest->bh_size < order->nearest->bh_space)
		return INFINITY;
	return DatumGetFloat8(binaryheap_first(order->nearest));
}

/* Takes a distance in among the nearest few, if it belongs there. */
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
add_late(HvReorder *order, const HvRow *row)
{
	if (order->nlate == order->late_size)
	{
		order->late_size = Max(16, 2 * order->late_size);
		order->late = order->late ?
			repalloc_huge(order->late, order->late_size * sizeof(HvRow)) :
			MemoryContextAlloc(order->context, order->late_size * sizeof(HvRow));
	}
	order->late[order->nlate++] = *row;
}

bool
HvReorderAdd(HvReorder *order, const HvRow *row)
{
	RowInHand  *kept = order->spare;

	note_distance(order, row->distance);
	if (row->distance < order->last_distance)
	{
		add_late(order, row);
		return true;
	}
	if (kept == NULL)
		kept = MemoryContextAlloc(order->context, sizeof(RowInHand));
	order->spare = NULL;
	kept->row = *row;
	pairingheap_add(order->in_hand, &kept->node);
	return false;
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

/* farthest first, since late rows are taken from the end */
static int
compare_rows(const void *a, const void *b)
{
	const HvRow *ra = a;
	const HvRow *rb = b;

	return ra->distance < rb->distance ? 1 : (ra->distance > rb->distance ? -1 : 0);
}

bool
HvReorderNext(HvReorder *order, HvRow *row)
{
	if (HvReorderHasNumber(order) ||
		(order->nlate == 0 && !pairingheap_is_empty(order->in_hand)))
	{
		RowInHand  *nearest = (RowInHand *) pairingheap_remove_first(order->in_hand);

		*row = nearest->row;
		order->last_distance = nearest->row.distance;
		order->spare = nearest;
		return true;
	}
	if (order->nlate == 0)
		return false;
	if (order->last_distance != INFINITY)
	{
		qsort(order->late, order->nlate, sizeof(HvRow), compare_rows);
		order->last_distance = INFINITY;	/* sorted once */
	}
	*row = order->late[--order->nlate];
	return true;
}
