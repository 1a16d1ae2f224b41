# Would catch: an index of inner products with norms that vary which is calibrated for
# its rows and not for queries; hvtree_calibrate that does not raise the recall of odd
# queries, whose curve VACUUM loses, a crash loses, or REINDEX keeps without the queries.
#
# All comes from a seed (HV_SEED).
use strict;
use warnings;

use HvTest;
use Test::More;

my $seed = $ENV{HV_SEED} // 4711;
my ($rows, $queries) = (6000, 300);
srand($seed);
diag("seed $seed");

my $node = new_node('given_queries');

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub normals { return map { HvTest::normal() } 1 .. $_[0] }

# fill(TABLE, COUNT, DRAW): a table of so many vectors that draw returns
sub fill
{
	my ($table, $count, $draw) = @_;
	my $file = $node->basedir . "/$table.copy";

	open my $fh, '>', $file or die "$file: $!";
	print $fh "$_\t{" . join(',', map { sprintf '%.6g', $_ } $draw->()) . "}\n" foreach 1 .. $count;
	close $fh;
	sql("CREATE TABLE $table (id int, v real[]); COPY $table FROM '$file'");
	unlink $file;
	return;
}

# recall, leaves and what the mean of the queries is off by chance as a rule
sub recall_of
{
	my ($index, $table, $k) = @_;
	my ($recall, $low, $high, $leaves) = split /\|/,
	  sql("SELECT recall, recall_low, recall_high, mean_leaves FROM hvtree_recall('$index', 'SELECT v FROM $table', $k)");

	return ($recall, ($high - $low) / 3.92, $leaves);
}

sub holds
{
	my ($what, $index, $table, $k) = @_;
	my ($recall, $chance, $leaves) = recall_of($index, $table, $k);

	cmp_ok($recall, '>=', 0.93 - 2.6 * $chance,
		sprintf('%s: recall@%d is %.3f with %.1f leaves', $what, $k, $recall, $leaves));
	return;
}

sub origin
{
	return sql("SELECT calibration->>'from' FROM hvtree_info('$_[0]')");
}

# --- inner product: what users like, and items of any popularity --------------------

my @centres = map { [ normals(16) ] } 1 .. 40;
my @map = map { [ normals(16) ] } 1 .. 48;

sub place
{
	my ($spread) = @_;
	my $centre = $centres[ rand @centres ];
	my @latent = map { $_ + $spread * HvTest::normal() } @$centre;

	return map { HvTest::sum_of_products($_, \@latent) + 0.3 * HvTest::normal() } @map;
}

sub item
{
	my @v = place(0.7);
	my $length = sqrt(HvTest::sum_of_products(\@v, \@v));
	my $factor = exp(0.8 * HvTest::normal()) / $length;

	return map { $_ * $factor } @v;
}

fill('items', $rows, \&item);
fill('users', $queries, sub { return place(0.7) });
sql('CREATE INDEX items_v ON items USING hvtree (v real_ip_ops)');
holds('norms that vary, built', 'items_v', 'users', $_) foreach 10, 100;

# --- queries of another kind ----------------------------------------------------------

fill('docs', $rows, sub { return place(0.4) });
fill('odd', 2 * $queries, sub { return map { 4 * $_ } normals(48) });
sql('CREATE TABLE sample AS SELECT * FROM odd WHERE id % 2 = 0; DELETE FROM odd WHERE id % 2 = 0');
sql('CREATE INDEX docs_v ON docs USING hvtree (v real_cosine_ops)');
my ($before, undef, $leaves) = recall_of('docs_v', 'odd', 10);
cmp_ok($before, '<', 0.90, sprintf('odd queries find %.3f with %.1f leaves, unless', $before, $leaves));
is(origin('docs_v'), 'rows', 'a build measures with rows');
is(sql("SELECT hvtree_calibrate('docs_v', 'SELECT v FROM sample')"), $queries,
	'all queries that are given are used');
is(origin('docs_v'), 'given queries', 'and noted');
holds('the index is calibrated with some', 'docs_v', 'odd', $_) foreach 10, 100;

# a crash
$node->stop('immediate');
$node->start;
is(origin('docs_v'), 'given queries', 'a crash loses nothing');

# maintenance, when the table has changed much
fill('more', $rows / 2, sub { return place(0.4) });
sql('INSERT INTO docs SELECT id + 100000, v FROM more; DELETE FROM docs WHERE id % 5 = 0');
sql('VACUUM docs');
is(sql("SELECT calibrated_rows = rows AND calibration->>'from' = 'given queries' FROM hvtree_info('docs_v')"),
	't', 'VACUUM calibrates again, as far as it can');
holds('grown by a fifth and vacuumed', 'docs_v', 'odd', $_) foreach 10, 100;

# without queries
is(sql("SELECT hvtree_calibrate('docs_v') > 100"), 't', 'rows can be taken again');
is(origin('docs_v'), 'rows', 'and are');
sql("SELECT hvtree_calibrate('docs_v', 'SELECT v FROM sample'); REINDEX INDEX docs_v");
is(origin('docs_v'), 'rows', 'a new index measures with rows');

$node->stop;
done_testing();
