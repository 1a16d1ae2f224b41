# Would catch: rows lost, doubled or out of order when several processes scan an
# index together: with splits, moves and VACUUM under them, spilled copies, workers
# that are held up, fail or never come, scans that begin anew; shared memory left
# behind.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('parallel', q{
max_connections = 30
max_worker_processes = 16
max_parallel_workers = 16
dynamic_shared_memory_type = posix
});
my $seconds = 8;
my $point = q{'{0,1,0,1,0,1}'};
# a parallel scan wherever there can be one
my $forced = q{
	SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_index_scan_size = 0; SET min_parallel_table_scan_size = 0;};

vector_functions($node);
check_functions($node);
$node->safe_psql('postgres', q{
	SELECT setseed(0.3);
	CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v real[]);
	INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 4000);
	INSERT INTO items (v) SELECT NULL FROM generate_series(1, 5);
	CREATE TABLE spilled AS SELECT * FROM items;
	CREATE TABLE one_page AS SELECT * FROM items WHERE id <= 5;
	CREATE TABLE no_rows AS SELECT * FROM items WHERE false;
	CREATE INDEX items_v ON items USING hvtree (v) WITH (leaf_size = 8, branching = 8, spill = off);
	CREATE INDEX spilled_v ON spilled USING hvtree (v) WITH (leaf_size = 8, branching = 8, spill = on);
	CREATE INDEX one_page_v ON one_page USING hvtree (v);
	CREATE INDEX no_rows_v ON no_rows USING hvtree (v);
	CREATE INDEX items_cosine ON items USING hvtree (v real_cosine_ops);
	ANALYZE});

