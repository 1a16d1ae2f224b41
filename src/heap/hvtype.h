/*-------------------------------------------------------------------------
 *
 * hvtype.h
 *	  From an SQL value to an array of floats.
 *
 * NOTES
 *	  An operator class names its type and metric by support function 1,
 *	  which takes and returns "internal": a pointer to a static HvTypeInfo.
 *	  Another extension can add a type of its own that way, without a link-time
 *	  dependency in either direction.
 *
 *	  A view is the only form in which the layers above see a vector, and
 *	  what a view shows is fit for arithmetic: one-dimensional, no NULL
 *	  elements, 1 .. HV_MAX_DIMENSIONS values, all of them finite.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvtype.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVTYPE_H
#define HVTYPE_H

#include "postgres.h"

#include "utils/relcache.h"

#include "arithmetic/hvmetric.h"

/* the support function of an operator class that returns its HvTypeInfo */
#define HV_SUPPORT_TYPE		1

/* the strategy of the one ordering operator of an operator class */
#define HV_STRATEGY_DISTANCE 1

typedef struct HvVectorView
{
	int			dim;
	const float *values;		/* dim floats, aligned as float */
	void	   *owned;			/* detoasted copy to be freed, or NULL */
} HvVectorView;

typedef struct HvTypeInfo
{
	HvMetric	metric;
	int			value_bits;		/* of one dimension, as stored */

	/*
	 * Fills view from a non-null value of the type.  values points into the
	 * value itself where it needs no copy, so the view is valid only as long
	 * as the value.  Raises an error of class 22 if the value is no vector.
	 */
	void		(*open) (Datum value, HvVectorView *view);

	/*
	 * The same for a value that open has accepted before, when it was indexed:
	 * it need not test every element again, which would slow down a rerank.
	 */
	void		(*open_stored) (Datum value, HvVectorView *view);
} HvTypeInfo;

extern const HvTypeInfo *HvTypeInfoFor(Relation index);
extern void HvTypeOpenRealArray(Datum value, HvVectorView *view);
extern void HvTypeOpenStoredRealArray(Datum value, HvVectorView *view);
extern void HvTypeCheckFinite(const HvVectorView *view);
extern void HvTypeClose(HvVectorView *view);
extern void HvTypeCheckDim(const HvVectorView *view, int expected);

#endif							/* HVTYPE_H */
