/*-------------------------------------------------------------------------
 *
 * hvoptions.h
 *	  What a user may set: hvtree.* settings and index options.
 *
 * NOTES
 *	  Every default is defined here, once.  A value is never refused for its
 *	  size, it is clamped where it is used; 0 or -1 means automatic.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvoptions.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVOPTIONS_H
#define HVOPTIONS_H

#include "postgres.h"

#include "utils/relcache.h"

#include "page/hvpage.h"

/* how a build lays out the tree; part of the index from then on */
typedef struct HvBuildOptions
{
	int			branching;		/* children of an inner page, 0 = what fits */
	int			leaf_size;		/* tuples of a leaf, 0 = what fits */
	int			spill;			/* 1 = on, 0 = off, -1 = measure and choose */
	int			kmeans_iterations;	/* 0 = automatic */
	int			sample_factor;	/* sampled rows a leaf, 0 = automatic */
} HvBuildOptions;

/* nodes that a scan opens on each level below the root, the leaves last */
typedef struct HvLevelProbes
{
	int			count;			/* 0 = automatic */
	int			nodes[HV_MAX_LEVEL];
} HvLevelProbes;

/* how a scan looks for rows */
typedef struct HvScanOptions
{
	int			probes;			/* leaves, -1 = automatic */
	int			rerank;			/* rows, -1 = automatic */
	int			max_scan_tuples;	/* heap rows, 0 = no bound */
	double		target_recall;
	HvLevelProbes per_level;
} HvScanOptions;

#define HV_DEFAULT_PROBES			(-1)
#define HV_DEFAULT_RERANK			(-1)
#define HV_DEFAULT_MAX_SCAN_TUPLES	0
#define HV_DEFAULT_TARGET_RECALL	0.95

#define HV_DEFAULT_KMEANS_ITERATIONS 4
#define HV_DEFAULT_SAMPLE_FACTOR	32

/* Defines the settings and the index options; once, from _PG_init. */
extern void HvOptionsDefine(void);

/* amoptions */
extern bytea *hvoptions(Datum reloptions, bool validate);

/* The options of an index, automatic values still as they were given. */
extern void HvOptionsForBuild(Relation index, HvBuildOptions *options);

/* The options of an index for a scan: what the index says, else the settings. */
extern void HvOptionsForScan(Relation index, HvScanOptions *options);

#endif							/* HVOPTIONS_H */
