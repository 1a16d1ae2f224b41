/*-------------------------------------------------------------------------
 *
 * hvpage.h
 *	  The bytes of one hvtree page: nothing is allocated or locked here.
 *
 * NOTES
 *	  Every page has the standard header, and HvPageOpaqueData at its end.
 *
 *	  Tree pages (leaf and inner) keep two arrays that grow towards each other:
 *
 *		header | codes ->          free          <- entries | opaque
 *
 *	  Code i is stored at HV_DATA_OFFSET + i * code_bytes, so that a kernel
 *	  scores a whole page in one call; entry i ends at
 *	  pd_special - i * entry_size.
 *	  pd_lower and pd_upper bound the free space, as Generic WAL expects.  The
 *	  order of tuples means nothing: removing one moves the last into its place.
 *
 *	  Centroid pages have fixed slots, each with the byte vector of one
 *	  centroid.  Mean pages hold a run of floats.  A free page has no content.
 *
 *	  What comes from disk is not trusted: HvPageVerify says what is wrong with
 *	  an image.  The other functions rely on an image that was verified, or
 *	  built here, and assert it; I1 to I13 are the invariants of src/README.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/page/hvpage.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVPAGE_H
#define HVPAGE_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"

#include "arithmetic/hvcode.h"

#define HV_MAGIC			0x54565648	/* "HVVT" on disk */
/*
 * The newest format; an index has the oldest one that can express it, so that an
 * older hvindex can read it.  3 came with key columns.
 */
#define HV_FORMAT_VERSION	3
#define HV_FORMAT_KEYS		3
#define HV_FORMAT_OLDEST	2
#define HV_PAGE_ID			0xFF96	/* last two bytes of every page */

#define HV_META_BLOCK		0
#define HV_ROOT_BLOCK		1		/* the root never moves */

#define HV_MAX_LEVEL		15

/* fewer tuples a page make a tree too high; 15 is what 4096-bit codes allow */
#define HV_MIN_CAPACITY		8

/*
 * A page with fewer tuples than its capacity divided by this is merged into its
 * neighbours; a split leaves neither half with fewer.
 */
#define HV_LEAST_FILL		3

/* key columns behind the vector: INDEX_MAX_KEYS - 1 */
#define HV_MAX_ATTRIBUTES	31

/* where codes, slots and floats begin: a cache line */
#define HV_DATA_OFFSET		64

/* Values are on disk: never renumber. */
typedef enum HvPageKind
{
	HV_PAGE_FREE = 0,
	HV_PAGE_META = 1,
	HV_PAGE_LEAF = 2,
	HV_PAGE_INNER = 3,
	HV_PAGE_CENTROID = 4,
	HV_PAGE_MEAN = 5
} HvPageKind;

typedef struct HvPageOpaqueData
{
	uint64		seq;			/* structure counter when tuples last moved onto
								 * or off this page, see src/README */
	BlockNumber link;			/* tree pages: where the last split put the other
								 * half, a hint; mean pages: the next one;
								 * centroid pages: a lower one with free slots */
	uint16		ntuples;		/* tuples, used slots, or floats */
	uint16		mean_version;	/* which mean the codes are about */
	uint8		kind;			/* HvPageKind */
	uint8		level;			/* 0 = leaf */
	uint16		churn;			/* tree pages: tuples that came or went since the
								 * page's centroid was taken, at most 65535 */
	uint16		block_tag;		/* HvPageTag of the page's own block */
	uint16		page_id;		/* HV_PAGE_ID */
} HvPageOpaqueData;

typedef HvPageOpaqueData *HvPageOpaque;

/* a row of the table in a leaf */
typedef struct HvLeafEntryData
{
	HvCodeFactors factors;
	ItemPointerData tid;
	uint8		flags;			/* HV_ENTRY_xxx */
	uint8		length_class;	/* HvSpaceLengthClass */
	/* attributes may follow: hvattribute.h */
} HvLeafEntryData;

#define HV_ENTRY_SPILLED	0x01	/* the copy in the second leaf */

/* a child page in an inner page */
typedef struct HvInnerEntryData
{
	HvCodeFactors factors;
	BlockNumber child;
	BlockNumber centroid_block; /* where the byte vector is stored */
	uint16		centroid_slot;
	uint16		flags;
	uint32		unused;
} HvInnerEntryData;

