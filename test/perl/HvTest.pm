# test/perl/HvTest.pm
#	What the server tests share: a node with the extension, vector sets with
#	ground truth in tables, vectors made up from a seed, recall.
#
# A set SET in table "items" is always three tables:
#	items		(id int, v real[])	id counts from 0
#	items_query	(id int, v real[])
#	items_truth	(id int, ids int[], kth float8[])	of query id: the nearest rows
#				and their distances, nearest first

package HvTest;

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use File::Basename 'dirname';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Where a test run has made a database cluster (test/check.sh), nodes begin as copies
# of it: from PostgreSQL 17 on by themselves, before that because their initdb is
# answered with one.
if (defined $ENV{INITDB_TEMPLATE})
{
	my $run = \&PostgreSQL::Test::Utils::system_or_bail;

	no warnings 'redefine';
	*PostgreSQL::Test::Utils::system_or_bail = sub {
		@_ = ('cp', '-a', $ENV{INITDB_TEMPLATE}, $_[2]) if "@_" =~ /^initdb -D \S+ -A trust -N$/;
		return $run->(@_);
	};
}

our @EXPORT = qw(
  new_node data_folder have_sets load_set make_text with_metric make_clustered make_truth
  recall check_index uses_index last_scan stats
  vector_functions check_functions exhaustive exhaustive_sql is_complete
  backend_of sqlstate_of log_lines stop_after
);

# the ordering operator and the operator class of each metric
our %OPERATOR = (l2 => '<->', ip => '<#>', cosine => '<=>');
our %OPCLASS =
  (l2 => 'real_l2_ops', ip => 'real_ip_ops', cosine => 'real_cosine_ops');

# new_node(NAME, CONF): a running server with the extension in its database
# postgres.  CONF is appended to postgresql.conf.
sub new_node
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name // 'main');

	$node->init;
	$node->append_conf('postgresql.conf',
		"shared_buffers = 64MB\nmax_wal_size = 4GB\nautovacuum = off\njit = off\nlog_statement = none\n");
	$node->append_conf('postgresql.conf', $conf) if defined $conf;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION hvindex');
	return $node;
}

# The folder of vector sets, or undef: then the caller skips and says so.
sub data_folder
{
	my $folder = $ENV{HV_DATA};

	return (defined $folder && $folder ne '' && -d $folder) ? $folder : undef;
}

# have_sets(SET, ...): are all these sets in the folder?
sub have_sets
{
	my $folder = data_folder() // return 0;

	foreach my $set (@_)
	{
		my @files = glob "$folder/$set-base.*";

		return 0 unless @files;
	}
	return 1;
}

# ---------------------------------------------------------------------------
# Files of vectors
# ---------------------------------------------------------------------------

# All bytes of a file, through gzip where its name says so.
sub read_bytes
{
	my ($path) = @_;
	my $fh;

	if ($path =~ /\.gz$/)
	{
		open $fh, '-|', 'gzip', '-dc', $path or die "gzip $path: $!";
	}
	else
	{
		open $fh, '<', $path or die "$path: $!";
	}
	binmode $fh;
	local $/;
	my $bytes = <$fh>;
	close $fh or die "$path: read failed";
	return $bytes;
}

# The bits of the float32 that equals a float16 given by its bits.
sub half_to_float_bits
{
	my ($half) = @_;
	my $sign = ($half & 0x8000) << 16;
	my $exponent = ($half >> 10) & 0x1f;
	my $fraction = $half & 0x3ff;

	return $sign | 0x7f800000 | ($fraction << 13) if $exponent == 31;
	if ($exponent == 0)
	{
		return $sign if $fraction == 0;
		$exponent = 1;
		while (!($fraction & 0x400))
		{
			$fraction <<= 1;
			$exponent--;
		}
		$fraction &= 0x3ff;
	}
	return $sign | (($exponent + 112) << 23) | ($fraction << 13);
}

# A value of an array, as a binary COPY has it, is an "element": its length, 4, and the
# four bytes of the float32.
sub elements_of
{
	return pack '(N f>)*', map { (4, $_) } @_;
}

