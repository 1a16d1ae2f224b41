# Would catch: data that a build cannot cluster, divide or encode, concurrent
# builds that lose rows, builds that leave something behind when they fail,
# and a build whose result depends on more than its table.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('build', "maintenance_work_mem = 32MB\ndefault_statistics_target = 1\n");

vector_functions($node);
sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# How long a processor has worked for the session; empty where nobody knows.  The clock
# runs on while others have the processors.
my $processor_seconds = q{
	SELECT (f[14]::int + f[15]::int) / 100.0
	FROM string_to_array(pg_read_file('/proc/self/stat', 0, 1000, true), ' ') f WHERE f IS NOT NULL};

# --- degenerate data ---------------------------------------------------------

# Builds over SQL that gives vectors and tests the ten nearest of some of the
# rows themselves, everything in order, then again after inserts of the same.
sub degenerate
{
	my ($name, $select, %option) = @_;
	my $options = $option{options} // 'leaf_size = 0';
	# what grows as the square of the rows takes longer, whatever else the machine does
	my $most = $option{seconds} // 60;
	my $operator = $option{operator} // '<->';
	my $class = { '<->' => 'real_l2_ops', '<#>' => 'real_ip_ops', '<=>' => 'real_cosine_ops' }->{$operator};
	my $begin = time;

	sql(qq{
		SELECT setseed(0.12);
		DROP TABLE IF EXISTS odd;
		CREATE TABLE odd (id int GENERATED ALWAYS AS IDENTITY, v real[]);
		INSERT INTO odd (v) $select;
		ANALYZE odd});
	my $loaded = time;
	my ($rc, $out, $err) = $node->psql('postgres',
		"CREATE INDEX odd_v ON odd USING hvtree (v $class) WITH ($options); $processor_seconds");
	my $built = time;
	my $seconds = $out ne '' ? $out : $built - $loaded;
	is("$rc$err", '0', "$name: build without a word") unless $option{notice};
	like($err, $option{notice}, "$name: build gives a notice") if $option{notice};
	cmp_ok($seconds, '<', $most, sprintf('%s: built in %.1f s', $name, $seconds));
	my $floor = $option{floor} // 0.95;
	odd_is_right($name, $operator, $floor);
	return if $option{no_inserts};

	my $inserts = sql("INSERT INTO odd (v) SELECT v FROM odd TABLESAMPLE SYSTEM (100) LIMIT 500; $processor_seconds");
	cmp_ok($inserts ne '' ? $inserts : time - $built, '<', 2 * $most, "$name: inserts in bounded time");
	odd_is_right("$name, then inserts", $operator, $floor);

	# and a tree that grows of such rows
	sql(qq{
		CREATE TABLE grown (id int, v real[]);
		CREATE INDEX grown_v ON grown USING hvtree (v $class) WITH ($options);
		INSERT INTO grown SELECT id, v FROM odd WHERE v IS NOT NULL ORDER BY id LIMIT 2500;
		DROP TABLE odd;
		ALTER TABLE grown RENAME TO odd;
		ALTER INDEX grown_v RENAME TO odd_v});
	odd_is_right("$name, grown", $operator, $floor);
	return;
}

