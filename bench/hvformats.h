/*-------------------------------------------------------------------------
 *
 * hvformats.h
 *	  Reading and writing the files that vector sets come in.
 *
 * NOTES
 *	  All are little-endian and begin with two int32, the number of rows and
 *	  the values of a row.
 *
 *		.fbin	 rows of float32
 *		.f16bin	 rows of IEEE float16
 *		.u8bin	 rows of uint8
 *		.ibin	 rows of int32 (row numbers of neighbours, counted from 0), then
 *				 as many float32 (their distances)
 *
 *	  ".gz" behind any of them is the same file compressed by gzip; it is
 *	  unpacked into memory, the others are mapped.  Both give random access,
 *	  by any number of threads.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvformats.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVFORMATS_H
#define HVFORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum HvFormat
{
	HV_FORMAT_F32,
	HV_FORMAT_F16,
	HV_FORMAT_U8,
	HV_FORMAT_NEIGHBOURS
} HvFormat;

typedef struct HvFile
{
	HvFormat	format;
	int			n;				/* rows */
	int			dim;			/* values of a row */
	const uint8_t *bytes;		/* the whole file */
	size_t		size;
} HvFile;

/* Opens a file by its name's ending; ends the program where it cannot be read. */
extern HvFile *HvFileOpen(const char *path);

/* row i of any of the first three formats, as dim floats */
extern void HvFileRow(const HvFile *file, int64_t i, float *out);

/* the neighbours of query i and their distances, dim each (.ibin only) */
extern const int32_t *HvFileNeighbours(const HvFile *file, int64_t i);
extern const float *HvFileDistances(const HvFile *file, int64_t i);

/*
 * Writing: an .fbin row by row (as many HvFbinAppend as HvFbinCreate was told),
 * an .ibin at once.  Every write error ends the program.
 */
extern FILE *HvFbinCreate(const char *path, int n, int dim);
extern void HvFbinAppend(FILE *file, const float *rows, int nrows, int dim);
extern void HvFbinFinish(FILE *file, const char *path);
extern void HvIbinWrite(const char *path, int n, int k,
						const int32_t *ids, const float *distances);

#endif							/* HVFORMATS_H */
