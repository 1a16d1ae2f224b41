# Would catch: a scan that ends before its LIMIT is filled although rows
# match, that gives a row twice or in the wrong order, that shows rows its
# snapshot must not see, or that goes wrong in one of the ways the executor
# can run it.

use strict;
use warnings;

use HvTest;
use Test::More;

my $node = new_node('scan', "max_connections = 20\n");
my $forced = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';

# SQL with index scans preferred
sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', "$forced $query");
}

vector_functions($node);
sql(q{
	SELECT setseed(0.2);
	CREATE TABLE items (id int PRIMARY KEY, v real[], part int, independent float8, note int DEFAULT 0)
	WITH (fillfactor = 80);
	INSERT INTO items SELECT i, vector_near(16, i % 40), i % 40, random()
	FROM generate_series(1, 20000) i;
	CREATE INDEX items_v ON items USING hvtree (v);
	CREATE TABLE queries AS SELECT i AS id, vector_near(16, i) AS q, i AS part
	FROM generate_series(1, 10) i;
	ANALYZE});
my $point = q{'{1,0,1,0,1,0,1,0,1,0,1,0,1,0,1,0}'};
my $nearest = "SELECT id FROM items ORDER BY v <-> $point";

# --- LIMIT under filters -----------------------------------------------------

# The recall of LIMIT 10 under a filter, and whether it always had all rows it
# could have.
sub filtered
{
	my ($filter, $table) = @_;

	$table //= 'items';
	# ten queries are too few to tell .95 from .93
	return split /\|/, sql(qq{
		SET hvtree.target_recall = 0.99;
		SELECT bool_and(found = coalesce(cardinality(exact), 0)),
			   round(coalesce(avg(right_ones::numeric / cardinality(exact)), 1), 3)
		FROM queries q,
			 LATERAL (SELECT array_agg(d ORDER BY d) AS exact
					  FROM (SELECT (v <-> q.q) + 0 AS d FROM $table t WHERE $filter
							ORDER BY d LIMIT 10) s) e,
			 LATERAL (SELECT count(*) AS found,
							 count(*) FILTER (WHERE d <= exact[cardinality(exact)]) AS right_ones
					  FROM (SELECT v <-> q.q AS d FROM $table t WHERE $filter
							ORDER BY v <-> q.q LIMIT 10) s) a});
}

foreach my $case (
	[ 'true', 'no filter' ],
	[ 'independent < 0.5', '50 % of the rows' ],
	[ 'independent < 0.1', '10 % of the rows' ],
	[ 'independent < 0.01', '1 % of the rows' ],
	[ 'independent < 0.001', '0.1 % of the rows' ],
	[ 't.part = q.part', 'the cluster of the query' ],
	[ 't.part <> q.part', 'all but the cluster of the query' ],
	[ 't.part = 39 - q.part', 'one other cluster' ],
	[ 't.part BETWEEN 20 AND 39', 'the half of the clusters without the query' ],
	[ 't.part = 39 - q.part AND independent < 0.1', 'a tenth of another cluster' ],
	[ 't.id IN (77, 7777, 17777)', 'three rows' ],
	[ 't.id = -1', 'no row' ])
{
	my ($filter, $name) = @$case;
	my ($full, $recall) = filtered($filter);

	note("$name: recall $recall");
	is($full, 't', "$name: LIMIT 10 gives 10 rows, or all there are");
	cmp_ok($recall, '>=', 0.95, "$name: recall ($recall)");
}
ok(uses_index($node, "$nearest LIMIT 10", 'items_v'), 'an index scan is used without being forced');

# --- Everything ----------------------------------------------------------------

is_complete($node, 'items_v', 'items', $point, 'exhaustive scan');
is(exhaustive($node, 'items', '<->', $point, '', 'independent < 0.3 AND part <> 3'),
	sql('SELECT count(*) FROM items WHERE independent < 0.3 AND part <> 3') . '|0|0|0',
	'exhaustive scan under a filter');
is(sql(qq{SELECT count(*), count(DISTINCT id) FROM ($nearest LIMIT 19999) s}),
	'19999|19999', 'LIMIT of all rows but one');
is(sql(qq{SELECT count(*), count(DISTINCT id) FROM ($nearest LIMIT 30000) s}),
	'20000|20000', 'LIMIT beyond the table');
is(sql(qq{SELECT count(*) FROM ($nearest LIMIT 0) s}), '0', 'LIMIT 0');
is(sql(qq{SELECT count(*), count(DISTINCT id) FROM ($nearest OFFSET 15000 LIMIT 3000) s}),
	'3000|3000', 'OFFSET');

