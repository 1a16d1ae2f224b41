# Would catch: counts that get lost between sessions or under load, counts that
# belong to another index or database, a table of counts that fills up, counts
# that outlive a crash in part, a standby that cannot count, pages that
# hvtree_prewarm forgets.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "shared_buffers = 64MB\nautovacuum = off\njit = off\nlog_statement = none\nrestart_after_crash = on\n"
	  # each process of a parallel scan counts as one
	  . "max_parallel_workers_per_gather = 0\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION hvindex');
vector_functions($node);

my $forced = 'SET enable_seqscan = off; SET enable_sort = off;';
my $point = q{'{1,2,3,4}'};
my $scan = "SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> $point LIMIT 5) s";
my $counts = "SELECT scans, rows_emitted FROM hvtree_scan_stats WHERE indexrelname = 'items_v'";

$node->safe_psql('postgres', q{
	SELECT setseed(0.21);
	CREATE TABLE items (id int, v real[]);
	INSERT INTO items SELECT i, clustered_vector(4, 40) FROM generate_series(1, 4000) i;
	CREATE INDEX items_v ON items USING hvtree (v) WITH (leaf_size = 16, branching = 8);
	CREATE TABLE others (id int, v real[]);
	INSERT INTO others SELECT i, clustered_vector(4, 40) FROM generate_series(1, 100) i;
	CREATE INDEX others_v ON others USING hvtree (v);
	ANALYZE});
my $scope = $node->safe_psql('postgres', 'SELECT scope FROM hvtree_scan_stats_info()');
my $shared = $node->safe_psql('postgres', q{SELECT current_setting('server_version_num')::int >= 170000}) eq 't';
is($scope, $shared ? 'server' : 'session', 'counts are shared where the server lets them be');

# --- several sessions ---------------------------------------------------------------

my $one = $node->background_psql('postgres');
my $two = $node->background_psql('postgres');
$_->query_safe($forced) foreach ($one, $two);
$one->query_safe($scan) foreach 1 .. 3;
$two->query_safe($scan) foreach 1 .. 4;
is($one->query_safe($counts), $shared ? '7|35' : '3|15', 'first session: its own scans, or all');
is($two->query_safe($counts), $shared ? '7|35' : '4|20', 'second session: its own scans, or all');
is($node->safe_psql('postgres', $counts), $shared ? '7|35' : '', 'a new session: none of its own');

# a session that was there before sees, and does, a reset
$two->query_safe(q{SELECT hvtree_scan_stats_reset('items_v')});
is($two->query_safe($counts), '0|0', 'reset');
is($one->query_safe($counts), $shared ? '0|0' : '3|15', 'reset: whom it concerns');
$one->query_safe($scan);
is($one->query_safe($counts), $shared ? '1|5' : '4|20', 'counting goes on');

# scans that end in an error, or are rolled back
$one->query_safe("BEGIN; $scan; ROLLBACK");
is($one->query_safe($counts), $shared ? '2|10' : '5|25', 'a scan that is rolled back has been one');

# another database has entries of its own, though numbers may be the same
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE template0');
$node->safe_psql('copied', 'CREATE EXTENSION hvindex');
is($node->safe_psql('copied', 'SELECT count(*) FROM hvtree_scan_stats_get()'), '0', 'another database does not see them');
is($node->safe_psql('copied', qq{
	CREATE TABLE items (id int, v real[]);
	CREATE INDEX items_v ON items USING hvtree (v);
	INSERT INTO items VALUES (1, '{1,2,3,4}');
	$forced
	$scan;
	$counts}), "1\n1|1", 'another database counts for itself');
$node->safe_psql('copied', 'SELECT hvtree_scan_stats_reset()');
is($one->query_safe($counts), $shared ? '2|10' : '5|25', 'a reset there leaves us alone');
$_->quit foreach ($one, $two);


# --- many at a time ----------------------------------------------------------------

SKIP:
{
	skip 'counts are not shared', 2 unless $shared;
	$node->safe_psql('postgres', 'SELECT hvtree_scan_stats_reset()');
	my $script = $node->basedir . '/scan.sql';
	append_to_file($script, "\\set rows random(1, 20)\nSELECT id FROM items ORDER BY v <-> $point LIMIT :rows;\n");
	local $ENV{PGOPTIONS} = '-c enable_seqscan=off -c enable_sort=off';
	my ($out, $err) = run_command([ 'pgbench', '-n', '-M', 'prepared', '-c', '8', '-j', '2', '-t', '500', '-f', $script,
		'-h', $node->host, '-p', $node->port, 'postgres' ]);
	my ($done) = $out =~ /actually processed: (\d+)/;
	is($done, '4000', 'pgbench');
	is($node->safe_psql('postgres', q{
		SELECT scans, heap_fetches >= rows_emitted, rows_emitted BETWEEN 4000 AND 80000,
			total_us >= prepare_us + tree_us + leaves_us + rerank_us - 1
		FROM hvtree_scan_stats WHERE indexrelname = 'items_v'}), '4000|t|t|t', 'no scan is lost under load');
}

# --- more indexes than there is room for ---------------------------------------------