# sound, complete, in order, and of the ten nearest of 40 rows all but one in twenty at
# the right distance (of fewer rows, chance would decide: in one dimension, one query in
# a hundred finds none of its ten); one call, since there are many kinds of data
sub odd_is_right
{
	my ($name, $operator, $floor) = @_;
	my ($rows, $answer, $recall) = split /\n/, sql(qq{
		SELECT count(*) FROM odd WHERE v IS NOT NULL;
		SET enable_seqscan = off; SET enable_sort = off; SET hvtree.target_recall = 0.99;
		CREATE TEMP TABLE point AS SELECT coalesce((SELECT v FROM odd WHERE v IS NOT NULL ORDER BY id LIMIT 1), '{1,2}') AS q;
		WITH found AS MATERIALIZED (SELECT id, v $operator (SELECT q FROM point) AS d FROM odd
									ORDER BY v $operator (SELECT q FROM point)),
			ordered AS (SELECT id, d < lag(d) OVER () AS wrong FROM found)
		SELECT hvtree_check('odd_v') > 0, count(*), count(DISTINCT id), count(*) FILTER (WHERE wrong) FROM ordered;
		SELECT coalesce(round(avg(good), 3), 1) FROM (SELECT v AS q FROM odd WHERE v IS NOT NULL ORDER BY id DESC LIMIT 40) p,
			LATERAL (SELECT max(d) AS last FROM (SELECT (v $operator q) + 0 AS d FROM odd WHERE v IS NOT NULL
												ORDER BY d LIMIT 10) s) e,
			LATERAL (SELECT avg((d <= last + abs(last) * 1e-6)::int) AS good
					 FROM (SELECT v $operator q AS d FROM odd ORDER BY v $operator q LIMIT 10) s) a});

	is($answer, "t|$rows|$rows|0", "$name: sound, every row once, in order");
	cmp_ok($recall, '>=', $floor, "$name: the ten nearest ($recall)");
	return;
}

degenerate('no row', 'SELECT NULL::real[] WHERE false', no_inserts => 1);
degenerate('only NULL', 'SELECT NULL::real[] FROM generate_series(1, 5)', no_inserts => 1);
degenerate('one row', q{SELECT '{1,2,3}'::real[]});
degenerate('two rows', q{VALUES ('{1,2,3}'::real[]), ('{3,2,1}')});
degenerate('20,000 equal rows', 'SELECT array_fill(0.5::real, ARRAY[8]) FROM generate_series(1, 20000)');
degenerate('20,000 equal rows by cosine', 'SELECT array_fill(0.5::real, ARRAY[8]) FROM generate_series(1, 20000)',
	operator => '<=>');
degenerate('two distinct values', 'SELECT array_fill((i % 2)::real, ARRAY[8]) FROM generate_series(1, 10000) i');
degenerate('100,000 duplicates and 1,000 others',
	q{SELECT CASE WHEN i <= 100000 THEN '{1,1,1,1}'::real[] ELSE random_vector(4) END FROM generate_series(1, 101000) i},
	seconds => 20);
degenerate('huge outliers',
	q{SELECT CASE WHEN i % 500 = 0 THEN array_fill((CASE WHEN i % 1000 = 0 THEN 3e38 ELSE -1e30 END)::real, ARRAY[6])
				  ELSE random_vector(6) END FROM generate_series(1, 4000) i});
degenerate('huge outliers by inner product',
	q{SELECT CASE WHEN i % 500 = 0 THEN array_fill((CASE WHEN i % 1000 = 0 THEN 3e38 ELSE -1e30 END)::real, ARRAY[6])
				  ELSE random_vector(6) END FROM generate_series(1, 4000) i}, operator => '<#>',
	# beside such lengths all other rows are one point of the tree's space
	floor => 0.5);
degenerate('huge outliers by cosine',
	q{SELECT CASE WHEN i % 500 = 0 THEN array_fill((CASE WHEN i % 1000 = 0 THEN 3e38 ELSE -1e30 END)::real, ARRAY[6])
				  ELSE random_vector(6) END FROM generate_series(1, 4000) i}, operator => '<=>');
degenerate('all huge', q{SELECT (SELECT array_agg((x * 6e38)::real) FROM unnest(random_vector(6)) x) FROM generate_series(1, 3000) i});

# a mean that is too far from the data for a change of it to be computed
$node->safe_psql('postgres', q{
	CREATE TABLE huge_turn (id int, v real[]);
	CREATE INDEX huge_turn_v ON huge_turn USING hvtree (v) WITH (leaf_size = 8);
	INSERT INTO huge_turn SELECT i, (SELECT array_agg((CASE WHEN i <= 1000 THEN 3e38 ELSE -3e38 END * (1 - (i * j % 97) / 500.0))::real)
									 FROM generate_series(1, 6) j) FROM generate_series(1, 2000) i;
	VACUUM huge_turn});
