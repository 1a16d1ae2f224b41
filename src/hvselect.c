/*-------------------------------------------------------------------------
 *
 * hvselect.c
 *	  Taking the few smallest of many: quickselect and sort on float keys.
 *
 * NOTES
 *	  Pivots are the median of three elements at pseudo-random places: no
 *	  order of the input (sorted, reversed, organ pipe) is a bad one.  Keys
 *	  with the id behind them have few equals, and Hoare's partition stops at
 *	  equals on both sides, so that even an array of one value is halved.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvselect.c
 *
 *-------------------------------------------------------------------------
 */
#include "hvselect.h"

#include <stdbool.h>

/* below this many items insertion sort is the faster way */
#define INSERTION_ITEMS 16

/*
 * Up to so many are kept in order while the rest passes by: hardly any of the rest
 * gets among them, so that one comparison an item is all.  16 of 400 take a quarter of
 * what partitioning takes.
 */
#define FEW_ITEMS 16

static inline bool
before(const HvKeyed *a, const HvKeyed *b)
{
	return (a->key < b->key) || (a->key == b->key && a->id < b->id);
}

static void
sort_few(HvKeyed *items, int64_t n)
{
	for (int64_t i = 1; i < n; i++)
	{
		HvKeyed		item = items[i];
		int64_t		j = i;

		while (j > 0 && before(&item, &items[j - 1]))
		{
			items[j] = items[j - 1];
			j--;
		}
		items[j] = item;
	}
}

/* the median of three items of n, n >= 1, at places drawn from *state */
static HvKeyed
choose_pivot(const HvKeyed *items, int64_t n, uint64_t *state)
{
	const HvKeyed *p[3];
	const HvKeyed *low;
	const HvKeyed *high;

	for (int i = 0; i < 3; i++)
	{
		*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		p[i] = &items[(*state >> 33) % (uint64_t) n];
	}
	low = before(p[0], p[1]) ? p[0] : p[1];
	high = before(p[0], p[1]) ? p[1] : p[0];
	if (before(p[2], low))
		return *low;
	return before(p[2], high) ? *p[2] : *high;
}

/*
 * Splits items[0 .. n - 1], n >= 2, so that no item of the first m is after
 * any other one; returns m, 1 <= m <= n - 1.
 */
static int64_t
partition(HvKeyed *items, int64_t n, uint64_t *state)
{
	HvKeyed		pivot = choose_pivot(items, n, state);
	int64_t		i = -1;
	int64_t		j = n;

	for (;;)
	{
		HvKeyed		item;

		do
			i++;
		while (before(&items[i], &pivot));
		do
			j--;
		while (before(&pivot, &items[j]));
		if (i >= j)
			break;
		item = items[i];
		items[i] = items[j];
		items[j] = item;
	}

	/* the pivot may be the largest of all, and alone */
	return (j + 1 < n) ? j + 1 : n - 1;
}

/* The m smallest of items[0 .. n - 1] to the front and in order, 1 <= m <= FEW_ITEMS, m < n. */
static void
select_few(HvKeyed *items, int64_t n, int64_t m)
{
	sort_few(items, m);
	for (int64_t i = m; i < n; i++)
	{
		HvKeyed		item = items[i];
		int64_t		j = m - 1;

		if (!before(&item, &items[j]))
			continue;
		items[i] = items[j];
		while (j > 0 && before(&item, &items[j - 1]))
		{
			items[j] = items[j - 1];
			j--;
		}
		items[j] = item;
	}
}

/*
 * Moves the m smallest of items[0 .. n - 1] to the front, in any order.
 */
void
HvSelectSmallest(HvKeyed *items, int64_t n, int64_t m)
{
	uint64_t	state = UINT64_C(0x9E3779B97F4A7C15);

	if (m > 0 && m <= FEW_ITEMS && m < n)
	{
		select_few(items, n, m);
		return;
	}
	while (m > 0 && m < n)
	{
		int64_t		split;

		if (n <= INSERTION_ITEMS)
		{
			sort_few(items, n);
			return;
		}
		split = partition(items, n, &state);
		if (m <= split)
			n = split;
		else
		{
			items += split;
			n -= split;
			m -= split;
		}
	}
}

/* the larger part is done by the loop, so that the depth stays below log2(n) */
static void
sort_range(HvKeyed *items, int64_t n, uint64_t *state)
{
	while (n > INSERTION_ITEMS)
	{
		int64_t		split = partition(items, n, state);

		if (split < n - split)
		{
			sort_range(items, split, state);
			items += split;
			n -= split;
		}
		else
		{
			sort_range(items + split, n - split, state);
			n = split;
		}
	}
	sort_few(items, n);
}

/* Sorts items[0 .. n - 1], smallest key first. */
void
HvSortKeyed(HvKeyed *items, int64_t n)
{
	uint64_t	state = UINT64_C(0x9E3779B97F4A7C15);

	sort_range(items, n, &state);
}
