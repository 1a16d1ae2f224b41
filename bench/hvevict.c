/*-------------------------------------------------------------------------
 *
 * hvevict.c
 *	  Program: has the kernel forget the cached pages of all files in folders.
 *
 * NOTES
 *	  Only of these files, and as any user who may read them; a page is written
 *	  before it can be forgotten.  What lies below the kernel (a hypervisor, the
 *	  drive's own memory) may still know them.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvevict.c
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hvtool.h"

#define OPEN_FOLDERS	32

static int	files;
static double bytes;

static int
evict(const char *path, const struct stat *status, int type, struct FTW *place)
{
	int			fd;

	(void) place;
	if (type != FTW_F || !S_ISREG(status->st_mode))
		return 0;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		HvDie("%s: %s", path, strerror(errno));
	if (fdatasync(fd) != 0)
		HvDie("%s: %s", path, strerror(errno));
	if ((errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)) != 0)
		HvDie("%s: %s", path, strerror(errno));
	close(fd);
	files++;
	bytes += (double) status->st_size;
	return 0;
}

int
main(int argc, char **argv)
{
	HvToolName = "hvevict";
	if (argc < 2 || argv[1][0] == '-')
	{
		fputs("Usage: hvevict FOLDER [FOLDER ...]\n"
			  "Has the kernel forget the cached pages of all files below the folders.\n", stderr);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		if (nftw(argv[i], evict, OPEN_FOLDERS, FTW_PHYS) != 0)
			HvDie("%s: %s", argv[i], strerror(errno));
	fprintf(stderr, "%d files, %.1f MB, evicted\n", files, bytes / (1024.0 * 1024.0));
	return 0;
}
