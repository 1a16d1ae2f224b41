# Would catch: dead entries that VACUUM leaves, an index that grows although
# its table does not, pages that are never given back or not used again, and
# rows that VACUUM or page reuse hides from a scan that is under way.

use strict;
use warnings;

use HvTest;
use Test::More;

my $node = new_node('vacuum');
my $point = q{'{1,0,1,0,1,0,1,0,1,0}'};

vector_functions($node);
sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# --- rounds of the same amount of data ---------------------------------------

sql(q{
	SELECT setseed(0.6);
	CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY, v real[]);
	INSERT INTO items (v) SELECT clustered_vector(10, 30) FROM generate_series(1, 6000);
	CREATE INDEX items_v ON items USING hvtree (v) WITH (leaf_size = 32, branching = 16);
	CREATE INDEX items_cosine ON items USING hvtree (v real_cosine_ops) WITH (leaf_size = 32, branching = 16, spill = on)});
my @sizes;
foreach my $round (1 .. 9)
{
	sql(q{
		DELETE FROM items WHERE random() < 0.4;
		VACUUM items});
	my $stats = stats($node, 'items_v');
	my $rows = sql('SELECT count(*) FROM items');
	my $problems = join ' ', grep { $_ } (
		$stats->{dead_tuples} ? "dead $stats->{dead_tuples}" : '',
		$stats->{rows} != $rows ? "rows $stats->{rows}" : '',
		sql(q{SELECT reltuples FROM pg_class WHERE relname = 'items_v'}) != $rows ? 'reltuples' : '',
		stats($node, 'items_cosine')->{dead_tuples} ? 'dead under cosine' : '');

	is($problems, '', "round $round: nothing dead is left, counts are right ($rows rows)");
	sql(qq{
		SELECT setseed(0.0$round);
		INSERT INTO items (v) SELECT clustered_vector(10, 30) FROM generate_series(1, 6000 - $rows)});
	push @sizes, sql(q{SELECT pg_relation_size('items_v')});
	is_complete($node, 'items_v', 'items', $point, "round $round") if $round % 3 == 0;
}
note("sizes: @sizes");
cmp_ok($sizes[-1], '<=', 1.15 * $sizes[3], "the index stays as large as it was: @sizes");
check_index($node, 'items_cosine');
is(exhaustive($node, 'items', '<=>', $point), '6000|0|0|0', 'every row once by cosine');

# --- empty leaves are given back and used again --------------------------------

