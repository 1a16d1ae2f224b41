/*-------------------------------------------------------------------------
 *
 * kernels.c
 *	  Speed of the arithmetic kernels, for every table that this processor has.
 *
 *		kernels [-q] [-t file.tsv]
 *
 * NOTES
 *	  "hot" works on so few operands that they stay in the first cache (16 kB),
 *	  "memory" goes once through a quarter of a gigabyte, beyond every cache
 *	  that is to be expected.  A figure is the median of RUNS runs: of runs of
 *	  about 10 ms for "hot", of whole passes for "memory".  Codes are given to
 *	  the kernels a page's worth at a time (8 kB), vectors one by one, as the
 *	  index does.
 *
 *	  -q leaves out the memory figures.  -t also writes them as a table with
 *	  the columns level, kernel, dims, place, ns.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/kernels.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"
#include "arithmetic/hvrotate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RUNS			7
#define RUN_NS			10e6
#define HOT_BYTES		(16 * 1024)
#define PAGE_BYTES		(8 * 1024)
#define MEMORY_BYTES	((size_t) 256 * 1024 * 1024)
#define MAX_DIMS		3072

static const int dims_tried[] = {384, 768, 1024, 1536, 3072};

#define NDIMS	((int) (sizeof(dims_tried) / sizeof(dims_tried[0])))

/* what a pass over operands works on */
typedef struct Workload
{
	const HvKernels *kernels;
	int			dims;
	char	   *operands;		/* codes or vectors without gaps */
	size_t		noperands;
	float		query[MAX_DIMS];
	uint8_t		planes[HV_QUERY_PLANES * MAX_DIMS / 8];
	HvRotation *rotation;
} Workload;

/* One pass: applies a kernel to all operands once. */
typedef void (*PassFunction) (Workload *work);

typedef struct Subject
{
	const char *name;
	PassFunction pass;
	int			bits;			/* of an operand, for each dimension */
} Subject;

/* results go here, so that no pass can be left out by the compiler */
static volatile float float_sink;
static volatile uint16_t code_sink;

/* hands the operands to a code kernel page by page */
static void
pass_codes(Workload *work,
		   void (*kernel) (const uint8_t *, int, int, const uint8_t *, uint16_t *))
{
	int			code_bytes = work->dims / 8;
	size_t		per_page = (size_t) (PAGE_BYTES / code_bytes);
	uint16_t	out[PAGE_BYTES / 8];

	for (size_t i = 0; i < work->noperands; i += per_page)
	{
		size_t		n = work->noperands - i < per_page ? work->noperands - i : per_page;

		kernel((const uint8_t *) work->operands + i * (size_t) code_bytes, (int) n,
			   code_bytes, work->planes, out);
		code_sink = out[n - 1];
	}
}

static void
pass_hamming(Workload *work)
{
	pass_codes(work, work->kernels->hamming);
}

static void
pass_hamming_planes(Workload *work)
{
	pass_codes(work, work->kernels->hamming_planes);
}

static void
pass_l2_squared(Workload *work)
{
	const float *vectors = (const float *) work->operands;

	for (size_t i = 0; i < work->noperands; i++)
		float_sink = work->kernels->l2_squared(work->query, vectors + i * (size_t) work->dims,
											   work->dims);
}

static void
pass_inner_product(Workload *work)
{
	const float *vectors = (const float *) work->operands;

	for (size_t i = 0; i < work->noperands; i++)
		float_sink = work->kernels->inner_product(work->query, vectors + i * (size_t) work->dims,
												  work->dims);
}

static void
pass_cosine_parts(Workload *work)
{
	const float *vectors = (const float *) work->operands;
	float		parts[3];

	for (size_t i = 0; i < work->noperands; i++)
	{
		work->kernels->cosine_parts(work->query, vectors + i * (size_t) work->dims,
									work->dims, parts);
		float_sink = parts[0];
	}
}

