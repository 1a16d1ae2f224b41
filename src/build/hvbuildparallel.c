/*-------------------------------------------------------------------------
 *
 * hvbuildparallel.c
 *	  The participants of a build, and the jobs that they share.
 *
 * NOTES
 *	  An error in a worker is raised in the leader while it waits or takes its
 *	  next item; an error in the leader ends the workers while they wait or take
 *	  theirs.  Segments of shared memory are freed with the resource owner.
 *
 *	  A job does not wait for workers that have not started yet: it is done by
 *	  the participants that are there.  So the result does not depend on how
 *	  long a process takes to start.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvbuildparallel.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "build/hvbuildparallel.h"
#include "page/hvcompat.h"
#include "storage/hvdebug.h"

/* how often a waiting leader reports progress */
#define REPORT_INTERVAL_MS		200

#define KEY_SHARED		UINT64CONST(0x4856000000000001)
#define KEY_SCAN		UINT64CONST(0x4856000000000002)
#define KEY_SORT		UINT64CONST(0x4856000000000003)
#define KEY_QUERY		UINT64CONST(0x4856000000000004)
#define KEY_BUFFERS		UINT64CONST(0x4856000000000005)
#define KEY_WAL			UINT64CONST(0x4856000000000006)

struct HvCrewShared
{
	/* fixed before workers start */
	Oid			heap;
	Oid			index;
	bool		concurrent;
	int			participants;	/* at most */
	double		estimated_rows;
	HvBuildOptions options;
	HvMetaData	meta;			/* changed by the leader between jobs */

	pg_atomic_uint64 next;		/* item of the job */
	HvProgress	progress;

	ConditionVariable changed;	/* a job came, or someone let go of it */
	slock_t		mutex;			/* what follows */
	bool		quit;			/* there will be no more jobs */
	bool		open;			/* the job can be joined */
	int			number;			/* of the job */
	int			active;			/* workers that have joined and not let go */
	HvJob		job;
	dsm_handle	regions[HV_NREGIONS];
	HvAssignCounts counts;
	bool		broken_hot_chain;

	float		mean[FLEXIBLE_ARRAY_MEMBER];	/* center_dims */
};

/* Setup ------------------------------------------------------------------- */

static Size
shared_size(const HvBuild *build)
{
	return offsetof(HvCrewShared, mean) + build->space.center_dims * sizeof(float);
}

static void
init_shared(HvCrewShared *shared, const HvBuild *build, int participants)
{
	memset(shared, 0, offsetof(HvCrewShared, mean));
	shared->heap = RelationGetRelid(build->heap);
	shared->index = RelationGetRelid(build->index);
	shared->concurrent = build->info->ii_Concurrent;
	shared->participants = participants;
	shared->estimated_rows = build->estimated_rows;
	shared->options = build->options;
	shared->meta = build->meta;
	pg_atomic_init_u64(&shared->next, 0);
	HvProgressInit(&shared->progress);
	ConditionVariableInit(&shared->changed);
	SpinLockInit(&shared->mutex);
	for (int i = 0; i < HV_NREGIONS; i++)
		shared->regions[i] = DSM_HANDLE_INVALID;
	memcpy(shared->mean, build->space.mean, build->space.center_dims * sizeof(float));
}

/* Room for what is shared, with the context's own. */
static void
estimate_segment(HvCrew *crew, int participants)
{
	shm_toc_estimator *estimator = &crew->context->estimator;

	shm_toc_estimate_chunk(estimator, shared_size(crew->build));
	shm_toc_estimate_chunk(estimator, table_parallelscan_estimate(crew->build->heap, crew->snapshot));
	shm_toc_estimate_chunk(estimator, tuplesort_estimate_shared(participants));
	shm_toc_estimate_chunk(estimator, strlen(debug_query_string ? debug_query_string : "") + 1);
	shm_toc_estimate_chunk(estimator, mul_size(sizeof(BufferUsage), crew->context->nworkers));
	shm_toc_estimate_chunk(estimator, mul_size(sizeof(WalUsage), crew->context->nworkers));
	shm_toc_estimate_keys(estimator, 6);
}

