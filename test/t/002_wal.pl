# Would catch: a change of the index that does not reach WAL, or that replays
# as other bytes than the primary has.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf',
	"shared_buffers = 64MB\nautovacuum = off\nwal_consistency_checking = 'all'\nmax_wal_size = 2GB\n");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION hvindex');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

vector_functions($primary);
$primary->safe_psql('postgres', q{
	SELECT setseed(0.5);
	CREATE TABLE items (id int, v real[]);
	INSERT INTO items SELECT i, clustered_vector(12, 15) FROM generate_series(1, 4000) i;
	CREATE TABLE grown (id int, v real[]);
	CREATE INDEX grown_cosine ON grown USING hvtree (v real_cosine_ops, id) WITH (leaf_size = 16, branching = 8);
	CREATE TABLE queries AS SELECT i AS id, clustered_vector(12, 15) AS q FROM generate_series(1, 20) i});

# The answers of both servers to the same queries, and the soundness of both.
sub agrees
{
	my ($name, $table, $index, $operator) = @_;
	# of several processes, rows equally far may come in any order
	my $forced = 'SET enable_seqscan = off; SET enable_sort = off; SET max_parallel_workers_per_gather = 0;';
	my $limited = qq{$forced
		SELECT q.id, array_agg(t.id) FROM queries q,
			LATERAL (SELECT id FROM $table ORDER BY v $operator q.q LIMIT 15) t GROUP BY q.id ORDER BY q.id};
	my $point = q{'{1,0,1,0,1,0,1,0,1,0,1,0}'};
	my $whole = "$forced SELECT md5(string_agg(id::text, ',')) FROM (SELECT id FROM $table ORDER BY v $operator $point) s";

	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	is($standby->safe_psql('postgres', $limited), $primary->safe_psql('postgres', $limited),
		"$name: the standby's nearest rows are the primary's");
	is($standby->safe_psql('postgres', $whole), $primary->safe_psql('postgres', $whole),
		"$name: and so are all rows in order");
	my $rows = $standby->safe_psql('postgres', "SELECT count(*) FROM $table");
	is(exhaustive($standby, $table, $operator, $point), "$rows|0|0|0", "$name: the standby has every row once");
	check_index($primary, $index, "$name: the primary's index is sound");
	check_index($standby, $index, "$name: the standby's index is sound");
	return;
}

$primary->safe_psql('postgres',
	'CREATE INDEX items_v ON items USING hvtree (v, id) WITH (leaf_size = 32, branching = 16, spill = on)');
agrees('after a build', 'items', 'items_v', '<->');

$primary->safe_psql('postgres', q{
	INSERT INTO items SELECT i, clustered_vector(12, 15) FROM generate_series(4001, 7000) i;
	INSERT INTO grown SELECT i, clustered_vector(12, 15) FROM generate_series(1, 3000) i});
agrees('after inserts with splits', 'items', 'items_v', '<->');
agrees('after growth from nothing', 'grown', 'grown_cosine', '<=>');

$primary->safe_psql('postgres', q{
	DELETE FROM items WHERE id % 4 = 0 OR v[1] < 0;
	VACUUM items;
	DELETE FROM grown WHERE v[1] > 0;
	VACUUM grown});
agrees('after VACUUM', 'items', 'items_v', '<->');
agrees('after VACUUM of the grown one', 'grown', 'grown_cosine', '<=>');

$primary->safe_psql('postgres', q{
	INSERT INTO items SELECT i, clustered_vector(12, 40) FROM generate_series(10001, 12000) i;
	INSERT INTO grown SELECT i, clustered_vector(12, 40) FROM generate_series(10001, 12000) i;
	UPDATE items SET v = clustered_vector(12, 15) WHERE id % 7 = 0});
agrees('after inserts into pages given back', 'items', 'items_v', '<->');
agrees('after inserts into the grown one', 'grown', 'grown_cosine', '<=>');

$primary->safe_psql('postgres', 'REINDEX INDEX items_v');
agrees('after REINDEX', 'items', 'items_v', '<->');

# a standby that becomes a primary goes on
$standby->safe_psql('postgres', q{SET enable_seqscan = off;
	SELECT * FROM hvtree_info('items_v'); SELECT * FROM hvtree_last_scan()});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
unlike(slurp_file($standby->logfile), qr/inconsistent page|PANIC|FATAL.*consisten/,
	'replay gave the bytes of the primary');
$standby->promote;
$standby->safe_psql('postgres', q{
	INSERT INTO items SELECT i, clustered_vector(12, 15) FROM generate_series(20001, 21000) i;
	DELETE FROM items WHERE id % 5 = 0;
	VACUUM items;
	INSERT INTO items SELECT i, clustered_vector(12, 15) FROM generate_series(30001, 31000) i});
is_complete($standby, 'items_v', 'items', q{'{1,0,1,0,1,0,1,0,1,0,1,0}'}, 'a promoted standby');

# --- unlogged tables -------------------------------------------------------------

$primary->safe_psql('postgres', q{
	CREATE UNLOGGED TABLE unlogged (id int, v real[]);
	CREATE INDEX unlogged_v ON unlogged USING hvtree (v) WITH (leaf_size = 16);
	INSERT INTO unlogged SELECT i, clustered_vector(12, 15) FROM generate_series(1, 1000) i;
	CREATE UNLOGGED TABLE unlogged_built (id int, v real[]);
	INSERT INTO unlogged_built SELECT i, clustered_vector(12, 15) FROM generate_series(1, 1000) i;
	CREATE INDEX unlogged_built_v ON unlogged_built USING hvtree (v) WITH (leaf_size = 16)});
is_complete($primary, "${_}_v", $_, q{'{1,0,1,0,1,0,1,0,1,0,1,0}'}, "$_ before the crash")
  foreach ('unlogged', 'unlogged_built');
$primary->stop('immediate');
$primary->start;
foreach my $table ('unlogged', 'unlogged_built')
{
	is($primary->safe_psql('postgres', "SELECT count(*) FROM $table"), '0', "$table is empty after a crash");
	is_complete($primary, "${table}_v", $table, q{'{1,0,1,0,1,0,1,0,1,0,1,0}'}, "$table after the crash");
	$primary->safe_psql('postgres',
		"INSERT INTO $table SELECT i, clustered_vector(9, 15) FROM generate_series(1, 800) i");
	is_complete($primary, "${table}_v", $table, q{'{1,0,1,0,1,0,1,0,1}'}, "$table filled again, with other dimensions");
}
is_complete($primary, 'items_v', 'items', q{'{1,0,1,0,1,0,1,0,1,0,1,0}'}, 'the logged table after the crash');
$primary->safe_psql('postgres', 'ALTER TABLE unlogged SET LOGGED');
$primary->stop('immediate');
$primary->start;
is_complete($primary, 'unlogged_v', 'unlogged', q{'{1,0,1,0,1,0,1,0,1}'}, 'SET LOGGED, then a crash');

$primary->stop;
$standby->stop;
done_testing();
