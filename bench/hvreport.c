/*-------------------------------------------------------------------------
 *
 * hvreport.c
 *	  A table of results: aligned for people, and as a TSV file.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvreport.c
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hvreport.h"
#include "hvtool.h"

static const char unknown[] = "-";

static char **
row_cells(const HvReport *report, int row)
{
	return report->cells + (size_t) row * HV_REPORT_COLUMNS;
}

void
HvReportText(HvReport *report, const char *name, const char *text)
{
	int			column = report->filled++;

	if (column >= HV_REPORT_COLUMNS)
		HvDie("too many columns");
	if (column == 0)
	{
		size_t		size = (size_t) (report->nrows + 1) * HV_REPORT_COLUMNS * sizeof(char *);

		report->cells = realloc(report->cells, size);
		if (report->cells == NULL)
			HvDie("out of memory");
	}
	if (report->nrows == 0)
	{
		report->names[column] = name;
		report->ncolumns = column + 1;
	}
	row_cells(report, report->nrows)[column] = strdup(text);
}

void
HvReportNumber(HvReport *report, const char *name, int decimals, double value)
{
	char		text[64];

	if (value < 0.0)
		HvReportText(report, name, unknown);
	else
	{
		snprintf(text, sizeof(text), "%.*f", decimals, value);
		HvReportText(report, name, text);
	}
}

void
HvReportHidden(HvReport *report, const char *name, int decimals, double value)
{
	HvReportNumber(report, name, decimals, value);
	report->hidden[report->filled - 1] = true;
}

void
HvReportEndRow(HvReport *report)
{
	if (report->filled != report->ncolumns)
		HvDie("a row of %d cells in a table of %d", report->filled, report->ncolumns);
	report->nrows++;
	report->filled = 0;
}

/* how wide a column is, or 0 if it has nothing to say */
static int
column_width(const HvReport *report, int column)
{
	size_t		width = strlen(report->names[column]);
	bool		known = false;

	if (report->hidden[column])
		return 0;
	for (int row = 0; row < report->nrows; row++)
	{
		const char *cell = row_cells(report, row)[column];

		if (strlen(cell) > width)
			width = strlen(cell);
		if (strcmp(cell, unknown) != 0)
			known = true;
	}
	return known ? (int) width : 0;
}

void
HvReportPrint(const HvReport *report, FILE *file)
{
	/* texts stand left, and come first; numbers stand right */
	for (int row = -1; row < report->nrows; row++)
	{
		const char *gap = "";

		for (int column = 0; column < report->ncolumns; column++)
		{
			int			width = column_width(report, column);
			const char *text = row < 0 ? report->names[column] : row_cells(report, row)[column];
			char		first = report->nrows > 0 ? row_cells(report, 0)[column][0] : '-';
			bool		number = (first >= '0' && first <= '9') || first == '-';

			if (width == 0)
				continue;
			fprintf(file, "%s%*s", gap, number ? width : -width, text);
			gap = "  ";
		}
		fputc('\n', file);
	}
	fflush(file);
}

void
HvReportAppendTsv(const HvReport *report, const char *path)
{
	FILE	   *file = fopen(path, "a");

	if (file == NULL)
		HvDie("%s: %s", path, strerror(errno));
	/* cppcheck-suppress seekOnAppendedFile; ftell needs it */
	fseek(file, 0, SEEK_END);
	for (int row = ftell(file) == 0 ? -1 : 0; row < report->nrows; row++)
		for (int column = 0; column < report->ncolumns; column++)
			fprintf(file, "%s%c",
					row < 0 ? report->names[column] : row_cells(report, row)[column],
					column + 1 < report->ncolumns ? '\t' : '\n');
	if (fclose(file) != 0)
		HvDie("%s: %s", path, strerror(errno));
}
