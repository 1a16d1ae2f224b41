/*-------------------------------------------------------------------------
 *
 * hvbuildparallel.h
 *	  The participants of a build, and the jobs that they share.
 *
 * NOTES
 *	  The leader goes through the phases of a build.  Where sharing one pays, it
 *	  posts a job and works on it itself; workers that have started by then
 *	  join.  A job is a number of items that are taken one by one, or a parallel
 *	  scan of the table.  It is over when no item is left and all workers that
 *	  joined have left it.
 *
 *	  A serial build is a crew of one, which goes through the same code: the
 *	  shared data is in its private memory then.
 *
 *	  The data of jobs is in regions: segments of dynamic shared memory of known
 *	  size, made by the leader between two jobs and mapped by the workers at the
 *	  start of the next one.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvbuildparallel.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVBUILDPARALLEL_H
#define HVBUILDPARALLEL_H

#include "access/relscan.h"
#include "fmgr.h"
#include "storage/dsm.h"
#include "storage/shm_toc.h"
#include "utils/tuplesort.h"

#include "build/hvbuildstate.h"

/* what is done in each is in job_work of hvbuild.c */
typedef enum HvJobKind
{
	HV_JOB_SAMPLE,				/* hvsample.c: rows of some blocks */
	HV_JOB_NEAREST,				/* hvpartition.c: members to the nearest of k */
	HV_JOB_DIVIDE,				/* hvpartition.c: nodes of a level into clusters */
	HV_JOB_MEANS,				/* hvrefine.c: means of the members of leaves */
	HV_JOB_PLACE,				/* hvrefine.c: members to leaves by descending */
	HV_JOB_ASSIGN,				/* hvassign.c: all rows of the table */
	HV_NJOBS
} HvJobKind;

typedef struct HvJob
{
	HvJobKind	kind;
	int			items;			/* to be taken by HvCrewNext */
	int			start;			/* of the members that it is about */
	int			count;			/* how many they are */
	int			k;				/* centroids */
	int			level;
	int			iterations;
} HvJob;

/* What a participant does of a job of some kind; HvBuildJobs has them all. */
typedef void (*HvJobWork) (HvBuild *build, const HvJob *job);

typedef enum HvRegionKind
{
	HV_REGION_SAMPLE,
	HV_REGION_TREE,
	HV_REGION_MEANS,
	HV_NREGIONS
} HvRegionKind;

typedef struct HvRegion
{
	dsm_segment *segment;		/* NULL: private memory */
	dsm_handle	handle;
	void	   *base;			/* NULL: there is none now */
} HvRegion;

/* what assigning all rows of a table has come to */
typedef struct HvAssignCounts
{
	double		heap_rows;		/* rows of the table, as its scan counts them */
	int64		rows;			/* of these, in the index */
	int64		copies;			/* tuples: rows and their spilled copies */
	int			participants;	/* that have sorted them */
} HvAssignCounts;

typedef struct HvCrewShared HvCrewShared;

typedef struct HvCrew
{
	HvBuild    *build;
	HvCrewShared *shared;
	const HvJobWork *work;		/* by HvJobKind */
	bool		is_leader;
	HvRegion	regions[HV_NREGIONS];

	Tuplesortstate *sort;		/* what a crew of one has put into it */

	/* of a parallel build, else NULL */
	struct ParallelContext *context;
	Sharedsort *sharedsort;
	ParallelTableScanDesc scan;
	Snapshot	snapshot;		/* registered, if it is an MVCC snapshot */
	struct BufferUsage *buffer_usage;
	struct WalUsage *wal_usage;
} HvCrew;

/*
 * How many workers a build may ask for: what the settings, the size of the
 * table and the budget allow, 0 if not all of it may run in parallel.
 */
extern int	HvCrewWorkersWanted(const HvBuild *build);

/*
 * Makes build->crew.  With nworkers > 0 parallel mode begins, until HvCrewEnd:
 * nothing may take a transaction id.  The space of the build has been
 * initialized.
 */
extern void HvCrewBegin(HvBuild *build, const HvJobWork *work, int nworkers);

/* Ends the workers, and waits for that; what they have sorted stays. */
extern void HvCrewDismiss(HvCrew *crew);

/* The end of parallel mode; what was sorted goes too. */
extern void HvCrewEnd(HvCrew *crew);

/* Has a job done; leader only, and not in the middle of another. */
extern void HvCrewRun(HvCrew *crew, const HvJob *job);

/* Takes an item of the current job; -1 if none is left.  Serves interrupts. */
extern int	HvCrewNext(HvCrew *crew, const HvJob *job);

/* The number of participants, the leader included. */
extern int	HvCrewSize(const HvCrew *crew);

/*
 * Memory that all participants see, HvRegionBase in each of them.  Leader only,
 * between jobs.
 */
extern void *HvRegionAllocate(HvCrew *crew, HvRegionKind kind, Size size);
extern void HvRegionFree(HvCrew *crew, HvRegionKind kind);
extern void *HvRegionBase(const HvCrew *crew, HvRegionKind kind);

/*
 * Adds to the sums that HvCrewGetCounts gives the leader; participants counts
 * calls.
 */
extern void HvCrewAddCounts(HvCrew *crew, const HvAssignCounts *counts);
extern void HvCrewGetCounts(HvCrew *crew, HvAssignCounts *counts);

/*
 * What a worker does: it joins a build, opening table and index; does all jobs
 * until the leader dismisses the crew; and closes table and index.
 */
extern HvBuild *HvCrewJoin(shm_toc *toc, dsm_segment *segment, const HvJobWork *work);
extern void HvCrewDoJobs(HvBuild *build);
extern void HvCrewLeave(HvBuild *build);

#endif							/* HVBUILDPARALLEL_H */
