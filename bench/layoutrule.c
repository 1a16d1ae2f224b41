/*-------------------------------------------------------------------------
 *
 * layoutrule.c
 *	  Rules by which a scan may choose for itself how much to read.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/layoutrule.c
 *
 *-------------------------------------------------------------------------
 */
#include "layoutrule.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hvtool.h"

/* wide enough for the rules to be about leaves only */
static const LayoutBeam beam = {.least = 16, .shift = 1};

/* the LAYOUT_K smallest distances so far, largest last */
typedef struct Nearest
{
	float		distance[LAYOUT_K];
	int			row[LAYOUT_K];
	int			n;
} Nearest;

static void
nearest_add(Nearest *nearest, float distance, int row)
{
	int			i = nearest->n;

	if (i == LAYOUT_K)
	{
		if (distance >= nearest->distance[--i])
			return;
	}
	else
		nearest->n++;
	for (; i > 0 && nearest->distance[i - 1] > distance; i--)
	{
		nearest->distance[i] = nearest->distance[i - 1];
		nearest->row[i] = nearest->row[i - 1];
	}
	nearest->distance[i] = distance;
	nearest->row[i] = row;
}

static float
nearest_limit(const Nearest *nearest)
{
	return (nearest->n == LAYOUT_K) ? nearest->distance[LAYOUT_K - 1] : FLT_MAX;
}

/* how many of the true nearest are in it? */
static int
nearest_hits(const Nearest *nearest, const int *truth)
{
	int			hits = 0;

	for (int t = 0; t < LAYOUT_K; t++)
	{
		for (int i = 0; i < nearest->n; i++)
			hits += nearest->row[i] == truth[t];
	}
	return hits;
}

/* the sine of the angle between two vectors of known lengths and squared distance */
static float
sine(float a, float b, float distance)
{
	float		cosine = (a * b > 0.0f) ? (a * a + b * b - distance) / (2.0f * a * b) : 0.0f;

	return sqrtf(fmaxf(1.0f - cosine * cosine, 0.0f));
}

/* reranks by one rule; returns how many it took */
static int
rerank(const LayoutTree *tree, const LayoutQuery *query, const LayoutCandidate *candidates,
	   int n, const LayoutRerankRule *rule, HvKeyed *order, Nearest *nearest)
{
	float		unit = (float) (rule->z * 2.0 * HV_PLANES_ERROR * query->code->norm
								/ sqrt((double) tree->set->bits));
	int			taken;

	for (int i = 0; i < n; i++)
	{
		float		norm = sqrtf(tree->set->factors[candidates[i].row].norm2);

		float		estimate = candidates[i].estimate[LAYOUT_PLANES];
		float		error = unit * norm;

		if (rule->by_angle)
			error *= sine(norm, query->code->norm, estimate);
		order[i].key = estimate - error;
		order[i].id = (uint64_t) i;
	}
	HvSortKeyed(order, n);
	nearest->n = 0;
	for (taken = 0; taken < n && order[taken].key <= nearest_limit(nearest); taken++)
		nearest_add(nearest, candidates[order[taken].id].exact, candidates[order[taken].id].row);
	return taken;
}

void
LayoutRerankTry(const LayoutTree *tree, const LayoutQueries *queries, int leaves,
				LayoutRerankRule *rules, int nrules)
{
	LayoutCandidate *candidates = HvAlloc(sizeof(LayoutCandidate) * (size_t) tree->ntuples);
	HvKeyed    *order = HvAlloc(sizeof(HvKeyed) * (size_t) tree->ntuples);
	HvKeyed    *found = HvAlloc(sizeof(HvKeyed) * (size_t) leaves);
	HvQueryCode *code = HvAlloc(sizeof(HvQueryCode));
	double	   *taken = HvAlloc(sizeof(double) * (size_t) (queries->n * nrules));
	const LayoutRerankRule all = {.z = 1e6};
	int			held = 0;

	for (int r = 0; r < nrules; r++)
		rules[r].lost = rules[r].mean = 0.0;
	for (int i = 0; i < queries->n; i++)
	{
		LayoutQuery query = {queries->rows + (size_t) i * tree->set->bits, code, 0.0f};
		const int  *truth = queries->truth + (size_t) i * LAYOUT_MAX_K;
		LayoutCost	cost;
		Nearest		nearest;
		int			n;
		int			best;

		HvQueryCodePrepare(query.q, tree->set->bits, code);
		query.norm2 = code->norm2;
		n = LayoutTreeDescend(tree, &query, LAYOUT_ROUTE_HAMMING, leaves, beam, found, &cost);
		n = LayoutCollect(tree, NULL, &query, found, n, candidates);
		rerank(tree, &query, candidates, n, &all, order, &nearest);
		best = nearest_hits(&nearest, truth);
		held += best;
		for (int r = 0; r < nrules; r++)
		{
			int			t = rerank(tree, &query, candidates, n, &rules[r], order, &nearest);

			taken[r * queries->n + i] = t;
			rules[r].mean += (double) t / queries->n;
			rules[r].lost += best - nearest_hits(&nearest, truth);
		}
	}
	for (int r = 0; r < nrules; r++)
	{
		rules[r].lost /= held;
		HvSortDoubles(taken + r * queries->n, queries->n);
		rules[r].p95 = HvPercentile(taken + r * queries->n, queries->n, 0.95);
	}
	free(candidates);
	free(order);
	free(found);
	free(code);
	free(taken);
}

