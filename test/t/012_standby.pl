# Would catch: a standby that gives other answers than its primary, or an error,
# while it replays splits, moves and page reuse; a tree that is wrong at some
# point between two WAL records, where a recovery may end; an old primary that is
# wrong after pg_rewind; more WAL than an insert is worth.
#
# 002_wal.pl compares servers that are at rest, after each kind of change.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = 2;
my $point = q{'{1,0,1,0,1,0}'};
my $forced = '-c enable_seqscan=off -c enable_sort=off -c enable_bitmapscan=off';

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => [ '--wal-segsize', '1' ]);
$primary->append_conf('postgresql.conf', q{
shared_buffers = 64MB
autovacuum = off
jit = off
log_statement = none
max_connections = 30
max_wal_size = 1GB
wal_keep_size = 2GB
wal_consistency_checking = 'generic'
hot_standby_feedback = on
wal_receiver_status_interval = 1
max_standby_streaming_delay = -1
max_standby_archive_delay = -1
});
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION hvindex');
vector_functions($primary);
check_functions($primary);
$primary->safe_psql('postgres', q{
	SELECT setseed(0.41);
	CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v real[]);
	CREATE INDEX items_l2 ON items USING hvtree (v, id) WITH (leaf_size = 8, branching = 8);
	CREATE INDEX items_cosine ON items USING hvtree (v real_cosine_ops, id) WITH (leaf_size = 8, branching = 8, spill = on);
	CREATE TABLE queries AS SELECT i AS id, clustered_vector(6, 40) AS q FROM generate_series(1, 60) i;
	CREATE UNLOGGED TABLE unlogged (id int, v real[]);
	CREATE INDEX unlogged_v ON unlogged USING hvtree (v) WITH (leaf_size = 8, branching = 8);
	INSERT INTO unlogged SELECT i, random_vector(6) FROM generate_series(1, 300) i});

# A standby of another node, connected.
sub new_standby
{
	my ($name, $of, $backup) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$standby->init_from_backup($of, $backup, has_streaming => 1);
	$standby->start;
	return $standby;
}
$primary->backup('base');
my $standby = new_standby('standby', $primary, 'base');

# pgbench on a node in the background; its exit status and output later
sub bench
{
	my ($node, $clients, $time, %script) = @_;
	my $self = { out => '', err => '' };
	my @files;

	foreach my $name (sort keys %script)
	{
		my $file = $node->basedir . '/' . $name =~ s/@.*//r . '.sql';

		unlink $file;
		append_to_file($file, $script{$name});
		push @files, '-f', $file . ($name =~ /(@\d+)$/ ? $1 : '');
	}
	local $ENV{PGOPTIONS} = $forced;
	$self->{run} = IPC::Run::start(
		[ 'pgbench', '-n', '-c', $clients, '-j', 2, '-T', $time, @files, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'<', \undef, '>', \$self->{out}, '2>', \$self->{err});
	return $self;
}

sub bench_ends_well
{
	my ($self, $name) = @_;
	my $good = $self->{run}->finish && $self->{err} !~ /ERROR|aborted/;
	my ($done) = $self->{out} =~ /actually processed: (\d+)/;

	return ok($good && $done, "$name (" . ($done // 0) . ' transactions)') || diag($self->{err});
}

# The answers of the two servers at the same place in WAL: the nearest rows, which
# are approximate, and all rows in order.
sub agrees
{
	my ($name, $one, $other) = @_;

	# a commit that writes something flushes WAL, and with it what VACUUM wrote
	$one->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'test', 'here')});
	$one->wait_for_catchup($other, 'replay', $one->lsn('flush'));
	foreach my $operator ('<->', '<=>')
	{
		my $query = qq{
			SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;
			SELECT md5(string_agg(n::text, ',')) FROM
				(SELECT q.id, array_agg(t.id) AS ids FROM queries q,
					LATERAL (SELECT id FROM items ORDER BY v $operator q.q LIMIT 12) t GROUP BY q.id ORDER BY q.id) n;
			SELECT count(*), md5(string_agg(id::text, ',')) FROM (SELECT id FROM items ORDER BY v $operator $point) s};

		is($other->safe_psql('postgres', $query), $one->safe_psql('postgres', $query),
			"$name: the same nearest rows, the same rows in order by $operator");
		my $rows = $other->safe_psql('postgres', 'SELECT count(*) FROM items');
		is(exhaustive($other, 'items', $operator, $point), "$rows|0|0|0", "$name: the standby has every row once by $operator");
	}
	check_index($other, $_, "$name: $_ is sound on the standby") foreach ('items_l2', 'items_cosine');
	is( $other->safe_psql('postgres', q{
			SELECT count(*) > 5 FROM hvtree_health('items_l2');
			SELECT count(*) > 3 FROM hvtree_explain('SELECT count(*) FROM items')}),
		"t\nt", "$name: the standby tells whether an index is well, and explains");
	return;
}

