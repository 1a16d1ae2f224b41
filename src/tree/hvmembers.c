/*-------------------------------------------------------------------------
 *
 * hvmembers.c
 *	  The tuples of one tree page together with their vectors.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvmembers.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "arithmetic/hvcenter.h"
#include "page/hvpage.h"
#include "tree/hvinner.h"
#include "tree/hvmembers.h"

bool
HvMembersRead(HvMembers *members, HvIndex *index, BlockNumber block, int level)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, block, NULL, &buffer);
	bool		right;

	Assert(level >= 0 && level <= HV_MAX_LEVEL);
	if (page == NULL)
		return false;
	right = HvPageKindOf(page) == (level == 0 ? HV_PAGE_LEAF : HV_PAGE_INNER) &&
		HvPageGetOpaque(page)->level == level;
	if (right)
		memcpy(members->image.data, page, BLCKSZ);
	HvStoreRelease(buffer);
	members->index = index;
	members->block = block;
	members->level = level;
	members->count = right ? HvPageCount((Page) members->image.data) : 0;
	members->vectors = NULL;
	return right;
}

/* From the mean that a page's codes are about to that of the index. */
static void
make_current(const HvMembers *members, float *vector)
{
	HvIndex    *index = members->index;

	if (!HvIndexIsOld(index, members->block,
					  HvPageGetOpaque((Page) members->image.data)->mean_version))
		return;
	for (int j = 0; j < index->layout.code_bits; j++)
		vector[j] -= index->shift[j];
}

/* The vector of a row, or what its code tells of it if the row is gone. */
static void
project_row(const HvMembers *members, int i, const float *vector, float *out)
{
	if (vector)
	{
		HvSpaceProject(&members->index->space, vector, out);
		return;
	}
	HvPageDecode((Page) members->image.data, &members->index->layout, i, out);
	make_current(members, out);
}

void
HvMembersLoadOne(const HvMembers *members, HvHeap *heap, int i, float *out)
{
	const HvLeafEntryData *row = HvMembersEntry(members, i);
	HvVectorView view;
	bool		found;

	/* no page is locked while the heap is read */
	Assert(HvStoreNoPageIsLocked() && (members->level > 0 || heap != NULL));
	if (members->level > 0)
	{
		const HvInnerEntryData *child = HvMembersEntry(members, i);
		HvCentroidRef ref = {child->centroid_block, child->centroid_slot};

		HvCentroidRead(members->index, ref, out);
		return;
	}
	found = HvHeapGet(heap, HvRowPack(&row->tid), &view);
	project_row(members, i, found && view.dim == (int) members->index->meta.dim ?
				view.values : NULL, out);
	HvHeapRelease(heap);
}

void
HvMembersLoad(HvMembers *members, HvHeap *heap)
{
	Size		size = members->index->space.rotate_dims * sizeof(float);

	Assert(HvStoreStructureIsLocked(members->index->relation));
	members->vectors = palloc(Max(members->count, 1) * sizeof(float *));
	for (int i = 0; i < members->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		members->vectors[i] = palloc(size);
		HvMembersLoadOne(members, heap, i, members->vectors[i]);
	}
}

void
HvMembersEachRow(const HvMembers *members, HvHeap *heap,
				 void (*use) (void *arg, int i, const float *vector), void *arg)
{
	Assert(members->level == 0 && HvStoreNoPageIsLocked());
	for (int i = 0; i < members->count; i++)
	{
		const HvLeafEntryData *row = HvMembersEntry(members, i);
		HvVectorView view;
		bool		found = HvHeapGet(heap, HvRowPack(&row->tid), &view);

		CHECK_FOR_INTERRUPTS();
		use(arg, i, found && view.dim == (int) members->index->meta.dim ? view.values : NULL);
		HvHeapRelease(heap);
	}
}

/* For HvClusterCentroid: a vector that is loaded, or what a code says of one. */
static const float *
loaded_vector(void *arg, int i)
{
	return ((const HvMembers *) arg)->vectors[i];
}

typedef struct DecodedMembers
{
	const HvMembers *members;
	float	   *vector;			/* scratch */
} DecodedMembers;

static const float *
decoded_vector(void *arg, int i)
{
	DecodedMembers *decoded = arg;

	HvPageDecode((Page) decoded->members->image.data, &decoded->members->index->layout, i,
				 decoded->vector);
	return decoded->vector;
}

static void
compute_mean(const HvMembers *members, const HvCluster *cluster, float *mean)
{
	float	   *scratch = palloc(2 * Max(members->count, 1) * sizeof(float));
	const HvSpace *space = &members->index->space;
	float	   *room = palloc(space->rotate_dims * sizeof(float));
	HvCentroidRule rule;

	HvSpaceCentroidRule(space, room, &rule);
	HvClusterCentroid(cluster, &rule, scratch, mean);
	pfree(room);
	pfree(scratch);
}

void
HvMembersCentroid(const HvMembers *members, float *mean)
{
	HvCluster	cluster = {members->count, members->index->layout.code_bits, loaded_vector,
	(void *) members, NULL};

	Assert(members->vectors != NULL);
	compute_mean(members, &cluster, mean);
}

void
HvMembersCodeCentroid(const HvMembers *members, float *mean)
{
	int			bits = members->index->layout.code_bits;
	DecodedMembers decoded = {members, palloc(bits * sizeof(float))};
	HvCluster	cluster = {members->count, bits, decoded_vector, &decoded, NULL};

	compute_mean(members, &cluster, mean);
	make_current(members, mean);
	pfree(decoded.vector);
}

bool
HvMembersUnchanged(const HvMembers *members, Page page)
{
	/* all but the WAL position and the checksum */
	Size		skip = offsetof(PageHeaderData, pd_flags);

	return memcmp((char *) page + skip, members->image.data + skip, BLCKSZ - skip) == 0;
}
