/*-------------------------------------------------------------------------
 *
 * hvrecall.c
 *	  hvtree_recall: what scans of an index find, against the exact answer.
 *
 * NOTES
 *	  The table is read once, row by row under the snapshot of the caller, and
 *	  the distance of every row to every query is computed.  Rows are
 *	  distinguished by their distances, so that of two rows that are equally
 *	  far either is right.  Then the index answers each query with the settings
 *	  of the session.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvrecall.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "arithmetic/hvsplitmix.h"
#include "heap/hvtype.h"
#include "page/hvcompat.h"
#include "scan/hvinstrument.h"
#include "scan/hvscan.h"
#include "sql/hvacl.h"
#include "sql/hvqueryset.h"
#include "tree/hvmeta.h"

PG_FUNCTION_INFO_V1(hvtree_recall_sample);
PG_FUNCTION_INFO_V1(hvtree_recall_query);

#define RESULT_COLUMNS	9
#define MOST_QUERIES	10000
#define MOST_ROWS		1000

/* distances that differ by less than this share are equal */
#define EQUAL_SHARE		1e-6

/* standard deviations of a 95 % interval */
#define Z				1.96

/* a vector to search with, and its true neighbours */
typedef struct Question
{
	Datum		value;			/* of the type of the column */
	HvVectorView view;
	ItemPointerData self;		/* the row it is, invalid if it is none */
	int			count;			/* of nearest */
	double	   *nearest;		/* k distances; a heap, the farthest first */
	double		recall;
	double		us;
} Question;

typedef struct Examination
{
	Relation	heap;
	Relation	index;
	const HvTypeInfo *type;
	int16		value_len;		/* of the type of the column */
	bool		value_byval;
	int			k;
	int			nquestions;
	Question   *questions;
	IndexInfo  *info;
	EState	   *estate;
	ExprState  *predicate;
	TupleTableSlot *slot;
	MemoryContext context;		/* as long as the call */
	MemoryContext row_context;	/* reset for every row */

	/* sums */
	int			answered;
	double		recall;
	double		recall2;
	double		leaves;
	double		fetches;
	double		exact_us;
} Examination;

/* Rows -------------------------------------------------------------------- */

static void
begin_examination(Examination *exam, Oid index)
{
	HvAclRead(index, HV_ACL_READ_ROWS, &exam->heap, &exam->index);
	exam->context = CurrentMemoryContext;
	exam->row_context = AllocSetContextCreate(exam->context, "hvtree recall row",
											  ALLOCSET_DEFAULT_SIZES);
	exam->type = HvTypeInfoFor(exam->index);
	exam->value_len = TupleDescAttr(RelationGetDescr(exam->index), 0)->attlen;
	exam->value_byval = TupleDescAttr(RelationGetDescr(exam->index), 0)->attbyval;
}

/*
 * What reading rows takes; expressions run as the table's owner from here on.
 */
static void
begin_rows(Examination *exam)
{
	exam->info = BuildIndexInfo(exam->index);
	exam->estate = CreateExecutorState();
	exam->slot = table_slot_create(exam->heap, NULL);
	GetPerTupleExprContext(exam->estate)->ecxt_scantuple = exam->slot;
	exam->predicate = ExecPrepareQual(exam->info->ii_Predicate, exam->estate);
}

static void
end_rows(Examination *exam)
{
	ExecDropSingleTupleTableSlot(exam->slot);
	FreeExecutorState(exam->estate);
}

/*
 * The indexed value of the row in the slot; false if the index has none for
 * it.
 */
static bool
value_of(Examination *exam, Datum *value)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	ExprContext *context = GetPerTupleExprContext(exam->estate);

	ResetExprContext(context);
	if (exam->predicate && !ExecQual(exam->predicate, context))
		return false;
	FormIndexDatum(exam->info, exam->slot, exam->estate, values, nulls);
	*value = values[0];
	return !nulls[0];
}