static void
pass_inner_product_rows(Workload *work)
{
	float		out[16];

	for (size_t i = 0; i < work->noperands; i += 16)
	{
		size_t		n = work->noperands - i < 16 ? work->noperands - i : 16;

		work->kernels->inner_product_rows(work->query,
										  (const float *) work->operands + i * (size_t) work->dims,
										  (int) n, work->dims, out);
		float_sink = out[n - 1];
	}
}

static void
pass_inner_product_i8(Workload *work)
{
	const int8_t *vectors = (const int8_t *) work->operands;

	for (size_t i = 0; i < work->noperands; i++)
		float_sink = work->kernels->inner_product_i8(vectors + i * (size_t) work->dims,
													 work->query, work->dims);
}

static void
pass_halfs_to_floats(Workload *work)
{
	static float out[MAX_DIMS];
	const uint8_t *vectors = (const uint8_t *) work->operands;

	for (size_t i = 0; i < work->noperands; i++)
	{
		work->kernels->halfs_to_floats(vectors + i * (size_t) work->dims * 2, work->dims, out);
		float_sink = out[work->dims - 1];
	}
}

/* The window is what the rotation would transform: the largest power of two. */
static void
pass_hadamard(Workload *work)
{
	float	   *vectors = (float *) work->operands;

	for (size_t i = 0; i < work->noperands; i++)
		work->kernels->hadamard(vectors + i * (size_t) work->dims, work->rotation->window);
}

static void
pass_rotation(Workload *work)
{
	float	   *vectors = (float *) work->operands;

	for (size_t i = 0; i < work->noperands; i++)
		HvRotationApply(work->rotation, vectors + i * (size_t) work->dims);
}

static const Subject subjects[] = {
	{"hamming", pass_hamming, 1},
	{"hamming_planes", pass_hamming_planes, 1},
	{"l2_squared", pass_l2_squared, 32},
	{"inner_product", pass_inner_product, 32},
	{"cosine_parts", pass_cosine_parts, 32},
	{"inner_product_rows", pass_inner_product_rows, 32},
	{"inner_product_i8", pass_inner_product_i8, 8},
	{"halfs_to_floats", pass_halfs_to_floats, 16},
	{"hadamard", pass_hadamard, 32},
	{"rotation", pass_rotation, 32}
};

#define NSUBJECTS	((int) (sizeof(subjects) / sizeof(subjects[0])))

/* processor time of this program in ns: others on the machine count little */
static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* ns of npasses passes over the operands, for each operand */
static double
time_passes(const Subject *subject, Workload *work, long npasses)
{
	double		start = now_ns();

	for (long p = 0; p < npasses; p++)
		subject->pass(work);
	return (now_ns() - start) / ((double) npasses * (double) work->noperands);
}

/*
 * Fills the operands anew: bytes of either sign for codes and byte vectors,
 * small numbers otherwise, so that no pass meets denormal or infinite numbers.
 */
static void
fill_operands(const Subject *subject, Workload *work)
{
	size_t		n = work->noperands * (size_t) work->dims;

	if (subject->bits == 32)
	{
		float	   *values = (float *) work->operands;

		for (size_t i = 0; i < n; i++)
			values[i] = (float) ((int) (i * 2654435761u % 2001) - 1000) / 1000.0f;
	}
	else if (subject->bits == 16)
	{
		uint16_t   *halfs = (uint16_t *) work->operands;

		/* 2^-7 to 1, of either sign */
		for (size_t i = 0; i < n; i++)
			halfs[i] = (uint16_t) (0x2000 + i * 2654435761u % 0x1c00 + (i << 15 & 0x8000));
	}
	else
	{
		size_t		size = n * (size_t) subject->bits / 8;

		for (size_t i = 0; i < size; i++)
			work->operands[i] = (char) ((int) (i * 2654435761u >> 7) % 251 - 125);
	}
}

