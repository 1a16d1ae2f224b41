/*-------------------------------------------------------------------------
 *
 * hvcost.c
 *	  The cost estimate of an index scan.
 *
 * NOTES
 *	  The estimate follows the scan, by the same sizing rules (hvsizing.h).  k
 *	  rows after the filters take k / selectivity rows of the index; the
 *	  planner's limit says how many are wanted.  Conditions on key columns cost
 *	  leaves, filters leaves and rows.
 *
 *	  What costs what:
 *
 *	  - A leaf is a random page.  Upper levels of the tree are taken to be in
 *		the cache, as everywhere in the planner.
 *
 *	  - Rows are reranked in windows, in block order: their pages are charged
 *		like those of a bitmap scan, nearer to sequential the denser they are.
 *		Their vectors in TOAST are random pages.
 *
 *	  - Random pages of a table and an index that fit into
 *		effective_cache_size many times over are not read from disk each time:
 *		they cost between what sequential and what random ones do, by the share
 *		of the cache that they take.  The index has the cache first: each query
 *		reads many of its pages, and a few of the table.
 *
 *	  - A query that takes all rows (no LIMIT, no cursor) gets the first only
 *		when the last one has been read, and in memory whatever work_mem says
 *		(hvlimit.h).  Each row costs a random page then, whatever the cache
 *		holds.
 *
 *	  - A partial index knows how many rows it has; the planner guesses how many
 *		pass its condition.
 *
 *	  What is reported of that:
 *
 *	  - Every other plan computes the distance of each row that passes the
 *		filters, and for that reads its TOAST.  The planner charges it what the
 *		function declares: nothing for the TOAST, whatever the length, and with
 *		the types of pgvector as much as for an addition.  So the estimate is
 *		less by what all others are not charged for.  That leaves every
 *		comparison with them as it would be if they were.
 *
 *	  - The executor fetches the rows that it is sent, and a LIMIT takes a share
 *		of the way from startup to total cost.  The planner adds both; the
 *		estimate has them already.  Startup is what makes the sum right for the
 *		rows that are wanted.
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
#include "optimizer/paths.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

#include "heap/hvtype.h"
#include "page/hvcompat.h"
#include "planner/hvcost.h"
#include "planner/hvcostrows.h"
#include "tree/hvmeta.h"
#include "tree/hvsizing.h"

/* CPU of visiting a page, in operators: what the core's btree estimate takes */
#define PAGE_OPERATORS	50.0

/*
 * CPU of a distance, in operators: of the call, and of so many dimensions.  The
 * call detoasts and tests its arguments; the kernels take eight dimensions a
 * step.
 */
#define CALL_OPERATORS	10.0
#define DIMS_AN_OPERATOR 8.0

/*
 * CPU of reranking a row, beside its distance: finding it, and taking it
 * through the pool of candidates and the rows in hand.
 */
#define ROW_OPERATORS	100.0

/*
 * Levels of the index of a TOAST table that are descended for a value: those of
 * a table of up to some hundred thousand rows.
 */
#define TOAST_LEVELS	2.0

/*
 * The least that is reported, of what the work costs: not 0, so that of two
 * indexes the better one is chosen.
 */
#define LEAST_REPORTED	0.05

/* what the leader has left of its time beside each worker; see costsize.c */
#define LEADER_SHARE	0.3

/* inner pages are about so full */
#define INNER_FILL		0.7

/*
 * Cost of a scan that cannot be: above all others, even those that a setting
 * disables.  (With infinity the planner would compute differences of it.)
 */
#define IMPOSSIBLE		1e30

/* rows wanted where nothing tells: what the sizing rules are made for */
#define DEFAULT_WANTED	10.0

/*
 * Rows that are taken to be within a bound on the distance.  The planner has no
 * statistics of distances and says a third of the table.
 */
