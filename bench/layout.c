/*-------------------------------------------------------------------------
 *
 * layout.c
 *	  Program: what the ways to code and store rows would cost, on a set of
 *	  vectors, without a server.
 *
 * NOTES
 *	  The set is brought into the tree space, a tree of pages is made of it,
 *	  and for each layout the cheapest way to a wanted recall@10 is looked for:
 *	  leaves, codes kept by each stage, rows fetched from the heap.  Prices are
 *	  those of single actions measured in a server (layoutprice.c).
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/layout.c
 *
 *-------------------------------------------------------------------------
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvexact.h"
#include "hvtool.h"
#include "layoutprice.h"
#include "layoutrule.h"

static const char usage[] =
"Usage: layout --base SOURCE --query SOURCE --metric l2|ip|cosine [option ...]\n"
"\n"
"  --name TEXT     what the set is called in the tables\n"
"  --gt FILE       its exact neighbours (.ibin); searched for where not given\n"
"  --queries N     use the first N of them (default 200)\n"
"  --bits N        least number of code bits (default: that of the extension)\n"
"  --beam N        least number of pages looked into at each inner level (default 16)\n"
"  --shift N       or, if more, the leaves / 2^N, and half as many each level up (default 1)\n"
"  --fill N        per cent of a page that k-means is to give a leaf (default 75)\n"
"  --spill 0|1     one copy of each row, or up to two (default 0)\n"
"  --tsv FILE      add the plans to this file\n"
"  --plans         the plans only\n"
"  --rules         all but the plans\n"
"\n"
"SOURCE is a file (.fbin, .f16bin, .u8bin, each also .gz) or model:ROWS:DIM:SEED.\n";

/* leaves tried */
static const int grid_leaves[] = {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512};

#define NGRID ((int) (sizeof(grid_leaves) / sizeof(grid_leaves[0])))

#define SEED			42
#define MEAN_ROWS		20000

/* a row of the heap, TOASTed and in the page */
#define TOAST_US		7.0
#define PLAIN_US		4.0

typedef struct Options
{
	const char *name;
	const char *base;
	const char *query;
	const char *gt;
	const char *tsv;
	HvMetric	metric;
	int			queries;
	int			bits;
	LayoutBeam	beam;
	int			fill;			/* per cent */
	bool		spill;
	bool		plans;			/* tables wanted */
	bool		rules;
} Options;

/* the way into the tree space, with a width of the caller's choice */
static HvSpace *
make_space(const Options *options, const HvSource *base)
{
	HvSpace    *space = HvAlloc(sizeof(HvSpace));
	float	   *row = HvAlloc(sizeof(float) * (size_t) base->dim);
	float	   *lifted = HvAlloc(sizeof(float) * ((size_t) base->dim + 1));
	float	   *mean = HvAlloc(sizeof(float) * ((size_t) base->dim + 1));
	HvRotation *rotation;
	double		longest = 0.0;
	int			step = (int) (base->n / MEAN_ROWS) + 1;
	int			used = (int) ((base->n + step - 1) / step);

	HvSpaceInit(space, options->metric, base->dim, 0.0f, NULL, NULL);
	if (options->metric == HV_METRIC_IP)
	{
		for (int64_t i = 0; i < base->n; i++)
		{
			HvSourceRows(base, i, 1, row);
			longest = fmax(longest, HvMetricNorm(row, base->dim));
		}
	}
	space->max_norm = (float) longest;
	for (int64_t i = 0; i < base->n; i += step)
	{
		HvSourceRows(base, i, 1, row);
		HvSpaceLift(space, row, lifted);
		for (int d = 0; d < space->center_dims; d++)
			mean[d] += lifted[d] / (float) used;
	}
	space->mean = mean;

	space->rotate_dims = (space->center_dims + 63) / 64 * 64;
	if (space->rotate_dims < options->bits)
		space->rotate_dims = options->bits;
	space->code_bits = (space->rotate_dims < HV_MAX_CODE_BITS) ? space->rotate_dims : HV_MAX_CODE_BITS;
	rotation = HvAlloc(HvRotationSize(space->rotate_dims));
	HvRotationInit(rotation, space->rotate_dims, SEED);
	space->rotation = rotation;
	free(row);
	free(lifted);
	return space;
}

/* n rows of a source -> n * code_bits floats */
static float *
project_all(const HvSpace *space, const HvSource *source, int n, bool queries)
{
	float	   *out = HvAlloc(sizeof(float) * (size_t) n * space->code_bits);
	float	   *row = HvAlloc(sizeof(float) * (size_t) source->dim);
	float	   *image = HvAlloc(sizeof(float) * (size_t) space->rotate_dims);

	for (int i = 0; i < n; i++)
	{
		HvSourceRows(source, i, 1, row);
		if (queries)
			HvSpaceProjectQuery(space, row, image);
		else
			HvSpaceProject(space, row, image);
		memcpy(out + (size_t) i * space->code_bits, image, sizeof(float) * space->code_bits);
	}
	free(row);
	free(image);
	return out;
}

