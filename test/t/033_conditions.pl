# Catches rows that a condition on a key column loses or lets through: every type,
# operator and spelling, values at the ends of their types, NULLs, other collations,
# parameters, rows that were updated, moved by splits and merges, spilled, vacuumed;
# in one process, and divided among several.
#
# Tables and conditions come from a seed (HV_SEED): HV_CASES conditions a round.
use strict;
use warnings;

use HvTest;
use Test::More;

my $seed = $ENV{HV_SEED} // 4711;
my $cases = $ENV{HV_CASES} // 60;
srand($seed);
diag("seed $seed, $cases conditions a round");

my $node = new_node('conditions');

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub one_of { return $_[ int(rand(@_)) ] }

# the types: values as SQL literals, among them the ends of the type, and the types that
# constants may have
my %kinds = (
	int2 => { values => [ -32768, -1, 0, 1, 2, 3, 7, 32767 ], others => [qw(int4 int8)] },
	int4 => { values => [ -2147483648, -5, 0, 1, 2, 3, 100, 2147483647 ], others => [qw(int2 int8)] },
	int8 => {
		values => [ '-9223372036854775808', -1, 0, 1, 2, 3, 5000000000, '9223372036854775807' ],
		others => [qw(int4 int2)]
	},
	oid => { values => [ 0, 1, 2, 3, 2147483648, 4294967295 ] },
	bool => { values => [qw(true false)] },
	'"char"' => { values => [ 'a', 'b', '', '\\377', 'z' ] },
	float4 => {
		values => [qw(-Infinity -1.5 -0 0 1e-40 0.1 0.25 3.4e38 Infinity NaN)],
		others => ['float8']
	},
	float8 => {
		values => [qw(-Infinity -1.5 -0 0 1e-310 0.1 0.25 1e300 Infinity NaN)],
		others => ['float4']
	},
	numeric => { values => [qw(-1e400 -1.5 0 0.1 0.10000000000000000001 0.100 1e20 1e400 NaN)] },
	date => {
		values => [qw(-infinity 0044-03-15 1999-12-31 2000-01-01 2024-02-29 290000-01-01 infinity)],
		others => ['timestamp']
	},
	time => { values => [qw(00:00 00:00:00.000001 12:30 23:59:59 24:00)] },
	timestamp => {
		values => [
			'-infinity', '1999-12-31 23:59', '2000-01-01 00:00', '2024-02-29 12:00', '2024-02-29 00:00', 'infinity'
		],
		others => ['date']
	},
	timestamptz => {
		values => [
			'-infinity', '1999-12-31 23:59', '2000-01-01 00:00', '2024-02-29 12:00', '2024-02-29 00:00', 'infinity'
		],
		others => [qw(date timestamp)]
	},
	uuid => {
		values => [
			map { "$_-0000-4000-8000-000000000001" } qw(00000000 00000001 7fffffff 80000000 ffffffff),
		]
	},
	text => { values => [ '', 'a', 'ab', 'abcd', 'abcde', 'abcdf', 'b', 'B', 'zebra', "\x{c3}\x{a9}" ] },
	varchar => { values => [ '', 'a', 'ab', 'user_1', 'user_2', 'user_10' ], cast => 'varchar' },
	'char(6)' => { values => [ '', 'a', 'a  ', 'ab', 'abcde', 'b' ], cast => 'bpchar' },
	bytea => { values => [ '', '\\x00', '\\x0000', '\\x61', '\\x6162636465', '\\xff' ] },
	mood => { values => [qw(awful low middling fine great)] },
	small => { values => [ 1, 2, 3, 4 ], cast => 'int4', others => ['int8'] },
);
my %arrays = (
	'int2[]' => [ -1 .. 6 ], 'int4[]' => [ -1 .. 30 ], 'int8[]' => [ 1 .. 12 ],
	'text[]' => [qw(red green blue pink)], 'uuid[]' => [ @{ $kinds{uuid}{values} } ],
);

