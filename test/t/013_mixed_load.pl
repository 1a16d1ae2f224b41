# Would catch: what happens only when a tree grows, shrinks and shifts under
# everyone at once: rows lost or doubled by splits, by tuples that move between
# leaves, by leaves that are merged or given back, under scans, inserts and
# VACUUM; a deadlock; a tree that is unsound afterwards.
#
# 008_concurrency.pl has a table that stays about as it is.  Here it starts
# empty, the data drifts, whole regions go and most rows go at times, so that the
# height of the tree changes; and one session compares scans with the table all
# the time.
#
#	HV_LOAD_SECONDS		how long (default 8)

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{HV_LOAD_SECONDS} || 8;
my $node = new_node('mixed', "max_connections = 30\ndeadlock_timeout = 200ms\n");
my $point = q{'{1,0,1,0,1,0}'};

vector_functions($node);
check_functions($node);
sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

sql(q{
	CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v real[], note int NOT NULL DEFAULT 0)
	WITH (fillfactor = 80);
	CREATE INDEX items_l2 ON items USING hvtree (v, id) WITH (leaf_size = 8, branching = 8);
	CREATE INDEX items_cosine ON items USING hvtree (v real_cosine_ops, id) WITH (leaf_size = 8, branching = 8, spill = on);
	CREATE INDEX items_ip ON items USING hvtree (v real_ip_ops) WITH (leaf_size = 12, branching = 8, spill = off);
	CREATE INDEX items_note ON items (note);
	-- vectors out of line: those of dead rows go at any moment
	CREATE TABLE wide (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v real[]);
	ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
	CREATE INDEX wide_l2 ON wide USING hvtree (v) WITH (leaf_size = 8, branching = 8);

	-- centres that drift: every second a new one comes and an old one goes
	CREATE FUNCTION next_vector() RETURNS real[] LANGUAGE sql VOLATILE AS
	'SELECT vector_near(6, (extract(epoch FROM clock_timestamp())::int + floor(random() * 12)::int) % 100)';
	INSERT INTO items (v) SELECT next_vector() FROM generate_series(1, 200);
	ANALYZE items});

# Checks stand in the scripts: an error ends pgbench with status 2.  Rows that
# another client has locked are skipped, so that a deadlock is the index's.
my %script = (
	'insert' => q{INSERT INTO items (v) SELECT next_vector() FROM generate_series(1, 8);},
	'insert_equal' => q{INSERT INTO items (v) SELECT v FROM (SELECT next_vector() AS v OFFSET 0) s, generate_series(1, 60);},
	'update' => q{
		UPDATE items SET v = next_vector()
		WHERE id IN (SELECT id FROM items ORDER BY v <-> next_vector() LIMIT 5 FOR UPDATE SKIP LOCKED);},
	'update_note' => q{
		UPDATE items SET note = note + 1
		WHERE id IN (SELECT id FROM items ORDER BY v <=> next_vector() LIMIT 10 FOR UPDATE SKIP LOCKED);},
	'delete_region' => q{
		DELETE FROM items
		WHERE id IN (SELECT id FROM items ORDER BY v <-> next_vector() LIMIT 60 FOR UPDATE SKIP LOCKED);},
	'delete_most' => q{
		DELETE FROM items
		WHERE id IN (SELECT id FROM items WHERE id < (SELECT max(id) FROM items) - 300 FOR UPDATE SKIP LOCKED);},
	'wide' => q{
		INSERT INTO wide (v) SELECT vector_near(600, i) FROM generate_series(1, 3) i;
		UPDATE wide SET v = vector_near(600, 4)
		WHERE id IN (SELECT id FROM wide ORDER BY id DESC OFFSET floor(random() * 100) LIMIT 2 FOR UPDATE SKIP LOCKED);
		BEGIN;
		INSERT INTO wide (v) SELECT vector_near(600, i) FROM generate_series(2, 5) i;
		ROLLBACK;
		DELETE FROM wide WHERE id IN (SELECT id FROM wide ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED);},
	'wide_scan' => q{
		SELECT check_that(count(*) = count(DISTINCT id), 'each wide row once')
		FROM (SELECT id FROM wide ORDER BY v <-> vector_near(600, 3) LIMIT 30) s;},
	'wide_vacuum' => q{VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF) wide;},
	'rollback' => q{
		BEGIN;
		INSERT INTO items (v) SELECT next_vector() FROM generate_series(1, 30);
		ROLLBACK;},
	'scan' => q{
		SELECT check_that(count(*) = count(DISTINCT id), 'each row once')
		FROM (SELECT id FROM items ORDER BY v <-> next_vector() LIMIT 30) s;},
	'scan_slow' => q{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT slow_scan('items', $$v <-> '{1,0,0,1,0,0}'$$, 0.4 * random());
		SELECT slow_scan('items', $$v <=> '{1,0,0,1,0,0}'$$, 0.4 * random());
		COMMIT;},
	'vacuum' => q{VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF) items;},
	'check' => q{
		SELECT hvtree_check('items_l2'), hvtree_check('items_cosine'), hvtree_check('items_ip'), hvtree_check('wide_l2');
		\sleep 150 ms},
);
my %weight = (insert => 30, insert_equal => 4, update => 14, update_note => 8, delete_region => 4,
	delete_most => 1, rollback => 2, scan => 14, scan_slow => 2, vacuum => 3, check => 1, wide => 10, wide_scan => 3, wide_vacuum => 3);
