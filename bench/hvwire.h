/*-------------------------------------------------------------------------
 *
 * hvwire.h
 *	  PostgreSQL's binary forms of what the programs send: vectors as real[] or
 *	  as pgvector's type vector, and COPY BINARY streams of rows.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvwire.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVWIRE_H
#define HVWIRE_H

#include <stddef.h>
#include <stdint.h>

#include "hvsource.h"

/* type numbers of the catalog, fixed for all time */
#define HV_TYPE_REAL		700
#define HV_TYPE_REAL_ARRAY	1021

/* the type that a column of vectors has */
typedef enum HvForm
{
	HV_FORM_REAL,				/* real[] */
	HV_FORM_VECTOR				/* vector, of the extension pgvector */
} HvForm;

/* "real" or "vector", or the end of the program */
extern HvForm HvParseForm(const char *text);

/* bytes of a vector of n values */
extern size_t HvWireVectorSize(HvForm form, int n);

/* Writes the vector at out; returns the byte behind it. */
extern uint8_t *HvWireVector(HvForm form, const float *values, int n, uint8_t *out);

/* an int8 as results bring it */
extern int64_t HvWireReadInt8(const char *bytes);

/* takes bytes of a stream, in order; ends the program where it cannot */
typedef void (*HvSink) (void *target, const void *bytes, size_t size);

/* rows of COPY: id int8, embedding, and if there are categories category int4 */
typedef struct HvRowShape
{
	HvForm		form;
	int			categories;		/* category is id modulo this; 0: no such column */
} HvRowShape;

/*
 * A whole COPY BINARY stream: all rows of the source, ids from 0.  label, if not
 * NULL, makes it tell stderr every few seconds how far it is.
 */
extern void HvWireCopy(const HvSource *source, HvRowShape shape, HvSink sink, void *target,
					   const char *label);

#endif							/* HVWIRE_H */
