/*-------------------------------------------------------------------------
 *
 * select_test.c
 *	  Selecting and sorting candidates against a plain sort.
 *
 * NOTES
 *	  Every shape of input that quicksorts are known to stumble over is tried
 *	  at every small size and at a few large ones.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  test/unit/select_test.c
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "arithmetic/hvselect.h"
#include "unit.h"

#define MAX_ITEMS	20000

typedef enum Shape
{
	SHAPE_RANDOM,
	SHAPE_SORTED,
	SHAPE_REVERSED,
	SHAPE_EQUAL,
	SHAPE_FEW_VALUES,
	SHAPE_ORGAN_PIPE,
	SHAPE_COUNT
} Shape;

static const char *const shape_names[SHAPE_COUNT] = {
	"random", "sorted", "reversed", "equal", "few values", "organ pipe"
};

static uint64_t random_state = 7;
static HvKeyed items[MAX_ITEMS];
static HvKeyed expected[MAX_ITEMS];

static int
compare_keyed(const void *a, const void *b)
{
	const HvKeyed *x = a;
	const HvKeyed *y = b;

	if (x->key != y->key)
		return (x->key < y->key) ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* fills both arrays; expected is sorted by the library's qsort */
static void
fill(Shape shape, int n)
{
	for (int i = 0; i < n; i++)
	{
		float		key = 0.0f;

		switch (shape)
		{
			case SHAPE_RANDOM:
				key = (float) (unit_random(&random_state) % 1000003) - 500000.0f;
				break;
			case SHAPE_SORTED:
				key = (float) i;
				break;
			case SHAPE_REVERSED:
				key = (float) -i;
				break;
			case SHAPE_FEW_VALUES:
				key = (float) (unit_random(&random_state) % 3);
				break;
			case SHAPE_ORGAN_PIPE:
				key = (float) ((i < n / 2) ? i : n - i);
				break;
			case SHAPE_EQUAL:
			case SHAPE_COUNT:
				break;
		}
		items[i].key = key;
		items[i].id = (uint64_t) (i * 7919) % MAX_ITEMS;
		items[i].extra = (uint32_t) items[i].id ^ 0x5a5a;
	}
	memcpy(expected, items, sizeof(HvKeyed) * n);
	qsort(expected, n, sizeof(HvKeyed), compare_keyed);
}

/* are the first m items the same as expected, once sorted, extras included? */
static bool
same_front(int m)
{
	qsort(items, m, sizeof(HvKeyed), compare_keyed);
	for (int i = 0; i < m; i++)
	{
		if (items[i].key != expected[i].key || items[i].id != expected[i].id ||
			items[i].extra != expected[i].extra)
			return false;
	}
	return true;
}

static bool
select_works(Shape shape, int n, int m)
{
	fill(shape, n);
	HvSelectSmallest(items, n, m);
	if (!same_front(m))
		return false;
	/* nothing may be lost behind the front either */
	return same_front(n);
}

static bool
sort_works(Shape shape, int n)
{
	fill(shape, n);
	HvSortKeyed(items, n);
	return n == 0 || (memcmp(items, expected, sizeof(HvKeyed) * n) == 0);
}

static bool
all_small_sizes(Shape shape)
{
	for (int n = 0; n <= 70; n++)
	{
		for (int m = 0; m <= n; m++)
		{
			if (!select_works(shape, n, m))
				return false;
		}
		if (!sort_works(shape, n))
			return false;
	}
	return true;
}

int
main(void)
{
	static const int fronts[] = {0, 1, 10, 64, 9999, 19999, 20000};

	for (int s = 0; s < SHAPE_COUNT; s++)
	{
		bool		good = true;

		ok(all_small_sizes((Shape) s), "%s: sizes 0 to 70", shape_names[s]);
		for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++)
			good = good && select_works((Shape) s, MAX_ITEMS, fronts[i]);
		ok(good, "%s: the front of %d items", shape_names[s], MAX_ITEMS);
		ok(sort_works((Shape) s, MAX_ITEMS), "%s: sorting %d items", shape_names[s], MAX_ITEMS);
	}
	return done();
}