# Per file format: bytes a value, and a function from the bytes of a row to elements.
# Tables of all values are made when they are needed.
my (@u8_elements, @f16_elements);
my %FORMAT = (
	fbin => [ 4, sub {
			join pack('N', 4), '', unpack '(a4)*', pack 'N*', unpack 'V*', $_[0];
		} ],
	u8bin => [ 1, sub {
			@u8_elements = map { elements_of($_) } 0 .. 255 unless @u8_elements;
			join '', @u8_elements[ unpack 'C*', $_[0] ];
		} ],
	f16bin => [ 2, sub {
			@f16_elements = map { pack 'N2', 4, half_to_float_bits($_) } 0 .. 65535
			  unless @f16_elements;
			join '', @f16_elements[ unpack 'v*', $_[0] ];
		} ]);

# The rows of a vector file, each as a string of elements; at most $limit rows.
# Returns (rows, dimensions).
sub read_vectors
{
	my ($path, $limit) = @_;
	my ($name) = $path =~ /\.(fbin|u8bin|f16bin)(?:\.gz)?$/
	  or die "$path: unknown format";
	my ($size, $elements) = @{ $FORMAT{$name} };
	my $bytes = read_bytes($path);
	my ($n, $dim) = unpack 'V2', $bytes;

	die "$path: wrong length"
	  unless length($bytes) == 8 + $n * $dim * $size;
	$n = $limit if defined $limit && $limit < $n;
	return ([ map { $elements->(substr $bytes, 8 + $_ * $dim * $size, $dim * $size) } 0 .. $n - 1 ],
		$dim);
}

# Ground truth: arrays of ids and of distances per query.
sub read_truth
{
	my ($path) = @_;
	my $bytes = read_bytes($path);
	my ($n, $k) = unpack 'V2', $bytes;
	my (@ids, @distances);

	foreach my $i (0 .. $n - 1)
	{
		push @ids, [ unpack "x@{[8 + $i * $k * 4]}(l<)$k", $bytes ];
		push @distances, [ unpack "x@{[8 + ($n + $i) * $k * 4]}(f<)$k", $bytes ];
	}
	return (\@ids, \@distances);
}

# ---------------------------------------------------------------------------
# Tables
# ---------------------------------------------------------------------------

