/*-------------------------------------------------------------------------
 *
 * hvtoast.h
 *	  Many values of one TOAST table, one after the other.
 *
 * NOTES
 *	  The server opens the TOAST table, its indexes and a scan for each value; a
 *	  rerank reads dozens of them.  Here they are opened once.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/heap/hvtoast.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVTOAST_H
#define HVTOAST_H

#include "postgres.h"

#include "utils/relcache.h"

#include "page/hvcompat.h"

typedef struct HvToast HvToast;

/*
 * Opens the TOAST table of a heap; memory is taken from the current context.
 * NULL where there is none, or where the table has another access method than
 * heap.  may_vanish: the caller's rows may be dead, and VACUUM may take
 * their values away while they are read.
 */
extern HvToast *HvToastBegin(Relation heap, bool may_vanish);
extern void HvToastEnd(HvToast *toast);

/* Is this a pointer into that table?  If so it is copied. */
extern bool HvToastIsPointer(const HvToast *toast, Datum value,
							 struct varatt_external *pointer);

/* bytes of a value as it is stored, with a header */
extern Size HvToastSize(const struct varatt_external *pointer);

/*
 * Reads a value into result, which has room for HvToastSize(); still compressed
 * if it was stored so.  False if the value has vanished; an error
 * (ERRCODE_DATA_CORRUPTED) if it must not.
 */
extern bool HvToastLoad(HvToast *toast, const struct varatt_external *pointer,
						struct varlena *result);

/*
 * Pins the pages where the value after next is probably stored, and makes the
 * processor load its bytes from memory while the next one is read.  Called
 * before each HvToastLoad, once more before the first; NULL: nothing comes
 * after next.  HvToastRelease releases the pins.
 */
extern void HvToastExpect(HvToast *toast, const struct varatt_external *pointer);

/* Asks for the first page of a value to be read soon, if it is known which. */
extern void HvToastPrefetch(HvToast *toast, const struct varatt_external *pointer);

/* Releases the pages that the last fetch left pinned. */
extern void HvToastRelease(HvToast *toast);

#endif							/* HVTOAST_H */
