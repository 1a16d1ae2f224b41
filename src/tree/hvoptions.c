/*-------------------------------------------------------------------------
 *
 * hvoptions.c
 *	  What a user may set: hvtree.* settings and index options.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/tree/hvoptions.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <limits.h>

#include "access/reloptions.h"
#include "lib/stringinfo.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "page/hvcompat.h"
#include "tree/hvoptions.h"

/* not set for this index */
#define NOT_SET	INT_MIN

/* the parsed options of one index, a varlena */
typedef struct IndexOptions
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	HvBuildOptions build;
	HvScanOptions scan;
	int			probes_per_level;	/* offset of the string */
} IndexOptions;

static relopt_kind option_kind;
static HvScanOptions settings;
static char *probes_per_level;

/* more nodes of a level than any tree has */
#define MOST_NODES	(1 << 24)

static const relopt_enum_elt_def spill_values[] =
{
	{"auto", -1},
	{"off", 0},
	{"on", 1},
	{"false", 0},
	{"true", 1},
	{NULL, 0}
};

/* Parses a list such as "2,3,5"; false if invalid.  Numbers are clamped. */
static bool
parse_levels(const char *text, HvLevelProbes *levels)
{
	levels->count = 0;
	text += strspn(text, " \t");
	if (*text == '\0')
		return true;
	for (;;)
	{
		char	   *end;
		long		nodes = strtol(text, &end, 10);

		if (end == text || levels->count == HV_MAX_LEVEL)
			return false;
		levels->nodes[levels->count++] = (int) Min(Max(nodes, 1), MOST_NODES);
		text = end + strspn(end, " \t");
		if (*text == '\0')
			return true;
		if (*text++ != ',')
			return false;
	}
}

static bool
check_levels_setting(char **value, void **extra, GucSource source)
{
	HvLevelProbes levels;

	if (parse_levels(*value, &levels))
		return true;
	GUC_check_errdetail("It must be a list of up to %d numbers, such as \"2,3,5\", or empty.",
						HV_MAX_LEVEL);
	return false;
}

static void
check_levels_option(const char *value)
{
	HvLevelProbes levels;

	if (!parse_levels(value, &levels))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"probes_per_level\": \"%s\"", value),
				 errdetail("It must be a list of up to %d numbers, such as \"2,3,5\", or empty.",
						   HV_MAX_LEVEL)));
}

