/*-------------------------------------------------------------------------
 *
 * hvchoose.c
 *	  Which leaf, or leaves, a row belongs to.
 *
 * NOTES
 *	  The codes of the inner pages lead to a dozen likely leaves; the byte
 *	  vectors of their centroids, which queries never read, decide.  A beam
 *	  over all levels finds the nearest leaf far more often than stepping into
 *	  the nearest child: with rows placed that way, queries score half as many
 *	  codes for the same recall.
 *
 *	  The second leaf is chosen by SOAR's rule (arXiv 2404.00774): with r and r'
 *	  the residuals to the first and second centroid, the least
 *	  |r'|^2 + (r r')^2 / |r|^2.  A second residual at a right angle to the
 *	  first helps just those queries that the first leaf fails.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvchoose.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "utils/memutils.h"

#include "tree/hvchoose.h"

/* nodes opened a level, and leaves whose centroids are read */
#define PLACE_BEAM		8
#define PLACE_LEAVES	16

/* a second leaf must not be much farther than the first: squared distances */
#define SPILL_REACH		2.0f

/*
 * A row whose leaf is full goes to the next one that has room if it is not
 * farther than this, rather than make the build divide the leaf: squared
 * distances.
 */
#define DISPLACE_REACH	1.3f

/* what is known of a leaf that was looked at */
typedef struct LeafSeen
{
	BlockNumber block;
	float		distance;		/* squared, to the centroid */
	bool		full;
	bool		old;			/* the centroid is about the mean before */
	HvByteFactors factors;
} LeafSeen;

void
HvChooserInit(HvChooser *chooser, HvPageSource *source, const HvLayout *layout, bool spill,
			  MemoryContext context)
{
	chooser->source = source;
	chooser->layout = layout;
	chooser->spill = spill;
	chooser->is_full = NULL;
	chooser->shift = NULL;
	chooser->query.old = NULL;
	chooser->shifted = MemoryContextAlloc(context, layout->code_bits * sizeof(float));
	HvDescentInit(&chooser->descent, source, layout, PLACE_BEAM, context);
	chooser->residual = MemoryContextAlloc(context, layout->code_bits * sizeof(float));
	chooser->centroids = MemoryContextAlloc(context, layout->code_bits * PLACE_LEAVES);
}

/*
 * Copies a leaf's centroid out of its page; false where the page or slot is
 * something else by now, which takes a change of the tree.
 */
static bool
read_centroid(HvChooser *chooser, BlockNumber block, int slot, int8 *values, LeafSeen *seen)
{
	int			handle;
	Page		page = chooser->source->get(chooser->source, block, &handle);
	bool		found = page && HvPageKindOf(page) == HV_PAGE_CENTROID &&
		slot < chooser->layout->slots_per_page && HvCentroidPageIsUsed(page, slot);

	if (found)
	{
		memcpy(values, HvCentroidPageGet(page, chooser->layout, slot, &seen->factors),
			   chooser->layout->code_bits);
		seen->old = chooser->shift &&
			HvPageGetOpaque(page)->mean_version != chooser->query.mean_version;
	}
	if (page)
		chooser->source->release(chooser->source, handle);
	if (!found)
		chooser->source->suspect(chooser->source, block,
								 "lacks a centroid that is referred to");
	return found;
}

/* The squared distance of the row to a centroid that was read. */
static float
distance_to(const HvChooser *chooser, const float *o, const int8 *values, const LeafSeen *seen)
{
	int			bits = chooser->layout->code_bits;

	return seen->old ?
		HvByteDistance(values, &seen->factors, chooser->shifted,
					   chooser->query.old->norm2, bits) :
		HvByteDistance(values, &seen->factors, o, chooser->query.code.norm2, bits);
}

/* Reads the centroids of the nearest leaves; returns how many. */
static int
look_at_leaves(HvChooser *chooser, const float *o, LeafSeen *seen)
{
	int			n = 0;
	int			bits = chooser->layout->code_bits;
	const HvNode *node;

	while (n < PLACE_LEAVES && (node = HvDescentNext(&chooser->descent)) != NULL)
	{
		int8	   *values = chooser->centroids + n * bits;

		if (!read_centroid(chooser, HvNodeCentroidBlock(node), HvNodeCentroidSlot(node),
						   values, &seen[n]))
			continue;
		seen[n].block = node->extra;
		seen[n].distance = distance_to(chooser, o, values, &seen[n]);
		seen[n].full = chooser->is_full && chooser->is_full(chooser->is_full_arg, node->extra);
		n++;
	}
	return n;
}

