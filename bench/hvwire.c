/*-------------------------------------------------------------------------
 *
 * hvwire.c
 *	  PostgreSQL's binary forms of what the programs send.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvwire.c
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvtool.h"
#include "hvwire.h"

/* dimensions, flag of nulls, element type, length, lower bound */
#define ARRAY_HEADER	(5 * sizeof(uint32_t))

/* dimensions, unused */
#define VECTOR_HEADER	(2 * sizeof(uint16_t))

#define TELL_SECONDS	10.0

/* rows given to the sink at once: 0.5 MB at 1024 dimensions */
#define COPY_ROWS		64

static inline uint8_t *
put16(uint8_t *out, uint16_t value)
{
	value = __builtin_bswap16(value);
	memcpy(out, &value, sizeof(value));
	return out + sizeof(value);
}

static inline uint8_t *
put32(uint8_t *out, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(out, &value, sizeof(value));
	return out + sizeof(value);
}

static inline uint8_t *
put64(uint8_t *out, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(out, &value, sizeof(value));
	return out + sizeof(value);
}

HvForm
HvParseForm(const char *text)
{
	if (strcmp(text, "real") == 0)
		return HV_FORM_REAL;
	if (strcmp(text, "vector") == 0)
		return HV_FORM_VECTOR;
	HvDie("the type must be real or vector, not \"%s\"", text);
}

size_t
HvWireVectorSize(HvForm form, int n)
{
	if (form == HV_FORM_VECTOR)
		return VECTOR_HEADER + (size_t) n * sizeof(uint32_t);
	/* before every value of an array stands its length */
	return ARRAY_HEADER + (size_t) n * 2 * sizeof(uint32_t);
}

uint8_t *
HvWireVector(HvForm form, const float *values, int n, uint8_t *out)
{
	if (form == HV_FORM_VECTOR)
	{
		out = put16(out, (uint16_t) n);
		out = put16(out, 0);
	}
	else
	{
		out = put32(out, 1);
		out = put32(out, 0);
		out = put32(out, HV_TYPE_REAL);
		out = put32(out, (uint32_t) n);
		out = put32(out, 1);
	}
	for (int i = 0; i < n; i++)
	{
		uint32_t	bits;

		memcpy(&bits, &values[i], sizeof(bits));
		if (form == HV_FORM_REAL)
			out = put32(out, sizeof(bits));
		out = put32(out, bits);
	}
	return out;
}

int64_t
HvWireReadInt8(const char *bytes)
{
	uint64_t	value;

	memcpy(&value, bytes, sizeof(value));
	return (int64_t) __builtin_bswap64(value);
}

/* one row: its fields, each behind its length */
static uint8_t *
put_row(uint8_t *out, HvRowShape shape, int64_t id, const float *values, int dim)
{
	out = put16(out, shape.categories > 0 ? 3 : 2);
	out = put32(out, sizeof(int64_t));
	out = put64(out, (uint64_t) id);
	out = put32(out, (uint32_t) HvWireVectorSize(shape.form, dim));
	out = HvWireVector(shape.form, values, dim, out);
	if (shape.categories > 0)
	{
		out = put32(out, sizeof(int32_t));
		out = put32(out, (uint32_t) (id % shape.categories));
	}
	return out;
}

void
HvWireCopy(const HvSource *source, HvRowShape shape, HvSink sink, void *target, const char *label)
{
	/* signature, flags, length of the header's extension */
	static const char header[] = "PGCOPY\n\377\r\n\0" "\0\0\0\0" "\0\0\0";
	static const uint8_t trailer[] = {0xff, 0xff};
	size_t		row_size = 2 + 4 + 8 + 4 + HvWireVectorSize(shape.form, source->dim) + 4 + 4;
	float	   *rows = HvAlloc(COPY_ROWS * (size_t) source->dim * sizeof(float));
	uint8_t    *buffer = HvAlloc(COPY_ROWS * row_size);
	double		started = HvNow();
	double		told = started;

	/* the literal's own zero byte is the last of the header's 19 */
	sink(target, header, sizeof(header));
	for (int64_t first = 0; first < source->n; first += COPY_ROWS)
	{
		int			count = source->n - first < COPY_ROWS ? (int) (source->n - first) : COPY_ROWS;
		uint8_t    *end = buffer;

		HvSourceRows(source, first, count, rows);
		for (int i = 0; i < count; i++)
			end = put_row(end, shape, first + i, rows + (size_t) i * (size_t) source->dim,
						  source->dim);
		sink(target, buffer, (size_t) (end - buffer));
		if (label != NULL && HvNow() - told > TELL_SECONDS)
		{
			told = HvNow();
			fprintf(stderr, "  %s: %lld of %lld rows, %.0f s\n", label,
					(long long) first, (long long) source->n, told - started);
		}
	}
	sink(target, trailer, sizeof(trailer));
	free(rows);
	free(buffer);
}
