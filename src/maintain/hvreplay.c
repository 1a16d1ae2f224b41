/*-------------------------------------------------------------------------
 *
 * hvreplay.c
 *	  What scans would have found, from traces of wider searches.
 *
 * NOTES
 *	  This does what hvscan.c does, with rows whose leaves, bounds and distances
 *	  are known.  A change there that changes what scans find belongs here too.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvreplay.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "maintain/hvreplay.h"
#include "tree/hvleaf.h"

/* as in hvscan.c; more than MIN_WINDOW only from 64 rows on */
#define MIN_WINDOW		16
#define SLACK_SHARE		0.5

#define WORD_BITS		64
/* of a HvKeyed: the leaf and the row, both below 65,535 */
#define ORDER_EXTRA(row, leaf)	((uint32) (leaf) << 16 | (uint32) (row))
#define ORDER_LEAF(keyed)		((int) ((keyed).extra >> 16))
#define ORDER_ROW(keyed)		((int) ((keyed).extra & 0xFFFF))
#define TAKEN			PG_UINT32_MAX

/* a scan is not expected to fetch rows so many times as far down as those it sends */
#define FAR_RANKS		8

/* any run of its multiples is spread evenly over 0 .. 1 */
#define GOLDEN			0.61803398874989485

/* one scan */
typedef struct Replayed
{
	HvReplay   *replay;
	const HvTrace *trace;
	HvKeyed    *waiting;		/* rows not taken, in order from first on */
	int			first;
	int			count;
	double		dither;			/* as HvSizingDither gives it to queries */
	int			leaves;
	int			sent;
	int			last;			/* row that was sent last, -1 = none */
	int			nearest;		/* row in hand, -1 = none */
	int			fetched;
	double		slack;
	int			number;			/* of the trace */
} Replayed;

/*
 * For each number of leaves the least "stop" with which a scan goes on: the distance of
 * the tenth row in them over that of the next leaf.  Never more than with a leaf less.
 */
static float *
find_arrivals(const HvTrace *trace)
{
	float	   *arrivals = palloc(trace->nleaves * sizeof(float));
	float		least = FLT_MAX;

	for (int l = 1; l < trace->nleaves; l++)
	{
		if (trace->distances[l] > 0 && trace->tenth[l - 1] > 0 && trace->tenth[l - 1] < FLT_MAX)
			least = Min(least, trace->tenth[l - 1] / trace->distances[l]);
		arrivals[l - 1] = least;
	}
	arrivals[trace->nleaves - 1] = 0;
	return arrivals;
}