#define ROWS_WITHIN		300.0

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
	double		passing;		/* of these, that satisfy the conditions on key columns */
	double		matching;		/* of these, that pass the filters */
	double		expected;		/* the same as the planner expects it */
	Cost		filter_cost;	/* of the executor's filters, for a row */
	double		all_matching;	/* in all partitions, if this is one */
	double		reach;			/* rows that the scan can come to */
	bool		takes_all;		/* is it known that the scan runs to its end? */
	Selectivity bounds;			/* of bounds on the distance, < 1 if there are any */
	double		leaves;			/* in the index */
	double		toast_pages;	/* to be read for one vector */
	QualCost	charged;		/* for one distance, by the planner */
	Cost		distance;		/* what one takes, without TOAST */
	double		page;			/* prices of pages; random ones as cached */
	double		heap_page;
	double		heap_seq_page;
	double		heap_random_page;	/* not cached */
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
		model->vector_bytes = model->meta.dim * HvTypeInfoFor(relation)->value_bits / 8.0;
		index_close(relation, NoLock);
	}
	HvSizingInit(&model->sizing, &model->meta, &options);
	HvSizingSetRows(&model->sizing, Max(model->root->limit_tuples, 0));
}

/*
 * What a random page costs beside a sequential one, where all that the scan
 * might read is this share of what the cache holds.
 */
static double
cached_price(double seq_page, double random_page, double uncached)
{
	return seq_page + Max(random_page - seq_page, 0) * Min(uncached, 1);
}

/* The prices of pages. */
static void
read_prices(ScanModel *model)
{
	const IndexOptInfo *index = model->index;
	const RelOptInfo *table = index->rel;
	double		uncached = (table->pages + index->pages + model->rows * model->toast_pages) /
		Max(effective_cache_size, 1);
	double		seq_page;
	double		random_page;

	get_tablespace_page_costs(index->reltablespace, &random_page, &seq_page);
	model->page = cached_price(seq_page, random_page, index->pages /
							   Max(effective_cache_size, 1.0));
	get_tablespace_page_costs(table->reltablespace, &model->heap_random_page,
							  &model->heap_seq_page);
	model->heap_page = cached_price(model->heap_seq_page, model->heap_random_page, uncached);
}

/*
 * Rows of the index that pass the filters.  How many a partial index has is
 * known, also where the planner has no statistics of what it is limited to.
 */
static double
matching_rows(const ScanModel *model)
{
	const IndexOptInfo *index = model->index;
	double		share;

	if (index->indpred == NIL)
		return model->expected;
	share = clauselist_selectivity(model->root, index->indrestrictinfo, index->rel->relid,
								   JOIN_INNER, NULL);
	return Max(model->rows * share, 1);
}

/* What the filters cost that the index does not take over, for a row. */
static Cost
filter_cost(const ScanModel *model, const IndexPath *path)
{
	QualCost	taken;

	cost_qual_eval(&taken, get_quals_from_indexclauses(path->indexclauses), model->root);
	return Max(model->index->rel->baserestrictcost.per_tuple - taken.per_tuple, 0);
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
	model->passing = Max(model->rows * HvCostConditions(root, path), 1);
	model->expected = Min(Max(HvCostRows(path), 1), model->passing);
	model->matching = Min(matching_rows(model), model->passing);
	model->filter_cost = filter_cost(model, path);
	HvSizingSetTuples(&model->sizing, model->rows / model->passing);
	model->all_matching = Max(HvCostWholeTable(root, index->rel)->rows, 1);
	model->leaves = Max(Min(model->meta.leaves, index->pages), 1);
	model->bounds = HvCostBounds(root, path);
	model->reach = model->bounds < 1 ? Min(ROWS_WITHIN, model->passing) : model->passing;
	model->takes_all = HvCostTakesAll(root) && model->bounds == 1;
	model->toast_pages = toast_pages(model);
	model->distance = (CALL_OPERATORS + model->meta.dim / DIMS_AN_OPERATOR) * cpu_operator_cost;
	cost_qual_eval_node(&model->charged, linitial(path->indexorderbys), root);
	read_prices(model);
}

/*
 * Rows of the index that are needed for what is wanted of them.  A partition is
 * asked for twice its share at first (hvwanted.c).
 */