# Settings under which so many workers are asked for.
sub workers
{
	my ($n, $leader) = @_;

	return "$forced SET max_parallel_workers_per_gather = $n;"
	  . " SET parallel_leader_participation = " . ($leader // 'on') . ';';
}

# The plan of a query under settings, as one string.
sub plan_of
{
	my ($settings, $query) = @_;

	return $node->safe_psql('postgres', "$settings EXPLAIN (COSTS OFF) $query");
}

# --- all rows, in order, once ------------------------------------------------

like(plan_of(workers(2), "SELECT id FROM items ORDER BY v <-> $point"),
	qr/Gather Merge.*Parallel Index Scan using items_v/s, 'such settings give a parallel scan');

foreach my $n (1 .. 4)
{
	foreach my $table (qw(items spilled))
	{
		is(exhaustive($node, $table, '<->', $point, workers($n)),
			'4000|0|0|0', "$table: every row once, in order, $n workers");
	}
}
is(exhaustive($node, 'spilled', '<->', $point, workers(2, 'off')),
	'4000|0|0|0', 'every row once, in order, without the leader');
is(exhaustive($node, 'spilled', '<->', $point, workers(2) . 'SET max_parallel_workers = 0'),
	'4000|0|0|0', 'every row once, in order, no worker to be had');
is(exhaustive($node, 'one_page', '<->', $point, workers(2)),
	'5|0|0|0', 'a tree of one page');
is(exhaustive($node, 'no_rows', '<->', $point, workers(2)),
	'0|0|0|0', 'an index without rows');

# --- the nearest rows ----------------------------------------------------------

my $nearest = "SELECT array_agg(id) FROM (SELECT id FROM spilled WHERE id % 7 < 2"
  . " ORDER BY v <-> $point LIMIT 40) s";
my $truth = $node->safe_psql('postgres', "SET enable_indexscan = off; $nearest");
foreach my $leader ('on', 'off')
{
	my $settings = workers(3, $leader) . 'SET hvtree.probes = 5000; SET hvtree.rerank = 5000;';

	like(plan_of($settings, $nearest), qr/Limit.*Gather Merge.*Parallel Index Scan/s,
		"a limit and a filter, leader $leader: parallel");
	is($node->safe_psql('postgres', "$settings $nearest"), $truth,
		"a limit and a filter, leader $leader: the nearest rows in order");
}

# all rows under a limit: late ones may be out of order, none may be missing
is($node->safe_psql('postgres', workers(3)
		. "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM spilled ORDER BY v <-> $point LIMIT 5000) s"),
	'4000|4000', 'a limit beyond the last row: every row once');

# nothing to order by
is($node->safe_psql('postgres', workers(3)
		. "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM spilled ORDER BY v <-> (SELECT NULL::real[]) LIMIT 5000) s"),
	'4000|4000', 'no query vector: every row once');
is($node->safe_psql('postgres', workers(3)
		. "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items ORDER BY v <=> '{0,0,0,0,0,0}' LIMIT 5000) s"),
	'4000|4000', 'no direction: every row once');

# --- scans that begin anew or end early ------------------------------------------

my $again = workers(2) . 'SET enable_material = off; SET enable_hashjoin = off; SET enable_mergejoin = off;';
my $inner = "(SELECT id FROM items ORDER BY v <-> $point LIMIT 9)";
like(plan_of($again, "SELECT g, id FROM generate_series(1, 4) g CROSS JOIN $inner s"),
	qr/Nested Loop.*Limit.*Gather Merge.*Parallel Index Scan/s, 'a nested loop over a parallel scan');
is($node->safe_psql('postgres', $again
		. "SELECT count(*), count(DISTINCT id), count(DISTINCT (g, id)) FROM generate_series(1, 4) g CROSS JOIN $inner s"),
	'36|9|36', 'it gives the same rows each time');
is($node->safe_psql('postgres', $again
		. "SELECT count(*) FROM generate_series(1, 4) g CROSS JOIN"
		. " (SELECT id FROM items ORDER BY v <-> $point OFFSET 3990) s"),
	4 * 10, 'and the last ones too');

# the query vector of each is a parameter that workers would not get
my $lateral = "SELECT o.id, s.id FROM (SELECT * FROM items WHERE id <= 3) o,"
  . " LATERAL (SELECT id FROM items ORDER BY v <-> o.v LIMIT 4) s";
unlike(plan_of(workers(2), $lateral), qr/Gather Merge/, 'LATERAL: not parallel');
is($node->safe_psql('postgres', workers(2) . "SELECT count(*), count(DISTINCT a) FROM ($lateral) s (a, b)"),
	'12|3', 'LATERAL: each has its neighbours');

# the TOAST of a temporary table is out of reach for workers
is($node->safe_psql('postgres', q{
		CREATE TABLE long (id int, v real[]);
		INSERT INTO long SELECT i, array_agg(sin(i * j)::real) FROM generate_series(1, 60) i, generate_series(1, 4000) j GROUP BY i;
		CREATE INDEX long_v ON long USING hvtree (v);
		CREATE TEMP TABLE asked AS SELECT v FROM long WHERE id = 7;
		} . workers(2) . "SELECT count(*) FROM (SELECT id FROM long ORDER BY v <-> (SELECT v FROM asked)) s"),
	'60', 'a long query vector from a temporary table');

my ($out, $err);
$node->psql('postgres', workers(2) . "SET hvtree.max_scan_tuples = 300;"
	  . "SELECT count(*) > 0 FROM (SELECT id FROM items WHERE id < 0 OR id % 400 = 1 ORDER BY v <-> $point LIMIT 100) s",
	stdout => \$out, stderr => \$err);
is($out, 't', 'the bound on the work ends the scan');
is(scalar(() = $err =~ /hvtree scan ended/g), 1, 'of all participants, with one warning');

is($node->safe_psql('postgres', workers(2) . qq{
		BEGIN;
		DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> $point;
		FETCH 3 FROM c;
		MOVE FORWARD ALL FROM c;
		COMMIT;
		SELECT 'done'}) =~ /done/, 1, 'a cursor');

# --- errors --------------------------------------------------------------------------

my ($state) = sqlstate_of($node, workers(3)
	  . "SELECT id / (id - 3900) FROM items ORDER BY v <-> $point");
is($state, '22012', 'an error in a worker is one of the query');
is(exhaustive($node, 'items', '<->', $point, workers(3)),
	'4000|0|0|0', 'and has no consequences');

# --- while others write ----------------------------------------------------------------

my %script = (
	'insert' => q{
		INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 5);},
	'delete' => q{
		DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY random() LIMIT 4);},
	'vacuum' => q{
		VACUUM (TRUNCATE off) items;
		\sleep 300 ms},
	'whole' => "$forced SET max_parallel_workers_per_gather = 2; " . q{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT check_that(
			(SELECT array_agg(id ORDER BY id)
			 FROM (SELECT id FROM items ORDER BY v <-> (SELECT clustered_vector(6, 40))) s)
			= (SELECT array_agg(id ORDER BY id) FROM items WHERE v IS NOT NULL), 'every row once');
		COMMIT;},
	'limited' => "$forced SET max_parallel_workers_per_gather = 2; " . q{
		SELECT check_that(count(*) = 60 AND count(DISTINCT id) = 60, 'sixty rows, each once')
		FROM (SELECT id FROM items WHERE id % 3 = 0 ORDER BY v <-> (SELECT clustered_vector(6, 40)) LIMIT 60) s;});
