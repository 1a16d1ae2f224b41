/*-------------------------------------------------------------------------
 *
 * hvkeytype.c
 *	  Key columns: from an SQL value to the number that a leaf keeps of it.
 *
 * NOTES
 *	  Numbers and times are kept as they are.  The rest is kept in 8 bytes that
 *	  decide most conditions: the nearest double precision of a numeric, the
 *	  first bytes of a uuid, the first bytes and a hash of a text (only a hash
 *	  where its collation is not C), a set of bits for the elements of an array.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvkeytype.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "heap/hvkeytype.h"
#include "page/hvcompat.h"
#include "storage/hvstore.h"

/* of the hashes that are on disk: never change it */
#define HASH_SEED		0x6876

/*
 * An element of an array is two bits of 64: of rows with five elements one in
 * forty has those of an element that it lacks.
 */
#define ELEMENT_BITS(hash) \
	((UINT64CONST(1) << ((hash) & 63)) | (UINT64CONST(1) << (((hash) >> 6) & 63)))

/* An unsigned number as a signed one that compares alike. */
static inline int64
from_unsigned(uint64 value)
{
	return (int64) (value ^ (UINT64CONST(1) << 63));
}

/* Numbers ----------------------------------------------------------------- */

static int64
int2_key(Datum value, Oid collation)
{
	return DatumGetInt16(value);
}

static int64
int4_key(Datum value, Oid collation)
{
	return DatumGetInt32(value);
}

static int64
int8_key(Datum value, Oid collation)
{
	return DatumGetInt64(value);
}

static bool
integer_convert(Datum value, Oid type, int64 *key)
{
	*key = type == INT2OID ? DatumGetInt16(value) :
		type == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
	return true;
}

static int64
oid_key(Datum value, Oid collation)
{
	return (int64) DatumGetObjectId(value) + PG_INT32_MIN;
}

static int64
bool_key(Datum value, Oid collation)
{
	return DatumGetBool(value);
}

/* "char" compares as unsigned */
static int64
char_key(Datum value, Oid collation)
{
	return (int64) (uint8) DatumGetChar(value) + PG_INT8_MIN;
}

/*
 * Floats as integers that compare as they do in SQL: the two zeros are equal, NaN
 * is above all.
 */
static int64
float4_bits(float4 value)
{
	int32		bits;

	if (isnan(value))
		return PG_INT32_MAX;
	value += 0.0f;				/* -0 becomes 0 */
	memcpy(&bits, &value, sizeof(bits));
	return bits < 0 ? bits ^ PG_INT32_MAX : bits;
}

static int64
float8_bits(float8 value)
{
	int64		bits;

	if (isnan(value))
		return PG_INT64_MAX;
	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	return bits < 0 ? bits ^ PG_INT64_MAX : bits;
}

static int64
float4_key(Datum value, Oid collation)
{
	return float4_bits(DatumGetFloat4(value));
}

static int64
float8_key(Datum value, Oid collation)
{
	return float8_bits(DatumGetFloat8(value));
}

static bool
float4_convert(Datum value, Oid type, int64 *key)
{
	float8		wide = DatumGetFloat8(value);
	float4		narrow = (float4) wide;

	Assert(type == FLOAT8OID);
	*key = float4_bits(narrow);
	return isnan(wide) || (float8) narrow == wide;
}

static bool
float8_convert(Datum value, Oid type, int64 *key)
{
	Assert(type == FLOAT4OID);
	*key = float8_bits(DatumGetFloat4(value));
	return true;
}

static int64
numeric_key(Datum value, Oid collation)
{
	return float8_bits(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value)));
}

/* Times ------------------------------------------------------------------- */

/* A timestamp among dates: the day that it is in. */
static bool
date_convert(Datum value, Oid type, int64 *key)
{
	Timestamp	timestamp = DatumGetTimestamp(value);

	Assert(type == TIMESTAMPOID);
	if (TIMESTAMP_IS_NOBEGIN(timestamp))
		*key = DATEVAL_NOBEGIN;
	else if (TIMESTAMP_IS_NOEND(timestamp))
		*key = DATEVAL_NOEND;
	else
		*key = timestamp / USECS_PER_DAY - (timestamp % USECS_PER_DAY < 0);
	return false;
}

static bool
timestamp_convert(Datum value, Oid type, int64 *key)
{
	int			overflow = 0;

	Assert(type == DATEOID);
	*key = date2timestamp_opt_overflow(DatumGetDateADT(value), &overflow);
	return overflow == 0;
}

/* The value is taken to be in the time zone of the session, as the operators do. */
static bool
timestamptz_convert(Datum value, Oid type, int64 *key)
{
	int			overflow = 0;

	Assert(type == DATEOID || type == TIMESTAMPOID);
	*key = type == DATEOID ?
		date2timestamptz_opt_overflow(DatumGetDateADT(value), &overflow) :
		timestamp2timestamptz_opt_overflow(DatumGetTimestamp(value), &overflow);
	return overflow == 0;
}

