# Would catch: a parallel build that loses rows or places them worse than a serial
# one, workers that a build must not have, a build that outlives its cancellation or
# the death of a worker, or leaves files behind.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('parallel_build',
	"max_worker_processes = 8\nmax_parallel_workers = 8\nmin_parallel_table_scan_size = 0\nmaintenance_work_mem = 160MB\n");
my $points = $node->safe_psql('postgres',
	"LOAD 'hvindex'; SELECT count(*) FROM pg_settings WHERE name = 'hvtree.debug_points'") eq '1';

vector_functions($node);
sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# Runs a command and returns how many workers its build says that it has.
sub workers_of
{
	my ($command, $settings) = @_;
	my ($rc, $out, $err) = $node->psql('postgres',
		"SET client_min_messages = debug1; " . ($settings // '') . "; $command");

	is($rc, 0, "$command: runs") || diag($err);
	return $err =~ /hvtree build: (\d+) workers/ ? $1 : 0;
}

my $zero = q{array_fill(0::real, ARRAY[24])};
sql(q{
	SELECT setseed(0.21);
	CREATE FUNCTION unsafe(real[]) RETURNS real[] LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS 'BEGIN RETURN $1; END';
	CREATE FUNCTION safe(real[]) RETURNS real[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS 'BEGIN RETURN $1; END';
	CREATE TABLE items (id int, v real[]);
	INSERT INTO items SELECT i, CASE WHEN i % 50 > 0 THEN clustered_vector(24, 80) END FROM generate_series(1, 8000) i;
	DELETE FROM items WHERE id % 11 = 0;
	UPDATE items SET v = v WHERE id % 13 = 0;
	ANALYZE items;
	CREATE TABLE few AS SELECT * FROM items WHERE id <= 2000;
	CREATE TABLE queries AS SELECT i AS id, clustered_vector(24, 80) AS q FROM generate_series(1, 50) i;
	CREATE TABLE truth AS SELECT q.id, q.q, max(d) AS kth FROM queries q,
		LATERAL (SELECT (v <-> q.q) + 0 AS d FROM items WHERE v IS NOT NULL ORDER BY d LIMIT 10) n GROUP BY 1, 2});

# share of the ten nearest that an index of items finds
# in a fixed number of leaves, since each index measures for itself how many it needs
sub recall_now
{
	return sql(q{SET enable_seqscan = off; SET enable_sort = off; SET hvtree.probes = 40;
		SELECT avg((n.d <= t.kth * 1.000001)::int) FROM truth t,
			LATERAL (SELECT v <-> t.q AS d FROM items ORDER BY v <-> t.q LIMIT 10) n});
}

# --- numbers of workers ---------------------------------------------------------------

my $serial;
foreach my $wanted (0, 1, 2, 4)
{
	my $got = workers_of("CREATE INDEX items_v ON items USING hvtree (v) WITH (leaf_size = 24, branching = 12)",
		"SET max_parallel_maintenance_workers = $wanted");
	my $stats = stats($node, 'items_v');
	my $recall = recall_now();

	is($got, $wanted, "$wanted workers");
	is_complete($node, 'items_v', 'items', $zero, "$wanted workers");
	$serial //= $recall;
	cmp_ok($recall, '>=', 0.95, "$wanted workers: recall $recall");
	cmp_ok($recall, '>=', $serial - 0.02, "$wanted workers: as good as serial");
	is($stats->{rows}, sql('SELECT count(*) FROM items WHERE v IS NOT NULL'), "$wanted workers: rows in the metapage");
	is(sql(q{SELECT reltuples::bigint FROM pg_class WHERE relname = 'items_v'}), $stats->{rows}, "$wanted workers: reltuples");
	sql('DROP INDEX items_v') if $wanted != 4;
}
is(workers_of('REINDEX INDEX items_v', 'SET max_parallel_maintenance_workers = 2'), 2, 'REINDEX');
is_complete($node, 'items_v', 'items', $zero, 'REINDEX');
is(workers_of('REINDEX INDEX CONCURRENTLY items_v', 'SET max_parallel_maintenance_workers = 2'), 2, 'REINDEX CONCURRENTLY');
is_complete($node, 'items_v', 'items', $zero, 'REINDEX CONCURRENTLY');
sql('DROP INDEX items_v');
is(workers_of('CREATE INDEX CONCURRENTLY items_v ON items USING hvtree (v)'), 2, 'CONCURRENTLY');
is_complete($node, 'items_v', 'items', $zero, 'CONCURRENTLY');
sql('DROP INDEX items_v');

# --- who may not --------------------------------------------------------------------------

my $create = 'CREATE INDEX other ON few USING hvtree (v)';
foreach my $case (
	[ 'little memory', "SET maintenance_work_mem = '32MB'", $create, 0 ],
	[ 'memory for one', "SET maintenance_work_mem = '64MB'", $create, 1 ],
	[ 'a small table', "SET min_parallel_table_scan_size = '1GB'", $create, 0 ],
	[ 'no worker left', 'SET max_parallel_workers = 0', $create, 0 ],
	[ 'a table with parallel_workers = 0', 'ALTER TABLE few SET (parallel_workers = 0)', $create, 0 ],
	[ 'a table with parallel_workers = 1', 'ALTER TABLE few SET (parallel_workers = 1)', $create, 1 ],
	[ 'again without', 'ALTER TABLE few RESET (parallel_workers)', $create, 2 ],
	[ 'an unsafe expression', '', 'CREATE INDEX other ON few USING hvtree (unsafe(v))', 0 ],
	[ 'a safe expression', '', 'CREATE INDEX other ON few USING hvtree (safe(v))', 2 ],
	[ 'an unsafe condition', '', 'CREATE INDEX other ON few USING hvtree (v) WHERE unsafe(v) IS NOT NULL', 0 ],
	[ 'a condition', '', 'CREATE INDEX other ON few USING hvtree (v) WHERE id < 1000', 2 ],
	[ 'spilled', '', 'CREATE INDEX other ON few USING hvtree (v) WITH (spill = on)', 2 ],
	[ 'by cosine', '', 'CREATE INDEX other ON few USING hvtree (v real_cosine_ops)', 2 ],
	[ 'by inner product', '', 'CREATE INDEX other ON few USING hvtree (v real_ip_ops)', 2 ])
{
	my ($name, $settings, $command, $workers) = @$case;

	is(workers_of($command, $settings), $workers, "$name: $workers workers");
	check_index($node, 'other', "$name: index is sound");
	sql('DROP INDEX other');
}
is(workers_of(q{CREATE TEMP TABLE t AS SELECT * FROM few; CREATE INDEX ON t USING hvtree (v)}), 0, 'a temporary table');
is(workers_of(q{CREATE UNLOGGED TABLE u AS SELECT * FROM few; CREATE INDEX u_v ON u USING hvtree (v)}), 2, 'an unlogged table');
is_complete($node, 'u_v', 'u', $zero, 'an unlogged table');
is(workers_of('CREATE TABLE e (id int, v real[]); CREATE INDEX e_v ON e USING hvtree (v)'), 0, 'an empty table');
is(workers_of('CREATE TABLE s AS SELECT * FROM items LIMIT 5; CREATE INDEX s_v ON s USING hvtree (v)'), 2, 'a few rows');
is_complete($node, 's_v', 's', $zero, 'a few rows');
is(workers_of(q{CREATE TABLE same AS SELECT i AS id, array_fill(1::real, ARRAY[24]) AS v FROM generate_series(1, 5000) i;
	CREATE INDEX same_v ON same USING hvtree (v)}), 2, 'equal rows');
is_complete($node, 'same_v', 'same', $zero, 'equal rows');

# an error of the data, whoever meets it
my ($state) = sqlstate_of($node, q{
	CREATE TABLE odd AS SELECT id, v FROM few;
	INSERT INTO odd SELECT i, '{1,2}' FROM generate_series(1, 3) i;
	CREATE INDEX odd_v ON odd USING hvtree (v)});
is($state, '22000', 'a row of another dimension is an error');

# --- accidents ---------------------------------------------------------------------------------

# long enough for workers to join
$create = 'CREATE INDEX other ON items USING hvtree (v)';

# (a file that goes is kept empty until the next checkpoint)
sub files
{
	sql('CHECKPOINT');
	return sql(q{SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = 'postgres'))
		WHERE pg_ls_dir ~ '^[0-9]+$'}) . '|' . sql(q{SELECT count(*) FROM pg_ls_tmpdir()});
}
sub idle
{
	return $node->poll_query_until('postgres',
		q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker' OR state = 'active' AND pid <> pg_backend_pid()});
}
SKIP:
{
	skip 'built without debug points', 1 unless $points;
	my $before = files();

	foreach my $point ('build-worker', 'build-sampled', 'build-clustered', 'build-assigned', 'build-written')
	{
		my ($failed, $text) = sqlstate_of($node, "LOAD 'hvindex'; SET hvtree.debug_points = '$point=error'; $create");

		is($failed, '53200', "$point: fails");
		ok(idle(), "$point: no worker is left");

		# held at the point, and cancelled there; what the views show meanwhile
		my $holder = $node->background_psql('postgres');
		my $builder = $node->background_psql('postgres', on_error_stop => 0);
		my $pid = backend_of($builder);

		$holder->query_safe("SELECT pg_advisory_lock(hashtext('$point'))");
		$builder->query_until(qr/started/,
			"LOAD 'hvindex';\nSET hvtree.debug_points = '$point=wait';\n\\echo started\n$create;\n");
		ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'advisory'}),
			"$point: reached");
		my $phase = sql("SELECT phase FROM pg_stat_progress_create_index WHERE pid = $pid");
		like($phase, qr/^building index: (?:sampling table|clustering sample|refining clusters|trying second copies|assigning rows to leaves|sorting rows by leaf|writing pages)$/,
			"$point: $phase");
		sql("SELECT pg_cancel_backend($pid)");
		ok(idle(), "$point: cancelled");
		$builder->quit;
		$holder->quit;
	}
	is(files(), $before, 'nothing is left behind');
}
is(workers_of($create), 2, 'and a build after all that');
check_index($node, 'other');

$node->stop;
done_testing();
