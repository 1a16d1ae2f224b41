/*-------------------------------------------------------------------------
 *
 * hvmean.c
 *	  The mean that the codes of a grown index are about.
 *
 * NOTES
 *	  When the root stops being a leaf, the mean is computed from the rows in
 *	  it, and all codes are computed again.  Those rows may all be of one kind,
 *	  where a table is filled in some order, and later ones of another.  So the
 *	  mean is reviewed whenever the tree has grown by a quarter, and by every
 *	  VACUUM.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvmean.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "arithmetic/hvmetric.h"
#include "arithmetic/hvsplitmix.h"
#include "maintain/hvconvert.h"
#include "maintain/hvmean.h"
#include "page/hvpage.h"
#include "storage/hvdebug.h"

/*
 * room for vectors longer than those seen so far under inner product, see
 * hvspace.h
 */
#define NORM_HEADROOM		1.25

/*
 * A mean is changed when its distance from the data's own, squared, exceeds
 * this share of the mean squared distance of the data from there.  Errors of
 * estimates grow with the lengths of vectors about the mean: by as much as
 * that share.
 */
#define REVIEW_DISTANCE		0.05

/* rows of a sample, and how many of them from one leaf */
#define SAMPLE_ROWS			1024
#define SAMPLE_LEAF			4

/*
 * Inserts review the mean when a tree has this many leaves, and then whenever
 * it has grown by a quarter.  A tree of not more than so many leaves is
 * converted at once, which takes a tenth of a second; a larger one a few pages
 * with every split, so that it is done when the mean is due again.
 */
#define FIRST_REVIEW		8
#define REVIEW_GROWTH		1.25
#define SMALL_TREE			512
#define PAGES_A_SPLIT		6

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

/* Sets unit and M of an index by its rows; returns the length of an outlier. */
static double
measure_lengths(HvIndex *index, const Rows *rows, int count)
{
	double	   *norms = palloc(count * sizeof(double));
	HvSpaceLengths lengths;
	int			n = 0;

	Assert(count > 0);
	for (int i = 0; i < count; i++)
	{
		if (rows->vectors[i])
			norms[n++] = HvMetricNorm(rows->vectors[i], rows->dim);
	}
	HvSpaceMeasure(index->space.metric, norms, n, NORM_HEADROOM, &lengths);
	index->space.unit = lengths.unit;
	index->space.max_norm = lengths.max_norm;
	pfree(norms);
	return lengths.most;
}

static float *
compute_mean(HvIndex *index, const Rows *rows, int count)
{
	int			n = index->space.center_dims;
	float	   *mean = palloc0(n * sizeof(float));
	float	   *lifted = palloc(n * sizeof(float));
	double		most = measure_lengths(index, rows, count);
	int			used = 0;

	for (int i = 0; i < count; i++)
	{
		if (rows->vectors[i] == NULL || HvMetricNorm(rows->vectors[i], rows->dim) > most)
			continue;
		HvSpaceLift(&index->space, rows->vectors[i], lifted);
		used++;
		for (int j = 0; j < n; j++)
			mean[j] += (lifted[j] - mean[j]) / used;
	}
	return mean;
}

/*
 * Puts a row's code about the new mean into a page image; returns its vector.
 */
static float *
encode_row(const HvIndex *index, const float *row, Page tuples, int i)
{
	const HvLayout *layout = &index->layout;
	float	   *vector = palloc0(index->space.rotate_dims * sizeof(float));
	uint8	   *code = palloc(layout->code_bytes);
	void	   *copy = palloc(layout->leaf_entry_size);
	HvLeafEntryData *entry = memcpy(copy, HvPageLeafEntry(tuples, layout, i),
									layout->leaf_entry_size);

	/* a row that is gone is put at the mean */
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
	index->meta.unit = index->space.unit;
	index->meta.max_norm = index->space.max_norm;
	index->meta.mean_version++;

	members->vectors = rows.vectors;
	for (int i = 0; i < members->count; i++)
		members->vectors[i] = encode_row(index, rows.vectors[i], tuples, i);
	return HvMeanWrite(index->relation, mean, index->space.center_dims,
					   (uint16) index->meta.mean_version);
}

/* Review ------------------------------------------------------------------ */

typedef struct Sample
{
	HvIndex    *index;
	int			seen;			/* rows, in this pass */
	double	   *norms;			/* of SAMPLE_ROWS rows, by the first pass */
	HvSpaceLengths lengths;		/* what they tell, for the second */
	float	   *lifted;			/* center_dims floats */
	double	   *sum;			/* likewise */
	double		squares;		/* of distances from the mean of the index */
	int			rows;			/* that count for these */
} Sample;

/* First pass: the length of a row. */
static void
note_norm(Sample *sample, const float *row)
{
	if (sample->seen < SAMPLE_ROWS)
		sample->norms[sample->seen++] = HvMetricNorm(row, sample->index->space.dim);
}

/* Second pass: a row of a usual length. */
static void
add_row(Sample *sample, const float *row)
{
	const HvSpace *space = &sample->index->space;

	sample->seen++;
	if (HvMetricNorm(row, space->dim) > sample->lengths.most)
		return;
	HvSpaceLift(space, row, sample->lifted);
	for (int j = 0; j < space->center_dims; j++)
	{
		double		d = (double) sample->lifted[j] - space->mean[j];

		sample->sum[j] += d;
		sample->squares += d * d;
	}
	sample->rows++;
}

