/*-------------------------------------------------------------------------
 *
 * hvtype_bit.c
 *	  The type bit, by Hamming distance.
 *
 * NOTES
 *	  A string of bits is a vector of zeros and ones.  Its Hamming distance from
 *	  another one is the square of their Euclidean distance, so both order alike.
 *	  The sums are of whole numbers, and exact.
 *
 *	  The operator, <~>, is pgvector's; the operator class comes with
 *	  hvindex_pgvector.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvtype_bit.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "heap/hvtype.h"
#include "page/hvcompat.h"

PG_FUNCTION_INFO_V1(hvtree_bit_hamming_support);

/*
 * The number of bits of a value that is not compressed.  An error if it is damaged,
 * or no vector.
 */
static int
check_bits(const struct varlena *value)
{
	Size		size = VARSIZE_ANY_EXHDR(value);
	int32		bits = -1;

	if (size >= sizeof(bits))
		memcpy(&bits, VARDATA_ANY(value), sizeof(bits));
	if (bits < 0 || size != sizeof(bits) + ((Size) bits + 7) / 8)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a value of type %s is damaged", "bit"),
				 errdetail("It holds %zu bytes and the number of bits %d.", size, bits)));
	if (bits < 1 || bits > HV_MAX_DIMENSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected 1 to %d dimensions, not %d", HV_MAX_DIMENSIONS, bits)));
	return bits;
}

/* open and open_stored callback: any bits will do */
static void
open_bits(Datum value, HvVectorView *view)
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(value);
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	int			dim = check_bits(packed);
	const uint8 *bits = (const uint8 *) VARDATA_ANY(packed) + sizeof(int32);
	float	   *values = palloc(dim * sizeof(float));

	for (int i = 0; i < dim; i++)
		values[i] = (bits[i / 8] >> (7 - i % 8)) & 1;
	if (packed != stored)
		pfree(packed);
	view->dim = dim;
	view->values = values;
	view->owned = values;
}

static const HvTypeInfo bit_hamming_info = {
	.metric = HV_METRIC_L2,
	.value_bits = 1,
	.open = open_bits,
	.open_stored = open_bits
};

/* Support function of the operator class; its argument is not read. */
Datum
hvtree_bit_hamming_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&bit_hamming_info);
}
