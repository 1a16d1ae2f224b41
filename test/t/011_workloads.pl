# Would catch: rows lost or doubled, a tree that degenerates, and an index that
# grows without end, when rows come in an order or in numbers that the tree does
# not like: cluster after cluster, all alike, the same ones again and again, one
# a transaction.  All indexes but one are created on an empty table.
#
#	HV_TRANSACTIONS	how many one-row transactions (default 20000; 100000 is a
#					thorough run)

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('workloads', "max_connections = 30\n");
my $point = q{'{1,0,1,0,1,0,1,0}'};

vector_functions($node);
sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# Of the ten nearest of 40 rows, how many the index finds.
sub recall_of
{
	my ($table) = @_;

	return sql(qq{
		SET enable_seqscan = off; SET enable_sort = off;
		SELECT round(avg(good), 3)
		FROM (SELECT v AS q FROM $table ORDER BY md5(id::text) LIMIT 40) p,
			LATERAL (SELECT max(d) AS last FROM (SELECT (v <-> q) + 0 AS d FROM $table ORDER BY d LIMIT 10) s) e,
			LATERAL (SELECT avg((d <= last * 1.000001)::int) AS good
					 FROM (SELECT v <-> q AS d FROM $table ORDER BY v <-> q LIMIT 10) s) a});
}

# --- in order ----------------------------------------------------------------

# the first hundreds of rows, and with them the mean, are of one cluster
sql(q{
	SELECT setseed(0.21);
	CREATE TABLE sorted (id int, v real[]);
	CREATE INDEX sorted_v ON sorted USING hvtree (v) WITH (leaf_size = 16, branching = 8);
	INSERT INTO sorted SELECT i, vector_near(8, i / 250) FROM generate_series(0, 9999) i});
is_complete($node, 'sorted_v', 'sorted', $point, 'cluster after cluster');
my $recall = recall_of('sorted');
note("cluster after cluster: recall $recall");
cmp_ok($recall, '>=', 0.9, "cluster after cluster: recall $recall");

# a window that slides: the oldest cluster goes, a new one comes
my @sizes;
foreach my $step (0 .. 15)
{
	sql(qq{
		DELETE FROM sorted WHERE id / 250 = $step;
		VACUUM sorted;
		INSERT INTO sorted SELECT i, vector_near(8, i / 250)
		FROM generate_series(10000 + $step * 250, 10249 + $step * 250) i});
	push @sizes, sql(q{SELECT pg_relation_size('sorted_v') / 8192});
}
note("sliding window: @sizes pages");
is_complete($node, 'sorted_v', 'sorted', $point, 'a sliding window');
cmp_ok($sizes[-1], '<=', 1.05 * $sizes[3], "a sliding window: the index does not grow (@sizes pages)");

# one line, from one end to the other, and back
sql(q{
	CREATE TABLE line (id int, v real[]);
	CREATE INDEX line_v ON line USING hvtree (v) WITH (leaf_size = 8, branching = 8);
	INSERT INTO line SELECT i, ARRAY[i, 2 * i, 0, 1, 0, 0, 0, 0] FROM generate_series(1, 3000) i;
	INSERT INTO line SELECT -i, ARRAY[i, 2 * i, 0, 0, 0, 0, 0, 0] FROM generate_series(3000, 1, -1) i});
is_complete($node, 'line_v', 'line', $point, 'along a line and back');

# --- all alike -----------------------------------------------------------------

sql(q{
	CREATE TABLE equal (id int, v real[]);
	CREATE INDEX equal_v ON equal USING hvtree (v);
	INSERT INTO equal SELECT i, '{1,2,3,4}' FROM generate_series(1, 100000) i});
is_complete($node, 'equal_v', 'equal', q{'{0,0,0,1}'}, '100,000 equal rows');
is(sql(q{SET enable_seqscan = off; SELECT count(*), count(DISTINCT id) FROM
	(SELECT id FROM equal ORDER BY v <-> '{1,2,3,4}' LIMIT 50) s}), '50|50', 'fifty of 100,000 equal rows');
my $pages = sql(q{SELECT pg_relation_size('equal_v') / 8192});
sql('DELETE FROM equal WHERE id % 10 < 9; VACUUM equal; INSERT INTO equal '
	  . q{SELECT i, '{1,2,3,4}' FROM generate_series(100001, 120000) i});
is_complete($node, 'equal_v', 'equal', q{'{0,0,0,1}'}, 'equal rows, most deleted, more inserted');
my $more = sql(q{SELECT pg_relation_size('equal_v') / 8192});
cmp_ok($more, '<=', 1.6 * $pages, "equal rows: the index grows little ($pages, then $more pages)");

sql(q{
	CREATE TABLE three (id int, v real[]);
	CREATE INDEX three_v ON three USING hvtree (v);
	INSERT INTO three SELECT i, CASE i % 3 WHEN 0 THEN '{1,2,3,4}'::real[] WHEN 1 THEN '{1,1,1,1}' ELSE '{0,0,0,2}' END
	FROM generate_series(1, 50000) i});
