/*-------------------------------------------------------------------------
 *
 * layoutrank.c
 *	  At what place does each way to estimate distances put the true neighbours?
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/layoutrank.c
 *
 *-------------------------------------------------------------------------
 */
#include "layoutrank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hvtool.h"

#define MAX_LEAF_TUPLES 1024

/*
 * Steps of the uniform quantisers with the least error for a Gaussian, in
 * standard deviations, and their largest value.
 */
static const float refine_step[2] = {0.9957f, 0.3352f};
static const int refine_top[2] = {3, 15};

void
LayoutCodesMake(const LayoutSet *set, LayoutCodes *codes)
{
	for (int c = 0; c < 2; c++)
	{
		codes->values[c] = HvAlloc((size_t) set->n * set->bits);
		codes->scale[c] = HvAlloc(sizeof(float) * (size_t) set->n);
		for (int row = 0; row < set->n; row++)
		{
			const float *x = set->rows + (size_t) row * set->bits;
			int8_t	   *v = codes->values[c] + (size_t) row * set->bits;
			float		norm2 = set->factors[row].norm2;
			float		inverse = (norm2 > 0.0f) ?
				sqrtf((float) set->bits / norm2) / refine_step[c] : 0.0f;
			int			top = refine_top[c];
			double		product = 0.0;

			for (int i = 0; i < set->bits; i++)
			{
				int			value = 2 * (int) floorf(x[i] * inverse) + 1;

				value = (value > top) ? top : value;
				value = (value < -top) ? -top : value;
				v[i] = (int8_t) value;
				product += x[i] * (float) value;
			}
			codes->scale[c][row] = (product > 0.0) ? (float) (norm2 / product) : 0.0f;
		}
	}
}

/*
 * Estimates for the tuples of one leaf by codes of their residuals: the query
 * is prepared once, what belongs to the leaf is added behind.
 */
static void
estimate_residuals(const LayoutTree *tree, const LayoutQuery *query, int leaf,
				   const int *rows, int n, float *out)
{
	const LayoutSet *set = tree->set;
	int			bits = set->bits;
	const float *center = tree->levels[0].centroids + (size_t) leaf * bits;
	float		to_center = HvKernel->l2_squared(query->q, center, bits);
	static float residual[HV_MAX_CODE_BITS];
	static float decoded[HV_MAX_CODE_BITS];
	uint8_t		code[HV_MAX_CODE_BYTES];

	for (int i = 0; i < n; i++)
	{
		const float *x = set->rows + (size_t) rows[i] * bits;
		HvCodeFactors factors;
		uint16_t	w;
		float		with_query;
		float		with_center;

		for (int d = 0; d < bits; d++)
			residual[d] = x[d] - center[d];
		HvCodeEncode(residual, bits, code, &factors);
		HvCodeDecode(code, &factors, bits, decoded);
		HvKernel->hamming_planes(code, 1, bits / 8, query->code->planes, &w);
		with_query = factors.scale * query->code->step * (float) (15 * bits - 2 * (int) w) / 2.0f;
		/* a float stored beside the code in a real leaf */
		with_center = HvKernel->inner_product(decoded, center, bits);
		out[i] = factors.norm2 + to_center - 2.0f * (with_query - with_center);
	}
}

static void
estimate_row(const LayoutSet *set, const LayoutCodes *codes, const LayoutQuery *query,
			 int row, LayoutCandidate *candidate)
{
	int			bits = set->bits;
	const uint8_t *code = set->codes + (size_t) row * bits / 8;
	HvCodeFactors f = set->factors[row];
	uint16_t	h;
	uint16_t	w;

	candidate->row = row;
	candidate->exact = HvKernel->l2_squared(query->q, set->rows + (size_t) row * bits, bits);
	HvKernel->hamming(code, 1, bits / 8, HvQueryCodeSigns(query->code), &h);
	HvKernel->hamming_planes(code, 1, bits / 8, query->code->planes, &w);
	candidate->estimate[LAYOUT_HAMMING] = HvEstimateHamming(query->code, f.norm2, sqrtf(f.norm2), h);
	candidate->estimate[LAYOUT_PLANES] = HvEstimatePlanes(query->code, f.norm2, f.scale, w);
	for (int c = 0; codes && c < 2; c++)
	{
		float		product = codes->scale[c][row]
			* HvKernel->inner_product_i8(codes->values[c] + (size_t) row * bits, query->q, bits);

		candidate->estimate[LAYOUT_TWO_BITS + c] = f.norm2 + query->norm2 - 2.0f * product;
	}
}

