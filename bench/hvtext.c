/*-------------------------------------------------------------------------
 *
 * hvtext.c
 *	  Program: vectors of short texts, the definitions of the WordNet dictionary,
 *	  by latent semantic analysis.
 *
 *	  A definition shares few words with any other, so clusters are poor and part
 *	  of what is nearest to a text lies in other clusters: a hard set, unlike those
 *	  that neural networks make.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  bench/hvtext.c
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic/hvkernel.h"
#include "hvformats.h"
#include "hvrandom.h"
#include "hvsvd.h"
#include "hvtool.h"

static const char usage[] =
"Usage: hvtext --out PREFIX [option ...]    writes PREFIX-base.fbin, PREFIX-query.fbin\n"
"Vectors of unit length, one for each definition of the WordNet dictionary.\n"
"\n"
"  --dim N           dimensions (default 512)\n"
"  --rows N          base rows (default: all that there are, about 116,000)\n"
"  --queries N       rows of the query file, which are not in the base (default 1000)\n"
"  --seed N          which texts, in which order (default 7)\n"
"  --from FOLDER     where data.noun and the others are (default /usr/share/wordnet,\n"
"                    Debian's package wordnet-base)\n";

/* terms that fewer texts have tell nothing, nor do those that so large a share has */
#define LEAST_TEXTS		3
#define LARGEST_SHARE	0.3

/* words of grammar, which say nothing of what a text is about */
static const char *const common_words[] = {
	"about", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "being",
	"but", "by", "can", "do", "does", "done", "esp", "especially", "etc", "for", "from", "had",
	"has", "have", "having", "he", "her", "his", "how", "if", "in", "into", "is", "it", "its",
	"made", "may", "more", "most", "not", "of", "off", "often", "on", "one", "only", "or",
	"other", "out", "over", "she", "so", "some", "someone", "something", "such", "than", "that",
	"the", "their", "them", "then", "there", "these", "they", "this", "those", "through", "to",
	"under", "up", "used", "usually", "very", "was", "were", "what", "when", "where", "which",
	"while", "who", "whose", "will", "with", "without", "you", "your"
};

/* Numbers for hashes that are told apart: those of terms, or of texts. */
typedef struct Numbers
{
	uint64_t   *hashes;			/* 0: free */
	int32_t    *numbers;
	size_t		size;			/* a power of two */
	int			used;
} Numbers;

/* Terms of the texts, one text after the other. */
typedef struct Texts
{
	int			ntexts;
	size_t	   *start;			/* ntexts + 1 */
	uint64_t   *terms;			/* hashes */
	size_t		nterms;
	size_t		room_texts;
	size_t		room_terms;
} Texts;

typedef struct Options
{
	const char *out;
	const char *from;
	int64_t		dim;
	int64_t		rows;			/* 0: all */
	int64_t		queries;
	int64_t		seed;
} Options;

static void *
grow(void *memory, size_t size)
{
	void	   *grown = realloc(memory, size);

	if (grown == NULL)
		HvDie("out of memory (%zu bytes)", size);
	return grown;
}

/* Mixes a value into a hash; never 0. */
static uint64_t
mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 29;
	return hash != 0 ? hash : 1;
}

static uint64_t
hash_bytes(const char *bytes, size_t length)
{
	uint64_t	hash = length + 1;

	for (size_t i = 0; i < length; i++)
		hash = mix(hash, (unsigned char) bytes[i]);
	return hash;
}

/* --- numbers --- */

static size_t
slot_of(const Numbers *numbers, uint64_t hash)
{
	size_t		slot = hash & (numbers->size - 1);

	while (numbers->hashes[slot] != 0 && numbers->hashes[slot] != hash)
		slot = (slot + 1) & (numbers->size - 1);
	return slot;
}

/* The number of a hash: the next one if it is new. */
static int32_t
number_of(Numbers *numbers, uint64_t hash)
{
	size_t		slot;

	if ((size_t) numbers->used * 2 >= numbers->size)
	{
		Numbers		larger = {.size = numbers->size > 0 ? numbers->size * 2 : 1024,
		.used = numbers->used};

		larger.hashes = HvAlloc(larger.size * sizeof(uint64_t));
		larger.numbers = HvAlloc(larger.size * sizeof(int32_t));
		for (size_t i = 0; i < numbers->size; i++)
			if (numbers->hashes[i] != 0)
			{
				slot = slot_of(&larger, numbers->hashes[i]);
				larger.hashes[slot] = numbers->hashes[i];
				larger.numbers[slot] = numbers->numbers[i];
			}
		free(numbers->hashes);
		free(numbers->numbers);
		*numbers = larger;
	}
	slot = slot_of(numbers, hash);
	if (numbers->hashes[slot] == 0)
	{
		numbers->hashes[slot] = hash;
		numbers->numbers[slot] = numbers->used++;
	}
	return numbers->numbers[slot];
}

static void
free_numbers(Numbers *numbers)
{
	free(numbers->hashes);
	free(numbers->numbers);
}

/* --- texts --- */

