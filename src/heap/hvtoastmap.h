/*-------------------------------------------------------------------------
 *
 * hvtoastmap.h
 *	  Where in a TOAST table a value is probably stored.
 *
 * NOTES
 *	  A position is an estimate: its caller must see from the page whether it is
 *	  right.
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

/* What this backend has learnt about a table; valid until the next call. */
extern HvToastMap *HvToastMapFor(Oid table);

/*
 * The estimated position (block and a fraction of it) of the first chunk of a
 * value; false if there is no estimate that pays.
 */
extern bool HvToastMapWhere(HvToastMap *map, Oid id, double *position);

/*
 * The same for a value that is fetched later; it does not count as an attempt.
 */
extern bool HvToastMapAhead(const HvToastMap *map, Oid id, double *position);

/* how far apart two values are, by the order of their numbers; in blocks */
extern double HvToastMapDistance(const HvToastMap *map, Oid from, Oid to);

/* Notes where a value has been found. */
extern void HvToastMapLearn(HvToastMap *map, Oid id, double position);

/* Notes whether the last estimate led to the value. */
extern void HvToastMapJudge(HvToastMap *map, bool right);

#endif							/* HVTOASTMAP_H */