/* Bytes ------------------------------------------------------------------- */

/* The first bytes of a string as a number, as many as it has. */
static uint64
first_bytes(const char *data, int length, int n)
{
	uint64		bytes = 0;

	memcpy(&bytes, data, Min(length, n));
	return pg_hton64(bytes);
}

/* Of a string: the first four bytes, or half of a hash instead, and a hash. */
static int64
string_key(const char *data, int length, bool ordered, uint64 hash)
{
	uint64		upper = ordered ? first_bytes(data, length, 4) : hash;

	return from_unsigned((upper & ~UINT64CONST(0xFFFFFFFF)) | (hash & 0xFFFFFFFF));
}

static int64
text_key(Datum value, Oid collation)
{
	text	   *string = DatumGetTextPP(value);
	uint64		hash = DatumGetUInt64(DirectFunctionCall2Coll(hashtextextended, collation,
															  PointerGetDatum(string),
															  Int64GetDatum(HASH_SEED)));

	return string_key(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string),
					  HvCompatCollationIsC(collation), hash);
}

/*
 * bpchar compares without the blanks at its end.  Its hash does not go by a
 * collation that takes different strings for equal: there the key tells nothing.
 */
static int64
bpchar_key(Datum value, Oid collation)
{
	BpChar	   *string = DatumGetBpCharPP(value);
	int			length = bpchartruelen(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
	uint64		hash;

	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		return 0;
	hash = DatumGetUInt64(DirectFunctionCall2Coll(hashbpcharextended, collation,
												  PointerGetDatum(string),
												  Int64GetDatum(HASH_SEED)));
	return string_key(VARDATA_ANY(string), length, HvCompatCollationIsC(collation), hash);
}

static int64
bytea_key(Datum value, Oid collation)
{
	bytea	   *string = DatumGetByteaPP(value);
	const char *data = VARDATA_ANY(string);
	int			length = VARSIZE_ANY_EXHDR(string);

	return string_key(data, length, true,
					  hash_bytes_extended((const unsigned char *) data, length, HASH_SEED));
}

static int64
uuid_key(Datum value, Oid collation)
{
	const pg_uuid_t *uuid = DatumGetUUIDP(value);

	return from_unsigned(first_bytes((const char *) uuid->data, UUID_LEN, 8));
}

/* Arrays ------------------------------------------------------------------ */

/* The hash function of an element type, or an error. */
static TypeCacheEntry *
element_hash(Oid element)
{
	TypeCacheEntry *type = lookup_type_cache(element, TYPECACHE_HASH_EXTENDED_PROC_FINFO);

	if (!OidIsValid(type->hash_extended_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("an array of %s cannot be a key column of an hvtree index",
						format_type_be(element)),
				 errdetail("The type has no hash function.")));
	return type;
}

int64 *
HvKeyElements(Datum array, Oid collation, int *count, bool *has_null)
{
	ArrayType  *elements = DatumGetArrayTypeP(array);
	TypeCacheEntry *type = element_hash(ARR_ELEMTYPE(elements));
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int64	   *bits;

	deconstruct_array(elements, ARR_ELEMTYPE(elements), type->typlen, type->typbyval,
					  type->typalign, &values, &nulls, &n);
	bits = palloc(Max(n, 1) * sizeof(int64));
	*count = 0;
	*has_null = false;
	for (int i = 0; i < n; i++)
	{
		uint64		hash;

		*has_null |= nulls[i];
		if (nulls[i])
			continue;
		hash = DatumGetUInt64(FunctionCall2Coll(&type->hash_extended_proc_finfo, collation,
												values[i], Int64GetDatum(HASH_SEED)));
		bits[(*count)++] = (int64) ELEMENT_BITS(hash);
	}
	pfree(values);
	pfree(nulls);
	return bits;
}

static int64
array_key(Datum value, Oid collation)
{
	int			count;
	bool		has_null;
	int64	   *bits = HvKeyElements(value, collation, &count, &has_null);
	int64		all = 0;

	for (int i = 0; i < count; i++)
		all |= bits[i];
	pfree(bits);
	return all;
}

/* Support functions ------------------------------------------------------- */

#define KEY_SUPPORT(name, bytes, kind, key_function, convert_function) \
	PG_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		static const HvKeyType type = { \
			.width = (bytes), .order = (kind), .key = (key_function), \
			.convert = (convert_function) \
		}; \
		PG_RETURN_POINTER(&type); \
	} \
	extern int	no_such_variable

