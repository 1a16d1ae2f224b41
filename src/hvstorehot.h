/*-------------------------------------------------------------------------
 *
 * hvstorehot.h
 *	  Pins pages that are read all the time, without the buffer mapping.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvstorehot.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSTOREHOT_H
#define HVSTOREHOT_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/buf.h"
#include "utils/rel.h"

/*
 * The page of a block of the main fork, pinned and not locked, as by
 * ReadBuffer with all that it counts.  Errors as ReadBuffer does.
 */
extern Buffer HvHotRead(Relation relation, BlockNumber block);

/*
 * Asks the processor for the bytes of a page that will be read soon, if this backend has
 * met it in a buffer.  Pins nothing: the buffer may hold another page by now.
 */
extern void HvHotPrefetch(Relation relation, BlockNumber block);

#endif							/* HVSTOREHOT_H */
