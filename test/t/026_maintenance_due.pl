# Would catch: an index that asks for maintenance when it has just been built or
# maintained, and one that does not when rows are in wrong leaves or dead.
#
#	HV_CASES	generated tables (default 18)
#	HV_SEED		where they begin

use strict;
use warnings;

use HvDamage;
use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

# (pages are changed behind the server's back, also where checksums are the rule)
my $node = new_node('maintenance_due', "ignore_checksum_failure = on\n");

vector_functions($node);
sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', "SET client_min_messages = error; $query");
}

my $state = q{SELECT maintenance_due, 'misplaced', round(misplaced::numeric, 3), 'leaf fill', round(level_fill[1]::numeric, 2),
	'leaves', level_pages[1], 'dead', dead_tuples, 'of', tuples FROM hvtree_info('items_v')};

# --- never at once ------------------------------------------------------------

# kinds of data: N rows of D dimensions
my %DATA = (
	uniform => 'random_vector(D)',
	clustered => 'clustered_vector(D, 40)',
	'few values' => '(SELECT array_agg((random() < 0.2)::int::real) FROM generate_series(1, D) WHERE i > 0)',
	'mostly zeros' => '(SELECT array_agg((CASE WHEN random() < 0.05 THEN random() ELSE 0 END)::real) FROM generate_series(1, D) WHERE i > 0)',
	'all lengths' => '(SELECT array_agg((x * exp(3 * sin(i)))::real) FROM unnest(random_vector(D)) x)',
	'equal rows' => 'array_fill(0.5::real, ARRAY[D])',
	'half of them equal' => 'CASE WHEN i % 2 = 0 THEN array_fill(0.5::real, ARRAY[D]) ELSE random_vector(D) END',
	'a line' => '(SELECT array_agg((i * j)::real ORDER BY j) FROM generate_series(1, D) j)',
	outliers => '(SELECT array_agg((x * CASE WHEN i % 100 = 0 THEN 1e6 ELSE 1 END)::real) FROM unnest(random_vector(D)) x)');
my @classes = ('real_l2_ops', 'real_cosine_ops', 'real_ip_ops');
my @options = ('spill = on', 'spill = off', 'spill = auto', 'spill = on, leaf_size = 12, branching = 8', 'spill = off, leaf_size = 20',
	'spill = on, branching = 8', 'leaf_size = 40, sample_factor = 1', 'leaf_size = 8, kmeans_iterations = 1');
my @changes = (
	'DELETE FROM items WHERE id % 5 > 1',
	'DELETE FROM items WHERE v[1] < (SELECT avg(v[1]) FROM items)',
	'INSERT INTO items SELECT id, v FROM items',
	'INSERT INTO items SELECT id, (SELECT array_agg((0.7 * x + 0.5)::real) FROM unnest(v) x) FROM items',
	'UPDATE items SET v = (SELECT array_agg((x + 0.3 * (random() - 0.5))::real) FROM unnest(v) x) WHERE id % 2 = 0');

# maintenance is looked for after each of these
my @steps = (
	[ 'built' => '' ],
	[ 'then changed and vacuumed' => 'CHANGE; VACUUM items' ],
	[ 'then maintained' => q{SELECT complete FROM hvtree_maintain('items_v')} ],
	[ 'built again' => 'REINDEX INDEX items_v' ]);