my %clients = (insert => 2, delete => 1, vacuum => 1, whole => 2, limited => 2);
my @runs;
foreach my $name (sort keys %script)
{
	my $file = $node->basedir . "/$name.sql";
	my %io = (out => '', err => '');

	append_to_file($file, $script{$name} =~ s/\n\s*/ /gr =~ s/(\\sleep)/\n$1/gr
		  =~ s/; (?=\S)/;\n/gr . "\n");
	my $handle = IPC::Run::start(
		[ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-T', $seconds,
			'-c', $clients{$name}, '-f', $file, 'postgres' ],
		'>', \$io{out}, '2>', \$io{err});
	push @runs, [ $name, $handle, \%io ];
}
foreach my $run (@runs)
{
	my ($name, $handle, $io) = @$run;

	$handle->finish;
	is($handle->result(0), 0, "$name goes on beside the others") or diag($io->{err});
}
is_complete($node, 'items_v', 'items', $point, 'after all that');

# --- participants that are held up ------------------------------------------------------

SKIP:
{
	skip 'compiled without debug points', 9
	  if $node->safe_psql('postgres',
		"LOAD 'hvindex'; SELECT count(*) FROM pg_settings WHERE name = 'hvtree.debug_points'") eq '0';

	# each participant stops there, while splits move rows about
	foreach my $where ('scan-prepared', 'scan-descended', 'scan-leaf', 'scan-sweep')
	{
		my $holder = $node->background_psql('postgres');
		my $reader = $node->background_psql('postgres');
		my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM items WHERE v IS NOT NULL');
		my $point_is = $where eq 'scan-leaf' ? "$where=wait:3" : "$where=wait";
		my $rows;

		$holder->query_safe("SELECT pg_advisory_lock(hashtext('$where'))");
		$reader->query_safe("LOAD 'hvindex'; " . workers(2) . "SET hvtree.debug_points = '$point_is'");
		$reader->query_until(qr/begun/, "\\echo begun\n"
			  . "SELECT 'rows', count(*), count(DISTINCT id) FROM (SELECT id FROM items ORDER BY v <-> $point) s;\n");
		if ($where ne 'scan-sweep')
		{
			$node->poll_query_until('postgres', q{
				SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
			  or die 'nobody waits';
		}
		$node->safe_psql('postgres', q{
			INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 600)});
		$holder->query_safe('SELECT pg_advisory_unlock_all()');
		$rows = $reader->query_safe('SELECT 1');
		like($rows, qr/rows\|$before\|$before/, "held up at $where: every row once");
		$holder->quit;
		$reader->quit;
	}
	foreach my $where ('scan-prepared', 'scan-descended', 'scan-leaf', 'scan-leaf:20')
	{
		my ($name, $pass) = split /:/, $where;
		my $setting = "$name=error" . ($pass ? ":$pass" : '');
		my ($failed) = sqlstate_of($node, "LOAD 'hvindex'; " . workers(2, 'off')
			  . "SET hvtree.debug_points = '$setting'; SELECT id FROM items ORDER BY v <-> $point");

		is($failed, '53200', "a worker fails at $where");
	}
	is_complete($node, 'items_v', 'items', $point, 'after failures');
}

is(log_lines($node, qr/leak|PANIC|TRAP|terminated by signal/), '', 'nothing is left behind');
$node->stop;

done_testing();