# --- queries while replay goes on ------------------------------------------------

my %writes = (
	'insert@30' => 'INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 8);',
	'insert_equal@3' => 'INSERT INTO items (v) SELECT v FROM (SELECT clustered_vector(6, 40) AS v OFFSET 0) s, generate_series(1, 40);',
	'update@8' => q{
		UPDATE items SET v = clustered_vector(6, 40)
		WHERE id IN (SELECT id FROM items ORDER BY v <-> clustered_vector(6, 40) LIMIT 4 FOR UPDATE SKIP LOCKED);},
	'delete@5' => q{
		DELETE FROM items
		WHERE id IN (SELECT id FROM items ORDER BY v <-> clustered_vector(6, 40) LIMIT 50 FOR UPDATE SKIP LOCKED);},
	'delete_most@1' => q{
		DELETE FROM items
		WHERE id IN (SELECT id FROM items WHERE id < (SELECT max(id) FROM items) - 400 FOR UPDATE SKIP LOCKED);},
	# a standby whose queries hold up replay must not meet the lock of a truncation
	'vacuum@3' => "VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF) items;\n\\sleep 20 ms\n");
if ($primary->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE proname = 'hvtree_maintain'}) > 0)
{
	$writes{'maintain@3'} = "SELECT hvtree_maintain('items_l2', 30);\nSELECT hvtree_maintain('items_cosine', 30);\n";
}
my $whole = sub {
	my ($operator) = @_;

	return qq{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT check_that((a.n, a.d, a.s) = (b.n, b.n, b.s), 'every row once by $operator')
		FROM (SELECT count(*) AS n, count(DISTINCT id) AS d, coalesce(sum(id), 0) AS s
			  FROM (SELECT id FROM items ORDER BY v $operator $point) i) a,
			 (SELECT count(*) AS n, coalesce(sum(id), 0) AS s FROM items) b;
		COMMIT;};
};
my %reads = (
	'whole@3' => $whole->('<->'),
	'whole_cosine@3' => $whole->('<=>'),
	'nearest@10' => q{
		SELECT check_that(count(*) = count(DISTINCT id), 'each row once')
		FROM (SELECT id FROM items ORDER BY v <-> (SELECT q FROM queries OFFSET floor(random() * 60) LIMIT 1) LIMIT 20) s;},
	'slow@2' => qq{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT slow_scan('items', \$\$v <-> $point\$\$, 0.05);
		SELECT slow_scan('items', \$\$v <=> $point\$\$, 0.05);
		COMMIT;});

# First the primary keeps what queries of the standby may see; then it does not,
# and replay waits for the queries.
my $start = $primary->lsn('insert');
foreach my $round (1 .. 2)
{
	if ($round == 2)
	{
		$standby->append_conf('postgresql.conf', 'hot_standby_feedback = off');
		$standby->reload;
		$primary->poll_query_until('postgres', 'SELECT backend_xmin IS NULL FROM pg_stat_replication');
	}
	stop_after($standby, $seconds + 60);
	my $reader = bench($standby, 3, $seconds + 1, %reads);
	my $writer = bench($primary, 3, $seconds, %writes);

	bench_ends_well($writer, "round $round: writes on the primary");
	bench_ends_well($reader, "round $round: queries on the standby, which replays");
	stop_after($standby, 0);
	agrees("round $round", $primary, $standby);
}
$primary->safe_psql('postgres', 'VACUUM items');
is(stats($primary, 'items_l2')->{dead_tuples}, '0', 'VACUUM is free to remove what is dead');
agrees('VACUUM with nobody about', $primary, $standby);
diag($primary->safe_psql('postgres', 'SELECT count(*) || \' rows of \' || max(id) FROM items')
	  . ', height ' . stats($primary, 'items_l2')->{height} . ', WAL '
	  . $primary->safe_psql('postgres', "SELECT pg_size_pretty(pg_wal_lsn_diff('" . $primary->lsn('insert') . "', '$start'))"));