/* the median time of one operand in ns, operands being size bytes in all */
static double
measure(const Subject *subject, Workload *work, size_t size, bool hot)
{
	size_t		operand_bytes = (size_t) work->dims * (size_t) subject->bits / 8;
	double		times[RUNS];
	double		first;
	long		npasses = 1;

	work->noperands = size / operand_bytes > 0 ? size / operand_bytes : 1;
	fill_operands(subject, work);

	/* warms up, too */
	first = time_passes(subject, work, 1) * (double) work->noperands;
	if (hot)
		npasses = 1 + (long) (RUN_NS / (first > 1.0 ? first : 1.0));
	for (int r = 0; r < RUNS; r++)
	{
		/* the transform grows its operands each time */
		if (subject->pass == pass_hadamard)
		{
			double		total = 0.0;
			long		done = 0;

			while (done < npasses)
			{
				long		some = npasses - done < 5 ? npasses - done : 5;

				fill_operands(subject, work);
				total += time_passes(subject, work, some) * (double) some;
				done += some;
			}
			times[r] = total / (double) npasses;
		}
		else
			times[r] = time_passes(subject, work, npasses);
	}
	qsort(times, RUNS, sizeof(times[0]), compare_doubles);
	return times[RUNS / 2];
}

/* one line of the table: a kernel at all dimensions, in one place */
static void
report(const Subject *subject, Workload *work, bool hot, FILE *tsv)
{
	const char *place = hot ? "hot" : "memory";

	printf("%-8s %-20s %-7s", work->kernels->name, subject->name, place);
	for (int d = 0; d < NDIMS; d++)
	{
		double		ns;

		work->dims = dims_tried[d];
		HvRotationInit(work->rotation, work->dims, 1);
		ns = measure(subject, work, hot ? HOT_BYTES : MEMORY_BYTES, hot);
		printf(" %9.2f", ns);
		fflush(stdout);
		if (tsv != NULL)
			fprintf(tsv, "%s\t%s\t%d\t%s\t%.3f\n", work->kernels->name, subject->name,
					work->dims, place, ns);
	}
	printf("\n");
}

int
main(int argc, char **argv)
{
	static Workload work;
	bool		quick = false;
	FILE	   *tsv = NULL;
	int			option;

	while ((option = getopt(argc, argv, "qt:")) != -1)
	{
		if (option == 'q')
			quick = true;
		else if (option != 't' || (tsv = fopen(optarg, "w")) == NULL)
		{
			fprintf(stderr, "usage: kernels [-q] [-t file.tsv]%s%s\n",
					option == 't' ? ": " : "", option == 't' ? strerror(errno) : "");
			return 2;
		}
	}
	work.operands = malloc(quick ? HOT_BYTES : MEMORY_BYTES);
	work.rotation = malloc(HvRotationSize(MAX_DIMS));
	if (work.operands == NULL || work.rotation == NULL)
	{
		fprintf(stderr, "kernels: out of memory\n");
		return 2;
	}
	for (int i = 0; i < MAX_DIMS; i++)
		work.query[i] = (float) (i * 37 % 101 - 50) / 50.0f;
	for (size_t i = 0; i < sizeof(work.planes); i++)
		work.planes[i] = (uint8_t) (i * 2654435761u >> 11);

	printf("ns for each code or vector\n%-8s %-20s %-7s", "level", "kernel", "place");
	for (int d = 0; d < NDIMS; d++)
		printf(" %9d", dims_tried[d]);
	printf("\n");
	if (tsv != NULL)
		fprintf(tsv, "level\tkernel\tdims\tplace\tns\n");
	for (int level = HV_KERNEL_SCALAR; level <= HV_KERNEL_NEON; level++)
	{
		if (!HvKernelsForce((HvKernelLevel) level))
			continue;
		work.kernels = HvKernel;
		for (int s = 0; s < NSUBJECTS; s++)
		{
			report(&subjects[s], &work, true, tsv);
			if (!quick)
				report(&subjects[s], &work, false, tsv);
		}
	}
	if (tsv != NULL && fclose(tsv) != 0)
	{
		fprintf(stderr, "kernels: cannot write the table: %s\n", strerror(errno));
		return 2;
	}
	free(work.operands);
	free(work.rotation);
	return 0;
}
