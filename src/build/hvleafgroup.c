/*-------------------------------------------------------------------------
 *
 * hvleafgroup.c
 *	  The rows that a build has assigned to one leaf, on their way to pages.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvleafgroup.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "build/hvleafgroup.h"
#include "page/hvpage.h"

/* pages made of too many rows are filled so far */
#define DIVIDED_FILL	0.75

/*
 * pages a chunk of rows is clustered into at most: the work is quadratic in it
 */
#define CHUNK_PAGES		64

#define GROUP_ITERATIONS 5

void
HvLeafGroupInit(HvLeafGroup *group, HvBuild *build, HvWriter *writer, HvHeap *heap)
{
	int			pages = CHUNK_PAGES;

	/* the vectors of a chunk must not take more than a quarter of the budget */
	pages = Min(pages, (int) (build->budget / 4 /
							  ((Size) build->layout.leaf_capacity * build->layout.code_bits)));
	memset(group, 0, sizeof(HvLeafGroup));
	group->build = build;
	group->writer = writer;
	group->heap = heap;
	group->kept = HvSampleKept(build, &group->sample);
	group->tuple_size = build->layout.leaf_entry_size + build->layout.code_bytes;
	group->capacity = Max(pages, 2) * build->layout.leaf_capacity;
	group->tuples = MemoryContextAllocHuge(CurrentMemoryContext,
										   (Size) group->capacity * group->tuple_size);
}

static inline HvLeafEntryData *
tuple_entry(const HvLeafGroup *group, int i)
{
	Assert(i >= 0 && i < group->capacity);
	return (HvLeafEntryData *) (group->tuples + (Size) i * group->tuple_size);
}

static inline uint8 *
tuple_code(const HvLeafGroup *group, int i)
{
	return (uint8 *) tuple_entry(group, i) + group->build->layout.leaf_entry_size;
}

/*
 * Writes the tuples of one cluster as a leaf; cluster NULL means all of them.
 */
static void
write_leaf(HvLeafGroup *group, const int *cluster, int which, const float *centroid)
{
	const HvLayout *layout = &group->build->layout;
	PGAlignedBlock image;

	HvPageInitKind((Page) image.data, HV_PAGE_LEAF, 0, (uint16) group->build->meta.mean_version);
	for (int i = 0; i < group->count; i++)
	{
		if ((cluster == NULL || cluster[i] == which) &&
			!HvPageAppend((Page) image.data, layout, tuple_code(group, i),
						  tuple_entry(group, i)))
			elog(ERROR, "leaf page of a build has no room");
	}
	Assert(HvPageCount((Page) image.data) > 0);
	HvWriterAddLeaf(group->writer, (Page) image.data, centroid);
}

/* A row's vector out of a sample that was kept; false if it is not there. */
static bool
copy_sampled(const HvLeafGroup *group, int i, HvVectors *vectors)
{
	const HvVectors *sampled = &group->sample.vectors;
	int			next = 0;
	int			from;

	if (!group->kept)
		return false;
	from = HvSampleFind(&group->sample, HvRowPack(&tuple_entry(group, i)->tid), &next);
	if (from < 0)
		return false;
	memcpy(vectors->values + (Size) i * vectors->dims,
		   sampled->values + (Size) from * vectors->dims, vectors->dims);
	vectors->factors[i] = sampled->factors[from];
	return true;
}

/*
 * The vectors of all tuples.  That of a row of which no version is visible is
 * decoded from its code.
 */
static void
read_vectors(HvLeafGroup *group, HvVectors *vectors)
{
	HvBuild    *build = group->build;
	int			bits = build->layout.code_bits;
	float	   *projected = palloc(build->space.rotate_dims * sizeof(float));

	vectors->dims = bits;
	vectors->count = vectors->capacity = group->count;
	vectors->values = MemoryContextAllocHuge(CurrentMemoryContext, (Size) group->count * bits);
	vectors->factors = palloc(group->count * sizeof(HvByteFactors));
	for (int i = 0; i < group->count; i++)
	{
		HvVectorView view;

		CHECK_FOR_INTERRUPTS();
		if (copy_sampled(group, i, vectors))
			continue;
		if (HvHeapGet(group->heap, HvRowPack(&tuple_entry(group, i)->tid), &view))
			HvSpaceProject(&build->space, view.values, projected);
		else
			HvCodeDecode(tuple_code(group, i), &tuple_entry(group, i)->factors, bits,
						 projected);
		HvVectorsSet(vectors, i, projected);
		HvHeapRelease(group->heap);
	}
	pfree(projected);
}

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* Clusters the tuples into pages of their own. */
static void
divide(HvLeafGroup *group, int pages)
{
	int			bits = group->build->layout.code_bits;
	HvVectors	vectors = {0};
	HvKmeansParams params = {0};
	int		   *members = palloc(group->count * sizeof(int));
	HvClusters	clusters;
	int			made;

	Assert(pages >= 2 && group->count > 0);
	clusters.assignment = palloc(group->count * sizeof(int));
	clusters.counts = palloc(pages * sizeof(int));
	clusters.centroids = MemoryContextAllocHuge(CurrentMemoryContext,
												(Size) pages * bits * sizeof(float));
	read_vectors(group, &vectors);
	for (int i = 0; i < group->count; i++)
		members[i] = i;
	params.k = pages;
	params.iterations = GROUP_ITERATIONS;
	params.rule = group->build->centroid_rule;
	params.seed = group->seed++;
	params.max_members = group->build->layout.leaf_capacity;
	params.check = check_interrupts;
	made = HvKmeans(&vectors, members, group->count, &params,
					MemoryContextAllocHuge(CurrentMemoryContext,
										   HvKmeansScratchSize(group->count, bits, pages)),
					&clusters);
	for (int c = 0; c < made; c++)
		write_leaf(group, clusters.assignment, c, clusters.centroids + (Size) c * bits);
}

void
HvLeafGroupFlush(HvLeafGroup *group)
{
	int			capacity = group->build->layout.leaf_capacity;
	MemoryContext scratch;
	MemoryContext old;

	if (group->count == 0)
		return;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "hvtree leaf pages",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	if (group->count > capacity)
		divide(group, (int) ceil(group->count / (DIVIDED_FILL * capacity)));
	else if (group->centroid)
		write_leaf(group, NULL, 0, group->centroid);
	else
		write_leaf(group, NULL, 0,
				   palloc0(group->build->layout.code_bits * sizeof(float)));
	group->count = 0;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

void
HvLeafGroupAdd(HvLeafGroup *group, const void *tuple)
{
	if (group->count == group->capacity)
		HvLeafGroupFlush(group);
	/* from a sort, which does not align it */
	memcpy(tuple_entry(group, group->count), tuple, group->tuple_size);
	Assert(ItemPointerIsValid(&tuple_entry(group, group->count)->tid));	/* I2 */
	group->count++;
}
