/*-------------------------------------------------------------------------
 *
 * hvtype_pgvector.c
 *	  The types vector and halfvec of the extension pgvector.
 *
 * NOTES
 *	  The two are known here by their bytes alone, so that neither library
 *	  needs the other to be built or loaded: a varlena of a dimension, a field
 *	  that is zero until pgvector finds a use for it, and the numbers, float32
 *	  or float16.  Their operator classes come with hvindex_pgvector.
 *
 *	  pgvector checks its values when they are made.  They are checked here all
 *	  the same, since the code below relies on their length.
 *
 *	  A vector is read in place where it is stored in full.  A halfvec always
 *	  becomes a copy, of floats; its own bytes need no alignment, so a value
 *	  with a short header is copied once only.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvtype_pgvector.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "arithmetic/hvkernel.h"
#include "heap/hvtype.h"
#include "page/hvcompat.h"

PG_FUNCTION_INFO_V1(hvtree_vector_l2_support);
PG_FUNCTION_INFO_V1(hvtree_vector_ip_support);
PG_FUNCTION_INFO_V1(hvtree_vector_cosine_support);
PG_FUNCTION_INFO_V1(hvtree_halfvec_l2_support);
PG_FUNCTION_INFO_V1(hvtree_halfvec_ip_support);
PG_FUNCTION_INFO_V1(hvtree_halfvec_cosine_support);

/* the header of a value, before the numbers */
typedef struct VectorHead
{
	int16		dim;
	int16		reserved;
} VectorHead;

/*
 * The dimension of a value that is not compressed, of type name with
 * value_bytes a number.  An error if its parts do not agree.
 */
static int
check_value(const struct varlena *value, int value_bytes, const char *name)
{
	Size		size = VARSIZE_ANY_EXHDR(value);
	VectorHead	head = {0};

	if (size >= sizeof(head))
		memcpy(&head, VARDATA_ANY(value), sizeof(head));
	if (head.dim < 1 || head.dim > HV_MAX_DIMENSIONS || head.reserved != 0 ||
		size != sizeof(head) + (Size) head.dim * value_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a value of type %s is damaged", name),
				 errdetail("It holds %zu bytes, the number of dimensions %d, and %d in a field that should be zero.",
						   size, head.dim, head.reserved)));
	return head.dim;
}

/* open_stored callback of vector */
static void
open_stored_vector(Datum value, HvVectorView *view)
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(value);
	struct varlena *whole = PG_DETOAST_DATUM(value);

	view->dim = check_value(whole, sizeof(float4), "vector");
	view->values = (const float *) (VARDATA(whole) + sizeof(VectorHead));
	view->owned = whole == stored ? NULL : whole;
}

/* open callback of vector */
static void
open_vector(Datum value, HvVectorView *view)
{
	open_stored_vector(value, view);
	HvTypeCheckFinite(view);
}

/* open_stored callback of halfvec */
static void
open_stored_halfvec(Datum value, HvVectorView *view)
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(value);
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	int			dim = check_value(packed, sizeof(uint16), "halfvec");
	float	   *values = palloc(dim * sizeof(float));

	HvKernel->halfs_to_floats((const uint8 *) VARDATA_ANY(packed) + sizeof(VectorHead),
							  dim, values);
	if (packed != stored)
		pfree(packed);
	view->dim = dim;
	view->values = values;
	view->owned = values;
}

/* open callback of halfvec */
static void
open_halfvec(Datum value, HvVectorView *view)
{
	open_stored_halfvec(value, view);
	HvTypeCheckFinite(view);
}

/* what the types are to the layers above, by metric */
#define VECTOR_INFO(the_metric) \
	{ \
		.metric = the_metric, \
		.value_bits = 8 * sizeof(float4), \
		.open = open_vector, \
		.open_stored = open_stored_vector \
	}

#define HALFVEC_INFO(the_metric) \
	{ \
		.metric = the_metric, \
		.value_bits = 8 * sizeof(uint16), \
		.open = open_halfvec, \
		.open_stored = open_stored_halfvec \
	}

static const HvTypeInfo vector_l2_info = VECTOR_INFO(HV_METRIC_L2);
static const HvTypeInfo vector_ip_info = VECTOR_INFO(HV_METRIC_IP);
static const HvTypeInfo vector_cosine_info = VECTOR_INFO(HV_METRIC_COSINE);
static const HvTypeInfo halfvec_l2_info = HALFVEC_INFO(HV_METRIC_L2);
static const HvTypeInfo halfvec_ip_info = HALFVEC_INFO(HV_METRIC_IP);
static const HvTypeInfo halfvec_cosine_info = HALFVEC_INFO(HV_METRIC_COSINE);

/* Support functions of the operator classes; their argument is not read. */
Datum
hvtree_vector_l2_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&vector_l2_info);
}

Datum
hvtree_vector_ip_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&vector_ip_info);
}

Datum
hvtree_vector_cosine_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&vector_cosine_info);
}

Datum
hvtree_halfvec_l2_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&halfvec_l2_info);
}

Datum
hvtree_halfvec_ip_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&halfvec_ip_info);
}

Datum
hvtree_halfvec_cosine_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&halfvec_cosine_info);
}
