# Would catch: an access method that tells the core other numbers than a B-tree of the
# same table would, of rows, pages, scans and progress.

use strict;
use warnings;

use HvTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('catalog',
	"max_worker_processes = 8\nmax_parallel_workers = 8\nmin_parallel_table_scan_size = 0\n"
	  . "maintenance_work_mem = 128MB\n");

vector_functions($node);
sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# --- rows and pages -------------------------------------------------------------

# Twins: a table with an hvtree index, and the same with a B-tree over the same rows.
my $options = 'WITH (leaf_size = 8, branching = 8)';

# A script for one of the twins, given as text with T for the table, I(condition) for what
# follows its name in CREATE INDEX, and SHOW for what the catalog says then.
sub twin
{
	my ($name, $script) = @_;
	# (ANALYZE knows by its condition only which rows are in an index)
	my $analyzed = $script =~ /ANALYZE T; SHOW/;
	my $shown = q{SELECT (SELECT reltuples::bigint || ' rows on ' || relpages FROM pg_class WHERE oid = to_regclass('T')),
		(SELECT string_agg(reltuples::bigint::text, '+' ORDER BY reltuples) || ' indexed' FROM pg_class c, pg_index i
		 WHERE c.oid = i.indexrelid AND i.indrelid IN (SELECT relid FROM pg_partition_tree('T')) AND relkind = 'i'),
		(SELECT count(*) || ' stale' FROM pg_class c, pg_index i
		 WHERE c.oid = i.indexrelid AND i.indrelid IN (SELECT relid FROM pg_partition_tree('T'))
			AND pg_relation_size(c.oid) <> relpages * 8192::bigint)};

	$script =~ s/\bSHOW\b/$shown/g;
	$script =~ s/\bT(?=\b|_)/$name/g;
	$script =~ s/\bI\(([^)]*)\)/of_twin($name, $1, $analyzed)/ge;
	return "$script;\n";
}

sub of_twin
{
	my ($name, $condition, $explicit) = @_;
	my @conditions = ($condition ne '' ? $condition : (), $name eq 'b' || $explicit ? 'v IS NOT NULL' : ());

	return ($name eq 'h' ? "USING hvtree (v) $options" : 'USING btree (id)')
	  . (@conditions ? ' WHERE ' . join(' AND ', @conditions) : '');
}

# Each twin goes through all scripts, in one session.  A script is [WHAT, VARIANT, SQL];
# there is a test for each WHAT.
sub same
{
	my @scripts = @_;
	my $all = 'SET client_min_messages = error;';
	my (%said, @whats);

	foreach my $name (qw(h b))
	{
		$all .= twin($name, $_->[2]) . "RESET max_parallel_maintenance_workers; SELECT '==';\n" foreach @scripts;
	}
	my @said = split /\n?==\n?/, sql($all);

	foreach my $i (0 .. 2 * @scripts - 1)
	{
		my ($what, $variant) = @{ $scripts[ $i % @scripts ] };

		push @whats, $what unless exists $said{$what};
		push @{ $said{$what}[ $i / @scripts ] }, "$variant: " . join ', ', split /\n/, $said[$i] // 'nothing';
	}
	is(join("\n", @{ $said{$_}[0] }), join("\n", @{ $said{$_}[1] }), "$_, " . @{ $said{$_}[0] } . ' cases') foreach @whats;
	return;
}

# rows of a table: a query by the number of rows
my %ROWS = (
	'no row' => 'SELECT 0, NULL::real[] WHERE false',
	'only NULL' => 'SELECT i, NULL::real[] FROM generate_series(1, N) i',
	'a third NULL' => 'SELECT i, CASE WHEN i % 3 > 0 THEN ARRAY[i % 91, i % 7, i]::real[] END FROM generate_series(1, N) i',
	'no NULL' => 'SELECT i, ARRAY[i % 91, i % 7, i]::real[] FROM generate_series(1, N) i');
