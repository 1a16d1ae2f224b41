/*-------------------------------------------------------------------------
 *
 * hvdistance.c
 *	  The distance functions behind the operators on real[].
 *
 * NOTES
 *	  Each is a thin shell around HvMetricDistance(), the function that a
 *	  scan orders its rows by.  What is no vector for the index is an error
 *	  here as well, so that a query means the same with and without an index.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvdistance.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "executor/instrument.h"
#include "fmgr.h"

#include "arithmetic/hvkernel.h"
#include "arithmetic/hvmetric.h"
#include "heap/hvdistcache.h"
#include "heap/hvtype.h"
#include "page/hvcompat.h"

PG_FUNCTION_INFO_V1(hv_real_l2_distance);
PG_FUNCTION_INFO_V1(hv_real_inner_product);
PG_FUNCTION_INFO_V1(hv_real_negative_inner_product);
PG_FUNCTION_INFO_V1(hv_real_cosine_distance);

/*
 * The distance between the first two arguments.  Raises an error of class 22
 * where one of them is no vector or their dimensions differ.
 *
 * A distance that is a number comes of numbers only: an infinite element makes
 * a sum infinite or NaN.  So elements are looked at where the distance is
 * none, since a look at all of them takes longer than the distance itself.
 */
static double
computed_distance(FunctionCallInfo fcinfo, HvMetric metric)
{
	HvVectorView a;
	HvVectorView b;
	double		distance;

	HvTypeOpenStoredRealArray(PG_GETARG_DATUM(0), &a);
	HvTypeOpenStoredRealArray(PG_GETARG_DATUM(1), &b);
	HvTypeCheckDim(&b, a.dim);

	distance = HvMetricDistance(metric, a.values, b.values, a.dim);
	if (!isfinite(distance))
	{
		HvTypeCheckFinite(&a);
		HvTypeCheckFinite(&b);
	}

	/* a sort calls this a million times before its memory context is reset */
	HvTypeClose(&a);
	HvTypeClose(&b);
	return distance;
}

/*
 * The same; a scan that has just sent the row may know it.  Sums are made in
 * the same order whichever argument comes first, so that the bits are the
 * same.
 */
static double
distance_of_args(FunctionCallInfo fcinfo, HvMetric metric)
{
	double		distance;

	if (!HvDistCacheFind(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), metric, &distance))
		return computed_distance(fcinfo, metric);
#ifdef USE_ASSERT_CHECKING
	{
		/* the pages that this reads are not the query's: tests count them */
		BufferUsage counted = pgBufferUsage;
		double		computed = computed_distance(fcinfo, metric);

		pgBufferUsage = counted;
		Assert(memcmp(&computed, &distance, sizeof(double)) == 0);
	}
#endif
	return distance;
}

/* l2_distance(real[], real[]), operator <-> */
Datum
hv_real_l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(distance_of_args(fcinfo, HV_METRIC_L2));
}

/* inner_product(real[], real[]); subtracted, so that 0 does not become -0 */
Datum
hv_real_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(0.0 - distance_of_args(fcinfo, HV_METRIC_IP));
}

/* negative_inner_product(real[], real[]), operator <#> */
Datum
hv_real_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(distance_of_args(fcinfo, HV_METRIC_IP));
}

/* cosine_distance(real[], real[]), operator <=>; NaN for a zero vector */
Datum
hv_real_cosine_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(distance_of_args(fcinfo, HV_METRIC_COSINE));
}
