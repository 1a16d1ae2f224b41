/*-------------------------------------------------------------------------
 *
 * hvsample.h
 *	  What a build must know of a table before it reads all of it.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvsample.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSAMPLE_H
#define HVSAMPLE_H

#include "arithmetic/hvspace.h"
#include "build/hvbuildparallel.h"

/* what a look at some blocks tells */
typedef struct HvSurvey
{
	int			dim;			/* 0 = no row found, all blocks having been read */
	double		rows;			/* estimated, in the index */
	double		heap_rows;		/* of the table, in the blocks that were read */
	HvSpaceLengths lengths;
	float	   *mean;			/* center_dims floats, NULL if no row */
} HvSurvey;

/*
 * Looks at some blocks (at all, where some show no row).  Errors if two rows
 * differ in dimension.  Memory is taken from build->context.
 */
extern void HvSampleSurvey(HvBuild *build, HvSurvey *survey);

/* members of a node that is to be divided */
typedef struct HvSpan
{
	int			start;			/* of members */
	int			count;
	int			leaves;			/* wanted below it */
} HvSpan;

/*
 * A sample of the rows in the tree space, and what clustering keeps for each
 * of them.  All of it lies in HV_REGION_SAMPLE; each participant has an
 * HvSample of its own that points there.
 */
typedef struct HvSample
{
	HvVectors	vectors;		/* in the order of the table */
	uint64	   *rows;			/* their row pointers */
	int		   *members;		/* vectors to be clustered: those of a cluster adjoin */
	int		   *leaves;			/* of the member at this place */
	int		   *starts;			/* leaf i is members[starts[i] .. starts[i + 1] - 1] */
	uint8	   *cuts;			/* 1 where a cluster of members begins */
	HvSpan	   *spans;			/* nodes of the level in work */
	int			span_capacity;
	float	   *centroids;		/* of the node that all work on: inner_capacity vectors */
} HvSample;

/* bytes of the region for each row */
extern Size HvSampleRowSize(const HvLayout *layout);

/*
 * Makes the region, with room for capacity rows, and fills it with a uniform
 * sample of the rows of the table.  Leader only.
 */
extern void HvSampleTake(HvBuild *build, int capacity, HvSample *sample);

/* The sample in the region, for a participant. */
extern void HvSampleMap(const HvBuild *build, HvSample *sample);

/* Bytes of the region that holds so many rows. */
extern Size HvSampleSize(const HvLayout *layout, int capacity);

/* The same where there may be none any more: false then. */
extern bool HvSampleKept(const HvBuild *build, HvSample *sample);

/*
 * The number of the vector of a row (HvRowPack), -1 if it is not in the
 * sample.  It takes no search where *next, which is for the caller to set to 0
 * and to keep, was left behind by the row before.
 */
extern int	HvSampleFind(const HvSample *sample, uint64 row, int *next);

/* HV_JOB_SAMPLE */
extern void HvSampleWork(HvBuild *build, const HvJob *job);

#endif							/* HVSAMPLE_H */