static LayoutSet *
make_set(const HvSpace *space, const HvSource *base)
{
	LayoutSet  *set = HvAlloc(sizeof(LayoutSet));
	int			n = (int) base->n;
	int			bits = space->code_bits;

	set->n = n;
	set->bits = bits;
	set->rows = project_all(space, base, n, false);
	set->vectors.dims = bits;
	set->vectors.count = set->vectors.capacity = n;
	set->vectors.values = HvAlloc((size_t) n * bits);
	set->vectors.factors = HvAlloc(sizeof(HvByteFactors) * (size_t) n);
	set->codes = HvAlloc((size_t) n * bits / 8);
	set->factors = HvAlloc(sizeof(HvCodeFactors) * (size_t) n);
	for (int i = 0; i < n; i++)
	{
		const float *row = set->rows + (size_t) i * bits;

		HvVectorsSet(&set->vectors, i, row);
		HvCodeEncode(row, bits, set->codes + (size_t) i * bits / 8, &set->factors[i]);
	}
	return set;
}

/* the true neighbours of the first n queries, n * LAYOUT_MAX_K, from a file or by search */
static int *
find_truth(const Options *options, const HvSource *base, HvSource *query, int n)
{
	int		   *truth = HvAlloc(sizeof(int) * (size_t) n * LAYOUT_MAX_K);

	if (options->gt)
	{
		HvFile	   *file = HvFileOpen(options->gt);

		if (file->n < n || file->dim < LAYOUT_MAX_K)
			HvDie("%s: too few queries or neighbours", options->gt);
		for (int i = 0; i < n; i++)
			memcpy(truth + (size_t) i * LAYOUT_MAX_K, HvFileNeighbours(file, i),
				   sizeof(int) * LAYOUT_MAX_K);
		HvFileClose(file);
	}
	else
	{
		HvExactJob	job = {.base = base, .query = query, .metric = options->metric,
		.k = LAYOUT_MAX_K, .threads = 1};
		float	   *distances = HvAlloc(sizeof(float) * (size_t) n * LAYOUT_MAX_K);

		query->n = n;
		HvExactRun(&job, truth, distances);
		free(distances);
	}
	return truth;
}

/* how many leaves each k needs, and what other routings would give */
static void
report_leaves(const LayoutTree *tree, const LayoutQueries *queries,
			  LayoutRanks *const *grid, int ngrid)
{
	static const int ks[] = {1, 10, 50, 100};
	static const double recalls[] = {0.90, 0.95, 0.97, 0.98, 0.99};
	static const int compared[] = {2, 4, 8, 16, 32, 64};
	static const LayoutBeam beams[] = {{2, 3}, {4, 3}, {8, 3}, {4, 2}, {8, 2}, {16, 2}, {8, 1}, {16, 1}, {32, 1}};

	printf("leaves (codes) for recall@k\n      k       .90          .95          .97          .98          .99\n");
	for (int i = 0; i < 4; i++)
	{
		printf("%7d", ks[i]);
		for (int r = 0; r < 5; r++)
		{
			int			p = 0;

			while (p < ngrid && grid[p]->ceiling[ks[i]] < recalls[r])
				p++;
			if (p < ngrid)
				printf("  %4d (%5.0f)", grid_leaves[p], grid[p]->codes);
			else
				printf("     -       ");
		}
		printf("\n");
	}

	printf("ceiling of recall@10 by routing: leaves  beam     Hamming  planes  float  inner pages\n");
	for (size_t b = 0; b < sizeof(beams) / sizeof(beams[0]); b++)
	{
		for (int i = 0; i < 6; i++)
		{
			LayoutRanks *by[3];

			/* one level has no beam */
			if (tree->nlevels == 1 && b > 0)
				continue;
			for (int routing = 0; routing < 3; routing++)
				by[routing] = LayoutRank(tree, NULL, queries, (LayoutRouting) routing, compared[i],
										 beams[b]);
			printf("%38d  %2d P/%d  %7.4f %7.4f %6.4f  %6.1f\n", compared[i], beams[b].least, 1 << beams[b].shift,
				   by[LAYOUT_ROUTE_HAMMING]->ceiling[LAYOUT_K], by[LAYOUT_ROUTE_PLANES]->ceiling[LAYOUT_K],
				   by[LAYOUT_ROUTE_FLOAT]->ceiling[LAYOUT_K], by[LAYOUT_ROUTE_HAMMING]->inner_pages);
			for (int routing = 0; routing < 3; routing++)
				LayoutRanksFree(by[routing]);
		}
	}
}