static void
add_term(Texts *texts, uint64_t term)
{
	if (texts->nterms == texts->room_terms)
	{
		texts->room_terms = texts->room_terms * 2 + 4096;
		texts->terms = grow(texts->terms, texts->room_terms * sizeof(uint64_t));
	}
	texts->terms[texts->nterms++] = term;
}

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Adds the words of a text, in lower case, and the pairs of neighbouring ones. */
static void
add_text(Texts *texts, char *text)
{
	uint64_t	before = 0;

	for (char *next = text; *next != '\0';)
	{
		char	   *word = next;
		char		after;

		while (isalnum((unsigned char) *next))
		{
			*next = (char) tolower((unsigned char) *next);
			next++;
		}
		after = *next;
		*next = '\0';
		if (next - word >= 2 &&
			bsearch(&word, common_words, sizeof(common_words) / sizeof(common_words[0]),
					sizeof(common_words[0]), compare_words) == NULL)
		{
			uint64_t	hash = hash_bytes(word, (size_t) (next - word));

			add_term(texts, hash);
			if (before != 0)
				add_term(texts, mix(before, hash));
			before = hash;
		}
		if (after != '\0')
			next++;
	}

	if ((size_t) texts->ntexts + 2 > texts->room_texts)
	{
		texts->room_texts = texts->room_texts * 2 + 4096;
		texts->start = grow(texts->start, texts->room_texts * sizeof(size_t));
	}
	texts->start[0] = 0;
	texts->start[++texts->ntexts] = texts->nterms;
}

/*
 * The text of a line, in place: the words that mean the same, and the definition
 * with its examples.  NULL for a line of the licence, with which each file begins.
 *
 *	offset file kind count word id [word id ...] pointers ... | definition
 */
static char *
text_of_line(char *line)
{
	char	   *definition = strstr(line, " | ");
	char	   *text = line;
	char	   *from = line;
	int			fields = 0;
	long		words = 0;

	if (line[0] == ' ' || definition == NULL)
		return NULL;
	for (; from < definition && (fields < 4 || fields < 4 + 2 * words); fields++)
	{
		size_t		length = strcspn(from, " ");

		if (fields == 3)
			words = strtol(from, NULL, 16);
		else if (fields >= 4 && fields % 2 == 0)
		{
			memmove(text, from, length);
			text[length] = ' ';
			text += length + 1;
		}
		from += length + 1;
	}
	memmove(text, definition, strlen(definition) + 1);
	return line;
}

/* Adds the texts of a file that have not been there before. */
static void
read_texts(Texts *texts, Numbers *seen, const char *folder, const char *name)
{
	char		path[4096];
	char	   *line = NULL;
	size_t		size = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	if (file == NULL)
		HvDie("cannot open \"%s\": %s (Debian's package wordnet-base has it)", path, strerror(errno));
	while (getline(&line, &size, file) >= 0)
	{
		char	   *text = text_of_line(line);
		int			before = seen->used;

		if (text != NULL &&
			number_of(seen, hash_bytes(text, strlen(text))) == before)
			add_text(texts, text);
	}
	if (ferror(file))
		HvDie("cannot read \"%s\": %s", path, strerror(errno));
	free(line);
	fclose(file);
}

/* --- weights --- */

static int
compare_columns(const void *a, const void *b)
{
	int32_t		x = *(const int32_t *) a;
	int32_t		y = *(const int32_t *) b;

	return (x > y) - (x < y);
}

/*
 * The matrix of how often each of the chosen texts has each term, a text's terms in
 * order of their numbers.  Its values are whole.
 */
static HvSparse
count_terms(const Texts *texts, const int *chosen, int n)
{
	HvSparse	counts = {.rows = n};
	Numbers		terms = {0};
	size_t		entries = 0;
	size_t		most = 0;

	for (int i = 0; i < n; i++)
		most += texts->start[chosen[i] + 1] - texts->start[chosen[i]];
	counts.start = HvAlloc(((size_t) n + 1) * sizeof(size_t));
	counts.column = HvAlloc(most * sizeof(int32_t));
	counts.value = HvAlloc(most * sizeof(float));
	for (int i = 0; i < n; i++)
	{
		size_t		first = entries;
		size_t		end = entries;

		for (size_t t = texts->start[chosen[i]]; t < texts->start[chosen[i] + 1]; t++)
			counts.column[end++] = number_of(&terms, texts->terms[t]);
		qsort(counts.column + first, end - first, sizeof(int32_t), compare_columns);
		for (size_t e = first; e < end; e++)
		{
			if (entries > first && counts.column[entries - 1] == counts.column[e])
				counts.value[entries - 1] += 1.0f;
			else
			{
				counts.column[entries] = counts.column[e];
				counts.value[entries++] = 1.0f;
			}
		}
		counts.start[i + 1] = entries;
	}
	counts.columns = terms.used;
	free_numbers(&terms);
	return counts;
}

/*
 * From counts to weights, in place: the logarithm of the count times that of how rare
 * the term is, rows of unit length.  Terms that too few or too many texts have go,
 * and texts that have no other go with them.
 */