/* Calls visit for every row that the index should have. */
static void
each_row(Examination *exam, void (*visit) (Examination *, Datum, void *), void *arg)
{
	TableScanDesc scan = table_beginscan(exam->heap, GetActiveSnapshot(), 0, NULL);
	MemoryContext old = MemoryContextSwitchTo(exam->row_context);

	while (table_scan_getnextslot(scan, ForwardScanDirection, exam->slot))
	{
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		if (value_of(exam, &value))
			visit(exam, value, arg);
		MemoryContextReset(exam->row_context);
	}
	MemoryContextSwitchTo(old);
	table_endscan(scan);
}

/* Questions --------------------------------------------------------------- */

typedef struct Sampler
{
	uint64_t	random;
	int64		rows;
	int			wanted;
} Sampler;

/*
 * Algorithm R, as in hvsample.c.  What is replaced stays until the end of the
 * call.
 */
static void
sample_row(Examination *exam, Datum value, void *arg)
{
	Sampler    *sampler = arg;
	int64		place = sampler->rows++;
	MemoryContext old;

	if (place >= sampler->wanted)
	{
		place = (int64) (HvSplitmixNext(&sampler->random) % (uint64) sampler->rows);
		if (place >= sampler->wanted)
			return;
	}
	else
		exam->nquestions = (int) place + 1;
	old = MemoryContextSwitchTo(exam->context);
	exam->questions[place].value = datumCopy(value, exam->value_byval, exam->value_len);
	exam->questions[place].self = exam->slot->tts_tid;
	MemoryContextSwitchTo(old);
}

static void
sample_questions(Examination *exam, int wanted)
{
	HvMetaData	meta;
	Sampler		sampler = {.wanted = wanted};

	HvMetaRead(exam->index, &meta);
	sampler.random = meta.seed;
	exam->questions = palloc0(wanted * sizeof(Question));
	each_row(exam, sample_row, &sampler);
}

/* Takes the questions from a query that the caller may run. */
static void
query_questions(Examination *exam, const char *query)
{
	HvQuerySet	set;

	HvQuerySetRun(&set, "hvtree_recall", query, exam->index, MOST_QUERIES);
	exam->questions = palloc0(Max(set.count, 1) * sizeof(Question));
	for (int i = 0; i < set.count; i++)
	{
		exam->questions[i].value = set.values[i];
		ItemPointerSetInvalid(&exam->questions[i].self);
	}
	exam->nquestions = set.count;
}

/*
 * Opens the vectors of the questions; those without a direction are no
 * questions.
 */
static void
open_questions(Examination *exam)
{
	int			kept = 0;
	HvMetaData	meta;

	/* with the means: they show a number of dimensions that is damaged */
	HvMetaReadMeans(exam->index, &meta);
	for (int i = 0; i < exam->nquestions; i++)
	{
		Question   *question = &exam->questions[i];

		exam->type->open(question->value, &question->view);
		if (meta.dim > 0)
			HvTypeCheckDim(&question->view, meta.dim);
		if (!HvSpaceZeroHasOrder(exam->type->metric) &&
			HvMetricNorm(question->view.values, question->view.dim) == 0)
			continue;
		question->nearest = palloc(exam->k * sizeof(double));
		exam->questions[kept++] = *question;
	}
	exam->nquestions = kept;
}

/* The exact answer -------------------------------------------------------- */

