/*-------------------------------------------------------------------------
 *
 * hvhandler.c
 *	  The access method hvtree: its properties and its functions.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/sql/hvhandler.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amapi.h"
#include "commands/vacuum.h"
#include "fmgr.h"

#include "arithmetic/hvkernel.h"
#include "build/hvbuild.h"
#include "heap/hvkeytype.h"
#include "maintain/hvinsert.h"
#include "maintain/hvvacuum.h"
#include "page/hvcompat.h"
#include "planner/hvcost.h"
#include "planner/hvkeypath.h"
#include "planner/hvparallelpath.h"
#include "planner/hvresjunk.h"
#include "scan/hvlimit.h"
#include "scan/hvparallel.h"
#include "scan/hvscan.h"
#include "sql/hvvalidate.h"
#include "storage/hvdebug.h"
#include "tree/hvoptions.h"

HV_MODULE_MAGIC("hvindex", "0.2.0");

PG_FUNCTION_INFO_V1(hvtree_handler);

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	HvKernelsInit();
#ifdef HV_DEBUG_POINTS
	HvDebugDefine();
#endif
	HvOptionsDefine();
	HvLimitInit();
	HvKeyPathInit();
	HvParallelPathInit();		/* after it: it divides the scans that there are */
	HvResjunkInit();
}

/*
 * What is not named here is false, NULL or InvalidOid: no uniqueness, no
 * index-only, bitmap or backward scans.  There are parallel scans, but not by the planner's own paths
 * (hvparallelpath.c).
 *
 * amgettreeheight (18) is not set either: it would be called for every query of
 * the table, and a damaged metapage would stop those that do not use the index.
 */
Datum
hvtree_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = HV_NSTRATEGIES;
	am->amsupport = HV_NSUPPORT;
	am->amcanorderbyop = true;
	am->amoptionalkey = true;	/* scans with ORDER BY alone */
	am->amcanmulticol = true;	/* key columns behind the vector */
	am->amsearcharray = true;
	am->amsearchnulls = true;

	/* a bulk delete reads the whole index: worth a worker of its own */
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;

	/*
	 * (hvbuild() counts workers itself, but 17 asks before it prepares for
	 * them)
	 */
	HV_SINCE_17(am->amcanbuildparallel = true);

	am->ambuild = hvbuild;
	am->ambuildempty = hvbuildempty;
	am->ambuildphasename = hvbuildphasename;
	am->aminsert = hvinsert;
	am->ambulkdelete = hvbulkdelete;
	am->amvacuumcleanup = hvvacuumcleanup;

	am->ambeginscan = hvbeginscan;
	am->amrescan = hvrescan;
	am->amgettuple = hvgettuple;
	am->amendscan = hvendscan;

	am->amestimateparallelscan = hvestimateparallelscan;
	am->aminitparallelscan = hvinitparallelscan;
	am->amparallelrescan = hvparallelrescan;

	am->amcostestimate = hvcostestimate;
	am->amoptions = hvoptions;
	am->amproperty = hvproperty;
	am->amvalidate = hvvalidate;
	am->amadjustmembers = hvadjustmembers;

	PG_RETURN_POINTER(am);
}
