/*-------------------------------------------------------------------------
 *
 * hvsample.c
 *	  What a build must know of a table before it reads all of it.
 *
 * NOTES
 *	  Two looks, both by blocks.  The survey reads few rows of a thousand
 *	  blocks for the mean, which is needed before anything can be projected.
 *	  The sample then takes a reservoir of projected rows; only rows that
 *	  enter the reservoir are detoasted.
 *
 *	  Random numbers come from the seed of the index, so that the same table
 *	  gives the same index.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvsample.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

#include "hvsample.h"
#include "hvsplitmix.h"
#include "hvstore.h"

/* the mean of some thousand rows is within 2 % of a standard deviation */
#define SURVEY_BLOCKS		1000
#define SURVEY_ROWS_A_BLOCK 20

/* rows to come may be somewhat longer than those seen */
#define NORM_HEADROOM		1.1

typedef struct RowVisitor
{
	HvBuild    *build;
	void		(*visit) (struct RowVisitor *visitor, Datum value);
	double		rows;			/* seen so far */
} RowVisitor;

/* Callback of the table scan: one row. */
static void
visit_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive,
		  void *state)
{
	RowVisitor *visitor = state;
	MemoryContext old;

	if (isnull[0])
		return;
	visitor->rows++;
	old = MemoryContextSwitchTo(visitor->build->row_context);
	visitor->visit(visitor, values[0]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(visitor->build->row_context);
}

/* Visits the rows of up to nwanted random blocks; returns how many blocks it read. */
static BlockNumber
visit_blocks(RowVisitor *visitor, BlockNumber nwanted, void (*begin_block) (RowVisitor *))
{
	HvBuild    *build = visitor->build;
	BlockNumber nblocks = HvStoreBlocks(build->heap);
	BlockNumber read = 0;
	BlockSamplerData sampler;

	BlockSampler_Init(&sampler, nblocks, Min(nwanted, nblocks), (uint32) build->meta.seed);
	while (BlockSampler_HasMore(&sampler))
	{
		BlockNumber block = BlockSampler_Next(&sampler);

		CHECK_FOR_INTERRUPTS();
		if (begin_block)
			begin_block(visitor);
		table_index_build_range_scan(build->heap, build->index, build->info, false, false,
									 false, block, 1, visit_row, visitor, NULL);
		read++;
	}
	return read;
}

/* Survey ------------------------------------------------------------------ */

typedef struct SurveyVisitor
{
	RowVisitor	base;
	HvSurvey   *survey;
	int			in_block;		/* rows taken of this block */
	int			count;			/* rows taken */
	bool		summing;		/* second pass: norm_limit is known */
	double		norm_limit;		/* longer rows do not count for the mean */
	int			summed;			/* rows in sum */
	double	   *sum;			/* dim */
	double		longest;
	float	   *norms;			/* of the rows taken */
	int			norms_size;
} SurveyVisitor;

static void
begin_survey_block(RowVisitor *base)
{
	((SurveyVisitor *) base)->in_block = 0;
}

/* The first row tells the dimension, all others must agree. */
static void
check_dim(SurveyVisitor *visitor, const HvVectorView *view)
{
	if (visitor->survey->dim == 0)
	{
		visitor->survey->dim = view->dim;
		visitor->sum = MemoryContextAllocZero(visitor->base.build->context,
											  view->dim * sizeof(double));
	}
	HvTypeCheckDim(view, visitor->survey->dim);
}

/* First pass: notes the length of a row. */
static void
note_norm(SurveyVisitor *visitor, double norm)
{
	MemoryContext context = visitor->base.build->context;

	visitor->longest = Max(visitor->longest, norm);
	if (visitor->count == visitor->norms_size)
	{
		visitor->norms_size = Max(1024, 2 * visitor->norms_size);
		visitor->norms = visitor->norms ?
			repalloc(visitor->norms, visitor->norms_size * sizeof(float)) :
			MemoryContextAlloc(context, visitor->norms_size * sizeof(float));
	}
	visitor->norms[visitor->count++] = (float) norm;
}

/* Second pass: adds a row to the sum. */
static void
add_to_sum(SurveyVisitor *visitor, const HvVectorView *view, double norm)
{
	HvMetric	metric = visitor->base.build->type->metric;
	double		weight = 1.0;

	if (metric == HV_METRIC_COSINE)
		weight = norm > 0 ? 1.0 / norm : 0;
	else if (metric == HV_METRIC_L2 && norm > visitor->norm_limit)
		return;
	for (int i = 0; i < view->dim; i++)
		visitor->sum[i] += weight * view->values[i];
	visitor->summed++;
}

static void
survey_row(RowVisitor *base, Datum value)
{
	SurveyVisitor *visitor = (SurveyVisitor *) base;
	HvVectorView view;
	double		norm;
	bool		spare = visitor->in_block++ >= SURVEY_ROWS_A_BLOCK;

	/* of many rows of a block inner product wants the longest nevertheless */
	if (spare && (visitor->summing || base->build->type->metric != HV_METRIC_IP))
		return;
	base->build->type->open(value, &view);
	check_dim(visitor, &view);
	norm = HvMetricNorm(view.values, view.dim);
	if (visitor->summing)
		add_to_sum(visitor, &view, norm);
	else if (spare)
		visitor->longest = Max(visitor->longest, norm);
	else
		note_norm(visitor, norm);
}

/* The mean of the lifted rows, from their sums and lengths. */
static float *
survey_mean(const SurveyVisitor *visitor)
{
	const HvSurvey *survey = visitor->survey;
	HvMetric	metric = visitor->base.build->type->metric;
	int			n = HvSpaceCenterDims(metric, survey->dim);
	float	   *mean = MemoryContextAllocZero(visitor->base.build->context, n * sizeof(float));
	double		missing = 0;

	for (int i = 0; i < survey->dim; i++)
	{
		double		value = visitor->sum[i] / Max(visitor->summed, 1);

		mean[i] = (float) Max(Min(value, 1e30), -1e30);
	}
	if (metric == HV_METRIC_IP)
	{
		for (int i = 0; i < visitor->count; i++)
		{
			double		m = survey->max_norm;
			double		norm = visitor->norms[i];

			missing += sqrt(Max(0.0, m * m - norm * norm));
		}
		mean[survey->dim] = (float) Min(missing / visitor->count, 1e30);
	}
	return mean;
}

void
HvSampleSurvey(HvBuild *build, HvSurvey *survey)
{
	SurveyVisitor visitor = {.base = {build, survey_row, 0}, .survey = survey};
	BlockNumber nblocks = HvStoreBlocks(build->heap);
	BlockNumber wanted = SURVEY_BLOCKS;
	BlockNumber read;

	memset(survey, 0, sizeof(HvSurvey));
	read = visit_blocks(&visitor.base, wanted, begin_survey_block);
	if (visitor.count == 0 && read < nblocks)
	{
		wanted = nblocks;
		read = visit_blocks(&visitor.base, wanted, begin_survey_block);
	}
	if (visitor.count == 0)
		return;
	survey->rows = visitor.base.rows * nblocks / read;
	survey->max_norm = (float) Min(visitor.longest * NORM_HEADROOM, 1e30);
	visitor.norm_limit = HvMetricOutlierNorm(visitor.norms, visitor.count);
	visitor.summing = true;
	(void) visit_blocks(&visitor.base, wanted, begin_survey_block);
	survey->mean = survey_mean(&visitor);
}

/* Sample ------------------------------------------------------------------ */

typedef struct SampleVisitor
{
	RowVisitor	base;
	HvVectors  *vectors;
	uint64_t	random;			/* state of the generator */
	float	   *projected;
} SampleVisitor;

/* Algorithm R: row number i replaces one of the c kept with probability c / i. */
static void
sample_row(RowVisitor *base, Datum value)
{
	SampleVisitor *visitor = (SampleVisitor *) base;
	HvVectors  *vectors = visitor->vectors;
	HvVectorView view;
	uint64		place = vectors->count;

	if (vectors->count == vectors->capacity)
	{
		place = HvSplitmixNext(&visitor->random) % (uint64) base->rows;
		if (place >= (uint64) vectors->capacity)
			return;
	}
	base->build->type->open(value, &view);
	HvTypeCheckDim(&view, base->build->space.dim);
	HvSpaceProject(&base->build->space, view.values, visitor->projected);
	HvVectorsSet(vectors, (int) place, visitor->projected);
	if (place == (uint64) vectors->count)
		vectors->count++;
}

void
HvSampleVectors(HvBuild *build, HvVectors *vectors)
{
	SampleVisitor visitor = {.base = {build, sample_row, 0}, .vectors = vectors, .random = build->meta.seed};

	visitor.projected = palloc(build->space.rotate_dims * sizeof(float));
	vectors->count = 0;

	/* enough blocks for the sample even where each holds a single row */
	(void) visit_blocks(&visitor.base, (BlockNumber) vectors->capacity, NULL);
	pfree(visitor.projected);
}
