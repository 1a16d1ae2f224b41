/*-------------------------------------------------------------------------
 *
 * hvparallelpath.c
 *	  Parallel scans as the planner sees them.
 *
 * NOTES
 *	  The planner makes a parallel path of each index whose access method is
 *	  amcanparallel, but not as it should be for an ordered scan:
 *
 *	  - It does not test whether the distance may be computed in a worker.  In a
 *		LATERAL subquery, say, the query vector is a parameter that
 *		workers do not get.
 *
 *	  - It does not tell amcostestimate that the path is parallel, and does not
 *		divide the startup cost, which is nearly all of the cost of an ordered
 *		scan of few rows.
 *
 *	  - It derives the number of workers from the size of the table, which says
 *		little where the vectors are in TOAST.
 *
 *	  So amcanparallel is false.  Instead a hook, called when all paths of a
 *	  table have been made, adds one of its own for each ordered scan of an
 *	  hvtree index that costs more than it takes to start workers.  The work
 *	  that each worker repeats, preparing the query and descending the tree, is
 *	  little beside that.
 *
 *	  But workers run ahead.  The leader sees what a worker sends when its queue
 *	  is a quarter full or the worker has ended, which it does after as many
 *	  rows as the LIMIT says; the leader cannot return one row before it has
 *	  seen one from each.  So each worker finds that many rows in vain: for ten
 *	  rows that pass a filter as much work again as the query takes alone, and
 *	  more, since the distances of farther rows are closer to each other.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/planner/hvparallelpath.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"

#include "planner/hvcost.h"
#include "planner/hvparallelpath.h"

/*
 * The first worker is for work of this many times what it takes to start
 * workers, since pages that are in the cache cost a scan much less than what
 * is charged for them.
 */
#define FIRST_WORKER	4.0

/*
 * One more worker for each time that the work is this many times larger: as the
 * planner does it with the pages of a table.
 */
#define WORK_A_WORKER	3.0

/*
 * Bytes in a worker's queue that the leader may not see yet (tqueue.c,
 * shm_mq.c).
 */
#define UNSEEN_BYTES	16384

/* a row there has a header and its length beside its columns */
#define ROW_OVERHEAD	24

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

/*
 * How many workers are worth starting for a scan; the table's own setting goes
 * first.
 */
static int
workers_for(const RelOptInfo *rel, Cost work)
{
	int			workers = rel->rel_parallel_workers;

	if (workers < 0)
	{
		workers = 0;
		for (Cost enough = FIRST_WORKER * Max(parallel_setup_cost, 1);
			 work > enough && workers < max_parallel_workers_per_gather;
			 enough *= WORK_A_WORKER)
			workers++;
	}
	return Min(workers, max_parallel_workers_per_gather);
}

/*
 * How much work all do together, against a serial scan: in proportion to the
 * rows that are found.  (What pages cost would not grow so fast, but most of
 * it is no reading.)
 */
static double
work_of_all(const PlannerInfo *root, const RelOptInfo *rel, int workers)
{
	double		ahead = UNSEEN_BYTES / (double) (MAXALIGN(rel->reltarget->width) + ROW_OVERHEAD);

	if (root->limit_tuples > ahead)
		return 1 + workers * ahead / root->limit_tuples;
	if (root->limit_tuples < 0 && root->tuple_fraction <= 0)
		return 1;				/* the scan runs to its end */
	if (parallel_setup_cost == 0)
		return 1;				/* workers are asked for, as by a test */
	return 1 + workers;
}

/* Proposes a parallel scan where there is a serial one. */
static void
add_parallel_path(PlannerInfo *root, RelOptInfo *rel, IndexPath *serial)
{
	IndexPath  *path;
	Cost		startup;
	Cost		total;
	Selectivity selectivity;
	double		correlation;
	double		pages;
	double		share;
	int			workers;

	hvcostestimate(root, serial, 1, &startup, &total, &selectivity, &correlation, &pages);
	workers = workers_for(rel, HvCostOfWork(root, serial));
	if (workers == 0)
		return;
	path = makeNode(IndexPath);
	*path = *serial;
	share = work_of_all(root, rel, workers) / HvCostParticipants(workers);
	path->path.parallel_aware = true;
	path->path.parallel_workers = workers;
	path->path.rows = clamp_row_est(serial->path.rows / HvCostParticipants(workers));
	path->path.startup_cost -= startup * (1 - share);
	path->path.total_cost -= total * (1 - share);
	add_partial_path(rel, (Path *) path);
}

/*
 * Is a parameter of the distance computed by a subplan that no worker could
 * run?  expression_tree_walker callback.  The leader runs it, but a long
 * vector that it takes from a temporary table would come as a pointer to that
 * one's TOAST, which workers cannot read.
 */
static bool
needs_leader(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
	{
		for (PlannerInfo *root = context; root; root = root->parent_root)
		{
			ListCell   *lc;

			foreach(lc, root->init_plans)
			{
				const SubPlan *subplan = lfirst(lc);

				if (list_member_int(subplan->setParam, ((Param *) node)->paramid))
					return !subplan->parallel_safe;
			}
		}
		return false;
	}
	return expression_tree_walker(node, needs_leader, context);
}

/* Is this a scan of an hvtree index that could be divided? */
static bool
can_be_parallel(PlannerInfo *root, const Path *path)
{
	const IndexPath *scan = (const IndexPath *) path;

	return IsA(path, IndexPath) && scan->indexinfo->amcostestimate == hvcostestimate &&
		list_length(scan->indexorderbys) == 1 && path->param_info == NULL &&
		path->parallel_safe && is_parallel_safe(root, (Node *) scan->indexorderbys) &&
		!needs_leader((Node *) scan->indexorderbys, root);
}

static void
pathlist_hook(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	ListCell   *lc;

	if (next_pathlist_hook)
		next_pathlist_hook(root, rel, rti, rte);

	/* what is below an Append loses its order in a parallel plan */
	if (!rel->consider_parallel || rel->reloptkind != RELOPT_BASEREL)
		return;
	foreach(lc, rel->pathlist)
	{
		if (can_be_parallel(root, lfirst(lc)))
			add_parallel_path(root, rel, lfirst(lc));
	}
}

void
HvParallelPathInit(void)
{
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = pathlist_hook;
}
