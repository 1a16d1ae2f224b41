/*-------------------------------------------------------------------------
 *
 * hvattribute.c
 *	  The attributes of a leaf tuple: what it keeps of the key columns.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/page/hvattribute.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "page/hvattribute.h"

/* the metapage keeps the logarithm of a width in two bits, 16 in a word */
#define WIDTHS_A_WORD	16

static int
nulls_size(int count)
{
	return (count + 7) / 8;
}

void
HvAttributeLayoutInit(HvAttributeLayout *layout, int count, const uint8 *widths)
{
	int			size = sizeof(HvLeafEntryData) + nulls_size(count);

	Assert(count >= 0 && count <= HV_MAX_ATTRIBUTES);
	layout->count = count;
	for (int i = 0; i < count; i++)
	{
		Assert(widths[i] == 1 || widths[i] == 2 || widths[i] == 4 || widths[i] == 8);
		layout->offsets[i] = size;
		layout->widths[i] = widths[i];
		size += widths[i];
	}
	layout->entry_size = TYPEALIGN(8, size);
}

void
HvAttributeLayoutUnpack(HvAttributeLayout *layout, const HvMetaData *meta)
{
	uint8		widths[HV_MAX_ATTRIBUTES];

	for (int i = 0; i < (int) meta->attributes; i++)
		widths[i] = 1 << ((meta->attribute_widths[i / WIDTHS_A_WORD] >>
						   (i % WIDTHS_A_WORD * 2)) & 3);
	HvAttributeLayoutInit(layout, (int) meta->attributes, widths);
}

void
HvAttributeLayoutPack(const HvAttributeLayout *layout, HvMetaData *meta)
{
	meta->attributes = layout->count;
	memset(meta->attribute_widths, 0, sizeof(meta->attribute_widths));
	for (int i = 0; i < layout->count; i++)
	{
		uint32		logarithm = __builtin_ctz(layout->widths[i]);

		meta->attribute_widths[i / WIDTHS_A_WORD] |= logarithm << (i % WIDTHS_A_WORD * 2);
	}
}

int
HvAttributeEntrySize(const HvMetaData *meta)
{
	HvAttributeLayout layout;

	HvAttributeLayoutUnpack(&layout, meta);
	return layout.entry_size;
}

void
HvAttributeSet(const HvAttributeLayout *layout, HvLeafEntryData *entry, int i, int64 key)
{
	char	   *at = (char *) entry + layout->offsets[i];
	int8		one = (int8) key;
	int16		two = (int16) key;
	int32		four = (int32) key;

	Assert(i >= 0 && i < layout->count);
	switch (layout->widths[i])
	{
		case 1:
			memcpy(at, &one, sizeof(one));
			break;
		case 2:
			memcpy(at, &two, sizeof(two));
			break;
		case 4:
			memcpy(at, &four, sizeof(four));
			break;
		default:
			memcpy(at, &key, sizeof(key));
			break;
	}
	HvAttributeNulls(entry)[i / 8] &= ~(1 << (i % 8));
	Assert(HvAttributeGet(layout, entry, i) == key);
}

void
HvAttributeSetNull(const HvAttributeLayout *layout, HvLeafEntryData *entry, int i)
{
	Assert(i >= 0 && i < layout->count);
	memset((char *) entry + layout->offsets[i], 0, layout->widths[i]);
	HvAttributeNulls(entry)[i / 8] |= 1 << (i % 8);
}

int
HvAttributeSum(const HvAttributeLayout *layout, const HvLeafEntryData *entry)
{
	if (layout->count == 0)
		return 0;
	return hash_bytes((const unsigned char *) entry + sizeof(HvLeafEntryData),
					  layout->entry_size - sizeof(HvLeafEntryData)) % HV_ATTRIBUTE_SUMS;
}