/* does the rule stop before this leaf? */
static bool
stops(const LayoutStopRule *rule, float distance2, float radius2, float limit2)
{
	if (!rule->by_radius)
		return distance2 > rule->factor * limit2;
	distance2 = fmaxf(distance2, 0.0f);
	return distance2 + radius2 - limit2 > rule->factor * 2.0 * sqrt((double) distance2 * radius2);
}

/* the leaves of one query, one by one, for all rules at once */
static void
stop_query(const LayoutTree *tree, const LayoutQuery *query, const int *truth,
		   const HvKeyed *found, int nfound, LayoutStopRule *rules, int nrules,
		   LayoutCandidate *candidates, double *leaves, int nqueries)
{
	bool		done[64] = {false};
	Nearest		nearest = {.n = 0};

	for (int l = 0; l <= nfound; l++)
	{
		int			n;

		for (int r = 0; r < nrules; r++)
		{
			if (!done[r] && (l == nfound ||
							 (l >= rules[r].least &&
							  stops(&rules[r], found[l].key, tree->radius2[found[l].id],
									nearest_limit(&nearest)))))
			{
				done[r] = true;
				leaves[r * nqueries] = l;
				rules[r].mean += (double) l / nqueries;
				rules[r].recall += (double) nearest_hits(&nearest, truth) / LAYOUT_K / nqueries;
			}
		}
		if (l == nfound)
			break;
		n = LayoutCollect(tree, NULL, query, found + l, 1, candidates);
		for (int i = 0; i < n; i++)
		{
			bool		known = false;

			for (int k = 0; k < nearest.n; k++)
				known = known || nearest.row[k] == candidates[i].row;
			if (!known)
				nearest_add(&nearest, candidates[i].exact, candidates[i].row);
		}
	}
}

void
LayoutStopTry(const LayoutTree *tree, const LayoutQueries *queries, int most,
			  LayoutStopRule *rules, int nrules)
{
	LayoutCandidate *candidates = HvAlloc(sizeof(LayoutCandidate) * 4096);
	HvKeyed    *found = HvAlloc(sizeof(HvKeyed) * (size_t) most);
	HvQueryCode *code = HvAlloc(sizeof(HvQueryCode));
	double	   *leaves = HvAlloc(sizeof(double) * (size_t) (queries->n * nrules));

	for (int r = 0; r < nrules; r++)
		rules[r].recall = rules[r].mean = 0.0;
	for (int i = 0; i < queries->n; i++)
	{
		LayoutQuery query = {queries->rows + (size_t) i * tree->set->bits, code, 0.0f};
		LayoutCost	cost;
		int			n;

		HvQueryCodePrepare(query.q, tree->set->bits, code);
		query.norm2 = code->norm2;
		n = LayoutTreeDescend(tree, &query, LAYOUT_ROUTE_HAMMING, most, beam, found, &cost);
		stop_query(tree, &query, queries->truth + (size_t) i * LAYOUT_MAX_K, found, n,
				   rules, nrules, candidates, leaves + i, queries->n);
	}
	for (int r = 0; r < nrules; r++)
	{
		HvSortDoubles(leaves + r * queries->n, queries->n);
		rules[r].p95 = HvPercentile(leaves + r * queries->n, queries->n, 0.95);
	}
	free(candidates);
	free(found);
	free(code);
	free(leaves);
}