/* Puts a distance into a heap of the k smallest, the largest of them on top. */
static void
keep_distance(Question *question, int k, double distance)
{
	double	   *heap = question->nearest;
	int			i;

	if (question->count < k)
	{
		for (i = question->count++; i > 0 && heap[(i - 1) / 2] < distance; i = (i - 1) / 2)
			heap[i] = heap[(i - 1) / 2];
		heap[i] = distance;
		return;
	}
	if (distance >= heap[0])
		return;
	for (i = 0;;)
	{
		int			child = 2 * i + 1;

		if (child + 1 < k && heap[child + 1] > heap[child])
			child++;
		if (child >= k || heap[child] <= distance)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = distance;
}

static double
distance_to(const Examination *exam, const Question *question, const HvVectorView *view)
{
	HvTypeCheckDim(view, question->view.dim);
	return HvMetricDistance(exam->type->metric, question->view.values, view->values, view->dim);
}

static void
compare_row(Examination *exam, Datum value, void *arg)
{
	HvVectorView view;

	exam->type->open(value, &view);
	for (int i = 0; i < exam->nquestions; i++)
	{
		Question   *question = &exam->questions[i];
		double		distance;

		if (ItemPointerIsValid(&question->self) &&
			ItemPointerEquals(&question->self, &exam->slot->tts_tid))
			continue;
		distance = distance_to(exam, question, &view);
		if (!isnan(distance))
			keep_distance(question, exam->k, distance);
	}
	HvTypeClose(&view);
}

/* The answer of the index ------------------------------------------------- */

/* Microseconds since start. */
static double
microseconds_since(instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now) * 1e6;
}

/* Is the row in the slot as near as one of the true neighbours? */
static bool
is_right(Examination *exam, const Question *question)
{
	double		limit = question->nearest[0] + EQUAL_SHARE * fabs(question->nearest[0]);
	HvVectorView view;
	Datum		value;
	bool		right;

	if (!value_of(exam, &value))
		return false;
	exam->type->open(value, &view);
	right = distance_to(exam, question, &view) <= limit;
	HvTypeClose(&view);
	return right;
}

/* Asks the index for as many rows as there are true neighbours. */
static void
ask(Examination *exam, IndexScanDesc scan, Question *question)
{
	ScanKeyData key;
	instr_time	start;
	int			rows = 0;
	int			right = 0;

	memset(&key, 0, sizeof(key));
	key.sk_flags = SK_ORDER_BY;
	key.sk_attno = 1;
	key.sk_strategy = HV_STRATEGY_DISTANCE;
	key.sk_argument = question->value;
	question->us = 0;
	INSTR_TIME_SET_CURRENT(start);
	index_rescan(scan, NULL, 0, &key, 1);
	HvScanSetRows(scan, question->count + (ItemPointerIsValid(&question->self) ? 1 : 0));
	while (rows < question->count && index_getnext_slot(scan, ForwardScanDirection, exam->slot))
	{
		CHECK_FOR_INTERRUPTS();
		question->us += microseconds_since(start);
		if (!ItemPointerIsValid(&question->self) ||
			!ItemPointerEquals(&question->self, &exam->slot->tts_tid))
		{
			rows++;
			right += is_right(exam, question);
		}
		MemoryContextReset(exam->row_context);
		INSTR_TIME_SET_CURRENT(start);
	}

	/* its account is made when a scan ends */
	index_rescan(scan, NULL, 0, &key, 1);
	exam->leaves += HvLastScan()->pages[0];
	exam->fetches += HvLastScan()->heap_fetches;
	question->recall = (double) Min(right, question->count) / question->count;
	exam->recall += question->recall;
	exam->recall2 += question->recall * question->recall;
}

static void
ask_all(Examination *exam)
{
	IndexScanDesc scan = HvCompatBeginOrderedScan(exam->heap, exam->index, GetActiveSnapshot());
	MemoryContext old = MemoryContextSwitchTo(exam->row_context);

	for (int i = 0; i < exam->nquestions; i++)
	{
		if (exam->questions[i].count == 0)
			continue;
		ask(exam, scan, &exam->questions[i]);
		exam->questions[exam->answered++] = exam->questions[i];
	}
	MemoryContextSwitchTo(old);
	index_endscan(scan);
}

/* Results ----------------------------------------------------------------- */

static int
compare_us(const void *a, const void *b)
{
	double		ua = ((const Question *) a)->us;
	double		ub = ((const Question *) b)->us;

	return ua < ub ? -1 : ua > ub;
}

