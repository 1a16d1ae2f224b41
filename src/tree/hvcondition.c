/*-------------------------------------------------------------------------
 *
 * hvcondition.c
 *	  Conditions on key columns, tested on the attributes of leaf tuples.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvcondition.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/qunique.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "page/hvcompat.h"
#include "tree/hvcondition.h"

typedef enum TestKind
{
	TEST_RANGE,					/* low <= key <= high */
	TEST_ANY,					/* key is one of some */
	TEST_OVERLAP,				/* key contains one of some sets of bits */
	TEST_CONTAINS,				/* key contains the bits of low */
	TEST_NULL,
	TEST_NOT_NULL
} TestKind;

/* One test of an attribute.  All but TEST_NULL drop a NULL. */
struct HvCondition
{
	TestKind	kind;
	int			attribute;
	int			shift;			/* bits of the key that do not count */
	bool		odd_passes;		/* an odd key decides nothing */
	int64		low;
	int64		high;
	int			nkeys;
	int64	   *keys;			/* ANY: sorted, each once */
};

/* a scan key being compiled */
typedef struct Compiler
{
	HvConditions *conditions;
	const HvKeyColumns *columns;
	const ScanKeyData *key;
	Oid			own_type;		/* input type of the column's operator class */
	HvCondition *item;
} Compiler;

/* Compile ----------------------------------------------------------------- */

static const HvKeyType *
column_type(const Compiler *compiler)
{
	return compiler->columns->types[compiler->item->attribute];
}

/* The key of a value in a condition; false if it stands for others too. */
static bool
key_of(const Compiler *compiler, Datum value, int64 *key)
{
	const HvKeyType *type = column_type(compiler);
	Oid			given = compiler->key->sk_subtype;

	if (type->convert && OidIsValid(given) && given != compiler->own_type)
		return type->convert(value, given, key);
	*key = type->key(value, compiler->columns->collations[compiler->item->attribute]);
	return type->order == HV_KEY_EXACT || type->order == HV_KEY_ENUM;
}

/* Do keys of a column tell anything of what is less and what is greater? */
static bool
has_order(const Compiler *compiler)
{
	Oid			collation = compiler->columns->collations[compiler->item->attribute];

	return column_type(compiler)->order != HV_KEY_STRING || !OidIsValid(collation) ||
		HvCompatCollationIsC(collation);
}

/* The test of one comparison with a key that is exact or not. */
static void
compile_range(Compiler *compiler, StrategyNumber strategy, int64 key, bool exact)
{
	HvCondition *item = compiler->item;
	HvKeyOrder	order = column_type(compiler)->order;

	item->kind = TEST_RANGE;
	item->low = PG_INT64_MIN;
	item->high = PG_INT64_MAX;
	if (strategy == HV_STRATEGY_EQUAL)
	{
		item->low = item->high = key;
		compiler->conditions->lossy |= !exact;
		return;
	}
	if (!has_order(compiler) || (order == HV_KEY_ENUM && (key & 1)))
	{
		compiler->conditions->lossy = true;
		return;
	}
	item->odd_passes = order == HV_KEY_ENUM;
	compiler->conditions->lossy |= !exact || item->odd_passes;
	if (order == HV_KEY_STRING)
		item->shift = 32;
	key >>= item->shift;
	if (strategy == HV_STRATEGY_LESS || strategy == HV_STRATEGY_LESS_EQUAL)
		item->high = key;
	else
		item->low = key;
	if (!exact)
		return;
	if ((strategy == HV_STRATEGY_LESS && key == PG_INT64_MIN) ||
		(strategy == HV_STRATEGY_GREATER && key == PG_INT64_MAX))
		compiler->conditions->never = true;
	else if (strategy == HV_STRATEGY_LESS)
		item->high--;
	else if (strategy == HV_STRATEGY_GREATER)
		item->low++;
}

static int
compare_keys(const void *a, const void *b)
{
	int64		ka = *(const int64 *) a;
	int64		kb = *(const int64 *) b;

	return ka < kb ? -1 : (ka > kb ? 1 : 0);
}

/* The keys of the elements of a condition's array, and whether all are exact. */
static bool
array_keys(Compiler *compiler)
{
	ArrayType  *array = DatumGetArrayTypeP(compiler->key->sk_argument);
	HvCondition *item = compiler->item;
	bool		exact = true;
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &values, &nulls, &n);
	item->keys = palloc(Max(n, 1) * sizeof(int64));
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			exact &= key_of(compiler, values[i], &item->keys[item->nkeys++]);
	}
	qsort(item->keys, item->nkeys, sizeof(int64), compare_keys);
	item->nkeys = (int) qunique(item->keys, item->nkeys, sizeof(int64), compare_keys);
	return exact;
}

/*
 * "column operator ANY (array)": one of the elements, or for an order the least
 * or greatest.
 */
static void
compile_any(Compiler *compiler)
{
	HvCondition *item = compiler->item;
	StrategyNumber strategy = compiler->key->sk_strategy;
	bool		exact = array_keys(compiler);

	if (item->nkeys == 0)
		compiler->conditions->never = true;
	else if (strategy == HV_STRATEGY_EQUAL)
	{
		item->kind = TEST_ANY;
		compiler->conditions->lossy |= !exact;
	}
	else if (column_type(compiler)->order == HV_KEY_ENUM)
	{
		/* the least may not be that of the smallest key */
		item->kind = TEST_NOT_NULL;
		compiler->conditions->lossy = true;
	}
	else
		compile_range(compiler, strategy,
					  strategy <= HV_STRATEGY_LESS_EQUAL ? item->keys[item->nkeys - 1] :
					  item->keys[0], exact);
}