# one session, so that it means the same on all servers; everything else rests
my $many = $node->background_psql('postgres');
$many->query_safe("$forced SELECT hvtree_scan_stats_reset()");
$many->query_safe(q{
	CREATE PROCEDURE make_many(first int, last int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN first .. last LOOP
			EXECUTE format('CREATE TABLE many_%s (id int, v real[]); CREATE INDEX many_%1$s_v ON many_%1$s USING hvtree (v);
							INSERT INTO many_%1$s VALUES (1, ''{1,2}'')', i);
			EXECUTE format('SELECT id FROM many_%s ORDER BY v <-> ''{1,1}'' LIMIT 1', i);
			COMMIT;
		END LOOP;
	END $$});
my $before = $many->query_safe('SELECT sum(scans) FROM hvtree_scan_stats_get()') || 0;
$many->query_safe('CALL make_many(1, 1100)');
is($many->query_safe('SELECT indexes, capacity FROM hvtree_scan_stats_info()'), '1024|1024', 'the table is full');
is($many->query_safe(q{
	SELECT sum(scans) + (SELECT forgotten_scans FROM hvtree_scan_stats_info()) FROM hvtree_scan_stats_get()}),
	$before + 1100, 'every scan is counted, by index or among the forgotten');
is($many->query_safe(q{SELECT scans FROM hvtree_scan_stats WHERE relname = 'many_1100'}), '1', 'the last index has an entry');
is($many->query_safe(q{SELECT count(*) FROM hvtree_scan_stats WHERE scans > 1 OR rows_emitted <> scans}), '0', 'no counts were mixed up');

# those that are in use stay
$many->query_safe($scan);
$many->query_safe("$scan; CALL make_many($_ + 1, $_ + 200)") foreach (2000, 2200, 2400);
is($many->query_safe($counts), '4|20', 'an index in use keeps its entry');

# those that are dropped are not seen, and make room
$many->query_safe(q{
	DO $$ BEGIN FOR i IN 1 .. 1100 LOOP EXECUTE 'DROP TABLE many_' || i; IF i % 100 = 0 THEN COMMIT; END IF; END LOOP; END $$});
is($many->query_safe(q{SELECT count(*) FROM hvtree_scan_stats WHERE relname LIKE 'many\_____'}), '600', 'indexes that are left are seen')
  or diag($many->query_safe('SELECT count(*), min(relname), max(relname) FROM hvtree_scan_stats'));
is($many->query_safe(q{SELECT count(*) FROM hvtree_scan_stats WHERE relname ~ '^many_\d{1,3}$' OR relname = 'many_1100'}), '0', 'dropped ones are not');
$many->quit;

# --- prewarm -----------------------------------------------------------------------

my $pages = $node->safe_psql('postgres', q{SELECT pg_relation_size('items_v') / current_setting('block_size')::int});
my $cold = "$forced SELECT hvtree_scan_stats_reset(); $scan; SELECT index_read > 0, index_hit + index_read >= 3 FROM hvtree_scan_stats WHERE indexrelname = 'items_v'";
$node->restart;
is((split /\n/, $node->safe_psql('postgres', $cold))[-1], 't|t', 'after a restart a scan reads index pages');
foreach my $levels (-1, 15)
{
	$node->restart;
	my $warmed = $node->safe_psql('postgres', "SELECT hvtree_prewarm('items_v', $levels)");

	cmp_ok($warmed, $levels < 0 ? '==' : '<=', $pages, "prewarm: $warmed of $pages pages");
	$node->safe_psql('postgres', 'SELECT count(*) FROM items');
	is((split /\n/, $node->safe_psql('postgres', "$forced SELECT hvtree_scan_stats_reset();
			SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '{-1,0,2,1}') s;
			SELECT scans, rows_emitted, index_read, index_hit_rate FROM hvtree_scan_stats WHERE indexrelname = 'items_v'"))[-1],
		'1|4000|0|1.0000', 'prewarm: then the whole index is in the cache');
}
$node->restart;
$node->safe_psql('postgres', q{SELECT hvtree_prewarm('items_v', 2)});
is((split /\n/, $node->safe_psql('postgres', $cold))[-1], 't|t', 'upper levels are not all');

# --- crash, standby -------------------------------------------------------------------

$node->safe_psql('postgres', "$forced $scan");
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', 'SELECT count(*) FROM hvtree_scan_stats'), '0', 'a crash empties the table');
is($node->safe_psql('postgres', "$forced $scan; $counts"), "5\n1|5", 'and counting begins anew');

# a backend dies, the server starts all over by itself
my $victim = $node->background_psql('postgres', on_error_stop => 0);
my $pid = backend_of($victim);
kill 'KILL', $pid;
$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
eval { $victim->quit };
is($node->safe_psql('postgres', "SELECT count(*) FROM hvtree_scan_stats; $forced $scan; $counts"), "0\n5\n1|5",
	'a backend that was killed empties it too');

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', "SELECT count(*) FROM hvtree_scan_stats; $forced $scan; $scan; $counts; SELECT hvtree_scan_stats_reset('items_v'); $counts"),
	"0\n5\n5\n2|10\n\n0|0", 'a standby counts, and resets, for itself');
is($standby->safe_psql('postgres', q{SELECT hvtree_prewarm('items_v')}), $pages, 'and prewarms');

# --- prewarm while the tree changes -----------------------------------------------------

my $busy = $node->background_psql('postgres');
$busy->query_until(qr/begun/, q{
	\echo begun
	DO $$ BEGIN FOR i IN 1 .. 300 LOOP INSERT INTO items SELECT i, clustered_vector(4, 40) FROM generate_series(1, 40); COMMIT; END LOOP; END $$;
});
my $prewarms = 0;
while ($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%clustered_vector(4, 40) FROM%' AND state = 'active' AND pid <> pg_backend_pid()") > 0)
{
	$node->safe_psql('postgres', q{SELECT hvtree_prewarm('items_v', n) FROM generate_series(-1, 5) n});
	$prewarms++;
}
$busy->quit;
cmp_ok($prewarms, '>', 0, "prewarm while rows come in: $prewarms times");
is_complete($node, 'items_v', 'items', $point, 'after prewarms');

$standby->stop;
$node->stop;
is(log_lines($_, qr/PANIC|TRAP|terminated by signal (?!9)/), '', $_->name . ': nothing odd in the log') foreach ($node, $standby);
done_testing();
