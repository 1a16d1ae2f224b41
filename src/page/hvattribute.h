/*-------------------------------------------------------------------------
 *
 * hvattribute.h
 *	  The attributes of a leaf tuple: what it keeps of the key columns.
 *
 * NOTES
 *	  An index may have columns behind the vector, for conditions.  A leaf tuple
 *	  keeps 1, 2, 4 or 8 bytes of each: a number, which stands for the value as
 *	  the column's type says (hvkeytype.h).  They follow HvLeafEntryData:
 *
 *	  	bitmap of columns that are NULL | attribute 0 | attribute 1 | ...
 *
 *	  without gaps, padded with zeros to a multiple of 8.  How many attributes
 *	  there are, and how wide, is in the metapage, so that pages can be read
 *	  without the catalogs.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/page/hvattribute.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVATTRIBUTE_H
#define HVATTRIBUTE_H

#include "page/hvpage.h"

/* where the attributes of an index are in its leaf entries */
typedef struct HvAttributeLayout
{
	int			count;
	int			entry_size;		/* of a leaf entry with all of them */
	uint16		offsets[HV_MAX_ATTRIBUTES]; /* from the start of the entry */
	uint8		widths[HV_MAX_ATTRIBUTES];	/* 1, 2, 4 or 8 */
} HvAttributeLayout;

extern void HvAttributeLayoutInit(HvAttributeLayout *layout, int count, const uint8 *widths);

/* The same from what the metapage says, and back. */
extern void HvAttributeLayoutUnpack(HvAttributeLayout *layout, const HvMetaData *meta);
extern void HvAttributeLayoutPack(const HvAttributeLayout *layout, HvMetaData *meta);

/* The size of a leaf entry in the index of a metapage. */
extern int	HvAttributeEntrySize(const HvMetaData *meta);

/* Stores key as attribute i, of which it keeps the lowest bytes. */
extern void HvAttributeSet(const HvAttributeLayout *layout, HvLeafEntryData *entry, int i,
						   int64 key);
extern void HvAttributeSetNull(const HvAttributeLayout *layout, HvLeafEntryData *entry, int i);

/* A sum of all attributes of an entry, 0 to HV_ATTRIBUTE_SUMS - 1. */
#define HV_ATTRIBUTE_SUMS	(1 << 14)
extern int	HvAttributeSum(const HvAttributeLayout *layout, const HvLeafEntryData *entry);

static inline uint8 *
HvAttributeNulls(const HvLeafEntryData *entry)
{
	return (uint8 *) entry + sizeof(HvLeafEntryData);
}

static inline bool
HvAttributeIsNull(const HvLeafEntryData *entry, int i)
{
	return (HvAttributeNulls(entry)[i / 8] >> (i % 8)) & 1;
}

/* Attribute i, which is not NULL, with its sign. */
static inline int64
HvAttributeGet(const HvAttributeLayout *layout, const HvLeafEntryData *entry, int i)
{
	const char *at = (const char *) entry + layout->offsets[i];
	int8		one;
	int16		two;
	int32		four;
	int64		eight;

	switch (layout->widths[i])
	{
		case 1:
			memcpy(&one, at, sizeof(one));
			return one;
		case 2:
			memcpy(&two, at, sizeof(two));
			return two;
		case 4:
			memcpy(&four, at, sizeof(four));
			return four;
		default:
			memcpy(&eight, at, sizeof(eight));
			return eight;
	}
}

#endif							/* HVATTRIBUTE_H */