int
HvReplayArrival(const HvReplay *replay, int trace, double stop)
{
	const float *arrivals = replay->arrivals[trace];
	int			low = 1;
	int			high = replay->traces[trace].nleaves;

	if (stop == 0)
		return high;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (arrivals[middle - 1] < stop)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void
HvReplayInit(HvReplay *replay, const HvTrace *traces, int ntraces)
{
	int			most = 0;

	replay->traces = traces;
	replay->ntraces = ntraces;
	replay->orders = palloc(ntraces * sizeof(HvKeyed *));
	replay->arrivals = palloc(ntraces * sizeof(float *));
	for (int i = 0; i < ntraces; i++)
	{
		replay->orders[i] = palloc(traces[i].nrows * sizeof(HvKeyed));
		replay->arrivals[i] = find_arrivals(&traces[i]);
		most = Max(most, traces[i].nrows);
	}
	replay->waiting = palloc(most * sizeof(HvKeyed));
	replay->in_hand = palloc((most / WORD_BITS + 1) * sizeof(uint64));
}

void
HvReplaySetMargin(HvReplay *replay, float margin)
{
	replay->margin = margin;
	for (int t = 0; t < replay->ntraces; t++)
	{
		const HvTrace *trace = &replay->traces[t];
		HvKeyed    *order = replay->orders[t];

		for (int i = 0; i < trace->nrows; i++)
		{
			order[i].key = trace->rows[i].estimate - margin * trace->rows[i].error;
			order[i].extra = ORDER_EXTRA(i, trace->rows[i].leaf);
			order[i].id = i;
		}
		HvSortKeyed(order, trace->nrows);
	}
}

static inline void
set_bit(uint64 *words, int i)
{
	words[i / WORD_BITS] |= UINT64CONST(1) << (i % WORD_BITS);
}

/* Takes a row in: in hand, or late, which may tell how far bounds are off. */
static void
take_row(Replayed *scan, int row, float key)
{
	const HvTraceRow *rows = scan->trace->rows;

	scan->fetched++;
	if (row < scan->last)
	{
		double		off = (double) key - rows[row].square;

		if (off > scan->slack)
			scan->slack += (off - scan->slack) * SLACK_SHARE;
		return;
	}
	set_bit(scan->replay->in_hand, row);
	if (scan->nearest < 0 || row < scan->nearest)
		scan->nearest = row;
}

/* Moves what still waits before end together, so that it need not be passed again. */
static void
close_gaps(Replayed *scan, int end)
{
	int			to = end;

	for (int i = end - 1; i >= scan->first; i--)
	{
		if (scan->waiting[i].extra != TAKEN)
			scan->waiting[--to] = scan->waiting[i];
	}
	scan->first = to;
}

/* Reranks one window of rows; false if there was none. */
static bool
take_window(Replayed *scan)
{
	const HvTrace *trace = scan->trace;
	double		bound = scan->nearest < 0 ? INFINITY :
		trace->rows[scan->nearest].square + scan->slack;
	int			max = Max(MIN_WINDOW, scan->sent / 4);
	int			n = 0;
	int			i;

	for (i = scan->first; i < scan->count && n < max && scan->waiting[i].key < bound; i++)
	{
		if (ORDER_LEAF(scan->waiting[i]) > scan->leaves)
			continue;
		take_row(scan, ORDER_ROW(scan->waiting[i]), scan->waiting[i].key);
		scan->waiting[i].extra = TAKEN;
		n++;
	}
	close_gaps(scan, i);
	return n > 0;
}

/* Sends the nearest row in hand. */
static void
send_row(Replayed *scan)
{
	uint64	   *words = scan->replay->in_hand;
	int			last_word = scan->trace->nrows / WORD_BITS;
	int			word = scan->nearest / WORD_BITS;

	scan->last = scan->nearest;
	scan->sent++;
	words[word] &= ~(UINT64CONST(1) << (scan->nearest % WORD_BITS));
	while (word < last_word && words[word] == 0)
		word++;
	scan->nearest = words[word] == 0 ? -1 :
		word * WORD_BITS + pg_rightmost_one_pos64(words[word]);
}

/* Would the scan stop here, though it may read more?  (HvSearchHasArrived) */
static bool
has_arrived(const Replayed *scan)
{
	const HvTrace *trace = scan->trace;
	double		stop = scan->replay->stop[scan->sent < HV_NEAREST_ROWS ? 0 : 1];

	if (stop == 0 || scan->leaves < scan->replay->least || scan->leaves >= trace->nleaves)
		return false;
	if (scan->sent < HV_NEAREST_ROWS)
		return scan->replay->arrivals[scan->number][scan->leaves - 1] < stop;
	return scan->nearest >= 0 && trace->rows[scan->nearest].square > 0 &&
		trace->distances[scan->leaves] * stop > trace->rows[scan->nearest].square;
}

/* Does what is needed before the next row, and sends it; false if there is none. */
static bool
next_row(Replayed *scan)
{
	for (;;)
	{
		int			leaves = (int) (scan->replay->leaves[scan->sent] + scan->dither);

		if (scan->leaves < leaves)
			leaves = Max(leaves, scan->leaves + scan->leaves / 8);
		while (scan->leaves < leaves && !has_arrived(scan))
			scan->leaves++;
		if (take_window(scan))
			continue;
		if (scan->nearest >= 0)
			break;
		if (scan->leaves >= scan->trace->nleaves)
			return false;
		scan->leaves = 2 * Max(scan->leaves, 1);
	}
	send_row(scan);
	return true;
}

void
HvReplayScan(HvReplay *replay, int t, int last, HvReplayResult *sum)
{
	const HvTrace *trace = &replay->traces[t];
	Size		size = (trace->nrows / WORD_BITS + 1) * sizeof(uint64);
	const HvKeyed *order = replay->orders[t];
	int			most = Min((int) HvCurveRank(last), trace->nrows);
	int			most_leaves = (int) (2 * Max(replay->leaves[most - 1], 1)) + 1;
	float		far = trace->rows[Min(FAR_RANKS * most, trace->nrows) - 1].square;
	Replayed	scan = {.replay = replay, .trace = trace, .number = t, .waiting = replay->waiting, .last = -1, .nearest = -1};
	int			found[HV_CURVE_RANKS] = {0};

	/* what no leaf of this scan holds, or lies far beyond its rows, is not looked at */
	for (int i = 0; i < trace->nrows && order[i].key < far; i++)
	{
		if (ORDER_LEAF(order[i]) <= most_leaves)
			scan.waiting[scan.count++] = order[i];
	}
	memset(replay->in_hand, 0, size);
	scan.dither = fmod(t * GOLDEN, 1);
	for (int i = 0; i <= last; i++)
	{
		int			rank = Min((int) HvCurveRank(i), trace->nrows);

		while (scan.sent < rank && next_row(&scan))
		{
			for (int j = i; j <= last; j++)
				found[j] += scan.last < HvCurveRank(j);
		}
		sum->recall[i] += (double) found[i] / rank;
		sum->fetches[i] += scan.fetched;
		sum->leaves[i] += scan.leaves;
	}
}

void
HvReplaySetSizing(HvReplay *replay, const HvSizing *sizing)
{
	for (int k = 1; k <= HV_TRACE_NEIGHBORS; k++)
		replay->leaves[k - 1] = HvSizingWanted(sizing, k);
	memcpy(replay->stop, sizing->stop, sizeof(replay->stop));
	replay->least = HvSizingLeast(sizing);
}

void
HvReplayRun(HvReplay *replay, const HvSizing *sizing, int last, HvReplayResult *result)
{
	int			n = 0;

	memset(result, 0, sizeof(HvReplayResult));
	HvReplaySetSizing(replay, sizing);
	for (int t = 0; t < replay->ntraces; t++)
	{
		CHECK_FOR_INTERRUPTS();
		if (replay->traces[t].neighbors < HvCurveRank(last))
			continue;
		HvReplayScan(replay, t, last, result);
		n++;
	}
	for (int i = 0; i <= last && n > 0; i++)
	{
		result->recall[i] /= n;
		result->fetches[i] /= n;
		result->leaves[i] /= n;
	}
}
