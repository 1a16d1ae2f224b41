# Would catch: an update that leaves other SQL objects than CREATE EXTENSION makes;
# a library that the SQL of an earlier version cannot call; an order of updates, a
# schema or an owner that an update script does not work with; an index that does
# not come through a dump in custom format.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{HV_SEED} // int(rand(1 << 30));
diag("HV_SEED=$seed");

my $node = new_node('upgrade');
my $by_index = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';

vector_functions($node);

sub sql
{
	my ($database, $query) = @_;

	return $node->safe_psql($database, $query);
}

# the version of each extension that is made now
my %newest = map { split /\|/ } split /\n/,
  sql('postgres', q{SELECT name, default_version FROM pg_available_extensions WHERE name ~ '^hvindex'});

# database(NAME, COMMANDS): a database that has the functions but no extension
sub database
{
	my ($name, $commands) = @_;

	sql('postgres', "CREATE DATABASE $name TEMPLATE bare");
	sql($name, $commands);
	return $name;
}

# objects(DATABASE, EXTENSION): all objects of an extension with all that the catalogs
# say of them, a line each.  Oids are told by name.
sub objects
{
	my ($database, $extension) = @_;

	return sql($database, qq{
		SET search_path = '';
		CREATE TEMP VIEW member AS
		SELECT classid, objid, (pg_identify_object(classid, objid, 0)).* FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = '$extension');
		CREATE TEMP VIEW families AS
		SELECT f.oid, format('family %s.%s', f.opfnamespace::regnamespace, f.opfname) AS family
		FROM pg_opfamily f JOIN member ON classid = 'pg_opfamily'::regclass AND objid = f.oid;

		SELECT line FROM (
		SELECT format('%s %s: %s, initially %s', type, identity, obj_description(objid, classid::regclass::name), initprivs)
		FROM member LEFT JOIN pg_init_privs p ON p.classoid = classid AND p.objoid = objid AND p.objsubid = 0
		UNION ALL
		SELECT pg_get_functiondef(p.oid) || format('%s %s', proacl, pg_get_userbyid(proowner))
		FROM pg_proc p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
		UNION ALL
		SELECT format('%s %s %s', c.oid::regclass, relacl, pg_get_viewdef(c.oid))
		FROM pg_class c JOIN member ON classid = 'pg_class'::regclass AND objid = c.oid
		UNION ALL
		SELECT format('%s %s %s %s %s %s %s %s', o.oid::regoperator, oprresult::regtype, oprcode, oprcom::regoperator,
			oprnegate::regoperator, oprrest, oprjoin, pg_get_userbyid(oprowner))
		FROM pg_operator o JOIN member ON classid = 'pg_operator'::regclass AND objid = o.oid
		UNION ALL
		SELECT format('class %s.%s: %s of %s, %s, key %s', opcnamespace::regnamespace, opcname, opcintype::regtype,
			f.family, opcdefault, opckeytype::regtype)
		FROM pg_opclass c JOIN member ON classid = 'pg_opclass'::regclass AND objid = c.oid LEFT JOIN families f ON f.oid = opcfamily
		UNION ALL
		SELECT format('%s: operator %s %s %s %s, %s (%s)', family, amopstrategy, amopopr::regoperator, amoppurpose, amopmethod = a.oid,
			(SELECT opfname FROM pg_opfamily WHERE oid = amopsortfamily), pg_describe_object('pg_amop'::regclass, o.oid, 0))
		FROM pg_amop o JOIN families f ON f.oid = amopfamily JOIN pg_am a ON amname = 'hvtree'
		UNION ALL
		SELECT format('%s: function %s %s %s %s', family, amprocnum, amproclefttype::regtype, amprocrighttype::regtype, amproc)
		FROM pg_amproc JOIN families f ON f.oid = amprocfamily
		UNION ALL
		SELECT format('%s %s %s', amname, amhandler, amtype) FROM pg_am JOIN member ON classid = 'pg_am'::regclass AND objid = pg_am.oid
		UNION ALL
		-- and what hangs on what
		SELECT DISTINCT format('%s depends on %s: %s', pg_describe_object(d.classid, d.objid, d.objsubid),
			pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), d.deptype)
		FROM pg_depend d JOIN member m ON m.classid = d.classid AND m.objid = d.objid
		WHERE d.deptype <> 'e') l (line)
		ORDER BY line COLLATE "C"});
}