is_complete($node, 'three_v', 'three', q{'{0,0,0,1}'}, '50,000 rows of three values');
foreach my $value ('{1,2,3,4}', '{1,1,1,1}', '{0,0,0,2}')
{
	is(sql(qq{SET enable_seqscan = off; SELECT count(*) FROM
		(SELECT v FROM three ORDER BY v <-> '$value' LIMIT 100) s WHERE v = '$value'}),
		'100', "the nearest of $value are all of that value");
}
is( exhaustive($node, 'three', '<->', q{'{1,1,1,1}'}, q{SET work_mem = '64kB'}),
	'50000|0|0|0', 'work_mem = 64kB: every row once');

# --- VACUUM with little memory ----------------------------------------------------

# 1 MB holds the row pointers of 174,762 dead rows, so that the index is gone over
# twice (once from PostgreSQL 17 on); rows without a vector fill the table up
{
	sql(q{
		CREATE TABLE passes (id int, v real[]);
		CREATE INDEX passes_v ON passes USING hvtree (v) WITH (leaf_size = 16, branching = 8);
		INSERT INTO passes SELECT i, random_vector(4) FROM generate_series(1, 2000) i;
		INSERT INTO passes SELECT i, NULL FROM generate_series(2001, 190000) i;
		INSERT INTO passes SELECT i, random_vector(4) FROM generate_series(190001, 192000) i});
	my ($rc, $out, $err) = $node->psql('postgres', q{
		DELETE FROM passes WHERE id % 20 > 0;
		SET maintenance_work_mem = '1MB';
		VACUUM (VERBOSE) passes});
	my $passes = $err =~ /"(?:postgres\.)?public\.passes": index scans: (\d+)/ ? $1 : 0;

	cmp_ok($passes, '>=', 1, "maintenance_work_mem = 1MB: VACUUM went over the index $passes times");
	is_complete($node, 'passes_v', 'passes', q{'{0,0,0,1}'}, 'maintenance_work_mem = 1MB: VACUUM');
	is(stats($node, 'passes_v')->{rows}, '200', 'maintenance_work_mem = 1MB: nothing dead is left');
	# the places of the deleted rows in the table are used again
	sql(q{INSERT INTO passes SELECT i, random_vector(4) FROM generate_series(200001, 203000) i});
	is_complete($node, 'passes_v', 'passes', q{'{0,0,0,1}'}, 'maintenance_work_mem = 1MB: the places used again');
}
sql('DROP TABLE equal, three, line, passes');

# --- the same rows again and again -------------------------------------------------

sql(q{
	SELECT setseed(0.22);
	CREATE TABLE model AS SELECT i AS id, clustered_vector(8, 20) AS v FROM generate_series(1, 2000) i;
	CREATE TABLE again (id int, v real[]);
	CREATE INDEX again_v ON again USING hvtree (v) WITH (leaf_size = 16, branching = 8);
	CREATE INDEX again_spilled ON again USING hvtree (v) WITH (leaf_size = 8, branching = 8, spill = on);
	INSERT INTO again SELECT * FROM model});
@sizes = ();
foreach my $round (1 .. 8)
{
	sql(qq{
		DELETE FROM again WHERE id % 3 <> $round % 3;
		VACUUM again;
		INSERT INTO again SELECT * FROM model WHERE id % 3 <> $round % 3});
	push @sizes, sql(q{SELECT pg_relation_size('again_v') / 8192});
	is_complete($node, 'again_v', 'again', $point, "the same rows, round $round") if $round % 4 == 0;
}
note("the same rows again and again: @sizes pages");
cmp_ok($sizes[-1], '<=', 1.15 * $sizes[2], "the same rows: the index does not grow (@sizes pages)");
check_index($node, 'again_spilled', 'the same rows, spilled: index is sound');
# all versions in the index at once
sql(join '', map { "DELETE FROM again WHERE id % 3 <> $_ % 3; INSERT INTO again SELECT * FROM model WHERE id % 3 <> $_ % 3;" } 1 .. 6);
is_complete($node, 'again_v', 'again', $point, 'the same rows without VACUUM');
sql('VACUUM again');
is_complete($node, 'again_v', 'again', $point, 'the same rows, VACUUM at last');
is(stats($node, $_)->{dead_tuples}, '0', "$_: nothing dead is left") foreach ('again_v', 'again_spilled');

# --- updates that leave the vector alone ----------------------------------------------

sql(q{
	CREATE TABLE noted (id int, v real[], note int) WITH (fillfactor = 40);
	CREATE INDEX noted_v ON noted USING hvtree (v) WITH (leaf_size = 16, branching = 8);
	INSERT INTO noted SELECT id, v, 0 FROM model});