my $before = stats($node, 'items_v');
sql('DELETE FROM items; VACUUM items');
my $emptied = stats($node, 'items_v');
is($emptied->{tuples}, '0', 'all rows deleted: no tuple is left');
cmp_ok($emptied->{free_pages}, '>', 0.5 * $before->{level_pages} =~ s/^\{(\d+).*/$1/r,
	"all rows deleted: $emptied->{free_pages} pages are free");
check_index($node, 'items_v', 'the emptied index is sound');
is(exhaustive($node, 'items', '<->', $point), '0|0|0|0', 'the emptied index gives no row');
my $size = sql(q{SELECT pg_relation_size('items_v')});
sql(q{
	SELECT setseed(0.7);
	INSERT INTO items (v) SELECT vector_near(10, 100 + i % 30) FROM generate_series(1, 6000) i;
	VACUUM items});
my $refilled = stats($node, 'items_v');
cmp_ok(sql(q{SELECT pg_relation_size('items_v')}), '<=', 1.3 * $size,
	'other data goes into the pages that were given back');
is_complete($node, 'items_v', 'items', $point, 'refilled');
cmp_ok($refilled->{free_pages}, '<', $emptied->{free_pages}, 'free pages were used');

# a region that is deleted while the rest stays
sql(q{DELETE FROM items WHERE id % 30 < 10; VACUUM items});
is_complete($node, 'items_v', 'items', $point, 'a region deleted');
cmp_ok(stats($node, 'items_v')->{free_pages}, '>', 0, 'its leaves are given back');

# an index of one page
sql(q{
	CREATE TABLE few (id int, v real[]);
	CREATE INDEX few_v ON few USING hvtree (v);
	INSERT INTO few SELECT i, random_vector(10) FROM generate_series(1, 20) i;
	DELETE FROM few; VACUUM few;
	INSERT INTO few SELECT i, random_vector(10) FROM generate_series(1, 20) i;
	DELETE FROM few WHERE id > 5; VACUUM few});
is_complete($node, 'few_v', 'few', $point, 'an index of one page');

# --- ways of VACUUM ---------------------------------------------------------------

sql(q{
	DELETE FROM items WHERE id % 7 = 0;
	VACUUM (INDEX_CLEANUP OFF) items});
is_complete($node, 'items_v', 'items', $point, 'VACUUM that leaves the index alone');
sql(q{VACUUM (INDEX_CLEANUP ON, PARALLEL 2) items; ANALYZE items});
is(stats($node, 'items_v')->{dead_tuples}, '0', 'the next VACUUM makes up for it');
sql(q{DELETE FROM items WHERE id % 5 = 0; VACUUM FULL items});
is_complete($node, 'items_v', 'items', $point, 'VACUUM FULL');
is( sql(q{SELECT c.reltuples = (SELECT count(*) FROM items) FROM pg_class c WHERE relname = 'items_v'}),
	't', 'reltuples are right after VACUUM FULL');

# little memory: several passes over the index
sql(q{
	SELECT setseed(0.8);
	CREATE TABLE large (id int, v real[]);
	INSERT INTO large SELECT i, random_vector(2) FROM generate_series(1, 4000) i;
	CREATE INDEX large_v ON large USING hvtree (v) WITH (leaf_size = 64);
	DELETE FROM large WHERE id % 3 <> 0;
	SET maintenance_work_mem = '1MB';
	VACUUM large});
is_complete($node, 'large_v', 'large', q{'{0,0}'}, 'VACUUM with little memory');

# --- a scan that is under way -----------------------------------------------------

foreach my $operator ('<->', '<=>')
{
	sql(q{
		TRUNCATE items;
		SELECT setseed(0.9);
		INSERT INTO items (v) SELECT clustered_vector(10, 30) FROM generate_series(1, 3000)});
	my $session = $node->background_psql('postgres');
	my $expected = sql('SELECT sum(id) FROM items');
	my @ids;

	$session->query_safe(qq{
		SET enable_seqscan = off; SET enable_sort = off; BEGIN;
		DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v $operator $point});
	push @ids, split /\n/, $session->query_safe('FETCH 100 FROM c');

	# what the cursor has not reached is deleted, moved and split around
	foreach my $round (1 .. 4)
	{
		sql(qq{
			DELETE FROM items WHERE random() < 0.3;
			VACUUM items;
			INSERT INTO items (v) SELECT clustered_vector(10, 30) FROM generate_series(1, 1500);
			DELETE FROM items WHERE id % 4 = $round - 1;
			VACUUM items});
		push @ids, split /\n/, $session->query_safe('FETCH 300 FROM c');
	}
	push @ids, split /\n/, $session->query_safe('FETCH ALL FROM c');
	$session->query_safe('COMMIT');
	$session->quit;

	my %seen;
	my ($sum, $twice) = (0, 0);
	foreach my $id (@ids)
	{
		$sum += $id;
		$twice++ if $seen{$id}++;
	}
	is(scalar(@ids), 3000, "a cursor by $operator across VACUUM and inserts gives all its rows");
	is($twice, 0, 'none of them twice');
	is($sum, $expected, 'and they are the right ones');
}
sql('VACUUM items');
is(stats($node, 'items_v')->{dead_tuples}, '0', 'with the cursor closed all dead tuples go');
is_complete($node, 'items_v', 'items', $point, 'at the end');

$node->stop;
done_testing();
