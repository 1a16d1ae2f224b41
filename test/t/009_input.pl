# Would catch: values that an index must refuse and does not, a refusal that
# leaves traces, and a server that crashes, hangs or says nothing on a damaged
# index file.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Utils;
use Test::More;

# damage shall reach the index's own checks, also where checksums are the rule (18)
my $node = new_node('input',
	"statement_timeout = 10s\nfull_page_writes = off\nignore_checksum_failure = on\n");

vector_functions($node);

# --- bad values ------------------------------------------------------------------

$node->safe_psql('postgres', q{
	CREATE TABLE items (id int, v real[]);
	CREATE INDEX items_l2 ON items USING hvtree (v);
	CREATE INDEX items_ip ON items USING hvtree (v real_ip_ops);
	CREATE INDEX items_cosine ON items USING hvtree (v real_cosine_ops);
	INSERT INTO items SELECT i, random_vector(3) FROM generate_series(1, 200) i});

foreach my $case (
	[ '{1,2}', '22000', qr/expected 3 dimensions, not 2/, qr/same number of dimensions/ ],
	[ '{1,2,3,4}', '22000', qr/expected 3 dimensions, not 4/, qr/same number of dimensions/ ],
	[ '{1,NaN,3}', '22003', qr/vector element 2 is NaN/, qr/finite numbers only/ ],
	[ '{1,2,Infinity}', '22003', qr/vector element 3 is infinite/, qr/finite numbers only/ ],
	[ '{-Infinity,2,3}', '22003', qr/vector element 1 is infinite/, qr/finite numbers only/ ],
	[ '{1,NULL,3}', '22004', qr/without NULL elements/, qr/Store NULL/ ],
	[ '{{1,2,3}}', '2202E', qr/one-dimensional/, qr/plain list/ ],
	[ '{{1},{2},{3}}', '2202E', qr/one-dimensional/, qr/plain list/ ],
	[ '{}', '2202E', qr/expected 1 to 16000 dimensions, not 0/, qr/not a vector/ ],
	[ undef, '22000', qr/expected 1 to 16000 dimensions, not 16001/, qr/cut or projected/ ])
{
	my ($value, $code, $message, $hint) = @$case;
	my $literal = defined $value ? "'$value'" : 'array_fill(1::real, ARRAY[16001])';
	my $name = $value // '16,001 dimensions';

	foreach my $statement ("INSERT INTO items VALUES (-1, $literal)",
		"UPDATE items SET v = $literal WHERE id = 5",
		"SET enable_seqscan = off; SELECT id FROM items ORDER BY v <=> $literal LIMIT 3")
	{
		my ($state, $text) = sqlstate_of($node, $statement);
		my ($verb) = $statement =~ /^(\w+)/;

		ok( $state eq $code && $text =~ $message && $text =~ /HINT:.*$hint/,
			"$verb with $name is refused: $code") || diag("$state: $text");
	}
	my ($state) = sqlstate_of($node, qq{
		CREATE TABLE bad (v real[]); INSERT INTO bad VALUES ('{1,2,3}'), ($literal), (NULL), ('{3,2,1}');
		CREATE INDEX ON bad USING hvtree (v)});
	is($state, $code, "CREATE INDEX over $name is refused: $code");
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS bad');
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM items WHERE id = -1'), '0', 'no bad row was stored');
check_index($node, $_) foreach ('items_l2', 'items_ip', 'items_cosine');
is_complete($node, 'items_l2', 'items', q{'{1,2,3}'}, 'after bad values');

# 16,000 dimensions are fine, lower bounds too
is( (sqlstate_of($node, q{
	CREATE TABLE wide (id int, v real[]); CREATE INDEX wide_v ON wide USING hvtree (v);
	INSERT INTO wide SELECT i, array_fill(i::real, ARRAY[16000]) FROM generate_series(1, 12) i;
	INSERT INTO items VALUES (1000, '[5:7]={1,2,3}')}))[0], '', '16,000 dimensions, other lower bounds');
check_index($node, 'wide_v');

# a refused first row leaves an index without dimensions
$node->safe_psql('postgres', 'CREATE TABLE later (id int, v real[]); CREATE INDEX later_v ON later USING hvtree (v)');
sqlstate_of($node, q{INSERT INTO later VALUES (1, '{1,NaN}')});
is((sqlstate_of($node, q{INSERT INTO later VALUES (1, '{1,2,3}')}))[0], '', 'a refused first row decides nothing');

# --- another format -----------------------------------------------------------

# Overwrites bytes of a relation's file; the server is stopped.
sub overwrite
{
	my ($file, $offset, $bytes) = @_;

	open my $fh, '+<', $file or die "$file: $!";
	binmode $fh;
	seek $fh, $offset, 0;
	print $fh $bytes;
	close $fh or die "$file: $!";
	return;
}

sub path_of
{
	my ($relation) = @_;

	return $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$relation')");
}

my %metapage = map { $_ => path_of($_) } ('items_ip', 'items_cosine');
$node->stop;
overwrite($metapage{items_ip}, 24 + 4, pack 'V', 99);    # version
overwrite($metapage{items_cosine}, 24, pack 'V', 99);    # magic
$node->start;
foreach my $statement ('SELECT id FROM items ORDER BY v <#> \'{1,2,3}\' LIMIT 1',
	"INSERT INTO items VALUES (-2, '{1,2,3}')", "SELECT hvtree_check('items_ip')",
	"SELECT hvtree_info('items_ip')", 'DELETE FROM items WHERE id = 7; VACUUM (INDEX_CLEANUP ON) items')
{
	my ($state, $text) = sqlstate_of($node,
		"BEGIN; DROP INDEX items_cosine; SET LOCAL enable_seqscan = off; $statement" =~ s/^BEGIN; DROP INDEX items_cosine; SET LOCAL enable_seqscan = off; (?=DELETE)//r);

	ok( $state eq ($statement =~ /VACUUM/ ? $state : '0A000')
		  && $text =~ /HINT:.*REINDEX|damaged/,
		"another format version is refused with a hint: " . substr($statement, 0, 40))
	  || diag("$state: $text");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM items WHERE id = 3'),
	'1', 'who does not need these indexes is not stopped by them');
foreach my $statement ("SET enable_seqscan = off; SELECT id FROM items ORDER BY v <=> '{1,2,3}' LIMIT 1",
	"SELECT hvtree_check('items_cosine')")
{
	my ($state, $text) = sqlstate_of($node, $statement);

	ok($state eq 'XX002' && $text =~ /index "items_cosine" (?:is damaged: block 0 |violates invariant I1 at block 0:)/,
		'a metapage that is none: XX002') || diag("$state: $text");
}
is((sqlstate_of($node, 'REINDEX TABLE items'))[0], '', 'REINDEX helps');
check_index($node, $_) foreach ('items_l2', 'items_ip', 'items_cosine');

# --- damage at random -----------------------------------------------------------

my $rounds = 66;
my $copies = 6;    # damaged files a server start
my %outcome;
my @bad;

# what is damaged, in tables of their own; 6 columns make them several pages
srand($ENV{HV_SEED} // 20240229);
$node->safe_psql('postgres', qq{
	SELECT setseed(0.11);
	CREATE TABLE seed AS SELECT i AS id, clustered_vector(24, 5) AS v FROM generate_series(1, 260) i});
sub make_victim
{
	my ($n) = @_;
	my $metric = ('real_l2_ops', 'real_ip_ops', 'real_cosine_ops')[ $n % 3 ];
	my $spill = ('on', 'off')[ $n % 2 ];

	return qq{
		DROP TABLE IF EXISTS victim_$n;
		CREATE TABLE victim_$n AS SELECT * FROM seed;
		CREATE INDEX victim_${n}_v ON victim_$n USING hvtree (v $metric)
		WITH (leaf_size = 16, branching = 6, spill = $spill);
		INSERT INTO victim_$n SELECT id + 1000, v FROM seed WHERE id % 3 = 0;};
}

# Damages a file and says how: like torn writes, flipped bits, swapped blocks.
sub damage
{
	my ($file) = @_;
	my $bytes = slurp_file($file);
	my $blocks = length($bytes) / 8192;
	my $kind = int rand 7;

	# the kind of a page stands 8 bytes before its end; each kind gets its turn
	my %blocks_of;
	push @{ $blocks_of{ unpack 'C', substr $bytes, $_ * 8192 + 8184, 1 } }, $_ foreach 0 .. $blocks - 1;
	my @kinds = sort keys %blocks_of;
	my @choice = @{ $blocks_of{ $kinds[ int rand @kinds ] } };
	my $block = $choice[ int rand @choice ];
	my $start = $block * 8192;

	if ($kind == 0)
	{
		my $noise = pack 'C*', map { int rand 256 } 1 .. 1 + int rand 64;

		overwrite($file, $start + int rand(8192 - length $noise), $noise);
		return "random bytes in block $block";
	}
	if ($kind == 1)
	{
		overwrite($file, $start + int rand 40, pack 'C', int rand 256);
		return "a byte at the start of block $block";
	}
	if ($kind == 2)
	{
		overwrite($file, $start + 8192 - 1 - int rand 120, pack 'C', int rand 256);
		return "a byte at the end of block $block";
	}
	if ($kind == 3)
	{
		overwrite($file, $start + 4096 * int rand 2, pack 'C*', map { int rand 256 } 1 .. 4096);
		return "half of block $block";
	}
	if ($kind == 4)
	{
		my $from = int rand $blocks;

		overwrite($file, $start, substr $bytes, $from * 8192, 8192);
		return "block $block is a copy of block $from";
	}
	if ($kind == 5)
	{
		# the number of the mean that a page's codes are about
		overwrite($file, $start + 8192 - 10, pack 'v', int rand 65536);
		return "the mean version of block $block";
	}
	overwrite($file, $start, rand() < 0.5 ? "\0" x 8192 : "\xff" x 8192);
	return "block $block is all alike";
}

my $log_start = -s $node->logfile;
foreach my $pass (1 .. $rounds / $copies)
{
	$node->safe_psql('postgres', join '', map { make_victim($_) } 1 .. $copies);
	my @files = map { path_of("victim_${_}_v") } 1 .. $copies;

	$node->stop;
	my @how = map { damage($_) } @files;
	$node->start;
	foreach my $n (1 .. $copies)
	{
		my $operator = ('<->', '<#>', '<=>')[ $n % 3 ];

		foreach my $statement (
			"SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM victim_$n ORDER BY v $operator (SELECT v FROM seed LIMIT 1) LIMIT 10) s",
			"SET enable_seqscan = off; SET enable_sort = off; SELECT count(*) FROM (SELECT id FROM victim_$n ORDER BY v $operator (SELECT v FROM seed LIMIT 1)) s",
			"SELECT hvtree_check('victim_${n}_v')",
			"SELECT hvtree_info('victim_${n}_v')",
			"INSERT INTO victim_$n SELECT id + 2000, v FROM seed",
			"DELETE FROM victim_$n WHERE id % 2 = 0; VACUUM (INDEX_CLEANUP ON) victim_$n",
			"SELECT hvtree_check('victim_${n}_v')",
			"INSERT INTO victim_$n SELECT id + 3000, v FROM seed LIMIT 30")
		{
			my ($state, $text) = sqlstate_of($node, $statement);

			$outcome{ $state || 'no error' }++;
			next
			  if $state eq ''
			  || $state eq 'XX002'
			  && $text =~ /index "victim_${n}_v" (?:is damaged: (?:block \d+|it names row) |violates invariant I\d+ at block \d+)/
			  || $state eq 'XX001'
			  || $state eq '0A000' && $text =~ /format version/;
			push @bad, "$how[$n - 1]: $state from $statement: " . substr($text, 0, 600);
			$node->poll_query_until('postgres', 'SELECT true') if $state eq 'crash';
		}
	}
}
note(join ', ', map { "$_: $outcome{$_}" } sort keys %outcome);
diag("after $rounds damages: " . join ', ', map { "$_: $outcome{$_}" } sort keys %outcome);
is(scalar(@bad), 0, "$rounds damaged indexes: every command succeeds or names the damage")
  || diag(join "\n", @bad[ 0 .. ($#bad < 12 ? $#bad : 12) ]);
my $log = substr slurp_file($node->logfile), $log_start;
unlike($log, qr/PANIC|TRAP|terminated by signal/, 'no backend crashed');
cmp_ok($outcome{XX002} // 0, '>', $rounds, 'most damage is found');

# what was damaged can be built again
is((sqlstate_of($node, "REINDEX TABLE victim_$_"))[0], '', "REINDEX of victim_$_") foreach (1 .. $copies);
check_index($node, "victim_${_}_v") foreach (1 .. $copies);

$node->stop;
done_testing();
