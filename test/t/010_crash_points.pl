# Would catch: an action that is not one WAL record, or leaves pages, slots or
# the tree in a state that later inserts or VACUUM stumble over; memory that runs
# out in the middle of one; a debug point that no test reaches.
#
# Every debug point of the sources is made to kill the backend, and the server
# with it, in the middle of a workload, at its first pass and at a later one; then
# each is made to fail there as if memory had run out.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('crash_points',
	"restart_after_crash = on\ncheckpoint_timeout = 1h\njit = off\n");

if ($node->safe_psql('postgres',
		"LOAD 'hvindex'; SELECT count(*) FROM pg_settings WHERE name = 'hvtree.debug_points'") eq '0')
{
	$node->stop;
	plan skip_all => 'built without debug points';
}

# the names in the sources
my %places;
foreach my $file (glob '../src/*/*.c')
{
	my $text = slurp_file($file);

	$places{$1} = $file while $text =~ /HV_DEBUG_POINT\("([^"]+)"\)/g;
}
my @points = sort keys %places;
cmp_ok(scalar @points, '>=', 18, 'the sources have debug points');

# --- workload ----------------------------------------------------------------

vector_functions($node);
$node->safe_psql('postgres', q{
	CREATE UNLOGGED TABLE before_crash ();

	-- what is wrong with the index of a table; '' is nothing
	CREATE FUNCTION complaints(tab text) RETURNS text LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_sort = off AS $$
	DECLARE
		scanned bigint[];
		distances float8[];
		there bigint[];
		result text := '';
	BEGIN
		PERFORM hvtree_check(tab || '_v');
		EXECUTE format('SELECT array_agg(id), array_agg(d)
			FROM (SELECT id, v <-> ''{0,1,0,1,0,1,0,1}'' AS d FROM %I
				  ORDER BY v <-> ''{0,1,0,1,0,1,0,1}'') s', tab) INTO scanned, distances;
		EXECUTE format('SELECT array_agg(id ORDER BY id) FROM %I', tab) INTO there;
		IF (SELECT array_agg(i ORDER BY i) FROM unnest(scanned) i) IS DISTINCT FROM there THEN
			result := format('%s: the scan finds %s rows of %s. ', tab, cardinality(scanned), cardinality(there));
		END IF;
		IF EXISTS (SELECT FROM (SELECT d < lag(d) OVER (ORDER BY n) AS wrong
								FROM unnest(distances) WITH ORDINALITY u (d, n)) o WHERE wrong) THEN
			result := result || tab || ': rows out of order. ';
		END IF;
		RETURN result;
	EXCEPTION WHEN index_corrupted OR internal_error OR data_corrupted THEN
		RETURN tab || ': ' || SQLERRM;
	END $$;
	CREATE FUNCTION complaints() RETURNS text LANGUAGE sql AS
	$$ SELECT complaints('items') || complaints('young') $$});

# The same tables before each accident, so that points are passed as often.
my $prepare = q{
	DROP TABLE IF EXISTS items, young;
	SELECT setseed(0.7);
	CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY, cluster int, v real[]);
	INSERT INTO items (cluster, v) SELECT i % 9, vector_near(8, i % 9) FROM generate_series(1, 225) i;
	CREATE INDEX items_v ON items USING hvtree (v, id) WITH (leaf_size = 8, branching = 8, spill = on);
	CREATE TABLE young (id bigint GENERATED ALWAYS AS IDENTITY, cluster int, v real[]) WITH (parallel_workers = 1);
	CREATE INDEX young_v ON young USING hvtree (v, id) WITH (leaf_size = 8, branching = 8);
	INSERT INTO young (cluster, v) SELECT 0, vector_near(8, 0) FROM generate_series(1, 7) i;
};

