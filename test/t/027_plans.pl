# Catches a plan above a scan that gets other rows than without the index, too
# few of them, or rows in a wrong order; and one that stops early while the scan
# below it fetches the whole table.
#
# Queries of many shapes (HV_SHAPES, a pattern) come from a seed (HV_SEED),
# HV_CASES of them.  Each runs by the index and without it.  Where all rows are
# wanted, or no more pass than are wanted, the answers must be alike; else there
# must be as many rows, in order, and most of the nearest among them.

use strict;
use warnings;

use HvTest;
use Test::More;

my $seed = $ENV{HV_SEED} // 20261;
my $cases = $ENV{HV_CASES} // 100;
my $shape = $ENV{HV_SHAPES} // '.';
my $cases_a_table = 50;
my $node = new_node('plans', "max_parallel_workers = 8\n");
my @types = $node->safe_psql('postgres',
	"SELECT 1 FROM pg_available_extensions WHERE name = 'hvindex_pgvector' AND
	 EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector' AND default_version >= '0.7')") eq '1'
  ? ('real', 'real', 'vector', 'halfvec') : ('real');

srand($seed);
diag("seed $seed, $cases cases, types @types");

# --- what is drawn ------------------------------------------------------------

my %operator = (l2 => '<->', ip => '<#>', cosine => '<=>');

sub one_of { return $_[ int rand @_ ] }

# a table: what it is like, its query vectors, their distances to all rows
my %table;

sub make_tables
{
	my $type = one_of(@types);
	my $metric = one_of('l2', 'l2', 'ip', 'cosine');
	my $dims = one_of(3, 8, 16, 48);
	my $parts = one_of(2, 3, 7);

	%table = (
		database => 'db' . (1 + ($table{number} // 0)),
		number => 1 + ($table{number} // 0),
		type => $type eq 'real' ? 'real[]' : "$type($dims)",
		base => $type eq 'real' ? 'real[]' : $type,
		operator => $operator{$metric},
		class => "${type}_${metric}_ops",
		dims => $dims,
		rows => one_of(2000, 3000, 6000),
		clusters => one_of(5, 30, 100),
		spread => one_of(0.5, 2, 6),
		part => one_of("b % $parts", "id % $parts", "least(id % 20, $parts - 1)"),
		parts => $parts,
		with => one_of('', '', 'WITH (leaf_size = 16)', 'WITH (spill = on)'),
		alike => one_of(0, 0, 1),
		dead => one_of(0, 0, 30),
		analyzed => one_of(1, 1, 1, 0),
		# what a sum in float may be off by
		tolerance => $type eq 'real' ? 0 : 1e-4);
	$node->safe_psql('postgres', "CREATE DATABASE $table{database}");
	fill_tables();
	$table{queries} = [ map {
		split /\n/, on_table("SELECT v FROM t ORDER BY id LIMIT 1 OFFSET " . int rand($table{rows} / 2))
	} 1 .. 3 ];
	$table{distances} = [ map {
		[ split /\n/, on_table("SET enable_indexscan = off; SELECT v $table{operator} '$_' FROM t ORDER BY 1") ]
	} @{ $table{queries} } ];
	return;
}

sub on_table { return $node->safe_psql($table{database}, $_[0]) }

# t, the same rows divided into partitions p, and u to join with
sub fill_tables
{
	my %t = %table;
	my $extension = $t{base} eq 'real[]' ? 'hvindex' : 'hvindex_pgvector CASCADE';
	my @partition = map { "CREATE TABLE p$_ PARTITION OF p FOR VALUES IN ($_);" } 0 .. $t{parts} - 1;

	on_table(qq{
		SET client_min_messages = error;
		CREATE EXTENSION $extension;
		SELECT setseed(@{[rand]});
		CREATE FUNCTION vector_near(c int) RETURNS real[] LANGUAGE sql VOLATILE AS
		'SELECT array_agg((sin(c * 127.1 + i * (i + c) * 311.7) + $t{spread} * (random() - 0.5))::real)
		 FROM generate_series(1, $t{dims}) i';
		CREATE TABLE t (id int PRIMARY KEY, v $t{type}, a int, b int, c text);
		INSERT INTO t SELECT i, vector_near(i % $t{clusters})::$t{base}, random() * 99, i % $t{clusters},
			chr(97 + (random() * 25)::int) || i FROM generate_series(1, $t{rows}) i;
		@{[ $t{alike} ? 'UPDATE t SET v = (SELECT v FROM t x WHERE x.id = t.id % 50 + 1) WHERE id % 3 = 0;' : '' ]}
		CREATE INDEX t_v ON t USING hvtree (v $t{class}) $t{with};
		DELETE FROM t WHERE abs(hashint4(id)) % 100 < $t{dead};
		CREATE TABLE u AS SELECT id AS tid, (random() * 99)::int AS x FROM t WHERE random() < 0.7;
		INSERT INTO u SELECT tid, x FROM u WHERE random() < 0.2;
		CREATE INDEX u_tid ON u (tid);
		CREATE TABLE p (id int, v $t{type}, a int, b int, c text, part int) PARTITION BY LIST (part);
		@partition
		INSERT INTO p SELECT id, v, a, b, c, $t{part} FROM t;
		CREATE INDEX p_v ON p USING hvtree (v $t{class}) $t{with};
		@{[ $t{analyzed} ? 'VACUUM ANALYZE;' : '' ]}

		CREATE VIEW near AS SELECT id, a, b, c, v, v $t{operator} (SELECT v FROM t WHERE id = (SELECT min(id) FROM t)) AS d
			FROM t ORDER BY v $t{operator} (SELECT v FROM t WHERE id = (SELECT min(id) FROM t));
		CREATE FUNCTION leaves_loop(q $t{base}, k int) RETURNS SETOF int LANGUAGE plpgsql AS \$\$
		DECLARE r record; i int := 0;
		BEGIN
			FOR r IN SELECT id FROM t ORDER BY v $t{operator} q LOOP
				RETURN NEXT r.id;
				i := i + 1;
				EXIT WHEN i >= k;
			END LOOP;
		END \$\$;
		CREATE FUNCTION fetches(q $t{base}, k int) RETURNS SETOF int LANGUAGE plpgsql AS \$\$
		DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v $t{operator} q; r int;
		BEGIN
			OPEN c;
			FOR i IN 1..k LOOP
				FETCH c INTO r;
				EXIT WHEN NOT FOUND;
				RETURN NEXT r;
			END LOOP;
			CLOSE c;
		END \$\$;
		CREATE FUNCTION inlined(q $t{base}, most int) RETURNS SETOF t LANGUAGE sql STABLE AS
		\$\$ SELECT * FROM t WHERE a < most ORDER BY v $t{operator} q \$\$;
		CREATE FUNCTION lazy(q $t{base}, most int) RETURNS SETOF int LANGUAGE sql VOLATILE AS
		\$\$ SELECT id FROM t WHERE a < most ORDER BY v $t{operator} q \$\$;
		CREATE FUNCTION first_of(q $t{base}) RETURNS int LANGUAGE sql VOLATILE AS
		\$\$ SELECT id FROM t ORDER BY v $t{operator} q \$\$;
		CREATE FUNCTION with_limit(q $t{base}, k int) RETURNS SETOF int LANGUAGE sql STABLE AS
		\$\$ SELECT id FROM t ORDER BY v $t{operator} q LIMIT k \$\$});
	return;
}

sub filter
{
	my ($table) = @_;
	my $of = defined $table ? "$table." : '';

	return one_of('true', 'true', 'true', "${of}a < " . one_of(1, 3, 10, 50), "${of}a = " . int rand 100,
		"${of}b = " . int rand $table{clusters}, "${of}b IN (1, 2)", "${of}id % " . one_of(2, 10, 100, 1000) . ' = 1',
		"${of}c LIKE '" . one_of('a', 'b', 'zz') . "%'", "${of}a < 5 AND ${of}b <> 3", "${of}a < 20 AND random() >= 0",
		"(SELECT count(*) FROM u WHERE u.tid = ${of}id AND u.x < " . one_of(1, 10, 60) . ') > 0',
		"${of}id < " . one_of(20, 200, 1000), "${of}id = 77",
		"${of}id NOT IN (SELECT tid FROM u WHERE x > " . one_of(2, 50) . ')');
}

# --- the shapes ----------------------------------------------------------------
#
# Each is [query, rows wanted (0 = all), flags].  The first column of a query is
# an id, the last one the distance.  Flags:
#	all			the answer depends on all rows, whatever is wanted of it
#	ties		there may be more rows than wanted
#	any_order	rows come in any order
#	subset		a condition above a LIMIT: any number of rows
#	late		a scan that cannot know what is wanted: its late rows come last
#	uncompared	no comparison with the exact answer
#	random		rows are dropped at random: only the order is compared
#	needs N		so many rows must be known of a scan without a filter

sub shapes
{
	my ($q, $f, $k, $t) = @_;
	my $by = "v $table{operator} '$q'";
	my $plain = "SELECT id, $by AS d FROM $t WHERE $f ORDER BY $by";
	my $x = one_of(1, 10, 60, 100);
	my $few = one_of(3, 10, 30);
	my $generic = 'SET plan_cache_mode = force_generic_plan;';
	my $resets = 'DEALLOCATE s; RESET plan_cache_mode';
	my $ranked = sub { "SELECT id, rn, d FROM (SELECT id, $by AS d, $_[0] OVER (ORDER BY $by) rn FROM $t WHERE $f) s WHERE" };
	my $listed = sub { "SELECT i, o, v $table{operator} '$q' AS d FROM $_[0] WITH ORDINALITY a (i, o) JOIN t ON t.id = i ORDER BY o" };

	return (
		# LIMIT in all forms
		limit => ["$plain LIMIT $k", $k],
		all => [$plain, 0],
		limit_null => ["$plain LIMIT NULL", 0],
		limit_expression => ["$plain LIMIT $k + length('')", $k],
		limit_subquery => ["$plain LIMIT (SELECT $k)", $k],
		offset => ["$plain LIMIT $k OFFSET $few", $k, offset => $few],
		offset_all => ["$plain OFFSET 3", 0],
		ties => ["$plain FETCH FIRST $k ROWS WITH TIES", $k, ties => 1],
		nested_limit => ["SELECT * FROM ($plain LIMIT " . 3 * $k . ") s LIMIT $k", $k],
		above_limit => ["SELECT id, d FROM (SELECT id, a, $by AS d FROM $t WHERE $f ORDER BY $by LIMIT $k) s WHERE a < $x", $k, subset => 1],
		above_order => ["SELECT id, d FROM (SELECT id, a, $by AS d FROM $t WHERE $f ORDER BY $by OFFSET 0) s WHERE a < $x LIMIT $k", $k],
		locked => ["BEGIN; SELECT id, $by AS d FROM t WHERE $f ORDER BY $by LIMIT $k FOR UPDATE; ROLLBACK", $k],
		dropped => ["SELECT id, d FROM ($plain OFFSET 0) s WHERE random() < 0.1 LIMIT $few", $few, random => 1],
		set_returning => ["SELECT id, generate_series(1, 2) AS g, $by AS d FROM $t WHERE $f ORDER BY $by LIMIT $k", $k, twice => 1],
		distance_bound => ["SELECT id, $by AS d FROM $t WHERE $f AND $by < " . $table{distances}[0][ one_of(3, 20, 200) ] . " ORDER BY $by LIMIT $k", $k, less => 1],

		# statements with parameters
		prepared => ["$generic PREPARE s (int) AS $plain LIMIT \$1; EXECUTE s ($k); $resets", $k],
		prepared_null => ["$generic PREPARE s (int) AS $plain LIMIT \$1; EXECUTE s (NULL); $resets", 0],
		prepared_offset => ["$generic PREPARE s (int, int) AS $plain LIMIT \$1 OFFSET \$2; EXECUTE s ($k, $few); $resets", $k, offset => $few],
		prepared_window => ["$generic PREPARE s (int) AS " . $ranked->('row_number()') . " rn <= \$1; EXECUTE s ($k); $resets", $k],
		prepared_custom => ["PREPARE s (int) AS $plain LIMIT \$1; EXECUTE s ($k); $resets", $k],

		# window functions
		row_number => [$ranked->('row_number()') . ' ' . one_of("rn <= $k", "rn < $k + 1", "$k >= rn", "rn <= $k\::bigint"), $k],
		row_number_page => [$ranked->('row_number()') . " rn > $few AND rn <= $few + $k", $k, offset => $few],
		row_number_one => [$ranked->('row_number()') . " rn = $k", 1, uncompared => 1, needs => $k],
		row_number_condition => [$ranked->('row_number()') . " rn <= $k AND id % 2 = 0", $k, subset => 1],
		row_number_limit => [$ranked->('row_number()') . " rn <= $k LIMIT " . (1 + int $k / 2), 1 + int $k / 2],
		rank => [$ranked->('rank()') . " rn <= $k", $k, ties => 1],
		dense_rank => [$ranked->('dense_rank()') . " rn <= $k", $k, ties => 1],
		count_window => [$ranked->('count(*)') . " rn <= $k", $k, less => 1],
		window => ["SELECT id, " . one_of('rank()', 'row_number()', 'lag(1, 1, 0)', 'sum(1)', 'count(*)', 'lead(1)') . " OVER (ORDER BY $by), $by AS d FROM $t WHERE $f ORDER BY $by LIMIT $k", $k],
		window_whole => ["SELECT id, " . one_of('percent_rank()', 'ntile(4)', 'cume_dist()') . " OVER (ORDER BY $by), $by AS d FROM $t WHERE $f ORDER BY $by LIMIT $k", $k, all => 1],
		window_total => ["SELECT id, count(*) OVER () AS w, $by AS d FROM $t WHERE $f ORDER BY $by LIMIT $k", $k, all => 1],
		window_rest => ["SELECT id, count(*) OVER (ORDER BY $by ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING), $by AS d FROM $t WHERE $f ORDER BY $by LIMIT $k", $k, all => 1],
		window_total_within => ["SELECT id, w, d FROM (SELECT id, count(*) OVER () AS w, $by AS d FROM $t WHERE $f ORDER BY $by) s LIMIT $k", $k, all => 1],
		window_all => ["SELECT id, rank() OVER (ORDER BY $by), $by AS d FROM $t WHERE $f", 0],

		# nodes that rely on the order
		incremental_sort => ["SELECT id, $by AS d FROM $t WHERE $f ORDER BY $by, id LIMIT $k", $k],
		incremental_sort_all => ["SELECT id, $by AS d FROM $t WHERE $f ORDER BY $by, a, id", 0],
		distinct => ["SELECT DISTINCT 1, $by AS d FROM $t WHERE $f ORDER BY d LIMIT $k", $k, twice => 1],
		distinct_on => ["SELECT DISTINCT ON ($by) 1, $by AS d FROM $t WHERE $f ORDER BY $by LIMIT $k", $k, twice => 1],
		grouped => ["SELECT 1, count(*), $by AS d FROM $t WHERE $f GROUP BY $by ORDER BY $by LIMIT $k", $k, twice => 1],
		grouped_all => ["SELECT 1, count(*), $by AS d FROM $t WHERE $f GROUP BY $by ORDER BY $by", 0, twice => 1],
		union_all => ["(SELECT id, $by AS d FROM t WHERE $f ORDER BY $by) UNION ALL (SELECT id, $by AS d FROM p WHERE $f ORDER BY $by) ORDER BY d LIMIT $k", $k, twice => 1],
		partitions => ["SELECT id, $by AS d FROM p WHERE $f ORDER BY $by LIMIT $k", $k],
		partitions_some => ["SELECT id, $by AS d FROM p WHERE part IN (0, 1) AND $f ORDER BY $by LIMIT $k", $k],
		merge_join => ["SET enable_hashjoin = off; SET enable_nestloop = off; SELECT t.id, t.$by AS d FROM (SELECT DISTINCT y.$by AS d FROM t y WHERE y.id % 97 = 3 OFFSET 0) s JOIN t ON s.d = t.$by WHERE $f ORDER BY t.$by; RESET enable_hashjoin; RESET enable_nestloop", 0],
		minimum => ["SELECT 1, min($by) AS d FROM $t WHERE $f", 1, any_order => 1],
		aggregated => [$listed->("unnest((SELECT array_agg(id ORDER BY $by) FROM t WHERE $f))"), 0],

		# joins
		join => ["SELECT t.id, t.$by AS d FROM t JOIN u ON u.tid = t.id WHERE u.x < $x AND $f ORDER BY t.$by LIMIT $k", $k, twice => 1],
		join_all => ["SELECT t.id, t.$by AS d FROM t JOIN u ON u.tid = t.id WHERE u.x < $x AND $f ORDER BY t.$by", 0, twice => 1],
		join_window => ["SELECT t.id, rank() OVER (ORDER BY t.$by), t.$by AS d FROM t JOIN u ON u.tid = t.id WHERE u.x < $x AND $f ORDER BY t.$by LIMIT $k", $k, twice => 1],
		left_join => ["SELECT t.id, t.$by AS d FROM t LEFT JOIN u ON u.tid = t.id AND u.x < $x WHERE $f ORDER BY t.$by LIMIT $k", $k, twice => 1],
		semi_join => ["SELECT t.id, t.$by AS d FROM t WHERE EXISTS (SELECT FROM u WHERE u.tid = t.id AND u.x < $x) AND $f ORDER BY t.$by LIMIT $k", $k],
		anti_join => ["SELECT t.id, t.$by AS d FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.tid = t.id AND u.x < $x) AND $f ORDER BY t.$by LIMIT $k", $k],
		join_view => ["SELECT n.id, n.d FROM near n JOIN u ON u.tid = n.id WHERE u.x < $x ORDER BY n.d LIMIT $k", $k, twice => 1, own_query => 1],

		# subqueries, WITH, functions, views
		with => ["WITH c AS MATERIALIZED ($plain LIMIT $k) SELECT * FROM c", $k],
		with_limit => ["WITH c AS MATERIALIZED ($plain) SELECT * FROM c LIMIT $k", $k],
		with_twice => ["WITH c AS MATERIALIZED ($plain) SELECT * FROM (SELECT * FROM c LIMIT $k) x WHERE EXISTS (SELECT FROM c)", $k],
		with_limit_null => ["$generic PREPARE s (int) AS WITH c AS MATERIALIZED ($plain) SELECT * FROM (SELECT * FROM c LIMIT \$1) x WHERE EXISTS (SELECT FROM c); EXECUTE s (NULL); $resets", 0],
		with_offset => ["$generic PREPARE s (int) AS WITH c AS MATERIALIZED ($plain) SELECT * FROM (SELECT * FROM c OFFSET \$1) x WHERE EXISTS (SELECT FROM c); EXECUTE s ($few); $resets", 0],
		with_count => ["WITH c AS MATERIALIZED ($plain) SELECT * FROM (SELECT * FROM c LIMIT $k) x WHERE (SELECT count(*) FROM c) > 0", $k, all => 1],
		in => ["SELECT id, $by AS d FROM t WHERE id IN (SELECT id FROM $t WHERE $f ORDER BY $by LIMIT $k)", $k, any_order => 1],
		exists => ["SELECT 1, 0.0 AS d WHERE EXISTS (SELECT id FROM $t WHERE $f ORDER BY $by OFFSET 0)", 1, any_order => 1, needs => 1],
		array => [$listed->("unnest(ARRAY(SELECT id FROM t WHERE $f ORDER BY $by))"), 0],
		array_limit => [$listed->("unnest(ARRAY(SELECT id FROM t WHERE $f ORDER BY $by LIMIT $k))"), $k],
		scalar => ["SELECT (SELECT id FROM $t WHERE $f ORDER BY $by LIMIT 1), (SELECT $by FROM $t WHERE $f ORDER BY $by LIMIT 1) AS d", 1, any_order => 1, twice => 1],
		inlined => ["SELECT id, $by AS d FROM inlined('$q', $x) LIMIT $k", $k],
		lazy => ["SELECT i, 1, $by AS d FROM (SELECT i FROM (SELECT lazy('$q', $x) i LIMIT $k) s) s JOIN t ON t.id = i", $k, any_order => 1],
		first_of => ["SELECT first_of('$q'), 0.0 AS d", 1, uncompared => 1, needs => 1],
		with_limit_function => [$listed->("with_limit('$q', $k)"), $k],
		leaves_loop => [$listed->("leaves_loop('$q', $k)"), $k, late => 1],
		fetches => [$listed->("fetches('$q', $k)"), $k, late => 1],
		view => ["SELECT id, d FROM near WHERE $f LIMIT $k", $k, own_query => 1],
		lateral => ["SELECT s.id, o.id AS oid, s.d FROM (SELECT * FROM t WHERE id IN (SELECT id FROM t ORDER BY id LIMIT 5)) o, LATERAL (SELECT id, v $table{operator} o.v AS d FROM $t ORDER BY v $table{operator} o.v LIMIT $few) s", 5 * $few, uncompared => 1, needs => $few],
		lateral_other => ["SELECT s.id, s.d FROM (SELECT * FROM t WHERE id IN (SELECT id FROM t ORDER BY id LIMIT 1)) o, LATERAL (SELECT id, v $table{operator} o.v AS d FROM $t WHERE $t.id <> o.id ORDER BY v $table{operator} o.v LIMIT $k) s", $k, own_query => 1],
		lateral_filter => ["SELECT s.id, o.id AS oid, s.d FROM (SELECT * FROM t WHERE id IN (SELECT id FROM t ORDER BY id LIMIT 2)) o, LATERAL (SELECT id, v $table{operator} o.v AS d FROM $t y WHERE @{[filter('y')]} ORDER BY v $table{operator} o.v OFFSET 0) s ORDER BY o.id, s.d", 0, sets => 1],

		# cursors
		cursor => ["BEGIN; DECLARE c CURSOR FOR $plain; FETCH $k FROM c; COMMIT", $k],
		cursor_steps => ["BEGIN; DECLARE c CURSOR FOR $plain; FETCH $few FROM c; FETCH $few FROM c; FETCH $few FROM c; COMMIT", 3 * $few, late => 1],
		cursor_first => ["BEGIN; DECLARE c CURSOR FOR $plain; FETCH FIRST FROM c; FETCH NEXT FROM c; COMMIT", 2, late => 1],
		cursor_growing => ["BEGIN; DECLARE c CURSOR FOR $plain; FETCH 1 FROM c; FETCH $k FROM c; COMMIT", $k + 1, late => 1],
		cursor_rest => ["BEGIN; DECLARE c CURSOR FOR $plain; FETCH $few FROM c; FETCH ALL FROM c; COMMIT", 0, late => 1],
		cursor_all => ["BEGIN; DECLARE c CURSOR FOR $plain; FETCH ALL FROM c; COMMIT", 0],
		cursor_hold => ["BEGIN; DECLARE c CURSOR WITH HOLD FOR $plain; COMMIT; FETCH ALL FROM c; CLOSE c", 0],
		cursor_scroll => ["BEGIN; DECLARE c SCROLL CURSOR FOR $plain LIMIT $k; FETCH ALL FROM c; COMMIT", $k],

		# statements that write
		create_as => ["BEGIN; CREATE TEMP TABLE x AS $plain LIMIT $k; SELECT id, d FROM x; ROLLBACK", $k],
		create_as_all => ["BEGIN; CREATE TEMP TABLE x AS $plain; SELECT id, d FROM x; ROLLBACK", 0],
		insert => ["BEGIN; CREATE TEMP TABLE x (id int, d float8); INSERT INTO x $plain LIMIT $k; SELECT id, d FROM x; ROLLBACK", $k],
		insert_with => ["BEGIN; CREATE TEMP TABLE x (id int, w bigint, d float8); WITH g AS (INSERT INTO x SELECT id, rank() OVER (ORDER BY $by), $by FROM t WHERE $f) SELECT 1 WHERE false; SELECT * FROM x; ROLLBACK", 0],
		update => ["BEGIN; UPDATE t SET a = a WHERE id IN (SELECT id FROM t WHERE $f ORDER BY $by LIMIT $k) RETURNING id, $by AS d; ROLLBACK", $k, any_order => 1],
		delete => ["BEGIN; WITH g AS (DELETE FROM t WHERE id IN (SELECT id FROM t WHERE $f ORDER BY $by LIMIT $k) RETURNING id, $by AS d) SELECT * FROM g; ROLLBACK", $k, any_order => 1],
		copy => ["COPY (SELECT id, $by AS d FROM $t WHERE $f ORDER BY $by LIMIT $k) TO STDOUT WITH (DELIMITER '|')", $k],
	);
}

# One case: a shape with its query vector, its filter, its number of rows.
sub draw_case
{
	my $query = int rand @{ $table{queries} };
	my ($f, $k, $t) = (filter(), one_of(1, 2, 5, 10, 10, 10, 20, 50, 200, 1000, 5000), one_of('t', 't', 'p'));
	my %shapes = shapes($table{queries}[$query], $f, $k, $t);
	my $name = one_of(grep { /$shape/ } sort keys %shapes);
	my ($sql, $wanted, %flag) = @{ $shapes{$name} };

	$flag{late} ||= $sql =~ /random\(\) >= 0/;
	return { name => $name, query => $query, sql => $sql, wanted => $wanted, flag => \%flag,
		filtered => $sql =~ /WHERE true/ || $flag{own_query} && $f eq 'true' ? 0 : 1,
		sort => one_of('on', 'off'), workers => one_of(0, 0, 0, 2) };
}

# --- running them ----------------------------------------------------------------

my $counts = 'SELECT coalesce(sum(scans), 0), coalesce(sum(heap_fetches), 0) FROM hvtree_scan_stats';

# All cases in one session; adds to each the rows by the index and without it,
# how many scans there were, and how many rows they fetched.
sub run_cases
{
	my (@cases) = @_;
	my $script = "SET client_min_messages = error; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;\n";

	foreach my $i (0 .. $#cases)
	{
		my $case = $cases[$i];
		my $by_index = "DISCARD PLANS; SET enable_indexscan = on; SET enable_seqscan = off; SET enable_bitmapscan = off; "
		  . "SET enable_sort = $case->{sort}; SET max_parallel_workers_per_gather = $case->{workers};";
		my $without = 'DISCARD PLANS; SET enable_indexscan = off; SET enable_seqscan = on; SET enable_bitmapscan = on; '
		  . 'SET enable_sort = on; SET max_parallel_workers_per_gather = 0;';

		$script .= "$by_index\n\\echo == $i before\n$counts;\n\\echo == $i found\n$case->{sql};\n"
		  . "\\echo == $i after\n$counts;\n$without\n\\echo == $i exact\n$case->{sql};\n\\echo == $i end\n";
	}
	my ($rc, $out, $err) = $node->psql($table{database}, $script, on_error_stop => 0);
	my ($i, $part);

	is($err, '', 'no error') if $err =~ /ERROR|FATAL|PANIC|WARNING/ || $rc != 0;
	foreach my $line (split /\n/, $out)
	{
		if ($line =~ /^== (\d+) (\w+)$/) { ($i, $part) = ($1, $2) }
		else { push @{ $cases[$i]{$part} }, $line }
	}
	foreach my $case (@cases)
	{
		my ($scans_before, $fetched_before) = split /\|/, $case->{before}[0];
		my ($scans, $fetched) = split /\|/, $case->{after}[0];

		$case->{scans} = $scans - $scans_before;
		$case->{fetched} = $fetched - $fetched_before;
		$_ = [ grep { /\|/ } @{ $_ // [] } ] foreach @{$case}{qw(found exact)};
	}
	return;
}

sub distance_of { return (split /\|/, $_[0])[-1] }

sub id_of { return (split /\|/, $_[0])[0] }

# how often a row is nearer than the one before it
sub descents
{
	my @distances = map { distance_of($_) } @_;

	return scalar grep { $distances[$_] < $distances[ $_ - 1 ] - $table{tolerance} } 1 .. $#distances;
}

# --- what is wrong with the answer of a case ---------------------------------------

# All that there is: the same rows, in order.
sub wrong_if_whole
{
	my ($case) = @_;
	my ($found, $exact, $flag) = @{$case}{qw(found exact flag)};
	my $rows_of = sub { join ' ', sort map { id_of($_) . '|' . distance_of($_) } @{ $_[0] } };
	my $shown = sub { join ' ', map { s/^\d+\|//r } @{ $_[0] } };

	return @$found . ' rows of ' . @$exact if @$found != @$exact;
	# of rows alike the last ones of a LIMIT may be any
	return 'other rows'
	  if $rows_of->($found) ne $rows_of->($exact) && !($case->{wanted} && @$exact >= $case->{wanted})
	  && !($table{alike} && $flag->{offset});
	return '' if $flag->{any_order} || $flag->{sets};
	return descents(@$found) > $case->{scans} ? 'out of order' : '' if $flag->{late};
	return 'out of order' if descents(@$found) > 0;
	return $table{tolerance} == 0 && $shown->($found) ne $shown->($exact) ? 'other columns' : '';
}

# The nearest few: as many, in order, none twice, most of the nearest.
sub wrong_if_nearest
{
	my ($case) = @_;
	my ($found, $exact, $flag) = @{$case}{qw(found exact flag)};
	my %seen;

	return @$found . ' rows of ' . @$exact
	  if @$found != @$exact && !$flag->{ties} && !$flag->{less} && !$flag->{subset};
	return 'out of order' if !$flag->{any_order} && descents(@$found) > 0;
	return 'a row twice' if !$flag->{twice} && grep { $seen{ id_of($_) }++ } @$found;
	return '' if $flag->{subset} || @$exact < 10;
	my ($last) = sort { $b <=> $a } map { distance_of($_) } @$exact;
	my $hits = grep { distance_of($_) <= $last + $table{tolerance} } @$found;

	$case->{recall} = $hits > @$exact ? 1 : $hits / @$exact;
	return $case->{recall} < 0.6 ? sprintf('recall %.2f of %d', $case->{recall}, scalar @$exact) : '';
}

# A scan that need not look far and fetches much of the table.
sub wrong_effort
{
	my ($case) = @_;
	my $distances = $table{distances}[ $case->{query} ];
	my $needed = $case->{flag}{needs};

	return '' if $case->{scans} == 0 || $case->{workers} > 0;
	if (!defined $needed)
	{
		return '' if $case->{scans} > 1 || @{ $case->{exact} } == 0 || $case->{flag}{own_query};
		my ($last) = sort { $b <=> $a } map { distance_of($_) } @{ $case->{exact} };
		$needed = grep { $_ <= $last } @$distances;
	}
	elsif ($case->{filtered}) { return '' }
	return $case->{fetched} > $case->{scans} * (8 * $needed + 150)
	  ? "$case->{fetched} rows fetched, $needed needed" : '';
}

sub what_is_wrong
{
	my ($case) = @_;
	my $answer = $case->{flag}{random} ? 'found' : 'exact';
	my $all = $case->{wanted} == 0 || @{ $case->{$answer} } < $case->{wanted} || $case->{flag}{all};

	return descents(@{ $case->{found} }) > ($all ? $case->{scans} : 0) ? 'out of order' : '' if $case->{flag}{random};
	# rows that pass a condition above a LIMIT do not tell whether that was reached
	$all = 0 if $case->{flag}{subset} || $case->{flag}{less};
	my $wrong = $case->{flag}{uncompared} ? '' : $all ? wrong_if_whole($case) : wrong_if_nearest($case);

	return $wrong if $wrong ne '';
	return $all ? '' : wrong_effort($case);
}

# --- what generated cases have found, in small --------------------------------------

# A join drops nine rows of ten, so the batch of rows that the planner expects it
# to need is too small, and ends before a row that belongs before its last one.
sub too_small_batch
{
	my $query = 'SELECT sum(wrong), sum(rows) FROM (SELECT v FROM t WHERE id <= 60) q,
		LATERAL (SELECT count(*) AS rows, count(*) FILTER (WHERE d < before) AS wrong
			FROM (SELECT d, lag(d) OVER () AS before
				FROM (SELECT v <-> q.v AS d FROM t JOIN u USING (id) ORDER BY d LIMIT 100) s) s) s';

	$node->safe_psql('postgres', 'CREATE DATABASE batch');
	my $answer = $node->safe_psql('batch', qq{
		SET client_min_messages = error;
		CREATE EXTENSION hvindex;
		CREATE TABLE t (id int PRIMARY KEY, v real[]);
		INSERT INTO t SELECT i, (SELECT array_agg(sin(i * 0.37 * (1 + j % 7) + j * j)::real) FROM generate_series(1, 48) j)
			FROM generate_series(1, 3000) i;
		CREATE INDEX t_v ON t USING hvtree (v) WITH (leaf_size = 16, target_recall = 0.8);
		CREATE TABLE u AS SELECT id FROM t WHERE id % 10 = 0;
		CREATE INDEX u_id ON u (id);
		VACUUM ANALYZE t, u;
		SET enable_seqscan = off; SET enable_sort = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
		EXPLAIN $query;
		$query});

	like($answer, qr/Index Scan using t_v/, 'joined rows come by the index');
	like($answer, qr/^0\|6000$/m, 'a batch that is too small for a join ends in order');
	$node->safe_psql('postgres', 'DROP DATABASE batch');
	return;
}

# --- the tests ---------------------------------------------------------------------

my (%faults, %met, %by_index, @recalls);

too_small_batch();

while ($cases > 0)
{
	make_tables();
	my @cases = map { draw_case() } 1 .. ($cases < $cases_a_table ? $cases : $cases_a_table);
	my $is = join ', ', map { "$_ $table{$_}" } qw(type class dims rows clusters spread alike dead analyzed parts with);

	note("table $table{number}: $is");
	run_cases(@cases);
	foreach my $case (@cases)
	{
		my $wrong = what_is_wrong($case);
		my $sql = $case->{sql} =~ s/'[\[{][^']*'/'q'/gr;

		$met{ $case->{name} }++;
		$by_index{ $case->{name} }++ if $case->{scans} > 0;
		push @recalls, $case->{recall} if $case->{scans} > 0 && defined $case->{recall};
		push @{ $faults{ $case->{name} } },
		  "$wrong ($case->{scans} scans, $case->{fetched} rows fetched, sort $case->{sort}, "
		  . "$case->{workers} workers)\n   table $table{number}: $is\n   $sql"
		  if $wrong ne '';
	}
	$node->safe_psql('postgres', "DROP DATABASE $table{database}");
	$cases -= @cases;
}
foreach my $name (sort keys %met)
{
	ok(!$faults{$name}, "$name: $met{$name} cases, " . ($by_index{$name} // 0) . ' by the index')
	  || diag(join "\n", @{ $faults{$name} });
}
my $sum = 0;
$sum += $_ foreach @recalls;
cmp_ok($sum / @recalls, '>=', 0.92, sprintf('mean recall %.3f of %d answers', $sum / @recalls, scalar @recalls))
  if @recalls;

$node->stop;
done_testing();
