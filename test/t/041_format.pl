# Would catch: a page format that is read otherwise than when it was released: an
# index file of an earlier version that cannot be opened, queried, inserted into or
# vacuumed, or does so wrongly; a format from the future that is not refused.
#
# test/format/VERSION has what released versions have written (test/format/make.sh).
# Each file takes the place of an index of the same definition, on the same rows.

use strict;
use warnings;

use Config;
use File::Basename;
use HvDamage;
use HvTest;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{HV_SEED} // int(rand(1 << 30));
my $cases = $ENV{HV_CASES} // 20;
diag("HV_SEED=$seed");
srand($seed);

plan skip_all => "the files are little-endian, this machine is not ($Config{byteorder})"
  if $Config{byteorder} !~ /^1234/;

my $by_index = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';
my $by_sort = 'SET enable_indexscan = off;';
my $node = new_node('format', "fsync = off\ntimezone = 'UTC'\n");

if ($node->safe_psql('postgres', 'SHOW block_size') ne '8192')
{
	$node->stop;
	plan skip_all => 'the files have pages of 8192 bytes';
}
# the pages have no checksums
if ($node->safe_psql('postgres', 'SHOW data_checksums') eq 'on')
{
	$node->stop;
	system_or_bail('pg_checksums', '--disable', '-D', $node->data_dir);
	$node->start;
}

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

sub inflate
{
	my ($file) = @_;
	my $bytes;

	gunzip($file => \$bytes, BinModeOut => 1) or die "$file: $GunzipError";
	return $bytes;
}

# put_file(BYTES): in place of the file of items_v
sub put_file
{
	my ($bytes) = @_;
	my $file = $node->data_dir . '/' . sql(q{CHECKPOINT; SELECT pg_relation_filepath('items_v')});

	$node->stop;
	open my $handle, '>:raw', $file or die "$file: $!";
	print $handle $bytes;
	close $handle or die "$file: $!";
	unlink glob "${file}_*";    # the map of free pages is another index's
	$node->start;
	return;
}

# a vector like those of the table
sub vector
{
	my ($dims) = @_;

	return "'{" . join(',', map { int(rand(18)) - 6 } 1 .. $dims) . "}'::real[]";
}

# what conditions on key columns are tried with: columns by what they compare with
my %VALUE = (i2 => '3', i4 => '-40000', i8 => '500000000000', b => 'true', f4 => '6.5', f8 => '-6.5', n => '3.3333333333333333',
	d => q{'2020-03-20'}, ts => q{'2000-01-02 05:00'}, tz => q{'2024-04-01 12:00+00'}, tm => q{'00:44'},
	u => q{md5('7')::uuid}, t => q{'word 12'}, c => q{'k'}, y => q{decode(substr(md5('9'), 1, 6), 'hex')});

sub condition
{
	my @columns = sort keys %VALUE;
	my $column = $columns[ rand @columns ];
	my $kind = int(rand(6));

	return "$column " . (qw(< <= = >= >))[ rand 5 ] . " $VALUE{$column}" if $kind < 3;
	return "$column IS " . (rand() < 0.5 ? 'NOT ' : '') . 'NULL' if $kind == 3;
	return 'tags ' . (qw(&& @>))[ rand 2 ] . ' ARRAY[' . int(rand(6)) . ', ' . int(rand(8)) . ']' if $kind == 4;
	return q{words } . (qw(&& @>))[ rand 2 ] . " ARRAY['a" . int(rand(7)) . "']";
}