# Creates a table (id int, v real[]) and fills it from rows of elements by a binary
# COPY, which keeps every bit.
sub copy_vectors
{
	my ($node, $table, $rows, $storage) = @_;
	my $file = $node->basedir . "/$table.copy";

	$node->safe_psql('postgres', "CREATE TABLE $table (id int, v real[])");
	$node->safe_psql('postgres', "ALTER TABLE $table ALTER v SET STORAGE $storage")
	  if defined $storage;

	open my $fh, '>', $file or die "$file: $!";
	binmode $fh;
	print $fh "PGCOPY\n\xff\r\n\0", pack('N2', 0, 0);
	my $id = 0;
	foreach my $row (@$rows)
	{
		# one dimension, no nulls, float4 (type 700), length, lower bound 1
		print $fh pack('n N2 N N5', 2, 4, $id++, 20 + length $row, 1, 0, 700, length($row) / 8, 1),
		  $row;
	}
	print $fh pack('n', 0xffff);
	close $fh or die "$file: $!";

	# what values and elements are frequent costs more than everything else here, and
	# tells the planner nothing; the number of rows and their width do
	$node->safe_psql('postgres',
		"COPY $table FROM '$file' WITH (FORMAT binary);
		 SET default_statistics_target = 1; ANALYZE $table");
	unlink $file;
	return;
}

sub store_truth
{
	my ($node, $table, $ids, $distances) = @_;
	my $copy = join '', map {
		"$_\t{" . join(',', @{ $ids->[$_] }) . "}\t{"
		  . join(',', map { sprintf '%.9g', $_ } @{ $distances->[$_] }) . "}\n"
	} 0 .. $#$ids;
	my $file = $node->basedir . "/$table.copy";

	append_to_file($file, $copy);
	$node->safe_psql('postgres',
		"CREATE TABLE ${table}_truth (id int, ids int[], kth float8[]);"
		  . "COPY ${table}_truth FROM '$file'");
	unlink $file;
	return;
}

# load_set(NODE, SET, METRIC, [table => NAME, limit => ROWS, queries => N,
# storage => 'plain', folder => PATH]): the set's three tables.  With limit, the
# truth is computed from the rows that are there.  Returns { table, metric, operator,
# opclass, dim, rows, queries }.  Ask have_sets() first: a set that is not
# there is an error.
sub load_set
{
	my ($node, $set, $metric, %option) = @_;
	my $folder = $option{folder} // data_folder() // die 'no folder of vector sets (HV_DATA)';
	my $table = $option{table} // 'items';
	my ($base) = glob "$folder/$set-base.*";
	my ($query) = glob "$folder/$set-query.*";

	die "no set $set in $folder" unless defined $base && defined $query;
	my ($rows, $dim) = read_vectors($base, $option{limit});
	my ($queries) = read_vectors($query, $option{queries});
	copy_vectors($node, $table, $rows, $option{storage});
	copy_vectors($node, "${table}_query", $queries);

	my $self = describe($table, $metric, $dim, scalar @$rows, scalar @$queries);
	$self->{set} = $set;
	$self->{folder} = $folder;
	$self->{whole} = !defined $option{limit};
	load_truth($node, $self);
	return $self;
}

# make_text(OPTION ...): the set "text", short texts by cosine, which bench/hvtext makes
# with these options.  Returns the folder where it is, or undef where this system has
# not the texts, WordNet's definitions.
sub make_text
{
	my (@options) = @_;
	my $top = dirname(dirname(dirname(abs_path(__FILE__))));
	my $folder = PostgreSQL::Test::Utils::tempdir();

	return unless -f '/usr/share/wordnet/data.noun';
	# outside the tree, where others may be building
	PostgreSQL::Test::Utils::system_or_bail('make', '-s', '-B', '-C', $folder, '-f', "$top/bench/Makefile",
		"VPATH=$top/bench", "SRC=$top/src", "CFLAGS=-I$top/bench", 'hvtext');
	PostgreSQL::Test::Utils::system_or_bail("$folder/hvtext", '--out', "$folder/text", @options);
	return $folder;
}

# with_metric(NODE, SET, METRIC): the same tables under another metric.  Their
# truth is replaced.
sub with_metric
{
	my ($node, $set, $metric) = @_;
	my $self = { %$set, %{ describe($set->{table}, $metric, @{$set}{qw(dim rows queries)}) } };

	$node->safe_psql('postgres', "DROP TABLE $self->{table}_truth");
	load_truth($node, $self);
	return $self;
}

# Truth from the set's file where there is one for the rows that are there.
sub load_truth
{
	my ($node, $self) = @_;
	my ($table, $metric) = @{$self}{qw(table metric)};
	my $prefix = "$self->{folder}/$self->{set}-gt100";
	my ($file) =
	  grep { -e } ("$prefix-$metric.ibin", $metric eq 'l2' ? "$prefix.ibin" : ());

	return make_truth($node, $self) unless defined $file && $self->{whole};
	my ($ids, $distances) = read_truth($file);
	my $last = $self->{queries} - 1;

	store_truth($node, $table, [ @{$ids}[ 0 .. $last ] ], [ @{$distances}[ 0 .. $last ] ]);
	return;
}

sub describe
{
	my ($table, $metric, $dim, $rows, $queries) = @_;

	return {
		table => $table,
		metric => $metric,
		operator => $OPERATOR{$metric},
		opclass => $OPCLASS{$metric},
		dim => $dim,
		rows => $rows,
		queries => $queries
	};
}

# make_truth(NODE, SET, K): (re)computes the truth of a set by sequential
# scans over what its table holds now, K (100) neighbours a query.  They read a copy
# whose vectors need not be unpacked for each query.
sub make_truth
{
	my ($node, $set, $k) = @_;
	my ($table, $operator) = @{$set}{qw(table operator)};

	# in its page where it has room there
	my $storage = $set->{dim} <= 1900 ? 'plain' : 'external';

	$k //= 100;
	$node->safe_psql('postgres', qq{
		SET enable_indexscan = off;
		DROP TABLE IF EXISTS ${table}_truth;
		CREATE TEMP TABLE unpacked (LIKE $table);
		ALTER TABLE unpacked ALTER v SET STORAGE $storage;
		INSERT INTO unpacked SELECT * FROM $table WHERE v IS NOT NULL;
		CREATE TABLE ${table}_truth AS
		SELECT q.id, array_agg(s.id ORDER BY s.d, s.id) AS ids,
			   array_agg(s.d ORDER BY s.d, s.id) AS kth
		FROM (SELECT id, v || '{}'::real[] AS v FROM ${table}_query OFFSET 0) q,
			 LATERAL (SELECT t.id, t.v $operator q.v AS d FROM unpacked t
					  ORDER BY d, t.id LIMIT $k) s
		GROUP BY q.id});
	return;
}

# make_clustered(NODE, METRIC, [table, rows => 10000, dims => 64, clusters =>
# 100, spread => 0.5, queries => 50, seed => 1, storage]): vectors around
# normally distributed centres, the same for the same seed everywhere (Perl
# has a generator of its own).  spread is the standard deviation inside a
# cluster, that of the centres is 1.  Queries are drawn the same way.  With
# latent => N all that is drawn in N dimensions and mapped into the others
# linearly, with a little noise: so neighbours are much nearer than other rows of
# the cluster, as those of real vectors are.
sub make_clustered
{
	my ($node, $metric, %option) = @_;
	my $table = $option{table} // 'items';
	my $dims = $option{dims} // 64;
	my $spread = $option{spread} // 0.5;
	my $latent = $option{latent};

	srand($option{seed} // 1);
	my @centres =
	  map { [ map { normal() } 1 .. $latent // $dims ] } 1 .. ($option{clusters} // 100);
	my @map = map { [ map { normal() } 1 .. $latent ] } 1 .. (defined $latent ? $dims : 0);
	my $draw = sub {
		my $centre = $centres[ int rand @centres ];
		my @point = map { $_ + $spread * normal() } @$centre;

		@point = map { sum_of_products($_, \@point) + 0.1 * normal() } @map if @map;
		return elements_of(@point);
	};
	my @rows = map { $draw->() } 1 .. ($option{rows} // 10000);
	my @queries = map { $draw->() } 1 .. ($option{queries} // 50);

	copy_vectors($node, $table, \@rows, $option{storage});
	copy_vectors($node, "${table}_query", \@queries);
	my $self = describe($table, $metric, $dims, scalar @rows, scalar @queries);
	make_truth($node, $self);
	return $self;
}

sub sum_of_products
{
	my ($left, $right) = @_;
	my $sum = 0;

	my $i = 0;

	$sum += $_ * $right->[ $i++ ] foreach @$left;
	return $sum;
}

# a normally distributed number (Box and Muller)
sub normal
{
	return sqrt(-2 * log(1 - rand)) * cos(6.283185307179586 * rand);
}

# ---------------------------------------------------------------------------
# Looking at an index
# ---------------------------------------------------------------------------

# recall(NODE, SET, K, SETTINGS): mean share of the true K nearest among the K
# rows that ORDER BY .. LIMIT K gives, 0 .. 1.  A row at the distance of the
# K-th counts whatever its number.  SETTINGS is SQL that goes before, as in
# 'SET hvtree.probes = 10;'.
sub recall
{
	my ($node, $set, $k, $settings) = @_;
	my ($table, $operator) = @{$set}{qw(table operator)};

	$settings //= 'SET enable_seqscan = off;';
	# settings print nothing; the one line is the result
	return $node->safe_psql('postgres', qq{
		$settings
		SELECT avg(hits::float8 / least($k, cardinality(ids)))
		FROM (SELECT g.ids,
					 (SELECT count(*)
					  FROM (SELECT t.id, t.v $operator q.v AS d FROM $table t
							ORDER BY t.v $operator q.v LIMIT $k) s
					  WHERE s.id = ANY (g.ids[1:$k])
						 OR s.d <= g.kth[least($k, cardinality(g.ids))]
								   + 1e-6 * abs(g.kth[least($k, cardinality(g.ids))])) AS hits
			  FROM ${table}_query q JOIN ${table}_truth g USING (id)) r});
}

# check_index(NODE, INDEX, NAME): a test that every page of the index is sound, and that it
# has the rows of its table with their key columns.
sub check_index
{
	my ($node, $index, $name) = @_;
	my ($rc, $pages, $errors) =
	  $node->psql('postgres', "SELECT hvtree_check('$index', true)");

	return ok($rc == 0 && $pages =~ /^[1-9]\d*$/, $name // "$index is sound")
	  || diag($errors);
}

# uses_index(NODE, QUERY, INDEX): does the plan of a query scan that index?
sub uses_index
{
	my ($node, $query, $index) = @_;

	return $node->safe_psql('postgres', "EXPLAIN (COSTS OFF) $query") =~
	  /Index Scan using \Q$index\E\b/;
}

# stats(NODE, INDEX): the row of hvtree_info as a hash of strings
sub stats
{
	my ($node, $index) = @_;

	return one_row($node, "SELECT * FROM hvtree_info('$index')");
}

# last_scan(NODE, QUERY, SETTINGS): runs a query and returns the row of
# hvtree_last_scan after it, as a hash of strings
sub last_scan
{
	my ($node, $query, $settings) = @_;

	return one_row($node, 'SELECT * FROM hvtree_last_scan()',
		($settings // '') . "SELECT count(*) FROM ($query) q;");
}

# The first row of a query by column names; $before runs in the same session.
sub one_row
{
	my ($node, $query, $before) = @_;
	my $output = $node->safe_psql('postgres',
		($before // '') . "SELECT key || '=' || coalesce(value, '') "
		  . "FROM ($query) r, json_each_text(row_to_json(r));");

	return { map { /^(\w+)=(.*)$/ ? ($1, $2) : () } split /\n/, $output };
}

# ---------------------------------------------------------------------------
# Made up by the server
# ---------------------------------------------------------------------------

# vector_functions(NODE): SQL functions that make vectors from random().
#	random_vector(dims)				evenly spread around 0
#	clustered_vector(dims, k)		around one of k centres, drawn by random()
#	vector_near(dims, c)			around centre c
sub vector_functions
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
		CREATE FUNCTION random_vector(dims int) RETURNS real[] LANGUAGE sql VOLATILE AS
		'SELECT array_agg((random() - 0.5)::real) FROM generate_series(1, dims)';
		CREATE FUNCTION vector_near(dims int, c int) RETURNS real[] LANGUAGE sql VOLATILE AS
		'SELECT array_agg((sin(c * 127.1 + i * (i + c) * 311.7) + 0.5 * (random() - 0.5))::real)
		 FROM generate_series(1, dims) i';
		CREATE FUNCTION clustered_vector(dims int, k int) RETURNS real[] LANGUAGE sql VOLATILE AS
		'SELECT vector_near(dims, floor(random() * k)::int)';});
	return;
}

# check_functions(NODE): SQL functions for scripts that others run, as pgbench;
# they raise an error where something is wrong.
#	check_that(claim, what)			the claim must hold
#	slow_scan(items, ordering, seconds)	reads a table (id, ...) by "ORDER BY
#									ordering", with a pause behind the fifth row:
#									it must give the rows that are there, once.
#									For a transaction with one snapshot.
sub check_functions
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
		CREATE FUNCTION check_that(claim boolean, what text) RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN IF claim IS NOT TRUE THEN RAISE EXCEPTION 'not so: %', what; END IF; END $$;

		CREATE FUNCTION slow_scan(items regclass, ordering text, seconds float8) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			c refcursor;
			here bigint;
			n bigint := 0;
			total bigint := 0;
			wanted_n bigint;
			wanted_total bigint;
		BEGIN
			OPEN c FOR EXECUTE format('SELECT id FROM %s ORDER BY %s', items, ordering);
			LOOP
				FETCH c INTO here;
				EXIT WHEN NOT FOUND;
				n := n + 1;
				total := total + here;
				IF n = 5 THEN
					PERFORM pg_sleep(seconds);
				END IF;
			END LOOP;
			CLOSE c;
			EXECUTE format('SELECT count(*), coalesce(sum(id), 0) FROM %s', items) INTO wanted_n, wanted_total;
			PERFORM check_that(n = wanted_n AND total = wanted_total,
				format('a slow scan by %s gives %s rows of sum %s, the table %s of sum %s',
					   ordering, n, total, wanted_n, wanted_total));
		END $$});
	return;
}

# exhaustive_sql(TABLE, OPERATOR, QUERY, [WHERE, COLUMN]): the query behind
# exhaustive(), for a session or a snapshot of the caller's own.  It needs
# enable_seqscan and enable_sort off.
sub exhaustive_sql
{
	my ($table, $operator, $query, $where, $column) = @_;

	$where //= 'true';
	$column //= 'v';
	return qq{
		WITH found AS MATERIALIZED (
			SELECT id, $column $operator $query AS d FROM $table WHERE $where
			ORDER BY $column $operator $query),
		there AS MATERIALIZED (SELECT id FROM $table WHERE $column IS NOT NULL AND ($where)),
		ordered AS (SELECT d < lag(d) OVER () AS wrong FROM found)
		SELECT (SELECT count(*) FROM found),
			   (SELECT count(*) FROM (SELECT id FROM there EXCEPT ALL SELECT id FROM found) m),
			   (SELECT count(*) FROM (SELECT id FROM found EXCEPT ALL SELECT id FROM there) s),
			   (SELECT count(*) FROM ordered WHERE wrong)};
}

# exhaustive(NODE, TABLE, OPERATOR, QUERY, [SETTINGS, WHERE, COLUMN]): reads
# all rows of TABLE (id, v) in order by an index scan.  QUERY is an SQL
# expression.  Returns "rows|missing|surplus|out of order": against the rows
# that a sequential scan gives, every row once is "N|0|0|0".
sub exhaustive
{
	my ($node, $table, $operator, $query, $settings, $where, $column) = @_;

	$settings //= '';
	return $node->safe_psql('postgres',
		"SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; $settings;"
		  . exhaustive_sql($table, $operator, $query, $where, $column));
}

# is_complete(NODE, INDEX, TABLE, QUERY, NAME): two tests, that the index of an
# L2 column v is sound and that a scan of it returns every row once, in order.
sub is_complete
{
	my ($node, $index, $table, $query, $name) = @_;
	my $rows = $node->safe_psql('postgres',
		"SELECT count(*) FROM $table WHERE v IS NOT NULL");

	check_index($node, $index, "$name: index is sound");
	return is(exhaustive($node, $table, '<->', $query),
		"$rows|0|0|0", "$name: every row once, in order");
}

# backend_of(SESSION): the process id of a background psql
sub backend_of
{
	my ($session) = @_;

	return $session->query_safe('SELECT pg_backend_pid()');
}

# sqlstate_of(NODE, SQL): (SQLSTATE, all of the message) of a failing command,
# ('', '') if it succeeds, ('crash', ..) if the connection is lost
sub sqlstate_of
{
	my ($node, $sql) = @_;
	my ($rc, $out, $err) =
	  $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", on_error_stop => 1);

	return ('', '') if $rc == 0;
	return ('crash', $err)
	  if $rc == 2 || $err =~ /server closed the connection|terminating connection/;
	return $err =~ /ERROR:\s+([0-9A-Z]{5}):/ ? ($1, $err) : ('unknown', $err);
}

# stop_after(NODE, SECONDS): kills the server if it is still at work then, so
# that an endless loop in it fails a test instead of holding it up.  0 seconds:
# not any more.
sub stop_after
{
	my ($node, $seconds) = @_;

	$SIG{ALRM} = sub {
		diag($node->name . " still works after $seconds s: stopped");
		$node->stop('immediate', fail_ok => 1);
	};
	alarm($seconds);
	return;
}

# log_lines(NODE, PATTERN): the lines of a server's log that match, as one
# string: '' where all is well
sub log_lines
{
	my ($node, $pattern) = @_;

	return join "\n", grep { $_ =~ $pattern } split /\n/, slurp_file($node->logfile);
}

1;
