/*-------------------------------------------------------------------------
 *
 * hvcost.c
 *	  The cost estimate of an index scan.
 *
 * NOTES
 *	  The estimate follows the scan, by the same sizing rules (hvsizing.h).
 *	  The work before the first row is the startup cost; the total is that of
 *	  reading to the end, so that LIMIT, which interpolates between the two,
 *	  finds about the cost of one more row.
 *
 *	  Startup depends on how many rows are wanted, as the scan's own effort
 *	  does: k rows after the filters take k / selectivity rows of the index.
 *	  The planner's limit is used for that, and for nothing else.
 *
 *	  What this is compared with:
 *
 *	  - A leaf is one random page.  Upper levels of the tree are taken to be in
 *		the cache, as everywhere in the planner.
 *
 *	  - Rows are reranked in windows, in block order: their pages are charged
 *		like those of a bitmap scan, nearer to sequential the denser they lie.
 *
 *	  - Every plan that sorts by distance reads the TOAST of all rows that pass
 *		the filters, which takes longer than anything else it does (20,000 rows
 *		of 1024 dimensions, a tenth of them passing: 25 ms, of which the scan
 *		takes 2), and is not charged for it.  So TOAST is charged here only for
 *		rows beyond so many, and what is saved of it is set off against
 *		random access: pages cost less then, though never less than sequential
 *		ones.
 *
 *	  - A query that takes all rows (no LIMIT, no cursor) gets the first only
 *		when the last one has been read, and in memory whatever work_mem says
 *		(hvlimit.h).  Then everything is startup, and each row costs a random
 *		page, whatever the cache holds.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvcost.c
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

#include "heap/hvtype.h"
#include "page/hvcompat.h"
#include "planner/hvcost.h"
#include "tree/hvmeta.h"
#include "tree/hvsizing.h"

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
	double		vector_bytes;	/* as stored */
	HvSizing	sizing;
	double		rows;			/* in the index */
	double		matching;		/* of these, that pass the filters */
	double		leaves;			/* in the index */
	double		toast_pages;	/* to be read for one vector */
	QualCost	distance;		/* of one */
	double		random_page;
	double		seq_page;
	double		heap_random_page;
	double		heap_seq_page;
} ScanModel;

/* Pages of TOAST behind one vector, 0 where it is stored in its row. */
static double
toast_pages(const ScanModel *model)
{
	IndexOptInfo *index = model->index;
	double		bytes = model->vector_bytes;
	int			width = 0;

	if (bytes <= TOAST_TUPLE_THRESHOLD)
		return 0;
	if (index->indexkeys[0] != 0)
		width = get_attavgwidth(planner_rt_fetch(index->rel->relid, model->root)->relid,
								index->indexkeys[0]);

	/* the statistics count a TOAST pointer, not what is behind it */
	return width > bytes / 2 ? 0 : ceil(bytes / BLCKSZ);
}

/* Reads the metapage and the options; defaults for a hypothetical index. */
static void
read_model(ScanModel *model)
{
	HvScanOptions options = {HV_DEFAULT_PROBES, HV_DEFAULT_RERANK,
		HV_DEFAULT_MAX_SCAN_TUPLES, HV_DEFAULT_TARGET_RECALL, {0}};

	if (model->index->hypothetical)
	{
		memset(&model->meta, 0, sizeof(HvMetaData));
		model->vector_bytes = 0;
		model->meta.leaves = Max(model->index->pages, 1);
		model->meta.rows = model->meta.tuples = model->index->tuples;
	}
	else
	{
		Relation	relation = index_open(model->index->indexoid, NoLock);

		HvMetaRecall(relation, &model->meta);
		HvOptionsForScan(relation, &options);
		model->vector_bytes = (double) model->meta.dim * HvTypeInfoFor(relation)->value_bytes;
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
	get_tablespace_page_costs(index->rel->reltablespace, &model->heap_random_page,
							  &model->heap_seq_page);
}

/* Is it known that the scan runs to its end? */
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

	Assert(model->matching >= 1 && model->matching <= model->rows);
	if (model->root->limit_tuples > 0)
		wanted = model->root->limit_tuples;
	else if (model->root->tuple_fraction >= 1)
		wanted = model->root->tuple_fraction;
	return Min(wanted * model->rows / model->matching, model->rows);
}

/*
 * Inner pages to be opened for so many leaves: fewer, as the beam halves
 * upwards.
 */
static double
inner_pages(const ScanModel *model, double leaves)
{
	double		fanout = Max(INNER_FILL * model->meta.inner_capacity, 2);

	return model->meta.height + Min(leaves, model->leaves / fanout);
}

/* Pages of the index and the table, for so many leaves and reranked rows. */
static Cost
io_cost(const ScanModel *model, double leaves, double rows)
{
	RelOptInfo *table = model->index->rel;
	double		loops = model->loop_count;
	double		unpaid_toast = (rows - model->matching) * model->toast_pages * model->seq_page;
	double		share;
	double		heap_pages;
	Cost		cost;

	if (loops > 1)
		leaves = index_pages_fetched(leaves * loops, (BlockNumber) model->leaves,
									 model->index->pages, model->root) / loops;
	heap_pages = index_pages_fetched(rows * loops, table->pages,
									 model->index->pages, model->root) / loops;
	share = Min(heap_pages / Max(table->pages, 1), 1);
	cost = leaves * model->random_page;
	if (takes_all(model))
		return cost + rows * model->heap_random_page + Max(unpaid_toast, 0);

	cost += heap_pages * (model->heap_random_page -
						  (model->heap_random_page - model->heap_seq_page) * sqrt(share));
	return Max(cost + unpaid_toast,
			   leaves * model->seq_page + heap_pages * model->heap_seq_page);
}

/*
 * Preparing the query, scoring codes, exact distances, and keeping rows in
 * order.
 */
static Cost
cpu_cost(const ScanModel *model, double leaves, double rows)
{
	double		inner = inner_pages(model, leaves);
	double		leaf_tuples = model->meta.leaves > 0 ?
		model->meta.tuples / model->meta.leaves : 0;
	double		codes = leaves * leaf_tuples +
		inner * INNER_FILL * model->meta.inner_capacity;

	/* rotating the query takes some operations a dimension */
	return model->distance.startup +
		(model->meta.code_bits + (leaves + inner) * PAGE_OPERATORS + codes) * cpu_operator_cost +
		rows * (model->distance.per_tuple + cpu_tuple_cost) +
		rows * log2(rows + 1) * 2 * cpu_operator_cost;
}

static Cost
scan_cost(const ScanModel *model, double leaves, double rows)
{
	leaves = Min(leaves, model->leaves);
	rows = Min(rows, model->rows);
	return io_cost(model, leaves, rows) + cpu_cost(model, leaves, rows);
}

void
hvcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
			   Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
			   double *correlation, double *pages)
{
	IndexOptInfo *index = path->indexinfo;
	ScanModel	model;
	double		wanted;

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
	wanted = rows_wanted(&model);
	*total_cost = scan_cost(&model, model.leaves, model.rows);
	*startup_cost = takes_all(&model) ? *total_cost :
		Min(scan_cost(&model, HvSizingExpectedLeaves(&model.sizing, wanted),
					  HvSizingExpectedFetches(&model.sizing, wanted)), *total_cost);

	/* a partial index has not all rows of the table */
	*selectivity = Min(index->tuples / Max(index->rel->tuples, 1), 1);
}