is(log_lines($standby, qr/inconsistent page|PANIC|TRAP|FATAL|terminated by signal/), '', 'replay gave the bytes of the primary');
is(log_lines($standby, qr/ERROR/), '', 'no query on the standby has met an error');

# --- recovery to a point in between -----------------------------------------------

# Transactions of one row or a few, so that the snapshot at any point has all but
# the last.  VACUUM with enough to do in between.
$primary->safe_psql('postgres', 'TRUNCATE items');
$primary->backup('middle');
$start = $primary->lsn('insert');
$primary->safe_psql('postgres', q{
	DO $$
	BEGIN
		FOR i IN 1 .. 300 LOOP
			INSERT INTO items (v) VALUES (clustered_vector(6, 40)), (clustered_vector(6, 3));
			COMMIT;
		END LOOP;
		DELETE FROM items WHERE v[1] < 0 OR v[2] < 0;
	END $$;
	VACUUM items;
	DO $$
	BEGIN
		FOR i IN 1 .. 100 LOOP
			INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 2);
			DELETE FROM items WHERE id = (SELECT min(id) FROM items);
			COMMIT;
		END LOOP;
	END $$;
	VACUUM items;
	SELECT pg_switch_wal()});
my $end = $primary->lsn('insert');
is(stats($primary, 'items_l2')->{dead_tuples}, '0', 'VACUUM had its part in it');

# the changes of structure: WAL records of several pages, and where each ends
my ($dump) = run_command([ 'pg_waldump', '-p', $primary->data_dir . '/pg_wal', '-s', $start, '-e', $end, '-r', 'Generic' ]);
my (@changes, $after_change);
foreach my $line (split /\n/, $dump)
{
	my ($lsn) = $line =~ /lsn: ([0-9A-F]+\/[0-9A-F]+)/ or next;

	push @changes, $after_change, $lsn if $after_change;
	# the record after one of several pages begins where that one ends
	$after_change = ($line =~ /blkref #2/) ? $lsn : undef;
}
cmp_ok(scalar @changes, '>', 100, 'changes of structure in WAL: ' . @changes / 2);
my $targets = 5;
my @targets = map { $changes[ int(($_ + rand) * @changes / $targets) ] } 0 .. $targets - 1;

my $middle = PostgreSQL::Test::Cluster->new('middle');
$middle->init_from_backup($primary, 'middle');
my $wal = $primary->data_dir . '/pg_wal';
$middle->append_conf('postgresql.conf', qq{
restore_command = 'cp "$wal/%f" "%p"'
recovery_target_inclusive = off
recovery_target_action = pause
wal_consistency_checking = ''
});
$middle->set_recovery_mode;
foreach my $n (0 .. $#targets)
{
	my $last = $n == $#targets;

	$middle->append_conf('postgresql.conf', "recovery_target_lsn = '$targets[$n]'"
		  . ($last ? "\nrecovery_target_action = promote" : ''));
	$middle->start;
	$middle->poll_query_until('postgres',
		$last ? 'SELECT NOT pg_is_in_recovery()' : q{SELECT pg_get_wal_replay_pause_state() = 'paused'});
	my $rows = $middle->safe_psql('postgres', 'SELECT count(*) FROM items');
	foreach my $index ('items_l2', 'items_cosine')
	{
		check_index($middle, $index, "recovery to $targets[$n]: $index is sound");
		is(exhaustive($middle, 'items', $index eq 'items_l2' ? '<->' : '<=>', $point),
			"$rows|0|0|0", "recovery to $targets[$n]: $index has every row once ($rows)");
	}
	$middle->stop unless $last;
}
$middle->safe_psql('postgres', q{
	INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 1000);
	DELETE FROM items WHERE id % 2 = 0;
	VACUUM items;
	INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 1000)});
