/*-------------------------------------------------------------------------
 *
 * hvquery.h
 *	  A vector prepared for being compared with the codes of an index.
 *
 * NOTES
 *	  While an index goes from one mean to another (hvconvert.h), it has pages
 *	  with codes about either of them.  A query is then prepared for both:
 *	  distances do not depend on the mean, so those of two pages can be
 *	  compared.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvquery.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVQUERY_H
#define HVQUERY_H

#include "postgres.h"

#include "arithmetic/hvcode.h"

typedef struct HvQuery
{
	uint16		mean_version;	/* the mean that the index uses now */
	bool		has_old;		/* "old" is prepared too */
	HvQueryCode code;
	HvQueryCode *old;			/* about the mean before, allocated when needed */
} HvQuery;

/*
 * Prepares o (bits floats, about the mean of this mean version).  shift is what
 * must be added to o to have it about the mean before, NULL if no page needs
 * that.  Memory is taken from the current context the first time that it is
 * needed.
 */
extern void HvQueryPrepare(HvQuery *query, const float *o, int bits, uint16 mean_version,
						   const float *shift);

/* The code to compare with a page of this mean version, NULL = neither. */
static inline const HvQueryCode *
HvQueryFor(const HvQuery *query, uint16 mean_version)
{
	if (likely(mean_version == query->mean_version))
		return &query->code;
	return query->has_old && (uint16) (mean_version + 1) == query->mean_version ? query->old : NULL;
}

#endif							/* HVQUERY_H */
