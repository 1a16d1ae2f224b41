#!/usr/bin/env perl
#
# bench/where.pl ROWS QUERIES SEED: conditions drawn at random, as psql commands.
#
#	For the table that bench/run_where.sh makes.  One to three conditions on key columns
#	of the hvtree index and on others, with and without a btree index, independent of
#	the vectors and not; LIMIT 1 to 1,000; a row of the table as the query.

use strict;
use warnings;

my ($rows, $queries, $seed) = @ARGV;
srand($seed);

sub one_of { return $_[ int(rand(@_)) ] }
sub share { return 10**(-4 * rand()) }
sub tenant { return int(10000 * rand()**4) }

my @conditions = (
	sub { sprintf('chance < %.6f', share()) },
	sub { sprintf('near < %.6f', share()) },
	sub { sprintf('near > %.6f', 1 - share()) },
	sub { 'tenant = ' . tenant() },
	sub { 'tenant IN (' . join(', ', map { tenant() } 0 .. rand(20)) . ')' },
	sub { sprintf("category = 'c%d'", rand(55)) },
	sub { sprintf("category <> 'c%d'", rand(55)) },
	sub { sprintf('nearby < %.6f', 1.1 * share()) },
	sub { sprintf('number < %d', $rows * share()) },
	sub { my $from = int(rand($rows)); sprintf('number BETWEEN %d AND %d', $from, $from + $rows * share()) },
	sub { sprintf('(chance < %.6f OR near < %.6f)', share(), share()) },
);

for (1 .. $queries)
{
	my $where = join(' AND ', map { one_of(@conditions)->() } 1 .. one_of(1, 1, 2, 2, 3));
	my $quoted = $where =~ s/'/''/gr;

	printf("CALL compare('%s', %d, %d);\n", $quoted, one_of(1, 10, 10, 20, 100, 1000), rand($rows));
}
