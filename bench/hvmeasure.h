/*-------------------------------------------------------------------------
 *
 * hvmeasure.h
 *	  Runs queries against a table and measures what comes back and when.
 *
 * NOTES
 *	  One connection, one prepared statement, the vector as a binary parameter,
 *	  ids as a binary result.  A time is that of one execution as the client
 *	  sees it.  What tells where the time went (hvtree_last_scan) is asked for
 *	  in a pass of its own, so that asking costs the measured pass nothing.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvmeasure.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVMEASURE_H
#define HVMEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "hvcreate.h"
#include "hvformats.h"
#include "hvsource.h"

/* the query vectors as parameters, and their true neighbours */
typedef struct HvQueries
{
	int			n;
	size_t		size;			/* bytes of one parameter */
	uint8_t    *parameters;		/* n * size */
	HvFile	   *truth;			/* NULL: not known */
} HvQueries;

/*
 * From a source and an .ibin file (or NULL); at most limit of them, 0 = all.  The
 * parameters are of the type of the column that they are for.
 */
extern HvQueries *HvQueriesOpen(const char *source, const char *truth, int limit, HvForm form);

/* what hvtree_last_scan() tells, in the order of its query in hvmeasure.c */
enum
{
	HV_PHASE_PREPARE,			/* microseconds */
	HV_PHASE_TREE,
	HV_PHASE_LEAVES,
	HV_PHASE_RERANK,
	HV_PHASE_INNER_PAGES,		/* counts */
	HV_PHASE_LEAF_PAGES,
	HV_PHASE_CODES,
	HV_PHASE_CANDIDATES,
	HV_PHASE_FETCHES,
	HV_PHASE_HITS,
	HV_PHASE_READS,
	HV_PHASES
};

/* shares 0, 1/200, 2/200, ... 1 */
#define HV_QUANTILES	201

/* a name of PostgreSQL and its end */
#define HV_NAME_SIZE	64

/* negative: not known */
typedef struct HvMeasure
{
	bool		indexed;		/* the plan has an index scan */
	char		index[HV_NAME_SIZE];	/* of this index */
	double		recall;			/* of the k that were asked for */
	double		recall100;		/* of 100 */
	double		rows;			/* mean rows returned */
	double		missing;		/* queries that returned fewer rows than there are */
	double		p50,			/* milliseconds */
				p95,
				p99;
	double		qps;			/* one client */
	double		p50_100;		/* LIMIT 100 */
	double		exact_p50;		/* the same rows by sequential scan */
	double		phases[HV_PHASES];	/* medians */
	double		mean_codes;		/* leaves differ in size: of this the mean as well */
	int			queries;		/* times measured */
	double		quantiles[HV_QUANTILES];	/* of the times, milliseconds */
} HvMeasure;

#define HV_FEWEST_QUERIES	50

typedef struct HvMeasureJob
{
	const HvTarget *target;
	const HvQueries *queries;
	int			k;
	int			repeat;			/* measured passes */
	bool		sequential;		/* without the index */
	bool		brief;			/* not also LIMIT 100 */
	bool		distance;		/* the distance is selected as well */
	bool		bare;			/* times and recall, nothing else */
	int			warm;			/* queries before the measured ones; 0: all; -1: none */
	double		seconds;		/* ends a pass after so long, at the earliest after
								 * HV_FEWEST_QUERIES; 0: never */
	const char *filter;			/* SQL condition, or NULL */
	int			nsettings;
	const char *const *settings;	/* "name=value", besides the target's */
} HvMeasureJob;

/* Warms up, then measures. */
extern HvMeasure HvMeasureRun(const HvMeasureJob *job);

/*
 * The same with a filter: the true answer is not known beforehand, so each query
 * runs by sequential scan first.  recall counts rows no farther than the true
 * k-th.
 */
extern HvMeasure HvMeasureFiltered(const HvMeasureJob *job);

#endif							/* HVMEASURE_H */
