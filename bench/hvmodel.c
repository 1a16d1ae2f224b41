/*-------------------------------------------------------------------------
 *
 * hvmodel.c
 *	  A model of text embeddings.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvmodel.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic/hvkernel.h"
#include "hvmodel.h"
#include "hvrandom.h"
#include "arithmetic/hvrotate.h"
#include "hvtool.h"

#define AREAS			30
#define TOPICS			40		/* of an area */
#define SUBJECTS		20		/* of a topic */
#define ALL_TOPICS		(AREAS * TOPICS)
#define ALL_SUBJECTS	(ALL_TOPICS * SUBJECTS)

/*
 * Shares of the expected squared length, 1 in all.  Measured with them and the
 * spectra below ("hvgen stats", medians): a million rows of 1024 dimensions have
 * a relative contrast (mean distance / nearest) of 1.88 and a local intrinsic
 * dimension of 18; 8,800 real text embeddings of 1536 dimensions have 1.53 and
 * 23, 6,400 of 384 have 3.8 and 9.
 */
#define SHARE_MEAN		0.22
#define SHARE_AREA		0.16
#define SHARE_TOPIC		0.15
#define SHARE_SUBJECT	0.13
#define SHARE_LOCAL		0.32
#define SHARE_FLOOR		0.02

/* standard deviation along direction i is proportional to (i + SHIFT)^-0.5 */
#define SPECTRUM_SHIFT	4.0
#define LOCAL_DIRECTIONS	192
#define SPREAD_SIGMA	0.25	/* of log t */

/* kinds of random streams; those of the rows are HvStream, beyond these */
#define KIND_MEAN		101
#define KIND_CENTRE		102
#define KIND_WEIGHT		103
#define KIND_DIRECTION	104
#define KIND_ROTATION	105

struct HvModel
{
	int			dim;
	int			local;			/* directions of the local variation */
	uint64_t	seed;
	float		floor;
	float		local_sd[LOCAL_DIRECTIONS];
	int		   *directions;		/* AREAS * local coordinates, strongest first */
	float	   *centres;		/* ALL_SUBJECTS * dim */
	double	   *cumulated;		/* ALL_SUBJECTS weights, summed up to 1 */
	HvRotation *rotation;
};

typedef struct Score
{
	double		key;
	int			coordinate;
} Score;

/* sd[i] ~ (i + SHIFT)^-0.5 over n directions, squares summing to share */
static void
fill_spectrum(double *sd, int n, double share)
{
	double		sum = 0.0;

	for (int i = 0; i < n; i++)
	{
		sd[i] = 1.0 / sqrt(i + 1 + SPECTRUM_SHIFT);
		sum += sd[i] * sd[i];
	}
	for (int i = 0; i < n; i++)
		sd[i] *= sqrt(share / sum);
}

/* centres[0 .. dim - 1] += normal values with a power-law spectrum */
static void
add_offset(float *centre, const double *sd, double scale, int dim, HvRandom *random)
{
	for (int i = 0; i < dim; i++)
		centre[i] += (float) (scale * sd[i]) * HvRandomNormal(random);
}

/*
 * The centres of all subjects.  Those of the upper levels are made where their
 * first subject stands and copied along, so no second array is needed.
 */
static void
make_centres(HvModel *model)
{
	int			dim = model->dim;
	size_t		row = (size_t) dim * sizeof(float);
	double	   *sd = HvAlloc((size_t) dim * sizeof(double));
	float	   *mean = HvAlloc(row);
	float	   *area = HvAlloc(row);
	float	   *topic = HvAlloc(row);
	double		length = 0.0;
	HvRandom	random;

	HvRandomStart(&random, model->seed, KIND_MEAN, 0);
	for (int i = 0; i < dim; i++)
	{
		mean[i] = HvRandomNormal(&random);
		length += (double) mean[i] * mean[i];
	}
	for (int i = 0; i < dim; i++)
		mean[i] *= (float) sqrt(SHARE_MEAN / length);

	fill_spectrum(sd, dim, 1.0);
	HvRandomStart(&random, model->seed, KIND_CENTRE, 0);
	model->centres = HvAlloc(ALL_SUBJECTS * row);
	for (int i = 0; i < ALL_SUBJECTS; i++)
	{
		float	   *centre = model->centres + (size_t) i * (size_t) dim;

		if (i % (TOPICS * SUBJECTS) == 0)
		{
			memcpy(area, mean, row);
			add_offset(area, sd, sqrt(SHARE_AREA), dim, &random);
		}
		if (i % SUBJECTS == 0)
		{
			memcpy(topic, area, row);
			add_offset(topic, sd, sqrt(SHARE_TOPIC), dim, &random);
		}
		memcpy(centre, topic, row);
		add_offset(centre, sd, sqrt(SHARE_SUBJECT), dim, &random);
	}
	free(sd);
	free(mean);
	free(area);
	free(topic);
}

/* n weights that sum to 1: Dirichlet with parameter 1 (steps = 1) or 2 (steps = 2) */
static void
draw_weights(double *weights, int n, int steps, HvRandom *random)
{
	double		sum = 0.0;

	for (int i = 0; i < n; i++)
	{
		weights[i] = 0.0;
		for (int j = 0; j < steps; j++)
			weights[i] -= log(HvRandomUniform(random));
		sum += weights[i];
	}
	for (int i = 0; i < n; i++)
		weights[i] /= sum;
}

