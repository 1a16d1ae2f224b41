# Catches a bound on the distance (WHERE v <-> q < r ORDER BY v <-> q) that ends a
# scan too early, too late, or not at all: rows within the bound that are lacking,
# rows beyond it, rows out of order, and a scan that reads more than the same
# query without the bound.
#
# Tables, spellings, kinds of statements, numbers of rows wanted and of rows that
# pass come from a seed (HV_SEED), HV_CASES of them.  Each query runs by the index,
# without it, and by the index without the bound.

use strict;
use warnings;

use HvTest;
use Test::More;

my $seed = $ENV{HV_SEED} // 20281;
my $cases = $ENV{HV_CASES} // 150;
my $cases_a_table = 50;
my $node = new_node('bounds', "max_parallel_workers = 8\n");
my @types = $node->safe_psql('postgres',
	"SELECT 1 FROM pg_available_extensions WHERE name = 'hvindex_pgvector' AND
	 EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector' AND default_version >= '0.7')") eq '1'
  ? ('real', 'real', 'vector', 'halfvec') : ('real');

srand($seed);
diag("seed $seed, $cases cases, types @types");

my %operator = (l2 => '<->', ip => '<#>', cosine => '<=>');

sub one_of { return $_[ int rand @_ ] }

# --- tables -------------------------------------------------------------------

my %table;

sub on_table { return $node->safe_psql($table{database}, $_[0]) }

sub make_table
{
	my $type = one_of(@types);
	my $metric = one_of('l2', 'l2', 'ip', 'cosine');
	my $dims = one_of(3, 16, 48, 128);

	%table = (
		database => 'db' . (1 + ($table{number} // 0)),
		number => 1 + ($table{number} // 0),
		metric => $metric,
		type => $type eq 'real' ? 'real[]' : "$type($dims)",
		base => $type eq 'real' ? 'real[]' : $type,
		operator => $operator{$metric},
		class => "${type}_${metric}_ops",
		dims => $dims,
		rows => one_of(3000, 5000),
		clusters => one_of(5, 30, 300),
		spread => one_of(0.5, 2, 6),
		dead => one_of(0, 0, 30),
		tolerance => $type eq 'real' ? 0 : 1e-4);
	my %t = %table;
	my $extension = $t{base} eq 'real[]' ? 'hvindex' : 'hvindex_pgvector CASCADE';

	$node->safe_psql('postgres', "CREATE DATABASE $t{database}");
	on_table(qq{
		SET client_min_messages = error;
		CREATE EXTENSION $extension;
		SELECT setseed(@{[rand]});
		CREATE FUNCTION vector_near(c int) RETURNS real[] LANGUAGE sql VOLATILE AS
		'SELECT array_agg((sin(c * 127.1 + i * (i + c) * 311.7) + $t{spread} * (random() - 0.5))::real)
		 FROM generate_series(1, $t{dims}) i';
		CREATE TABLE t (id int PRIMARY KEY, v $t{type}, a int);
		INSERT INTO t SELECT i, vector_near(i % $t{clusters})::$t{base}, random() * 99
			FROM generate_series(1, $t{rows}) i;
		INSERT INTO t VALUES (-1, NULL, 1);
		CREATE INDEX t_v ON t USING hvtree (v $t{class});
		DELETE FROM t WHERE abs(hashint4(id)) % 100 < $t{dead};
		CREATE TABLE q AS SELECT id, vector_near(id)::$t{base} AS v FROM generate_series(1, 8) id;
		INSERT INTO q SELECT 8 + row_number() OVER (), v FROM (SELECT v FROM t WHERE v IS NOT NULL LIMIT 4) s;
		VACUUM ANALYZE;
		CREATE VIEW near AS SELECT t.id, t.a, q.id AS number, t.v $t{operator} q.v AS d FROM t, q;
		CREATE FUNCTION matching(query $t{base}, threshold float8, count int) RETURNS TABLE (id int, d float8)
			LANGUAGE plpgsql STABLE AS \$\$ BEGIN
			RETURN QUERY SELECT t.id, t.v $t{operator} query FROM t WHERE t.v $t{operator} query < threshold
				ORDER BY t.v $t{operator} query LIMIT count; END \$\$;
		CREATE FUNCTION matching_sql(query $t{base}, threshold float8, count int) RETURNS TABLE (id int, d float8)
			LANGUAGE sql STABLE AS \$\$ SELECT t.id, t.v $t{operator} query FROM t
			WHERE t.v $t{operator} query < threshold ORDER BY t.v $t{operator} query LIMIT count \$\$;
		CREATE FUNCTION loop_until(query $t{base}, threshold float8, count int) RETURNS TABLE (id int, d float8)
			LANGUAGE plpgsql AS \$\$ DECLARE n int := 0; BEGIN
			FOR id, d IN SELECT t.id, t.v $t{operator} query FROM t WHERE t.v $t{operator} query <= threshold
				ORDER BY t.v $t{operator} query LOOP
				RETURN NEXT; n := n + 1; EXIT WHEN n >= count; END LOOP; END \$\$});
	$table{queries} = [ split /\n/, on_table('SELECT v FROM q ORDER BY id') ];
	$table{distances} = [ map {
		[ split /\n/, on_table("SET enable_indexscan = off; SELECT v $table{operator} '$_' FROM t WHERE v IS NOT NULL ORDER BY 1") ]
	} @{ $table{queries} } ];
	return;
}

# --- spellings and kinds ---------------------------------------------------------

# "distance < bound" in some way
sub bound
{
	my ($d, $r) = @_;
	my $c = one_of(0.5, 1, 3, 17);

	return one_of("$d < $r", "$d <= $r", "$r > $d", "$r >= $d", "-($d) > -($r)", "($d) - $r < 0", "0 > ($d) - $r",
		"$c * ($d) < $c * $r", "($d) * $c <= $r * $c", "($d) / $c < $r / $c", "$c - ($d) > $c - $r",
		"$c - ($d) >= $c - $r", "($d) * -1 > $r * -1", "-1 * ($d) > -($r)", "-($c - ($d)) < -($c - $r)",
		"$c + ($d) <= $c + $r", "($d) / -$c > $r / -$c", "($d) BETWEEN -1e9 AND $r",
		"$d < $r AND ($d) < $r + $c", "1 - ($d) > 1 - $r", "1 - ($d) >= 1 - $r", "($d) < 1 - (1 - $r)");
}

# A statement of some kind: settings, statement, what follows.
sub statement
{
	my ($number, $r, $limit, $filter, $bounded) = @_;
	my $q = $table{queries}[ $number - 1 ];
	my $op = $table{operator};
	my $query = sub { one_of(@_) };
	my $select = sub {
		my ($vector, $value, $rows) = @_;
		my $d = one_of("v $op $vector", "$vector $op v");
		my $where = $bounded ? bound($d, $value) . " AND $filter" : $filter;

		return "SELECT id, v $op $vector AS d FROM t WHERE $where ORDER BY v $op $vector" . (defined $rows ? " LIMIT $rows" : '');
	};
	my $sub = "(SELECT v FROM q WHERE id = $number)";
	my $parameter = "'$q'::$table{base}";
	my $value = "($r)::float8";
	my $prepared = sub {
		my ($mode) = @_;
		my $rows = defined $limit ? '$3' : undef;

		return "SET plan_cache_mode = $mode; PREPARE s ($table{base}, float8, int) AS " . $select->('$1', '$2', $rows)
		  . "; EXECUTE s ($parameter, $value, " . ($limit // 0) . '); DEALLOCATE s; RESET plan_cache_mode';
	};
	my $few = $limit // 100000;
	my $bound = $bounded ? $value : "'infinity'";

	return (
		literal => $select->($parameter, $value, $limit),
		subquery => $select->($sub, one_of($value, "(SELECT $value)"), $limit),
		outside => 'SELECT * FROM (' . $select->($parameter, $value) . ') s' . (defined $limit ? " LIMIT $limit" : ''),
		above => "SELECT id, d FROM (SELECT id, a, v $op $sub AS d FROM t) t WHERE " . ($bounded ? bound('d', $value) : 'true')
		  . " AND $filter ORDER BY d" . (defined $limit ? " LIMIT $limit" : ''),
		with => 'WITH c AS MATERIALIZED (' . $select->($parameter, $value, $limit) . ') SELECT * FROM c',
		custom => $prepared->('force_custom_plan'),
		generic => $prepared->('force_generic_plan'),
		lateral => "SELECT s.* FROM (SELECT * FROM q WHERE id = $number OFFSET 0) o, LATERAL ("
		  . $select->('o.v', $value, $limit // 100000) . ') s',
		cursor => 'BEGIN; DECLARE c CURSOR FOR ' . $select->($parameter, $value, $limit) . '; FETCH ALL FROM c; COMMIT',
		$filter ne 'true' ? () : (
			plpgsql => "SELECT * FROM matching($parameter, $bound, $few)",
			sql => "SELECT * FROM matching_sql($parameter, $bound, $few)",
			loop => "SELECT * FROM loop_until($parameter, $bound, $few)",
			view => "SELECT id, d FROM (SELECT t.id, t.v $op q.v AS d FROM q, LATERAL (SELECT * FROM t WHERE "
			  . ($bounded ? bound("t.v $op q.v", $value) : 'true') . " ORDER BY t.v $op q.v LIMIT $few) t WHERE q.id = $number) s"));
}

sub draw_case
{
	my $number = 1 + int rand @{ $table{queries} };
	my $distances = $table{distances}[ $number - 1 ];
	my $passing = one_of(0, 0, 1, 2, 5, 5, 10, 20, 50, 50, 300, 1500, scalar @$distances);
	my $r =
	    $passing == 0 ? $distances->[0] - 0.1 * abs $distances->[0] - 1e-3
	  : $passing == @$distances ? $distances->[-1] + 1
	  : ($distances->[ $passing - 1 ] + $distances->[$passing]) / 2;
	my $limit = one_of(1, 5, 10, 10, 20, 100, 1000, undef, undef);
	my $filter = one_of('true', 'true', 'true', 'a < 50', 'a < 5', 'id % 10 = 1', 'id > 0 AND a <> 7');
	my $state = int rand 1e9;
	my %bounded = statement($number, $r, $limit, $filter, 1);
	my $kind = one_of(sort keys %bounded);
	# without the bound: as many rows as there may be
	my $most = defined $limit && $limit < $passing ? $limit : $passing;
	my %unbounded = statement($number, $r, $most > 10 ? $most : 10, 'true', 0);

	return { kind => $kind, sql => $bounded{$kind}, without => $unbounded{ $kind eq 'loop' ? 'literal' : $kind }, limit => $limit,
		passing => $passing, filter => $filter, r => $r, number => $number,
		sort => one_of('on', 'off'), workers => $kind eq 'loop' ? 0 : one_of(0, 0, 0, 2) };
}

# --- running them ----------------------------------------------------------------

my $counts = 'SELECT coalesce(sum(scans), 0), coalesce(sum(leaves), 0), coalesce(sum(heap_fetches), 0) FROM hvtree_scan_stats';

sub run_cases
{
	my (@cases) = @_;
	my $script = "SET client_min_messages = error; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;\n";
	my ($i, $part);

	foreach my $i (0 .. $#cases)
	{
		my $case = $cases[$i];
		my $by_index = "DISCARD PLANS; SET enable_indexscan = on; SET enable_seqscan = off; SET enable_bitmapscan = off; "
		  . "SET enable_sort = $case->{sort}; SET max_parallel_workers_per_gather = $case->{workers};";
		my $exact = 'DISCARD PLANS; SET enable_indexscan = off; SET enable_seqscan = on; SET enable_sort = on; '
		  . 'SET max_parallel_workers_per_gather = 0;';

		$script .= "$by_index\n\\echo == $i before\n$counts;\n\\echo == $i found\n$case->{sql};\n"
		  . "\\echo == $i after\n$counts;\n\\echo == $i unbounded\n$case->{without};\n\\echo == $i last\n$counts;\n"
		  . "$exact\n\\echo == $i exact\n$case->{sql};\n\\echo == $i end\n";
	}
	my ($rc, $out, $err) = $node->psql($table{database}, $script, on_error_stop => 0);

	is($err, '', 'no error') if $err =~ /ERROR|FATAL|PANIC|WARNING/ || $rc != 0;
	foreach my $line (split /\n/, $out)
	{
		if ($line =~ /^== (\d+) (\w+)$/) { ($i, $part) = ($1, $2) }
		elsif ($line =~ /\|/) { push @{ $cases[$i]{$part} }, $line }
	}
	foreach my $case (@cases)
	{
		my @before = split /\|/, $case->{before}[0];
		my @after = split /\|/, $case->{after}[0];
		my @last = split /\|/, $case->{last}[0];

		$case->{took} = [ map { $after[$_] - $before[$_] } 0 .. 2 ];
		$case->{took_without} = [ map { $last[$_] - $after[$_] } 0 .. 2 ];
		$_ //= [] foreach @{$case}{qw(found exact unbounded)};
	}
	return;
}

my ($wanted_in_all, $found_in_all) = (0, 0);
my (@took, @took_without);

sub what_is_wrong
{
	my ($case) = @_;
	my @found = map { [ split /\|/ ] } @{ $case->{found} };
	my @exact = map { [ split /\|/ ] } @{ $case->{exact} };
	my (%seen, $hits);
	my $descents = 0;

	return 'more rows than there are' if @found > @exact;
	foreach my $i (0 .. $#found)
	{
		return 'a row twice' if $seen{ $found[$i][0] }++;
		$descents++ if $i > 0 && $found[$i][1] < $found[ $i - 1 ][1] - $table{tolerance};
		return 'a row beyond the bound' if $found[$i][1] > $case->{r} + 1e-6 * abs $case->{r};
	}
	# late rows of a loop come last
	return 'out of order' if $descents > ($case->{kind} eq 'loop' ? 1 : 0);
	return @found ? 'a row' : '' if @exact == 0;
	return '' if $case->{took}[0] == 0;
	$hits = grep { $_->[1] <= $exact[-1][1] + $table{tolerance} } @found;
	$wanted_in_all += @exact > 100 ? 100 : @exact;
	$found_in_all += $hits / @exact * (@exact > 100 ? 100 : @exact);
	# there are hard queries: one is no measure, all are
	return @exact >= 20 && $hits < 0.35 * @exact && $case->{workers} == 0 ? sprintf('%d of %d rows', $hits, scalar @exact) : '';
}

# against a query without the bound that wants as many rows
sub wrong_effort
{
	my ($case) = @_;
	my ($scans, $leaves, $fetches) = @{ $case->{took} };
	my (undef, $most_leaves, $most_fetches) = @{ $case->{took_without} };

	# with a filter more rows are needed than the query without takes
	return '' if $scans == 0 || $case->{took_without}[0] == 0 || $case->{workers} > 0;
	return '' if $case->{filter} ne 'true' && $case->{passing} > 20;
	$took[$_] += $case->{took}[$_] foreach 0, 1, 2;
	$took_without[$_] += $case->{took_without}[$_] foreach 1, 2;
	# in all leaves of some sets there are a few more
	return $leaves > 2 * $most_leaves + 10 && $case->{passing} < 100 || $fetches > 2 * $most_fetches + 40
	  ? "$leaves leaves, $fetches rows read; without the bound $most_leaves, $most_fetches" : '';
}

# --- the tests ---------------------------------------------------------------------

my (%faults, %met, %by_index);

while ($cases > 0)
{
	make_table();
	my @cases = map { draw_case() } 1 .. ($cases < $cases_a_table ? $cases : $cases_a_table);
	my $is = join ', ', map { "$_ $table{$_}" } qw(type class dims rows clusters spread dead);

	run_cases(@cases);
	foreach my $case (@cases)
	{
		my $wrong = what_is_wrong($case) || wrong_effort($case);
		my $sql = $case->{sql} =~ s/'[\[{][^']*'/'q'/gr;

		$met{ $case->{kind} }++;
		$by_index{ $case->{kind} }++ if $case->{took}[0] > 0;
		push @{ $faults{ $case->{kind} } },
		  "$wrong ($case->{passing} pass, @{$case->{took}} taken, sort $case->{sort}, $case->{workers} workers)\n   table $table{number}: $is\n   $sql"
		  if $wrong ne '';
	}
	$node->safe_psql('postgres', "DROP DATABASE $table{database}");
	$cases -= @cases;
}
foreach my $kind (sort keys %met)
{
	ok(!$faults{$kind}, "$kind: $met{$kind} cases, " . ($by_index{$kind} // 0) . ' by the index')
	  || diag(join "\n", @{ $faults{$kind} });
}
cmp_ok($found_in_all / $wanted_in_all, '>=', 0.93, sprintf('recall %.3f of %d rows', $found_in_all / $wanted_in_all, $wanted_in_all));
cmp_ok($took[$_], '<=', 1.2 * $took_without[$_] + 2 * $took[0],
	"$took[$_] " . (qw(scans leaves rows))[$_] . " read, $took_without[$_] without the bound") foreach 1, 2;

# --- bounds that are none, and what else is in the way ------------------------------

$node->safe_psql('postgres', q{
	CREATE TABLE t AS SELECT i AS id, ARRAY[i, i % 7, 1]::real[] AS v FROM generate_series(1, 4000) i;
	CREATE INDEX t_v ON t USING hvtree (v real_l2_ops);
	CREATE TABLE c AS SELECT i AS id, ARRAY[i % 50, i % 3, i % 7]::real[] AS v FROM generate_series(0, 3999) i;
	CREATE INDEX c_v ON c USING hvtree (v real_cosine_ops);
	CREATE FUNCTION one() RETURNS float8 LANGUAGE sql VOLATILE AS 'SELECT 1.0::float8';
	VACUUM ANALYZE});

sub taken
{
	my ($sql) = @_;
	my ($rows, $rest) = split /\n/, $node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off;
		SELECT count(*) FROM ($sql) s; SELECT index_hit + index_read > 5 FROM hvtree_last_scan()");

	return "$rows|$rest";
}

my $by = "(v <-> '{100,1,1}')";

foreach my $case (
	['(SELECT NULL::float8) > ' . $by, 0], ["$by < (SELECT -1::float8)", 0], ["$by <= 0", 0],
	["$by < 'infinity'", 10], ["$by < 'nan'", 10], ["$by * 0 < 1", 10], ["0 * ($by) < 0", 0], ["$by > -1", 10],
	["$by < 10 * one()", 10], ["$by < 1e300", 10], ["$by < v[1] + 1000", 10], ["v <-> '{1,1,1}' < 5", 5],
	["abs($by) < 3.5", 3], ["$by < 3.5 AND id <> 100", 3], ["NOT $by > 3.5", 3], ["$by < 3.5 OR id = 4000", 4])
{
	my ($where, $rows) = @$case;
	my $sql = "SELECT id FROM t WHERE $where ORDER BY $by LIMIT 10";
	my $exact = $node->safe_psql('postgres', "SET enable_indexscan = off; SELECT count(*) FROM ($sql) s");

	like(taken($sql), qr/^$exact\|/, "$where: $exact rows");
}
like(taken("SELECT id FROM t WHERE v <-> (SELECT NULL::real[]) < 5 ORDER BY v <-> (SELECT NULL::real[])"), qr/^0\|/,
	'a query vector that is NULL');
my $zero = "c WHERE v <=> '{0,0,0}' < 5 ORDER BY v <=> '{0,0,0}' LIMIT 5";
like(taken("SELECT id FROM $zero"), qr/^0\|/, 'a query vector without a direction');
like(taken("SELECT id FROM c WHERE v <=> '{1,2,3}' < 5 ORDER BY v <=> '{1,2,3}'"), qr/^3996\|/, 'rows without a direction are not within a bound');
like(taken("SELECT id FROM c WHERE 1 - (v <=> '{1,2,3}') > -4 ORDER BY v <=> '{1,2,3}'"), qr/^3996\|/, '... nor above one');

# a division by zero is the executor's to report
is((sqlstate_of($node, "SET enable_seqscan = off; SELECT id FROM t WHERE $by / (SELECT 0::float8) < 1 ORDER BY $by LIMIT 5"))[0],
	'22012', 'division by zero');

done_testing();