KEY_SUPPORT(hvtree_int2_key, 2, HV_KEY_EXACT, int2_key, integer_convert);
KEY_SUPPORT(hvtree_int4_key, 4, HV_KEY_EXACT, int4_key, integer_convert);
KEY_SUPPORT(hvtree_int8_key, 8, HV_KEY_EXACT, int8_key, integer_convert);
KEY_SUPPORT(hvtree_oid_key, 4, HV_KEY_EXACT, oid_key, NULL);
KEY_SUPPORT(hvtree_bool_key, 1, HV_KEY_EXACT, bool_key, NULL);
KEY_SUPPORT(hvtree_char_key, 1, HV_KEY_EXACT, char_key, NULL);
KEY_SUPPORT(hvtree_float4_key, 4, HV_KEY_EXACT, float4_key, float4_convert);
KEY_SUPPORT(hvtree_float8_key, 8, HV_KEY_EXACT, float8_key, float8_convert);
KEY_SUPPORT(hvtree_numeric_key, 8, HV_KEY_PREFIX, numeric_key, NULL);
KEY_SUPPORT(hvtree_date_key, 4, HV_KEY_EXACT, int4_key, date_convert);
KEY_SUPPORT(hvtree_time_key, 8, HV_KEY_EXACT, int8_key, NULL);
KEY_SUPPORT(hvtree_timestamp_key, 8, HV_KEY_EXACT, int8_key, timestamp_convert);
KEY_SUPPORT(hvtree_timestamptz_key, 8, HV_KEY_EXACT, int8_key, timestamptz_convert);
KEY_SUPPORT(hvtree_uuid_key, 8, HV_KEY_PREFIX, uuid_key, NULL);
KEY_SUPPORT(hvtree_text_key, 8, HV_KEY_STRING, text_key, NULL);
KEY_SUPPORT(hvtree_bpchar_key, 8, HV_KEY_STRING, bpchar_key, NULL);
KEY_SUPPORT(hvtree_bytea_key, 8, HV_KEY_STRING, bytea_key, NULL);
KEY_SUPPORT(hvtree_enum_key, 4, HV_KEY_ENUM, oid_key, NULL);
KEY_SUPPORT(hvtree_array_key, 8, HV_KEY_SET, array_key, NULL);

/* Columns ----------------------------------------------------------------- */

/* What the operator class of column i says; an error if it is a vector's. */
static const HvKeyType *
type_of_column(Relation index, int i)
{
	AttrNumber	column = i + 2;
	const HvKeyType *type;

	if (!OidIsValid(index_getprocid(index, column, HV_SUPPORT_KEY)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column %d of index \"%s\" cannot be a vector",
						column, RelationGetRelationName(index)),
				 errdetail("An hvtree index has one vector, its first column."),
				 errhint("Create an index for each vector.")));
	type = (const HvKeyType *)
		DatumGetPointer(FunctionCall1(index_getprocinfo(index, column, HV_SUPPORT_KEY),
									  PointerGetDatum(NULL)));
	if (type->order == HV_KEY_SET)
		(void) element_hash(get_base_element_type(TupleDescAttr(RelationGetDescr(index),
																column - 1)->atttypid));
	return type;
}

void
HvKeyColumnsInit(HvKeyColumns *columns, Relation index)
{
	uint8		widths[HV_MAX_ATTRIBUTES];

	columns->count = IndexRelationGetNumberOfKeyAttributes(index) - 1;
	for (int i = 0; i < columns->count; i++)
	{
		columns->types[i] = type_of_column(index, i);
		columns->collations[i] = index->rd_indcollation[i + 1];
		widths[i] = columns->types[i]->width;
	}
	HvAttributeLayoutInit(&columns->layout, columns->count, widths);
}

void
HvKeyColumnsVerify(const HvKeyColumns *columns, Relation index, const HvMetaData *meta)
{
	HvMetaData	expected;

	HvAttributeLayoutPack(&columns->layout, &expected);
	if (expected.attributes != meta->attributes ||
		memcmp(expected.attribute_widths, meta->attribute_widths,
			   sizeof(meta->attribute_widths)) != 0)
		HvStoreCorrupted(index, HV_META_BLOCK,
						 "names other key columns than its operator classes");
}

void
HvKeyColumnsStore(const HvKeyColumns *columns, const Datum *values, const bool *nulls,
				  HvLeafEntryData *entry)
{
	memset(HvAttributeNulls(entry), 0, columns->layout.entry_size - sizeof(HvLeafEntryData));
	for (int i = 0; i < columns->count; i++)
	{
		if (nulls[i + 1])
			HvAttributeSetNull(&columns->layout, entry, i);
		else
			HvAttributeSet(&columns->layout, entry, i,
						   columns->types[i]->key(values[i + 1], columns->collations[i]));
	}
}
