/*-------------------------------------------------------------------------
 *
 * hvsplit.c
 *	  Making room: a full page becomes two, a full root a level more.
 *
 * NOTES
 *	  A leaf is parted by 2-means over the vectors of its rows, read from the
 *	  heap; an inner page by the centroids of its children.  (Splits by the
 *	  codes alone cost five points of recall in a tree grown from nothing:
 *	  .916 against .963.)  All of that happens under the structure lock
 *	  alone, no page being locked.  Then one action of four pages makes the
 *	  change: the page, its new sibling, their parent, and the metapage, whose
 *	  structure counter both halves are stamped with.
 *
 *	  A parent that is full is split first, from the root downwards, so that
 *	  the parent of the page at hand always has room.  The root stays where it
 *	  is: its tuples move to two new pages below it.
 *
 *	  When the root is still a leaf the rows in it are the first to tell where
 *	  the data lies: the mean is taken from them and all codes are made again.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/hvsplit.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "hvcentroid.h"
#include "hvheap.h"
#include "hvkmeans.h"
#include "hvleaf.h"
#include "hvmeta.h"
#include "hvparent.h"
#include "hvsplit.h"

#define SPLIT_ITERATIONS	10

/* room for IP vectors longer than those seen so far, see HvSpace.max_norm */
#define NORM_HEADROOM		1.25f

/* a page being split, all in one memory context */
typedef struct Split
{
	HvIndex    *index;
	Relation	heap;
	BlockNumber block;
	int			level;
	PGAlignedBlock image;		/* the page as it was read */
	PGAlignedBlock tuples;		/* the same, or with codes about a new mean */
	int			count;			/* its tuples */
	float	  **vectors;		/* of the tuples, in the tree space */
	int		   *side;			/* 0 or 1 for each */
	float	   *centroids[2];	/* code_bits floats */
	HvCentroidRef refs[2];		/* where they are stored */
} Split;

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* Copies a page out of its buffer; false if it is no tree page of this level. */
static bool
read_image(HvIndex *index, BlockNumber block, int level, Page image)
{
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, block, NULL, &buffer);
	bool		right;

	if (page == NULL)
		return false;
	right = HvPageKindOf(page) == (level == 0 ? HV_PAGE_LEAF : HV_PAGE_INNER) &&
		HvPageGetOpaque(page)->level == level;
	if (right)
		memcpy(image, page, BLCKSZ);
	HvStoreRelease(buffer);
	return right;
}

/* What the code of a tuple alone says of its vector. */
static float *
decode_tuple(const Split *split, int i)
{
	float	   *vector = palloc(split->index->layout.code_bits * sizeof(float));

	HvPageDecode((Page) split->image.data, &split->index->layout, i, vector);
	return vector;
}

/* Vectors ----------------------------------------------------------------- */

/* The vectors of an inner page's children: their centroids. */
static void
read_child_vectors(Split *split)
{
	for (int i = 0; i < split->count; i++)
	{
		const HvInnerEntryData *entry = HvPageInnerEntry((Page) split->image.data,
														 &split->index->layout, i);
		HvCentroidRef ref = {entry->centroid_block, entry->centroid_slot};

		split->vectors[i] = palloc(split->index->layout.code_bits * sizeof(float));
		HvCentroidRead(split->index, ref, split->vectors[i]);
	}
}

/*
 * Calls use(split, i, vector) for each tuple of a leaf with the vector of its
 * row, or NULL where no version of the row is left: dead rows stay in the
 * index until VACUUM takes them, and their code still says where they were.
 */
static void
for_each_row(Split *split, void (*use) (Split *split, int i, const float *vector))
{
	SnapshotData snapshot;
	HvHeap	   *heap;

	/* all rows but those that VACUUM may remove, with their TOAST, any moment */
	InitNonVacuumableSnapshot(snapshot, GlobalVisTestFor(split->heap));
	heap = HvHeapBegin(split->heap, split->index->relation, &snapshot, CurrentMemoryContext);
	for (int i = 0; i < split->count; i++)
	{
		const HvLeafEntryData *entry = HvPageLeafEntry((Page) split->image.data,
													   &split->index->layout, i);
		HvVectorView view;
		bool		found = HvHeapGet(heap, HvRowPack(&entry->tid), &view);

		CHECK_FOR_INTERRUPTS();
		use(split, i, found && view.dim == (int) split->index->meta.dim ? view.values : NULL);
		HvHeapRelease(heap);
	}
	HvHeapEnd(heap);
}

/* Keeps a row's vector in the tree space. */
static void
project_row(Split *split, int i, const float *vector)
{
	if (vector == NULL)
	{
		split->vectors[i] = decode_tuple(split, i);
		return;
	}
	split->vectors[i] = palloc(split->index->space.rotate_dims * sizeof(float));
	HvSpaceProject(&split->index->space, vector, split->vectors[i]);
}

