/*-------------------------------------------------------------------------
 *
 * hvstorerecent.h
 *	  Pins pages that are read all the time, without the buffer mapping.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstorerecent.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVSTORERECENT_H
#define HVSTORERECENT_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/buf.h"
#include "storage/off.h"
#include "utils/rel.h"

/*
 * The page of a block of the main fork, pinned and not locked, as by
 * ReadBuffer with all that it counts.  Errors as ReadBuffer does.
 */
extern Buffer HvStoreRecentRead(Relation relation, BlockNumber block);

/* Remembers where a block was met by other ways. */
extern void HvStoreRecentNote(Relation relation, BlockNumber block, Buffer buffer);

/*
 * Ask the processor for what will be read soon of a page that this backend has
 * met in a buffer: all of it; its header, and a line pointer unless offset is
 * InvalidOffsetNumber; the beginning of an item, some time after its line
 * pointer.  They pin and lock nothing: by now the buffer may hold another page.
 */
extern void HvStoreRecentPrefetchPage(Relation relation, BlockNumber block);
extern void HvStoreRecentPrefetchHeader(Relation relation, BlockNumber block, OffsetNumber offset);
extern void HvStoreRecentPrefetchItem(Relation relation, BlockNumber block, OffsetNumber offset);

#endif							/* HVSTORERECENT_H */
