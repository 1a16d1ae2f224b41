# Would catch: rows lost or doubled by splits, moves and page reuse under
# readers, a scan that errs while writers work, a deadlock, an index that is
# unsound afterwards.

use strict;
use warnings;

use HvTest;
use Test::More;

my $node = new_node('concurrency', "max_connections = 30\n");
my $seconds = 15;

vector_functions($node);

# Small pages make a split of every few inserts.  The metric's own ways in and
# out are the same, so one table with two indexes tests more per insert.
$node->safe_psql('postgres', q{
	CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v real[],
						note int NOT NULL DEFAULT 0) WITH (fillfactor = 70);
	SELECT setseed(0.1);
	INSERT INTO items (v) SELECT clustered_vector(8, 20) FROM generate_series(1, 1500);
	CREATE INDEX items_l2 ON items USING hvtree (v) WITH (leaf_size = 8, branching = 8, spill = on);
	CREATE INDEX items_cosine ON items USING hvtree (v real_cosine_ops)
	WITH (leaf_size = 8, branching = 8, spill = off);
	CREATE FUNCTION check_that(claim boolean, what text) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN IF claim IS NOT TRUE THEN RAISE EXCEPTION 'not so: %', what; END IF; END $$;
	ANALYZE items});

# Checks of answers stand in the scripts: an error ends pgbench with status 2.
my %script = (
	'insert' => q{
		INSERT INTO items (v) SELECT clustered_vector(8, 20) FROM generate_series(1, 5);},
	'insert_rollback' => q{
		BEGIN;
		INSERT INTO items (v) SELECT clustered_vector(8, 20) FROM generate_series(1, 10);
		ROLLBACK;},
	'update' => q{
		UPDATE items SET v = clustered_vector(8, 20)
		WHERE id = (SELECT id FROM items ORDER BY random() LIMIT 1);},
	'update_hot' => q{
		UPDATE items SET note = note + 1
		WHERE id IN (SELECT id FROM items ORDER BY v <-> (SELECT clustered_vector(8, 20)) LIMIT 3);},
	'delete' => q{
		DELETE FROM items
		WHERE id IN (SELECT id FROM items ORDER BY v <-> (SELECT clustered_vector(8, 20)) LIMIT 4);},
	'scan' => q{
		SELECT check_that(count(*) = 50 AND count(DISTINCT id) = 50, 'fifty rows, each once')
		FROM (SELECT id FROM items ORDER BY v <-> (SELECT clustered_vector(8, 20)) LIMIT 50) s;},
	'scan_cosine' => q{
		SELECT check_that(count(*) = 50 AND count(DISTINCT id) = 50, 'fifty rows by cosine, each once')
		FROM (SELECT id FROM items ORDER BY v <=> (SELECT clustered_vector(8, 20)) LIMIT 50) s;},
	# one snapshot, two ways: the scan must find exactly what is there
	'whole' => q{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT check_that(
			(SELECT array_agg(id ORDER BY id)
			 FROM (SELECT id FROM items ORDER BY v <-> (SELECT clustered_vector(8, 20))) s)
			= (SELECT array_agg(id ORDER BY id) FROM items), 'every row once');
		COMMIT;},
	'cursor' => q{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <=> '{1,2,3,4,5,6,7,8}';
		FETCH 10 FROM c;
		\sleep 20 ms
		FETCH 10 FROM c;
		\sleep 20 ms
		MOVE FORWARD ALL FROM c;
		SELECT check_that(
			(SELECT array_agg(id ORDER BY id)
			 FROM (SELECT id FROM items ORDER BY v <=> '{1,2,3,4,5,6,7,8}') s)
			= (SELECT array_agg(id ORDER BY id) FROM items), 'every row once by cosine');
		COMMIT;},
	'vacuum' => q{
		VACUUM (INDEX_CLEANUP ON) items;
		\sleep 50 ms},
	'check' => q{
		SELECT hvtree_check('items_l2'), hvtree_check('items_cosine');
		\sleep 200 ms},
);
my %weight = (
	insert => 30, insert_rollback => 5, update => 20, update_hot => 10, delete => 22,
	scan => 20, scan_cosine => 10, whole => 4, cursor => 2, vacuum => 3, check => 1);

my %files = map { ("008_$_\@$weight{$_}" => $script{$_}) } keys %script;
{
	local $ENV{PGOPTIONS} = '-c enable_seqscan=off -c deadlock_timeout=200ms';
	$node->pgbench("-n -c 6 -j 2 -T $seconds",
		0, [qr/actually processed/], [qr/^(?!.*(?:not so|ERROR|aborted))/s],
		"$seconds s of inserts, updates, deletes, scans and VACUUM: no error, no wrong answer",
		\%files);
}

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|terminated by signal/, 'no backend crashed');
unlike($log, qr/deadlock detected/, 'no deadlock');

diag($node->safe_psql('postgres', q{
	SELECT 'processed: ' || count(*) || ' rows, last id ' || max(id) FROM items})
	  . ', height ' . stats($node, 'items_l2')->{height});
is_complete($node, 'items_l2', 'items', q{'{0,0,0,0,0,0,0,0}'}, 'after it');
check_index($node, 'items_cosine', 'after it: the cosine index is sound');
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM items');
is(exhaustive($node, 'items', '<=>', q{'{1,0,0,1,0,0,0,1}'}),
	"$rows|0|0|0", 'after it: every row once by cosine, in order');

# the nearest rows are those of a sort, with all leaves read
is( $node->safe_psql('postgres', q{
		SET hvtree.probes = 100000;
		SELECT count(*) FROM (SELECT vector_near(8, i) AS q FROM generate_series(1, 20) i) p
		WHERE (SELECT array_agg(d) FROM (SELECT v <-> q AS d FROM items ORDER BY v <-> q LIMIT 10) s)
			  IS DISTINCT FROM
			  (SELECT array_agg(d) FROM (SELECT v <-> q AS d FROM items ORDER BY (v <-> q) + 0 LIMIT 10) s)}),
	'0', 'after it: the ten nearest are those of a sequential scan');

# and after a VACUUM with nobody else about, nothing dead is left
$node->safe_psql('postgres', 'VACUUM items');
my $stats = stats($node, 'items_l2');
is($stats->{dead_tuples}, '0', 'VACUUM leaves no dead tuple');
is($stats->{rows}, $rows, 'the index counts as many rows as the table');
is_complete($node, 'items_l2', 'items', q{'{0,0,0,0,0,0,0,0}'}, 'after VACUUM');

$node->stop;
done_testing();
