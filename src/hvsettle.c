/*-------------------------------------------------------------------------
 *
 * hvsettle.c
 *	  A page gets the centroid that its tuples ask for, and the tuples the page.
 *
 * NOTES
 *	  A page's centroid is what leads there.  Tuples come and go, and an inner page
 *	  that got its children from one corner of the data may find itself with
 *	  others: queries for them would not look there.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvsettle.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hvcentroid.h"
#include "hvconvert.h"
#include "hvdebug.h"
#include "hvreassign.h"
#include "hvsettle.h"

/*
 * A centroid is taken anew when it is off by more than this share of the mean
 * squared distance of its page's tuples.  The mean of thirty differs from that
 * of all by a thirtieth, so less is noise.
 */
#define DRIFT			0.05f

/* Has the centroid left the middle of its page's tuples? */
static bool
has_drifted(const HvMembers *members, const float *centroid, const float *mean)
{
	int			bits = members->index->layout.code_bits;
	double		spread = 0;

	for (int i = 0; i < members->count; i++)
		spread += HvKernel->l2_squared(members->vectors[i], mean, bits);
	return HvKernel->l2_squared(centroid, mean, bits) > DRIFT * spread / members->count;
}

void
HvSettleMembers(HvMembers *members, HvHeap *heap, HvParent *parent, float *mean,
				HvSettled *result)
{
	HvIndex    *index = members->index;
	HvRecentered page;
	HvReassignment reassigned;
	float	   *centroid = palloc(index->layout.code_bits * sizeof(float));

	HvCentroidRead(index, parent->ref, centroid);
	result->recentered = has_drifted(members, centroid, mean);
	HvParentSettle(index, members->block, parent, result->recentered ? mean : NULL);
	HV_DEBUG_POINT("settle-centroid");

	page.members = members;
	page.center.block = members->block;
	page.center.centroid = result->recentered ? mean : centroid;
	page.center.norm2 = HvKernel->inner_product(page.center.centroid, page.center.centroid,
												index->layout.code_bits);
	HvReassignEntry(index, heap, &page.center, members->level, parent);
	HvReassign(&page, 1, true, heap, &reassigned);
	result->moved = reassigned.moved;
	result->rows_read = reassigned.rows_read;
	pfree(centroid);
}

void
HvSettleInner(HvIndex *index, HvHeap *heap, BlockNumber block, int level)
{
	HvMembers  *members;
	HvParent	parent;
	HvSettled	result;
	float	   *mean;

	if (level >= index->meta.height || block == HV_ROOT_BLOCK)
		return;
	members = palloc(sizeof(HvMembers));
	if (!HvMembersRead(members, index, block, level) || members->count == 0 ||
		!HvPageIsChurned((Page) members->image.data) ||
		!HvConvertMembers(members, heap))
		return;
	if (members->vectors == NULL)
		HvMembersLoad(members, heap);
	mean = palloc(index->layout.code_bits * sizeof(float));
	HvMembersMean(members, mean);
	HvParentFind(index, block, level, mean, &parent);
	if (HvConvertPage(index, heap, parent.block, level + 1))
		HvSettleMembers(members, heap, &parent, mean, &result);
}