static void
report_rules(const LayoutTree *tree, const LayoutQueries *queries,
			 LayoutRanks *const *grid, int ngrid)
{
	static const double zs[] = {0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5};
	LayoutRerankRule rerank[18];
	static const double factors[2][10] = {
		{0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 1.8},
		{0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6}
	};
	LayoutStopRule stop[30];
	int			p = 0;

	while (p < ngrid - 1 && grid[p]->ceiling[LAYOUT_K] < 0.97)
		p++;
	printf("rerank until estimate - z * error > k-th exact; %d leaves, ceiling %.4f\n"
		   "      z   lost (reranked mean, p95): error at a right angle   error at the estimated angle\n",
		   grid_leaves[p], grid[p]->ceiling[LAYOUT_K]);
	for (int i = 0; i < 18; i++)
	{
		rerank[i].z = zs[i % 9];
		rerank[i].by_angle = (i >= 9);
	}
	LayoutRerankTry(tree, queries, grid_leaves[p], rerank, 18);
	for (int i = 0; i < 9; i++)
		printf("%7.2f  %.4f (%5.1f, %4.0f)  %.4f (%5.1f, %4.0f)\n", zs[i],
			   rerank[i].lost, rerank[i].mean, rerank[i].p95,
			   rerank[i + 9].lost, rerank[i + 9].mean, rerank[i + 9].p95);

	for (int by_radius = 0; by_radius < 2; by_radius++)
	{
		for (int i = 0; i < 30; i++)
		{
			stop[i].least = 2 << (i / 10);
			stop[i].factor = factors[by_radius][i % 10];
			stop[i].by_radius = by_radius;
		}
		LayoutStopTry(tree, queries, 256, stop, 30);
		printf("stop when %s > a: recall (leaves mean, p95)\n"
			   "      a       least 2                least 4                least 8\n",
			   by_radius ? "(d2 + r2 - limit2) / (2 d r)" : "d2 / limit2");
		for (int i = 0; i < 10; i++)
		{
			printf("%7.2f", stop[i].factor);
			for (int l = 0; l < 3; l++)
				printf("  %.4f (%5.1f, %5.0f)", stop[i + 10 * l].recall, stop[i + 10 * l].mean, stop[i + 10 * l].p95);
			printf("\n");
		}
	}
}

static void
report_plans(const Options *options, const LayoutTree *tree,
			 LayoutRanks *const *grid, int ngrid)
{
	static const double recalls[] = {0.95, 0.97, 0.99};
	int			bits = tree->set->bits;
	double		bytes = LayoutTreeBytes(tree) / tree->set->n;
	FILE	   *tsv = options->tsv ? fopen(options->tsv, "a") : NULL;

	printf("layout           recall  leaves  inner  codes  planes  refined  heap   us TOASTed  us PLAIN  bytes/row\n");
	for (int r = 0; r < 3; r++)
	{
		for (int kind = 0; kind < LAYOUT_KINDS; kind++)
		{
			LayoutPlan	plan = LayoutPlanCheapest((LayoutKind) kind, (const LayoutRanks *const *) grid,
												  ngrid, bits, recalls[r], TOAST_US);
			LayoutPlan	plain = LayoutPlanCheapest((LayoutKind) kind, (const LayoutRanks *const *) grid,
												   ngrid, bits, recalls[r], PLAIN_US);
			double		all = bytes + LayoutRefineBytes((LayoutKind) kind, bits);

			if (!plan.possible)
			{
				printf("%-16s  %.2f  not within %d leaves\n", LayoutKindNames[kind], recalls[r], grid_leaves[ngrid - 1]);
				continue;
			}
			printf("%-16s  %.2f  %6d  %5.0f  %5.0f  %6.0f  %7.0f  %4.0f  %11.0f  %8.0f  %9.0f\n",
				   LayoutKindNames[kind], recalls[r], plan.ranks->leaves, plan.ranks->inner_pages,
				   plan.ranks->codes, plan.survivors, plan.refined, plan.fetched, plan.us, plain.us, all);
			if (tsv)
				fprintf(tsv, "%s\t%s\t%d\t%d\t%d\t%s\t%.2f\t%d\t%.1f\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\n",
						options->name, HvMetricName(options->metric), tree->set->n, bits, tree->spill,
						LayoutKindNames[kind], recalls[r], plan.ranks->leaves, plan.ranks->inner_pages,
						plan.ranks->codes, plan.survivors, plan.refined, plan.fetched, plan.us, plain.us, all);
		}
	}
	if (tsv && fclose(tsv) != 0)
		HvDie("cannot write %s", options->tsv);
}

/* would more leaves only repeat what is known? */
static bool
is_enough(const LayoutRanks *ranks)
{
	return ranks->ceiling[LAYOUT_K] >= 0.998 && ranks->ceiling[LAYOUT_MAX_K] >= 0.99;
}