/* The nearest leaf, or the nearest one with room if that is about as near. */
static int
choose_first(const LeafSeen *seen, int n)
{
	int			nearest = 0;
	int			best = -1;

	Assert(n > 0);
	for (int i = 0; i < n; i++)
	{
		if (seen[i].distance < seen[nearest].distance)
			nearest = i;
		if (!seen[i].full && (best < 0 || seen[i].distance < seen[best].distance))
			best = i;
	}
	if (best >= 0 && seen[best].distance <= DISPLACE_REACH * seen[nearest].distance)
		return best;
	return nearest;
}

/* The best second leaf by SOAR's rule, or -1. */
static int
choose_second(HvChooser *chooser, const float *o, const LeafSeen *seen, int n, int first)
{
	int			bits = chooser->layout->code_bits;
	float	   *r = chooser->residual;
	float		norm2 = seen[first].distance;
	float		along[2];		/* r o, and the same about the mean before */
	float		best_loss = FLT_MAX;
	int			best = -1;

	Assert(first >= 0 && first < n && n <= PLACE_LEAVES);
	if (norm2 <= 0)
		return -1;				/* on the centroid: no query can miss it */
	HvByteDecode(chooser->centroids + first * bits, &seen[first].factors, bits, r);
	for (int i = 0; i < bits; i++)
		r[i] = (seen[first].old ? chooser->shifted[i] : o[i]) - r[i];
	along[0] = HvKernel->inner_product(r, o, bits);
	along[1] = chooser->shift ? HvKernel->inner_product(r, chooser->shifted, bits) : 0;

	for (int i = 0; i < n; i++)
	{
		float		dot;
		float		loss;

		/* a leaf can be found twice while its entry moves */
		if (seen[i].block == seen[first].block || seen[i].full || seen[i].distance > SPILL_REACH * norm2)
			continue;
		/* r r' = r o - r c' */
		dot = along[seen[i].old] - seen[i].factors.step *
			HvKernel->inner_product_i8(chooser->centroids + i * bits, r, bits);
		loss = seen[i].distance + dot * dot / norm2;
		if (loss < best_loss)
		{
			best_loss = loss;
			best = i;
		}
	}
	return best;
}

void
HvChoose(HvChooser *chooser, const float *o, uint64 seq, uint16 mean_version,
		 HvChoice *choice)
{
	LeafSeen	seen[PLACE_LEAVES];
	int			n;
	int			first;

	choice->count = 0;
	choice->distance = 0;
	HvQueryPrepare(&chooser->query, o, chooser->layout->code_bits, mean_version, chooser->shift);
	for (int i = 0; chooser->shift && i < chooser->layout->code_bits; i++)
		chooser->shifted[i] = o[i] + chooser->shift[i];
	HvDescentBegin(&chooser->descent, &chooser->query, seq);
	HvDescentWiden(&chooser->descent, PLACE_LEAVES);
	if (chooser->descent.stale)
		return;
	if (chooser->descent.height == 0)
	{
		choice->leaves[choice->count++] = HV_ROOT_BLOCK;
		return;
	}

	n = look_at_leaves(chooser, o, seen);
	if (n == 0)
		return;
	first = choose_first(seen, n);
	choice->leaves[choice->count++] = seen[first].block;
	choice->distance = seen[first].distance;
	if (chooser->spill)
	{
		int			second = choose_second(chooser, o, seen, n, first);

		if (second >= 0)
			choice->leaves[choice->count++] = seen[second].block;
	}
}

bool
HvChooseDistance(HvChooser *chooser, const float *o, BlockNumber centroid_block, int slot,
				 float *distance, float *norm2)
{
	LeafSeen	seen;

	if (!read_centroid(chooser, centroid_block, slot, chooser->centroids, &seen))
		return false;
	*distance = distance_to(chooser, o, chooser->centroids, &seen);
	*norm2 = seen.factors.norm2;
	return true;
}
