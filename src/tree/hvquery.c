/*-------------------------------------------------------------------------
 *
 * hvquery.c
 *	  A vector prepared for being compared with the codes of an index.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvquery.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tree/hvquery.h"

void
HvQueryPrepare(HvQuery *query, const float *o, int bits, uint16 mean_version, const float *shift)
{
	Assert(bits > 0 && bits % 64 == 0);
	query->mean_version = mean_version;
	query->has_old = shift != NULL;
	HvQueryCodePrepare(o, bits, &query->code);
	if (shift)
	{
		float	   *moved = palloc(bits * sizeof(float));

		for (int i = 0; i < bits; i++)
			moved[i] = o[i] + shift[i];
		if (query->old == NULL)
			query->old = palloc(sizeof(HvQueryCode));
		HvQueryCodePrepare(moved, bits, query->old);
		pfree(moved);
	}
}
