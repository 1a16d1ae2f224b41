/*-------------------------------------------------------------------------
 *
 * hvtoast.h
 *	  Many values of one TOAST table, one after the other.
 *
 * NOTES
 *	  The server opens the TOAST table, its indexes and a scan anew for each
 *	  value; a rerank reads dozens of them.  Here they are opened once.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvtoast.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVTOAST_H
#define HVTOAST_H

#include "postgres.h"

#include "utils/relcache.h"

typedef struct HvToast HvToast;

/*
 * Opens the TOAST table of a heap; memory is taken from the current context.
 * NULL where there is none, or where its rows are another access method's
 * business.  may_vanish: the caller's rows may be dead, and VACUUM may take
 * their values away while they are read.
 */
extern HvToast *HvToastBegin(Relation heap, bool may_vanish);
extern void HvToastEnd(HvToast *toast);

/*
 * Replaces a TOAST pointer into that table by the value, in the current context,
 * still compressed if it was stored so.  Anything else stays as it is.  False
 * if the value has vanished; an error (ERRCODE_DATA_CORRUPTED) if it must not.
 * *id is set to the number of the value in that table, and left alone otherwise.
 */
extern bool HvToastFetch(HvToast *toast, Datum *value, Oid *id);

/* Lets go of the pages that the last fetch left pinned. */
extern void HvToastRelease(HvToast *toast);

#endif							/* HVTOAST_H */
