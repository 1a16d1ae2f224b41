/*-------------------------------------------------------------------------
 *
 * hvexact.c
 *	  Exact nearest neighbours by brute force.
 *
 * NOTES
 *	  The candidates, SLACK more than wanted, are found in float32; their
 *	  distances are then made again in double and put in order, so that
 *	  rounding decides nothing (SLACK is the room for it at the end of the
 *	  list).
 *
 *	  Blocked for the caches: a group of GROUP_ROWS base rows stays in the
 *	  first level while a tile of TILE_QUERIES queries passes from the second.
 *	  Threads take blocks of base rows from a common counter and keep lists of
 *	  their own, merged at the end, so the result does not depend on them.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvexact.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvexact.h"
#include "arithmetic/hvkernel.h"
#include "hvtool.h"

#define SLACK			28
#define BLOCK_ROWS		512
#define GROUP_ROWS		8		/* 32 kB at 1024 dimensions */
#define TILE_QUERIES	128		/* 512 kB at 1024 dimensions */

typedef struct Candidate
{
	float		score;
	int32_t		id;
} Candidate;

/* what all threads share */
typedef struct Search
{
	const HvExactJob *job;
	float	   *queries;		/* nq * dim, of unit length for cosine */
	int			nq;
	int			dim;
	int			keep;			/* candidates of a query */
	_Atomic int64_t next;		/* base row at which the next block starts */
	double		started;
} Search;

/* what one thread has: a max-heap of candidates for every query */
typedef struct Worker
{
	Search	   *search;
	pthread_t	thread;
	Candidate  *heaps;			/* nq * keep */
	int		   *counts;			/* nq */
	float	   *rows;			/* BLOCK_ROWS * dim */
	float		norm2[BLOCK_ROWS];	/* |row|^2, L2 only */
} Worker;

/* does a come later in the order of results than b? */
static inline bool
is_worse(const Candidate *a, const Candidate *b)
{
	return a->score > b->score || (a->score == b->score && a->id > b->id);
}

static void
sift_down(Candidate *heap, int count, Candidate item)
{
	int			hole = 0;

	for (;;)
	{
		int			child = 2 * hole + 1;

		if (child >= count)
			break;
		if (child + 1 < count && is_worse(&heap[child + 1], &heap[child]))
			child++;
		if (!is_worse(&heap[child], &item))
			break;
		heap[hole] = heap[child];
		hole = child;
	}
	heap[hole] = item;
}

static void
sift_up(Candidate *heap, int hole, Candidate item)
{
	while (hole > 0 && is_worse(&item, &heap[(hole - 1) / 2]))
	{
		heap[hole] = heap[(hole - 1) / 2];
		hole = (hole - 1) / 2;
	}
	heap[hole] = item;
}

static inline void
offer(Worker *worker, int query, float score, int32_t id)
{
	int			keep = worker->search->keep;
	Candidate  *heap = worker->heaps + (size_t) query * (size_t) keep;
	Candidate	item = {score, id};

	if (worker->counts[query] < keep)
		sift_up(heap, worker->counts[query]++, item);
	else if (is_worse(&heap[0], &item))
		sift_down(heap, keep, item);
}

/* x <- x / |x|; a zero vector stays as it is */
static void
normalize(float *x, int dim)
{
	double		norm2 = 0.0;
	float		inverse;

	for (int i = 0; i < dim; i++)
		norm2 += (double) x[i] * x[i];
	if (norm2 == 0.0)
		return;
	inverse = (float) (1.0 / sqrt(norm2));
	for (int i = 0; i < dim; i++)
		x[i] *= inverse;
}

/* Offers a group of rows of the block to a tile of queries. */
static void
score_tile(Worker *worker, int64_t first_id, int row, int nrows, int query, int nqueries)
{
	Search	   *search = worker->search;
	HvMetric	metric = search->job->metric;
	size_t		dim = (size_t) search->dim;
	float		products[GROUP_ROWS];

	for (int q = query; q < query + nqueries; q++)
	{
		HvKernel->inner_product_rows(search->queries + (size_t) q * dim,
									 worker->rows + (size_t) row * dim,
									 nrows, search->dim, products);
		for (int r = 0; r < nrows; r++)
		{
			float		score = metric == HV_METRIC_L2 ?
				worker->norm2[row + r] - 2.0f * products[r] : -products[r];

			offer(worker, q, score, (int32_t) (first_id + row + r));
		}
	}
}

static void
score_block(Worker *worker, int64_t first, int nrows)
{
	Search	   *search = worker->search;
	HvMetric	metric = search->job->metric;
	int			dim = search->dim;

	HvSourceRows(search->job->base, first, nrows, worker->rows);
	for (int r = 0; r < nrows; r++)
	{
		float	   *row = worker->rows + (size_t) r * (size_t) dim;

		if (metric == HV_METRIC_COSINE)
			normalize(row, dim);
		else if (metric == HV_METRIC_L2)
			worker->norm2[r] = HvKernel->inner_product(row, row, dim);
	}
	for (int q = 0; q < search->nq; q += TILE_QUERIES)
	{
		int			nqueries = search->nq - q < TILE_QUERIES ? search->nq - q : TILE_QUERIES;

		for (int r = 0; r < nrows; r += GROUP_ROWS)
			score_tile(worker, first, r, nrows - r < GROUP_ROWS ? nrows - r : GROUP_ROWS,
					   q, nqueries);
	}
}