is_complete($node, 'huge_turn_v', 'huge_turn', q{'{1,1,1,1,1,1}'}, 'huge vectors of one kind, then of another');
degenerate('tiny values', q{SELECT (SELECT array_agg((x * 1e-37)::real) FROM unnest(random_vector(6)) x) FROM generate_series(1, 3000) i});
degenerate('tiny values of 1e-40', q{SELECT (SELECT array_agg((x * 1e-40)::real) FROM unnest(random_vector(6)) x) FROM generate_series(1, 3000) i});
# their squares are 0 in float: the codes cannot tell them apart, a sort of the table can
degenerate('denormal values', q{SELECT array_fill((i * 1e-42)::real, ARRAY[6]) FROM generate_series(1, 3000) i}, floor => 0);
degenerate('zero vectors', q{SELECT CASE WHEN i % 3 = 0 THEN array_fill(0::real, ARRAY[6]) ELSE random_vector(6) END FROM generate_series(1, 3000) i});
degenerate('only zero vectors', q{SELECT array_fill(0::real, ARRAY[6]) FROM generate_series(1, 3000) i});
degenerate('only zero vectors by cosine', q{SELECT array_fill(0::real, ARRAY[6]) FROM generate_series(1, 3000) i}, operator => '<=>');
degenerate('one dimension', q{SELECT ARRAY[random()::real] FROM generate_series(1, 5000) i});
degenerate('one dimension by inner product', q{SELECT ARRAY[random()::real] FROM generate_series(1, 3000) i}, operator => '<#>');
degenerate('16,000 dimensions', q{SELECT (SELECT array_agg((i * sin(j * 0.37) + 0.3 * random())::real) FROM generate_series(1, 16000) j) FROM generate_series(1, 60) i});
degenerate('16,000 dimensions by inner product', q{SELECT (SELECT array_agg(((1 + i * 17 % 41) * sin(j * 0.37) + 0.3 * random())::real) FROM generate_series(1, 16000) j) FROM generate_series(1, 40) i}, operator => '<#>');
degenerate('a line', q{SELECT (SELECT array_agg((i * j)::real ORDER BY j) FROM generate_series(1, 8) j) FROM generate_series(1, 4000) i});
degenerate('smallest pages', q{SELECT random_vector(4) FROM generate_series(1, 1500)}, options => 'leaf_size = 1, branching = 1');
degenerate('spilled', q{SELECT clustered_vector(12, 9) FROM generate_series(1, 3000)}, options => 'spill = on');

# --- little memory ---------------------------------------------------------------

sql(q{
	SELECT setseed(0.13);
	CREATE TABLE items (id int PRIMARY KEY, v real[], note int DEFAULT 0);
	INSERT INTO items SELECT i, clustered_vector(32, 60) FROM generate_series(1, 15000) i;
	ANALYZE items});
{
	my ($rc, $out, $err) = $node->psql('postgres',
		q{SET maintenance_work_mem = '1MB'; CREATE INDEX items_v ON items USING hvtree (v) WITH (leaf_size = 16)});

	is($rc, 0, 'maintenance_work_mem = 1MB: builds');
	like($err, qr/NOTICE:.*hvtree clusters a sample.*maintenance_work_mem/s, 'maintenance_work_mem = 1MB: says so');
	my $zero = q{array_fill(0::real, ARRAY[32])};
	is_complete($node, 'items_v', 'items', $zero, 'maintenance_work_mem = 1MB');
	sql('DROP INDEX items_v');
}

# --- the same table, the same index ---------------------------------------------

# what the pages hold, apart from where WAL was when they were written
sub pages_of
{
	my ($index) = @_;
	my $file = $node->data_dir . '/' . sql("CHECKPOINT; SELECT pg_relation_filepath('$index')");
	my $bytes = slurp_file($file);

	return join '', map { substr $bytes, $_ * 8192 + 12, 8180 } 0 .. length($bytes) / 8192 - 1;
}
sql('CREATE INDEX items_a ON items USING hvtree (v)');
sql('CREATE INDEX items_b ON items USING hvtree (v)');
ok(pages_of('items_a') eq pages_of('items_b'), 'two builds of a table give the same bytes');
sql('DROP INDEX items_b');

