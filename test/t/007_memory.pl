# Would catch: a build that takes more memory than it is given, a scan whose
# memory grows with its rescans, an endless scan that keeps all it ever saw.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs /proc' unless -r '/proc/self/status';

my $node = new_node('memory', "shared_buffers = 16MB\njit = off\n");

vector_functions($node);

# resident memory of a backend's own, kB
sub anonymous
{
	my ($pid) = @_;

	return slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m ? $1 : die 'no RssAnon';
}

# Runs SQL in a session of its own and returns how far its memory rose at most.
sub peak
{
	my ($settings, $query) = @_;
	my $session = $node->background_psql('postgres');
	my $pid = backend_of($session);
	my ($most, $start);

	# the library and the catalog caches are not what is measured
	$session->query_safe("$settings; SELECT hvtree_info('warm_v'); SELECT count(*) FROM (SELECT id FROM warm ORDER BY v <-> '{1,2,3}' LIMIT 3) s; CREATE INDEX warm_again ON warm USING hvtree (v); DROP INDEX warm_again;");
	$start = $most = anonymous($pid);
	my $file = $node->basedir . '/done';
	unlink $file;
	# psql works while this process looks
	$session->{stdin} .= "$query;\n\\! touch $file\n";
	my $deadline = time + 100;
	while (!-e $file && time < $deadline)
	{
		$session->{run}->pump_nb;
		my $now = eval { anonymous($pid) } // 0;
		$most = $now if $now > $most;
		select undef, undef, undef, 0.005;
	}
	ok(-e $file, 'ends in time');
	$session->query_safe('SELECT 1');
	$session->quit;
	return $most - $start;
}

$node->safe_psql('postgres', q{
	SELECT setseed(0.14);
	CREATE TABLE warm (id int, v real[]);
	INSERT INTO warm SELECT i, random_vector(3) FROM generate_series(1, 1000) i;
	CREATE INDEX warm_v ON warm USING hvtree (v);
	CREATE TABLE items (id int, v real[]);
	INSERT INTO items SELECT i, clustered_vector(64, 200) FROM generate_series(1, 40000) i;
	CREATE TABLE queries AS SELECT i AS id, clustered_vector(64, 200) AS q FROM generate_series(1, 500) i;
	ANALYZE});

# --- builds ------------------------------------------------------------------------

# beside maintenance_work_mem: the read buffers of the sort, page images, the
# rotation, the palloc rounding of chunks
my $allowance = 6 * 1024;
foreach my $megabytes (2, 8, 24)
{
	my $peak = peak("SET maintenance_work_mem = '${megabytes}MB'; SET client_min_messages = error",
		"CREATE INDEX items_$megabytes ON items USING hvtree (v) WITH (leaf_size = 32)");

	note("build with $megabytes MB: $peak kB");
	cmp_ok($peak, '<', $megabytes * 1024 + $allowance, "a build with $megabytes MB takes $peak kB");
	check_index($node, "items_$megabytes");
	$node->safe_psql('postgres', "DROP INDEX items_$megabytes") unless $megabytes == 24;
}

# --- scans --------------------------------------------------------------------------

my $forced = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_material = off';
my $lateral = sub {
	my ($times) = @_;

	return "SELECT count(*) FROM (SELECT q.* FROM queries q, generate_series(1, $times)) q, "
	  . 'LATERAL (SELECT id FROM items ORDER BY v <-> q.q LIMIT 3) n';
};
my $few = peak($forced, $lateral->(1));
my $many = peak($forced, $lateral->(20));
note("500 scans: $few kB, 10,000 scans: $many kB");
cmp_ok($many, '<', $few + 2048, "10,000 rescans take no more memory than 500 ($many kB, $few kB)");

# the pool holds 16 bytes a row, what was sent 16 to 32; rows in hand some more
my $whole = peak($forced, q{SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> array_fill(0.5::real, ARRAY[64])) s});
note("exhaustive scan of 40,000 rows: $whole kB");
cmp_ok($whole, '<', 40000 * 160 / 1024 + 4096, "an exhaustive scan takes $whole kB");

# --- inserts -------------------------------------------------------------------------

my $inserts = peak($forced, 'INSERT INTO items SELECT id + 100000, v FROM items WHERE id <= 12000');
note("12,000 inserts: $inserts kB");
cmp_ok($inserts, '<', 6 * 1024, "12,000 inserts in one command take $inserts kB");
my $vacuum = peak("SET maintenance_work_mem = '2MB'", 'DELETE FROM items WHERE id % 2 = 0; VACUUM items');
note("VACUUM: $vacuum kB");
cmp_ok($vacuum, '<', 8 * 1024, "VACUUM takes $vacuum kB");
check_index($node, 'items_24');

$node->stop;
done_testing();