/*
 * Wilson's interval, (p + z^2/2n -+ z sqrt(p (1 - p) / n + z^2/4n^2)) / (1 +
 * z^2/n).  The neighbours of one query are found or missed together, so n is
 * not their number but that of independent ones which would vary as the
 * queries do, p (1 - p) / (s^2 / queries); where all queries agree, the number
 * of queries.
 */
static void
interval(const Examination *exam, double *low, double *high)
{
	double		n = exam->answered;
	double		p = exam->recall / n;
	double		variance = n > 1 ? Max(exam->recall2 - n * p * p, 0) / (n - 1) : 0;
	double		middle;
	double		half;

	if (variance > 0)
		n = Min(Max(p * (1 - p) * n / variance, n), n * exam->k);
	middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n);
	half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n);
	*low = Max(middle - half, 0);
	*high = Min(middle + half, 1);
}

static Datum
report(FunctionCallInfo fcinfo, Examination *exam)
{
	int			n = exam->answered;
	double		low;
	double		high;
	TupleDesc	desc;
	Datum		values[RESULT_COLUMNS] = {0};
	bool		nulls[RESULT_COLUMNS];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != RESULT_COLUMNS)
		elog(ERROR, "return type must be a row of %d columns", RESULT_COLUMNS);
	memset(nulls, n == 0, sizeof(nulls));
	values[3] = Int32GetDatum(n);
	values[4] = Int32GetDatum(exam->k);
	nulls[3] = nulls[4] = false;
	if (n > 0)
	{
		interval(exam, &low, &high);
		qsort(exam->questions, n, sizeof(Question), compare_us);
		values[0] = Float8GetDatum(exam->recall / n);
		values[1] = Float8GetDatum(low);
		values[2] = Float8GetDatum(high);
		values[5] = Float8GetDatum(exam->leaves / n);
		values[6] = Float8GetDatum(exam->fetches / n);
		values[7] = Float8GetDatum(exam->questions[n / 2].us);
		values[8] = Float8GetDatum(exam->exact_us / n);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * Examines the index with the questions that there are, or with sampled rows.
 */
static void
examine(Examination *exam, int sample)
{
	HvCaller	caller;
	instr_time	start;

	HvOwnerEnter(&caller, exam->heap);
	begin_rows(exam);
	if (sample > 0)
		sample_questions(exam, sample);
	open_questions(exam);
	INSTR_TIME_SET_CURRENT(start);
	each_row(exam, compare_row, NULL);
	exam->exact_us = microseconds_since(start);
	ask_all(exam);
	end_rows(exam);
	HvOwnerLeave(&caller);
}

static void
check_range(const char *what, int value, int most)
{
	if (value < 1 || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of hvtree_recall must be between 1 and %d", what, most)));
}

/* Rows of the table are the queries; each is left out of its own answer. */
Datum
hvtree_recall_sample(PG_FUNCTION_ARGS)
{
	Examination exam = {.k = PG_GETARG_INT32(1)};

	check_range("k", exam.k, MOST_ROWS);
	check_range("the number of queries", PG_GETARG_INT32(2), MOST_QUERIES);
	begin_examination(&exam, PG_GETARG_OID(0));
	examine(&exam, PG_GETARG_INT32(2));
	HvAclClose(exam.heap, exam.index, AccessShareLock);
	PG_RETURN_DATUM(report(fcinfo, &exam));
}

/* The queries are what an SQL query returns. */
Datum
hvtree_recall_query(PG_FUNCTION_ARGS)
{
	Examination exam = {.k = PG_GETARG_INT32(2)};

	check_range("k", exam.k, MOST_ROWS);
	begin_examination(&exam, PG_GETARG_OID(0));
	query_questions(&exam, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	examine(&exam, 0);
	HvAclClose(exam.heap, exam.index, AccessShareLock);
	PG_RETURN_DATUM(report(fcinfo, &exam));
}