my %TABLE = (
	'a table' => 'CREATE TABLE T (id int, v real[])',
	'an unlogged table' => 'CREATE UNLOGGED TABLE T (id int, v real[])',
	'a temporary table' => 'CREATE TEMP TABLE T (id int, v real[])',
	'a partitioned table' => q{CREATE TABLE T (id int, v real[]) PARTITION BY RANGE (id);
		CREATE TABLE T_1 PARTITION OF T FOR VALUES FROM (0) TO (90); CREATE TABLE T_2 PARTITION OF T DEFAULT});
my %CONDITION = ('' => 'all rows', 'id <= 50' => 'a few rows', 'id < 0' => 'no row');
my %BUILD = (
	'CREATE INDEX' => 'CREATE INDEX T_i ON T I(C)',
	'parallel' => 'SET max_parallel_maintenance_workers = 2; CREATE INDEX T_i ON T I(C)',
	'serial' => 'SET max_parallel_maintenance_workers = 0; CREATE INDEX T_i ON T I(C)',
	'in a transaction with other changes' => q{BEGIN; DELETE FROM T WHERE id % 4 = 0; INSERT INTO T SELECT id + 9000, v FROM T WHERE id % 7 = 0;
		CREATE INDEX T_i ON T I(C); SHOW; COMMIT},
	'REINDEX' => 'CREATE INDEX T_i ON T I(C); DELETE FROM T WHERE id % 4 = 0; REINDEX INDEX T_i',
	'VACUUM FULL' => 'CREATE INDEX T_i ON T I(C); DELETE FROM T WHERE id % 4 = 0; VACUUM FULL T',
	'TRUNCATE' => 'CREATE INDEX T_i ON T I(C); TRUNCATE T');
my %CONCURRENT = (
	'CONCURRENTLY' => 'CREATE INDEX CONCURRENTLY T_i ON T I(C)',
	'REINDEX CONCURRENTLY' => 'CREATE INDEX T_i ON T I(C); DELETE FROM T WHERE id % 4 = 0; REINDEX INDEX CONCURRENTLY T_i');
# an index is vacuumed as soon as a fiftieth of the pages have dead rows
my %AFTER = (
	'ANALYZE' => 'ANALYZE T',
	'VACUUM' => 'DELETE FROM T WHERE id % 5 = 1; VACUUM T',
	'VACUUM of nothing dead' => 'VACUUM T; VACUUM T',
	'VACUUM of all' => 'DELETE FROM T; VACUUM T',
	'VACUUM without indexes' => 'DELETE FROM T WHERE id % 5 = 1; VACUUM (INDEX_CLEANUP off) T',
	'VACUUM ANALYZE' => 'DELETE FROM T WHERE id % 5 = 1; VACUUM ANALYZE T');

my @afters = sort keys %AFTER;
my $next = 0;
foreach my $table (sort keys %TABLE)
{
	my %builds = (%BUILD, $table =~ /partitioned/ ? () : %CONCURRENT);
	my @scripts;

	foreach my $rows (sort keys %ROWS)
	{
		foreach my $build (sort keys %builds)
		{
			foreach my $condition (sort keys %CONDITION)
			{
				# a third of all, each build with each kind of rows at least once
				next if ($next++ % 3) && $build ne 'CREATE INDEX';
				my $after = $afters[ $next % @afters ];
				# (VACUUM of an empty B-tree does not look into it, and leaves it at -1)
				$after = 'ANALYZE' if $build eq 'TRUNCATE' || $rows eq 'no row';
				my $script = "$TABLE{$table}; INSERT INTO T $ROWS{$rows}; VACUUM ANALYZE T; "
				  . "$builds{$build}; SHOW; $AFTER{$after}; SHOW; DROP TABLE T";
				my $n = 60 + 37 * ($next % 9);

				$script =~ s/\bC\b/$condition/g;
				$script =~ s/\bN\b/$n/g;
				push @scripts, [ "$table, $build", "$rows, of $CONDITION{$condition}, $after", $script ];
			}
		}
	}
	same(@scripts);
}

# what an expression is NULL for is not in the index, but in the table; since 18 the
# table's figures stay as they are where autovacuum is off
my $in_table = $node->pg_version >= 18 ? -1 : 1000;
is(sql(q{
	CREATE TABLE e (id int, v real[]);
	INSERT INTO e SELECT i, ARRAY[i, 1]::real[] FROM generate_series(1, 1000) i;
	CREATE INDEX e_i ON e USING hvtree ((CASE WHEN id % 2 = 0 THEN v END));
	SELECT relname, reltuples FROM pg_class WHERE relname ~ '^e(_i)?$' ORDER BY 1}), "e|$in_table\ne_i|500", 'an expression');