/* Parts the tuples in two; sets side and centroids. */
static void
part(Split *split)
{
	int			bits = split->index->layout.code_bits;
	int			n = split->count;
	HvVectors	vectors = {0};
	int		   *members = palloc(n * sizeof(int));
	float	   *centroids = palloc(2 * bits * sizeof(float));
	int			counts[2];
	HvClusters	clusters = {split->side, centroids, counts};
	HvKmeansParams params = {0};

	vectors.dims = bits;
	vectors.count = vectors.capacity = n;
	vectors.values = palloc((Size) n * bits);
	vectors.factors = palloc(n * sizeof(HvByteFactors));
	for (int i = 0; i < n; i++)
	{
		HvVectorsSet(&vectors, i, split->vectors[i]);
		members[i] = i;
	}
	params.k = 2;
	params.iterations = SPLIT_ITERATIONS;
	params.seed = split->block;
	params.max_members = n - n / 4; /* or a far row would be split off alone */
	params.check = check_interrupts;
	if (HvKmeans(&vectors, members, n, &params,
				 palloc(HvKmeansScratchSize(n, bits, 2)),
				 &clusters) != 2)
		elog(ERROR, "page of %d tuples could not be parted", n);
	split->centroids[0] = centroids;
	split->centroids[1] = centroids + bits;
}

/* Change ------------------------------------------------------------------ */

/* The entry of an inner page for a centroid; code has code_bytes. */
static void
make_inner_entry(const HvIndex *index, BlockNumber child, HvCentroidRef ref,
				 const float *centroid, uint8 *code, void *entry_data)
{
	HvInnerEntryData *entry = entry_data;

	memset(entry, 0, index->layout.inner_entry_size);
	HvCodeEncode(centroid, index->layout.code_bits, code, &entry->factors);
	entry->child = child;
	entry->centroid_block = ref.block;
	entry->centroid_slot = ref.slot;
}

/* Is a locked page still what was read before the heap was visited? */
static bool
is_unchanged(const Split *split, Page page)
{
	/* all but the WAL position and the checksum */
	Size		skip = offsetof(PageHeaderData, pd_flags);

	return memcmp((char *) page + skip, split->image.data + skip, BLCKSZ - skip) == 0;
}

/* Deals the tuples out to two empty pages. */
static void
deal_tuples(Split *split, Page left, Page right)
{
	const HvLayout *layout = &split->index->layout;
	Page		from = (Page) split->tuples.data;
	int			size = HvPageEntrySize(from, layout);

	for (int i = 0; i < split->count; i++)
	{
		Page		to = split->side[i] == 0 ? left : right;

		if (!HvPageAppend(to, layout, HvPageCodes(from) + i * layout->code_bytes,
						  HvPageEntry(from, i, size)))
			elog(ERROR, "half of a split page has no room");
	}
}

/* Stamps both halves with the next value of the structure counter. */
static void
stamp(HvMetaData *meta, Page left, Page right)
{
	meta->seq++;
	HvPageGetOpaque(left)->seq = meta->seq;
	HvPageGetOpaque(right)->seq = meta->seq;
}

/* The parent's two entries after a split: one replaced, one more. */
static void
change_parent(const Split *split, Page parent, BlockNumber parent_block,
			  const BlockNumber *blocks)
{
	const HvLayout *layout = &split->index->layout;
	uint8	   *code = palloc(layout->code_bytes);
	void	   *entry = palloc(layout->inner_entry_size);
	int			at = HvPageFindChild(parent, layout, split->block);

	if (at >= 0)
	{
		make_inner_entry(split->index, blocks[0], split->refs[0], split->centroids[0],
						 code, entry);
		HvPageReplace(parent, layout, at, code, entry);
	}
	for (int i = at >= 0 ? 1 : 0; i < 2; i++)
	{
		make_inner_entry(split->index, blocks[i], split->refs[i], split->centroids[i],
						 code, entry);
		if (!HvPageAppend(parent, layout, code, entry))
			elog(ERROR, "parent block %u of a split page has no room", parent_block);
	}
}

/*
 * One action: page, new sibling, parent with room, metapage.  False, with
 * nothing done, if the page has changed since it was read.
 */