static void *
run_worker(void *argument)
{
	Worker	   *worker = argument;
	Search	   *search = worker->search;
	int64_t		n = search->job->base->n;
	int64_t		first;

	while ((first = atomic_fetch_add(&search->next, BLOCK_ROWS)) < n)
	{
		score_block(worker, first, n - first < BLOCK_ROWS ? (int) (n - first) : BLOCK_ROWS);
		if (search->job->progress && first / BLOCK_ROWS % 200 == 199)
			fprintf(stderr, "  exact search: %lld of %lld rows, %.0f s\n",
					(long long) first, (long long) n, HvNow() - search->started);
	}
	return NULL;
}

/* The distance in double, from the vectors as they are stored. */
static double
exact_distance(HvMetric metric, const float *a, const float *b, int dim)
{
	double		product = 0.0;
	double		a2 = 0.0;
	double		b2 = 0.0;
	double		difference2 = 0.0;

	for (int i = 0; i < dim; i++)
	{
		double		d = (double) a[i] - b[i];

		product += (double) a[i] * b[i];
		a2 += (double) a[i] * a[i];
		b2 += (double) b[i] * b[i];
		difference2 += d * d;
	}
	if (metric == HV_METRIC_L2)
		return sqrt(difference2);
	if (metric == HV_METRIC_IP)
		return -product;
	/* a zero vector has no direction: last in every order */
	return a2 > 0.0 && b2 > 0.0 ? 1.0 - product / sqrt(a2 * b2) : INFINITY;
}

typedef struct Neighbour
{
	double		distance;
	int32_t		id;
} Neighbour;

static int
compare_candidates(const void *a, const void *b)
{
	return is_worse(a, b) ? 1 : -1;
}

static int
compare_neighbours(const void *a, const void *b)
{
	const Neighbour *x = a;
	const Neighbour *y = b;

	if (x->distance != y->distance)
		return x->distance > y->distance ? 1 : -1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Merges what the workers found of each query and measures it again. */
static void
finish(Search *search, Worker *workers, int32_t *ids, float *distances)
{
	const HvExactJob *job = search->job;
	size_t		keep = (size_t) search->keep;
	size_t		row_size = (size_t) search->dim * sizeof(float);
	Candidate  *merged = HvAlloc((size_t) job->threads * keep * sizeof(Candidate));
	Neighbour  *neighbours = HvAlloc(keep * sizeof(Neighbour));
	float	   *row = HvAlloc(row_size);
	float	   *query = HvAlloc(row_size);

	for (int q = 0; q < search->nq; q++)
	{
		int			count = 0;

		for (int w = 0; w < job->threads; w++)
		{
			memcpy(merged + count, workers[w].heaps + (size_t) q * keep,
				   (size_t) workers[w].counts[q] * sizeof(Candidate));
			count += workers[w].counts[q];
		}
		qsort(merged, (size_t) count, sizeof(Candidate), compare_candidates);
		if (count > search->keep)
			count = search->keep;
		HvSourceRows(job->query, q, 1, query);
		for (int i = 0; i < count; i++)
		{
			HvSourceRows(job->base, merged[i].id, 1, row);
			neighbours[i].id = merged[i].id;
			neighbours[i].distance = exact_distance(job->metric, query, row, search->dim);
		}
		qsort(neighbours, (size_t) count, sizeof(Neighbour), compare_neighbours);
		for (int i = 0; i < job->k; i++)
		{
			ids[(size_t) q * (size_t) job->k + (size_t) i] = neighbours[i].id;
			distances[(size_t) q * (size_t) job->k + (size_t) i] =
				(float) neighbours[i].distance;
		}
	}
	free(merged);
	free(neighbours);
	free(row);
	free(query);
}

void
HvExactRun(const HvExactJob *job, int32_t *ids, float *distances)
{
	Search		search = {.job = job};
	Worker	   *workers = HvAlloc((size_t) job->threads * sizeof(Worker));

	if (job->base->dim != job->query->dim)
		HvDie("the base has %d dimensions, the queries have %d",
			  job->base->dim, job->query->dim);
	if (job->k > job->base->n)
		HvDie("%d neighbours wanted of %lld rows", job->k, (long long) job->base->n);

	HvKernelsInit();
	search.started = HvNow();
	search.nq = (int) job->query->n;
	search.dim = job->query->dim;
	search.keep = job->k + SLACK;
	search.queries = HvSourceAll(job->query);
	if (job->metric == HV_METRIC_COSINE)
		for (int q = 0; q < search.nq; q++)
			normalize(search.queries + (size_t) q * (size_t) search.dim, search.dim);

	for (int w = 0; w < job->threads; w++)
	{
		Worker	   *worker = &workers[w];

		worker->search = &search;
		worker->heaps = HvAlloc((size_t) search.nq * (size_t) search.keep * sizeof(Candidate));
		worker->counts = HvAlloc((size_t) search.nq * sizeof(int));
		worker->rows = HvAlloc((size_t) BLOCK_ROWS * (size_t) search.dim * sizeof(float));
		if (pthread_create(&worker->thread, NULL, run_worker, worker) != 0)
			HvDie("cannot start a thread");
	}
	for (int w = 0; w < job->threads; w++)
		pthread_join(workers[w].thread, NULL);
	finish(&search, workers, ids, distances);

	for (int w = 0; w < job->threads; w++)
	{
		free(workers[w].heaps);
		free(workers[w].counts);
		free(workers[w].rows);
	}
	free(workers);
	free(search.queries);
}