# --- CONCURRENTLY -----------------------------------------------------------------

my $script = $node->basedir . '/writes.sql';
append_to_file($script, q{
	\set id random(1, 15000)
	\set new random(100000, 2000000000)
	INSERT INTO items VALUES (:new, clustered_vector(32, 60)) ON CONFLICT DO NOTHING;
	UPDATE items SET v = clustered_vector(32, 60) WHERE id = :id;
	UPDATE items SET note = note + 1 WHERE id = :id + 1;
	DELETE FROM items WHERE id = :id + 2;
});
my $load = IPC::Run::start([ 'pgbench', '-n', '-c', '3', '-T', '60', '-f', $script, '-h', $node->host,
		'-p', $node->port, 'postgres' ], '<', \undef, '>', '/dev/null', '2>', '/dev/null');
$node->poll_query_until('postgres', 'SELECT count(*) > 10 FROM items WHERE id > 15000');
foreach my $statement ('CREATE INDEX CONCURRENTLY items_v ON items USING hvtree (v) WITH (leaf_size = 24, branching = 16)',
	'REINDEX INDEX CONCURRENTLY items_v', 'REINDEX (CONCURRENTLY) TABLE items')
{
	my ($rc, $out, $err) = $node->psql('postgres', $statement);

	is("$rc$err", '0', substr($statement, 0, 34) . ' under writes');
}
$load->kill_kill;
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'});
foreach my $index ('items_v', 'items_a')
{
	is_complete($node, $index, 'items', q{array_fill(0::real, ARRAY[32])}, "$index after concurrent builds");
	sql("DROP INDEX $index");
}

# --- progress, cancel, tablespace --------------------------------------------------

my (undef, undef, $debug) = $node->psql('postgres',
	q{SET client_min_messages = debug1; CREATE INDEX items_v ON items USING hvtree (v)});
my @phases = $debug =~ /hvtree build: (.*)/g;
is(join(', ', @phases),
	'surveying table, sampling table, trying second copies, clustering sample, refining clusters, assigning rows to leaves, sorting rows by leaf, writing pages, logging index, tracing queries, calibrating',
	'the phases of a build');
sql('DROP INDEX items_v');
{
	my $psql = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c',
			'CREATE INDEX items_v ON items USING hvtree (v) WITH (leaf_size = 8, branching = 8)' ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	ok( $node->poll_query_until('postgres', q{
			SELECT phase ~ '^building index: (surveying|sampling|trying|clustering|refining|assigning|sorting|writing|logging)'
			FROM pg_stat_progress_create_index}), 'pg_stat_progress_create_index names a phase');
	sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index});
	$psql->finish;
}
is(sql(q{SELECT count(*) FROM pg_class WHERE relname = 'items_v'}), '0', 'a cancelled build leaves no index');
foreach my $timeout (10, 60, 150, 300)
{
	my ($state) = sqlstate_of($node,
		"SET statement_timeout = $timeout; CREATE INDEX items_v ON items USING hvtree (v) WITH (leaf_size = 8, branching = 8)");

	note("timeout $timeout: $state");
	like($state, qr/^(57014)?$/, "statement_timeout = $timeout in a build");
	sql('DROP INDEX IF EXISTS items_v');
}
sql('CHECKPOINT');
my $files = sql(q{SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = 'postgres')) f
	WHERE f ~ '^[0-9]+$' AND NOT EXISTS (SELECT FROM pg_class WHERE pg_relation_filenode(oid) = f::oid)});
is($files, '0', 'no file is left behind');

my $folder = $node->basedir . '/space';
mkdir $folder or die;
sql("CREATE TABLESPACE space LOCATION '$folder'");
sql('CREATE INDEX items_v ON items USING hvtree (v) TABLESPACE space');
is_complete($node, 'items_v', 'items', q{array_fill(0::real, ARRAY[32])}, 'in a tablespace');
sql('ALTER INDEX items_v SET TABLESPACE pg_default');
is_complete($node, 'items_v', 'items', q{array_fill(0::real, ARRAY[32])}, 'and back');

$node->stop;
done_testing();