int
LayoutCollect(const LayoutTree *tree, const LayoutCodes *codes, const LayoutQuery *query,
			  const HvKeyed *leaves, int nleaves, LayoutCandidate *candidates)
{
	static int *seen;
	static int	room = 0;
	static int	stamp = 0;
	const int  *first = tree->levels[0].first;
	int			n = 0;

	if (room < tree->set->n)
	{
		free(seen);
		room = tree->set->n;
		seen = HvAlloc(sizeof(int) * (size_t) room);
	}
	stamp++;
	for (int l = 0; l < nleaves; l++)
	{
		int			leaf = (int) leaves[l].id;
		const int  *rows = tree->members + first[leaf];
		int			count = first[leaf + 1] - first[leaf];
		float		residual[MAX_LEAF_TUPLES];

		if (codes)
			estimate_residuals(tree, query, leaf, rows, count, residual);
		for (int i = 0; i < count; i++)
		{
			if (seen[rows[i]] == stamp)
				continue;
			seen[rows[i]] = stamp;
			estimate_row(tree->set, codes, query, rows[i], &candidates[n]);
			candidates[n].estimate[LAYOUT_RESIDUAL] = codes ? residual[i] : 0.0f;
			n++;
		}
	}
	return n;
}

/* the ranks of the true neighbours of one query, LAYOUT_K for each estimate */
static void
rank_query(const LayoutCandidate *candidates, int n, const int *truth,
		   LayoutRanks *ranks, int first)
{
	for (int t = 0; t < LAYOUT_K; t++)
	{
		int			at = 0;

		while (at < n && candidates[at].row != truth[t])
			at++;
		for (int e = 0; e < LAYOUT_ESTIMATES; e++)
		{
			int			rank = 0;

			for (int i = 0; at < n && i < n; i++)
				rank += candidates[i].estimate[e] < candidates[at].estimate[e];
			ranks->ranks[e][first + t] = (at < n) ? rank : LAYOUT_MISSING;
		}
	}
}

/* adds the shares of the true k nearest that are among the candidates */
static void
add_ceilings(const LayoutCandidate *candidates, int n, const int *truth, int ntruth,
			 double *ceiling)
{
	static int	place[LAYOUT_MAX_K];
	int			met = 0;

	memset(place, 0, sizeof(place));
	for (int i = 0; i < n; i++)
	{
		for (int t = 0; t < ntruth; t++)
		{
			if (candidates[i].row == truth[t])
				place[t] = 1;
		}
	}
	for (int t = 0; t < ntruth; t++)
	{
		met += place[t];
		ceiling[t + 1] += (double) met / (t + 1);
	}
}

LayoutRanks *
LayoutRank(const LayoutTree *tree, const LayoutCodes *codes, const LayoutQueries *queries,
		   LayoutRouting routing, int leaves, LayoutBeam beam)
{
	LayoutRanks *ranks = HvAlloc(sizeof(LayoutRanks));
	LayoutCandidate *candidates = HvAlloc(sizeof(LayoutCandidate) * (size_t) tree->ntuples);
	HvKeyed    *found = HvAlloc(sizeof(HvKeyed) * (size_t) leaves);
	HvQueryCode *code = HvAlloc(sizeof(HvQueryCode));

	ranks->leaves = leaves;
	ranks->nranks = queries->n * LAYOUT_K;
	for (int e = 0; e < LAYOUT_ESTIMATES; e++)
		ranks->ranks[e] = HvAlloc(sizeof(int) * (size_t) ranks->nranks);

	for (int i = 0; i < queries->n; i++)
	{
		LayoutQuery query = {queries->rows + (size_t) i * tree->set->bits, code, 0.0f};
		const int  *truth = queries->truth + (size_t) i * LAYOUT_MAX_K;
		LayoutCost	cost;
		int			nleaves;
		int			n;

		HvQueryCodePrepare(query.q, tree->set->bits, code);
		query.norm2 = code->norm2;
		nleaves = LayoutTreeDescend(tree, &query, routing, leaves, beam, found, &cost);
		n = LayoutCollect(tree, codes, &query, found, nleaves, candidates);
		rank_query(candidates, n, truth, ranks, i * LAYOUT_K);
		add_ceilings(candidates, n, truth, queries->ntruth, ranks->ceiling);
		ranks->inner_pages += cost.pages;
		ranks->inner_codes += cost.codes;
		ranks->leaf_pages += nleaves;
		for (int l = 0; l < nleaves; l++)
			ranks->codes += tree->levels[0].first[found[l].id + 1] - tree->levels[0].first[found[l].id];
	}
	ranks->inner_pages /= queries->n;
	ranks->inner_codes /= queries->n;
	ranks->leaf_pages /= queries->n;
	ranks->codes /= queries->n;
	for (int k = 1; k <= queries->ntruth; k++)
		ranks->ceiling[k] /= queries->n;
	free(candidates);
	free(found);
	free(code);
	return ranks;
}

void
LayoutRanksFree(LayoutRanks *ranks)
{
	for (int e = 0; e < LAYOUT_ESTIMATES; e++)
		free(ranks->ranks[e]);
	free(ranks);
}