/*
 * How far scans of this index must look, as the index has measured on rows of its
 * own (hvcalibrate.h): a point for each of some targets of recall, HvCurveTarget's,
 * and each of some numbers of rows asked for, HvCurveRank's.
 */
#define HV_CURVE_TARGETS	8
#define HV_CURVE_RANKS		3
#define HV_CURVE_MOST_STOP	100.0f
#define HV_CURVE_MOST_MARGIN	10.0f
#define HV_CURVE_MOST_LEAVES	1e6f

typedef struct HvCurvePoint
{
	float		margin;			/* standard errors of HvLeafScorer */
	float		stop;			/* how near the next leaf must be: HvSizingHasArrived */
	float		leaves;			/* read at most */
	float		read;			/* and on the average */
	float		fetches;		/* rows measured, on the average */
} HvCurvePoint;

typedef struct HvCurve
{
	uint32		queries;		/* that it was measured with, 0 = there is none */
	uint32		leaves;			/* of the index at that time */
	uint64		seq;			/* structure counter at that time */
	float8		rows;			/* of the index at that time */
	HvCurvePoint points[HV_CURVE_TARGETS][HV_CURVE_RANKS];
} HvCurve;

/* whose queries a curve was measured with; on disk, never renumber */
typedef enum HvCurveSource
{
	HV_CURVE_ROWS = 0,			/* rows of the index */
	HV_CURVE_GIVEN = 1			/* vectors that a user has given */
} HvCurveSource;

/* Where a curve comes from; zero for one from before this was noted. */
typedef struct HvCurveOrigin
{
	uint16		source;			/* HvCurveSource */
	uint16		queries[HV_CURVE_RANKS];	/* for each rank */
	float		row_leaves[HV_CURVE_RANKS]; /* that rows as queries took then, a mean
											 * over all targets */
} HvCurveOrigin;

/*
 * The metapage.  The first two fields keep their place in every version.
 * dim is 0 until the first row: then nothing behind it means anything yet.
 */
typedef struct HvMetaData
{
	uint32		magic;
	uint32		version;
	uint32		metric;			/* HvMetric */
	uint32		dim;
	uint32		code_bits;
	uint16		leaf_entry_size;
	uint16		inner_entry_size;
	uint16		leaf_capacity;	/* most tuples a leaf may have */
	uint16		inner_capacity;
	uint32		mean_version;	/* counts the means so far */
	uint64		seed;			/* of the rotation */
	uint64		seq;			/* structure counter */
	BlockNumber mean_block;		/* first mean page, InvalidBlockNumber = zero */
	BlockNumber centroid_block; /* a centroid page that may have a free slot */
	float		max_norm;		/* inner product: M of hvspace.h, in units */
	uint16		height;			/* level of the root */
	uint16		spill;			/* rows are stored in up to two leaves */
	uint32		leaves;			/* about how many, for cost and sizing */
	uint16		refine_bits;	/* second-stage code, 0 = none */
	uint16		flags;
	float8		rows;			/* at the last build or VACUUM */
	float8		tuples;
	BlockNumber maintain_block;	/* where maintenance goes on next time */
	BlockNumber old_mean_block; /* with HV_META_CONVERTING: the mean before, */
	BlockNumber convert_block;	/* and the first block that may be about it */
	float		unit;			/* of hvspace.h, 0 = 1 */
	HvCurveOrigin curve_origin;
	uint32		attributes;		/* key columns behind the vector */
	uint32		attribute_widths[2];	/* of hvattribute.h */
	uint32		reach;			/* leaves that ten rows take, hvreach.h; 0 = not known */
	uint32		reach_leaves;	/* of the index at that time */
	uint32		reserved[2];	/* zero */
	HvCurve		curve;			/* zero where the index was never measured */
} HvMetaData;

/* flags: some pages may still have codes about the mean before, mean version - 1 */
#define HV_META_CONVERTING	0x0001

