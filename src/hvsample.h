/*-------------------------------------------------------------------------
 *
 * hvsample.h
 *	  What a build must know of a table before it reads all of it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvsample.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSAMPLE_H
#define HVSAMPLE_H

#include "hvbuildstate.h"

/* what a look at some blocks tells */
typedef struct HvSurvey
{
	int			dim;			/* 0 = no row found */
	double		rows;			/* estimated, in the whole table */
	float		max_norm;		/* inner product: M, with some headroom */
	float	   *mean;			/* center_dims floats, NULL if no row */
} HvSurvey;

/*
 * Looks at some blocks (at all, where some show no row).  Errors if two rows
 * differ in dimension.  Memory is taken from build->context.
 */
extern void HvSampleSurvey(HvBuild *build, HvSurvey *survey);

/*
 * Fills vectors (capacity set by the caller) with a uniform sample of the
 * rows of the table, projected into the tree space of the build.
 */
extern void HvSampleVectors(HvBuild *build, HvVectors *vectors);

#endif							/* HVSAMPLE_H */
