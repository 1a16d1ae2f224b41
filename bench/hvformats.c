/*-------------------------------------------------------------------------
 *
 * hvformats.c
 *	  Reading and writing the files that vector sets come in.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvformats.c
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arithmetic/hvkernel.h"
#include "hvformats.h"
#include "hvtool.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the vector files are little-endian, and these programs read them as they stand"
#endif

#define HEADER_SIZE		(2 * sizeof(int32_t))

static bool
ends_with(const char *text, size_t length, const char *ending)
{
	size_t		n = strlen(ending);

	return length >= n && memcmp(text + length - n, ending, n) == 0;
}

/* The format that a name stands for; *compressed tells of a ".gz" behind it. */
static HvFormat
format_of_name(const char *path, bool *compressed)
{
	size_t		length = strlen(path);

	*compressed = ends_with(path, length, ".gz");
	if (*compressed)
		length -= strlen(".gz");
	if (ends_with(path, length, ".f16bin"))
		return HV_FORMAT_F16;
	if (ends_with(path, length, ".fbin"))
		return HV_FORMAT_F32;
	if (ends_with(path, length, ".u8bin"))
		return HV_FORMAT_U8;
	if (ends_with(path, length, ".ibin"))
		return HV_FORMAT_NEIGHBOURS;
	HvDie("%s: the name does not end in .fbin, .f16bin, .u8bin or .ibin", path);
}

/* bytes of one row; an .ibin has its distances in a second part of the file */
static size_t
row_size(HvFormat format, int dim)
{
	switch (format)
	{
		case HV_FORMAT_F32:
		case HV_FORMAT_NEIGHBOURS:
			return (size_t) dim * 4;
		case HV_FORMAT_F16:
			return (size_t) dim * 2;
		case HV_FORMAT_U8:
			return (size_t) dim;
	}
	return 0;
}

static void
map_file(HvFile *file, const char *path)
{
	int			fd = open(path, O_RDONLY);
	struct stat status;
	void	   *bytes;

	if (fd < 0 || fstat(fd, &status) != 0)
		HvDie("%s: %s", path, strerror(errno));
	file->size = (size_t) status.st_size;
	if (file->size < HEADER_SIZE)
		HvDie("%s: too short for a header", path);
	bytes = mmap(NULL, file->size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		HvDie("%s: %s", path, strerror(errno));
	close(fd);
	file->bytes = bytes;
}

static void
unpack_file(HvFile *file, const char *path)
{
	char		command[4200];
	FILE	   *pipe;
	uint8_t    *bytes = NULL;
	size_t		capacity = 0;
	size_t		got;

	if (strchr(path, '\'') != NULL ||
		snprintf(command, sizeof(command), "gzip -dc '%s'", path) >= (int) sizeof(command))
		HvDie("%s: cannot unpack a file of such a name", path);
	if (access(path, R_OK) != 0)
		HvDie("%s: %s", path, strerror(errno));
	pipe = popen(command, "r");
	if (pipe == NULL)
		HvDie("cannot run gzip: %s", strerror(errno));
	file->size = 0;
	do
	{
		if (capacity - file->size < 1 << 20)
		{
			capacity = capacity * 2 + (8 << 20);
			bytes = realloc(bytes, capacity);
			if (bytes == NULL)
				HvDie("out of memory (%zu bytes)", capacity);
		}
		got = fread(bytes + file->size, 1, capacity - file->size, pipe);
		file->size += got;
	} while (got > 0);
	if (pclose(pipe) != 0)
		HvDie("%s: gzip failed", path);
	if (file->size < HEADER_SIZE)
		HvDie("%s: too short for a header", path);
	file->bytes = bytes;
}

HvFile *
HvFileOpen(const char *path)
{
	HvFile	   *file = HvAlloc(sizeof(HvFile));
	bool		compressed;
	int32_t		header[2];
	size_t		expected;

	file->format = format_of_name(path, &compressed);
	if (compressed)
		unpack_file(file, path);
	else
		map_file(file, path);
	memcpy(header, file->bytes, sizeof(header));
	file->n = header[0];
	file->dim = header[1];
	if (file->n < 0 || file->dim < 1)
		HvDie("%s: header says %d rows of %d values", path, file->n, file->dim);
	expected = (size_t) file->n * row_size(file->format, file->dim);
	if (file->format == HV_FORMAT_NEIGHBOURS)
		expected *= 2;
	if (file->size != HEADER_SIZE + expected)
		HvDie("%s: %zu bytes, but %d rows of %d values need %zu", path,
			  file->size, file->n, file->dim, HEADER_SIZE + expected);
	return file;
}

void
HvFileRow(const HvFile *file, int64_t i, float *out)
{
	const uint8_t *row = file->bytes + HEADER_SIZE +
		(size_t) i * row_size(file->format, file->dim);

	switch (file->format)
	{
		case HV_FORMAT_F32:
			memcpy(out, row, (size_t) file->dim * sizeof(float));
			break;
		case HV_FORMAT_F16:
			HvKernel->halfs_to_floats(row, file->dim, out);
			break;
		case HV_FORMAT_U8:
			for (int j = 0; j < file->dim; j++)
				out[j] = (float) row[j];
			break;
		case HV_FORMAT_NEIGHBOURS:
			HvDie("a file of neighbours has no vectors");
	}
}

const int32_t *
HvFileNeighbours(const HvFile *file, int64_t i)
{
	if (file->format != HV_FORMAT_NEIGHBOURS)
		HvDie("a file of vectors has no neighbours");
	return (const int32_t *) (file->bytes + HEADER_SIZE) + i * file->dim;
}

const float *
HvFileDistances(const HvFile *file, int64_t i)
{
	return (const float *) HvFileNeighbours(file, file->n + i);
}

static FILE *
create_file(const char *path, int n, int dim)
{
	FILE	   *file = fopen(path, "wb");
	int32_t		header[2] = {n, dim};

	if (file == NULL || fwrite(header, sizeof(header), 1, file) != 1)
		HvDie("%s: %s", path, strerror(errno));
	return file;
}

FILE *
HvFbinCreate(const char *path, int n, int dim)
{
	return create_file(path, n, dim);
}

void
HvFbinAppend(FILE *file, const float *rows, int nrows, int dim)
{
	size_t		count = (size_t) nrows * (size_t) dim;

	if (fwrite(rows, sizeof(float), count, file) != count)
		HvDie("cannot write vectors: %s", strerror(errno));
}

void
HvFbinFinish(FILE *file, const char *path)
{
	if (fclose(file) != 0)
		HvDie("%s: %s", path, strerror(errno));
}

void
HvIbinWrite(const char *path, int n, int k, const int32_t *ids, const float *distances)
{
	FILE	   *file = create_file(path, n, k);
	size_t		count = (size_t) n * (size_t) k;

	if (fwrite(ids, sizeof(int32_t), count, file) != count ||
		fwrite(distances, sizeof(float), count, file) != count ||
		fclose(file) != 0)
		HvDie("%s: %s", path, strerror(errno));
}