static void
make_weights(HvModel *model)
{
	double		areas[AREAS];
	double		topics[TOPICS];
	double		subjects[SUBJECTS];
	double		sum = 0.0;
	HvRandom	random;

	model->cumulated = HvAlloc(ALL_SUBJECTS * sizeof(double));
	HvRandomStart(&random, model->seed, KIND_WEIGHT, 0);
	draw_weights(areas, AREAS, 2, &random);
	for (int i = 0; i < ALL_SUBJECTS; i++)
	{
		/* the first of all is the first of its area and topic */
		if (i % (TOPICS * SUBJECTS) == 0)
			draw_weights(topics, TOPICS, 1, &random);
		if (i % SUBJECTS == 0)
			draw_weights(subjects, SUBJECTS, 1, &random);
		/* cppcheck-suppress uninitvar */
		sum += areas[i / (TOPICS * SUBJECTS)] * topics[i / SUBJECTS % TOPICS] *
			/* cppcheck-suppress uninitvar */
			subjects[i % SUBJECTS];
		model->cumulated[i] = sum;
	}
	model->cumulated[ALL_SUBJECTS - 1] = 1.0;
}

static int
compare_scores(const void *a, const void *b)
{
	double		x = ((const Score *) a)->key;
	double		y = ((const Score *) b)->key;

	return (x > y) - (x < y);
}

/*
 * Which coordinates an area varies along: an order of its own, that leans
 * towards the one which the centres have.
 */
static void
make_directions(HvModel *model)
{
	int			dim = model->dim;
	Score	   *scores = HvAlloc((size_t) dim * sizeof(Score));
	double		sd[LOCAL_DIRECTIONS];
	HvRandom	random;

	model->local = dim < LOCAL_DIRECTIONS ? dim : LOCAL_DIRECTIONS;
	fill_spectrum(sd, model->local, SHARE_LOCAL);
	for (int i = 0; i < model->local; i++)
		model->local_sd[i] = (float) sd[i];

	model->directions = HvAlloc((size_t) (AREAS * model->local) * sizeof(int));
	HvRandomStart(&random, model->seed, KIND_DIRECTION, 0);
	for (int area = 0; area < AREAS; area++)
	{
		for (int i = 0; i < dim; i++)
		{
			scores[i].key = log(i + SPECTRUM_SHIFT) + HvRandomNormal(&random);
			scores[i].coordinate = i;
		}
		qsort(scores, (size_t) dim, sizeof(Score), compare_scores);
		for (int i = 0; i < model->local; i++)
			model->directions[area * model->local + i] = scores[i].coordinate;
	}
	free(scores);
}

HvModel *
HvModelCreate(int dim, uint64_t seed)
{
	HvModel    *model = HvAlloc(sizeof(HvModel));
	HvRandom	random;

	HvKernelsInit();
	HvRandomInit();
	model->dim = dim;
	model->seed = seed;
	model->floor = (float) sqrt(SHARE_FLOOR / dim);
	make_centres(model);
	make_weights(model);
	make_directions(model);
	HvRandomStart(&random, seed, KIND_ROTATION, 0);
	model->rotation = HvAlloc(HvRotationSize(dim));
	HvRotationInit(model->rotation, dim, HvRandomBits(&random));
	return model;
}

bool
HvModelIs(const HvModel *model, int dim, uint64_t seed)
{
	return model->dim == dim && model->seed == seed;
}

/* the subject at which the cumulated weights pass u */
static int
find_subject(const HvModel *model, double u)
{
	int			low = 0;
	int			high = ALL_SUBJECTS - 1;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (model->cumulated[middle] > u)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/*
 * |x|, summed in one order on every processor (the kernels do not promise that),
 * so that the same seed gives the same bytes everywhere.
 */
static float
fixed_length(const float *x, int n)
{
	double		sums[4] = {0.0, 0.0, 0.0, 0.0};

	for (int i = 0; i < n; i++)
		sums[i % 4] += (double) x[i] * x[i];
	return (float) sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

void
HvModelRow(const HvModel *model, HvStream stream, int64_t i, float *out)
{
	int			dim = model->dim;
	HvRandom	random;
	int			subject;
	const float *centre;
	const int  *directions;
	float		spread;
	float		length;

	HvRandomStart(&random, model->seed, stream, (uint64_t) i);
	subject = find_subject(model, HvRandomUniform(&random));
	centre = model->centres + (size_t) subject * (size_t) dim;
	directions = model->directions + subject / (TOPICS * SUBJECTS) * model->local;
	spread = (float) exp(SPREAD_SIGMA * HvRandomNormal(&random));

	for (int j = 0; j < dim; j++)
		out[j] = centre[j] + model->floor * HvRandomNormal(&random);
	for (int j = 0; j < model->local; j++)
		out[directions[j]] += spread * model->local_sd[j] * HvRandomNormal(&random);

	HvRotationApply(model->rotation, out);
	length = fixed_length(out, dim);
	for (int j = 0; j < dim; j++)
		out[j] /= length;
}