# A tree grows by two levels; leaves are emptied, given back and used again; a
# scan has splits under it; an index is built; the data goes elsewhere, so that
# the mean is changed; a tree shrinks.
my $workload = q{
	SELECT setseed(0.8);
	INSERT INTO young (cluster, v) SELECT i % 9, vector_near(8, i % 9) FROM generate_series(1, 90) i;
	DELETE FROM items WHERE cluster IN (SELECT cluster FROM items ORDER BY id LIMIT 1);
	VACUUM items;
	BEGIN;
	SET LOCAL enable_seqscan = off;
	DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> '{1,0,1,0,1,0,1,0}';
	FETCH 1 FROM c;
	INSERT INTO items (cluster, v) SELECT c, vector_near(8, c)
	FROM generate_series(0, 8) c, generate_series(1, 25) WHERE c NOT IN (SELECT cluster FROM items);
	MOVE FORWARD ALL FROM c;
	COMMIT;
	CREATE INDEX young_again ON young USING hvtree (v) WITH (leaf_size = 8, branching = 8);
	DROP INDEX young_again;
	UPDATE young SET v = (SELECT array_agg(x + 3) FROM unnest(v) x) WHERE id % 2 = 0;
	DELETE FROM young WHERE id % 2 > 0;
	VACUUM young;
	DELETE FROM young WHERE id % 10 > 0;
	VACUUM young;
	INSERT INTO young (cluster, v) SELECT i % 9, vector_near(8, i % 9) FROM generate_series(1, 30) i;
};

# Runs the workload with a setting of the points; returns all that psql says.
sub work_with
{
	my ($setting) = @_;
	my $output;

	$node->psql('postgres',
		"LOAD 'hvindex'; SET hvtree.debug_points = '$setting'; $workload",
		on_error_stop => 0, stderr => \$output);
	return $output;
}

# After an accident at a point: nothing lost, and open for more.
sub recovers
{
	my ($name) = @_;
	my ($status, $output, $errors) = $node->psql('postgres',
		"SET client_min_messages = warning; DROP INDEX IF EXISTS young_again; SELECT complaints();
		 $workload SELECT complaints(); $prepare",
		on_error_stop => 1);

	# the workload itself prints the number of a row
	$output =~ s/^\d*\n?//mg;
	is($output . $errors, '', "$name: sound, no row lost, open for more");
	return;
}

# --- how often each point is passed --------------------------------------------

my %passes = map { ($_ => 0) } @points;

$node->safe_psql('postgres', $prepare);
my $notices = work_with(join ',', map { "$_=notice" } @points);
$passes{$1}++ while $notices =~ /debug point "([^"]+)"/g;
unlike($notices, qr/ERROR/, 'the workload runs');
ok($passes{$_}, "the workload passes $_ ($places{$_})") foreach @points;
recovers('without an accident');

# The first pass and one in the middle of the workload.
sub each_accident
{
	my ($code) = @_;

	foreach my $point (@points)
	{
		next if !$passes{$point};
		foreach my $pass (1, $passes{$point} > 2 ? int($passes{$point} / 2) : ())
		{
			$code->($point, $pass);
		}
	}
	return;
}

# --- memory runs out -------------------------------------------------------------

each_accident(sub {
	my ($point, $pass) = @_;
	my $output = work_with("$point=error:$pass");

	like($output, qr/out of memory.*"$point"/s, "$point, pass $pass: fails");
	recovers("error at $point, pass $pass");
});

# --- the power goes --------------------------------------------------------------

each_accident(sub {
	my ($point, $pass) = @_;

	# a crash empties it
	$node->safe_psql('postgres', 'INSERT INTO before_crash DEFAULT VALUES');
	my $output = work_with("$point=crash:$pass");

	like($output, qr/server closed the connection|connection to server was lost/,
		"$point, pass $pass: crashes");
	$node->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM before_crash)')
	  or die 'the server does not come back';
	recovers("crash at $point, pass $pass");
});

my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP/, 'recovery found nothing odd');

$node->stop;
done_testing();