static void
weigh_terms(HvSparse *matrix)
{
	int		   *texts_with = HvAlloc((size_t) matrix->columns * sizeof(int));
	int32_t    *renumbered = HvAlloc((size_t) matrix->columns * sizeof(int32_t));
	int			columns = 0;
	int			rows = 0;
	size_t		entries = 0;
	size_t		first = 0;

	for (size_t e = 0; e < matrix->start[matrix->rows]; e++)
		texts_with[matrix->column[e]]++;
	for (int c = 0; c < matrix->columns; c++)
		renumbered[c] = texts_with[c] >= LEAST_TEXTS &&
			texts_with[c] <= LARGEST_SHARE * matrix->rows ? columns++ : -1;
	for (int i = 0; i < matrix->rows; i++)
	{
		size_t		end = matrix->start[i + 1];
		size_t		kept = entries;
		double		squares = 0.0;

		for (size_t e = first; e < end; e++)
		{
			int32_t		c = matrix->column[e];
			double		weight = (1.0 + log(matrix->value[e])) *
				(1.0 + log((1.0 + matrix->rows) / (1.0 + texts_with[c])));

			if (renumbered[c] < 0)
				continue;
			matrix->column[entries] = renumbered[c];
			matrix->value[entries++] = (float) weight;
			squares += weight * weight;
		}
		for (size_t e = kept; e < entries; e++)
			matrix->value[e] = (float) (matrix->value[e] / sqrt(squares));
		first = end;
		if (entries > kept)
			matrix->start[++rows] = entries;
	}
	matrix->rows = rows;
	matrix->columns = columns;
	free(texts_with);
	free(renumbered);
}

/* --- the set --- */

/* The numbers of n texts out of all, drawn without doubles. */
static int *
choose_texts(int all, int n, uint64_t seed)
{
	int		   *numbers = HvAlloc((size_t) all * sizeof(int));
	HvRandom	random;

	HvRandomStart(&random, seed, 0, 0);
	for (int i = 0; i < all; i++)
		numbers[i] = i;
	for (int i = 0; i < n; i++)
	{
		int			j = i + (int) (HvRandomUniform(&random) * (all - i));
		int			other = numbers[j];

		numbers[j] = numbers[i];
		numbers[i] = other;
	}
	return numbers;
}

static void
write_rows(const char *prefix, const char *part, const float *rows, int n, int dim)
{
	char		path[4096];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s-%s.fbin", prefix, part);
	file = HvFbinCreate(path, n, dim);
	HvFbinAppend(file, rows, n, dim);
	HvFbinFinish(file, path);
}

static void
scale_to_unit(float *rows, int n, int dim)
{
	for (int i = 0; i < n; i++)
	{
		float	   *row = rows + (size_t) i * (size_t) dim;
		float		length = sqrtf(HvKernel->inner_product(row, row, dim));

		for (int j = 0; j < dim; j++)
			row[j] /= length > 0.0f ? length : 1.0f;
	}
}

static void
make_set(const Options *options)
{
	static const char *const files[] = {"data.adj", "data.adv", "data.noun", "data.verb"};
	double		started = HvNow();
	int			dim = (int) options->dim;
	int			queries = (int) options->queries;
	Texts		texts = {0};
	Numbers		seen = {0};
	HvSparse	matrix;
	int			wanted;
	float	   *rows;

	for (int i = 0; i < 4; i++)
		read_texts(&texts, &seen, options->from, files[i]);
	free_numbers(&seen);
	wanted = options->rows > 0 ? (int) options->rows + queries : texts.ntexts;
	if (wanted > texts.ntexts || queries >= wanted)
		HvDie("%d texts wanted, %d of them queries; there are %d", wanted, queries, texts.ntexts);
	matrix = count_terms(&texts, choose_texts(texts.ntexts, wanted, options->seed), wanted);
	weigh_terms(&matrix);
	if (matrix.rows <= queries)
		HvDie("too few texts share a term");
	rows = HvSvdProject(&matrix, dim, options->seed);
	scale_to_unit(rows, matrix.rows, dim);
	write_rows(options->out, "query", rows, queries, dim);
	write_rows(options->out, "base", rows + (size_t) queries * (size_t) dim,
			   matrix.rows - queries, dim);
	fprintf(stderr, "%s: %d texts of %d terms, %d of them queries, in %d dimensions, %.1f s\n",
			options->out, matrix.rows, matrix.columns, queries, dim, HvNow() - started);
}

int
main(int argc, char **argv)
{
	Options		options = {.from = "/usr/share/wordnet", .dim = 512, .queries = 1000, .seed = 7};
	const HvOption list[] = {
		{"out", .text = &options.out},
		{"from", .text = &options.from},
		{"dim", .number = &options.dim, .low = 2, .high = 4096},
		{"rows", .number = &options.rows, .low = 1, .high = 10000000},
		{"queries", .number = &options.queries, .low = 1, .high = 1000000},
		{"seed", .number = &options.seed, .low = 0, .high = INT64_MAX},
		{NULL}
	};

	HvToolName = "hvtext";
	HvParseOptions(list, usage, argc, argv);
	if (options.out == NULL)
		HvUsage(usage);
	make_set(&options);
	return 0;
}