sql(q{
	CREATE TYPE mood AS ENUM ('low', 'middling', 'great');
	ALTER TYPE mood ADD VALUE 'awful' BEFORE 'low';
	ALTER TYPE mood ADD VALUE 'fine' AFTER 'middling';
	CREATE DOMAIN small AS int4 CHECK (VALUE < 10);

	-- do index and table agree on a condition: all rows in order, the first k, and how many
	CREATE FUNCTION disagreement(cond text, q real[], k int) RETURNS text LANGUAGE plpgsql AS
	$$
	DECLARE
		exact int[];
		got int[];
		far float8;
		plan text := '';
		line text;
	BEGIN
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_seqscan = on;
		EXECUTE format('SELECT array_agg(id ORDER BY id) FROM t WHERE (%s) AND v IS NOT NULL', cond) INTO exact;
		SET LOCAL enable_indexscan = on;
		SET LOCAL enable_seqscan = off;
		FOR line IN EXECUTE format('EXPLAIN SELECT id FROM t WHERE %s ORDER BY v <-> %L::real[]', cond, q) LOOP
			plan := plan || line;
		END LOOP;
		-- (conditions that contradict each other need no scan)
		IF plan NOT LIKE '%Index Cond%' AND plan NOT LIKE '%One-Time Filter: false%' THEN
			RETURN 'no index condition: ' || plan;
		END IF;
		EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM t WHERE %s ORDER BY v <-> %L::real[]) s',
			cond, q) INTO got;
		IF got IS DISTINCT FROM exact THEN
			RETURN format('all: %s rows of %s, lacks %s, has %s', cardinality(got), cardinality(exact),
				(SELECT array_agg(e) FROM unnest(exact) e WHERE e <> ALL (coalesce(got, '{}'))),
				(SELECT array_agg(g) FROM unnest(got) g WHERE g <> ALL (coalesce(exact, '{}'))));
		END IF;
		EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM t WHERE %s ORDER BY v <-> %L::real[] LIMIT %s) s',
			cond, q, k) INTO got;
		IF coalesce(cardinality(got), 0) <> least(k, coalesce(cardinality(exact), 0)) THEN
			RETURN format('LIMIT %s: %s of %s rows', k, cardinality(got), cardinality(exact));
		END IF;
		IF NOT coalesce(got <@ exact, true) THEN
			RETURN format('LIMIT %s has other rows', k);
		END IF;
		RETURN NULL;
	END
	$$;
});

# where the server has ICU, and the database an encoding that it knows
my ($failed) = $node->psql('postgres',
	q{CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)});
my $icu = $failed == 0;

my (@columns, %kind_of, %array_of);

# The columns of a table: so many of the types, in any order.
sub make_columns
{
	my ($count) = @_;
	my @kinds = (sort(keys %kinds), map { "array $_" } sort keys %arrays);

	@columns = %kind_of = %array_of = ();
	for (my $i = 0; $i < $count && @kinds; $i++)
	{
		my $kind = splice(@kinds, int(rand(@kinds)), 1);
		my $name = "c$i";

		push @columns, $name;
		if ($kind =~ /^array (.*)/) { $array_of{$name} = $1 }
		else { $kind_of{$name} = $kind }
	}
}

