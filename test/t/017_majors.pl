# Would catch: what only some majors of PostgreSQL have, wired up wrongly: the
# right MAINTAIN, the count of index searches, the kinds of I/O, a sort by more
# than the distance; and pages left out or read twice by a stream of blocks.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# few buffers: a stream may not pin them all
my $node = new_node('majors', "shared_buffers = 1MB\ntrack_io_timing = on\n");
my $major = $node->pg_version->major;
my $forced = 'SET enable_seqscan = off; SET enable_sort = off;';
my $point = q{'{0,1,0,1,0,1,0,1}'};

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

vector_functions($node);
sql(q{
	SELECT setseed(0.17);
	CREATE TABLE items (id int, v real[]);
	INSERT INTO items SELECT i, clustered_vector(8, 40) FROM generate_series(1, 6000) i;
	CREATE INDEX items_v ON items USING hvtree (v) WITH (leaf_size = 16, branching = 8);
	ANALYZE});

# --- every major -----------------------------------------------------------------

my $pages = sql(q{SELECT pg_relation_size('items_v') / current_setting('block_size')::int});
cmp_ok($pages, '>', 400, "the index has $pages pages, more than the cache");
is(sql(q{SELECT hvtree_check('items_v')}), $pages, 'the check reads each page once');
my $stats = stats($node, 'items_v');
is($stats->{tuples} - $stats->{spilled}, '6000', 'hvtree_info counts each row once');

sql("$forced SELECT id FROM items ORDER BY v <-> $point LIMIT 3");
is(sql(q{SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'items_v'}),
	'1', 'a scan is counted once');

# a cursor that stands while leaves split, and then sweeps
is( $node->safe_psql('postgres', qq{
		$forced
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> $point;
		MOVE 5 IN c;
		INSERT INTO items SELECT i, clustered_vector(8, 40) FROM generate_series(6001, 9000) i;
		MOVE ALL IN c;
		COMMIT}),
	'', 'a cursor over splits');
is(exhaustive($node, 'items', '<->', $point), '9000|0|0|0', 'every row once, in order');

sql('DELETE FROM items WHERE id % 3 = 0; VACUUM (INDEX_CLEANUP ON) items');
$stats = stats($node, 'items_v');
is("$stats->{dead_tuples} " . ($stats->{tuples} - $stats->{spilled}),
	'0 6000', 'VACUUM removes every dead row');
is_complete($node, 'items_v', 'items', $point, 'after VACUUM');

# --- 16: pg_stat_io ------------------------------------------------------------------

SKIP:
{
	skip 'pg_stat_io came with 16', 2 if $major < 16;
	my $reads = sub {
		my ($context) = @_;

		return "SELECT sum(reads) FROM pg_stat_io WHERE object = 'relation' AND context = '$context'";
	};
	my ($before) = sql($reads->('bulkread'));
	sql(q{SELECT hvtree_check('items_v'); SELECT pg_stat_force_next_flush()});
	cmp_ok(sql($reads->('bulkread')), '>', $before, 'a check reads through a ring of its own');
	$before = sql($reads->('vacuum'));
	sql(q{DELETE FROM items WHERE id % 50 = 1; VACUUM (INDEX_CLEANUP ON) items;
		SELECT pg_stat_force_next_flush()});
	cmp_ok(sql($reads->('vacuum')), '>', $before, 'and so does VACUUM');
}

# --- 17: MAINTAIN, sorts by more than the distance -----------------------------------

SKIP:
{
	skip 'MAINTAIN came with 17', 4 if $major < 17;
	my $maintain = q{SET ROLE keeper; SELECT hvtree_maintain('items_v') IS NOT NULL};

	sql('CREATE ROLE keeper; GRANT SELECT ON items TO keeper');
	is((sqlstate_of($node, $maintain))[0], '42501', 'hvtree_maintain without a right');
	sql('GRANT MAINTAIN ON items TO keeper');
	is((sqlstate_of($node, $maintain))[0], '', 'hvtree_maintain by MAINTAIN');
	sql('REVOKE MAINTAIN ON items FROM keeper; GRANT pg_maintain TO keeper');
	is((sqlstate_of($node, $maintain))[0], '', 'hvtree_maintain by pg_maintain');

	like(
		sql("SET enable_seqscan = off; EXPLAIN (COSTS OFF)
			SELECT id FROM items ORDER BY v <-> $point, id LIMIT 3"),
		qr/Incremental Sort\n.*\n.*\n\s+->\s+Index Scan using items_v/,
		'a second sort key stands above the index scan');
}

# --- 18: EXPLAIN, the list of modules --------------------------------------------------

SKIP:
{
	skip 'counts of index searches came with 18', 3 if $major < 18;
	like(
		sql("$forced EXPLAIN (ANALYZE, COSTS OFF)
			SELECT id FROM items ORDER BY v <-> $point LIMIT 3"),
		qr/Index Searches: 1\b/, 'EXPLAIN counts one search');
	like(
		sql("$forced EXPLAIN (ANALYZE, COSTS OFF)
			SELECT n.id FROM (VALUES ('{0,0,0,0,0,0,0,0}'::real[]), ($point), ('{1,1,1,1,1,1,1,1}')) q (v),
			LATERAL (SELECT id FROM items ORDER BY items.v <-> q.v LIMIT 3) n"),
		qr/Index Searches: 3\b/, 'and one for each rescan');
	is( sql(q{SELECT hvtree_check('items_v') > 0;
			SELECT module_name, version = (SELECT extversion FROM pg_extension WHERE extname = 'hvindex')
			FROM pg_get_loaded_modules() WHERE file_name LIKE 'hvindex%'}),
		"t\nhvindex|t", 'the module tells its name and version');
}

done_testing();
