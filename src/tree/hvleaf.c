/*-------------------------------------------------------------------------
 *
 * hvleaf.c
 *	  Scoring the tuples of one leaf page.
 *
 * NOTES
 *	  Two looks at the same code bytes: Hamming distance for all of them, one
 *	  kernel call a page, then the asymmetric estimate, four times the work, for
 *	  those that could still get among the best.  Those that could not keep
 *	  their first estimate: a scan that goes on takes them later.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvleaf.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "arithmetic/hvspace.h"
#include "tree/hvleaf.h"

#define MAX_TUPLES	(BLCKSZ / sizeof(HvLeafEntryData))

/*
 * A key that may be compared with others.  Under inner product a vector longer
 * than the longest that the index has seen was coded as a shorter one.
 */
static inline float
comparable_key(const HvLeafScorer *scorer, const HvLeafEntryData *entry, float key)
{
	if (entry->length_class > 0)
		key = HvSpaceStretch(scorer->max_norm, entry->length_class, key);
	return isfinite(key) ? key : FLT_MAX;
}

/*
 * Fills keys from plain Hamming distances; returns how many are below cutoff.
 */
static int
score_hamming(HvLeafScorer *scorer, const HvQueryCode *query, Page page, int n,
			  HvCandidate *out)
{
	float		error = scorer->margin * 2.0f * HV_HAMMING_ERROR / sqrtf((float) query->bits);
	uint16		distances[MAX_TUPLES];
	int			promising = 0;

	HvKernel->hamming(HvPageCodes(page), n, query->bytes, HvQueryCodeSigns(query), distances);
	for (int i = 0; i < n; i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, scorer->layout, i);
		float		norm = sqrtf(entry->factors.norm2);
		float		estimate = HvEstimateHamming(query, entry->factors.norm2, norm,
												 distances[i]);

		out[i].key = comparable_key(scorer, entry,
									HvLowerBound(query, entry->factors.norm2, estimate,
												 error));
		out[i].extra = entry->flags;
		out[i].id = HvRowPack(&entry->tid);
		promising += out[i].key <= scorer->cutoff;
	}
	return promising;
}

/* Replaces the key of tuple i by one from the asymmetric estimate. */
static inline void
refine(HvLeafScorer *scorer, const HvQueryCode *query, Page page, int i, uint16 sum,
	   HvCandidate *candidate)
{
	const HvLeafEntryData *entry = HvPageLeafEntry(page, scorer->layout, i);
	const HvCodeFactors *factors = &entry->factors;
	float		error = scorer->margin * 2.0f * HV_PLANES_ERROR / sqrtf((float) query->bits);
	float		estimate = HvEstimatePlanes(query, factors->norm2, factors->scale, sum);

	candidate->key = comparable_key(scorer, entry,
									HvLowerBound(query, factors->norm2, estimate, error));
}

/*
 * Fills keys from codes that hold values: every one is as fine as any could
 * be.
 */
static void
score_values(HvLeafScorer *scorer, const HvQueryCode *query, Page page, int n,
			 HvCandidate *out)
{
	for (int i = 0; i < n; i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry(page, scorer->layout, i);
		float		scale = entry->factors.scale;
		float		square = HvValuesSquare(query, HvPageCodes(page) + i * query->bytes, scale);

		out[i].key = comparable_key(scorer, entry, HvValuesLowerBound(query, square, scale));
		out[i].extra = entry->flags;
		out[i].id = HvRowPack(&entry->tid);
	}
	scorer->refined += n;
}

int
HvLeafScore(HvLeafScorer *scorer, Page page, HvCandidate *out)
{
	int			n = HvPageCount(page);
	const HvQueryCode *query = HvQueryFor(scorer->query, HvPageGetOpaque(page)->mean_version);
	bool		is_known = query != NULL;
	int			bytes = scorer->layout->code_bytes;
	int			promising;
	uint16		sums[MAX_TUPLES];

	Assert(HvPageKindOf(page) == HV_PAGE_LEAF);
	Assert(n <= scorer->layout->leaf_capacity && n <= MAX_TUPLES);	/* I10 */
	scorer->codes += n;
	if (!is_known)
		query = &scorer->query->code;
	if (is_known && HvCodeHoldsValues(query->bits))
	{
		score_values(scorer, query, page, n, out);
		return n;
	}
	promising = score_hamming(scorer, query, page, n, out);

	if (!is_known)
	{
		/* codes about another mean are of no use: rerank these rows first */
		for (int i = 0; i < n; i++)
			out[i].key = 0;
		return n;
	}

	/* one call for the page is cheaper than calls for a third of its codes */
	scorer->refined += promising;
	if (promising * 3 > n)
	{
		HvKernel->hamming_planes(HvPageCodes(page), n, bytes, query->planes, sums);
		for (int i = 0; i < n; i++)
			refine(scorer, query, page, i, sums[i], &out[i]);
		return n;
	}
	for (int i = 0; i < n && promising > 0; i++)
	{
		if (out[i].key > scorer->cutoff)
			continue;
		HvKernel->hamming_planes(HvPageCodes(page) + i * bytes, 1, bytes,
								 query->planes, sums);
		refine(scorer, query, page, i, sums[0], &out[i]);
		promising--;
	}
	return n;
}