# second copies are no rows
is(sql(q{
	CREATE TABLE s (id int, v real[]);
	SELECT setseed(0.5);
	INSERT INTO s SELECT i, clustered_vector(8, 20) FROM generate_series(1, 1000) i;
	CREATE INDEX s_i ON s USING hvtree (v) WITH (spill = on, leaf_size = 8);
	SELECT spill_factor > 1.2 FROM hvtree_info('s_i');
	SELECT reltuples FROM pg_class WHERE relname = 's_i';
	DELETE FROM s WHERE id % 2 = 0;
	VACUUM s;
	SELECT reltuples FROM pg_class WHERE relname = 's_i'}), "\nt\n1000\n500", 'second copies');

# rows of transactions in progress, as the scan of the table counts them
{
	my $other = $node->background_psql('postgres');

	sql(qq{
		CREATE TABLE h (id int, v real[]);
		CREATE TABLE b (id int, v real[]);
		INSERT INTO h SELECT i, CASE WHEN i % 3 > 0 THEN ARRAY[i, 1]::real[] END FROM generate_series(1, 900) i;
		INSERT INTO b SELECT * FROM h});
	$other->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM h');
	sql('DELETE FROM h WHERE id % 4 = 0; DELETE FROM b WHERE id % 4 = 0');
	same([ 'rows that an old snapshot sees', 'CREATE INDEX, VACUUM', 'CREATE INDEX T_i ON T I(); SHOW; VACUUM T; SHOW' ]);
	$other->query_safe('COMMIT');
	$other->quit;
	sql('DROP TABLE h, b');
}

# --- pages that are free, as VACUUM tells them ------------------------------------

sql(q{
	CREATE TABLE f (id int, v real[]);
	SELECT setseed(0.6);
	INSERT INTO f SELECT i, clustered_vector(8, 20) FROM generate_series(1, 1500) i;
	CREATE INDEX f_i ON f USING hvtree (v) WITH (leaf_size = 8, branching = 8)});
my $before = 0;
foreach my $share (0, 30, 60, 90, 100)
{
	my (undef, undef, $said) = $node->psql('postgres',
		"DELETE FROM f WHERE id % 100 < $share; VACUUM (VERBOSE, INDEX_CLEANUP on) f");
	my ($pages, $newly, $deleted, $reusable) =
	  $said =~ /index "f_i": pages: (\d+) in total, (\d+) newly deleted, (\d+) currently deleted, (\d+) reusable/;
	my ($free, $bytes) = split /\|/, sql(q{SELECT free_pages, index_bytes FROM hvtree_info('f_i')});

	is("$pages $deleted $reusable", join(' ', $bytes / 8192, $free, $free), "$share %: pages in total, deleted, reusable");
	is($newly, $free - $before, "$share %: newly deleted");
	$before = $free;
}

# --- scans that are counted ---------------------------------------------------------

