/*-------------------------------------------------------------------------
 *
 * hvreach.h
 *	  How many leaves ten rows take of a tree that grows.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvreach.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVREACH_H
#define HVREACH_H

#include "utils/relcache.h"

/*
 * To be called when a tree has got a leaf more, which makes so many, by the backend
 * that made it: measures where the tree has no curve for its size, now and then.
 * One page is locked at a time, none on return; no structure lock may be held.
 */
extern void HvReachMeasure(Relation heap, Relation relation, uint32 leaves);

#endif							/* HVREACH_H */