# same_objects(DATABASE, EXTENSION, FRESH, NAME): as CREATE EXTENSION made them in FRESH
sub same_objects
{
	my ($database, $extension, $fresh, $name) = @_;
	my ($got, $wanted) = map { objects($_, $extension) } $database, $fresh;

	cmp_ok(scalar(split /\n/, $wanted), '>', 20, "$name: there are objects to compare");
	return if ok($got eq $wanted, "$name: the objects that CREATE EXTENSION makes");
	my %there = map { $_ => 1 } split /\n/, $wanted;
	my %found = map { $_ => 1 } split /\n/, $got;
	diag("surplus: $_") foreach grep { !$there{$_} } sort keys %found;
	diag("missing: $_") foreach grep { !$found{$_} } sort keys %there;
	return;
}

# version_of(DATABASE, EXTENSION)
sub version_of
{
	return sql($_[0], "SELECT extversion FROM pg_extension WHERE extname = '$_[1]'");
}

# The versions that have a script of their own, but for the one that is made now.
sub earlier
{
	my ($extension) = @_;
	my ($folder) = run_command([ $ENV{PG_CONFIG} // 'pg_config', '--sharedir' ]);

	return grep { $_ ne $newest{$extension} }
	  map { m{/\Q$extension\E--((?:(?!--).)+)\.sql$} ? $1 : () } sort glob "$folder/extension/$extension--*.sql";
}

my $has_pgvector = sql('postgres', q{SELECT count(*) FROM pg_available_extensions
	WHERE name = 'vector' AND string_to_array(default_version, '.')::int[] >= '{0,7}'});

sql('postgres', 'CREATE DATABASE bare TEMPLATE postgres');
sql('bare', 'DROP EXTENSION hvindex');
database('fresh', 'CREATE EXTENSION hvindex');
my @earlier = earlier('hvindex');
cmp_ok(scalar(@earlier), '>=', 1, "earlier versions with a script: @earlier");

# An index and its rows, for a database that has any version.
my $setseed = 'SELECT setseed(' . ($seed % 1000) / 1000 . ');';
my $items = qq{
	$setseed
	CREATE TABLE items (id int, v real[], tenant int);
	INSERT INTO items SELECT i, clustered_vector(12, 20), i % 7 FROM generate_series(1, 800) i;
	CREATE INDEX items_v ON items USING hvtree (v) WITH (leaf_size = 16, branching = 8);
	ANALYZE items};

# works(DATABASE, NAME): the index is sound, takes rows and answers
sub works
{
	my ($database, $name, $schema) = @_;
	my $operator = 'OPERATOR(' . ($schema // 'public') . '.<->)';
	my $n = sql($database, 'SELECT count(*) FROM items');

	$n += 100;
	is( sql($database, qq{
			SET search_path = public;
			$setseed
			INSERT INTO public.items SELECT $n + i, public.clustered_vector(12, 20), i % 7 FROM generate_series(1, 100) i;
			$by_index
			SELECT count(*), count(DISTINCT id), bool_and(d >= before) FROM (
				SELECT id, d, lag(d, 1, d) OVER () AS before FROM (
					SELECT id, v $operator array_fill(1::real, ARRAY[12]) AS d FROM public.items
					ORDER BY v $operator array_fill(1::real, ARRAY[12])) s) t}) =~ s/^\n//r,
		"$n|$n|t", "$name: every row once, in order");
	return;
}

sub sound
{
	my ($database, $name, $schema) = @_;
	$schema //= 'public';
	my ($rc, $out, $err) = $node->psql($database, "SELECT $schema.hvtree_check(oid, true) > 0 FROM pg_class WHERE relname ~ '^items_[vk]'");

	return ok($rc == 0 && $out =~ /^t(\nt)*$/, "$name: the index is sound") || diag($err);
}

# --- from each earlier version ------------------------------------------------------

foreach my $version (@earlier)
{
	my $from = "from $version";
	my $name = 'v' . $version =~ s/\W/_/gr;

	database($name, "CREATE EXTENSION hvindex VERSION '$version'; $items");
	is(version_of($name, 'hvindex'), $version, "$from: that is installed");
	works($name, "$from, before the update");

	# all functions of that version, by its SQL, in this library
	my %call = (
		hvtree_info => q{SELECT tuples = count(*) FROM hvtree_info('items_v'), items GROUP BY tuples},
		hvtree_check => q{SELECT hvtree_check('items_v', true) > 0},
		hvtree_last_scan => qq{$by_index SELECT count(*) = 5 FROM (SELECT id FROM items ORDER BY v <-> array_fill(1::real, ARRAY[12]) LIMIT 5) s;
			SELECT level_pages[1] > 0 AND rows_emitted >= 5 FROM hvtree_last_scan()},
		hvtree_scan_stats => q{SELECT count(*) <= 1 FROM hvtree_scan_stats; SELECT count(*) = 1 FROM hvtree_scan_stats_info()},
		hvtree_scan_stats_reset => q{SELECT hvtree_scan_stats_reset() IS NOT NULL},
		hvtree_recall => q{SELECT recall > 0.5 FROM hvtree_recall('items_v', 5, 10)},
		hvtree_maintain => q{SELECT hvtree_maintain('items_v') IS NOT NULL},
		hvtree_calibrate => q{SELECT hvtree_calibrate('items_v', 'SELECT v FROM items LIMIT 100') IS NOT NULL},
		hvtree_prewarm => q{SELECT hvtree_prewarm('items_v') > 0});
	foreach my $function (sort keys %call)
	{
		my ($rc, $out, $err) = $node->psql($name, $call{$function});

		ok($rc == 0 && $out =~ /^t(\nt)*$/, "$from, before the update: $function") || diag("$out $err");
	}
	# and none has been forgotten here
	my $others = join '|', keys %call;
	is( sql($name, qq{SELECT string_agg(DISTINCT proname, ' ') FROM pg_proc JOIN pg_depend ON objid = pg_proc.oid AND deptype = 'e'
			WHERE classid = 'pg_proc'::regclass AND proname ~ '^hvtree_' AND proname !~ '_(key|support|handler)\$'
				AND proname !~ '^($others|hvtree_scan_stats_(get|info))\$'}),
		'', "$from: all functions were called");

	sql($name, 'ALTER EXTENSION hvindex UPDATE');
	is(version_of($name, 'hvindex'), $newest{hvindex}, "$from: updated");
	same_objects($name, 'hvindex', 'fresh', $from);
	works($name, "$from, updated");
	# what is new since 0.1.0
	sql($name, 'CREATE INDEX items_k ON items USING hvtree (v, tenant) WITH (leaf_size = 16)');
	works($name, "$from, with key columns");
	sound($name, $from);
}

# --- schemas ----------------------------------------------------------------------------

my $first = $earlier[0];
foreach my $version ($first, $newest{hvindex})
{
	my $name = 'moved_' . $version =~ s/\W/_/gr;
	my $what = "$version in a schema of choice";

	database($name, qq{
		CREATE SCHEMA "My vectors";
		CREATE SCHEMA other;
		-- what is called like the operators of key columns, in front of the path
		CREATE FUNCTION other.wrong(int, int) RETURNS bool LANGUAGE sql AS 'SELECT false';
		CREATE OPERATOR other.= (LEFTARG = int, RIGHTARG = int, FUNCTION = other.wrong);
		CREATE EXTENSION hvindex VERSION '$version' SCHEMA "My vectors";
		SET search_path = public, "My vectors";
		$items});
	works($name, $what, '"My vectors"');
	sql($name, 'SET search_path = other; ALTER EXTENSION hvindex SET SCHEMA other');
	works($name, "$what, moved", 'other');
	sql($name, 'SET search_path = other; ALTER EXTENSION hvindex UPDATE');
	works($name, "$what, moved and updated", 'other');
	sound($name, "$what, moved and updated", 'other');
	sql($name, 'ALTER EXTENSION hvindex SET SCHEMA public; DROP SCHEMA other CASCADE');
	same_objects($name, 'hvindex', 'fresh', "$what, back in public");
}

# an owner that is no superuser: the extension is trusted
sql('postgres', 'CREATE ROLE keeper; CREATE DATABASE owned OWNER keeper');
sql('owned', "SET ROLE keeper; CREATE SCHEMA mine; CREATE EXTENSION hvindex VERSION '$first' SCHEMA mine; ALTER EXTENSION hvindex UPDATE");
is(version_of('owned', 'hvindex'), $newest{hvindex}, 'an owner updates');
sql('postgres', 'CREATE DATABASE owned_fresh OWNER keeper');
sql('owned_fresh', 'SET ROLE keeper; CREATE SCHEMA mine; CREATE EXTENSION hvindex SCHEMA mine');
same_objects('owned', 'hvindex', 'owned_fresh', 'an owner');

# --- dump and restore -----------------------------------------------------------------------

my $dump = $node->basedir . '/dump';
my @connection = ('-h', $node->host, '-p', $node->port);
my $source = 'moved_' . $first =~ s/\W/_/gr;

sql($source, q{CREATE SCHEMA elsewhere; ALTER EXTENSION hvindex SET SCHEMA elsewhere;
	CREATE INDEX items_k ON items USING hvtree (v elsewhere.real_l2_ops, tenant elsewhere.int4_ops) WITH (leaf_size = 16);
	CREATE INDEX items_c ON items USING hvtree (v elsewhere.real_cosine_ops) WHERE tenant < 3});
foreach my $format ([ 'custom', [] ], [ 'directory', [ '-j', 2 ] ])
{
	my ($name, $jobs) = @$format;
	my $target = "restored_$name";

	$node->command_ok([ 'pg_dump', '--no-sync', @connection, '-F', $name, @$jobs, '-f', "$dump.$name", $source ], "pg_dump, $name");
	sql('postgres', "CREATE DATABASE $target TEMPLATE template0");
	$node->command_ok([ 'pg_restore', @connection, '-j', 2, '-d', $target, "$dump.$name" ], "pg_restore -j 2, $name");
	is( sql($target, q{SELECT string_agg(pg_get_indexdef(oid), E'\n' ORDER BY relname) FROM pg_class WHERE relname ~ '^items_'}),
		sql($source, q{SELECT string_agg(pg_get_indexdef(oid), E'\n' ORDER BY relname) FROM pg_class WHERE relname ~ '^items_'}),
		"$name: the same indexes");
	works($target, "$name, restored", 'elsewhere');
	sound($target, "$name, restored", 'elsewhere');
	same_objects($target, 'hvindex', $source, "$name, restored");
}

# --- with the companion, in both orders --------------------------------------------------------

SKIP:
{
	skip 'pgvector 0.7 or newer is not installed', 1 unless $has_pgvector;
	my ($companion) = earlier('hvindex_pgvector');

	database('fresh_both', 'CREATE EXTENSION hvindex_pgvector CASCADE');
	foreach my $order ([ 'hvindex', 'hvindex_pgvector' ], [ 'hvindex_pgvector', 'hvindex' ])
	{
		my $name = "order_$order->[0]";
		my $what = join ' before ', @$order;

		database($name, qq{
			CREATE EXTENSION vector;
			CREATE EXTENSION hvindex VERSION '$first';
			CREATE EXTENSION hvindex_pgvector VERSION '$companion';
			$items;
			CREATE TABLE halves (h halfvec(12));
			INSERT INTO halves SELECT v::halfvec(12) FROM items;
			CREATE INDEX items_vh ON halves USING hvtree (h halfvec_cosine_ops)});
		sql($name, "ALTER EXTENSION $_ UPDATE") foreach @$order;
		same_objects($name, $_, 'fresh_both', "$what, $_") foreach @$order;
		works($name, $what);
		sql($name, 'CREATE TABLE bits (b bit(64)); INSERT INTO bits SELECT (i * 77777)::bigint::bit(64) FROM generate_series(1, 300) i;
			CREATE INDEX items_vb ON bits USING hvtree (b)');
		is(sql($name, "$by_index SELECT count(*) FROM (SELECT b FROM bits ORDER BY b <~> 77::bigint::bit(64)) s"), '300', "$what: bit");
		sound($name, $what);
	}
}

$node->stop;
done_testing();
