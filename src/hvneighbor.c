/*-------------------------------------------------------------------------
 *
 * hvneighbor.c
 *	  The pages of a level whose centroids are nearest to a point.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvneighbor.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hvcentroid.h"
#include "hvdescend.h"
#include "hvneighbor.h"

/* nodes opened a level, as for an insert */
#define NEIGHBOR_BEAM	8

static bool
is_excepted(BlockNumber block, const BlockNumber *except, int nexcept)
{
	for (int i = 0; i < nexcept; i++)
	{
		if (except[i] == block)
			return true;
	}
	return false;
}

int
HvNeighborsFind(HvIndex *index, const float *center, int level,
				const BlockNumber *except, int nexcept, HvNeighbor *neighbors, int limit)
{
	int			bits = index->layout.code_bits;
	HvQuery    *query = palloc0(sizeof(HvQuery));
	HvStoreSource source;
	HvDescent	descent;
	HvLevelNodes *found = &descent.levels[level];
	int			wanted;
	int			n = 0;

	HvIndexQuery(index, center, query);
	HvStoreSourceInit(&source, index->relation, &index->layout);
	HvDescentInit(&descent, &source.source, &index->layout, NEIGHBOR_BEAM,
				  CurrentMemoryContext);
	/* nothing moves under the structure lock: no link need be followed */
	HvDescentBegin(&descent, query, PG_UINT64_MAX);
	HvDescentWiden(&descent, (limit + nexcept) << level);

	wanted = Min(limit + nexcept, found->count);
	HvSelectSmallest(found->nodes, found->count, wanted);
	HvSortKeyed(found->nodes, wanted);
	for (int i = 0; i < wanted && n < limit; i++)
	{
		const HvNode *node = &found->nodes[i];
		HvCentroidRef ref = {HvNodeCentroidBlock(node), (uint16) HvNodeCentroidSlot(node)};

		if (is_excepted(node->extra, except, nexcept))
			continue;
		neighbors[n].block = node->extra;
		neighbors[n].centroid = palloc(bits * sizeof(float));
		HvCentroidRead(index, ref, neighbors[n].centroid);
		neighbors[n].norm2 = HvKernel->inner_product(neighbors[n].centroid,
													 neighbors[n].centroid, bits);
		n++;
	}
	pfree(query);
	return n;
}

float
HvNeighborDistance(const HvIndex *index, const HvNeighbor *neighbor, const float *vector,
				   float norm2)
{
	float		product = HvKernel->inner_product(vector, neighbor->centroid,
												  index->layout.code_bits);

	return Max(norm2 + neighbor->norm2 - 2.0f * product, 0.0f);
}
