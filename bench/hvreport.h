/*-------------------------------------------------------------------------
 *
 * hvreport.h
 *	  A table of results, row by row: aligned for people, and as a TSV file.
 *
 * NOTES
 *	  The cells of the first row name the columns; every row has the same ones
 *	  in the same order.  A cell that is not known is "-".
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvreport.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVREPORT_H
#define HVREPORT_H

#include <stdbool.h>
#include <stdio.h>

#define HV_REPORT_COLUMNS	48

typedef struct HvReport
{
	int			ncolumns;
	int			nrows;
	int			filled;			/* cells of the row being made */
	const char *names[HV_REPORT_COLUMNS];
	bool		hidden[HV_REPORT_COLUMNS];	/* in the TSV file only */
	char	  **cells;			/* nrows * HV_REPORT_COLUMNS */
} HvReport;

/* The next cell of the row; name must outlive the report. */
extern void HvReportText(HvReport *report, const char *name, const char *text);

/* The same with a number, "-" if negative. */
extern void HvReportNumber(HvReport *report, const char *name, int decimals, double value);

/* The same, for the TSV file only. */
extern void HvReportHidden(HvReport *report, const char *name, int decimals, double value);

extern void HvReportEndRow(HvReport *report);

/* Prints the columns that have something to say. */
extern void HvReportPrint(const HvReport *report, FILE *file);

/* Appends the rows to a file, with a head line if it is new or empty. */
extern void HvReportAppendTsv(const HvReport *report, const char *path);

#endif							/* HVREPORT_H */