/* A chunk of the segment under a key. */
static void *
share_chunk(ParallelContext *context, uint64 key, Size size)
{
	void	   *chunk = shm_toc_allocate(context->toc, size);

	shm_toc_insert(context->toc, key, chunk);
	return chunk;
}

static void
fill_segment(HvCrew *crew, int participants)
{
	HvBuild    *build = crew->build;
	ParallelContext *context = crew->context;
	const char *query = debug_query_string ? debug_query_string : "";

	crew->shared = share_chunk(context, KEY_SHARED, shared_size(build));
	init_shared(crew->shared, build, participants);
	crew->scan = share_chunk(context, KEY_SCAN,
							 table_parallelscan_estimate(build->heap, crew->snapshot));
	table_parallelscan_initialize(build->heap, crew->scan, crew->snapshot);
	crew->sharedsort = share_chunk(context, KEY_SORT, tuplesort_estimate_shared(participants));
	tuplesort_initialize_shared(crew->sharedsort, participants, context->seg);
	strcpy(share_chunk(context, KEY_QUERY, strlen(query) + 1), query);
	crew->buffer_usage = share_chunk(context, KEY_BUFFERS,
									 mul_size(sizeof(BufferUsage), context->nworkers));
	crew->wal_usage = share_chunk(context, KEY_WAL,
								  mul_size(sizeof(WalUsage), context->nworkers));
}

/* Leaves parallel mode; nothing may be shared any more. */
static void
leave_parallel_mode(HvCrew *crew)
{
	if (crew->snapshot && IsMVCCSnapshot(crew->snapshot))
		UnregisterSnapshot(crew->snapshot);
	crew->snapshot = NULL;
	DestroyParallelContext(crew->context);
	crew->context = NULL;
	crew->scan = NULL;
	crew->sharedsort = NULL;
	ExitParallelMode();
}

/* Starts the workers; false, with nothing changed, where there can be none. */
static bool
launch(HvCrew *crew, int nworkers)
{
	HvBuild    *build = crew->build;

	EnterParallelMode();
	crew->context = CreateParallelContext("hvindex", "hvbuild_parallel_main", nworkers);
	crew->snapshot = build->info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	estimate_segment(crew, nworkers + 1);
	InitializeParallelDSM(crew->context);
	if (crew->context->seg == NULL)
	{
		leave_parallel_mode(crew);
		return false;
	}
	fill_segment(crew, nworkers + 1);
	LaunchParallelWorkers(crew->context);
	if (crew->context->nworkers_launched == 0)
	{
		WaitForParallelWorkersToFinish(crew->context);
		leave_parallel_mode(crew);
		return false;
	}
	elog(DEBUG1, "hvtree build: %d workers", crew->context->nworkers_launched);
	return true;
}

void
HvCrewBegin(HvBuild *build, const HvJobWork *work, int nworkers)
{
	HvCrew	   *crew = palloc0(sizeof(HvCrew));

	crew->build = build;
	crew->work = work;
	crew->is_leader = true;
	build->crew = crew;
	if (nworkers > 0 && launch(crew, nworkers))
	{
		build->progress = &crew->shared->progress;
		return;
	}
	crew->shared = palloc(shared_size(build));
	init_shared(crew->shared, build, 1);
}

void
HvCrewDismiss(HvCrew *crew)
{
	if (crew->context == NULL)
		return;
	SpinLockAcquire(&crew->shared->mutex);
	crew->shared->quit = true;
	SpinLockRelease(&crew->shared->mutex);
	ConditionVariableBroadcast(&crew->shared->changed);
	WaitForParallelWorkersToFinish(crew->context);
	for (int i = 0; i < crew->context->nworkers_launched; i++)
		InstrAccumParallelQuery(&crew->buffer_usage[i], &crew->wal_usage[i]);
	if (crew->shared->broken_hot_chain)
		crew->build->info->ii_BrokenHotChain = true;
}

void
HvCrewEnd(HvCrew *crew)
{
	crew->build->progress = &crew->build->own_progress;
	if (crew->context)
		leave_parallel_mode(crew);
}

