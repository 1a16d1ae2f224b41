/*-------------------------------------------------------------------------
 *
 * hvsplit.h
 *	  Making room: a full page becomes two, a full root a level more.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvsplit.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSPLIT_H
#define HVSPLIT_H

#include "storage/block.h"
#include "utils/relcache.h"

/*
 * Splits a leaf that was seen full, unless another backend has done so by now.
 * The caller may hold no lock of the index; takes and releases the structure
 * lock.  Memory is taken from, and freed in, a context of its own.
 */
extern void HvSplitLeaf(Relation relation, Relation heap, BlockNumber leaf);

#endif							/* HVSPLIT_H */
