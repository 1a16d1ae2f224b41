# Would catch: a distance that a scan remembers given for another row or another
# query, one that outlives what it was taken from; a vector put together
# wrongly from the pages of a TOAST table, in whatever order its values were written.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('rerank');
my $dims = 600;
my $forced = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';
my %operator = %HvTest::OPERATOR;

vector_functions($node);

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', "$forced $query");
}

# A table with the three indexes.
sub index_all
{
	my ($table) = @_;

	sql("CREATE INDEX ${table}_$_ ON $table USING hvtree (v $HvTest::OPCLASS{$_})")
	  foreach sort keys %operator;
	return;
}

# A table (id int, v real[]) of vectors that are stored out of line.
sub make_table
{
	my ($table, $rows, $storage) = @_;

	$storage //= 'EXTERNAL';
	sql("SELECT setseed(0.3); CREATE TABLE $table (id int, v real[]);
		ALTER TABLE $table ALTER v SET STORAGE $storage;
		INSERT INTO $table SELECT i, vector_near($dims, i % 20) FROM generate_series(1, $rows) i");
	return;
}

# Twice in one session, for three queries and all metrics: the distances that an
# ordered scan shows, in both orders of the arguments, are those that are computed
# from a copy of the vector, which is no value of the table.
sub same_distances
{
	my ($table, $name, $limit) = @_;
	my $wanted = sql("SELECT least(count(*), $limit) FROM $table");

	foreach my $metric (sort keys %operator)
	{
		my $op = $operator{$metric};
		my $query = join '', map {
			my $q = "(SELECT v || '{}'::real[] FROM $table ORDER BY id OFFSET $_ LIMIT 1)";
			"WITH q AS MATERIALIZED (SELECT $q AS q),
				  found AS MATERIALIZED (
					SELECT id, v $op $q AS there, $q $op v AS back FROM $table
					ORDER BY v $op $q LIMIT $limit)
			 SELECT count(*), count(*) FILTER (WHERE there IS DISTINCT FROM d),
					count(*) FILTER (WHERE back IS DISTINCT FROM d)
			 FROM found JOIN (SELECT id, (v || '{}'::real[]) $op q AS d FROM $table, q) s USING (id);"
		} 0, 3, 11;
		my @lines = split /\n/, sql($query x 2);

		is_deeply(\@lines, [ ("$wanted|0|0") x 6 ], "$name, $metric: distances are those of the rows")
		  || diag("@lines");
	}
	return;
}

# --- how and in which order values are stored --------------------------------

make_table('straight', 3000);
index_all('straight');
same_distances('straight', 'written in order', 500);

foreach my $storage ('PLAIN', 'MAIN', 'EXTENDED')
{
	make_table("stored_$storage", 200, $storage);
	index_all("stored_$storage");
	same_distances("stored_$storage", "storage $storage", 100);
}

sql("SELECT setseed(0.4); CREATE TABLE two (id int, before text, v real[], after text);
	ALTER TABLE two ALTER v SET STORAGE EXTERNAL, ALTER before SET STORAGE EXTERNAL, ALTER after SET STORAGE EXTERNAL;
	INSERT INTO two SELECT i, repeat('x', (random() * 9000)::int), vector_near($dims, i % 20), repeat('y', (i * 7919) % 30000)
	FROM generate_series(1, 1500) i");
index_all('two');
same_distances('two', 'three columns in one TOAST table', 500);

make_table('holes', 2000);
sql('DELETE FROM holes WHERE id % 3 = 0 OR id BETWEEN 500 AND 700; VACUUM holes');
sql("INSERT INTO holes SELECT i, vector_near(i % 1000 + 300, i % 20) FROM generate_series(3001, 3400) i;
	UPDATE holes SET v = vector_near($dims, id % 20) WHERE cardinality(v) <> $dims OR id % 7 = 0; VACUUM holes");
sql("INSERT INTO holes SELECT i, vector_near($dims, i % 20) FROM generate_series(5000, 4000, -1) i");
index_all('holes');
same_distances('holes', 'space used again', 1000);
sql('DELETE FROM holes WHERE id % 2 = 0');
same_distances('holes', 'deleted rows', 1000);
sql('VACUUM FULL holes');
same_distances('holes', 'VACUUM FULL', 1000);

sql('SELECT setseed(0.5); CREATE TABLE packed (id int, v real[]);
	INSERT INTO packed SELECT i, (SELECT array_agg(floor(random() * 13)::real + (i + 0 * j) % 5) FROM generate_series(1, 5000) j)
	FROM generate_series(1, 60) i');
is(sql('SELECT count(*) FROM packed WHERE pg_column_size(v) BETWEEN 3000 AND 19000'), 60,
	'compressed and out of line');
index_all('packed');
same_distances('packed', 'compressed', 30);

# vectors whose value has more chunks than are looked for without the index, and one
sql("CREATE TABLE long (id int, v real[]); ALTER TABLE long ALTER v SET STORAGE EXTERNAL;
	INSERT INTO long SELECT i, vector_near(16000, i) FROM generate_series(1, 40) i;
	CREATE TABLE short (id int, v real[]); ALTER TABLE short ALTER v SET STORAGE EXTERNAL;
	ALTER TABLE short SET (toast_tuple_target = 128);
	INSERT INTO short SELECT i, vector_near(480, i % 20) FROM generate_series(1, 400) i");
foreach my $table ('long', 'short')
{
	index_all($table);
	same_distances($table, "$table values", 200);
}

# the counter behind the numbers of values goes over its end
$node->stop;
system_or_bail('pg_resetwal', '-o', 4294966000, '-D', $node->data_dir);
$node->start;
make_table('wrapped', 2000);
is(sql("SELECT min(chunk_id::text::bigint) < 100000 AND max(chunk_id::text::bigint) > 4294960000
	FROM " . sql("SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'wrapped'")), 't',
	'numbers have begun anew in the middle');
index_all('wrapped');
same_distances('wrapped', 'numbers that begin anew', 1000);

# --- what is saved ------------------------------------------------------------

my $q = "array_fill(0.25::real, ARRAY[$dims])";
my $other = "array_fill(0.5::real, ARRAY[$dims])";

# pages touched by a query that has run before in the session
sub pages
{
	my ($columns, $table) = @_;
	my $plan = $node->safe_psql('postgres',
		"$forced " . "SELECT id FROM $table ORDER BY v <-> $q LIMIT 100;" x 5
		  . "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT $columns FROM $table ORDER BY v <-> $q LIMIT 100");

	return $plan =~ /Buffers: shared hit=(\d+)/ ? $1 : die $plan;
}

my $least = pages('id', 'straight');

is(pages("$q <-> v", 'straight'), $least, 'the distance of a row just sent is known');
cmp_ok(pages("$other <-> v", 'straight'), '>=', $least + 300, 'the distance to something else is not');
cmp_ok(pages("$q <#> v", 'straight'), '>=', $least + 300, 'nor one by another metric');

my %scan = %{ last_scan($node, "SELECT id FROM straight ORDER BY v <-> $q LIMIT 100",
	"$forced " . "SELECT id FROM straight ORDER BY v <-> $q LIMIT 100;" x 3) };

# the page of the row and one of its value; by the index it would be two more
cmp_ok($scan{buffers_hit}, '<', 3 * $scan{heap_fetches}, 'values are found without an index');

# --- cursors -------------------------------------------------------------------

# Rows of a cursor as "id:right" pairs, where right compares the shown distance with
# one computed from a copy in the same snapshot.
my $cursor = sub {
	my ($name, $query) = @_;
	return "DECLARE $name CURSOR FOR SELECT id, (v <-> $query) = ((v || '{}'::real[]) <-> $query)
		FROM straight ORDER BY v <-> $query;";
};

is(sql(qq{BEGIN; @{[$cursor->('a', $q)]} @{[$cursor->('b', $other)]}}
	  . 'FETCH 2 FROM a; FETCH 2 FROM b; FETCH 2 FROM a; FETCH 2 FROM b;'
	  . "SELECT count(*) FROM straight WHERE (v <-> $q) <> ((v || '{}'::real[]) <-> $q) OR (v <-> $other) <> ((v || '{}'::real[]) <-> $other);"
	  . 'CLOSE a; FETCH 2 FROM b; COMMIT;') =~ s/^\d+\|//gmr,
	join("\n", ('t') x 8, 0, ('t') x 2), 'two cursors with queries of their own');

# the row that was sent is replaced, in the same transaction and in another
is(sql(qq{BEGIN; @{[$cursor->('a', $q)]} FETCH 3 FROM a;
	UPDATE straight SET v = (SELECT array_agg(x + 1) FROM unnest(v) x)
	WHERE id IN (SELECT id FROM straight ORDER BY v <-> $q LIMIT 20);
	SELECT bool_and((v <-> $q) = ((v || '{}'::real[]) <-> $q)) FROM straight;
	FETCH 3 FROM a; ROLLBACK;
	SELECT bool_and((v <-> $q) = ((v || '{}'::real[]) <-> $q)) FROM straight}) =~ s/^\d+\|//gmr,
	join("\n", ('t') x 8), 'rows replaced under a cursor');

{
	my $session = $node->background_psql('postgres');

	$session->query_safe("$forced BEGIN; " . $cursor->('a', $q));
	my $first = $session->query_safe('FETCH 3 FROM a');
	sql('DELETE FROM straight WHERE id % 2 = 0; VACUUM straight');
	sql("INSERT INTO straight SELECT i, vector_near($dims, i % 20) FROM generate_series(5001, 5600) i; VACUUM straight");
	my $rest = $session->query_safe('FETCH ALL FROM a');
	$session->query_safe('COMMIT');
	my @rows = split /\n/, "$first\n$rest";
	is(scalar(@rows), 3000, 'a cursor sees all its rows after VACUUM');
	is(scalar(grep { !/\|t$/ } @rows), 0, '... and their distances');
	$session->quit;
}

# a savepoint takes back rows that a cursor has sent, and the cursor
is(sql(qq{BEGIN; SAVEPOINT s;
	INSERT INTO straight VALUES (-1, array_fill(0.25::real, ARRAY[$dims]));
	@{[$cursor->('a', $q)]} FETCH 1 FROM a;
	ROLLBACK TO s;
	INSERT INTO straight VALUES (-2, array_fill(0.26::real, ARRAY[$dims]));
	SELECT id, round((v <-> $q)::numeric, 4) FROM straight ORDER BY v <-> $q LIMIT 1;
	SELECT bool_and((v <-> $q) = ((v || '{}'::real[]) <-> $q)) FROM straight;
	COMMIT}), "-1|t\n-2|0.2449\nt", 'a savepoint that is rolled back');

# an error in the middle of a scan, caught
sql(qq{CREATE FUNCTION interrupted(q real[]) RETURNS SETOF boolean LANGUAGE plpgsql AS \$\$
	DECLARE r record;
	BEGIN
		FOR i IN 1 .. 5 LOOP
			BEGIN
				FOR r IN SELECT id, v <-> q AS d, v FROM straight ORDER BY v <-> q LIMIT 60 LOOP
					RETURN NEXT r.d = (r.v || '{}'::real[]) <-> q;
					IF r.d > 0.3 THEN
						PERFORM r.v <-> '{1}';
					END IF;
				END LOOP;
			EXCEPTION WHEN data_exception THEN
				q := q || '{}'::real[];
				q[1] := i;
			END;
		END LOOP;
	END \$\$});
is(sql("SELECT bool_and(i), count(*) FROM interrupted($q) i"), 't|6', 'scans ended by errors');

# --- joins, errors, zero vectors -------------------------------------------------

is(sql(q{SELECT count(*), count(*) FILTER (WHERE d <> e OR d <> f) FROM
	(SELECT a.v <-> n.v AS d, n.d AS e, (n.v || '{}'::real[]) <-> (a.v || '{}'::real[]) AS f
	 FROM (SELECT * FROM straight ORDER BY id LIMIT 30) a,
		  LATERAL (SELECT b.v, b.v <-> a.v AS d FROM straight b ORDER BY b.v <-> a.v LIMIT 7) n) s}),
	'210|0', 'a join of the table with itself');
is((sqlstate_of($node, "$forced SELECT v <-> '{1,2}' FROM straight ORDER BY v <-> $q LIMIT 3"))[0],
	'22000', 'a row just sent, and a vector of other dimensions');
is((sqlstate_of($node, "$forced SELECT v <-> array_fill(NULL::real, ARRAY[$dims]) FROM straight ORDER BY v <-> $q LIMIT 3"))[0],
	'22004', '... one with NULL elements');
is((sqlstate_of($node, "$forced SELECT v <-> array_fill('NaN'::real, ARRAY[$dims]) FROM straight ORDER BY v <-> $q LIMIT 3"))[0],
	'22003', '... one that is not finite');
is(sql("SELECT count(v <-> NULL) FROM (SELECT v FROM straight ORDER BY v <-> $q LIMIT 3) s"), 0, '... NULL');

sql("CREATE TABLE zero (id int, v real[]); ALTER TABLE zero ALTER v SET STORAGE EXTERNAL;
	INSERT INTO zero SELECT i, array_fill((i / 3)::real, ARRAY[$dims]) FROM generate_series(1, 30) i;
	INSERT INTO zero VALUES (31, NULL)");
index_all('zero');
same_distances('zero', 'zero vectors', 30);
is(sql("SELECT string_agg(d::text, ',') FROM (SELECT v <=> $q AS d FROM zero ORDER BY v <=> $q OFFSET 28) s"),
	'NaN,NaN', 'zero vectors have no cosine distance');

# partitions: a memo for each of them
sql("CREATE TABLE parts (id int, v real[]) PARTITION BY HASH (id);");
sql("CREATE TABLE parts_$_ PARTITION OF parts FOR VALUES WITH (MODULUS 20, REMAINDER $_);
	ALTER TABLE parts_$_ ALTER v SET STORAGE EXTERNAL") foreach 0 .. 19;
sql("INSERT INTO parts SELECT i, vector_near($dims, i % 20) FROM generate_series(1, 800) i");
index_all('parts');
same_distances('parts', 'twenty partitions', 300);

$node->stop;
done_testing();
