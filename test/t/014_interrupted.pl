# Would catch: rows lost, a tree unsound, a lock left behind when a command ends
# in the middle: the disk is full, a timeout, a cancel request, the end of a
# session.
#
#	HV_SEED		decides when commands are cancelled

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{HV_SEED} || int(rand(1000000));
srand($seed);
note("HV_SEED=$seed");

my $node = PostgreSQL::Test::Cluster->new('interrupted');
# small WAL files, so that they stay below the limit on the size of files
$node->init(extra => [ '--wal-segsize', '1' ]);
$node->append_conf('postgresql.conf',
	"shared_buffers = 64MB\nautovacuum = off\njit = off\nlog_statement = none\nmax_wal_size = 1GB\nmax_connections = 20\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION hvindex');
vector_functions($node);
my $forced = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';
my $point = q{'{0,1,0,1,0,1,0,1}'};

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# "t" if the index TABLE_v is sound and a scan of it gives every row once, else
# what is wrong.  The order is not looked at: it is a promise to those who read
# all rows without a stop.
sub soundness
{
	my ($table, $query) = @_;
	my $exhaustive = exhaustive_sql($table, '<->', $query);

	return qq{
		SELECT CASE WHEN hvtree_check('${table}_v') > 0 AND found = (SELECT count(*) FROM $table)
					AND missing = 0 AND surplus = 0
			   THEN 't' ELSE found || ' found, ' || missing || ' missing, ' || surplus || ' surplus' END
		FROM ($exhaustive) e (found, missing, surplus, wrong);};
}

# --- disk full ---------------------------------------------------------------

# A limit on the size of files, which a session gives itself, stands for the full
# disk: extending the index beyond it fails.
SKIP:
{
	skip 'prlimit is missing', 1 if system('prlimit --fsize >/dev/null 2>&1') != 0;

	sql(q{
		CREATE PROCEDURE limit_files(bytes text) LANGUAGE plpgsql AS $$
		BEGIN
			EXECUTE format('COPY (SELECT) TO PROGRAM %L',
						   'cat >/dev/null; prlimit --pid=$PPID --fsize=' || bytes || ':');
		END $$;

		-- inserts rows with room for 0 to 4 more pages, step after step, and tests
		-- the index after each
		CREATE PROCEDURE fill_disk(name text, test text, INOUT failed int, INOUT wrong text)
		LANGUAGE plpgsql AS $$
		DECLARE
			answer text;
		BEGIN
			FOR step IN 1 .. 40 LOOP
				CALL limit_files((pg_relation_size(name || '_v') + 8192 * (step % 5)
								  + CASE WHEN step % 7 = 0 THEN 4096 ELSE 0 END)::text);
				FOR i IN 1 .. 30 LOOP
					BEGIN
						EXECUTE format('INSERT INTO %I SELECT %s, clustered_vector(2, 30)', name, step * 30 + i);
					EXCEPTION WHEN OTHERS THEN
						failed := failed + 1;
						IF SQLERRM !~ 'could not (extend|write)' THEN
							wrong := concat_ws(E'\n', wrong, SQLERRM);
						END IF;
					END;
				END LOOP;
				CALL limit_files('unlimited');
				COMMIT;
				EXECUTE test INTO answer;
				IF answer <> 't' THEN
					wrong := concat_ws(E'\n', wrong, 'step ' || step || ': ' || answer);
				END IF;
			END LOOP;
		END $$});

	# unlogged, from the first page on; logged, with a crash afterwards
	foreach my $name ('unlogged', 'logged')
	{
		my $kind = $name eq 'unlogged' ? $name : '';
		my $test = soundness($name, q{'{0,0}'}) =~ s/;$//r;

		# the files of WAL must stay below the limit
		sql(qq{
			CREATE $kind TABLE $name (id int, v real[]);
			CREATE INDEX ${name}_v ON $name USING hvtree (v) WITH (leaf_size = 8, branching = 8);
			SELECT setseed(0.31);} . ($kind ? '' : qq{
			INSERT INTO $name SELECT -i, clustered_vector(2, 30) FROM generate_series(1, 1200) i}));
		my ($failed, $wrong) = split /\|/, sql(qq{
			$forced
			SET synchronous_commit = off;
			CALL fill_disk('$name', \$test\$$test\$test\$, 0, NULL)}), 2;
		is($wrong, '', "disk full under $name inserts: the index is sound and complete after each");
		cmp_ok($failed, '>', 100, "disk full under $name inserts: $failed of 1200 failed");
		$node->stop($kind ? 'fast' : 'immediate');
		$node->start;
		is_complete($node, "${name}_v", $name, q{'{0,0}'}, "disk full under $name inserts, restarted");
		sql(qq{
			INSERT INTO $name SELECT i, clustered_vector(2, 30) FROM generate_series(10001, 10500) i;
			DELETE FROM $name WHERE id % 3 = 0; VACUUM $name;
			INSERT INTO $name SELECT i, clustered_vector(2, 30) FROM generate_series(20001, 20500) i});
		is_complete($node, "${name}_v", $name, q{'{0,0}'}, "disk full under $name inserts, room again");
	}

	my $size = sql(q{SELECT pg_relation_size('logged_v')});
	my ($state, $text) = sqlstate_of($node,
		"SET synchronous_commit = off; CALL limit_files('1200000'); REINDEX INDEX logged_v");
	ok($state ne '' && $state ne 'crash' && $text =~ /could not (?:extend|write)/, 'disk full in a build: an error')
	  || diag("$state: $text");
	is_complete($node, 'logged_v', 'logged', q{'{0,0}'}, 'disk full in a build: the index from before');
	is((sqlstate_of($node, 'REINDEX INDEX logged_v'))[0], '', 'room again: REINDEX');
	is_complete($node, 'logged_v', 'logged', q{'{0,0}'}, 'room again');
}

# --- timeouts ------------------------------------------------------------------

sql(q{
	SELECT setseed(0.32);
	CREATE TABLE model AS SELECT i AS id, clustered_vector(8, 40) AS v FROM generate_series(1, 3000) i;
	CREATE TABLE items (id int, v real[]);
	INSERT INTO items SELECT * FROM model;
	CREATE INDEX items_v ON items USING hvtree (v, id) WITH (leaf_size = 8, branching = 8, spill = on);
	ANALYZE});

# Runs commands each of which ends after 1 to MOST milliseconds, and tests the
# index in between.
sub under_timeouts
{
	my ($name, $rounds, $most, @commands) = @_;
	my $test = soundness('items', $point);
	my $script = $forced;

	foreach my $round (1 .. $rounds)
	{
		my $timeout = 1 + int rand $most;

		foreach my $command (@commands)
		{
			$script .= "SET statement_timeout = $timeout;\n" . $command =~ s/ROUND/$round/gr . ";\n";
		}
		# from time to time with all that was left behind still there
		# (where the machine is busy, the timeout may hit the command that ends it)
		$script .= ("SET statement_timeout = 0;\n" x 5) . "$test\n" if $round % 2 == 0;
	}
	my ($rc, $out, $err) = $node->psql('postgres', $script, on_error_stop => 0);
	# a timeout that strikes as its command ends is blamed on the user in the next one
	my $reason = qr/canceling statement due to (?:statement timeout|user request)/;
	my $cancelled = () = $err =~ /ERROR:  $reason/g;
	my @others = grep { !/$reason/ } $err =~ /(?:ERROR|FATAL|PANIC):.*/g;
	my @answers = grep { $_ ne 't' } split /\n/, $out;

	is("@others@answers", '', "$name: sound and complete after each");
	is(() = $out =~ /^t$/mg, $rounds / 2, "$name: every test was made");
	cmp_ok($cancelled, '>', $rounds / 8, "$name: $cancelled commands were cancelled");
	return;
}

under_timeouts('timeouts in inserts', 80, 12,
	'INSERT INTO items SELECT id + ROUND * 10000, v FROM model WHERE id % 10 = ROUND % 10');
under_timeouts('timeouts in updates', 30, 15,
	'UPDATE items SET v = clustered_vector(8, 40) WHERE id % 20 = ROUND % 20');
under_timeouts('timeouts in VACUUM', 60, 8, 'VACUUM (INDEX_CLEANUP ON) items',
	'DELETE FROM items WHERE id % 30 = ROUND % 30', 'VACUUM (INDEX_CLEANUP ON) items',
	'INSERT INTO items SELECT id + ROUND * 10000, v FROM model WHERE id % 30 = ROUND % 30');
under_timeouts('timeouts in scans', 60, 8,
	"SELECT count(*) < 0 AS nothing FROM (SELECT id FROM items ORDER BY v <-> $point) s HAVING count(*) < 0",
	"DO \$\$ BEGIN PERFORM id FROM items ORDER BY v <-> $point; END \$\$");
under_timeouts('timeouts in builds', 24, 120, 'REINDEX INDEX items_v');
# (it may leave the index alone where few rows are dead)
sql('VACUUM (INDEX_CLEANUP ON) items');
is_complete($node, 'items_v', 'items', $point, 'after all timeouts');
is(stats($node, 'items_v')->{dead_tuples}, '0', 'after all timeouts: VACUUM leaves nothing dead');

# --- cancel requests and the end of sessions ----------------------------------------

{
	my @files = map { $node->basedir . "/victim_$_.sql" } 0 .. 2;
	my @commands = (
		'INSERT INTO items SELECT id + 1000000, v FROM model WHERE id % 30 = ROUND % 30;',
		'DELETE FROM items WHERE id % 30 = ROUND % 30; INSERT INTO items SELECT * FROM model WHERE id % 30 = ROUND % 30;',
		"VACUUM (INDEX_CLEANUP ON) items; SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> $point) s;");
	my @victims;

	foreach my $n (0 .. 2)
	{
		append_to_file($files[$n], "SET application_name = 'victim'; $forced\n"
			  . join "\n", map { $commands[$n] =~ s/ROUND/$_/gr } 1 .. 100000);
		push @victims, IPC::Run::start(
			[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-f', $files[$n] ],
			'<', \undef, '>', '/dev/null', '2>', $node->basedir . "/victim_$n.err");
	}
	$node->poll_query_until('postgres', q{SELECT count(*) = 3 FROM pg_stat_activity WHERE application_name = 'victim'});
	foreach my $round (1 .. 4)
	{
		sql(qq{
			SELECT setseed(0.$seed);
			DO \$\$
			BEGIN
				FOR i IN 1 .. 50 LOOP
					PERFORM pg_sleep(random() * 0.02);
					PERFORM pg_cancel_backend(pid) FROM pg_stat_activity
					WHERE application_name = 'victim' AND random() < 0.5;
				END LOOP;
			END \$\$});
		# beside those that go on
		check_index($node, 'items_v', "cancel requests, round $round: index is sound");
	}
	# and now the hard way
	is( sql(q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'victim'}),
		'3', 'all three sessions have lived until now');
	$_->finish foreach @victims;
	$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'victim'});

	my $errors = join '', map { slurp_file($node->basedir . "/victim_$_.err") } 0 .. 2;
	my $cancelled = () = $errors =~ /canceling statement due to user request/g;
	my @others = grep { !/canceling statement due to user request|terminating connection due to administrator/ }
	  $errors =~ /(?:ERROR|FATAL|PANIC):.*/g;
	is("@others", '', 'cancel requests: no other error');
	cmp_ok($cancelled, '>', 20, "cancel requests: $cancelled commands were cancelled");
}
is_complete($node, 'items_v', 'items', $point, 'after cancel requests');
sql('VACUUM (INDEX_CLEANUP ON) items');
is_complete($node, 'items_v', 'items', $point, 'after cancel requests and VACUUM');
is(stats($node, 'items_v')->{dead_tuples}, '0', 'after cancel requests: VACUUM leaves nothing dead');
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'page'}), '0', 'no structure lock is left');

is(log_lines($node, qr/PANIC|TRAP|terminated by signal/), '', 'no backend crashed');
$node->stop;
done_testing();
