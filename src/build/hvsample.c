/*-------------------------------------------------------------------------
 *
 * hvsample.c
 *	  What a build must know of a table before it reads all of it.
 *
 * NOTES
 *	  Two looks, both by blocks.  The survey reads few rows of a thousand
 *	  blocks for the mean, which is needed before anything can be projected.
 *	  The sample then takes the rows whose row pointers hash to less than a
 *	  threshold, and is put in the order of the table at the end: so it does not
 *	  depend on who reads which block.  Where the survey was so wrong about the
 *	  number of rows that too many or too few pass, they are taken again with
 *	  another threshold.  Only rows that are taken are detoasted.
 *
 *	  Random numbers come from the seed of the index, so that the same table
 *	  gives the same index.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvsample.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

#include "arithmetic/hvsplitmix.h"
#include "build/hvbuildparallel.h"
#include "build/hvsample.h"
#include "page/hvcompat.h"
#include "page/hvpage.h"
#include "storage/hvstore.h"

/* the mean of some thousand rows is within 2 % of a standard deviation */
#define SURVEY_BLOCKS		1000
#define SURVEY_ROWS_A_BLOCK 20

/* rows to come may be somewhat longer than those seen */
#define NORM_HEADROOM		1.1

/* the sample is meant to fill its room so far */
#define SAMPLE_FILL			0.98

/* with less of its room filled it is taken again, if that can help */
#define LEAST_SAMPLE_FILL	0.8
#define SAMPLE_ROUNDS		3

/* blocks that a participant takes at a time */
#define SAMPLE_CHUNK		16

