/*-------------------------------------------------------------------------
 *
 * hvtoastmap.c
 *	  Where in a TOAST table a value is probably stored.
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
 *	  again) has no such line.  Then estimates fail, and none are made for a
 *	  while.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvtoastmap.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "heap/hvtoastmap.h"

/*
 * numbers for which there is one point; as many points as cover two million
 * values
 */
#define RANGE_BITS		8
#define POINTS			8192

/* tables that are kept; the oldest one makes room for another */
#define TABLES			16

/* points nearer than this tell little about the slope */
#define MIN_DISTANCE	8

/* how much a new observation counts for the slope */
#define SLOPE_SHARE		0.125

/*
 * A wrong estimate costs up to four pages, a right one saves three and the
 * search in them: one may be wrong for every two that are right.
 */
#define WRONG_COSTS		2
#define MAX_TRUST		16
#define MIN_TRUST		(-8)

/* values fetched before estimates are tried again */
#define PAUSE			512

typedef struct Point
{
	Oid			table;			/* InvalidOid = unused */
	Oid			id;
	double		position;
} Point;

struct HvToastMap
{
	Oid			table;
	bool		has_slope;
	double		slope;			/* blocks a number */
	int			trust;
	int			pause;
};

static HvToastMap tables[TABLES];
static int	next_table = 0;
static Point *points = NULL;	/* of the backend; made for the first value */

HvToastMap *
HvToastMapFor(Oid table)
{
	HvToastMap *map;

	Assert(OidIsValid(table));
	for (int i = 0; i < TABLES; i++)
	{
		if (tables[i].table == table)
			return &tables[i];
	}
	if (points == NULL)
		points = MemoryContextAllocZero(TopMemoryContext, POINTS * sizeof(Point));
	map = &tables[next_table];
	next_table = (next_table + 1) % TABLES;
	memset(map, 0, sizeof(HvToastMap));
	map->table = table;
	return map;
}

/* The place for the point of a range of numbers. */
static Point *
point_of(Oid table, uint32 range)
{
	Assert(points != NULL);
	return &points[murmurhash32(range ^ (table * 0x9E3779B1)) % POINTS];
}

/* The known point nearest to a value: of its range or of those beside it. */
static const Point *
near_point(const HvToastMap *map, Oid id)
{
	static const int8 offsets[] = {0, -1, 1};
	uint32		range = id >> RANGE_BITS;

	for (int i = 0; i < lengthof(offsets); i++)
	{
		uint32		tried = range + offsets[i];
		const Point *point = point_of(map->table, tried);

		if (point->table == map->table && point->id >> RANGE_BITS == tried)
			return point;
	}
	return NULL;
}

double
HvToastMapDistance(const HvToastMap *map, Oid from, Oid to)
{
	return ((double) to - (double) from) * map->slope;
}

bool
HvToastMapAhead(const HvToastMap *map, Oid id, double *position)
{
	const Point *point;

	if (map->pause > 0 || !map->has_slope)
		return false;
	point = near_point(map, id);
	if (point == NULL)
		return false;
	*position = point->position + HvToastMapDistance(map, point->id, id);
	return true;
}

bool
HvToastMapWhere(HvToastMap *map, Oid id, double *position)
{
	if (map->pause > 0)
	{
		map->pause--;
		return false;
	}
	return HvToastMapAhead(map, id, position);
}

void
HvToastMapLearn(HvToastMap *map, Oid id, double position)
{
	Point	   *point = point_of(map->table, id >> RANGE_BITS);
	const Point *known = near_point(map, id);

	Assert(position >= 0 && isfinite(position));
	if (known)
	{
		double		distance = (double) id - (double) known->id;
		bool		far = fabs(distance) >= MIN_DISTANCE;
		double		slope = far ? (position - known->position) / distance : 0;

		if (far && slope >= 0)
		{
			map->slope += (slope - map->slope) * (map->has_slope ? SLOPE_SHARE : 1.0);
			map->has_slope = true;
			Assert(isfinite(map->slope) && map->slope >= 0);
		}
	}
	point->table = map->table;
	point->id = id;
	point->position = position;
}

void
HvToastMapJudge(HvToastMap *map, bool right)
{
	map->trust = right ? Min(map->trust + 1, MAX_TRUST) : map->trust - WRONG_COSTS;
	if (map->trust < MIN_TRUST)
	{
		map->trust = 0;
		map->pause = PAUSE;
	}
}