# (a session adds what it has counted at its end)
sub counted
{
	my ($script) = @_;

	sql('SELECT pg_stat_reset()');
	sql(twin($_, $script)) foreach qw(h b);
	return split /\n/, sql(q{
		SELECT seq_scan, seq_tup_read, t.idx_scan, t.idx_tup_fetch, n_live_tup, n_dead_tup, vacuum_count, analyze_count,
			i.idx_scan, idx_tup_read, i.idx_tup_fetch
		FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
		WHERE t.relname IN ('h', 'b') ORDER BY t.relname = 'b'});
}
foreach my $name (qw(h b))
{
	sql("CREATE TABLE $name (id int, v real[]);
		INSERT INTO $name SELECT i, CASE WHEN i % 3 > 0 THEN ARRAY[i % 91, i % 7, i]::real[] END FROM generate_series(1, 1500) i");
}
foreach my $case (
	[ 'a serial build', 'SET max_parallel_maintenance_workers = 0; CREATE INDEX T_i ON T I()' ],
	[ 'REINDEX', 'SET max_parallel_maintenance_workers = 0; REINDEX INDEX T_i' ],
	[ 'REINDEX CONCURRENTLY', 'SET max_parallel_maintenance_workers = 0; REINDEX INDEX CONCURRENTLY T_i' ],
	[ 'a parallel build', 'DROP INDEX T_i; SET max_parallel_maintenance_workers = 1; CREATE INDEX T_i ON T I()' ],
	[ 'VACUUM', 'DELETE FROM T WHERE id % 4 = 0; VACUUM T' ],
	[ 'ANALYZE', 'ANALYZE T' ])
{
	my ($what, $script) = @$case;
	my ($h, $b) = counted($script);

	is($h, $b, "$what counts scans as a B-tree does");
}
sql('DROP TABLE h, b');

# --- costs -----------------------------------------------------------------------------

# whatever the catalog says of a table, estimates are numbers, and of the right order
sql(q{
	CREATE TABLE c (id int, v real[]);
	INSERT INTO c SELECT i, ARRAY[i % 91, i % 7, i]::real[] FROM generate_series(1, 3000) i;
	CREATE INDEX c_i ON c USING hvtree (v) WITH (leaf_size = 8);
	CREATE INDEX c_few ON c USING hvtree (v) WHERE id < 10});
foreach my $state ('', 'UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname ~ $$^c(_i|_few)?$$',
	'UPDATE pg_class SET reltuples = 0 WHERE relname ~ $$^c(_i|_few)?$$', 'UPDATE pg_class SET reltuples = 1e30 WHERE relname ~ $$^c(_i|_few)?$$',
	'UPDATE pg_class SET reltuples = 1, relpages = 2000000000 WHERE relname ~ $$^c(_i|_few)?$$', 'VACUUM ANALYZE c')
{
	my $queries = q{SELECT id FROM c ORDER BY v <-> '{1,2,3}' LIMIT 10; SELECT id FROM c ORDER BY v <-> '{1,2,3}';
		SELECT id FROM c WHERE id < 10 ORDER BY v <-> '{1,2,3}' LIMIT 5; SELECT id FROM c WHERE id = 77 ORDER BY v <-> '{1,2,3}' LIMIT 5};
	my $plans = sql("SET allow_system_table_mods = on; SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; "
		  . ($state ne '' ? "$state; " : '') . $queries =~ s/SELECT/EXPLAIN SELECT/gr);
	my @costs = $plans =~ /cost=(\S+)\.\.(\S+) rows=(\d+)/g;
	my @wrong;

	is(scalar(() = $plans =~ /Index Scan using c_/g), 4, "four plans by index, $state");
	while (my ($startup, $total, $rows) = splice @costs, 0, 3)
	{
		push @wrong, "$startup..$total rows=$rows"
		  unless $startup =~ /^\d+\.\d+$/ && $total =~ /^\d+\.\d+$/ && $startup <= $total && $rows >= 1;
	}
	is("@wrong", '', "estimates, $state") || diag($plans);
}

# --- progress ----------------------------------------------------------------------------

# Watches builds that others make, one after the other, until table "watched" is gone:
# every state that it has seen, as how many builds it has seen end, phase, tuples done and
# in total, blocks done and in total.  Each look is a transaction, or CREATE INDEX
# CONCURRENTLY would wait for the watcher.
sql(q{
	CREATE PROCEDURE watch_builds(INOUT states text) LANGUAGE plpgsql AS $$
	DECLARE
		seen text;
		now text;
		ended int := 0;
	BEGIN
		WHILE to_regclass('watched') IS NOT NULL LOOP
			SELECT concat_ws('|', phase, tuples_done, tuples_total, blocks_done, blocks_total) INTO now
			FROM pg_stat_progress_create_index;
			IF now IS NULL AND seen IS NOT NULL THEN
				ended := ended + 1;
			ELSIF now IS DISTINCT FROM seen THEN
				states := states || ended || '|' || now || E'\n';
			END IF;
			seen := now;
			PERFORM pg_sleep(0.002);
			COMMIT;
		END LOOP;
	END $$;
	SELECT setseed(0.25);
	CREATE TABLE p (id int, v real[]);
	INSERT INTO p SELECT i, clustered_vector(32, 100) FROM generate_series(1, 9000) i;
	INSERT INTO p SELECT i, NULL FROM generate_series(1, 1500) i;
	ANALYZE p;
	CREATE TABLE watched ()});

my $with = 'CREATE INDEX p_i ON p USING hvtree (v) WITH (leaf_size = 24)';
my @builds = (
	[ 'a serial build', "SET max_parallel_maintenance_workers = 0; $with" ],
	[ 'a parallel build', "SET max_parallel_maintenance_workers = 2; $with" ],
	[ 'a build without a trial', 'SET max_parallel_maintenance_workers = 0; CREATE INDEX p_i ON p USING hvtree (v) WITH (leaf_size = 24, spill = on)' ],
	[ 'a build with little memory', "SET maintenance_work_mem = '1MB'; $with" ],
	[ 'a partial index', "$with WHERE id % 3 = 0" ],
	[ 'only NULL', 'CREATE INDEX p_i ON p USING hvtree (v) WHERE v IS NULL' ],
	[ 'CONCURRENTLY', $with =~ s/INDEX/INDEX CONCURRENTLY/r ]);

# each build's states by phase, in the order of time
my @states;
{
	my ($out, $err) = ('', '');
	my $watch = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', q{CALL watch_builds('')} ],
		'<', \undef, '>', \$out, '2>', \$err);

	$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query ~ '^CALL watch_builds'});
	foreach my $build (@builds)
	{
		# the watcher must see that it ends
		sql("SET client_min_messages = error; $build->[1]; RESET ALL; SELECT pg_sleep(0.05); DROP INDEX p_i");
	}
	sql('DROP TABLE watched');
	$watch->finish;
	is($err, '', 'the builds were watched');
	foreach my $line (split /\n/, $out)
	{
		my ($ended, $phase, @numbers) = split /\|/, $line;

		push @{ $states[$ended]{$phase} }, \@numbers if $phase =~ s/^building index: // || $phase =~ /validation: scanning index/;
	}
}