int
HvCrewSize(const HvCrew *crew)
{
	return crew->context ? crew->context->nworkers_launched + 1 : 1;
}

/* Regions ----------------------------------------------------------------- */

void *
HvRegionBase(const HvCrew *crew, HvRegionKind kind)
{
	Assert(kind >= 0 && kind < HV_NREGIONS);
	return crew->regions[kind].base;
}

void *
HvRegionAllocate(HvCrew *crew, HvRegionKind kind, Size size)
{
	HvRegion   *region = &crew->regions[kind];

	Assert(crew->is_leader && !crew->shared->open && region->base == NULL);
	if (crew->context)
	{
		region->segment = dsm_create(size, 0);
		region->handle = dsm_segment_handle(region->segment);
		region->base = dsm_segment_address(region->segment);
		crew->shared->regions[kind] = region->handle;
	}
	else
		region->base = MemoryContextAllocHuge(crew->build->context, size);
	return region->base;
}

/* Unmaps a region, in this process. */
static void
drop_region(HvRegion *region)
{
	if (region->segment)
		dsm_detach(region->segment);
	else if (region->base)
		pfree(region->base);
	memset(region, 0, sizeof(HvRegion));
}

void
HvRegionFree(HvCrew *crew, HvRegionKind kind)
{
	Assert(crew->is_leader && !crew->shared->open);
	drop_region(&crew->regions[kind]);
	crew->shared->regions[kind] = DSM_HANDLE_INVALID;
}

/*
 * Maps in a worker the regions of the leader, and unmaps those that it has
 * freed.
 */
static void
follow_regions(HvCrew *crew, const dsm_handle *handles)
{
	for (int i = 0; i < HV_NREGIONS; i++)
	{
		HvRegion   *region = &crew->regions[i];

		if (region->base && region->handle == handles[i])
			continue;
		drop_region(region);
		if (handles[i] == DSM_HANDLE_INVALID)
			continue;
		region->segment = dsm_attach(handles[i]);
		if (region->segment == NULL)
			elog(ERROR, "hvtree build: shared memory is gone");
		region->handle = handles[i];
		region->base = dsm_segment_address(region->segment);
	}
}

/* Jobs -------------------------------------------------------------------- */

/* Works on a job until no item of it is left. */
static void
work_on(HvCrew *crew, const HvJob *job)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "hvtree build job",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);

	crew->work[job->kind] (crew->build, job);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* Waits until no worker is working on the job. */