static void
define_settings(void)
{
	DefineCustomIntVariable("hvtree.max_scan_tuples",
							"The most table rows that one index scan fetches.",
							"0 means no bound. A scan that reaches it ends early, with a warning.",
							&settings.max_scan_tuples, HV_DEFAULT_MAX_SCAN_TUPLES,
							INT_MIN, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("hvtree.probes",
							"Leaf pages that a scan reads before its first rows.",
							"-1 means automatic.",
							&settings.probes, HV_DEFAULT_PROBES,
							INT_MIN, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("hvtree.probes_per_level",
							   "Nodes that a scan opens on each level before its first rows, from the level below the root to the leaves.",
							   "A list such as \"2,3,5\". Empty, or where it ends early, means automatic.",
							   &probes_per_level, "",
							   PGC_USERSET, 0, check_levels_setting, NULL, NULL);
	DefineCustomIntVariable("hvtree.rerank",
							"Table rows whose exact distance a scan computes before its first ten rows.",
							"-1 means as many as the estimates ask for.",
							&settings.rerank, HV_DEFAULT_RERANK,
							INT_MIN, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("hvtree.target_recall",
							 "The share of the true nearest rows that scans aim at.",
							 NULL,
							 &settings.target_recall, HV_DEFAULT_TARGET_RECALL,
							 -DBL_MAX, DBL_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("hvtree");
}

/*
 * Options that shape the tree need a REINDEX to take effect, so changing one
 * locks out everybody; options of scans are read by the next scan.
 */
static void
define_index_options(void)
{
	LOCKMODE	shape = AccessExclusiveLock;
	LOCKMODE	search = ShareUpdateExclusiveLock;

	option_kind = add_reloption_kind();
	add_int_reloption(option_kind, "branching", "Children of an inner page, 0 = what fits.",
					  0, INT_MIN, INT_MAX, shape);
	add_int_reloption(option_kind, "kmeans_iterations", "Rounds of k-means, 0 = automatic.",
					  0, INT_MIN, INT_MAX, shape);
	add_int_reloption(option_kind, "leaf_size", "Tuples of a leaf page, 0 = what fits.",
					  0, INT_MIN, INT_MAX, shape);
	add_int_reloption(option_kind, "max_scan_tuples", "See hvtree.max_scan_tuples.",
					  NOT_SET, NOT_SET, INT_MAX, search);
	add_int_reloption(option_kind, "probes", "See hvtree.probes.",
					  NOT_SET, NOT_SET, INT_MAX, search);
	add_string_reloption(option_kind, "probes_per_level", "See hvtree.probes_per_level.",
						 "", check_levels_option, search);
	add_int_reloption(option_kind, "rerank", "See hvtree.rerank.",
					  NOT_SET, NOT_SET, INT_MAX, search);
	add_int_reloption(option_kind, "sample_factor", "Sampled rows a leaf, 0 = automatic.",
					  0, INT_MIN, INT_MAX, shape);
	add_enum_reloption(option_kind, "spill", "Rows are stored in up to two leaves.",
					   (relopt_enum_elt_def *) spill_values, -1,
					   "Valid values are \"on\", \"off\" and \"auto\".", shape);
	add_real_reloption(option_kind, "target_recall", "See hvtree.target_recall.",
					   NOT_SET, -DBL_MAX, DBL_MAX, search);
}

void
HvOptionsDefine(void)
{
	define_settings();
	define_index_options();
}

/*
 * What a user of another vector index is told who gives one of its options: the name
 * alone does not say how to get here what was wanted of it there.
 */
static const char *
hint_for_foreign_option(const char *name)
{
	static const char graph[] = "Leave it out: an hvtree index is not a graph, and needs no"
		" option to be built. For answers that are more exact raise \"target_recall\".";
	static const char lists[] = "Leave it out: an hvtree index chooses the number of its leaves"
		" itself. For answers that are more exact raise \"target_recall\".";
	static const char search[] = "Leave it out: an hvtree index measures how far scans must look."
		" For answers that are more exact raise \"target_recall\".";
	static const struct
	{
		const char *name;
		const char *hint;
	}			foreign[] = {
		{"ef_construction", graph},
		{"ef_search", search},
		{"lists", lists},
		{"m", graph},
		{"num_neighbors", graph},
		{"search_list_size", graph},
	};

	for (int i = 0; i < lengthof(foreign); i++)
	{
		if (strcmp(name, foreign[i].name) == 0)
			return foreign[i].hint;
	}
	return NULL;
}

/* A name that is no option is an error, as build_reloptions() would have it, but with a hint. */
static void
check_names(Datum reloptions, const relopt_parse_elt *known, int nknown)
{
	ListCell   *lc;
	StringInfoData names;

	foreach(lc, untransformRelOptions(reloptions))
	{
		const char *name = ((DefElem *) lfirst(lc))->defname;
		const char *hint = hint_for_foreign_option(name);
		bool		found = false;

		initStringInfo(&names);
		for (int i = 0; i < nknown; i++)
		{
			found |= strcmp(name, known[i].optname) == 0;
			appendStringInfo(&names, "%s\"%s\"",
							 i == 0 ? "" : i + 1 < nknown ? ", " : " and ", known[i].optname);
		}
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unrecognized parameter \"%s\"", name),
					 hint ? errhint("%s", hint) :
					 errhint("The options of an hvtree index are %s.", names.data)));
	}
}

bytea *
hvoptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt parse[] = {
		{.optname = "branching", .opttype = RELOPT_TYPE_INT,
		.offset = offsetof(IndexOptions, build.branching)},
		{.optname = "kmeans_iterations", .opttype = RELOPT_TYPE_INT,
		.offset = offsetof(IndexOptions, build.kmeans_iterations)},
		{.optname = "leaf_size", .opttype = RELOPT_TYPE_INT,
		.offset = offsetof(IndexOptions, build.leaf_size)},
		{.optname = "max_scan_tuples", .opttype = RELOPT_TYPE_INT,
		.offset = offsetof(IndexOptions, scan.max_scan_tuples)},
		{.optname = "probes", .opttype = RELOPT_TYPE_INT,
		.offset = offsetof(IndexOptions, scan.probes)},
		{.optname = "probes_per_level", .opttype = RELOPT_TYPE_STRING,
		.offset = offsetof(IndexOptions, probes_per_level)},
		{.optname = "rerank", .opttype = RELOPT_TYPE_INT,
		.offset = offsetof(IndexOptions, scan.rerank)},
		{.optname = "sample_factor", .opttype = RELOPT_TYPE_INT,
		.offset = offsetof(IndexOptions, build.sample_factor)},
		{.optname = "spill", .opttype = RELOPT_TYPE_ENUM,
		.offset = offsetof(IndexOptions, build.spill)},
		{.optname = "target_recall", .opttype = RELOPT_TYPE_REAL,
		.offset = offsetof(IndexOptions, scan.target_recall)},
	};

	if (validate)
		check_names(reloptions, parse, lengthof(parse));
	return (bytea *) build_reloptions(reloptions, validate, option_kind,
									  sizeof(IndexOptions), parse, lengthof(parse));
}

void
HvOptionsForBuild(Relation index, HvBuildOptions *options)
{
	IndexOptions *set = (IndexOptions *) index->rd_options;

	if (set)
		*options = set->build;
	else
	{
		memset(options, 0, sizeof(HvBuildOptions));
		options->spill = -1;
	}
}

void
HvOptionsForScan(Relation index, HvScanOptions *options)
{
	IndexOptions *set = (IndexOptions *) index->rd_options;
	const char *levels = set ? GET_STRING_RELOPTION(set, probes_per_level) : NULL;

	*options = settings;
	parse_levels(levels && *levels ? levels : probes_per_level, &options->per_level);
	if (set == NULL)
		return;
	if (set->scan.probes != NOT_SET)
		options->probes = set->scan.probes;
	if (set->scan.rerank != NOT_SET)
		options->rerank = set->scan.rerank;
	if (set->scan.max_scan_tuples != NOT_SET)
		options->max_scan_tuples = set->scan.max_scan_tuples;
	if (set->scan.target_recall != NOT_SET)
		options->target_recall = set->scan.target_recall;
}