foreach my $i (0 .. $#builds)
{
	my $what = $builds[$i][0];
	my %states = %{ $states[$i] // {} };
	my (@over, @back, @without, @late, @still);

	note("$what: $_: " . @{ $states{$_} } . ' states, from ' . join('|', @{ $states{$_}[0] }) . ' to ' . join('|', @{ $states{$_}[-1] }))
	  foreach sort keys %states;
	foreach my $phase (sort keys %states)
	{
		my @of = @{ $states{$phase} };

		foreach my $j (0 .. $#of)
		{
			my ($tuples, $all_tuples, $blocks, $all_blocks) = @{ $of[$j] };

			push @over, "$phase: @{$of[$j]}" if $tuples > $all_tuples || $blocks > $all_blocks;
			push @back, "$phase: @{$of[$j - 1]} then @{$of[$j]}" if $j > 0 && ($tuples < $of[ $j - 1 ][0] || $blocks < $of[ $j - 1 ][2]);
		}
		next if $phase eq 'initializing';
		push @without, $phase unless $of[-1][1] > 0 || $of[-1][3] > 0;
		# a phase that was seen often was seen at its start
		next if @of < 20;
		my ($tuples, $all_tuples, $blocks, $all_blocks) = @{ $of[0] };
		push @late, "$phase: @{$of[0]}" if $tuples > $all_tuples / 3 || $blocks > $all_blocks / 3;
	}
	@still = grep { @{ $states{$_} // [] } < 3 } 'clustering sample', 'refining clusters', 'assigning rows to leaves'
	  unless $what =~ /NULL|partial|little/;
	is(join("\n", @over), '', "$what: no more done than there is");
	is(join("\n", @back), '', "$what: never back");
	is("@without", '', "$what: every phase has a total");
	is(join("\n", @late), '', "$what: every phase begins at 0");
	is("@still", '', "$what: moves");
	cmp_ok(scalar(keys %states), '>=', $what =~ /NULL/ ? 1 : 3, "$what: several phases");
}

$node->stop;
done_testing();
