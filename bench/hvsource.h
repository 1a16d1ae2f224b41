/*-------------------------------------------------------------------------
 *
 * hvsource.h
 *	  Where vectors come from: a file or the model, named by one string.
 *
 * NOTES
 *	  A name is the path of a vector file (hvformats.h), or
 *
 *		model:ROWS:DIM:SEED
 *
 *	  for generated rows, which are made when they are asked for and stored
 *	  nowhere.  A source is read-only; any number of threads may share it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvsource.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSOURCE_H
#define HVSOURCE_H

#include <stdint.h>

#include "hvformats.h"
#include "hvmodel.h"

typedef struct HvSource
{
	int64_t		n;				/* rows */
	int			dim;
	HvStream	stream;			/* of the model */
	HvModel    *model;			/* NULL for a file */
	HvFile	   *file;			/* NULL for the model */
} HvSource;

/* Opens a source by name; "like" may be one that shares its model, or NULL. */
extern HvSource *HvSourceOpen(const char *name, HvStream stream, const HvSource *like);

/* rows first .. first + count - 1, dim floats each, without gaps */
extern void HvSourceRows(const HvSource *source, int64_t first, int count, float *out);

/* all rows, as one array of n * dim floats that is the caller's */
extern float *HvSourceAll(const HvSource *source);

#endif							/* HVSOURCE_H */
