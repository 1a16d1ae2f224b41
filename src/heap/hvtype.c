/*-------------------------------------------------------------------------
 *
 * hvtype.c
 *	  From an SQL value to an array of floats.
 *
 * NOTES
 *	  See hvtype.h.  The type that the extension itself supports is real[]; its
 *	  three operator classes differ only in the metric.  Those of pgvector are
 *	  in hvtype_pgvector.c.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvtype.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/rel.h"

#include "heap/hvtype.h"
#include "page/hvcompat.h"

PG_FUNCTION_INFO_V1(hvtree_real_l2_support);
PG_FUNCTION_INFO_V1(hvtree_real_ip_support);
PG_FUNCTION_INFO_V1(hvtree_real_cosine_support);

static const HvTypeInfo real_l2_info = {
	.metric = HV_METRIC_L2,
	.value_bits = 8 * sizeof(float4),
	.open = HvTypeOpenRealArray,
	.open_stored = HvTypeOpenStoredRealArray
};

static const HvTypeInfo real_ip_info = {
	.metric = HV_METRIC_IP,
	.value_bits = 8 * sizeof(float4),
	.open = HvTypeOpenRealArray,
	.open_stored = HvTypeOpenStoredRealArray
};

static const HvTypeInfo real_cosine_info = {
	.metric = HV_METRIC_COSINE,
	.value_bits = 8 * sizeof(float4),
	.open = HvTypeOpenRealArray,
	.open_stored = HvTypeOpenStoredRealArray
};

/*
 * Support functions of the operator classes.  The argument is there because
 * a function that returns internal must take one; nothing reads it.
 */
Datum
hvtree_real_l2_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&real_l2_info);
}

Datum
hvtree_real_ip_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&real_ip_info);
}

Datum
hvtree_real_cosine_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&real_cosine_info);
}

/*
 * HvTypeInfoFor: the type and metric of an open hvtree index; an error if its first
 * column is not a vector.  The result is static memory of the library that has
 * the operator class.
 */
const HvTypeInfo *
HvTypeInfoFor(Relation index)
{
	FmgrInfo   *procinfo;

	if (!OidIsValid(index_getprocid(index, 1, HV_SUPPORT_TYPE)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the first column of index \"%s\" is not a vector",
						RelationGetRelationName(index)),
				 errhint("Name the vector first, of type real[], vector or halfvec; then the columns for conditions.")));
	procinfo = index_getprocinfo(index, 1, HV_SUPPORT_TYPE);
	return (const HvTypeInfo *) DatumGetPointer(FunctionCall1Coll(procinfo,
																  index->rd_indcollation[0],
																  PointerGetDatum(NULL)));
}

/*
 * HvTypeOpenStoredRealArray: open_stored callback of real[].
 *
 * A value stored in full is read in place: its floats are at a multiple of
 * 4 bytes, which is all that the kernels need.  A compressed, out-of-line or
 * short-header value is copied; HvTypeClose() frees the copy.
 */
void
HvTypeOpenStoredRealArray(Datum value, HvVectorView *view)
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(value);
	ArrayType  *array = (ArrayType *) PG_DETOAST_DATUM(value);
	int			ndim = ARR_NDIM(array);

	if (ARR_ELEMTYPE(array) != FLOAT4OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("expected an array of real, not of type with OID %u",
						ARR_ELEMTYPE(array))));
	if (ndim == 0)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("expected 1 to %d dimensions, not 0", HV_MAX_DIMENSIONS),
				 errhint("An empty array is not a vector; store NULL for a vector that is not known.")));
	if (ndim != 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("expected a one-dimensional array, not a %d-dimensional one", ndim),
				 errhint("A vector is a plain list of numbers, as in '{1,2,3}'.")));
	if (ARR_DIMS(array)[0] > HV_MAX_DIMENSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected 1 to %d dimensions, not %d", HV_MAX_DIMENSIONS,
						ARR_DIMS(array)[0]),
				 errhint("Longer vectors can be cut or projected before they are stored.")));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("expected a vector without NULL elements"),
				 errhint("Store NULL for a vector that is not known as a whole.")));

	view->dim = ARR_DIMS(array)[0];
	view->values = (const float *) ARR_DATA_PTR(array);
	view->owned = (struct varlena *) array == stored ? NULL : array;
}

/* HvTypeOpenRealArray: open callback of real[]. */
void
HvTypeOpenRealArray(Datum value, HvVectorView *view)
{
	HvTypeOpenStoredRealArray(value, view);
	HvTypeCheckFinite(view);
}

/* HvTypeCheckFinite: an error that names the first value that is not finite. */
void
HvTypeCheckFinite(const HvVectorView *view)
{
	int			i = 0;

	if (HvMetricAllFinite(view->values, view->dim))
		return;
	while (i < view->dim - 1 && isfinite(view->values[i]))
		i++;
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("vector element %d is %s, expected a finite number", i + 1,
					isnan(view->values[i]) ? "NaN" : "infinite"),
			 errhint("Distances are defined for finite numbers only; store NULL for a vector that is not known.")));
}

/* HvTypeClose: frees what open had to copy.  The values are gone after it. */
void
HvTypeClose(HvVectorView *view)
{
	if (view->owned)
		pfree(view->owned);
	view->owned = NULL;
	view->values = NULL;
}

/*
 * HvTypeCheckDim: an error unless the vector has as many dimensions as it
 * must.
 */
void
HvTypeCheckDim(const HvVectorView *view, int expected)
{
	if (view->dim != expected)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", expected, view->dim),
				 errhint("Vectors that are compared or indexed together must have the same number of dimensions.")));
}