typedef struct RowVisitor
{
	HvBuild    *build;
	void		(*visit) (struct RowVisitor *visitor, Datum value);
	ItemPointerData tid;		/* of the row at hand */
	double		rows;			/* seen so far */
	double		heap_rows;		/* of the blocks read, also those that the index leaves out */
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
	visitor->tid = *tid;
	old = MemoryContextSwitchTo(visitor->build->row_context);
	visitor->visit(visitor, values[0]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(visitor->build->row_context);
}

/*
 * Sampling does not count as a sequential scan in the statistics of the table.
 */
static void
visit_block(RowVisitor *visitor, BlockNumber block)
{
	HvBuild    *build = visitor->build;
	HvScanCounts counted;

	HvCompatGetScanCounts(build->heap, &counted);
	visitor->heap_rows += table_index_build_range_scan(build->heap, build->index, build->info,
													   false, false, false, block, 1,
													   visit_row, visitor, NULL);
	HvCompatSetScanCounts(build->heap, &counted);
}

/*
 * Visits the rows of up to nwanted random blocks; returns how many blocks it
 * read.
 */
static BlockNumber
visit_blocks(RowVisitor *visitor, BlockNumber nwanted, void (*begin_block) (RowVisitor *))
{
	HvBuild    *build = visitor->build;
	BlockNumber nblocks = HvStoreBlocks(build->heap);
	BlockNumber read = 0;
	BlockSamplerData sampler;

	visitor->rows = visitor->heap_rows = 0;
	BlockSampler_Init(&sampler, nblocks, Min(nwanted, nblocks), (uint32) build->meta.seed);
	while (BlockSampler_HasMore(&sampler))
	{
		BlockNumber block = BlockSampler_Next(&sampler);

		CHECK_FOR_INTERRUPTS();
		begin_block(visitor);
		visit_block(visitor, block);
		HvProgressCount(build->progress, HV_PROGRESS_BLOCKS, 1);
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
	double	   *norms;			/* of the rows seen in the first pass */
	int			count;
	int			norms_size;
	HvSpace		space;			/* second pass: to lift rows in */
	float	   *lifted;			/* center_dims */
	double	   *sum;			/* likewise */
	int			summed;			/* rows in sum */
} SurveyVisitor;

static void
begin_survey_block(RowVisitor *base)
{
	((SurveyVisitor *) base)->in_block = 0;
}

/* First pass: notes the length of a row; the first one tells the dimension. */
static void
note_norm(SurveyVisitor *visitor, const HvVectorView *view)
{
	MemoryContext context = visitor->base.build->context;

	if (visitor->survey->dim == 0)
		visitor->survey->dim = view->dim;
	HvTypeCheckDim(view, visitor->survey->dim);
	if (visitor->count == visitor->norms_size)
	{
		visitor->norms_size = Max(1024, 2 * visitor->norms_size);
		visitor->norms = visitor->norms ?
			repalloc(visitor->norms, visitor->norms_size * sizeof(double)) :
			MemoryContextAlloc(context, visitor->norms_size * sizeof(double));
	}
	visitor->norms[visitor->count++] = HvMetricNorm(view->values, view->dim);
}

/* Second pass: adds a row to the sum. */
static void
add_to_sum(SurveyVisitor *visitor, const HvVectorView *view)
{
	HvTypeCheckDim(view, visitor->survey->dim);
	if (HvMetricNorm(view->values, view->dim) > visitor->survey->lengths.most)
		return;
	HvSpaceLift(&visitor->space, view->values, visitor->lifted);
	for (int i = 0; i < visitor->space.center_dims; i++)
		visitor->sum[i] += visitor->lifted[i];
	visitor->summed++;
}

static void
survey_row(RowVisitor *base, Datum value)
{
	SurveyVisitor *visitor = (SurveyVisitor *) base;
	bool		summing = visitor->sum != NULL;
	bool		spare = visitor->in_block++ >= SURVEY_ROWS_A_BLOCK;
	HvVectorView view;

	/* of many rows of a block inner product wants the longest nevertheless */
	if (spare && (summing || !HvSpaceNeedsLongest(base->build->type->metric)))
		return;
	base->build->type->open(value, &view);
	if (summing)
		add_to_sum(visitor, &view);
	else
		note_norm(visitor, &view);
}

/* The second pass: the mean of the lifted rows of a usual length. */
static float *
survey_mean(SurveyVisitor *visitor, BlockNumber blocks)
{
	const HvSurvey *survey = visitor->survey;
	MemoryContext context = visitor->base.build->context;
	int			n;
	float	   *mean;

	Assert(visitor->count > 0 && survey->dim > 0);
	HvSpaceInit(&visitor->space, visitor->base.build->type->metric, survey->dim,
				survey->lengths.unit, survey->lengths.max_norm, NULL, NULL);
	n = visitor->space.center_dims;
	mean = MemoryContextAllocZero(context, n * sizeof(float));
	visitor->lifted = MemoryContextAlloc(context, n * sizeof(float));
	visitor->sum = MemoryContextAllocZero(context, n * sizeof(double));
	(void) visit_blocks(&visitor->base, blocks, begin_survey_block);
	for (int i = 0; i < n; i++)
		mean[i] = (float) (visitor->sum[i] / Max(visitor->summed, 1));
	return mean;
}

void
HvSampleSurvey(HvBuild *build, HvSurvey *survey)
{
	SurveyVisitor visitor = {.base = {.build = build, .visit = survey_row}, .survey = survey};
	BlockNumber nblocks = HvStoreBlocks(build->heap);
	BlockNumber wanted = SURVEY_BLOCKS;
	BlockNumber read;

	memset(survey, 0, sizeof(HvSurvey));
	HvProgressBegin(build->progress, HV_PHASE_SURVEY, 0, 2 * Min(wanted, nblocks));
	read = visit_blocks(&visitor.base, wanted, begin_survey_block);
	if (visitor.count == 0 && read < nblocks)
	{
		wanted = nblocks;
		HvProgressExpect(build->progress, HV_PROGRESS_BLOCKS, 2 * ((int64) nblocks - read));
		read = visit_blocks(&visitor.base, wanted, begin_survey_block);
	}
	survey->heap_rows = visitor.base.heap_rows;
	if (visitor.count == 0)
		return;
	survey->rows = visitor.base.rows * nblocks / read;
	HvSpaceMeasure(build->type->metric, visitor.norms, visitor.count, NORM_HEADROOM,
				   &survey->lengths);
	survey->mean = survey_mean(&visitor, wanted);
}

/* Sample ------------------------------------------------------------------ */

/* at the start of the region */
typedef struct SampleHeader
{
	int			capacity;
	int			span_capacity;
	BlockNumber nblocks;		/* of the table when sampling began */
	BlockNumber wanted;			/* of them are looked into */
	uint64		threshold;		/* hashes below it are in */
	pg_atomic_uint64 taken;		/* rows that passed, also those without room */
} SampleHeader;

/* nodes of one level: there are fewer leaves than an eighth of the members */
static int
span_capacity(int capacity)
{
	return capacity / 4 + 64;
}

Size
HvSampleRowSize(const HvLayout *layout)
{
	return layout->code_bits + sizeof(HvByteFactors) + sizeof(uint64) + 3 * sizeof(int) +
		sizeof(uint8) + sizeof(HvSpan) / 4;
}

/* Cuts a piece off the region. */
static void *
cut_piece(char **at, Size size)
{
	void	   *piece = *at;

	*at += CACHELINEALIGN(size);
	return piece;
}

/*
 * Fills the pointers of sample, which lie behind the header at base; returns
 * the size of all (base may be NULL to ask for it).
 */
static Size
lay_out(const HvLayout *layout, char *base, int capacity, HvSample *sample)
{
	char	   *at = base;

	memset(sample, 0, sizeof(HvSample));
	(void) cut_piece(&at, sizeof(SampleHeader));
	sample->vectors.dims = layout->code_bits;
	sample->vectors.capacity = capacity;
	sample->vectors.values = cut_piece(&at, (Size) capacity * layout->code_bits);
	sample->vectors.factors = cut_piece(&at, capacity * sizeof(HvByteFactors));
	sample->rows = cut_piece(&at, capacity * sizeof(uint64));
	sample->members = cut_piece(&at, capacity * sizeof(int));
	sample->leaves = cut_piece(&at, capacity * sizeof(int));
	sample->starts = cut_piece(&at, (capacity + 1) * sizeof(int));
	sample->cuts = cut_piece(&at, capacity * sizeof(uint8));
	sample->spans = cut_piece(&at, span_capacity(capacity) * sizeof(HvSpan));
	sample->centroids = cut_piece(&at, (Size) layout->inner_capacity * layout->code_bits * sizeof(float));
	return at - base;
}

static SampleHeader *
sample_header(const HvBuild *build)
{
	return HvRegionBase(build->crew, HV_REGION_SAMPLE);
}

void
HvSampleMap(const HvBuild *build, HvSample *sample)
{
	SampleHeader *header = sample_header(build);

	(void) lay_out(&build->layout, (char *) header, header->capacity, sample);
	sample->vectors.count = (int) Min(pg_atomic_read_u64(&header->taken), (uint64) header->capacity);
	sample->span_capacity = header->span_capacity;
}

bool
HvSampleKept(const HvBuild *build, HvSample *sample)
{
	if (sample_header(build) == NULL)
		return false;
	HvSampleMap(build, sample);
	return true;
}

Size
HvSampleSize(const HvLayout *layout, int capacity)
{
	HvSample	unused;

	return lay_out(layout, NULL, capacity, &unused);
}

int
HvSampleFind(const HvSample *sample, uint64 row, int *next)
{
	int			low = 0;
	int			high = sample->vectors.count;

	Assert(*next >= 0 && *next <= high);
	if (*next < high && sample->rows[*next] == row)
		return (*next)++;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (sample->rows[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	*next = low;
	if (low == sample->vectors.count || sample->rows[low] != row)
		return -1;
	return (*next)++;
}

typedef struct SampleVisitor
{
	RowVisitor	base;
	SampleHeader *header;
	HvSample   *sample;
	float	   *projected;
	int64		placed;			/* rows, of this block */
} SampleVisitor;

/* Takes a row if its pointer says so. */
static void
sample_row(RowVisitor *base, Datum value)
{
	SampleVisitor *visitor = (SampleVisitor *) base;
	uint64_t	row = HvRowPack(&base->tid);
	uint64_t	state = row ^ base->build->meta.seed;
	HvVectorView view;
	uint64		place;

	if (HvSplitmixNext(&state) > visitor->header->threshold)
		return;
	place = pg_atomic_fetch_add_u64(&visitor->header->taken, 1);
	if (place >= (uint64) visitor->header->capacity)
		return;
	base->build->type->open(value, &view);
	HvTypeCheckDim(&view, base->build->space.dim);
	HvSpaceProject(&base->build->space, view.values, visitor->projected);
	HvVectorsSet(&visitor->sample->vectors, (int) place, visitor->projected);
	visitor->sample->rows[place] = row;
	visitor->placed++;
}

/*
 * All participants draw the same blocks; each reads those of the chunks it
 * takes.
 */
void
HvSampleWork(HvBuild *build, const HvJob *job)
{
	HvSample	sample;
	SampleVisitor visitor = {.base = {.build = build, .visit = sample_row}};
	SampleHeader *header = sample_header(build);
	BlockSamplerData sampler;
	int			at = 0;
	int			chunk;

	HvSampleMap(build, &sample);
	visitor.header = header;
	visitor.sample = &sample;
	visitor.projected = palloc(build->space.rotate_dims * sizeof(float));
	BlockSampler_Init(&sampler, header->nblocks, header->wanted, (uint32) build->meta.seed);
	chunk = HvCrewNext(build->crew, job);
	while (chunk >= 0 && BlockSampler_HasMore(&sampler))
	{
		BlockNumber block = BlockSampler_Next(&sampler);

		if (at++ / SAMPLE_CHUNK != chunk)
			continue;
		CHECK_FOR_INTERRUPTS();
		visit_block(&visitor.base, block);
		HvProgressCount(build->progress, HV_PROGRESS_TUPLES, visitor.placed);
		HvProgressCount(build->progress, HV_PROGRESS_BLOCKS, 1);
		visitor.placed = 0;
		if (at % SAMPLE_CHUNK == 0)
			chunk = HvCrewNext(build->crew, job);
	}
}

typedef struct RowPlace
{
	uint64		row;
	int			place;
} RowPlace;

static int
compare_rows(const void *a, const void *b)
{
	uint64		x = ((const RowPlace *) a)->row;
	uint64		y = ((const RowPlace *) b)->row;

	return x < y ? -1 : x > y;
}

/*
 * Moves vector number wanted[i].place to i, for all i: each vector once, along
 * the cycles of that permutation.
 */
static void
permute(HvVectors *vectors, RowPlace *wanted)
{
	int			dims = vectors->dims;
	int8	   *held = palloc(dims);

	for (int i = 0; i < vectors->count; i++)
	{
		HvByteFactors factors = vectors->factors[i];
		int			to = i;

		if (wanted[i].place == i)
			continue;
		memcpy(held, vectors->values + (Size) i * dims, dims);
		while (wanted[to].place != i)
		{
			int			from = wanted[to].place;

			memcpy(vectors->values + (Size) to * dims, vectors->values + (Size) from * dims, dims);
			vectors->factors[to] = vectors->factors[from];
			wanted[to].place = to;
			to = from;
		}
		memcpy(vectors->values + (Size) to * dims, held, dims);
		vectors->factors[to] = factors;
		wanted[to].place = to;
	}
	pfree(held);
}

/* Puts the sample in the order of the table. */
static void
sort_sample(HvSample *sample)
{
	int			n = sample->vectors.count;
	RowPlace   *wanted = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(RowPlace) + 1);

	for (int i = 0; i < n; i++)
	{
		wanted[i].row = sample->rows[i];
		wanted[i].place = i;
	}
	qsort(wanted, n, sizeof(RowPlace), compare_rows);
	permute(&sample->vectors, wanted);
	for (int i = 0; i < n; i++)
		sample->rows[i] = wanted[i].row;
	pfree(wanted);
}

/*
 * Takes the rows whose hash is below such a share of the largest; returns how
 * many there are.  Another round than the first begins the sample again.
 */
static double
take_share(HvBuild *build, double share, int round)
{
	SampleHeader *header = sample_header(build);
	HvJob		job = {.kind = HV_JOB_SAMPLE};
	int64		rows = (int64) Min(header->capacity, ceil(build->estimated_rows));

	if (round == 0)
		HvProgressBegin(build->progress, HV_PHASE_SAMPLE, rows, header->wanted);
	else
	{
		HvProgressExpect(build->progress, HV_PROGRESS_TUPLES, rows);
		HvProgressExpect(build->progress, HV_PROGRESS_BLOCKS, header->wanted);
	}

	header->threshold = share >= 1 ? PG_UINT64_MAX : (uint64) (share * 18446744073709551615.0);
	pg_atomic_write_u64(&header->taken, 0);
	job.items = (header->wanted + SAMPLE_CHUNK - 1) / SAMPLE_CHUNK;
	HvCrewRun(build->crew, &job);
	return (double) pg_atomic_read_u64(&header->taken);
}

void
HvSampleTake(HvBuild *build, int capacity, HvSample *sample)
{
	Size		size = lay_out(&build->layout, NULL, capacity, sample);
	SampleHeader *header = HvRegionAllocate(build->crew, HV_REGION_SAMPLE, size);
	double		share;

	header->capacity = capacity;
	header->span_capacity = span_capacity(capacity);
	pg_atomic_init_u64(&header->taken, 0);

	/* enough blocks for the sample even where each holds a single row */
	header->nblocks = HvStoreBlocks(build->heap);
	header->wanted = Min(header->nblocks, (BlockNumber) capacity);
	share = SAMPLE_FILL * capacity * header->nblocks /
		Max(build->estimated_rows * header->wanted, 1.0);
	for (int round = 0; round < SAMPLE_ROUNDS; round++)
	{
		double		taken = take_share(build, share, round);

		if (taken <= capacity && (taken >= LEAST_SAMPLE_FILL * capacity || share >= 1))
			break;
		share *= SAMPLE_FILL * capacity / Max(taken, 1.0);
	}
	HvSampleMap(build, sample);
	sort_sample(sample);
	for (int i = 0; i < sample->vectors.count; i++)
		sample->members[i] = i;
}