# --- Ways of the executor ----------------------------------------------------

is(sql(qq{
	SELECT count(*), count(DISTINCT (q.id, n.id)), count(*) FILTER (WHERE n.part = q.part)
	FROM queries q, LATERAL (SELECT * FROM items ORDER BY v <-> q.q LIMIT 5) n}),
	'50|50|50', 'LATERAL: a scan for each outer row');
is(sql(qq{
	SELECT count(*), count(DISTINCT (q.id, n.id)), count(*) FILTER (WHERE n.part = q.part)
	FROM (SELECT 0 AS id, NULL::real[] AS q, NULL::int AS part
		  UNION ALL SELECT id, q, part FROM queries UNION ALL SELECT 11, NULL, NULL) q,
		 LATERAL (SELECT id, part FROM items ORDER BY v <-> q.q LIMIT 5) n}),
	'60|60|50', 'LATERAL with NULL vectors among the outer rows: the others keep their order');
is(sql(qq{SELECT count(DISTINCT id) FROM (SELECT id FROM items ORDER BY v <-> (SELECT NULL::real[])) s}),
	'20000', 'a NULL vector gives every row once');
is(sql(qq{SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> (SELECT NULL::real[]) LIMIT 7) s}),
	'7', 'a NULL vector with LIMIT');
is(sql(qq{
	SELECT count(*) FROM queries q WHERE EXISTS
		(SELECT FROM (SELECT id FROM items t WHERE t.part = q.part ORDER BY v <-> q.q) s)}),
	'10', 'EXISTS stops a scan after one row');

sql(q{
	CREATE FUNCTION walk(rows int) RETURNS int[] LANGUAGE plpgsql AS $$
	DECLARE c refcursor; ids int[] := '{}'; one int;
	BEGIN
		OPEN c FOR SELECT id FROM items ORDER BY v <-> '{1,0,1,0,1,0,1,0,1,0,1,0,1,0,1,0}';
		LOOP
			FETCH c INTO one;
			EXIT WHEN NOT FOUND;
			ids := ids || one;
			EXIT WHEN cardinality(ids) >= rows;
		END LOOP;
		CLOSE c;
		RETURN ids;
	END $$});
is(sql(q{SELECT count(DISTINCT i), count(*) FROM unnest(walk(1000000)) i}),
	'20000|20000', 'a cursor read to its end gives every row once');

# exact answers, which do not depend on how many rows are asked for
sql('ALTER INDEX items_v SET (probes = 100000, rerank = 100000)');
my $first = sql("$nearest LIMIT 300");
is(sql('SELECT unnest(walk(300))'), $first, 'a cursor in small steps gives what LIMIT gives');
is( sql(qq{
	BEGIN; DECLARE c CURSOR WITH HOLD FOR $nearest; FETCH 3 FROM c; COMMIT;
	FETCH 4 FROM c; FETCH 10 FROM c; CLOSE c}),
	join("\n", (split /\n/, $first)[ 0 .. 16 ]), 'a cursor WITH HOLD outlives its transaction');
is( sql(qq{
	BEGIN; DECLARE c SCROLL CURSOR FOR $nearest; MOVE 10 FROM c; FETCH BACKWARD 2 FROM c;
	MOVE ABSOLUTE 0 FROM c; FETCH 2 FROM c; COMMIT}),
	join("\n", (split /\n/, $first)[ 8, 7, 0, 1 ]), 'a SCROLL cursor goes back');
foreach my $mode ('force_generic_plan', 'force_custom_plan', 'auto')
{
	is( sql(qq{
		SET plan_cache_mode = $mode;
		PREPARE p(real[], int) AS SELECT id FROM items ORDER BY v <-> \$1 LIMIT \$2;
		EXECUTE p(NULL, 0); EXECUTE p('{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}', 0);
		EXECUTE p('{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1}', 0); EXECUTE p($point, 0);
		EXECUTE p($point, 0); EXECUTE p($point, 0);
		EXECUTE p($point, 300)}), $first, "prepared statement, $mode");
}

# --- What a snapshot may see ----------------------------------------------------

is( sql(qq{
	BEGIN;
	SAVEPOINT a; INSERT INTO items (id, v) VALUES (-1, $point); ROLLBACK TO a;
	SAVEPOINT b; INSERT INTO items (id, v) VALUES (-2, $point); RELEASE b;
	SAVEPOINT c; DELETE FROM items WHERE id = -2; ROLLBACK TO c;
	$nearest LIMIT 1;
	ROLLBACK;
	$nearest LIMIT 1}), "-2\n" . (split /\n/, $first)[0],
	'rows of subtransactions, kept and rolled back');
