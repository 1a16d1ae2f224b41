/*-------------------------------------------------------------------------
 *
 * hvmetapage.c
 *	  Checking the image of the metapage.
 *
 * NOTES
 *	  Every field that is used as a size, a bound, a divisor or a block number
 *	  is looked at here, once for each time that the metapage is read.  Whether
 *	  the index has the blocks that are named shows when they are read.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/page/hvmetapage.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "arithmetic/hvspace.h"
#include "page/hvattribute.h"

/* Is x a number of rows or leaves, or a length? */
static bool
is_amount(double x)
{
	return x >= 0 && x <= DBL_MAX;
}

/* What is wrong with a curve, or NULL. */
static const char *
verify_curve(const HvCurve *curve)
{
	if (curve->queries == 0)
		return NULL;
	if (!is_amount(curve->rows))
		return "was measured with a number of rows that is none";
	for (int i = 0; i < HV_CURVE_TARGETS * HV_CURVE_RANKS; i++)
	{
		const HvCurvePoint *point = &curve->points[i / HV_CURVE_RANKS][i % HV_CURVE_RANKS];

		if (!(point->margin >= 0 && point->margin <= HV_CURVE_MOST_MARGIN))
			return "has a margin out of range";
		if (!(point->stop > 0 && point->stop <= HV_CURVE_MOST_STOP))
			return "has a distance to stop at out of range";
		if (!(point->leaves >= 1 && point->leaves <= HV_CURVE_MOST_LEAVES &&
			  point->read >= 1 && point->read <= HV_CURVE_MOST_LEAVES &&
			  point->fetches >= 1 && point->fetches <= FLT_MAX))
			return "has sizes of scans out of range";
	}
	return NULL;
}

/* What is wrong with where a curve comes from, or NULL. */
static const char *
verify_origin(const HvCurveOrigin *origin)
{
	if (origin->source > HV_CURVE_GIVEN)
		return "was measured with queries of an unknown kind";
	for (int i = 0; i < HV_CURVE_RANKS; i++)
	{
		if (!(origin->row_leaves[i] >= 0 && origin->row_leaves[i] <= HV_CURVE_MOST_LEAVES))
			return "has a number of leaves out of range";
	}
	return NULL;
}

/* What a tree page looks like. */
static const char *
verify_layout(const HvMetaData *meta)
{
	int			code_bytes = (int) meta->code_bits / 8;

	if (meta->dim > HV_MAX_DIMENSIONS ||
		meta->code_bits != (uint32) HvSpaceCodeBits((HvMetric) meta->metric, meta->dim))
		return "has a number of dimensions out of range";
	if (meta->leaf_entry_size != HvAttributeEntrySize(meta) ||
		meta->inner_entry_size < sizeof(HvInnerEntryData) ||
		meta->inner_entry_size % 8 != 0 ||
		meta->leaf_capacity < HV_MIN_CAPACITY || meta->inner_capacity < HV_MIN_CAPACITY ||
		meta->leaf_capacity > HvLayoutMaxTuples(code_bytes, meta->leaf_entry_size) ||
		meta->inner_capacity > HvLayoutMaxTuples(code_bytes, meta->inner_entry_size))
		return "has tuple sizes out of range";
	if (meta->refine_bits != 0)
		return "has codes of an unknown kind";
	return NULL;
}

/* What the tree looks like. */
static const char *
verify_tree(const HvMetaData *meta)
{
	if (meta->height > HV_MAX_LEVEL)
		return "has a height out of range";
	if ((meta->height > 0 && meta->leaves == 0) || !is_amount(meta->rows) ||
		!is_amount(meta->tuples))
		return "has a number of leaves or rows that cannot be";
	if (meta->reach > meta->reach_leaves || meta->reach_leaves > INT_MAX)
		return "has a number of leaves to read that cannot be";
	if (meta->spill > 1 || (meta->flags & ~HV_META_CONVERTING) != 0)
		return "has unknown flags";
	if (!HvSpaceUnitIsSound(meta->unit))
		return "has a unit of lengths that is none";
	if (!(meta->max_norm >= 0 && meta->max_norm <= FLT_MAX))
		return "has a largest norm that is none";
	if ((meta->height > 0 && meta->mean_block == InvalidBlockNumber) ||
		((meta->flags & HV_META_CONVERTING) != 0 &&
		 (meta->mean_block == InvalidBlockNumber ||
		  meta->old_mean_block == InvalidBlockNumber)))
		return "lacks a mean";
	return NULL;
}

const char *
HvMetaVerify(Page page)
{
	const HvMetaData *meta = HvPageGetMeta(page);
	const char *problem = HvPageVerify(page, NULL);

	if (problem)
		return problem;
	if (HvPageKindOf(page) != HV_PAGE_META)
		return "is not a metapage";
	if (meta->magic != HV_MAGIC)
		return "is not the metapage of an hvtree index";
	if (meta->version < HV_FORMAT_OLDEST || meta->version > HV_FORMAT_VERSION)
		return NULL;			/* nothing else can be said */
	if (((PageHeader) page)->pd_lower != (const char *) (meta + 1) - (const char *) page)
		return "has a bound that is not its end";
	if (meta->metric < HV_METRIC_L2 || meta->metric > HV_METRIC_COSINE)
		return "names an unknown metric";
	if (meta->attributes > HV_MAX_ATTRIBUTES ||
		(meta->attributes > 0) != (meta->version >= HV_FORMAT_KEYS))
		return "has a number of key columns that cannot be";
	if (meta->dim == 0)
		return meta->height == 0 && meta->mean_block == InvalidBlockNumber ? NULL :
			"has a tree, but no number of dimensions";
	problem = verify_layout(meta);
	if (problem == NULL)
		problem = verify_tree(meta);
	if (problem == NULL)
		problem = verify_origin(&meta->curve_origin);
	return problem ? problem : verify_curve(&meta->curve);
}
