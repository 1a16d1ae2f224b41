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
 *	  src/hvreplay.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "hvreplay.h"

/* as in hvscan.c; more than MIN_WINDOW only from 64 rows on */
#define MIN_WINDOW		16
#define SLACK_SHARE		0.5

#define WORD_BITS		64

/* one scan */
typedef struct Replayed
{
	HvReplay   *replay;
	const HvSizing *sizing;
	const HvTrace *trace;
	const HvKeyed *order;
	int			first;			/* in order: all before it are taken */
	int			leaves;
	int			sent;
	int			last;			/* row that was sent last, -1 = none */
	int			nearest;		/* row in hand, -1 = none */
	int			fetched;
	double		slack;
} Replayed;

void
HvReplayInit(HvReplay *replay, const HvTrace *traces, int ntraces)
{
	int			most = 0;

	replay->traces = traces;
	replay->ntraces = ntraces;
	replay->orders = palloc(ntraces * sizeof(HvKeyed *));
	for (int i = 0; i < ntraces; i++)
	{
		replay->orders[i] = palloc(traces[i].nrows * sizeof(HvKeyed));
		most = Max(most, traces[i].nrows);
	}
	replay->taken = palloc((most / WORD_BITS + 1) * sizeof(uint64));
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
			order[i].extra = i;
			order[i].id = i;
		}
		HvSortKeyed(order, trace->nrows);
	}
}

static inline bool
has_bit(const uint64 *words, int i)
{
	return (words[i / WORD_BITS] >> (i % WORD_BITS) & 1) != 0;
}

static inline void
set_bit(uint64 *words, int i)
{
	words[i / WORD_BITS] |= UINT64CONST(1) << (i % WORD_BITS);
}

/* Takes a row in: in hand, or late, which tells how far bounds are off. */
static void
take_row(Replayed *scan, int row)
{
	const HvTraceRow *rows = scan->trace->rows;

	set_bit(scan->replay->taken, row);
	scan->fetched++;
	if (row < scan->last)
	{
		double		off = (double) rows[scan->last].square - rows[row].square;

		if (off > scan->slack)
			scan->slack += (off - scan->slack) * SLACK_SHARE;
		return;
	}
	set_bit(scan->replay->in_hand, row);
	if (scan->nearest < 0 || row < scan->nearest)
		scan->nearest = row;
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

	while (scan->first < trace->nrows &&
		   has_bit(scan->replay->taken, scan->order[scan->first].extra))
		scan->first++;
	for (int i = scan->first; i < trace->nrows && n < max; i++)
	{
		int			row = scan->order[i].extra;

		if (!(scan->order[i].key < bound))
			break;
		if (has_bit(scan->replay->taken, row) || trace->rows[row].leaf > scan->leaves)
			continue;
		take_row(scan, row);
		n++;
	}
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

/* Does what is needed before the next row, and sends it; false if there is none. */
static bool
next_row(Replayed *scan)
{
	for (;;)
	{
		int			leaves = HvSizingLeaves(scan->sizing, scan->sent + 1);

		if (scan->leaves < leaves)
			scan->leaves = Max(leaves, scan->leaves + scan->leaves / 8);
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

/* Replays one scan and adds what it found. */
static void
run_scan(HvReplay *replay, const HvSizing *sizing, int t, int last, HvReplayResult *sum)
{
	const HvTrace *trace = &replay->traces[t];
	Size		size = (trace->nrows / WORD_BITS + 1) * sizeof(uint64);
	Replayed		scan = {.replay = replay, .sizing = sizing, .trace = trace,
	.order = replay->orders[t], .last = -1, .nearest = -1};
	int			found[HV_CURVE_RANKS] = {0};

	memset(replay->taken, 0, size);
	memset(replay->in_hand, 0, size);
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
	}
}

void
HvReplayRun(HvReplay *replay, const HvSizing *sizing, int last, HvReplayResult *result)
{
	memset(result, 0, sizeof(HvReplayResult));
	for (int t = 0; t < replay->ntraces; t++)
	{
		CHECK_FOR_INTERRUPTS();
		run_scan(replay, sizing, t, last, result);
	}
	for (int i = 0; i <= last; i++)
	{
		result->recall[i] /= replay->ntraces;
		result->fetches[i] /= replay->ntraces;
	}
}
