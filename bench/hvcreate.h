/*-------------------------------------------------------------------------
 *
 * hvcreate.h
 *	  Building the index under watch, and what it came to.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvcreate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVCREATE_H
#define HVCREATE_H

#include "hvclient.h"
#include "arithmetic/hvmetric.h"
#include "hvwatch.h"
#include "hvwire.h"

/* which column is searched, and how; all names are used as they stand in SQL */
typedef struct HvTarget
{
	const char *conninfo;
	const char *table;
	const char *column;
	const char *index;
	const char *method;			/* access method; NULL: hvtree */
	const char *opclass;		/* NULL: of the type and the metric */
	HvForm		form;			/* type of the column */
	HvMetric	metric;
	int			nsettings;
	const char *const *settings;	/* "name=value", for every connection */
} HvTarget;

/* negative: not known */
typedef struct HvIndexFigures
{
	double		rows;			/* of the table */
	double		table_mb;		/* TOAST included, indexes not */
	double		index_mb;
	double		bytes_per_row;
	double		height;
	double		spill_factor;
} HvIndexFigures;

/* "<->", "<#>" or "<=>" */
extern const char *HvTargetOperator(const HvTarget *target);

/* "l2", "ip" or "cosine" */
extern const char *HvTargetMetric(const HvTarget *target);

/* The type of the column, as the server of conn numbers it. */
extern Oid	HvTargetType(PGconn *conn, const HvTarget *target);

/* A connection with the target's settings made. */
extern PGconn *HvTargetConnect(const HvTarget *target);

/* "name=value" as a setting of the connection */
extern void HvApplySetting(PGconn *conn, const char *setting);

/*
 * DROP INDEX IF EXISTS, CREATE INDEX ... WITH (options), timed, by a backend of
 * its own.  Tells stderr how far it is.
 */
extern HvBuildFigures HvCreateIndex(const HvTarget *target, const char *options);

extern HvIndexFigures HvInspectIndex(const HvTarget *target);

#endif							/* HVCREATE_H */
