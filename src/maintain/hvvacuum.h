/*-------------------------------------------------------------------------
 *
 * hvvacuum.h
 *	  Removing dead rows, freeing pages.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/maintain/hvvacuum.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVVACUUM_H
#define HVVACUUM_H

#include "postgres.h"

#include "access/genam.h"

extern IndexBulkDeleteResult *hvbulkdelete(IndexVacuumInfo *info,
										   IndexBulkDeleteResult *stats,
										   IndexBulkDeleteCallback callback, void *state);
extern IndexBulkDeleteResult *hvvacuumcleanup(IndexVacuumInfo *info,
											  IndexBulkDeleteResult *stats);

#endif							/* HVVACUUM_H */