sub quoted { my ($value) = @_; $value =~ s/'/''/g; return "'$value'" }

# An array of a type as SQL; NULLs among its elements now and then.
sub some_array
{
	my ($type, $most) = @_;
	my @elements = map { one_of(@{ $arrays{$type} }) } 1 .. int(rand($most + 1));

	push @elements, 'NULL' if rand() < 0.1;
	return "'{" . join(',', @elements) . "}'::$type";
}

sub some_value
{
	my ($column) = @_;

	return 'NULL' if rand() < 0.1;
	return some_array($array_of{$column}, 6) if $array_of{$column};
	my $kind = $kind_of{$column};
	return quoted(one_of(@{ $kinds{$kind}{values} })) . '::' . ($kinds{$kind}{cast} // $kind);
}

# A constant for a condition, maybe of another type.
sub some_constant
{
	my ($kind) = @_;
	my $type = $kinds{$kind}{cast} // $kind;
	my $other = rand() < 0.4 && $kinds{$kind}{others} ? one_of(@{ $kinds{$kind}{others} }) : $type;
	my $value = one_of(@{ $kinds{ $kinds{$other} && $other ne $type ? $other : $kind }{values} });

	return quoted($value) . "::$other";
}

sub some_condition
{
	my ($column) = @_;
	my $kind = $kind_of{$column};

	return "$column IS " . one_of('NULL', 'NOT NULL') if rand() < 0.1;
	if ($array_of{$column})
	{
		return "$column " . one_of('&&', '@>') . ' ' . some_array($array_of{$column}, one_of(1, 2, 5));
	}
	my $how = rand();
	return one_of('', 'NOT ') . $column if $kind eq 'bool' && $how < 0.3;
	return "$column IS " . one_of('TRUE', 'FALSE') if $kind eq 'bool' && $how < 0.5;
	my $type = $kinds{$kind}{cast} // $kind;
	my @some = map { some_constant($kind) } 1 .. 1 + int(rand(6));
	return "$column IN (" . join(', ', map { /^(.*)::[^:]*$/ ? "${1}::$type" : $_ } @some) . ')'
	  if $how < 0.2 && !grep { !/::\Q$type\E$/ } @some;
	my $typed = join(',', map { "$_" } grep { /::\Q$type\E$/ } @some);
	return "$column " . one_of('=', '<', '>=') . " ANY (ARRAY[$typed" . ($typed ? ',' : '') . "NULL]::${type}[])"
	  if $how < 0.3;
	return "$column BETWEEN " . some_constant($kind) . ' AND ' . some_constant($kind) if $how < 0.4;
	return some_constant($kind) . ' ' . one_of('=', '<', '<=', '>', '>=') . " $column" if $how < 0.5;
	return "$column " . one_of('=', '=', '<', '<=', '>', '>=') . ' ' . some_constant($kind);
}

my $rows;

sub insert_rows
{
	my ($n) = @_;
	my @values;

	for (1 .. $n)
	{
		my $near = $rows % 7;
		my $vector = rand() < 0.02 ? 'NULL' :
		  "'{" . join(',', map { sprintf('%.3f', $near + rand()) } 1 .. 12) . "}'";

		push @values, '(' . join(', ', $rows++, $vector, map { some_value($_) } @columns) . ')';
	}
	sql('INSERT INTO t VALUES ' . join(', ', @values));
}

# Columns that hold text get other collations now and then.
sub make_table
{
	make_columns($_[0]);
	my @typed = map {
		my $type = $array_of{$_} // $kind_of{$_};
		my $collate = $type !~ /^(text|varchar|char\(6\)|text\[\])$/ ? '' :
		  one_of('', ' COLLATE "C"', ' COLLATE "POSIX"', $icu ? ' COLLATE nocase' : '');
		"$_ $type$collate"
	} @columns;
	$rows = 0;
	sql('DROP TABLE IF EXISTS t; CREATE TABLE t (id int, v real[], ' . join(', ', @typed) . ')');
	insert_rows(500) if rand() < 0.7;
	sql('CREATE INDEX t_v ON t USING hvtree (v, ' . join(', ', @columns) . ') WITH (leaf_size = '
		  . one_of(8, 16, 60) . ', spill = ' . one_of('on', 'off') . ')');
	insert_rows(500);
}

sub change_rows
{
	my $column = one_of(@columns);
	my $share = one_of(3, 10);

	sql("UPDATE t SET $column = " . some_value($column) . " WHERE id % $share = 1");
	sql("DELETE FROM t WHERE id % 11 = " . int(rand(11)));
	insert_rows(300);
	sql('VACUUM t') if rand() < 0.5;
}

sub check_round
{
	my ($what) = @_;
	my @conditions;

	for my $i (1 .. $cases)
	{
		my $n = one_of(1, 1, 1, 2, 3);
		push @conditions, join(' AND ', some_condition($columns[ $i % @columns ]),
			map { some_condition(one_of(@columns)) } 2 .. $n);
	}
	my $query = '{' . join(',', map { sprintf('%.3f', 7 * rand()) } 1 .. 12) . '}';
	my $k = one_of(1, 3, 10, 100);
	my $workers = $what =~ /changed/ ? 2 : 0;
	my $wrong = sql(join("\n", "SET timezone = 'America/New_York';",
		"SET max_parallel_workers_per_gather = $workers; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;",
		'SET min_parallel_table_scan_size = 0;', map {
			my $quoted = quoted($_);
			"SELECT $quoted || ' -> ' || d FROM disagreement($quoted, '$query', $k) d WHERE d IS NOT NULL;"
		} @conditions));
	is($wrong, '', "$what: index and table agree on $cases conditions") or diag($wrong);
	is(sql('SELECT hvtree_check(\'t_v\', true) > 0'), 't', "$what: the index is sound");
}

for my $round (1 .. ($ENV{HV_ROUNDS} // 3))
{
	# all of them at first
	make_table($round == 1 ? 31 : 1 + int(rand(12)));
	check_round("table $round, " . scalar(@columns) . ' columns');
	change_rows();
	check_round("table $round, changed");
}

# --- recall: what passes is spread evenly, or lies together, near the query or far away

my $queries = $ENV{HV_QUERIES} // 30;

sql(qq{
	SELECT setseed(@{[ ($seed % 1000) / 1000 ]});
	DROP TABLE t;
	CREATE TABLE t AS
	WITH c AS (SELECT i AS cluster, array_agg(4 * random()) AS at FROM generate_series(0, 39) i, generate_series(1, 32) j GROUP BY i)
	SELECT id, random()::real AS chance, v, NULL::real AS near
	FROM (SELECT id, array_agg((c.at[j] + sqrt(-2 * ln(1 - random())) * cos(6.28318 * random()))::real ORDER BY j) AS v
		FROM generate_series(1, 8000) id JOIN c ON c.cluster = id % 40, generate_series(1, 32) j GROUP BY id) r;
	UPDATE t SET near = r.near FROM
		(SELECT id, percent_rank() OVER (ORDER BY v <-> (SELECT v FROM t WHERE id = 7))::real AS near FROM t) r
		WHERE r.id = t.id;
	CREATE TABLE asked AS SELECT v FROM t WHERE id % (8000 / $queries) = 3;
	VACUUM FULL t;
	CREATE INDEX t_v ON t USING hvtree (v, chance, near);

	CREATE FUNCTION recall_with(cond text, k int) RETURNS float8 LANGUAGE plpgsql AS
	\$\$
	DECLARE
		q real[];
		exact float8[];
		got float8[];
		found float8 := 0;
	BEGIN
		FOR q IN SELECT v FROM asked LOOP
			SET LOCAL enable_indexscan = off;
			SET LOCAL enable_seqscan = on;
			EXECUTE format('SELECT array_agg(d) FROM (SELECT v <-> \$1 AS d FROM t WHERE %s ORDER BY 1 LIMIT %s) s', cond, k) INTO exact USING q;
			SET LOCAL enable_indexscan = on;
			SET LOCAL enable_seqscan = off;
			EXECUTE format('SELECT array_agg(d) FROM (SELECT v <-> \$1 AS d FROM t WHERE %s ORDER BY v <-> \$1 LIMIT %s) s', cond, k) INTO got USING q;
			IF cardinality(got) IS DISTINCT FROM cardinality(exact) THEN
				RAISE EXCEPTION '% rows of %', cardinality(got), cardinality(exact);
			END IF;
			found := found + (SELECT count(*)::float8 / cardinality(exact) FROM unnest(got) d WHERE d <= exact[cardinality(exact)]);
		END LOOP;
		RETURN found / (SELECT count(*) FROM asked);
	END
	\$\$});
foreach my $condition (map { my $share = $_; map { "$_ < $share" } qw(chance near) } 0.5, 0.1, 0.01, 0.001)
{
	foreach my $k (1, 10, 100)
	{
		my $recall = sql("SELECT round(recall_with('$condition', $k)::numeric, 3)");

		# thirty queries: what is promised, less what chance takes
		cmp_ok($recall, '>=', $k == 1 ? 0.83 : 0.9, "$condition: recall\@$k is $recall");
	}
}

done_testing();