my $rows = $middle->safe_psql('postgres', 'SELECT count(*) FROM items');
foreach my $index ('items_l2', 'items_cosine')
{
	check_index($middle, $index, "the recovered server goes on: $index is sound");
	is(exhaustive($middle, 'items', $index eq 'items_l2' ? '<->' : '<=>', $point),
		"$rows|0|0|0", "the recovered server goes on: $index has every row once");
}
$middle->stop;

# --- failover and pg_rewind ---------------------------------------------------------

# the old primary goes on for a while after the standby has taken over
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));
$standby->promote;
$primary->safe_psql('postgres', q{
	INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 900);
	DELETE FROM items WHERE v[3] > 0;
	VACUUM items;
	INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 300)});
$standby->safe_psql('postgres', q{
	INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 700);
	DELETE FROM items WHERE v[4] > 0;
	VACUUM items;
	CHECKPOINT});
is($standby->safe_psql('postgres', 'SELECT count(*) FROM unlogged'), '0', 'promoted: the unlogged table is empty');
is_complete($standby, 'unlogged_v', 'unlogged', $point, 'promoted, unlogged');
$standby->safe_psql('postgres', 'INSERT INTO unlogged SELECT i, random_vector(6) FROM generate_series(1, 300) i');
is_complete($standby, 'unlogged_v', 'unlogged', $point, 'promoted, unlogged and filled again');

$primary->stop;
my $conf = slurp_file($primary->data_dir . '/postgresql.conf');
command_ok([ 'pg_rewind', '--no-sync', '--target-pgdata', $primary->data_dir,
		'--source-server', $standby->connstr('postgres') ], 'pg_rewind of the old primary');
unlink $primary->data_dir . '/postgresql.conf';
append_to_file($primary->data_dir . '/postgresql.conf', $conf);
$primary->enable_streaming($standby);
$primary->start;
agrees('rewound', $standby, $primary);
$standby->safe_psql('postgres', 'INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 400)');
agrees('rewound, replaying more', $standby, $primary);
$standby->stop;
$primary->promote;
$primary->safe_psql('postgres', q{
	INSERT INTO items (v) SELECT clustered_vector(6, 40) FROM generate_series(1, 400);
	DELETE FROM items WHERE id % 3 = 0;
	VACUUM items});
is_complete($primary, 'items_l2', 'items', $point, 'rewound and primary again');
is(log_lines($_, qr/inconsistent page|PANIC|TRAP|terminated by signal/), '', $_->name . ': nothing odd in the log')
  foreach ($primary, $standby, $middle);

# --- how much WAL ---------------------------------------------------------------------

# Rows of 64 dimensions into an index that has grown; without page images, which
# depend on when checkpoints come.  A leaf tuple is 512 bits and 16 bytes.
$primary->append_conf('postgresql.conf', "full_page_writes = off\nwal_consistency_checking = ''");
$primary->restart;
$primary->safe_psql('postgres', q{
	SELECT setseed(0.42);
	CREATE TABLE incoming AS SELECT i AS id, clustered_vector(64, 100) AS v FROM generate_series(1, 12000) i;
	CREATE TABLE plain (id int, v real[]);
	CREATE TABLE indexed (id int, v real[]);
	CREATE INDEX indexed_v ON indexed USING hvtree (v);
	INSERT INTO indexed SELECT * FROM incoming WHERE id <= 6000});
my %wal;
foreach my $table ('plain', 'indexed')
{
	my $before = $primary->lsn('insert');

	$primary->safe_psql('postgres', "INSERT INTO $table SELECT * FROM incoming WHERE id > 6000");
	$wal{$table} = $primary->safe_psql('postgres',
		"SELECT pg_wal_lsn_diff('" . $primary->lsn('insert') . "', '$before') / 6000");
}
my $bytes = $wal{indexed} - $wal{plain};
diag(sprintf 'WAL per row of 64 dimensions: %.0f bytes for the table, %.0f for the index', $wal{plain}, $bytes);
cmp_ok($bytes, '<=', 512 / 8 + 16 + 400, sprintf('WAL per row: %.0f bytes for the index', $bytes));

$primary->stop;
done_testing();