sql('ALTER INDEX items_v RESET (probes, rerank)');
is( sql(qq{
	BEGIN;
	CREATE TEMP TABLE gone AS $nearest LIMIT 20;
	DELETE FROM items WHERE id IN (SELECT id FROM gone);
	SELECT count(*), count(*) FILTER (WHERE id IN (SELECT id FROM gone)) FROM ($nearest LIMIT 20) s;
	ROLLBACK}), '20|0', 'rows deleted in this transaction are not given');
is( sql(qq{
	BEGIN;
	UPDATE items SET note = note + 1 WHERE part = 1;
	UPDATE items SET note = note + 1 WHERE part = 1;
	UPDATE items SET v = vector_near(16, 2) WHERE part = 3;
	SELECT count(*), count(DISTINCT id), sum(note) FROM ($nearest) s JOIN items USING (id);
	SELECT count(*) FROM (SELECT part FROM items ORDER BY v <-> vector_of LIMIT 900) s
	WHERE part = 3;
	ROLLBACK} =~ s/vector_of/(SELECT avg_of.v FROM (SELECT v FROM items WHERE part = 2 LIMIT 1) avg_of)/r)
	=~ /^20000\|20000\|1000\n(\d+)$/ ? ($1 > 200 ? 'found' : "few: $1") : 'wrong',
	'found', 'updated rows, HOT and not, are found once and where they are now');
is(sql("SELECT count(*), count(DISTINCT id) FROM ($nearest) s"), '20000|20000',
	'and once after the update was rolled back');
sql('UPDATE items SET note = note + 1 WHERE part < 5;
	 UPDATE items SET v = vector_near(16, 2) WHERE part = 3');
is(sql("SELECT count(*), count(DISTINCT id) FROM ($nearest) s"), '20000|20000',
	'and once after it is committed');

my $old = $node->background_psql('postgres');
$old->query_safe("$forced");
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $before = $old->query_safe("SELECT sum(id) FROM ($nearest) s");
sql(q{
	DELETE FROM items WHERE part = 9;
	INSERT INTO items (id, v, part) SELECT 30000 + i, vector_near(16, 9), 9 FROM generate_series(1, 1500) i;
	UPDATE items SET v = vector_near(16, 30) WHERE part = 31});
is($old->query_safe("SELECT sum(id) FROM ($nearest) s"), $before,
	'REPEATABLE READ sees its rows, whatever others do');
is($old->query_safe("SELECT count(*), count(DISTINCT id) FROM ($nearest) s"), '20000|20000',
	'each of them once');
$old->query_safe('COMMIT');
is_complete($node, 'items_v', 'items', $point, 'after all that');
sql('VACUUM items');
is_complete($node, 'items_v', 'items', $point, 'after VACUUM');

# write skew: each looks for neighbours, finds none, adds one
my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
foreach my $session (@sessions)
{
	$session->query_safe("$forced BEGIN ISOLATION LEVEL SERIALIZABLE");
	$session->query_safe("SELECT count(*) FROM ($nearest LIMIT 3) s");
}
foreach my $i (0, 1)
{
	$sessions[$i]->query("INSERT INTO items (id, v) VALUES (${\(50000 + $i)}, $point)");
}
$_->query('COMMIT') foreach @sessions;
is(sql('SELECT count(*) FROM items WHERE id IN (50000, 50001)'), '1',
	'SERIALIZABLE: of two that scan and insert, one fails');
$_->quit foreach @sessions;
$old->quit;

# --- Zero vectors under cosine ---------------------------------------------------

sql(q{
	SELECT setseed(0.3);
	CREATE TABLE directions (id int, v real[]);
	INSERT INTO directions SELECT i, CASE WHEN i % 20 = 0 THEN array_fill(0::real, ARRAY[6])
										  ELSE random_vector(6) END FROM generate_series(1, 4000) i;
	INSERT INTO directions SELECT -i, NULL FROM generate_series(1, 10) i;
	CREATE INDEX directions_cosine ON directions USING hvtree (v real_cosine_ops);
	CREATE INDEX directions_ip ON directions USING hvtree (v real_ip_ops);
	ANALYZE directions});
check_index($node, $_) foreach ('directions_cosine', 'directions_ip');
is(exhaustive($node, 'directions', '<=>', q{'{1,2,3,1,2,3}'}), '4000|0|0|0', 'cosine: every row once');
is(exhaustive($node, 'directions', '<#>', q{'{1,2,3,1,2,3}'}), '4000|0|0|0', 'inner product: every row once');
is( sql(q{SELECT count(*), min(n) FROM (SELECT id, row_number() OVER () AS n FROM
		(SELECT id FROM directions ORDER BY v <=> '{1,2,3,1,2,3}') s) t WHERE id % 20 = 0}),
	'200|3801', 'cosine: zero vectors are the last 200 of 4000');
is( sql(q{SELECT count(*), min(n) > 3700 FROM (SELECT id, row_number() OVER () AS n FROM
		(SELECT id FROM directions ORDER BY v <=> '{1,2,3,1,2,3}' LIMIT 3900) s) t WHERE id % 20 = 0}),
	'100|t', 'cosine: zero vectors come last under LIMIT too');
foreach my $operator ('<=>', '<#>')
{
	is( sql(qq{SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM directions
			ORDER BY v $operator '{0,0,0,0,0,0}') s}),
		'4000|4000', "a zero vector as query of $operator gives every row once");
	is( sql(qq{SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM directions
			ORDER BY v $operator '{0,0,0,0,0,0}' LIMIT 25) s}),
		'25|25', "a zero vector as query of $operator with LIMIT");
}

