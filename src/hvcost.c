/*-------------------------------------------------------------------------
 *
 * hvcost.c
 *	  What the planner is told about an index scan.
 *
 * NOTES
 *	  The estimate follows the scan, by the same sizing rules (hvsizing.h).
 *	  What is done before the first row goes out is the startup cost; the total
 *	  is that of reading to the end, so that LIMIT, which interpolates between
 *	  the two, finds about the cost of one more row.
 *
 *	  Startup depends on how many rows are wanted, as the scan's own effort
 *	  does: k rows after the filters take k / selectivity rows of the index.
 *	  The planner's limit is used for that, and for nothing else.
 *
 *	  Against what this is weighed:
 *
 *	  - A leaf is one random page.  Upper levels of the tree are taken to be in
 *		the cache, as everywhere in the planner.
 *
 *	  - Rows are reranked in windows, in block order: their pages are charged
 *		like those of a bitmap scan, nearer to sequential the denser they lie.
 *
 *	  - A sequential scan pays the distance function for the rows that pass its
 *		filters but is not charged for reading their TOAST, which takes longer
 *		than anything else it does.  To be fair, TOAST is charged here only
 *		for the rows that are read beyond so many.
 *
 *	  - Who is going to take all rows (no LIMIT, no cursor) gets them only when
 *		the last one has been read, and in memory whatever work_mem says
 *		(hvdemand.h).  Then everything is startup, and each row costs a random
 *		page, whatever the cache holds.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvcost.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/heaptoast.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/spccache.h"

#include "hvcompat.h"
#include "hvcost.h"
#include "hvmeta.h"
#include "hvsizing.h"

/* CPU of visiting a page, in operators: what the core's btree estimate takes */
#define PAGE_OPERATORS	50.0

/* inner pages are about so full */
#define INNER_FILL		0.7

/* rows wanted where nothing tells: what the sizing rules are made for */
#define DEFAULT_WANTED	10.0

/* one index scan to be estimated */
typedef struct ScanModel
{
	PlannerInfo *root;
	IndexOptInfo *index;
	double		loop_count;
	HvMetaData	meta;
	HvSizing	sizing;
	double		rows;			/* in the index */
	double		matching;		/* of these, that pass the filters */
	double		leaves;			/* in the index */
	double		toast_pages;	/* to be read for one vector */
	QualCost	distance;		/* of one */
	double		random_page;
	double		seq_page;
} ScanModel;

/* Pages of TOAST behind one vector, 0 where it stands in its row. */
static double
toast_pages(const ScanModel *model)
{
	IndexOptInfo *index = model->index;
	double		bytes = model->meta.dim * (double) sizeof(float);
	int			width = 0;

	if (bytes <= TOAST_TUPLE_THRESHOLD)
		return 0;
	if (index->indexkeys[0] != 0)
		width = get_attavgwidth(planner_rt_fetch(index->rel->relid, model->root)->relid,
								index->indexkeys[0]);

	/* the statistics count a TOAST pointer, not what is behind it */
	return width > bytes / 2 ? 0 : ceil(bytes / BLCKSZ);
}

/* What the index says of itself; a guess where it does not exist yet. */
static void
read_model(ScanModel *model)
{
	HvScanOptions options = {HV_DEFAULT_PROBES, HV_DEFAULT_RERANK,
		HV_DEFAULT_MAX_SCAN_TUPLES, HV_DEFAULT_TARGET_RECALL};

	if (model->index->hypothetical)
	{
		memset(&model->meta, 0, sizeof(HvMetaData));
		model->meta.leaves = Max(model->index->pages, 1);
		model->meta.rows = model->meta.tuples = model->index->tuples;
	}
	else
	{
		Relation	relation = index_open(model->index->indexoid, NoLock);

		HvMetaRecall(relation, &model->meta);
		HvOptionsForScan(relation, &options);
		index_close(relation, NoLock);
	}
	HvSizingInit(&model->sizing, &model->meta, &options);
}

static void
init_model(ScanModel *model, PlannerInfo *root, IndexPath *path, double loop_count)
{
	IndexOptInfo *index = path->indexinfo;

	model->root = root;
	model->index = index;
	model->loop_count = Max(loop_count, 1);
	read_model(model);
	model->rows = Max(index->tuples, 1);
	model->matching = Min(Max(index->rel->rows, 1), model->rows);
	model->leaves = Max(Min(model->meta.leaves, index->pages), 1);
	model->toast_pages = toast_pages(model);
	cost_qual_eval_node(&model->distance, linitial(path->indexorderbys), root);
	get_tablespace_page_costs(index->reltablespace, &model->random_page, &model->seq_page);
}

