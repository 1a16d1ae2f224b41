/*-------------------------------------------------------------------------
 *
 * hvleafmeans.c
 *	  Sums of the rows that a build sends to each leaf.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/build/hvleafmeans.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/spin.h"

#include "build/hvleafmeans.h"

/*
 * Rows of a leaf that count; more are divided among leaves of their own
 * anyway.
 */
#define MOST_ROWS	256

/* leaves that share a lock are so many apart */
#define LOCKS		256

typedef struct HvLeafMeansHeader
{
	int			nleaves;
	slock_t		locks[LOCKS];
} HvLeafMeansHeader;

/*
 * Fills the pointers of sums, which lie behind the header at base; returns the
 * size of all (base may be NULL to ask for it).
 */
static Size
lay_out(const HvLayout *layout, char *base, int nleaves, HvLeafMeans *sums)
{
	char	   *at = base + CACHELINEALIGN(sizeof(HvLeafMeansHeader));

	sums->header = (HvLeafMeansHeader *) base;
	sums->dims = layout->code_bits;
	sums->nleaves = nleaves;
	sums->units = (float *) at;
	at += nleaves * sizeof(float);
	sums->counts = (int *) at;
	at += nleaves * sizeof(int);
	sums->values = (int16 *) at;
	at += (Size) nleaves * layout->code_bits * sizeof(int16);
	return at - base;
}

Size
HvLeafMeansSize(const HvLayout *layout, int nleaves)
{
	HvLeafMeans unused;

	return lay_out(layout, NULL, nleaves, &unused);
}

void
HvLeafMeansBegin(HvBuild *build, const HvClusterTree *tree)
{
	int			n = tree->nleaves;
	HvLeafMeansHeader *header = HvRegionAllocate(build->crew, HV_REGION_MEANS,
											HvLeafMeansSize(&build->layout, n));
	HvLeafMeans sums;

	header->nleaves = n;
	for (int i = 0; i < LOCKS; i++)
		SpinLockInit(&header->locks[i]);
	(void) lay_out(&build->layout, (char *) header, n, &sums);
	memcpy(sums.units, tree->units, n * sizeof(float));
	memset(sums.counts, 0, n * sizeof(int));
	memset(sums.values, 0, (Size) n * sums.dims * sizeof(int16));
}

bool
HvLeafMeansMap(const HvBuild *build, HvLeafMeans *sums)
{
	HvLeafMeansHeader *header = HvRegionBase(build->crew, HV_REGION_MEANS);

	if (header == NULL)
		return false;
	(void) lay_out(&build->layout, (char *) header, header->nleaves, sums);
	return true;
}

/*
 * The lock is held for some tenths of a microsecond, and hardly ever wanted
 * twice.
 */
void
HvLeafMeansAdd(const HvLeafMeans *sums, int leaf, const float *o)
{
	slock_t    *lock = &sums->header->locks[leaf % LOCKS];

	Assert(leaf >= 0 && leaf < sums->nleaves);
	SpinLockAcquire(lock);
	if (sums->counts[leaf] < MOST_ROWS)
	{
		sums->counts[leaf]++;
		HvByteAddTo(o, sums->dims, sums->units[leaf],
					sums->values + (Size) leaf * sums->dims);
	}
	SpinLockRelease(lock);
}

bool
HvLeafMeansMean(const HvLeafMeans *sums, int leaf, float *mean)
{
	const int16 *values = sums->values + (Size) leaf * sums->dims;
	float		share = sums->units[leaf] / Max(sums->counts[leaf], 1);

	Assert(leaf >= 0 && leaf < sums->nleaves);
	Assert(sums->counts[leaf] >= 0 && sums->counts[leaf] <= MOST_ROWS);
	for (int i = 0; i < sums->dims; i++)
		mean[i] = values[i] * share;
	return sums->counts[leaf] > 0;
}
