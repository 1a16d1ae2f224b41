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

/* the tuples of a page that are scored */
typedef struct Scored
{
	Page		page;
	const HvLayout *layout;
	int			n;
	const uint8 *codes;			/* without gaps */
	const uint16 *places;		/* their numbers on the page; NULL = it is all of them */
} Scored;

static inline const HvLeafEntryData *
scored_entry(const Scored *scored, int i)
{
	return HvPageLeafEntry(scored->page, scored->layout,
						   scored->places ? scored->places[i] : i);
}

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
score_hamming(HvLeafScorer *scorer, const HvQueryCode *query, const Scored *scored,
			  HvCandidate *out)
{
	float		error = scorer->margin * 2.0f * HV_HAMMING_ERROR / sqrtf((float) query->bits);
	uint16		distances[MAX_TUPLES];
	int			promising = 0;

	HvKernel->hamming(scored->codes, scored->n, query->bytes, HvQueryCodeSigns(query),
					  distances);
	for (int i = 0; i < scored->n; i++)
	{
		const HvLeafEntryData *entry = scored_entry(scored, i);
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

/* Replaces the key of a tuple by one from the asymmetric estimate. */
static inline void
refine(HvLeafScorer *scorer, const HvQueryCode *query, const HvLeafEntryData *entry,
	   uint16 sum, HvCandidate *candidate)
{
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
score_values(HvLeafScorer *scorer, const HvQueryCode *query, const Scored *scored,
			 HvCandidate *out)
{
	for (int i = 0; i < scored->n; i++)
	{
		const HvLeafEntryData *entry = scored_entry(scored, i);
		float		scale = entry->factors.scale;
		float		square = HvValuesSquare(query, scored->codes + i * query->bytes, scale);

		out[i].key = comparable_key(scorer, entry, HvValuesLowerBound(query, square, scale));
		out[i].extra = entry->flags;
		out[i].id = HvRowPack(&entry->tid);
	}
	scorer->refined += scored->n;
}

/* The asymmetric estimate of those codes that could be among the best. */
static void
refine_promising(HvLeafScorer *scorer, const HvQueryCode *query, const Scored *scored,
				 int promising, HvCandidate *out)
{
	int			bytes = scorer->layout->code_bytes;
	uint16		sums[MAX_TUPLES];

	/* one call for the page is cheaper than calls for a third of its codes */
	scorer->refined += promising;
	if (promising * 3 > scored->n)
	{
		HvKernel->hamming_planes(scored->codes, scored->n, bytes, query->planes, sums);
		for (int i = 0; i < scored->n; i++)
			refine(scorer, query, scored_entry(scored, i), sums[i], &out[i]);
		return;
	}
	for (int i = 0; i < scored->n && promising > 0; i++)
	{
		if (out[i].key > scorer->cutoff)
			continue;
		HvKernel->hamming_planes(scored->codes + i * bytes, 1, bytes, query->planes, sums);
		refine(scorer, query, scored_entry(scored, i), sums[0], &out[i]);
		promising--;
	}
}

static void
score(HvLeafScorer *scorer, const Scored *scored, HvCandidate *out)
{
	const HvQueryCode *query =
		HvQueryFor(scorer->query, HvPageGetOpaque(scored->page)->mean_version);
	bool		is_known = query != NULL;
	int			promising;

	if (!is_known)
		query = &scorer->query->code;
	if (is_known && HvCodeHoldsValues(query->bits))
	{
		score_values(scorer, query, scored, out);
		return;
	}
	promising = score_hamming(scorer, query, scored, out);
	if (is_known)
	{
		refine_promising(scorer, query, scored, promising, out);
		return;
	}
	/* codes about another mean are of no use: rerank these rows first */
	for (int i = 0; i < scored->n; i++)
		out[i].key = 0;
}

/* Scores the tuples that pass the conditions: their codes are copied together. */
static int
score_passing(HvLeafScorer *scorer, Page page, HvCandidate *out)
{
	const HvLayout *layout = scorer->layout;
	uint16		places[MAX_TUPLES];
	PGAlignedBlock codes;
	Scored		scored = {.page = page, .layout = layout, .codes = (uint8 *) codes.data};

	scored.n = HvConditionsSelect(scorer->conditions, page, layout, places);
	if (scored.n == 0)
		return 0;
	scored.places = places;
	for (int i = 0; i < scored.n; i++)
		memcpy(codes.data + i * layout->code_bytes,
			   HvPageCodes(page) + places[i] * layout->code_bytes, layout->code_bytes);
	score(scorer, &scored, out);
	return scored.n;
}

int
HvLeafScore(HvLeafScorer *scorer, Page page, HvCandidate *out)
{
	Scored		all = {
		.page = page, .layout = scorer->layout, .n = HvPageCount(page),
		.codes = HvPageCodes(page)
	};
	int			n = all.n;

	Assert(HvPageKindOf(page) == HV_PAGE_LEAF);
	Assert(n <= scorer->layout->leaf_capacity && n <= MAX_TUPLES);	/* I10 */
	scorer->tuples += n;
	if (scorer->conditions)
		n = score_passing(scorer, page, out);
	else
		score(scorer, &all, out);
	scorer->codes += n;
	return n;
}
