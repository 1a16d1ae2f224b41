# Would catch: damaged pages that are passed over in silence, that crash or hang a
# backend, or that make an index give wrong answers; and a REINDEX that does not help.
#
#	HV_TRIALS	damages at random (make fuzz TRIALS=...)
#	HV_SEED		where they begin (make fuzz SEED=...); the same gives the same damages

use strict;
use warnings;

use HvDamage;
use HvTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $trials = $ENV{HV_TRIALS} || 40;
my $seed = $ENV{HV_SEED} || 20240601;

my $node = PostgreSQL::Test::Cluster->new('pages');
$node->init(extra => ['--data-checksums']);
$node->append_conf('postgresql.conf', q{
shared_buffers = 64MB
autovacuum = off
jit = off
fsync = off
log_statement = none
max_wal_size = 4GB
full_page_writes = off
max_parallel_workers_per_gather = 2
});
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE pristine');

# --- victims -----------------------------------------------------------------

# SQL in the database with sound indexes, each of which is damaged in a copy of it
sub pristine
{
	my ($sql) = @_;

	my ($rc, $out, $err) = $node->psql('pristine', $sql, on_error_stop => 1);
	die "$sql: $err" if $rc != 0;
	return $out;
}

# OPERATOR, the index, rows; and what happens to them before the damage
my @victims = (
	{ operator => '<->', index => 'v) WITH (leaf_size = 8, branching = 8, spill = off', rows => 600, dims => 16 },
	{ operator => '<#>', index => 'v real_ip_ops, id) WITH (leaf_size = 16, branching = 8, spill = on', rows => 500, dims => 24 },
	{ operator => '<=>', index => 'v real_cosine_ops) WITH (leaf_size = 8, branching = 8', rows => 10, dims => 12,
		then => 'INSERT INTO T SELECT 100 + i, clustered_vector(12, 9) FROM generate_series(1, 500) i' },
	{ operator => '<->', index => 'v) WITH (leaf_size = 8, branching = 8', rows => 700, dims => 6,
		then => 'DELETE FROM T WHERE id % 3 <> 0; VACUUM (INDEX_CLEANUP ON) T;
				 INSERT INTO T SELECT 1000 + i, clustered_vector(6, 4) FROM generate_series(1, 150) i' },
	{ operator => '<->', index => 'v) WITH (leaf_size = 8', rows => 40, dims => 2100 },
	{ operator => '<=>', index => 'v real_cosine_ops, id', rows => 800, dims => 64 },
	{ operator => '<->', index => 'v) WITH (leaf_size = 10', rows => 0, dims => 8,
		then => 'INSERT INTO T SELECT i, random_vector(8) FROM generate_series(1, 6) i' },
	{ operator => '<->', index => 'v', rows => 0, dims => 8 },
);

pristine('CREATE EXTENSION hvindex');
{
	# as HvTest::vector_functions
	no warnings 'redefine';
	local *PostgreSQL::Test::Cluster::safe_psql = sub { pristine($_[2]) };
	vector_functions($node);
}

# files_of(PATTERN): tables of that name with an index "iNAME", by their names: the
# number of the TOAST table, and the paths of heap, TOAST table, its index, the index
sub files_of
{
	my ($pattern) = @_;

	return map { my ($table, $toast, @paths) = split /\|/; ($table => { toast => $toast, paths => \@paths }) }
	  split /\n/, pristine(qq{
		SELECT t.relname, t.reltoastrelid, pg_relation_filepath(t.oid), pg_relation_filepath(t.reltoastrelid),
			pg_relation_filepath(x.indexrelid), pg_relation_filepath(('i' || t.relname)::regclass)
		FROM pg_class t JOIN pg_index x ON x.indrelid = t.reltoastrelid WHERE t.relname ~ '$pattern'});
}

# A place is a table with an index like those of a victim, empty in the sound database.
# It gets the bytes of the victim's table and of a damaged index in the copy of that.
# It is older than the rows that come into it, as VACUUM wants it.
sub make_places
{
	my ($victim, $prefix, $count) = @_;

	pristine(join '', map { "CREATE TABLE $_ (id int, v real[]); CREATE INDEX i$_ ON $_ USING hvtree ($victim->{index});" }
		  map { "$prefix$_" } 1 .. $count);
	my %files = files_of("^$prefix");

	return map { { %$victim, victim => $victim, table => $_, %{ $files{$_} } } } sort keys %files;
}

$_->{query} = "(SELECT array_agg(sin(i)::real) FROM generate_series(1, $_->{dims}) i)" foreach @victims;
my $per_round = $trials < 8 * @victims ? int(($trials + $#victims) / @victims) : 8;
my @places = map { [ make_places($victims[$_], "t${_}_", $per_round) ] } 0 .. $#victims;
# for damages on purpose
my @case_places = make_places($victims[0], 'case', 64);

sub file_of
{
	my ($path) = @_;

	return slurp_file($node->data_dir . "/$path");
}

foreach my $n (0 .. $#victims)
{
	my $victim = $victims[$n];
	my $then = $victim->{then} //
	  "INSERT INTO T SELECT 100000 + id, v FROM T WHERE id % 4 = 0; DELETE FROM T WHERE id % 5 = 0; VACUUM (INDEX_CLEANUP ON) T";

	pristine(qq{
		SELECT setseed(0.0$n);
		CREATE TABLE t$n (id int, v real[]);
		INSERT INTO t$n SELECT i, clustered_vector($victim->{dims}, 5) FROM generate_series(1, $victim->{rows}) i;
		CREATE INDEX it$n ON t$n USING hvtree ($victim->{index});
		CHECKPOINT});
	my (undef, $files) = files_of("^t$n\$");
	my @paths = @{ $files->{paths} };
	$victim->{older} = file_of($paths[3]);
	pristine("SELECT setseed(0.5); $then; CHECKPOINT" =~ s/\bT\b/t$n/gr);
	$victim->{files} = [ map { file_of($_) } @paths[ 0 .. 2 ] ];
	$victim->{bytes} = file_of($paths[3]);
	$victim->{toasted} = $victim->{files}[1] ne '';
	$victim->{toast} = $files->{toast};
}

# --- what is done with a damaged index ---------------------------------------------

# A copy of the sound database, named "spoilt", of which nothing is in shared buffers;
# places in it get the files of their victims, but other bytes of the index:
# ([PLACE, BYTES], ...).
sub spoil
{
	my @trials = @_;
	my $strategy = $node->pg_version >= 15 ? 'STRATEGY = FILE_COPY' : '';

	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS spoilt');
	$node->safe_psql('postgres', "CREATE DATABASE spoilt TEMPLATE pristine $strategy");
	my $oid = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'spoilt'");
	foreach my $trial (@trials)
	{
		my ($place, $bytes) = @$trial;
		my $victim = $place->{victim};
		my ($from, $to) = map { pack 'V', $_->{toast} } $victim, $place;
		my @files = (@{ $victim->{files} }, $bytes);

		# pointers into the TOAST table name it: tag, 12 bytes, its number
		$files[0] =~ s/(\x01\x12.{12})\Q$from\E/$1$to/gs;
		foreach my $i (0 .. $#files)
		{
			my $path = $node->data_dir . '/' . $place->{paths}[$i] =~ s/^base\/\d+/base\/$oid/r;

			open my $fh, '>', $path or die "$path: $!";
			binmode $fh;
			print $fh $files[$i];
			close $fh or die "$path: $!";
		}
	}
	return;
}

# name => SQL; T is the table, I its index, Q the query, <-> the operator.  A scan gives
# "rows|missing|surplus|out of order".
my %step = (
	nearest => 'SELECT count(*), 0, 0, count(*) FILTER (WHERE d < before)
		FROM (SELECT d, lag(d) OVER () AS before FROM (SELECT v <-> Q AS d FROM T ORDER BY v <-> Q LIMIT 5) s) r',
	everything => exhaustive_sql('T', '<->', 'Q'),
	filtered => exhaustive_sql('T', '<->', 'Q', 'id % 7 = 0'),
	parallel => q{SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_index_scan_size = 0;
		SET min_parallel_table_scan_size = 0; } . exhaustive_sql('T', '<->', 'Q') .
		q{; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_index_scan_size;
		RESET min_parallel_table_scan_size},
	insert => 'INSERT INTO T SELECT 1000000 + id, v FROM T LIMIT 60',
	update => 'UPDATE T SET v = v WHERE id % 11 = 0; UPDATE T SET v = (SELECT v FROM T LIMIT 1) WHERE id % 13 = 0',
	vacuum => 'DELETE FROM T WHERE id % 9 = 4; VACUUM (INDEX_CLEANUP ON) T',
	check => q{SELECT hvtree_check('I')},
	check_rows => q{SELECT hvtree_check('I', true)},
	info => q{SELECT (hvtree_info('I')).height},
	recall => q{SELECT (hvtree_recall('I', 5, 4)).recall},
	prewarm => q{SELECT hvtree_prewarm('I')},
	prewarm_top => q{SELECT hvtree_prewarm('I', 2)},
	maintain => q{SELECT (hvtree_maintain('I')).complete},
	reindex => 'REINDEX INDEX I',
);
foreach my $name (qw(everything check check_rows))
{
	$step{"${name}_$_"} = $step{$name} foreach qw(after mended);
}

# do_steps(VICTIM, CHECKSUMS, STEP, ...): step => {state, message, out} for each.  A
# step that is missing has crashed.
sub do_steps
{
	my ($victim, $checksums, @steps) = @_;
	my $ignore = $checksums ? 'off' : 'on';
	my $script = "\\set VERBOSITY verbose\nSET ignore_checksum_failure = $ignore; SET client_min_messages = error;\n"
	  . "SET statement_timeout = '120s'; SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;\n";
	my %result;
	my $last;

	foreach my $name (@steps)
	{
		my $sql = $step{$name};

		$sql =~ s/\bT\b/$victim->{table}/g;
		$sql =~ s/\bI\b/i$victim->{table}/g;
		$sql =~ s/\bQ\b/$victim->{query}/g;
		$sql =~ s/<->/$victim->{operator}/g;
		# the state of the statement that failed, if one did
		my @statements = split /;\s*/, $sql;
		$script .= "\\echo\n\\echo <$name>\n\\set failed 0\n";
		foreach my $statement (@statements)
		{
			$script .= "$statement;\n\\if :ERROR\n\\echo ! :SQLSTATE :LAST_ERROR_MESSAGE\n\\endif\n";
		}
		$script .= "\\echo </$name>\n";
	}
	my ($rc, $out, $err) = $node->psql('spoilt', $script, on_error_stop => 0, timeout => 600);
	my $crashed = $err =~ /server closed the connection|connection to server was lost/;

	while ($out =~ /<(\w+)>\n(.*?)<\/\1>/gs)
	{
		my ($name, $text) = ($1, $2);

		$last = $name;
		my ($state, $message) = $text =~ /^! (\w{5}) (.*)$/m;

		$result{$name} = { state => $state // '', message => $message // '', out => $text =~ s/\s+$//r };
	}
	# the step that ended the connection is the last one that says anything
	delete $result{$last} if $crashed && defined $last;
	return \%result;
}

# What is wrong with the outcome of a step, '' if nothing is.
sub fault_of
{
	my ($victim, $name, $outcome) = @_;

	return 'crash' unless defined $outcome;
	my ($state, $message, $out) = @{$outcome}{qw(state message out)};
	my $index = "i$victim->{table}";

	return '' if $state eq 'XX001';
	return '' if $state eq '0A000' && $message =~ /format version/;
	return '' if $state eq 'XX002' && $message =~ /index "$index" is damaged: (?:block \d+|it names row )/;
	return '' if $state eq 'XX002'
	  && $message =~ /index "$index" violates invariant (?:I\d+ at block \d+|I12: it lacks row |I13: it has other key columns than row )/;
	return "$state $message" if $state ne '';
	return "wrong answer $out" if $name =~ /nearest|everything|filtered|parallel/ && $out !~ /^\d+\|\d+\|0\|0$/;
	return '';
}

# Does a scan lack rows without saying so?
sub lacks_rows
{
	my ($outcome) = @_;

	return defined $outcome && $outcome->{state} eq '' && $outcome->{out} =~ /^\d+\|[1-9]\d*\|/;
}

# --- damages on purpose --------------------------------------------------------------

my $v = $victims[0];
my %blocks = pages_of_kind($v->{bytes});
my %level = map { $_ => field(page_of($v->{bytes}, $_), 'level') } @{ $blocks{inner} };
my ($low, $low2) = grep { $level{$_} == 1 && $_ > 1 } @{ $blocks{inner} };
my ($high) = grep { $level{$_} == 2 } @{ $blocks{inner} };
my ($leaf, $leaf2) = grep { tuple_count(page_of($v->{bytes}, $_)) > 4 } @{ $blocks{leaf} };
my ($centroid) = @{ $blocks{centroid} };
my ($mean) = @{ $blocks{mean} };
my $code_bytes = field(page_of($v->{bytes}, 0), 'code_bits') / 8;
my @scans = qw(everything filtered parallel);
my @all = (@scans, qw(vacuum maintain check info prewarm));
my @meta = qw(nearest everything insert vacuum maintain check info prewarm);

cmp_ok(scalar(keys %level), '>', 20, 'the first victim has many inner pages, on several levels');
ok(defined $high, '... some of them above others');

# a page of the first victim with something else in it
sub with_page
{
	my ($block, $change) = @_;

	return put_page($v->{bytes}, $block, $change->(page_of($v->{bytes}, $block)));
}

sub with_field
{
	my ($block, $name, $change) = @_;

	return with_page($block, sub { set_field($_[0], $name, ref $change ? $change->(field($_[0], $name)) : $change) });
}

sub with_entry
{
	my ($block, $name, $value) = @_;

	return with_page($block, sub { set_entry_field($_[0], 0, $name, $value) });
}

# One page in the place of another; it says that it belongs there, unless it is raw.
sub copied
{
	my ($to, $from, $raw) = @_;
	my $page = page_of($v->{bytes}, $from);
	my $tag = field(page_of($v->{bytes}, $to), 'block_tag');

	return put_page($v->{bytes}, $to, $raw ? $page : set_field($page, 'block_tag', $tag));
}

# what, the bytes, the block that must be named (undef: any), the steps that must say it
my @cases = (
	[ 'an inner page is all zero', put_page($v->{bytes}, $low, "\0" x 8192), $low, @all ],
	[ 'an inner page is a copy of a leaf', copied($low, $leaf), $low, @all ],
	[ 'an inner page is a copy of its neighbour', copied($low, $low2, 'raw'), $low, @all ],
	[ '... which says that it belongs there', copied($low, $low2), undef, @all ],
	[ 'an inner page is a copy of one above', copied($low, $high), $low, @all ],
	[ 'the root is a copy of a leaf', copied(1, $leaf), undef, @all, 'insert', 'nearest' ],
	[ 'the root is a copy of an inner page', copied(1, $low), undef, @all, 'insert', 'nearest' ],
	[ 'the root is all zero', put_page($v->{bytes}, 1, "\0" x 8192), 1, @all, 'insert', 'nearest' ],
	[ 'a leaf is all zero', put_page($v->{bytes}, $leaf, "\0" x 8192), $leaf, @all ],
	[ 'a leaf is a copy of an inner page', copied($leaf, $low), $leaf, @all ],
	[ 'a leaf is a copy of another leaf', copied($leaf, $leaf2, 'raw'), $leaf, @all ],
	[ 'a leaf is a copy of a centroid page', copied($leaf, $centroid), $leaf, @all ],
	[ 'a page is another than it says', with_field($low, 'level', 3), $low, @all ],
	[ 'an inner page is stamped with a counter to come', with_field($low, 'seq', sub { $_[0] + 1000 }), $low,
		@scans, qw(vacuum maintain check) ],
	[ 'two entries name the same leaf',
		with_entry($low, 'child', entry_field(page_of($v->{bytes}, $low2), 0, 'child')), undef, @all ],
	[ 'an entry names the page that it is on', with_entry($low, 'child', $low), $low, @all ],
	[ 'an entry names the root', with_entry($low, 'child', 1), undef, @all ],
	[ 'an entry names the metapage', with_entry($low, 'child', 0), undef, @all ],
	[ 'an entry names a page beyond the file', with_entry($low, 'child', 1_000_000), 1_000_000, @scans, 'vacuum', 'info' ],
	[ 'an entry names no leaf', with_entry($low, 'child', 0xffffffff), undef, @all ],
	[ 'an entry names no inner page', with_entry(1, 'child', 0xffffffff), undef, @all ],
	[ 'the file is cut off', substr($v->{bytes}, 0, 8192 * ($leaf2 > $low2 ? $leaf2 : $low2)), undef, @all ],
	[ 'an entry names a slot that there cannot be', with_entry($low, 'centroid_slot', 200), $low, qw(check vacuum info) ],
	[ 'an inner page lacks its last children', with_page($low, sub
		{
			my $page = set_field($_[0], 'ntuples', field($_[0], 'ntuples') - 1);
			$page = set_field($page, 'pd_lower', field($page, 'pd_lower') - $code_bytes);
			set_field($page, 'pd_upper', field($page, 'pd_upper') + 24);
		}), undef, @all ],
	[ 'an inner page has no children', with_page($low, sub
		{
			my $page = set_field($_[0], 'ntuples', 0);
			set_field(set_field($page, 'pd_lower', 64), 'pd_upper', 8168);
		}), undef, @all ],
	[ 'a row pointer has no offset', with_entry($leaf, 'row_offset', 0), undef, qw(everything vacuum maintain check info) ],
	[ 'a row pointer leads out of the table', with_entry($leaf, 'row_block_low', 60000), undef, qw(everything check_rows info) ],
	[ 'a tuple has unknown flags', with_entry($leaf, 'flags', 0x82), $leaf, qw(vacuum maintain check info) ],
	[ 'a tuple has no finite norm', with_entry($leaf, 'norm2', 'nan'), $leaf, qw(vacuum maintain check info) ],
	[ 'the metapage ends too early', with_field(0, 'pd_lower', sub { $_[0] - 300 }), 0, @meta ],
	[ 'the metapage ends too late', with_field(0, 'pd_lower', sub { $_[0] + 8 }), 0, @meta ],
	[ 'the metapage ends at another place', with_field(0, 'pd_upper', 4000), 0, @meta ],
	[ 'a centroid page ends too early', with_field($centroid, 'pd_lower', sub { $_[0] - 520 }), $centroid, qw(vacuum maintain check) ],
	[ 'a centroid page ends within a slot', with_field($centroid, 'pd_lower', sub { $_[0] + 8 }), $centroid, qw(vacuum maintain check) ],
	[ 'a centroid page ends at another place', with_field($centroid, 'pd_upper', sub { $_[0] - 8 }), $centroid, qw(vacuum maintain check) ],
	[ 'a slot is used that there cannot be', with_page($centroid, sub
		{
			my $page = set_field($_[0], 'bitmap', field($_[0], 'bitmap') | 1 << 60);
			set_field($page, 'ntuples', field($page, 'ntuples') + 1);
		}), $centroid, qw(vacuum maintain check) ],
	[ 'a centroid is not there', with_page($centroid, sub
		{
			my $page = set_field($_[0], 'bitmap', 0);
			set_field($page, 'ntuples', 0);
		}), $centroid, qw(insert check) ],
	[ 'the mean ends at another place', with_field($mean, 'pd_upper', 4000), $mean, @meta ],
	[ 'the mean is not finite', with_field($mean, 'first_float', 'nan'), $mean, @meta ],
	[ 'the mean is of another version', with_field($mean, 'mean_version', 77), $mean, @meta ],
	[ 'the metapage names a leaf as the mean', with_field(0, 'mean_block', $leaf), $leaf, @meta ],
	[ 'the metapage names no mean', with_field(0, 'mean_block', 0xffffffff), 0, @meta ],
	[ 'the metapage has another metric', with_field(0, 'metric', 3), 0, @meta ],
	[ 'the metapage has another number of dimensions', with_field(0, 'dim', 300), undef, grep { $_ ne 'insert' } @meta ],
	[ 'the metapage has one dimension less', with_field(0, 'dim', 15), undef, 'recall', grep { $_ ne 'insert' } @meta ],
	[ 'the metapage has no dimensions', with_field(0, 'dim', 0), 0, @meta ],
	[ 'the metapage is that of an empty index', put_page($v->{bytes}, 0, page_of($victims[7]{bytes}, 0)), 1, grep { $_ ne 'check' } @meta ],
	[ 'the metapage is that of an index of one page', put_page($v->{bytes}, 0, page_of($victims[6]{bytes}, 0)), 1, @meta ],
	[ 'the metapage says another height', with_field(0, 'height', 2), undef, grep { $_ ne 'insert' } @meta ],
	[ 'the metapage counts one leaf less', with_field(0, 'leaves', sub { $_[0] - 1 }), undef, @all ],
	[ 'the metapage is older than the tree', with_field(0, 'meta_seq', 0), undef, @scans, qw(vacuum maintain check) ],
	[ 'the metapage has no capacity', with_field(0, 'leaf_capacity', 2), 0, @meta ],
	[ 'the metapage has a norm that is none', with_field(0, 'max_norm', 'nan'), 0, @meta ],
	[ 'the metapage has a number of rows that is none', with_field(0, 'rows', 'nan'), 0, @meta ],
	[ 'the metapage has unknown flags', with_field(0, 'meta_flags', 4), 0, @meta ],
	[ 'the metapage says that the mean is changing', with_field(0, 'meta_flags', 1), undef, @meta ],
);

# --- run -----------------------------------------------------------------------------

my $log_start = -s $node->logfile;

sub describe_steps
{
	my ($result) = @_;

	return map { "  $_: " . ($result->{$_}{state} || 'ok') . ' ' . ($result->{$_}{message} || $result->{$_}{out}) } sort keys %$result;
}

# What an access method cannot see: rows of one leaf that are not the right ones.  The
# table knows.
my @unseen_cases = (
	[ 'a leaf is as it was before its last row came', with_page($leaf, sub
		{
			my $page = set_field($_[0], 'ntuples', field($_[0], 'ntuples') - 1);
			$page = set_field($page, 'pd_lower', field($page, 'pd_lower') - $code_bytes);
			set_field($page, 'pd_upper', field($page, 'pd_upper') + 16);
		}) ],
	[ 'a leaf is a copy of another one, and says that it belongs there', copied($leaf, $leaf2) ],
	[ 'a row pointer leads to another row', with_entry($leaf, 'row_offset',
		1 + entry_field(page_of($v->{bytes}, $leaf), 0, 'row_offset') % 20) ]);

cmp_ok(@cases + @unseen_cases, '<=', @case_places, 'there is a place for every case');
my @in_places = map { [ $case_places[$_], ($cases[$_] // $unseen_cases[ $_ - @cases ])->[1] ] } 0 .. $#cases + @unseen_cases;
spoil(@in_places);

# A table whose index was damaged and built again, and is right again.
sub is_mended
{
	my ($result) = @_;

	return ($result->{reindex}{state} // 'crash') eq ''
	  && ($result->{everything_mended}{out} // '') =~ /^\d+\|0\|0\|0$/
	  && ($result->{check_rows_mended}{state} // 'crash') eq '';
}

foreach my $case (@cases)
{
	my ($what, undef, $block, @said) = @$case;
	my $place = (shift @in_places)->[0];
	# what writes comes last, so that it hides nothing from the others
	my @steps = sort { ($a =~ /insert|vacuum|maintain/) <=> ($b =~ /insert|vacuum|maintain/) } @said;
	my $result = do_steps($place, 0, @steps, 'reindex', 'everything_mended', 'check_rows_mended');
	my @silent = grep
	{
		my $outcome = $result->{$_};

		!defined $outcome || $outcome->{state} !~ /^XX00[12]$/
		  || (defined $block && $outcome->{message} !~ /block $block\b/);
	} @steps;
	my @faults = map { fault_of($place, $_, $result->{$_}) || () } @steps, 'reindex';

	ok(!@faults && !@silent && is_mended($result), "$what: @said say it, REINDEX helps")
	  || diag(join "\n", "silent: @silent", "faults: @faults", describe_steps($result));
}
foreach my $case (@unseen_cases)
{
	my $result = do_steps((shift @in_places)->[0], 0, 'everything', 'check_rows', 'reindex', 'everything_mended',
		'check_rows_mended');

	ok( lacks_rows($result->{everything}) && $result->{check_rows}{state} eq 'XX002' && is_mended($result),
		"$case->[0]: hvtree_check(index, true) says it")
	  || diag(join "\n", describe_steps($result));
}

# --- damages at random ---------------------------------------------------------------

my %outcomes;
my %count = map { $_ => 0 } qw(crashes hangs losses unseen faults);
my @bad;
my @readers = qw(nearest everything filtered parallel check info recall prewarm prewarm_top);
my @writers = qw(insert update vacuum maintain);

sub shuffled
{
	my @list = @_;

	foreach my $i (reverse 1 .. $#list)
	{
		my $j = int rand $i + 1;

		@list[ $i, $j ] = @list[ $j, $i ];
	}
	return @list;
}

# One damaged index: steps in any order, some of them left out.
sub try_damage
{
	my ($place, $damage, $checksums) = @_;
	my @steps = ((grep { rand() < 0.7 } shuffled(@readers, @writers)), qw(everything_after check_after check_rows_after));
	my $result = do_steps($place, $checksums, @steps, 'reindex', 'everything_mended', 'check_rows_mended');
	my @faults;

	foreach my $name (@steps, 'reindex')
	{
		my $outcome = $result->{$name};
		my $fault = fault_of($place, $name, $outcome);

		$outcomes{ defined $outcome ? $outcome->{state} || 'no error' : 'crash' }++;
		if ($fault eq 'crash')
		{
			push @faults, "$name: crash";
			$count{crashes}++;
			$node->poll_query_until('postgres', 'SELECT true');
			$result = { %$result, %{ do_steps($place, 0, 'reindex', 'everything_mended', 'check_rows_mended') } };
			last;
		}
		$count{hangs}++ if $fault =~ /^57014/;
		push @faults, "$name: $fault" if $fault ne '';
		next unless $name =~ /everything|filtered|parallel/ && lacks_rows($outcome);
		$count{ $damage->{unseen} ? 'unseen' : 'losses' }++;
		push @faults, "$name: rows are lost in silence" unless $damage->{unseen};
	}
	my ($scan, $check, $rows) = @{$result}{qw(everything_after check_after check_rows_after)};

	push @faults, 'hvtree_check finds all rows, but a scan does not'
	  if lacks_rows($scan) && defined $rows && $rows->{state} eq '';
	push @faults, 'hvtree_check finds nothing, but a scan does'
	  if defined $check && $check->{state} eq '' && $scan->{state} =~ /^XX00[12]$/ && $scan->{message} !~ /names row/;
	push @faults, 'REINDEX does not help' unless is_mended($result);
	push @bad, join "\n", "$place->{table}, $damage->{what}, checksums " . ($checksums ? 'on' : 'off') . ": @faults",
	  describe_steps($result)
	  if @faults;
	$count{faults} += @faults;
	return;
}

srand $seed;
my $done = 0;
while ($done < $trials)
{
	my @round;

	foreach my $place (map { @$_ } @places)
	{
		my $victim = $place->{victim};
		my $stranger = $victims[ int rand @victims ];
		my ($bytes, $damage) = damage_at_random($victim->{bytes}, $victim->{older}, $stranger->{bytes});

		# (pointers into the TOAST table were changed behind the checksums of the table)
		push @round, [ $place, $bytes, $damage, rand() < 0.2 && !$victim->{toasted} ];
	}
	my $noted = @bad;

	spoil(@round);
	foreach my $trial (@round)
	{
		my ($place, undef, $damage, $checksums) = @$trial;

		try_damage($place, $damage, $checksums);
		$done++;
	}
	if ($ENV{HV_TRIALS})
	{
		diag($_) foreach @bad[ $noted .. $#bad ];
		diag("$done trials, seed $seed: " . join ', ', map { "$_ $count{$_}" } sort keys %count);
	}
}
diag("$done damages, seed $seed: "
	  . join(', ', map { "$_: $outcomes{$_}" } sort keys %outcomes) . '; '
	  . join(', ', map { "$_ $count{$_}" } sort keys %count));
is(scalar(@bad), 0, "$done damages at random: every command answers rightly or names the damage")
  || diag(join "\n", @bad[ 0 .. ($#bad < 12 ? $#bad : 12) ]);

unlike(substr(slurp_file($node->logfile), $log_start), qr/PANIC|TRAP|terminated by signal/, 'no backend crashed');
$node->stop;
done_testing();
