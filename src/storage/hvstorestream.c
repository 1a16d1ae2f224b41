/*-------------------------------------------------------------------------
 *
 * hvstorestream.c
 *	  Reading many pages of an index in an order that is known beforehand.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/storage/hvstorestream.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/spccache.h"

#include "page/hvcompat.h"
#include "storage/hvstorestream.h"

struct HvStoreStream
{
	Relation	index;
	const HvLayout *layout;
	HvStoreNextBlock next;
	void	   *state;
	BlockNumber at;				/* of a range: the next block */
	BlockNumber end;			/* and the first one behind it */
#ifdef HV_HAS_READ_STREAM
	ReadStream *reader;
#else
	BufferAccessStrategy strategy;
	BlockNumber *ahead;			/* a ring of blocks asked for and not given out */
	int			size;			/* places in the ring */
	int			limit;			/* how many blocks may be in it: 0 at the end */
	int			first;
	int			count;
#endif
};

static BlockNumber
next_of_range(void *state)
{
	HvStoreStream *stream = state;

	Assert(stream->next == next_of_range);
	return stream->at < stream->end ? stream->at++ : InvalidBlockNumber;
}

#ifdef HV_HAS_READ_STREAM

static BlockNumber
next_for_reader(ReadStream *reader, void *state, void *unused)
{
	HvStoreStream *stream = state;

	return stream->next(stream->state);
}

static void
begin_reading(HvStoreStream *stream, HvStreamUse use, BufferAccessStrategy strategy)
{
	int			flags = READ_STREAM_FULL;

	if (use == HV_STREAM_MAINTENANCE)
		flags |= READ_STREAM_MAINTENANCE;
	/* several reads may be handed over at once if a callback cannot wait for any */
	if (stream->next == next_of_range)
		flags |= READ_STREAM_USE_BATCHING;
	stream->reader = read_stream_begin_relation(flags, strategy, stream->index,
												MAIN_FORKNUM, next_for_reader, stream, 0);
}

/* The next page, pinned; InvalidBuffer at the end. */
static Buffer
read_next(HvStoreStream *stream)
{
	return read_stream_next_buffer(stream->reader, NULL);
}

static void
end_reading(HvStoreStream *stream)
{
	read_stream_end(stream->reader);
}

#else							/* !HV_HAS_READ_STREAM */

static void
begin_reading(HvStoreStream *stream, HvStreamUse use, BufferAccessStrategy strategy)
{
	Oid			tablespace = stream->index->rd_rel->reltablespace;
	int			distance = 0;

	if (stream->next != next_of_range)
		distance = use == HV_STREAM_MAINTENANCE ?
			get_tablespace_maintenance_io_concurrency(tablespace) :
			get_tablespace_io_concurrency(tablespace);
	stream->strategy = strategy;
	/* the page that is read next takes a place, too */
	stream->size = stream->limit = distance + 1;
	stream->ahead = palloc(stream->size * sizeof(BlockNumber));
}

/* Asks for as many blocks as may be asked for. */
static void
look_ahead(HvStoreStream *stream)
{
	Assert(stream->limit <= stream->size);
	while (stream->count < stream->limit)
	{
		BlockNumber block = stream->next(stream->state);

		if (block == InvalidBlockNumber)
		{
			stream->limit = 0;
			return;
		}
		/* what is read at once need not be asked for */
		if (stream->count > 0)
			HvStorePrefetch(stream->index, block);
		stream->ahead[(stream->first + stream->count) % stream->size] = block;
		stream->count++;
	}
}

static Buffer
read_next(HvStoreStream *stream)
{
	BlockNumber block;

	look_ahead(stream);
	if (stream->count == 0)
		return InvalidBuffer;
	Assert(stream->count <= stream->size && stream->first < stream->size);
	block = stream->ahead[stream->first];
	stream->first = (stream->first + 1) % stream->size;
	stream->count--;
	return ReadBufferExtended(stream->index, MAIN_FORKNUM, block, RBM_NORMAL,
							  stream->strategy);
}

static void
end_reading(HvStoreStream *stream)
{
	pfree(stream->ahead);
}

#endif							/* HV_HAS_READ_STREAM */

HvStoreStream *
HvStoreStreamBegin(Relation index, const HvLayout *layout, HvStreamUse use,
				   BufferAccessStrategy strategy, HvStoreNextBlock next, void *state)
{
	HvStoreStream *stream = palloc0(sizeof(HvStoreStream));

	Assert(next != NULL);
	stream->index = index;
	stream->layout = layout;
	stream->next = next;
	stream->state = state;
	begin_reading(stream, use, strategy);
	return stream;
}

HvStoreStream *
HvStoreStreamBeginRange(Relation index, const HvLayout *layout, HvStreamUse use,
						BufferAccessStrategy strategy, BlockNumber first,
						BlockNumber end)
{
	HvStoreStream *stream = palloc0(sizeof(HvStoreStream));

	stream->index = index;
	stream->layout = layout;
	stream->next = next_of_range;
	stream->state = stream;
	stream->at = first;
	stream->end = end;
	begin_reading(stream, use, strategy);
	return stream;
}

bool
HvStoreStreamPin(HvStoreStream *stream, BlockNumber *block, Buffer *buffer)
{
	Assert(HvStoreNoPageIsLocked());
	*buffer = read_next(stream);
	if (!BufferIsValid(*buffer))
		return false;
	*block = BufferGetBlockNumber(*buffer);
	return true;
}

bool
HvStoreStreamNext(HvStoreStream *stream, BlockNumber *block, Page *page, Buffer *buffer)
{
	if (!HvStoreStreamPin(stream, block, buffer))
		return false;
	*page = HvStoreLock(stream->index, stream->layout, buffer);
	return true;
}

bool
HvStoreStreamCopy(HvStoreStream *stream, BlockNumber *block, Page image)
{
	Buffer		buffer = read_next(stream);

	Assert(HvStoreNoPageIsLocked());
	if (!BufferIsValid(buffer))
		return false;
	*block = BufferGetBlockNumber(buffer);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(image, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	return true;
}

void
HvStoreStreamEnd(HvStoreStream *stream)
{
	end_reading(stream);
	pfree(stream);
}