/* Looks at a few rows of a block, if it is a leaf. */
static void
visit_leaf(Sample *sample, HvHeap *heap, BlockNumber block,
		   void (*visit) (Sample *sample, const float *row))
{
	HvMembers  *members = palloc(sizeof(HvMembers));
	bool		is_leaf = HvMembersRead(members, sample->index, block, 0);

	for (int i = 0; is_leaf && i < Min(members->count, SAMPLE_LEAF); i++)
	{
		const HvLeafEntryData *row = HvMembersEntry(members, i);
		HvVectorView view;

		CHECK_FOR_INTERRUPTS();
		if (HvHeapGet(heap, HvRowPack(&row->tid), &view) &&
			view.dim == (int) sample->index->meta.dim)
			visit(sample, view.values);
		HvHeapRelease(heap);
	}
	pfree(members);
}

/* Looks at rows of leaves all over the index, the same ones at every call. */
static void
visit_rows(Sample *sample, HvHeap *heap, void (*visit) (Sample *sample, const float *row))
{
	HvIndex    *index = sample->index;
	BlockNumber nblocks = HvStoreBlocks(index->relation);
	uint64_t	state = index->meta.seed;

	sample->seen = 0;
	if (nblocks <= SAMPLE_ROWS / SAMPLE_LEAF)
	{
		for (BlockNumber block = HV_ROOT_BLOCK; block < nblocks; block++)
			visit_leaf(sample, heap, block, visit);
		return;
	}
	for (int i = 0; i < SAMPLE_ROWS && sample->seen < SAMPLE_ROWS; i++)
		visit_leaf(sample, heap, (BlockNumber) (HV_ROOT_BLOCK + HvSplitmixNext(&state) %
												(nblocks - HV_ROOT_BLOCK)), visit);
}

/* Where the data of an index lies, by rows of a usual length. */
static void
take_sample(Sample *sample, HvIndex *index, HvHeap *heap, int64 *rows_read)
{
	memset(sample, 0, sizeof(Sample));
	sample->index = index;
	sample->norms = palloc(SAMPLE_ROWS * sizeof(double));
	sample->lifted = palloc(index->space.center_dims * sizeof(float));
	sample->sum = palloc0(index->space.center_dims * sizeof(double));
	visit_rows(sample, heap, note_norm);
	*rows_read += 2 * sample->seen;
	HvSpaceMeasure(index->space.metric, sample->norms, sample->seen, NORM_HEADROOM,
				   &sample->lengths);
	visit_rows(sample, heap, add_row);
}

/* Is the mean of the index far from that of the sample? */
static bool
is_far(const Sample *sample)
{
	int			n = sample->index->space.center_dims;
	double		distance = 0;
	double		spread;

	if (sample->rows < SAMPLE_LEAF * FIRST_REVIEW)
		return false;
	for (int j = 0; j < n; j++)
		distance += (sample->sum[j] / sample->rows) * (sample->sum[j] / sample->rows);
	spread = sample->squares / sample->rows - distance;
	/* the mean of a sample is off by chance, too */
	distance -= spread / sample->rows;

	/*
	 * the tree space shortens what is longer: then no constant leads from mean
	 * to mean
	 */
	if (!(distance + spread < (double) HV_SPACE_MAX_NORM * HV_SPACE_MAX_NORM))
		return false;
	return distance > REVIEW_DISTANCE * spread;
}

/* One action: from now on the mean is the one that begins at block. */
static void
change_mean(HvIndex *index, BlockNumber block)
{
	HvAction	action;
	HvMetaData *meta;

	HvActionBegin(&action, index->relation);
	meta = HvActionOpenMeta(&action);
	/* there are never three means */
	Assert((meta->flags & HV_META_CONVERTING) == 0);	/* I7 */
	meta->old_mean_block = meta->mean_block;
	meta->mean_block = block;
	meta->mean_version++;
	meta->flags |= HV_META_CONVERTING;
	meta->convert_block = HV_ROOT_BLOCK;
	HvActionCommit(&action);
}

bool
HvMeanReview(HvIndex *index, HvHeap *heap, int64 *rows_read)
{
	int			n = index->space.center_dims;
	Sample		sample;
	float	   *mean;
	BlockNumber block;

	Assert(HvStoreStructureIsLocked(index->relation));
	if (index->space.mean == NULL || (index->meta.flags & HV_META_CONVERTING) != 0)
		return false;
	take_sample(&sample, index, heap, rows_read);
	if (!is_far(&sample))
		return false;

	mean = palloc(n * sizeof(float));
	for (int j = 0; j < n; j++)
		mean[j] = (float) (index->space.mean[j] + sample.sum[j] / sample.rows);
	block = HvMeanWrite(index->relation, mean, n, (uint16) (index->meta.mean_version + 1));
	HV_DEBUG_POINT("mean-written");
	change_mean(index, block);
	HV_DEBUG_POINT("mean-changed");
	return true;
}

void
HvMeanReviewAfterSplit(HvIndex *index, HvHeap *heap)
{
	int			limit = index->meta.leaves <= SMALL_TREE ? INT_MAX : PAGES_A_SPLIT;
	int64		rows_read = 0;

	Assert(HvStoreStructureIsLocked(index->relation));
	if (index->meta.flags & HV_META_CONVERTING)
		HvConvertNext(index, heap, limit);
	else if (HvMetaIsLookDue(index->meta.leaves, FIRST_REVIEW, REVIEW_GROWTH) &&
			 HvMeanReview(index, heap, &rows_read))
		HvConvertNext(HvIndexOpen(index->relation), heap, limit);
}