static double
rows_wanted(const ScanModel *model)
{
	double		wanted = DEFAULT_WANTED;

	Assert(model->matching >= 1 && model->matching <= model->passing);
	if (HvCostTakesAll(model->root))
		return model->reach;
	if (model->root->limit_tuples > 0)
		wanted = model->root->limit_tuples;
	else if (model->root->tuple_fraction >= 1)
		wanted = model->root->tuple_fraction;
	if (model->all_matching > model->index->rel->rows)
		wanted = Min(wanted, 2 * wanted * model->matching / model->all_matching + 2);
	return Min(wanted * Max(model->passing * model->bounds / model->matching, 1), model->reach);
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

/*
 * Pages of the index, the table and its TOAST, for so many leaves and reranked
 * rows.
 */
static Cost
io_cost(const ScanModel *model, double leaves, double rows)
{
	RelOptInfo *table = model->index->rel;
	double		loops = model->loop_count;
	double		share;
	double		heap_pages;
	Cost		cost;

	if (loops > 1)
		leaves = index_pages_fetched(leaves * loops, (BlockNumber) model->leaves,
									 model->index->pages, model->root) / loops;
	cost = leaves * model->page + rows * model->toast_pages * model->heap_page;
	if (model->takes_all)
		return cost + rows * model->heap_random_page;

	heap_pages = index_pages_fetched(rows * loops, table->pages,
									 model->index->pages, model->root) / loops;
	share = Min(heap_pages / Max(table->pages, 1), 1);
	return cost + heap_pages * (model->heap_page -
								(model->heap_page - model->heap_seq_page) * sqrt(share));
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
	return model->charged.startup +
		(model->meta.code_bits + (leaves + inner) * PAGE_OPERATORS + codes) * cpu_operator_cost +
		rows * (model->distance + cpu_tuple_cost + ROW_OPERATORS * cpu_operator_cost) +
		rows * log2(rows + 1) * 2 * cpu_operator_cost;
}

static Cost
scan_cost(const ScanModel *model, double leaves, double rows)
{
	leaves = Min(leaves, model->leaves);
	rows = Min(rows, model->passing);
	return io_cost(model, leaves, rows) + cpu_cost(model, leaves, rows);
}

/* The work for all rows that the scan can come to. */
static Cost
all_work(const ScanModel *model)
{
	if (model->reach < model->passing)
		return scan_cost(model, HvSizingExpectedLeaves(&model->sizing, model->reach),
						 HvSizingExpectedFetches(&model->sizing, model->reach));
	return scan_cost(model, model->leaves, model->passing);
}

/* The work for the rows that are wanted. */
static Cost
work(const ScanModel *model)
{
	double		wanted = rows_wanted(model);

	if (model->takes_all)
		return all_work(model);
	return Min(scan_cost(model, HvSizingExpectedLeaves(&model->sizing, wanted),
						 HvSizingExpectedFetches(&model->sizing, wanted)),
			   scan_cost(model, model->leaves, model->passing));
}

double
HvCostParticipants(int workers)
{
	double		leader = parallel_leader_participation ? 1 - LEADER_SHARE * workers : 0;

	Assert(workers >= 0);
	return workers + Max(leader, 0);
}

/* Among how many a sequential scan would be divided. */
static double
divided_among(const ScanModel *model)
{
	RelOptInfo *table = model->index->rel;

	if (!table->consider_parallel)
		return 1;
	return Max(HvCostParticipants(compute_parallel_worker(table, table->pages, -1,
														  max_parallel_workers_per_gather)), 1);
}

/*
 * What every plan that sorts by the distance does and is not charged for: it
 * computes that of each row that passes, and reads its TOAST, table and index,
 * in the order of the rows.  Less than 0 where the function declares more than
 * its work.
 */
static Cost
unpaid_work(const ScanModel *model)
{
	Cost		distance = model->distance;
	double		times = 1;

	if (model->toast_pages > 0)
		distance += (model->toast_pages + 1) * model->heap_seq_page +
			TOAST_LEVELS * PAGE_OPERATORS * cpu_operator_cost;
	/* a bound is evaluated before a sort, for the rows that it drops as well */
	if (model->bounds < 1)
		times += 1 / model->bounds;
	return times * (model->matching * distance -
					model->expected * model->charged.per_tuple) *
		HvCostShareJoined(model->root, model->index->rel) / divided_among(model);
}

/* What cost_index() adds for fetching all rows that the index returns, see there. */
static Cost
fetch_cost(const ScanModel *model)
{
	const RelOptInfo *table = model->index->rel;
	double		loops = model->loop_count;

	return index_pages_fetched(model->reach * loops, table->pages,
							   model->index->pages, model->root) / loops * model->heap_random_page +
		model->reach * (cpu_tuple_cost + model->filter_cost);
}

/* The share of the rows that pass that the planner expects to be taken. */
static double
share_taken(const ScanModel *model)
{
	const PlannerInfo *root = model->root;

	if (HvCostTakesAll(root))
		return 1;
	if (root->limit_tuples > 0)
		return Min(root->limit_tuples / model->all_matching, 1);
	return Min(root->tuple_fraction < 1 ? root->tuple_fraction :
			   root->tuple_fraction / model->all_matching, 1);
}

/*
 * Is it certain that no more than the rows of a LIMIT are taken?  Not where they
 * are joined to others: it is not known how many find a partner.
 */
static bool
is_limited(const ScanModel *model)
{
	return model->root->limit_tuples > 0 &&
		bms_membership(model->root->all_baserels) == BMS_SINGLETON;
}

/* A sequential scan: what reading a whole table takes at least. */
static Cost
seq_scan_cost(const ScanModel *model)
{
	const RelOptInfo *table = model->index->rel;

	return table->baserestrictcost.startup + table->pages * model->heap_seq_page +
		table->tuples * (cpu_tuple_cost + table->baserestrictcost.per_tuple);
}

/*
 * Startup and total cost, from what the work is for the rows that are wanted,
 * and for all.  A LIMIT takes a share of the way from one to the other.  Where
 * nothing but a LIMIT asks, a total that is too low (but not so low that the
 * scan is taken for a cheap way to read the table) lets startup say what its
 * rows take.  That does not do where a partial index has more rows than the
 * planner knows of: it takes the whole for what a few rows cost.  There the total
 * may be less than 0, before the planner adds its own part.
 */
static void
report(const ScanModel *model, Cost needed, Cost whole, Cost *startup, Cost *total)
{
	Cost		unpaid = unpaid_work(model);
	Cost		added = fetch_cost(model);
	double		share = share_taken(model);

	whole = Max(whole - unpaid, LEAST_REPORTED * whole) - added;
	needed = Max(needed - unpaid, LEAST_REPORTED * needed);
	if (is_limited(model))
		whole = Min(whole, seq_scan_cost(model));
	if (model->matching > model->expected)
		*total = Max(whole, needed - share * added);
	else
		*total = Max(whole, needed);
	*startup = share < 1 ? (needed - share * (*total + added)) / (1 - share) : *total;
	*startup = Max(*startup, 0);
}

Cost
HvCostOfWork(PlannerInfo *root, IndexPath *path)
{
	ScanModel	model;

	init_model(&model, root, path, 1);
	return work(&model);
}

/*
 * A scan without a query vector, or with two, cannot be, and one for rows without
 * a vector finds none.
 */
void
hvcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
			   Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
			   double *correlation, double *pages)
{
	IndexOptInfo *index = path->indexinfo;
	ScanModel	model;

	*correlation = 0;
	*pages = index->pages;
	if (list_length(path->indexorderbys) != 1 || HvCostWantsNull(path))
	{
		*startup_cost = *total_cost = IMPOSSIBLE;
		*selectivity = 1;
		HV_SINCE_18(path->path.disabled_nodes = 2);
		return;
	}

	init_model(&model, root, path, loop_count);
	report(&model, work(&model), all_work(&model), startup_cost, total_cost);

	/* a partial index has not all rows of the table */
	*selectivity = Min(model.reach / Max(index->rel->tuples, 1), 1);
}
