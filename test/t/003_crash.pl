# Would catch: an index that a crash leaves unsound, or without some committed
# rows, or with pages that later inserts stumble over.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('crash',
	"wal_consistency_checking = 'generic'\nrestart_after_crash = on\n"
	  . "checkpoint_timeout = 1h\nlog_statement = none\n");
my $point = q{'{0,1,0,1,0,1,0,1}'};

vector_functions($node);
$node->safe_psql('postgres', q{
	SELECT setseed(0.4);
	CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY, v real[]);
	CREATE INDEX items_v ON items USING hvtree (v, id) WITH (leaf_size = 8, branching = 8, spill = on);
	CREATE TABLE late (id int, v real[])});

# pgbench in the background; the caller waits for it with finish()
sub in_background
{
	my ($name, $script, $clients) = @_;
	my $file = $node->basedir . "/$name.sql";

	append_to_file($file, $script);
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', $clients, '-T', '60', '-f', $file, '-h', $node->host,
			'-p', $node->port, 'postgres' ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
}

# Waits for a condition of the server, then stops it like a power cut.
sub crash_when
{
	my ($condition, $what) = @_;

	ok($node->poll_query_until('postgres', $condition), "$what is under way");
	$node->stop('immediate');
	return;
}

# After the crash: sound, complete, and open for more.
sub recovers
{
	my ($name, $table) = @_;

	$table //= 'items';
	$node->start;
	is_complete($node, "${table}_v", $table, $point, $name);
	$node->safe_psql('postgres', $table eq 'items'
		? 'INSERT INTO items (v) SELECT clustered_vector(8, 9) FROM generate_series(1, 400)'
		: "INSERT INTO $table SELECT -i, clustered_vector(8, 9) FROM generate_series(1, 400) i");
	is_complete($node, "${table}_v", $table, $point, "$name, after more inserts");
	return;
}

# --- while rows are inserted -------------------------------------------------

foreach my $round (1 .. 2)
{
	my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM items');
	my $load = in_background("insert_$round",
		'INSERT INTO items (v) SELECT clustered_vector(8, 9) FROM generate_series(1, 7);', 4);

	crash_when('SELECT count(*) > ' . ($rows + 700 * $round) . ' FROM items', "round $round of inserts");
	$load->finish;
	recovers("crash in inserts, round $round");
}

# the same right after a checkpoint has written half-done states of the tree
my $load = in_background('insert_checkpoint',
	'INSERT INTO items (v) SELECT clustered_vector(8, 9) FROM generate_series(1, 7);', 4);
$node->safe_psql('postgres', 'CHECKPOINT; SELECT pg_sleep(0.2); CHECKPOINT; SELECT pg_sleep(0.05)');
$node->stop('immediate');
$load->finish;
recovers('crash after checkpoints in inserts');

# --- one backend dies, the others are restarted ------------------------------

$load = in_background('insert_kill', 'INSERT INTO items (v) SELECT clustered_vector(8, 9) FROM generate_series(1, 20);', 3);
$node->poll_query_until('postgres', q{SELECT count(*) >= 1 FROM pg_stat_activity WHERE query LIKE 'INSERT%'});
my $pid = $node->safe_psql('postgres', q{
	SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT%' AND pid <> pg_backend_pid() LIMIT 1});
kill 'KILL', $pid;
$load->finish;
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server comes back after a killed backend');
is_complete($node, 'items_v', 'items', $point, 'after a killed backend');

# --- while VACUUM works ---------------------------------------------------------

foreach my $delay (0.02, 0.15)
{
	$node->safe_psql('postgres', q{DELETE FROM items WHERE id % 3 = 0 OR v[1] > 0.3});
	my $vacuum = IPC::Run::start(
		[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', 'SET vacuum_cost_delay = 1',
			'-c', 'SET vacuum_cost_limit = 20', '-c', 'SET vacuum_cost_page_dirty = 20',
			'-c', 'VACUUM (INDEX_CLEANUP ON) items' ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');

	$node->poll_query_until('postgres',
		q{SELECT phase LIKE '%index%' FROM pg_stat_progress_vacuum UNION ALL SELECT true
		  WHERE NOT EXISTS (SELECT FROM pg_stat_progress_vacuum) LIMIT 1});
	crash_when("SELECT pg_sleep($delay) IS NOT NULL", "VACUUM for $delay s");
	$vacuum->finish;
	recovers("crash in VACUUM after $delay s");
}
$node->safe_psql('postgres', 'VACUUM items');
is_complete($node, 'items_v', 'items', $point, 'VACUUM after crashes');
is(stats($node, 'items_v')->{dead_tuples}, '0', 'and no dead tuple stays');

# --- in a committed and an open transaction ----------------------------------

my $session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN; INSERT INTO items (v) SELECT clustered_vector(8, 9) FROM generate_series(1, 500)});
$node->safe_psql('postgres', 'CHECKPOINT');
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM items');
$node->stop('immediate');
eval { $session->quit };
recovers('crash with an open transaction');

# --- while an index is built ---------------------------------------------------

$node->safe_psql('postgres',
	'INSERT INTO late SELECT i, clustered_vector(8, 200) FROM generate_series(1, 40000) i');
foreach my $phase ('clustering|refining|assigning', 'writing|sorting|logging')
{
	my $build = IPC::Run::start(
		[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c',
			'CREATE INDEX late_v ON late USING hvtree (v) WITH (leaf_size = 16, branching = 16)' ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	# whichever moment it is: no index may stay
	$node->poll_query_until('postgres',
		"SELECT phase ~ '$phase' FROM pg_stat_progress_create_index UNION ALL SELECT true
		 WHERE EXISTS (SELECT FROM pg_class WHERE relname = 'late_v') LIMIT 1");
	$node->stop('immediate');
	$build->finish;
	$node->start;
	my $there = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname = 'late_v'});
	note("crash in $phase: index is there: $there");
	is($there, '0', "crash in a build ($phase) leaves no index") unless $there;
	is_complete($node, 'late_v', 'late', $point, 'a build that was over') if $there;
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS late_v');
}
$node->safe_psql('postgres',
	'CREATE INDEX late_v ON late USING hvtree (v) WITH (leaf_size = 16, branching = 16)');
$node->stop('immediate');
recovers('crash right after a build', 'late');

# --- in a transaction that made the table, with little WAL ----------------------

$node->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\n");
$node->restart;
$node->safe_psql('postgres', q{
	BEGIN;
	CREATE TABLE fresh (id int, v real[]);
	INSERT INTO fresh SELECT i, clustered_vector(8, 9) FROM generate_series(1, 3000) i;
	CREATE INDEX fresh_v ON fresh USING hvtree (v) WITH (leaf_size = 16);
	INSERT INTO fresh SELECT i, clustered_vector(8, 9) FROM generate_series(3001, 5000) i;
	COMMIT;
	INSERT INTO fresh SELECT i, clustered_vector(8, 9) FROM generate_series(5001, 5500) i});
$node->stop('immediate');
recovers('crash with wal_level = minimal', 'fresh');

my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|inconsistent page/, 'recovery found nothing odd');

$node->stop;
done_testing();
