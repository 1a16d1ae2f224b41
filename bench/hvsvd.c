/*-------------------------------------------------------------------------
 *
 * hvsvd.c
 *	  The leading singular vectors of a sparse matrix.
 *
 *	  Subspace iteration: a block of random columns is multiplied by X'X and made
 *	  orthonormal, a few times over.  Then it spans nearly what the leading right
 *	  singular vectors span, and the small matrix of its products tells them apart.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvsvd.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic/hvkernel.h"
#include "hvrandom.h"
#include "hvsvd.h"
#include "hvtool.h"

/* columns beyond those asked for, so that the last of these are right too */
#define MORE_COLUMNS	16
#define ROUNDS			2

/* rows that are transposed at a time */
#define BLOCK_ROWS		256

/* rows count as orthogonal from there on, and more rounds would not help float */
#define ORTHOGONAL		1e-5f
#define MAX_SWEEPS		30

/* A dense matrix, row after row. */
typedef struct Dense
{
	int			rows;
	int			columns;
	float	   *values;
} Dense;

static Dense
dense_alloc(int rows, int columns)
{
	return (Dense) {rows, columns, HvAlloc((size_t) rows * (size_t) columns * sizeof(float))};
}

static float *
dense_row(const Dense *matrix, int i)
{
	return matrix->values + (size_t) i * (size_t) matrix->columns;
}

static void
add_multiple(float *sum, const float *row, float factor, int n)
{
	for (int j = 0; j < n; j++)
		sum[j] += factor * row[j];
}

/* X times dense */
static Dense
multiply(const HvSparse *x, const Dense *dense)
{
	Dense		product = dense_alloc(x->rows, dense->columns);

	for (int i = 0; i < x->rows; i++)
		for (size_t e = x->start[i]; e < x->start[i + 1]; e++)
			add_multiple(dense_row(&product, i), dense_row(dense, x->column[e]),
						 x->value[e], dense->columns);
	return product;
}

/* the transpose of X times dense */
static Dense
multiply_transposed(const HvSparse *x, const Dense *dense)
{
	Dense		product = dense_alloc(x->columns, dense->columns);

	for (int i = 0; i < x->rows; i++)
		for (size_t e = x->start[i]; e < x->start[i + 1]; e++)
			add_multiple(dense_row(&product, x->column[e]), dense_row(dense, i),
						 x->value[e], dense->columns);
	return product;
}

/* The products of all pairs of columns, columns * columns. */
static Dense
products_of_columns(const Dense *matrix)
{
	int			k = matrix->columns;
	Dense		products = dense_alloc(k, k);
	Dense		block = dense_alloc(k, BLOCK_ROWS);
	Dense		part = dense_alloc(k, k);

	for (int first = 0; first < matrix->rows; first += BLOCK_ROWS)
	{
		int			count = matrix->rows - first < BLOCK_ROWS ? matrix->rows - first : BLOCK_ROWS;

		memset(block.values, 0, (size_t) k * BLOCK_ROWS * sizeof(float));
		for (int i = 0; i < count; i++)
		{
			const float *row = dense_row(matrix, first + i);

			for (int j = 0; j < k; j++)
				block.values[(size_t) j * BLOCK_ROWS + (size_t) i] = row[j];
		}
		HvKernel->inner_product_tile(block.values, k, block.values, k, BLOCK_ROWS, part.values);
		add_multiple(products.values, part.values, 1.0f, k * k);
	}
	free(block.values);
	free(part.values);
	return products;
}

/* Turns two rows within their plane so that they are orthogonal; false if they are. */
static bool
make_orthogonal(float *a, float *b, int n)
{
	float		parts[3];
	double		tangent;
	float		cosine;
	float		sine;

	HvKernel->cosine_parts(a, b, n, parts);
	if (fabsf(parts[0]) <= ORTHOGONAL * sqrtf(parts[1]) * sqrtf(parts[2]))
		return false;
	tangent = ((double) parts[2] - parts[1]) / (2.0 * parts[0]);
	tangent = (tangent < 0.0 ? -1.0 : 1.0) / (fabs(tangent) + sqrt(1.0 + tangent * tangent));
	cosine = (float) (1.0 / sqrt(1.0 + tangent * tangent));
	sine = (float) tangent * cosine;
	for (int j = 0; j < n; j++)
	{
		float		old = a[j];

		a[j] = cosine * old - sine * b[j];
		b[j] = sine * old + cosine * b[j];
	}
	return true;
}

static int
compare_lengths(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return (x < y) - (x > y);
}

/*
 * The first count eigenvectors of a symmetric matrix without negative eigenvalues,
 * largest eigenvalue first, each times a power of its eigenvalue.  One-sided Jacobi:
 * once turns have made all rows orthogonal, each is an eigenvector times its
 * eigenvalue.
 */
static Dense
scaled_eigenvectors(const Dense *symmetric, int count, double power)
{
	int			n = symmetric->rows;
	Dense		result = dense_alloc(count, n);
	bool		turned = true;
	struct
	{
		float		length;
		int			row;
	}		   *order = HvAlloc((size_t) n * sizeof(*order));

	for (int sweep = 0; turned && sweep < MAX_SWEEPS; sweep++)
	{
		turned = false;
		for (int i = 0; i < n; i++)
			for (int j = i + 1; j < n; j++)
				if (make_orthogonal(dense_row(symmetric, i), dense_row(symmetric, j), n))
					turned = true;
	}
	for (int i = 0; i < n; i++)
	{
		const float *row = dense_row(symmetric, i);

		order[i].length = sqrtf(HvKernel->inner_product(row, row, n));
		order[i].row = i;
	}
	qsort(order, (size_t) n, sizeof(*order), compare_lengths);
	for (int i = 0; i < count; i++)
		if (order[i].length > 0.0f)
			add_multiple(dense_row(&result, i), dense_row(symmetric, order[i].row),
						 (float) pow(order[i].length, power - 1.0), n);
	free(order);
	return result;
}

/*
 * Turns the columns of a matrix to the directions in which it varies, keeps the
 * first count of them, and scales each by a power of its variance.  Frees the
 * matrix.
 */
static Dense
principal_columns(Dense matrix, int count, double power)
{
	Dense		products = products_of_columns(&matrix);
	Dense		vectors = scaled_eigenvectors(&products, count, power);
	Dense		result = dense_alloc(matrix.rows, count);

	HvKernel->inner_product_tile(matrix.values, matrix.rows, vectors.values, count,
								 matrix.columns, result.values);
	free(products.values);
	free(vectors.values);
	free(matrix.values);
	return result;
}

float *
HvSvdProject(const HvSparse *matrix, int dim, uint64_t seed)
{
	int			k = dim + MORE_COLUMNS;
	Dense		basis;
	Dense		image;
	HvRandom	random;

	if (k > matrix->columns)
		HvDie("%d dimensions need more than the %d columns that there are", dim, matrix->columns);
	HvKernelsInit();
	HvRandomInit();
	HvRandomStart(&random, seed, 1, 0);
	basis = dense_alloc(matrix->columns, k);
	for (size_t i = 0; i < (size_t) basis.rows * (size_t) k; i++)
		basis.values[i] = HvRandomNormal(&random);
	for (int round = 0; round < ROUNDS; round++)
	{
		image = multiply(matrix, &basis);
		free(basis.values);
		basis = principal_columns(multiply_transposed(matrix, &image), k, -0.5);
		free(image.values);
	}
	image = multiply(matrix, &basis);
	free(basis.values);
	/* a variance is the square of a singular value: its -1/4th power leaves the root */
	return principal_columns(image, dim, -0.25).values;
}
