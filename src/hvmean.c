/*-------------------------------------------------------------------------
 *
 * hvmean.c
 *	  The mean that the codes of a grown index are about.
 *
 * NOTES
 *	  When the root stops being a leaf, the rows in it are the first to tell
 *	  where the data lies: the mean is taken from them and all codes are made
 *	  again.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvmean.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hvmean.h"
#include "hvmetric.h"

/* room for vectors longer than those seen so far under inner product, see hvspace.h */
#define NORM_HEADROOM		1.25f

/* rows as the user gave them */
typedef struct Rows
{
	int			dim;
	float	  **vectors;		/* NULL = a row that is gone */
} Rows;

static void
keep_row(void *arg, int i, const float *vector)
{
	Rows	   *rows = arg;
	Size		size = rows->dim * sizeof(float);

	rows->vectors[i] = vector ? memcpy(palloc(size), vector, size) : NULL;
}

/* The longest vector of an index, with some room, and the norm of an outlier. */
static double
measure_norms(HvIndex *index, const Rows *rows, int count)
{
	float	   *norms = palloc(count * sizeof(float));
	double		longest = 0;
	int			n = 0;

	for (int i = 0; i < count; i++)
	{
		if (rows->vectors[i] == NULL)
			continue;
		norms[n] = (float) HvMetricNorm(rows->vectors[i], rows->dim);
		longest = Max(longest, norms[n]);
		n++;
	}
	index->space.max_norm = (float) Min(longest * NORM_HEADROOM, 1e18);
	return HvMetricOutlierNorm(norms, n);
}

static float *
compute_mean(HvIndex *index, const Rows *rows, int count)
{
	int			n = index->space.center_dims;
	float	   *mean = palloc0(n * sizeof(float));
	float	   *lifted = palloc(n * sizeof(float));
	double		limit = measure_norms(index, rows, count);
	int			used = 0;

	for (int i = 0; i < count; i++)
	{
		if (rows->vectors[i] == NULL ||
			(index->space.metric == HV_METRIC_L2 &&
			 HvMetricNorm(rows->vectors[i], rows->dim) > limit))
			continue;
		HvSpaceLift(&index->space, rows->vectors[i], lifted);
		used++;
		for (int j = 0; j < n; j++)
			mean[j] += (lifted[j] - mean[j]) / used;
	}
	return mean;
}

/* Puts a row's code about the new mean into a page image; returns its vector. */
static float *
encode_row(const HvIndex *index, const float *row, Page tuples, int i)
{
	const HvLayout *layout = &index->layout;
	float	   *vector = palloc0(index->space.rotate_dims * sizeof(float));
	uint8	   *code = palloc(layout->code_bytes);
	void	   *copy = palloc(layout->leaf_entry_size);
	HvLeafEntryData *entry = memcpy(copy, HvPageLeafEntry(tuples, layout, i),
									layout->leaf_entry_size);

	/* a row that is gone is as good at the mean as anywhere */
	entry->length_class = 0;
	if (row)
	{
		HvSpaceProject(&index->space, row, vector);
		entry->length_class = HvSpaceLengthClass(&index->space, row);
	}
	HvCodeEncode(vector, layout->code_bits, code, &entry->factors);
	HvPageReplace(tuples, layout, i, code, entry);
	pfree(code);
	pfree(copy);
	return vector;
}

BlockNumber
HvMeanTake(HvMembers *members, HvHeap *heap, Page tuples)
{
	HvIndex    *index = members->index;
	Rows		rows = {index->space.dim, palloc(members->count * sizeof(float *))};
	float	   *mean;

	HvMembersEachRow(members, heap, keep_row, &rows);
	mean = compute_mean(index, &rows, members->count);
	index->space.mean = mean;
	index->meta.max_norm = index->space.max_norm;
	index->meta.encoding++;

	members->vectors = rows.vectors;
	for (int i = 0; i < members->count; i++)
		members->vectors[i] = encode_row(index, rows.vectors[i], tuples, i);
	return HvMeanWrite(index->relation, mean, index->space.center_dims,
					   (uint16) index->meta.encoding);
}
