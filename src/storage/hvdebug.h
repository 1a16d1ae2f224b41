/*-------------------------------------------------------------------------
 *
 * hvdebug.h
 *	  Places where a test may stop, fail or kill a backend.
 *
 * NOTES
 *	  HV_DEBUG_POINT("split-divided") is nothing unless the extension is
 *	  compiled with -DHV_DEBUG_POINTS.  Then superusers have the setting
 *	  hvtree.debug_points, a list such as
 *
 *		split-divided=wait, insert-placed=error:3, root-grown=crash
 *
 *	  wait		takes and releases a shared advisory lock: a session that holds
 *				pg_advisory_lock(hashtext('split-divided')) stops the backend
 *	  notice	says the name of the point
 *	  error		fails as if memory had run out
 *	  crash		writes out the WAL so far and kills the process
 *
 *	  With ":N" only the Nth pass counts, from when the setting was made.
 *
 *	  No buffer may be locked at a point.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvdebug.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVDEBUG_H
#define HVDEBUG_H

#ifdef HV_DEBUG_POINTS

/* Is any point set? */
extern bool HvDebugIsOn;

/* Defines the setting; once, from _PG_init, before the prefix is reserved. */
extern void HvDebugDefine(void);

/* Does what the setting says of this point. */
extern void HvDebugReach(const char *name);

#define HV_DEBUG_POINT(name) \
	do { \
		if (unlikely(HvDebugIsOn)) \
			HvDebugReach(name); \
	} while (0)

#else

#define HV_DEBUG_POINT(name) ((void) 0)

#endif							/* HV_DEBUG_POINTS */

#endif							/* HVDEBUG_H */
