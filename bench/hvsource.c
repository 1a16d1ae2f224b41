/*-------------------------------------------------------------------------
 *
 * hvsource.c
 *	  Where vectors come from: a file or the model, named by one string.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvsource.c
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "hvsource.h"
#include "hvtool.h"

#define MODEL_PREFIX	"model:"

static void
open_model(HvSource *source, const char *name, const HvSource *like)
{
	long long	rows;
	int			dim;
	unsigned long long seed;
	int			end = 0;

	if (sscanf(name, MODEL_PREFIX "%lld:%d:%llu%n", &rows, &dim, &seed, &end) != 3 ||
		name[end] != '\0')
		HvDie("\"%s\" is not of the form model:ROWS:DIM:SEED", name);
	if (rows < 1 || rows > INT32_MAX || dim < 2 || dim > HV_MODEL_MAX_DIM)
		HvDie("\"%s\": 1 to %d rows of 2 to %d dimensions, please",
			  name, INT32_MAX, HV_MODEL_MAX_DIM);
	source->n = rows;
	source->dim = dim;

	/* "like" was opened by the same kind of name; its centres are 100 MB */
	if (like != NULL && like->model != NULL && HvModelIs(like->model, dim, seed))
		source->model = like->model;
	else
		source->model = HvModelCreate(dim, seed);
}

HvSource *
HvSourceOpen(const char *name, HvStream stream, const HvSource *like)
{
	HvSource   *source = HvAlloc(sizeof(HvSource));

	source->stream = stream;
	if (strncmp(name, MODEL_PREFIX, strlen(MODEL_PREFIX)) == 0)
		open_model(source, name, like);
	else
	{
		source->file = HvFileOpen(name);
		if (source->file->format == HV_FORMAT_NEIGHBOURS)
			HvDie("%s has no vectors", name);
		source->n = source->file->n;
		source->dim = source->file->dim;
	}
	return source;
}

void
HvSourceRows(const HvSource *source, int64_t first, int count, float *out)
{
	for (int i = 0; i < count; i++, out += source->dim)
	{
		if (source->model != NULL)
			HvModelRow(source->model, source->stream, first + i, out);
		else
			HvFileRow(source->file, first + i, out);
	}
}

float *
HvSourceAll(const HvSource *source)
{
	float	   *rows = HvAlloc((size_t) source->n * (size_t) source->dim * sizeof(float));

	HvSourceRows(source, 0, (int) source->n, rows);
	return rows;
}