my $cases = $ENV{HV_CASES} || 18;
my $seed = $ENV{HV_SEED} || 26;
srand($seed);
note("seed $seed, $cases cases");
foreach my $case (1 .. $cases)
{
	my $kind = (sort keys %DATA)[ $case % keys %DATA ];
	my $d = (2, 3, 8, 16, 32, 64)[ int rand 6 ];
	my $n = int(20 * 10**rand(2));
	my $class = $classes[ int rand @classes ];
	my $with = $options[ int rand @options ];
	my $memory = (1, 64)[ int rand 2 ];
	my $change = $changes[ int rand @changes ];
	my $chance = rand;
	my $script = "SELECT setseed($chance); SET maintenance_work_mem = '${memory}MB'; DROP TABLE IF EXISTS items;
		CREATE TABLE items AS SELECT i AS id, $DATA{$kind} AS v FROM generate_series(1, $n) i;
		CREATE INDEX items_v ON items USING hvtree (v $class) WITH ($with);";

	$script =~ s/\bD\b/$d/g;
	$script .= "$_->[1]; SELECT 'after'; $state;" foreach @steps;
	$script =~ s/\bCHANGE\b/$change/g;
	my @said = split /^after$/m, sql($script);
	shift @said;
	foreach my $i (0 .. $#steps)
	{
		like($said[$i], qr/^\s*f\|/, "$n rows, $kind, $d dimensions, $class, $with, ${memory}MB, $steps[$i][0]"
			  . ($i == 1 ? ": $change" : ''));
	}
}

# text by words: rows far from every cluster, leaves that fill up
sql(q{
	SELECT setseed(0.26);
	DROP TABLE items;
	CREATE TABLE word AS SELECT w, random_vector(48) AS v FROM generate_series(1, 3000) w;
	CREATE TABLE items AS SELECT i AS id, (SELECT array_agg(s::real ORDER BY j) FROM
			(SELECT j, sum(x * (1 + ln(1 + w::float8))) AS s FROM (SELECT floor(3000 * random() ^ 3)::int + 1 AS w FROM generate_series(1, 7) WHERE i > 0) d
				JOIN word USING (w), unnest(v) WITH ORDINALITY AS u (x, j) GROUP BY j) s) AS v
		FROM generate_series(1, 7000) i;
	CREATE INDEX items_v ON items USING hvtree (v real_cosine_ops) WITH (leaf_size = 40, spill = on)});
like(sql($state), qr/^f\|/, 'text: not due after a build') || diag(sql($state));
note(sql($state));

# --- when it is due -------------------------------------------------------------

# Changes the places of a share of the rows among each other, in the file.
sub misplace
{
	my ($index, $share) = @_;
	my $file = $node->data_dir . '/' . sql("CHECKPOINT; SELECT pg_relation_filepath('$index')");

	$node->stop;
	my $bytes = slurp_file($file);
	my $code_bytes = field(page_of($bytes, 0), 'code_bits') / 8;
	my %kinds = pages_of_kind($bytes);
	my (@places, @tuples);
	foreach my $block (@{ $kinds{leaf} })
	{
		my $page = page_of($bytes, $block);

		foreach my $i (0 .. tuple_count($page) - 1)
		{
			next if entry_field($page, $i, 'flags') != 0 || rand() > $share;
			my $code = $block * 8192 + 64 + $i * $code_bytes;
			my $entry = $block * 8192 + 8192 - 24 - ($i + 1) * 16;

			push @places, [ $code, $entry ];
			push @tuples, [ substr($bytes, $code, $code_bytes), substr($bytes, $entry, 16) ];
		}
	}
	foreach my $place (@places)
	{
		my $tuple = splice @tuples, int rand @tuples, 1;

		substr $bytes, $place->[0], $code_bytes, $tuple->[0];
		substr $bytes, $place->[1], 16, $tuple->[1];
	}
	open my $fh, '+<', $file or die "$file: $!";
	binmode $fh;
	print $fh $bytes;
	close $fh;
	$node->start;
	return;
}

foreach my $case (
	[ 'text', '', 'items_v' ],
	[ 'clustered', 'SELECT i AS id, clustered_vector(32, 60) AS v FROM generate_series(1, 4000) i', 'real_l2_ops' ],
	[ 'clustered, three dimensions', 'SELECT i AS id, clustered_vector(3, 60) AS v FROM generate_series(1, 4000) i', 'real_l2_ops' ],
	[ 'uniform, by inner product', 'SELECT i AS id, random_vector(24) AS v FROM generate_series(1, 4000) i', 'real_ip_ops' ])
{
	my ($name, $rows, $class) = @$case;

	sql("SELECT setseed(0.27); DROP TABLE items; CREATE TABLE items AS $rows;
		CREATE INDEX items_v ON items USING hvtree (v $class)") if $rows ne '';
	like(sql($state), qr/^f\|/, "$name: not due after a build");
	misplace('items_v', 0.25);
	check_index($node, 'items_v', "$name: still sound with a quarter of the rows in wrong leaves");
	my $misplaced = sql($state);
	like($misplaced, qr/^t\|/, "$name: due with a quarter of the rows in wrong leaves") || diag($misplaced);
	is(sql(q{SELECT complete FROM hvtree_maintain('items_v')}), 't', "$name: maintained");
	my $maintained = sql($state);
	like($maintained, qr/^f\|/, "$name: not due any more") || diag($maintained);
	note("$name: $misplaced, then $maintained");

	sql('DELETE FROM items WHERE id % 5 > 1');
	like(sql($state), qr/^t\|/, "$name: due with three fifths of the rows deleted");
	sql('VACUUM items');
	my $vacuumed = sql($state);
	like($vacuumed, qr/^f\|/, "$name: not due after VACUUM") || diag($vacuumed);
	is_complete($node, 'items_v', 'items', '(SELECT v FROM items LIMIT 1)', "$name");
}

$node->stop;
done_testing();
