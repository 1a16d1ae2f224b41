/*-------------------------------------------------------------------------
 *
 * hvbuffers.h
 *	  How many buffers were found in the cache, and how many were read.
 *
 * NOTES
 *	  The server counts them for the whole backend, those of temporary tables
 *	  apart.  What a piece of work has touched is a difference:
 *
 *		before = HvBuffersNow();
 *		...
 *		HvBuffersAddSince(&total, before);
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvbuffers.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVBUFFERS_H
#define HVBUFFERS_H

#include "postgres.h"

#include "executor/instrument.h"

typedef struct HvBuffers
{
	int64		hit;
	int64		read;
} HvBuffers;

static inline HvBuffers
HvBuffersNow(void)
{
	HvBuffers	now;

	now.hit = pgBufferUsage.shared_blks_hit + pgBufferUsage.local_blks_hit;
	now.read = pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read;
	return now;
}

/* a - b */
static inline HvBuffers
HvBuffersMinus(HvBuffers a, HvBuffers b)
{
	a.hit -= b.hit;
	a.read -= b.read;
	return a;
}

static inline void
HvBuffersAddSince(HvBuffers *total, HvBuffers before)
{
	HvBuffers	more = HvBuffersMinus(HvBuffersNow(), before);

	total->hit += more.hit;
	total->read += more.read;
}

#endif							/* HVBUFFERS_H */
