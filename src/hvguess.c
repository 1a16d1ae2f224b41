/*-------------------------------------------------------------------------
 *
 * hvguess.c
 *	  Where in a TOAST table a value probably stands.
 *
 * NOTES
 *	  Values get their numbers from a counter and their places at the end of
 *	  the table, so that a table that was loaded is a straight line from number
 *	  to place over long stretches, even with gaps, with values of another
 *	  column in between, or with other tables that use the counter.  What
 *	  is kept is one point of that line for each range of numbers, as found
 *	  last, and one slope for each table.
 *
 *	  A table that is used in another way (rows are updated and space is used
 *	  again) has no such line.  That shows in guesses that fail, and then
 *	  none are made for a while.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvguess.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "hvguess.h"

/* numbers for which there is one point; as many points as cover two million values */
#define RANGE_BITS		8
#define POINTS			8192

/* tables that are remembered; the one learnt first is forgotten */
#define TABLES			16

/* points nearer than this tell little about the slope */
#define MIN_DISTANCE	8

/* how much a new observation counts for the slope */
#define SLOPE_SHARE		0.125

/*
 * A wrong guess costs up to four pages, a right one saves three and the search in
 * them: it may go wrong once for every two that are right.
 */
#define WRONG_COSTS		2
#define MAX_TRUST		16
#define MIN_TRUST		(-8)

/* values fetched before guessing is tried again */
#define PAUSE			512

typedef struct Point
{
	Oid			table;			/* InvalidOid = unused */
	Oid			id;
	double		position;
} Point;

struct HvGuess
{
	Oid			table;
	bool		has_slope;
	double		slope;			/* blocks a number */
	int			trust;
	int			pause;
};

static HvGuess tables[TABLES];
static int	next_table = 0;
static Point *points = NULL;	/* of the backend; made for the first value */

HvGuess *
HvGuessFor(Oid table)
{
	HvGuess    *guess;

	for (int i = 0; i < TABLES; i++)
	{
		if (tables[i].table == table)
			return &tables[i];
	}
	if (points == NULL)
		points = MemoryContextAllocZero(TopMemoryContext, POINTS * sizeof(Point));
	guess = &tables[next_table];
	next_table = (next_table + 1) % TABLES;
	memset(guess, 0, sizeof(HvGuess));
	guess->table = table;
	return guess;
}

/* The place for the point of a range of numbers. */
static Point *
point_of(Oid table, uint32 range)
{
	return &points[murmurhash32(range ^ (table * 0x9E3779B1)) % POINTS];
}

/* The known point nearest to a value: of its range or of those beside it. */
static const Point *
near_point(const HvGuess *guess, Oid id)
{
	static const int8 offsets[] = {0, -1, 1};
	uint32		range = id >> RANGE_BITS;

	for (int i = 0; i < lengthof(offsets); i++)
	{
		uint32		tried = range + offsets[i];
		const Point *point = point_of(guess->table, tried);

		if (point->table == guess->table && point->id >> RANGE_BITS == tried)
			return point;
	}
	return NULL;
}

double
HvGuessDistance(const HvGuess *guess, Oid from, Oid to)
{
	return ((double) to - (double) from) * guess->slope;
}

bool
HvGuessAhead(const HvGuess *guess, Oid id, double *position)
{
	const Point *point;

	if (guess->pause > 0 || !guess->has_slope)
		return false;
	point = near_point(guess, id);
	if (point == NULL)
		return false;
	*position = point->position + HvGuessDistance(guess, point->id, id);
	return true;
}

bool
HvGuessWhere(HvGuess *guess, Oid id, double *position)
{
	if (guess->pause > 0)
	{
		guess->pause--;
		return false;
	}
	return HvGuessAhead(guess, id, position);
}

void
HvGuessLearn(HvGuess *guess, Oid id, double position)
{
	Point	   *point = point_of(guess->table, id >> RANGE_BITS);
	const Point *known = near_point(guess, id);

	if (known)
	{
		double		distance = (double) id - (double) known->id;
		double		slope = (position - known->position) / distance;

		if (fabs(distance) >= MIN_DISTANCE && slope >= 0)
		{
			guess->slope += (slope - guess->slope) * (guess->has_slope ? SLOPE_SHARE : 1.0);
			guess->has_slope = true;
		}
	}
	point->table = guess->table;
	point->id = id;
	point->position = position;
}

void
HvGuessJudge(HvGuess *guess, bool right)
{
	guess->trust = right ? Min(guess->trust + 1, MAX_TRUST) : guess->trust - WRONG_COSTS;
	if (guess->trust < MIN_TRUST)
	{
		guess->trust = 0;
		guess->pause = PAUSE;
	}
}