/* The file format: sizes and offsets of all that is on disk. */
#define HV_DISK_SIZE(type, size) \
	StaticAssertDecl(sizeof(type) == (size), #type " is part of the file format")
#define HV_DISK_FIELD(type, field, at) \
	StaticAssertDecl(offsetof(type, field) == (at), \
					 #type "." #field " is part of the file format")

HV_DISK_SIZE(HvPageOpaqueData, 24);
HV_DISK_FIELD(HvPageOpaqueData, seq, 0);
HV_DISK_FIELD(HvPageOpaqueData, link, 8);
HV_DISK_FIELD(HvPageOpaqueData, ntuples, 12);
HV_DISK_FIELD(HvPageOpaqueData, mean_version, 14);
HV_DISK_FIELD(HvPageOpaqueData, kind, 16);
HV_DISK_FIELD(HvPageOpaqueData, level, 17);
HV_DISK_FIELD(HvPageOpaqueData, churn, 18);
HV_DISK_FIELD(HvPageOpaqueData, block_tag, 20);
HV_DISK_FIELD(HvPageOpaqueData, page_id, 22);

HV_DISK_SIZE(HvCodeFactors, 8);
HV_DISK_FIELD(HvCodeFactors, norm2, 0);
HV_DISK_FIELD(HvCodeFactors, scale, 4);

HV_DISK_SIZE(HvByteFactors, 8);
HV_DISK_FIELD(HvByteFactors, norm2, 0);
HV_DISK_FIELD(HvByteFactors, step, 4);

HV_DISK_SIZE(HvLeafEntryData, 16);
HV_DISK_FIELD(HvLeafEntryData, factors, 0);
HV_DISK_FIELD(HvLeafEntryData, tid, 8);
HV_DISK_FIELD(HvLeafEntryData, flags, 14);
HV_DISK_FIELD(HvLeafEntryData, length_class, 15);

HV_DISK_SIZE(HvInnerEntryData, 24);
HV_DISK_FIELD(HvInnerEntryData, factors, 0);
HV_DISK_FIELD(HvInnerEntryData, child, 8);
HV_DISK_FIELD(HvInnerEntryData, centroid_block, 12);
HV_DISK_FIELD(HvInnerEntryData, centroid_slot, 16);
HV_DISK_FIELD(HvInnerEntryData, flags, 18);

HV_DISK_SIZE(HvCurvePoint, 20);
HV_DISK_FIELD(HvCurvePoint, margin, 0);
HV_DISK_FIELD(HvCurvePoint, stop, 4);
HV_DISK_FIELD(HvCurvePoint, leaves, 8);
HV_DISK_FIELD(HvCurvePoint, read, 12);
HV_DISK_FIELD(HvCurvePoint, fetches, 16);

HV_DISK_SIZE(HvCurve, 24 + 20 * HV_CURVE_TARGETS * HV_CURVE_RANKS);
HV_DISK_FIELD(HvCurve, queries, 0);
HV_DISK_FIELD(HvCurve, leaves, 4);
HV_DISK_FIELD(HvCurve, seq, 8);
HV_DISK_FIELD(HvCurve, rows, 16);
HV_DISK_FIELD(HvCurve, points, 24);

HV_DISK_SIZE(HvMetaData, 152 + sizeof(HvCurve));
HV_DISK_FIELD(HvMetaData, magic, 0);
HV_DISK_FIELD(HvMetaData, version, 4);
HV_DISK_FIELD(HvMetaData, metric, 8);
HV_DISK_FIELD(HvMetaData, dim, 12);
HV_DISK_FIELD(HvMetaData, code_bits, 16);
HV_DISK_FIELD(HvMetaData, leaf_entry_size, 20);
HV_DISK_FIELD(HvMetaData, inner_entry_size, 22);
HV_DISK_FIELD(HvMetaData, leaf_capacity, 24);
HV_DISK_FIELD(HvMetaData, inner_capacity, 26);
HV_DISK_FIELD(HvMetaData, mean_version, 28);
HV_DISK_FIELD(HvMetaData, seed, 32);
HV_DISK_FIELD(HvMetaData, seq, 40);
HV_DISK_FIELD(HvMetaData, mean_block, 48);
HV_DISK_FIELD(HvMetaData, centroid_block, 52);
HV_DISK_FIELD(HvMetaData, max_norm, 56);
HV_DISK_FIELD(HvMetaData, height, 60);
HV_DISK_FIELD(HvMetaData, spill, 62);
HV_DISK_FIELD(HvMetaData, leaves, 64);
HV_DISK_FIELD(HvMetaData, refine_bits, 68);
HV_DISK_FIELD(HvMetaData, flags, 70);
HV_DISK_FIELD(HvMetaData, rows, 72);
HV_DISK_FIELD(HvMetaData, tuples, 80);
HV_DISK_FIELD(HvMetaData, maintain_block, 88);
HV_DISK_FIELD(HvMetaData, old_mean_block, 92);
HV_DISK_FIELD(HvMetaData, convert_block, 96);
HV_DISK_FIELD(HvMetaData, unit, 100);
HV_DISK_FIELD(HvMetaData, curve_origin, 104);
HV_DISK_FIELD(HvMetaData, attributes, 124);
HV_DISK_FIELD(HvMetaData, attribute_widths, 128);
HV_DISK_FIELD(HvMetaData, reach, 136);
HV_DISK_FIELD(HvMetaData, reach_leaves, 140);
HV_DISK_FIELD(HvMetaData, reserved, 144);
HV_DISK_FIELD(HvMetaData, curve, 152);

/* what a tree page looks like in one index; follows from the metapage */
typedef struct HvLayout
{
	int			code_bits;
	int			code_bytes;
	int			leaf_entry_size;
	int			inner_entry_size;
	int			leaf_capacity;
	int			inner_capacity;
	int			slot_size;		/* of a centroid */
	int			slots_per_page;
} HvLayout;

/* the recall that point i of a curve is for */
static inline double
HvCurveTarget(int i)
{
	static const double targets[HV_CURVE_TARGETS] =
	{0.80, 0.85, 0.90, 0.925, 0.95, 0.97, 0.98, 0.99};

	Assert(i >= 0 && i < HV_CURVE_TARGETS);
	return targets[i];
}

/* the number of rows asked for that rank i of a curve is for */
static inline double
HvCurveRank(int i)
{
	static const double ranks[HV_CURVE_RANKS] = {10, 100, 1000};

	Assert(i >= 0 && i < HV_CURVE_RANKS);
	return ranks[i];
}

/*
 * What a page keeps of its own block number, so that a page that was written to
 * the place of another one is recognized.  Never 0.
 */
static inline uint16
HvPageTag(BlockNumber block)
{
	return (uint16) (block % PG_UINT16_MAX + 1);
}

#define HvPageGetOpaque(page) ((HvPageOpaque) PageGetSpecialPointer(page))
#define HvPageGetMeta(page) ((HvMetaData *) PageGetContents(page))
#define HvPageKindOf(page) ((HvPageKind) HvPageGetOpaque(page)->kind)
#define HvPageCount(page) ((int) HvPageGetOpaque(page)->ntuples)

/* room of a page between the header line and the opaque data */
#define HV_PAGE_ROOM \
	((int) (BLCKSZ - HV_DATA_OFFSET - MAXALIGN(sizeof(HvPageOpaqueData))))
#define HV_MEAN_FLOATS_PER_PAGE ((int) (HV_PAGE_ROOM / sizeof(float)))

/* A leaf or an inner page, the kinds that have tuples? */
static inline bool
HvPageIsTree(Page page)
{
	return HvPageKindOf(page) == HV_PAGE_LEAF || HvPageKindOf(page) == HV_PAGE_INNER;
}

static inline int
HvPageEntrySize(Page page, const HvLayout *layout)
{
	Assert(HvPageIsTree(page));
	return HvPageKindOf(page) == HV_PAGE_LEAF ?
		layout->leaf_entry_size : layout->inner_entry_size;
}

static inline int
HvPageCapacity(Page page, const HvLayout *layout)
{
	Assert(HvPageIsTree(page));
	return HvPageKindOf(page) == HV_PAGE_LEAF ?
		layout->leaf_capacity : layout->inner_capacity;
}

static inline const uint8 *
HvPageCodes(Page page)
{
	return (const uint8 *) page + HV_DATA_OFFSET;
}

static inline void *
HvPageEntry(Page page, int i, int entry_size)
{
	Assert(i >= 0 && (i + 1) * entry_size <= HV_PAGE_ROOM);
	return (char *) page + ((PageHeader) page)->pd_special - (i + 1) * entry_size;
}

static inline HvLeafEntryData *
HvPageLeafEntry(Page page, const HvLayout *layout, int i)
{
	Assert(HvPageKindOf(page) == HV_PAGE_LEAF);
	Assert(i >= 0 && i < HvPageCount(page));
	return (HvLeafEntryData *) HvPageEntry(page, i, layout->leaf_entry_size);
}

static inline HvInnerEntryData *
HvPageInnerEntry(Page page, const HvLayout *layout, int i)
{
	Assert(HvPageKindOf(page) == HV_PAGE_INNER);
	Assert(i >= 0 && i < HvPageCount(page));
	return (HvInnerEntryData *) HvPageEntry(page, i, layout->inner_entry_size);
}

/* the sizes that follow from the number of code bits and the entry sizes */
extern void HvLayoutInit(HvLayout *layout, int code_bits, int leaf_entry_size,
						 int inner_entry_size);

/* the most tuples that fit a page, whatever the options say */
extern int	HvLayoutMaxTuples(int code_bytes, int entry_size);

extern void HvPageInitKind(Page page, HvPageKind kind, int level, uint16 mean_version);

/* Appends a tuple; false where the page is full.  entry is entry_size bytes. */
extern bool HvPageAppend(Page page, const HvLayout *layout, const uint8 *code,
						 const void *entry);

/* Removes tuple i by moving the last one there. */
extern void HvPageRemove(Page page, const HvLayout *layout, int i);

/* Overwrites tuple i. */
extern void HvPageReplace(Page page, const HvLayout *layout, int i, const uint8 *code,
						  const void *entry);

/* out (code_bits floats) <- what the code of tuple i alone says of its vector */
extern void HvPageDecode(Page page, const HvLayout *layout, int i, float *out);

/*
 * Notes that n tuples have come or gone, which appending and removing alone does
 * not: a page that is filled for the first time has its centroid from them.
 */
extern void HvPageAddChurn(Page page, int n);

/* Has a quarter of a page's tuples come or gone since its centroid was taken? */
extern bool HvPageIsChurned(Page page);

/*
 * The tuple with the same identity as entry, or -1: the same row and copy in a
 * leaf, the same child in an inner page.
 */
extern int	HvPageFindTuple(Page page, const HvLayout *layout, const void *entry);

/* the entry of an inner page that points to child, or -1 */
extern int	HvPageFindChild(Page page, const HvLayout *layout, BlockNumber child);

/*
 * Centroid slots.  Take returns a free slot, now used, or -1; Set writes a
 * vector into a used slot; Free frees it (no harm if it is free already).
 */
extern int	HvCentroidPageTake(Page page, const HvLayout *layout);
extern void HvCentroidPageFree(Page page, int slot);
extern bool HvCentroidPageIsUsed(Page page, int slot);
extern void HvCentroidPageSet(Page page, const HvLayout *layout, int slot,
							  const int8 *values, const HvByteFactors *factors);
extern const int8 *HvCentroidPageGet(Page page, const HvLayout *layout, int slot,
									 HvByteFactors *factors);

/* Copies up to a page of floats into a fresh mean page. */
extern void HvMeanPageSet(Page page, const float *values, int n);
extern const float *HvMeanPageGet(Page page, int *n);

/*
 * What is wrong with this image as a page of hvtree, in words, or NULL.  Cheap:
 * every read does it, so that no reader runs over the end of a damaged page, and
 * so that all content is within the bounds that Generic WAL keeps.  With layout
 * NULL only what does not depend on it is looked at.
 */
extern const char *HvPageVerify(Page page, const HvLayout *layout);

/* The same, and was the image written for this block? */
extern const char *HvPageVerifyAt(Page page, BlockNumber block, const HvLayout *layout);

/* What is wrong with an image of the metapage, or NULL. */
extern const char *HvMetaVerify(Page page);

/* The same for each tuple of a tree page that HvPageVerify found in order. */
extern const char *HvPageVerifyTuples(Page page, const HvLayout *layout);

/* A row pointer as one number, in the order of the table; and back. */
static inline uint64
HvRowPack(const ItemPointerData *tid)
{
	return ((uint64) ItemPointerGetBlockNumberNoCheck(tid) << 16) |
		ItemPointerGetOffsetNumberNoCheck(tid);
}

static inline void
HvRowUnpack(uint64 id, ItemPointer tid)
{
	ItemPointerSet(tid, (BlockNumber) (id >> 16), (OffsetNumber) (id & 0xFFFF));
}

#endif							/* HVPAGE_H */