static bool
divide_page(Split *split, BlockNumber parent_block)
{
	HvIndex    *index = split->index;
	const HvLayout *layout = &index->layout;
	BlockNumber blocks[2] = {split->block, HvStoreAllocate(index->relation)};
	HvPageOpaque before = HvPageGetOpaque((Page) split->image.data);
	HvPageKind	kind = (HvPageKind) before->kind;
	HvAction	action;
	Page		page;
	Page		sibling;
	Page		parent;
	HvMetaData *meta;

	HvActionBegin(&action, index->relation);
	page = HvActionOpen(&action, layout, split->block);
	if (!is_unchanged(split, page))
	{
		HvActionAbort(&action);
		HvStoreRecordFree(index->relation, blocks[1]);
		return false;
	}
	sibling = HvActionCreate(&action, blocks[1], kind, split->level, before->encoding);
	parent = HvActionOpen(&action, layout, parent_block);
	meta = HvActionOpenMeta(&action);

	HvPageInitKind(page, kind, split->level, before->encoding);
	deal_tuples(split, page, sibling);
	HvPageGetOpaque(page)->link = blocks[1];
	HvPageGetOpaque(sibling)->link = before->link;
	stamp(meta, page, sibling);
	if (split->level == 0)
		meta->leaves++;
	change_parent(split, parent, parent_block, blocks);
	HvActionCommit(&action);
	return true;
}

/*
 * One action: two new pages below the root, the root, metapage.  False, with
 * nothing done, if the root has changed since it was read.
 */
static bool
grow_root(Split *split, BlockNumber mean_block)
{
	HvIndex    *index = split->index;
	const HvLayout *layout = &index->layout;
	HvPageKind	kind = HvPageKindOf((Page) split->image.data);
	uint16		encoding = (uint16) index->meta.encoding;
	BlockNumber blocks[2];
	Page		pages[2];
	HvAction	action;
	Page		root;
	HvMetaData *meta;

	blocks[0] = HvStoreAllocate(index->relation);
	blocks[1] = HvStoreAllocate(index->relation);
	HvActionBegin(&action, index->relation);
	for (int i = 0; i < 2; i++)
		pages[i] = HvActionCreate(&action, blocks[i], kind, split->level, encoding);
	root = HvActionOpen(&action, layout, HV_ROOT_BLOCK);
	if (!is_unchanged(split, root))
	{
		HvActionAbort(&action);
		for (int i = 0; i < 2; i++)
			HvStoreRecordFree(index->relation, blocks[i]);
		return false;
	}
	meta = HvActionOpenMeta(&action);

	HvPageInitKind(root, HV_PAGE_INNER, split->level + 1, encoding);
	deal_tuples(split, pages[0], pages[1]);
	change_parent(split, root, HV_ROOT_BLOCK, blocks);
	stamp(meta, pages[0], pages[1]);
	HvPageGetOpaque(root)->seq = meta->seq;
	meta->height = split->level + 1;
	if (split->level == 0)
		meta->leaves = 2;
	meta->encoding = index->meta.encoding;
	meta->mean_block = mean_block;
	meta->max_norm = index->meta.max_norm;
	HvActionCommit(&action);
	return true;
}

/* First mean -------------------------------------------------------------- */

/* Keeps a row's vector as the user gave it, or NULL. */
static void
keep_row(Split *split, int i, const float *vector)
{
	Size		size = split->index->meta.dim * sizeof(float);

	split->vectors[i] = vector ? memcpy(palloc(size), vector, size) : NULL;
}

/* The longest vector and the mean of the rows that keep_row kept. */
static float *
compute_mean(Split *split)
{
	HvIndex    *index = split->index;
	int			n = index->space.center_dims;
	float	   *mean = palloc0(n * sizeof(float));
	float	   *lifted = palloc(n * sizeof(float));
	float	   *norms = palloc(split->count * sizeof(float));
	int			nnorms = 0;
	double		longest = 0;
	double		limit;
	int			count = 0;

	for (int i = 0; i < split->count; i++)
	{
		double		norm;

		if (split->vectors[i] == NULL)
			continue;
		norm = HvMetricNorm(split->vectors[i], index->space.dim);
		longest = Max(longest, norm);
		norms[nnorms++] = (float) norm;
	}
	index->space.max_norm = (float) Min(longest * NORM_HEADROOM, 1e18);
	limit = HvMetricOutlierNorm(norms, nnorms);

	for (int i = 0; i < split->count; i++)
	{
		if (split->vectors[i] == NULL ||
			(index->space.metric == HV_METRIC_L2 &&
			 HvMetricNorm(split->vectors[i], index->space.dim) > limit))
			continue;
		HvSpaceLift(&index->space, split->vectors[i], lifted);
		count++;
		for (int j = 0; j < n; j++)
			mean[j] += (lifted[j] - mean[j]) / count;
	}
	return mean;
}

/*
 * Gives the index its first mean and encodes the tuples of the root anew, in
 * this backend's copy: nothing of it counts before grow_root.
 */