static void
wait_for_workers(HvCrew *crew)
{
	HvCrewShared *shared = crew->shared;

	ConditionVariablePrepareToSleep(&shared->changed);
	for (;;)
	{
		int			active;

		SpinLockAcquire(&shared->mutex);
		active = shared->active;
		SpinLockRelease(&shared->mutex);
		if (active == 0)
			break;
		(void) ConditionVariableTimedSleep(&shared->changed, REPORT_INTERVAL_MS,
										   WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
		HvProgressPublish(crew->build->progress);
	}
	ConditionVariableCancelSleep();
}

void
HvCrewRun(HvCrew *crew, const HvJob *job)
{
	HvCrewShared *shared = crew->shared;

	Assert(crew->is_leader && !shared->open);
	Assert(job->kind >= 0 && job->kind < HV_NJOBS && job->items >= 0);
	pg_atomic_write_u64(&shared->next, 0);
	shared->meta = crew->build->meta;
	SpinLockAcquire(&shared->mutex);
	shared->job = *job;
	shared->number++;
	shared->open = true;
	SpinLockRelease(&shared->mutex);
	if (crew->context)
		ConditionVariableBroadcast(&shared->changed);
	work_on(crew, job);
	SpinLockAcquire(&shared->mutex);
	shared->open = false;
	SpinLockRelease(&shared->mutex);
	if (crew->context)
		wait_for_workers(crew);
	HvProgressPublish(crew->build->progress);
}

int
HvCrewNext(HvCrew *crew, const HvJob *job)
{
	uint64		item = pg_atomic_fetch_add_u64(&crew->shared->next, 1);

	CHECK_FOR_INTERRUPTS();
	return item < (uint64) job->items ? (int) item : -1;
}

void
HvCrewAddCounts(HvCrew *crew, const HvAssignCounts *counts)
{
	HvAssignCounts *sums = &crew->shared->counts;

	SpinLockAcquire(&crew->shared->mutex);
	sums->heap_rows += counts->heap_rows;
	sums->rows += counts->rows;
	sums->copies += counts->copies;
	sums->participants++;
	SpinLockRelease(&crew->shared->mutex);
}

void
HvCrewGetCounts(HvCrew *crew, HvAssignCounts *counts)
{
	SpinLockAcquire(&crew->shared->mutex);
	*counts = crew->shared->counts;
	SpinLockRelease(&crew->shared->mutex);
}

/* Workers ----------------------------------------------------------------- */

/* Waits for a job that this worker has not seen; false: there are no more. */
static bool
join_job(HvCrew *crew, int *seen, HvJob *job)
{
	HvCrewShared *shared = crew->shared;
	dsm_handle	handles[HV_NREGIONS];
	bool		joined = false;
	bool		quit = false;

	Assert(!crew->is_leader);
	ConditionVariablePrepareToSleep(&shared->changed);
	for (;;)
	{
		SpinLockAcquire(&shared->mutex);
		quit = shared->quit;
		joined = !quit && shared->open && shared->number != *seen;
		if (joined)
		{
			shared->active++;
			*seen = shared->number;
			*job = shared->job;
			memcpy(handles, shared->regions, sizeof(handles));
		}
		SpinLockRelease(&shared->mutex);
		if (joined || quit)
			break;
		ConditionVariableSleep(&shared->changed, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
	if (joined)
		follow_regions(crew, handles);
	return joined;
}

static void
leave_job(HvCrewShared *shared)
{
	SpinLockAcquire(&shared->mutex);
	shared->active--;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->changed);
}

HvBuild *
HvCrewJoin(shm_toc *toc, dsm_segment *segment, const HvJobWork *work)
{
	HvCrewShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	HvCrew	   *crew = palloc0(sizeof(HvCrew));
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	HvBuild    *build;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, false);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);

	/* the locks that the leader has; they are of one group */
	heap = table_open(shared->heap, shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
	index = index_open(shared->index, shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
	info = BuildIndexInfo(index);
	info->ii_Concurrent = shared->concurrent;
	build = HvBuildBegin(heap, index, info);
	build->options = shared->options;
	build->meta = shared->meta;
	build->estimated_rows = shared->estimated_rows;
	HvBuildInitSpace(build, shared->mean);

	crew->build = build;
	crew->work = work;
	crew->shared = shared;
	crew->scan = shm_toc_lookup(toc, KEY_SCAN, false);
	crew->sharedsort = shm_toc_lookup(toc, KEY_SORT, false);
	tuplesort_attach_shared(crew->sharedsort, segment);
	crew->buffer_usage = shm_toc_lookup(toc, KEY_BUFFERS, false);
	crew->wal_usage = shm_toc_lookup(toc, KEY_WAL, false);
	build->crew = crew;
	build->progress = &crew->shared->progress;
	return build;
}

void
HvCrewDoJobs(HvBuild *build)
{
	HvCrew	   *crew = build->crew;
	HvJob		job;
	int			seen = 0;

	HV_DEBUG_POINT("build-worker");
	InstrStartParallelQuery();
	while (join_job(crew, &seen, &job))
	{
		build->meta = crew->shared->meta;
		work_on(crew, &job);
		leave_job(crew->shared);
	}
	for (int i = 0; i < HV_NREGIONS; i++)
		drop_region(&crew->regions[i]);
	if (build->info->ii_BrokenHotChain)
		crew->shared->broken_hot_chain = true;
	InstrEndParallelQuery(&crew->buffer_usage[ParallelWorkerNumber],
						  &crew->wal_usage[ParallelWorkerNumber]);
}

void
HvCrewLeave(HvBuild *build)
{
	index_close(build->index, NoLock);
	table_close(build->heap, NoLock);
}