# answers(DIMS, OPERATOR, HAS_KEYS, NAME): every row once, in order; near enough to the
# exact answer for ten; conditions as the table says
sub answers
{
	my ($dims, $operator, $has_keys, $name) = @_;
	my $n = sql('SELECT count(*) FROM items');
	my ($found, $wanted, $script) = (0, 0, '');

	check_index($node, 'items_v', "$name: sound, with all rows of the table");
	is(exhaustive($node, 'items', $operator, vector($dims)), "$n|0|0|0", "$name: every row once, in order");
	foreach (1 .. $cases)
	{
		my $q = vector($dims);
		my $ten = "SELECT v $operator $q AS d FROM items ORDER BY v $operator $q LIMIT 10";

		$script .= "$by_sort CREATE TEMP TABLE exact AS $ten; RESET enable_indexscan; $by_index
			SELECT count(*) FILTER (WHERE d <= (SELECT max(d) + 1e-6 FROM exact)) FROM ($ten) s; DROP TABLE exact;";
	}
	$found += $_ foreach split /\n/, sql($script);
	cmp_ok($found / $cases / 10, '>=', 0.9, "$name: recall\@10");
	return unless $has_keys;

	my (@wrong, @conditions);
	$script = '';
	foreach (1 .. 2 * $cases)
	{
		my $where = join ' AND ', map { condition() } 1 .. 1 + int(rand(2));
		my $q = vector($dims);
		my $ids = "SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') FROM (SELECT id FROM items WHERE $where ORDER BY v $operator $q OFFSET 0) s;";

		push @conditions, $where;
		$script .= "$by_sort SET enable_seqscan = on; SET enable_sort = on; $ids RESET enable_indexscan; $by_index $ids";
	}
	my @ids = split /\n/, sql($script), -1;
	foreach my $i (0 .. $#conditions)
	{
		push @wrong, $conditions[$i] if $ids[ 2 * $i ] ne $ids[ 2 * $i + 1 ];
	}
	is("@wrong", '', "$name: conditions");
	return;
}

my %OF_METRIC = (l2 => '<->', 'inner product' => '<#>', cosine => '<=>');
my $top = dirname(__FILE__) . '/../format';
my @fixtures = glob "$top/*/*.sql";
cmp_ok(scalar(@fixtures), '>=', 4, 'there are index files of released versions');

foreach my $fixture (@fixtures)
{
	my ($version, $shape) = $fixture =~ m{/([^/]+)/([^/]+)\.sql$};
	my $name = "$version $shape";
	my ($table, $index) = split /(?<=;)\n/, slurp_file($fixture);
	my $pages = inflate("$top/$version/$shape.pages.gz");
	my $rows = inflate("$top/$version/$shape.rows.gz");

	sql("$table\nCOPY items FROM STDIN;\n$rows\\.\n$index ANALYZE items");
	put_file($pages);

	my $info = stats($node, 'items_v');
	my ($operator, $dims) = ($OF_METRIC{ $info->{metric} }, $info->{dimensions});
	my $has_keys = $table =~ /\bi2\b/;
	my @answer = ($dims, $operator, $has_keys);

	is("$info->{format_version} $info->{tuples}", field(page_of($pages, 0), 'version') . ' ' . (() = $rows =~ /\n/g) * $info->{spill_factor},
		"$name: format and rows");
	answers(@answer, "$name, as it was written");

	# lives on: rows like those that are there, with other numbers
	my $columns = sql(q{SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = 'items'::regclass AND attnum > 1 AND NOT attisdropped});
	sql("INSERT INTO items SELECT 1000 + id, $columns FROM items; INSERT INTO items SELECT 2000 + id, $columns FROM items");
	answers(@answer, "$name, grown");
	$node->stop('immediate');
	$node->start;
	answers(@answer, "$name, after a crash");
	sql('UPDATE items SET id = id + 10000 WHERE id % 7 = 1; DELETE FROM items WHERE id % 3 = 0; VACUUM (INDEX_CLEANUP on) items');
	answers(@answer, "$name, vacuumed");
	sql(q{SELECT hvtree_maintain('items_v'); SELECT hvtree_calibrate('items_v', 'SELECT v FROM items')});
	answers(@answer, "$name, maintained and calibrated");
	is(stats($node, 'items_v')->{format_version}, $info->{format_version}, "$name: still of its format");
	sql('REINDEX INDEX items_v');
	answers(@answer, "$name, built again");

	sql('DROP TABLE items');
}

# --- formats that this version does not know ----------------------------------------------

{
	my ($table, $index) = split /(?<=;)\n/, slurp_file("$top/0.2.0/l2.sql");
	my $pages = inflate("$top/0.2.0/l2.pages.gz");
	my $newest = field(page_of(inflate("$top/0.2.0/keys.pages.gz"), 0), 'version');

	sql("$table\nCOPY items FROM STDIN;\n" . inflate("$top/0.2.0/l2.rows.gz") . "\\.\n$index");
	foreach my $format (0, 1, 200, 65536 + 2)
	{
		put_file(put_page($pages, 0, set_field(page_of($pages, 0), 'version', $format)));
		my %use = (
			'a query' => "$by_index SELECT id FROM items ORDER BY v <-> array_fill(1::real, ARRAY[20]) LIMIT 1",
			'an insert' => 'INSERT INTO items SELECT 5000, v FROM items LIMIT 1',
			'VACUUM' => 'DELETE FROM items WHERE id = 3; VACUUM (INDEX_CLEANUP on) items',
			hvtree_info => q{SELECT * FROM hvtree_info('items_v')},
			hvtree_check => q{SELECT hvtree_check('items_v', true)},
			hvtree_maintain => q{SELECT hvtree_maintain('items_v')});

		foreach my $what (sort keys %use)
		{
			my ($state, $message) = sqlstate_of($node, $use{$what});

			is($state, '0A000', "format $format: $what is refused") || diag($message);
			like($message, qr/has format version $format.*HINT:.*REINDEX/s, "format $format: $what says what to do");
		}
		is( sql("REINDEX INDEX items_v; SELECT hvtree_check('items_v', true) > 0;
				$by_index SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> array_fill(1::real, ARRAY[20])) s"),
			"t\n" . sql('SELECT count(*) FROM items'), "format $format: REINDEX helps");
	}
	cmp_ok($newest, '>=', 3, "$newest is a format that key columns have");
}

$node->stop;
done_testing();