# --- Kinds of columns, indexes, tables --------------------------------------------

sql(q{
	CREATE FUNCTION flip(real[]) RETURNS real[] LANGUAGE sql IMMUTABLE STRICT
	AS 'SELECT array_agg(-x ORDER BY n) FROM unnest($1) WITH ORDINALITY u(x, n)';
	CREATE TABLE kinds (id int, v real[], keep boolean);
	INSERT INTO kinds SELECT i, vector_near(4, i % 7), i % 3 = 0 FROM generate_series(1, 2000) i;
	CREATE INDEX kinds_flip ON kinds USING hvtree (flip(v));
	CREATE INDEX kinds_keep ON kinds USING hvtree (v) WHERE keep;
	INSERT INTO kinds SELECT i, vector_near(4, i % 7), i % 3 = 0 FROM generate_series(2001, 3000) i;
	ANALYZE kinds});
ok(uses_index($node, q{SELECT id FROM kinds ORDER BY flip(v) <-> '{1,1,1,1}' LIMIT 3}, 'kinds_flip'),
	'expression index is used');
is(exhaustive($node, 'kinds', '<->', q{'{1,0,1,0}'}, '', 'true', 'flip(v)'), '3000|0|0|0',
	'expression index: every row once');
is(exhaustive($node, 'kinds', '<->', q{'{1,0,1,0}'}, '', 'keep'), '1000|0|0|0',
	'partial index: its rows once');
check_index($node, $_) foreach ('kinds_flip', 'kinds_keep');

sql(q{
	CREATE DOMAIN vector4 AS real[] CHECK (cardinality(VALUE) = 4);
	CREATE TABLE domains (id int, v vector4);
	INSERT INTO domains SELECT i, vector_near(4, i % 7) FROM generate_series(1, 1000) i;
	CREATE INDEX domains_v ON domains USING hvtree (v);
	INSERT INTO domains SELECT i, vector_near(4, i % 7) FROM generate_series(1001, 1500) i});
ok(uses_index($node, q{SELECT id FROM domains ORDER BY v <-> '{1,1,1,1}' LIMIT 3}, 'domains_v'),
	'index on a domain is used');
is(exhaustive($node, 'domains', '<->', q{'{1,0,1,0}'}), '1500|0|0|0', 'domain: every row once');

foreach my $storage ('plain', 'external', 'main', 'extended')
{
	my $dims = $storage eq 'plain' ? 1500 : 1300;

	sql(qq{
		CREATE TABLE stored_$storage (id int, v real[]);
		ALTER TABLE stored_$storage ALTER v SET STORAGE $storage;
		INSERT INTO stored_$storage SELECT i, random_vector($dims) FROM generate_series(1, 150) i;
		CREATE INDEX stored_${storage}_v ON stored_$storage USING hvtree (v) WITH (leaf_size = 16);
		INSERT INTO stored_$storage SELECT i, random_vector($dims) FROM generate_series(151, 220) i});
	is( exhaustive($node, "stored_$storage", '<->', "(SELECT v FROM stored_$storage WHERE id = 5)"),
		'220|0|0|0', "storage $storage: every row once");
	is( sql(qq{SET hvtree.target_recall = 0.999; SELECT count(*) FROM stored_$storage p WHERE id % 11 = 0 AND id =
		(SELECT id FROM stored_$storage t ORDER BY t.v <-> p.v LIMIT 1)}),
		'20', "storage $storage: every row is its own neighbour");
	check_index($node, "stored_${storage}_v");
}