/* Is it known that nobody stops the scan before its end? */
static bool
takes_all(const ScanModel *model)
{
	return model->root->limit_tuples < 0 && model->root->tuple_fraction <= 0;
}

/* Rows of the index that are needed for what is wanted of them. */
static double
rows_wanted(const ScanModel *model)
{
	double		wanted = DEFAULT_WANTED;

	if (model->root->limit_tuples > 0)
		wanted = model->root->limit_tuples;
	else if (model->root->tuple_fraction >= 1)
		wanted = model->root->tuple_fraction;
	return Min(wanted * model->rows / model->matching, model->rows);
}

/* The tree and so many leaves: pages, and scoring the codes on them. */
static Cost
tree_cost(const ScanModel *model, double leaves)
{
	double		loops = model->loop_count;
	double		fanout = Max(INNER_FILL * model->meta.inner_capacity, 2);
	double		leaf_tuples = model->meta.leaves > 0 ?
		model->meta.tuples / model->meta.leaves : 0;
	double		inner = model->meta.height;
	double		pages;

	/* the beam halves from level to level: fewer inner pages than leaves */
	leaves = Min(leaves, model->leaves);
	inner += Min(leaves, model->leaves / fanout);
	pages = loops > 1 ?
		index_pages_fetched(leaves * loops, (BlockNumber) model->leaves,
							model->index->pages, model->root) / loops : leaves;
	return pages * model->random_page +
		(leaves + inner) * PAGE_OPERATORS * cpu_operator_cost +
		(leaves * leaf_tuples + inner * fanout) * cpu_operator_cost;
}

/* Reading pages of the table for so many rows, in windows in block order. */
static Cost
heap_pages_cost(const ScanModel *model, double rows)
{
	double		loops = model->loop_count;
	double		all = Max(model->index->rel->pages, 1);
	double		random_page;
	double		seq_page;
	double		pages = index_pages_fetched(rows * loops, model->index->rel->pages,
											model->index->pages, model->root) / loops;

	get_tablespace_page_costs(model->index->rel->reltablespace, &random_page, &seq_page);
	if (takes_all(model))
		return rows * random_page;
	return pages * (random_page - (random_page - seq_page) * sqrt(Min(pages / all, 1)));
}

/* Exact distances of so many rows, and keeping them in order. */
static Cost
rerank_cost(const ScanModel *model, double rows)
{
	double		unpaid_toast = Max(rows - model->matching, 0) * model->toast_pages;

	return heap_pages_cost(model, rows) + unpaid_toast * model->seq_page +
		rows * (model->distance.per_tuple + cpu_tuple_cost) +
		rows * log2(rows + 1) * 2 * cpu_operator_cost;
}

/* Everything up to the k-th row of the index. */
static Cost
cost_of_rows(const ScanModel *model, double k)
{
	/* centring, rotating and quantising the query */
	Cost		prepare = model->distance.startup + model->meta.code_bits * cpu_operator_cost;

	return prepare +
		tree_cost(model, HvSizingLeaves(&model->sizing, k)) +
		rerank_cost(model, Min(HvSizingExpectedFetches(&model->sizing, k), model->rows));
}

void
hvcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
			   Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
			   double *correlation, double *pages)
{
	IndexOptInfo *index = path->indexinfo;
	ScanModel	model;

	*correlation = 0;
	*pages = index->pages;
	if (list_length(path->indexorderbys) != 1)
	{
		/* hvtree cannot scan without a query vector, and with two neither */
		*startup_cost = *total_cost = get_float8_infinity();
		*selectivity = 1;
		HV_SINCE_18(path->path.disabled_nodes = 2);
		return;
	}

	init_model(&model, root, path, loop_count);
	*total_cost = tree_cost(&model, model.leaves) + rerank_cost(&model, model.rows);
	*startup_cost = takes_all(&model) ? *total_cost :
		Min(cost_of_rows(&model, rows_wanted(&model)), *total_cost);

	/* a partial index has not all rows of the table */
	*selectivity = Min(index->tuples / Max(index->rel->tuples, 1), 1);
}

int
hvtreeheight(Relation index)
{
	HvMetaData	meta;

	HvMetaRecall(index, &meta);
	return meta.height;
}
