# Catches recall that holds for ten rows and not for one, twenty or a thousand, for
# hundreds of dimensions and not for three, for live tables and not for those most of
# whose rows are dead; a row of the table that is not found by its own vector.
#
# The cases come from a seed (HV_SEED), HV_CASES of them, with HV_QUERIES queries each.
use strict;
use warnings;

use HvTest;
use Test::More;

my $seed = $ENV{HV_SEED} // 4711;
my $cases = $ENV{HV_CASES} // 5;
my $queries = $ENV{HV_QUERIES} // 100;
srand($seed);
diag("seed $seed, $cases cases");

my $node = new_node('any_rows');
$node->safe_psql('postgres', q{
	-- n vectors of d dimensions about some centres, as far apart as "spread" says
	CREATE FUNCTION vectors(n int, d int, centres int, spread float8)
	RETURNS TABLE (id int, v real[]) LANGUAGE plpgsql AS
	$$
	DECLARE
		c float8[];
	BEGIN
		SELECT array_agg(spread * random()) INTO c FROM generate_series(1, centres * d);
		RETURN QUERY SELECT i, array_agg((c[(i * 7919 % centres) * d + j] +
			sqrt(-2 * ln(1 - random())) * cos(6.28318 * random()))::real ORDER BY j)
		FROM generate_series(1, n) i, generate_series(1, d) j GROUP BY i;
	END
	$$;

	-- recall of the first k rows by the operator, of the queries in "asked": its mean, and
	-- what that is off by chance as a rule.  Queries with the same nearest row find or
	-- miss it together (inner product, rows far from zero): they count as one.
	CREATE FUNCTION recall_of(op text, ks int[]) RETURNS TABLE (k int, recall float8, chance float8)
	LANGUAGE plpgsql SET enable_seqscan = off AS
	$$
	DECLARE
		q record;
		nearest float8[];
		first int;
		got float8[];
		n int;
	BEGIN
		CREATE TEMP TABLE hits (k int, share float8, nearest int);
		FOR q IN SELECT v FROM asked LOOP
			EXECUTE format('SELECT array_agg(d), (array_agg(id))[1]
				FROM (SELECT (v %1$s $1) + 0 AS d, id FROM t ORDER BY 1 LIMIT 1000) s', op)
				INTO nearest, first USING q.v;
			FOREACH k IN ARRAY ks LOOP
				n := least(k, cardinality(nearest));
				EXECUTE format('SELECT array_agg(d) FROM (SELECT v %1$s $1 AS d FROM t ORDER BY v %1$s $1 LIMIT %2$s) s',
					op, k) INTO got USING q.v;
				IF cardinality(got) <> n THEN
					RAISE EXCEPTION '% rows of %', cardinality(got), n;
				END IF;
				INSERT INTO hits SELECT k, count(*)::float8 / n, first FROM unnest(got) d WHERE d <= nearest[n];
			END LOOP;
		END LOOP;
		RETURN QUERY SELECT h.k, avg(share), stddev_samp(share) / sqrt(count(DISTINCT h.nearest)) FROM hits h GROUP BY h.k ORDER BY h.k;
		DROP TABLE hits;
	END
	$$;
});

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub one_of { return $_[ int(rand(@_)) ] }

# What is promised is .95 within .02, for the mean of all queries.  The mean of a few of
# them is off by 2.6 times what it is off as a rule only once in two hundred times.
sub recall_holds
{
	my ($what, $op) = @_;

	foreach my $line (split /\n/, sql("SELECT * FROM recall_of('$op', '{1,10,20,100,1000}')"))
	{
		my ($k, $recall, $chance) = split /\|/, $line;
		my $floor = 0.93 - 2.6 * $chance;

		cmp_ok($recall, '>=', $floor, sprintf('%s: recall@%d is %.3f', $what, $k, $recall));
	}
	return;
}

foreach my $case (1 .. $cases)
{
	my $dim = one_of(2, 3, 3, 5, 8, 16, 32, 64);
	my $rows = one_of(2000, 4000, 8000);
	my ($op, $class) = @{ one_of([ '<->', 'real_l2_ops' ], [ '<->', 'real_l2_ops' ],
		[ '<=>', 'real_cosine_ops' ], [ '<#>', 'real_ip_ops' ]) };
	my $centres = one_of(1, 1, 20);
	my $how = one_of('built', 'built', 'grown');
	my $dead = one_of(0, 50, 75, 90);
	my $what = "case $case: $rows x $dim about $centres, $class, $how";

	sql("SELECT setseed(" . rand() . ");
		CREATE TABLE t AS SELECT * FROM vectors($rows, $dim, $centres, 10) WITH NO DATA;
		ALTER TABLE t SET (autovacuum_enabled = off)");
	my $create = "CREATE INDEX t_v ON t USING hvtree (v $class)";
	my $fill = "INSERT INTO t SELECT * FROM vectors(" . ($rows + $queries) . ", $dim, $centres, 10)";
	sql($how eq 'built' ? "$fill; $create" : "$create; $fill");
	# queries like the rows that are in the table, but not in it
	sql("CREATE TABLE asked AS SELECT v FROM t WHERE id > $rows; DELETE FROM t WHERE id > $rows");

	recall_holds($what, $op);
	if ($op eq '<->')
	{
		my $lost = sql("SET enable_seqscan = off; SELECT count(*) FROM (SELECT id, v FROM t WHERE id <= 300) r
			WHERE r.id <> (SELECT id FROM t ORDER BY t.v <-> r.v, id LIMIT 1)");
		cmp_ok($lost, '<=', 12, "$what: rows are found by their own vectors but for $lost of 300");
	}
	if ($dead > 0)
	{
		sql("DELETE FROM t WHERE abs(hashint4(id)) % 100 < $dead");
		recall_holds("$what, $dead % deleted", $op);
	}
	if ($dead > 0 || $how eq 'grown')
	{
		sql('VACUUM t');
		recall_holds("$what, $dead % deleted, vacuumed", $op);
	}
	sql('DROP TABLE t, asked');
}

$node->stop;
done_testing();
