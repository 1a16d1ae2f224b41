/*-------------------------------------------------------------------------
 *
 * hvtoastmap.h
 *	  Where in a TOAST table a value probably stands.
 *
 * NOTES
 *	  Nothing here is true, only likely: whoever uses a guess must see from the
 *	  page whether it is right.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvtoastmap.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVTOASTMAP_H
#define HVTOASTMAP_H

#include "postgres.h"

typedef struct HvToastMap HvToastMap;

/* What this backend has learnt about a table; the answer is good until the next call. */
extern HvToastMap *HvToastMapFor(Oid table);

/*
 * The position (block and a fraction of it) of the first chunk of a value; false if
 * there is no guess worth a look.
 */
extern bool HvToastMapWhere(HvToastMap *map, Oid id, double *position);

/* The same for a value that will be asked for later; does not count as a guess. */
extern bool HvToastMapAhead(const HvToastMap *map, Oid id, double *position);

/* how far apart two values are, by the order of their numbers; in blocks */
extern double HvToastMapDistance(const HvToastMap *map, Oid from, Oid to);

/* A value has been found there. */
extern void HvToastMapLearn(HvToastMap *map, Oid id, double position);

/* Did the last guess lead to the value? */
extern void HvToastMapJudge(HvToastMap *map, bool right);

#endif							/* HVTOASTMAP_H */
