/*-------------------------------------------------------------------------
 *
 * hvmodel.h
 *	  A model of text embeddings: vectors that are as hard to search as real
 *	  ones, in any number.
 *
 * NOTES
 *	  Uniform or plain Gaussian vectors mislead: in many dimensions all their
 *	  neighbours are about equally far.  Here a row is
 *
 *		y = mean + c1[a] + c2[a,b] + c3[a,b,c] + t * local[a] + floor
 *		x = R y / |y|
 *
 *	  with the traits that real embeddings show: a common mean direction;
 *	  clusters in three levels (30 areas, 40 topics each, 20 subjects each) of
 *	  very uneven sizes; inside a cluster variation along few directions with
 *	  a power-law spectrum, which directions differing from area to area;
 *	  tight and loose points (t is log-normal); a small isotropic floor; and
 *	  equal weight on every coordinate, which the rotation R sees to.
 *
 *	  Row i of a stream is a function of (seed, stream, i) alone.  The model is
 *	  read-only once made, any number of threads may share it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvmodel.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMODEL_H
#define HVMODEL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct HvModel HvModel;

/* queries have the distribution of the base, and no row of it */
typedef enum HvStream
{
	HV_STREAM_BASE = 1,
	HV_STREAM_QUERY = 2
} HvStream;

#define HV_MODEL_MAX_DIM	16000

/* Takes about 100 kB a dimension, and a tenth of a second at 1024. */
extern HvModel *HvModelCreate(int dim, uint64_t seed);

/* was it made from these? */
extern bool HvModelIs(const HvModel *model, int dim, uint64_t seed);

/* row i of a stream: dim floats of unit length */
extern void HvModelRow(const HvModel *model, HvStream stream, int64_t i, float *out);

#endif							/* HVMODEL_H */