/* "array && array" and "array @> array" */
static void
compile_sets(Compiler *compiler)
{
	HvCondition *item = compiler->item;
	bool		has_null;

	item->keys = HvKeyElements(compiler->key->sk_argument,
							   compiler->columns->collations[item->attribute],
							   &item->nkeys, &has_null);
	compiler->conditions->lossy = true;
	if (compiler->key->sk_strategy == HV_STRATEGY_OVERLAP)
	{
		item->kind = TEST_OVERLAP;
		compiler->conditions->never |= item->nkeys == 0;
		return;
	}
	item->kind = TEST_CONTAINS;
	for (int i = 0; i < item->nkeys; i++)
		item->low |= item->keys[i];
	/* nothing contains a NULL */
	compiler->conditions->never |= has_null;
}

/* A condition on the vector: that it is not NULL holds for all rows here. */
static void
compile_vector(Compiler *compiler)
{
	if (!(compiler->key->sk_flags & SK_SEARCHNOTNULL))
		compiler->conditions->never = true;
}

static void
compile_key(Compiler *compiler)
{
	const ScanKeyData *key = compiler->key;
	int64		value;
	bool		exact;

	if (key->sk_attno == 1)
	{
		compile_vector(compiler);
		return;
	}
	compiler->item = &compiler->conditions->items[compiler->conditions->count++];
	compiler->item->attribute = key->sk_attno - 2;
	if (key->sk_flags & SK_SEARCHNULL)
		compiler->item->kind = TEST_NULL;
	else if (key->sk_flags & SK_SEARCHNOTNULL)
		compiler->item->kind = TEST_NOT_NULL;
	else if (key->sk_flags & SK_ISNULL)
		compiler->conditions->never = true;
	else if (key->sk_flags & SK_SEARCHARRAY)
		compile_any(compiler);
	else if (column_type(compiler)->order == HV_KEY_SET)
		compile_sets(compiler);
	else
	{
		exact = key_of(compiler, key->sk_argument, &value);
		compile_range(compiler, key->sk_strategy, value, exact);
	}
}

HvConditions *
HvConditionsCompile(Relation index, const HvMetaData *meta, const ScanKeyData *keys,
					int nkeys)
{
	HvKeyColumns columns;
	HvConditions *conditions;

	if (nkeys == 0)
		return NULL;
	HvKeyColumnsInit(&columns, index);
	HvKeyColumnsVerify(&columns, index, meta);
	conditions = palloc0(sizeof(HvConditions));
	conditions->layout = columns.layout;
	conditions->items = palloc0(nkeys * sizeof(HvCondition));
	for (int i = 0; i < nkeys; i++)
	{
		Compiler	compiler = {
			.conditions = conditions, .columns = &columns, .key = &keys[i],
			.own_type = index->rd_opcintype[keys[i].sk_attno - 1]
		};

		Assert(keys[i].sk_attno >= 1 && keys[i].sk_attno <= columns.count + 1);
		compile_key(&compiler);
	}
	return conditions;
}

/* Test -------------------------------------------------------------------- */

static bool
is_among(const HvCondition *item, int64 key)
{
	int			low = 0;
	int			high = item->nkeys - 1;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (item->keys[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return item->keys[low] == key;
}

static bool
contains_one(const HvCondition *item, int64 key)
{
	for (int i = 0; i < item->nkeys; i++)
	{
		if ((item->keys[i] & ~key) == 0)
			return true;
	}
	return false;
}

static bool
passes(const HvAttributeLayout *layout, const HvCondition *item,
	   const HvLeafEntryData *entry)
{
	int64		key;

	if (HvAttributeIsNull(entry, item->attribute))
		return item->kind == TEST_NULL;
	key = HvAttributeGet(layout, entry, item->attribute);
	switch (item->kind)
	{
		case TEST_RANGE:
			return (item->odd_passes && (key & 1)) ||
				((key >> item->shift) >= item->low && (key >> item->shift) <= item->high);
		case TEST_ANY:
			return is_among(item, key);
		case TEST_OVERLAP:
			return contains_one(item, key);
		case TEST_CONTAINS:
			return (item->low & ~key) == 0;
		case TEST_NULL:
			return false;
		case TEST_NOT_NULL:
			return true;
	}
	return false;
}

int
HvConditionsSelect(const HvConditions *conditions, Page page, const HvLayout *layout,
				   uint16 *passing)
{
	int			n = HvPageCount(page);
	int			found = 0;

	Assert(HvPageKindOf(page) == HV_PAGE_LEAF);
	Assert(conditions->layout.entry_size == layout->leaf_entry_size);
	if (conditions->never)
		return 0;
	for (int i = 0; i < n; i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, layout, i);
		bool		all = true;

		for (int c = 0; c < conditions->count && all; c++)
			all = passes(&conditions->layout, &conditions->items[c], entry);
		passing[found] = i;
		found += all;
	}
	return found;
}