if (sql(q{SELECT count(*) FROM pg_proc WHERE proname = 'hvtree_maintain'}) > 0)
{
	$script{maintain} = join "\n", '\set budget random(1, 60)',
	  map { "SELECT hvtree_maintain('$_', :budget);" } ('items_l2', 'items_cosine', 'items_ip', 'wide_l2');
	$weight{maintain} = 4;
}
else
{
	note('no hvtree_maintain');
}

# One snapshot: each index finds the rows that are in the table, once.
my $witness = $node->basedir . '/witness.sql';
append_to_file($witness, q{
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	} . join('', map { qq{
	SELECT check_that((a.n, a.d, a.s) = (b.n, b.n, b.s),
					  '$_->[1] ' || a.n || ' rows, ' || a.d || ' different, sum ' || a.s
					  || ', table ' || b.n || ' rows, sum ' || b.s)
	FROM (SELECT count(*) AS n, count(DISTINCT id) AS d, coalesce(sum(id), 0) AS s
		  FROM (SELECT id FROM items ORDER BY $_->[0]) i) a,
		 (SELECT count(*) AS n, coalesce(sum(id), 0) AS s FROM items) b;}
	} (["v <-> '{1,0,0,1,0,0}'", 'by distance:'], ["v <=> '{1,0,0,1,0,0}'", 'by cosine:'],
		["v <#> (SELECT next_vector())", 'by inner product:']))
	. q{
	SELECT check_that((SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM wide ORDER BY v <-> vector_near(600, 3)) s)
					  IS NOT DISTINCT FROM (SELECT array_agg(id ORDER BY id) FROM wide), 'every wide row once');
	COMMIT;});
my ($out, $err) = ('', '');
my @command = ('pgbench', '-n', '-h', $node->host, '-p', $node->port, '-T', $seconds, '-c', 1, '-f', $witness, 'postgres');
my $forced = '-c enable_seqscan=off -c enable_sort=off -c enable_bitmapscan=off';
my $run;
stop_after($node, $seconds + 60);
{
	local $ENV{PGOPTIONS} = $forced;
	$run = IPC::Run::start(\@command, '<', \undef, '>', \$out, '2>', \$err);
	my %files = map { ("013_$_\@$weight{$_}" => $script{$_}) } keys %script;
	$node->pgbench("-n -c 6 -j 2 -T $seconds",
		0, [qr/actually processed/], [qr/^(?!.*(?:not so|ERROR|aborted))/s],
		"$seconds s of everything at once: no error, no wrong answer", \%files);
}
my $witnessed = $run->finish;
stop_after($node, 0);
ok($witnessed, 'the witness has seen every row once in each snapshot') || diag($err);
my ($looks) = $out =~ /actually processed: (\d+)/;
cmp_ok($looks // 0, '>=', $seconds / 2, 'the witness has looked ' . ($looks // 0) . ' times');

is(log_lines($node, qr/PANIC|TRAP|terminated by signal/), '', 'no backend crashed');
is(log_lines($node, qr/deadlock detected/), '', 'no deadlock');

# --- what is left ----------------------------------------------------------------

my %operator = (items_l2 => '<->', items_cosine => '<=>', items_ip => '<#>');
my $wide_point = 'array_fill(0.5::real, ARRAY[600])';

sub all_complete
{
	my ($name) = @_;
	my $rows = sql('SELECT count(*) FROM items');

	foreach my $index (sort keys %operator)
	{
		check_index($node, $index, "$name: $index is sound");
		is(exhaustive($node, 'items', $operator{$index}, $point),
			"$rows|0|0|0", "$name: $index gives every row once, in order");
	}
	is_complete($node, 'wide_l2', 'wide', $wide_point, "$name, out of line");
	return;
}

diag(sql(q{SELECT count(*) || ' rows of ' || max(id) || ' are left, pages ' || pg_relation_size('items_l2') / 8192 FROM items})
	  . ', height ' . stats($node, 'items_l2')->{height} . ", the witness has looked $looks times");
all_complete('after it');

# with all leaves read the nearest are those of a sort
is( sql(q{
		SET enable_seqscan = off; SET hvtree.probes = 100000; SET hvtree.rerank = 1000;
		SELECT count(*) FROM (SELECT vector_near(6, i) AS q FROM generate_series(1, 20) i) p
		WHERE (SELECT array_agg(d) FROM (SELECT v <-> q AS d FROM items ORDER BY v <-> q LIMIT 10) s)
			  IS DISTINCT FROM
			  (SELECT array_agg(d) FROM (SELECT v <-> q AS d FROM items ORDER BY (v <-> q) + 0 LIMIT 10) s)}),
	'0', 'after it: the ten nearest are those of a sequential scan');

sql('VACUUM items');
sql('VACUUM wide');
is(join(' ', map { my $s = stats($node, $_); "$s->{dead_tuples} $s->{rows}" } sort keys %operator),
	join(' ', (sql(q{SELECT '0 ' || count(*) FROM items})) x 3), 'VACUUM leaves no dead tuple and counts right');
all_complete('after VACUUM');

# from that on, one writer and nobody else
sql(q{
	DELETE FROM items WHERE id % 10 > 0;
	VACUUM items;
	INSERT INTO items (v) SELECT next_vector() FROM generate_series(1, 1500)});
all_complete('emptied and filled again');

$node->stop;
done_testing();
