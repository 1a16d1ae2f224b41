/*-------------------------------------------------------------------------
 *
 * hvbuildjobs.c
 *	  What the participants of a build do, and where a worker begins.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvbuildjobs.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hvassign.h"
#include "hvbuildjobs.h"
#include "hvpartition.h"
#include "hvrefine.h"
#include "hvsample.h"

const HvJobWork HvBuildJobs[HV_NJOBS] = {
	[HV_JOB_SAMPLE] = HvSampleWork,
	[HV_JOB_NEAREST] = HvPartitionNearestWork,
	[HV_JOB_DIVIDE] = HvPartitionDivideWork,
	[HV_JOB_MEANS] = HvRefineMeansWork,
	[HV_JOB_PLACE] = HvRefinePlaceWork,
	[HV_JOB_ASSIGN] = HvAssignWork
};

void
hvbuild_parallel_main(dsm_segment *segment, shm_toc *toc)
{
	HvBuild    *build = HvCrewJoin(toc, segment, HvBuildJobs);

	HvCrewDoJobs(build);
	HvCrewLeave(build);
}