my $tuples = stats($node, 'noted_v')->{tuples};
sql('UPDATE noted SET note = note + 1 WHERE id % 4 = 0') foreach (1 .. 3);
is(stats($node, 'noted_v')->{tuples}, $tuples, 'HOT updates do not reach the index');
is_complete($node, 'noted_v', 'noted', $point, 'after HOT updates');
sql('VACUUM noted; UPDATE noted SET note = note + 1 WHERE id % 4 = 1');
is_complete($node, 'noted_v', 'noted', $point, 'HOT updates after VACUUM');

sql('CREATE INDEX noted_note ON noted (note); VACUUM noted');
my $before = stats($node, 'noted_v')->{tuples};
sql('UPDATE noted SET note = note + 1') foreach (1 .. 8);
cmp_ok(stats($node, 'noted_v')->{tuples}, '>=', $before + 2 * 2000, 'updates that are not HOT do reach it');
is_complete($node, 'noted_v', 'noted', $point, 'eight versions of each row');
is( sql(q{SET enable_seqscan = off; SELECT count(*), count(DISTINCT id), min(note) FROM
	(SELECT * FROM noted ORDER BY v <-> (SELECT v FROM noted WHERE id = 77) LIMIT 40) s}),
	'40|40|8', 'the nearest forty are forty rows');
sql('VACUUM noted');
is_complete($node, 'noted_v', 'noted', $point, 'their VACUUM');
is(stats($node, 'noted_v')->{tuples}, '2000', 'one version of each is left');

# --- an old snapshot --------------------------------------------------------------------

# One transaction sees the table as it was, while everything is replaced several
# times.  Its cursor began before, its other scans begin afterwards.
sql(q{
	CREATE TABLE old (id bigint GENERATED ALWAYS AS IDENTITY, v real[]);
	CREATE INDEX old_v ON old USING hvtree (v) WITH (leaf_size = 8, branching = 8);
	INSERT INTO old (v) SELECT v FROM model});
{
	my $session = $node->background_psql('postgres');

	$session->query_safe(qq{
		SET enable_seqscan = off; SET enable_sort = off;
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		DECLARE c CURSOR FOR SELECT id FROM old ORDER BY v <-> $point});
	# what the cursor gives, without a word through psql
	my $fetch = sub {
		my ($rows) = @_;

		$session->query_safe(qq{
			DO \$\$
			DECLARE c refcursor := 'c'; row bigint;
			BEGIN
				FOR i IN 1 .. $rows LOOP
					FETCH c INTO row;
					EXIT WHEN NOT FOUND;
					INSERT INTO pg_temp.seen VALUES (row);
				END LOOP;
			END \$\$});
	};
	$session->query_safe('CREATE TEMP TABLE seen (id bigint)');
	$fetch->(20);
	foreach my $round (1 .. 6)
	{
		sql(qq{
			INSERT INTO old (v) SELECT vector_near(8, 100 + $round) FROM generate_series(1, 1500);
			DELETE FROM old WHERE id <= 500 * $round OR random() < 0.3;
			VACUUM old});
		is($session->query_safe(exhaustive_sql('old', '<->', $point)), '2000|0|0|0',
			"round $round: a scan with an old snapshot") if $round % 2 == 0;
	}
	$fetch->(100000);
	is($session->query_safe('SELECT count(*), count(DISTINCT id), max(id) FROM seen'),
		'2000|2000|2000', 'the cursor gives the rows of its snapshot, each once');
	$session->query_safe('COMMIT');
	$session->quit;
}
sql('VACUUM old');
is(stats($node, 'old_v')->{dead_tuples}, '0', 'once the snapshot is gone, so are the rows');
is_complete($node, 'old_v', 'old', $point, 'after an old snapshot');

# --- one row a transaction -----------------------------------------------------------

my $transactions = $ENV{HV_TRANSACTIONS} || 20000;
my $clients = 5;
sql(q{
	CREATE TABLE tiny (id bigint GENERATED ALWAYS AS IDENTITY, v real[]);
	CREATE INDEX tiny_v ON tiny USING hvtree (v)});
$node->pgbench("-n -M prepared -c $clients -j 2 -t " . int($transactions / $clients),
	0, [qr{processed: (\d+)/\1\b}], [qr/^(?!.*(?:ERROR|aborted))/s],
	"$transactions transactions of one row", { '011_tiny' => q{
		\set c random(1, 50)
		INSERT INTO tiny (v) VALUES (ARRAY[sin(:c * 127.1), sin(:c * 3.1), sin(:c * 77.1), sin(:c * 7.7),
			random(), random(), random(), random()]::real[]);
	}});
is(sql('SELECT count(*) FROM tiny'), $clients * int($transactions / $clients), 'all of them are there');
is_complete($node, 'tiny_v', 'tiny', $point, 'one row a transaction');
$recall = recall_of('tiny');
cmp_ok($recall, '>=', 0.9, "one row a transaction: recall $recall");

is(log_lines($node, qr/PANIC|TRAP|terminated by signal/), '', 'no backend crashed');
$node->stop;
done_testing();