static BlockNumber
center(Split *split)
{
	HvIndex    *index = split->index;
	int			bits = index->layout.code_bits;
	float	   *mean;

	for_each_row(split, keep_row);
	mean = compute_mean(split);
	index->space.mean = mean;
	index->meta.max_norm = index->space.max_norm;
	index->meta.encoding++;

	for (int i = 0; i < split->count; i++)
	{
		float	   *vector = palloc0(index->space.rotate_dims * sizeof(float));
		uint8	   *code = palloc(index->layout.code_bytes);
		HvLeafEntryData *entry = HvPageLeafEntry((Page) split->tuples.data, &index->layout, i);

		/* a row that is gone is as good at the mean as anywhere */
		entry->length_class = 0;
		if (split->vectors[i])
		{
			HvSpaceProject(&index->space, split->vectors[i], vector);
			entry->length_class = HvSpaceLengthClass(&index->space, split->vectors[i]);
		}
		split->vectors[i] = vector;
		HvCodeEncode(vector, bits, code, &entry->factors);
		memcpy(split->tuples.data + HV_DATA_OFFSET + i * index->layout.code_bytes,
			   code, index->layout.code_bytes);
	}
	return HvMeanWrite(index->relation, mean, index->space.center_dims,
					   (uint16) index->meta.encoding);
}

/* Split ------------------------------------------------------------------- */

/* Splits the root: two new pages and a level more. */
static bool
split_root(Split *split)
{
	HvIndex    *index = split->index;
	BlockNumber mean_block = index->meta.mean_block;

	if (split->level > 0)
		read_child_vectors(split);
	else if (mean_block == InvalidBlockNumber)
		mean_block = center(split);
	else
		for_each_row(split, project_row);
	part(split);
	for (int i = 0; i < 2; i++)
		split->refs[i] = HvCentroidAdd(index, split->centroids[i]);
	if (grow_root(split, mean_block))
		return true;
	for (int i = 0; i < 2; i++)
		HvCentroidRemove(index, split->refs[i]);
	return false;
}

/* Where the centroid of a page stands, and whether its parent has room. */
static bool
parent_has_room(Split *split, BlockNumber parent, HvCentroidRef *ref)
{
	HvIndex    *index = split->index;
	Buffer		buffer;
	Page		page = HvStoreRead(index->relation, &index->layout, parent, NULL, &buffer);
	int			at = page ? HvPageFindChild(page, &index->layout, split->block) : -1;
	bool		room;

	if (at < 0)
		HvStoreCorrupted(index->relation, parent, "has lost a child");
	ref->block = HvPageInnerEntry(page, &index->layout, at)->centroid_block;
	ref->slot = HvPageInnerEntry(page, &index->layout, at)->centroid_slot;
	room = HvPageCount(page) < index->layout.inner_capacity;
	HvStoreRelease(buffer);
	return room;
}

/*
 * Splits a page that is full; does nothing if it is not, or not any more what
 * it was taken for.  The structure lock is held, no page is locked.
 */
static void
split_page(HvIndex *index, Relation heap, BlockNumber block, int level)
{
	Split	   *split = palloc0(sizeof(Split));
	BlockNumber parent;

	CHECK_FOR_INTERRUPTS();
	if (level > HV_MAX_LEVEL - 1)
		elog(ERROR, "hvtree index \"%s\" is too high", RelationGetRelationName(index->relation));
	split->index = index;
	split->heap = heap;
	split->block = block;
	split->level = level;
	if (!read_image(index, block, level, (Page) split->image.data))
		return;
	split->tuples = split->image;
	split->count = HvPageCount((Page) split->image.data);
	if (split->count < HvPageCapacity((Page) split->image.data, &index->layout))
		return;
	split->vectors = palloc0(split->count * sizeof(float *));
	split->side = palloc(split->count * sizeof(int));

	if (block == HV_ROOT_BLOCK)
	{
		split_root(split);
		return;
	}
	parent = HvParentFind(index, (Page) split->image.data, block);
	if (!parent_has_room(split, parent, &split->refs[0]))
	{
		/* its tuples may move to another page: look for the parent again then */
		split_page(index, heap, parent, level + 1);
		parent = HvParentFind(index, (Page) split->image.data, block);
		if (!parent_has_room(split, parent, &split->refs[0]))
			return;				/* it has changed underneath: the caller tries again */
	}
	if (level > 0)
		read_child_vectors(split);
	else
		for_each_row(split, project_row);
	part(split);
	split->refs[1] = HvCentroidAdd(index, split->centroids[1]);
	if (divide_page(split, parent))
		HvCentroidUpdate(index, split->refs[0], split->centroids[0]);
	else
		HvCentroidRemove(index, split->refs[1]);
}

void
HvSplitLeaf(Relation relation, Relation heap, BlockNumber leaf)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hvtree split",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	HvStoreLockStructure(relation);
	split_page(HvIndexOpen(relation), heap, leaf, 0);
	HvStoreUnlockStructure(relation);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