static void
report(const Options *options, const LayoutSet *set, const LayoutQueries *queries)
{
	LayoutRanks *grid[NGRID];
	LayoutCodes codes;
	int			ngrid = 0;
	double		started = HvNow();
	LayoutTree *tree = LayoutTreeBuild(set, options->spill, options->fill / 100.0);

	printf("== %s %s, %d rows, %d code bits, %s\n", options->name, HvMetricName(options->metric),
		   set->n, set->bits, options->spill ? "spill" : "single copies");
	printf("%d leaves of up to %d, %.1f tuples each, %d levels, %.2f copies, %.0f bytes a row, built in %.1f s\n",
		   tree->levels[0].n, tree->leaf_capacity, (double) tree->ntuples / tree->levels[0].n,
		   tree->nlevels, (double) tree->ntuples / set->n, LayoutTreeBytes(tree) / set->n, HvNow() - started);
	fflush(stdout);
	if (options->plans)
		LayoutCodesMake(set, &codes);
	while (ngrid < NGRID && (ngrid == 0 || !is_enough(grid[ngrid - 1])))
	{
		grid[ngrid] = LayoutRank(tree, options->plans ? &codes : NULL, queries, LAYOUT_ROUTE_HAMMING, grid_leaves[ngrid],
								 options->beam);
		ngrid++;
	}
	if (options->plans)
		report_plans(options, tree, grid, ngrid);
	if (options->rules)
	{
		report_leaves(tree, queries, grid, ngrid);
		report_rules(tree, queries, grid, ngrid);
	}
	for (int i = 0; i < ngrid; i++)
		LayoutRanksFree(grid[i]);
	LayoutTreeFree(tree);
}

static void
parse_options(Options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{"base", required_argument, NULL, 'b'}, {"query", required_argument, NULL, 'q'},
		{"metric", required_argument, NULL, 'm'}, {"name", required_argument, NULL, 'n'},
		{"gt", required_argument, NULL, 'g'}, {"queries", required_argument, NULL, 'Q'},
		{"bits", required_argument, NULL, 'B'}, {"spill", required_argument, NULL, 's'},
		{"beam", required_argument, NULL, 'e'}, {"fill", required_argument, NULL, 'f'},
		{"shift", required_argument, NULL, 'h'},
		 {"tsv", required_argument, NULL, 't'}, {"plans", no_argument, NULL, 'p'},
		{"rules", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0}
	};
	int			c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
	{
		if (c == 'b')
			options->base = optarg;
		else if (c == 'q')
			options->query = optarg;
		else if (c == 'm')
			options->metric = HvParseMetric(optarg);
		else if (c == 'n')
			options->name = optarg;
		else if (c == 'g')
			options->gt = optarg;
		else if (c == 'Q')
			options->queries = (int) HvParseInt("--queries", optarg, 1, 100000);
		else if (c == 'B')
			options->bits = (int) HvParseInt("--bits", optarg, 64, HV_MAX_CODE_BITS) / 64 * 64;
		else if (c == 'e')
			options->beam.least = (int) HvParseInt("--beam", optarg, 1, 1000);
		else if (c == 'h')
			options->beam.shift = (int) HvParseInt("--shift", optarg, 0, 10);
		else if (c == 'f')
			options->fill = (int) HvParseInt("--fill", optarg, 10, 1000);
		else if (c == 's')
			options->spill = HvParseInt("--spill", optarg, 0, 1);
		else if (c == 't')
			options->tsv = optarg;
		else if (c == 'p')
			options->rules = false;
		else if (c == 'r')
			options->plans = false;
		else
			HvDie("%s", usage);
	}
	if (!options->base || !options->query)
		HvDie("%s", usage);
	if (!options->name)
		options->name = options->base;
}

int
main(int argc, char **argv)
{
	Options		options = {.metric = HV_METRIC_L2, .queries = 200, .bits = HV_MIN_CODE_BITS,
	.beam = {16, 1}, .fill = 75, .plans = true, .rules = true};
	LayoutQueries queries = {.ntruth = LAYOUT_MAX_K};
	HvSource   *base;
	HvSource   *query;
	HvSpace    *space;

	HvToolName = "layout";
	HvKernelsInit();
	parse_options(&options, argc, argv);
	base = HvSourceOpen(options.base, HV_STREAM_BASE, NULL);
	query = HvSourceOpen(options.query, HV_STREAM_QUERY, base);
	if (query->dim != base->dim)
		HvDie("the queries have %d dimensions, the rows %d", query->dim, base->dim);

	space = make_space(&options, base);
	queries.n = (options.queries < query->n) ? options.queries : (int) query->n;
	queries.rows = project_all(space, query, queries.n, true);
	queries.truth = find_truth(&options, base, query, queries.n);
	report(&options, make_set(space, base), &queries);
	return 0;
}