sql(q{
	CREATE TABLE parts (id int, v real[], part int) PARTITION BY LIST (part);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (0);
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (1);
	CREATE TABLE parts_3 PARTITION OF parts DEFAULT;
	INSERT INTO parts SELECT i, vector_near(8, i % 11), i % 5 FROM generate_series(1, 6000) i;
	CREATE INDEX parts_v ON parts USING hvtree (v);
	ANALYZE parts});
like(sql(q{EXPLAIN (COSTS OFF) SELECT id FROM parts ORDER BY v <-> '{1,1,1,1,1,1,1,1}' LIMIT 10}),
	qr/Merge Append.*parts_1_v_idx.*parts_2_v_idx.*parts_3_v_idx/s, 'partitions: MergeAppend of index scans');
is(exhaustive($node, 'parts', '<->', q{'{1,1,1,1,1,1,1,1}'}), '6000|0|0|0', 'partitions: every row once, in order');
sql('UPDATE queries SET q = q[1:8]');
my ($full, $recall) = filtered('t.part < 4', 'parts');
is($full, 't', 'partitions: LIMIT 10 gives 10 rows');
cmp_ok($recall, '>=', 0.95, "partitions: recall ($recall)");

is( sql(q{
	CREATE TEMP TABLE temporary (id int, v real[]);
	INSERT INTO temporary SELECT i, random_vector(3) FROM generate_series(1, 800) i;
	CREATE INDEX temporary_v ON temporary USING hvtree (v) WITH (leaf_size = 8, branching = 8);
	INSERT INTO temporary SELECT i, random_vector(3) FROM generate_series(801, 1600) i;
	DELETE FROM temporary WHERE id % 4 = 0;
	VACUUM temporary;
	SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM temporary ORDER BY v <-> '{0,0,0}') s;
	SELECT hvtree_check('temporary_v') > 0}), "1200|1200\nt", 'temporary table');

# --- Settings --------------------------------------------------------------------

my ($rc, $out, $err) = $node->psql('postgres', qq{$forced
	SET hvtree.max_scan_tuples = 500;
	SELECT count(*) FROM ($nearest) s});
is($rc, 0, 'max_scan_tuples: the scan succeeds');
cmp_ok($out, '<', 5000, "max_scan_tuples: it ends early ($out rows)");
is(() = $err =~ /WARNING:/g, 1, 'max_scan_tuples: one warning');
like($err, qr/Raise hvtree.max_scan_tuples/, 'max_scan_tuples: with a hint');
($rc, $out, $err) = $node->psql('postgres', qq{$forced
	SET hvtree.max_scan_tuples = 5000; SELECT count(*) FROM ($nearest LIMIT 10) s});
is("$out|$err", '10|', 'max_scan_tuples: nothing happens to a scan below it');

my $auto = last_scan($node, "$nearest LIMIT 10", $forced);
my $more = last_scan($node, "$nearest LIMIT 10", "$forced SET hvtree.probes = 200;");
my $less = last_scan($node, "$nearest LIMIT 10", "$forced SET hvtree.probes = 2;");
my $leaves = sub { $_[0]->{level_pages} =~ /(\d+)/ ? $1 : -1 };
ok( $leaves->($less) < $leaves->($auto) && $leaves->($auto) < $leaves->($more),
	'probes says how many leaves are read: ' . join ' ', map { $leaves->($_) } ($less, $auto, $more));
my $rerank = last_scan($node, "$nearest LIMIT 10", "$forced SET hvtree.rerank = 700;");
ok( $rerank->{heap_fetches} >= 700 && $rerank->{heap_fetches} < 2000,
	"rerank says how many rows are fetched: $rerank->{heap_fetches}");
sql('ALTER INDEX items_v SET (probes = 150, rerank = 600)');
my $set = last_scan($node, "$nearest LIMIT 10", "$forced SET hvtree.probes = 3;");
ok( $leaves->($set) >= 150 && $set->{heap_fetches} >= 600,
	"ALTER INDEX SET overrides: $set->{level_pages}, $set->{heap_fetches} rows");
sql('ALTER INDEX items_v RESET (probes, rerank)');
$set = last_scan($node, "$nearest LIMIT 10", "$forced SET hvtree.probes = 3;");
ok($leaves->($set) < 20, 'ALTER INDEX RESET takes it back');

$node->stop;
done_testing();
