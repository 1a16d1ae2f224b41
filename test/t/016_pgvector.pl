# Would catch: operator classes for pgvector's types that order by another
# distance than pgvector's operators, misread a stored form of vector or
# halfvec, trust a damaged value, or get in the way of dump, upgrade, DROP.
#
# Vectors are of small whole numbers: then every sum is exact whatever its
# order, and two ways to a distance must agree to the last bit.

use strict;
use warnings;

use HvTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('pgvector');

# halfvec is there since 0.7.0
my $version = $node->safe_psql('postgres',
	"SELECT default_version FROM pg_available_extensions WHERE name = 'vector'");

if ($version eq '' || ($version =~ /^0\.(\d+)/ && $1 < 7))
{
	$node->stop;
	plan skip_all => 'pgvector 0.7 or newer is not installed';
}
diag("pgvector $version");

my %operator = (l2 => '<->', ip => '<#>', cosine => '<=>');
my $by_index = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';
my $by_sort = 'SET enable_indexscan = off;';

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# prepare_functions(DATABASE): whole(seed, dims, range) is an array of whole
# numbers 0 .. range - 1
sub prepare_functions
{
	$node->safe_psql($_[0], q{
		CREATE FUNCTION whole(seed int, dims int, range int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
		'SELECT array_agg(abs(hashint4(seed * 20011 + i) % range)::real ORDER BY i)
		 FROM generate_series(1, dims) i'});
	return;
}

# All distances of a table's column, in order: count and a digest.
sub distances
{
	my ($how, $table, $column, $operator, $query, $database) = @_;

	return $node->safe_psql($database // 'postgres', qq{
		$how
		SELECT count(*), md5(string_agg(d::text, ' ')) FROM (
			SELECT $column $operator $query AS d FROM $table WHERE $column IS NOT NULL
			ORDER BY $column $operator $query) s});
}

# A test: a scan of the index gives all distances that a sort gives, as it does.
sub same_distances
{
	my ($index, $table, $column, $operator, $query, $name, $database) = @_;
	my $wanted = distances($by_sort, $table, $column, $operator, $query, $database);
	my $plan = $node->safe_psql($database // 'postgres', qq{
		$by_index
		EXPLAIN (COSTS OFF) SELECT 1 FROM $table WHERE $column IS NOT NULL
		ORDER BY $column $operator $query});

	like($plan, qr/Index Scan using \Q$index\E/, "$name: the plan scans $index");
	unlike($wanted, qr/^0\|/, "$name: there are rows");
	return is(distances($by_index, $table, $column, $operator, $query, $database),
		$wanted, "$name: every distance, in order");
}

# --- every metric, every way to store a value --------------------------------

sql('CREATE EXTENSION vector; CREATE EXTENSION hvindex_pgvector');
prepare_functions('postgres');

is( sql(q{
		SELECT count(*), bool_and(amvalidate(oid)),
			   string_agg(opcname, ' ' ORDER BY opcname) FILTER (WHERE opcdefault)
		FROM pg_opclass WHERE opcintype IN ('vector'::regtype, 'halfvec'::regtype)
			AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'hvtree')}),
	'6|t|halfvec_l2_ops vector_l2_ops',
	'six valid operator classes, l2 is the default');
is( sql(q{
		SELECT count(*), count(*) FILTER (WHERE obj_description(objid, classid::regclass::text) IS NULL)
		FROM pg_depend WHERE deptype = 'e' AND refobjid =
			(SELECT oid FROM pg_extension WHERE extname = 'hvindex_pgvector')}),
	'21|0',
	'every object of the extension has a comment');

# [name, dims, rows, storage]: short header, long header, out of line, compressed
foreach my $case (
	[ 'one', 1, 200, 'external' ],
	[ 'short', 13, 900, 'external' ],
	[ 'plain', 13, 500, 'plain' ],
	[ 'inline', 160, 600, 'external' ],
	[ 'toasted', 1111, 200, 'external' ],
	[ 'packed', 1500, 150, 'extended' ],
	[ 'main', 900, 150, 'main' ])
{
	my ($name, $dims, $rows, $storage) = @$case;
	my $range = $storage eq 'extended' ? 2 : 19;

	# rows 1 to 5 are zero vectors, 6 to 9 are unknown
	sql(qq{
		CREATE TABLE $name (id int, v vector($dims), h halfvec($dims));
		ALTER TABLE $name ALTER v SET STORAGE $storage, ALTER h SET STORAGE $storage;
		INSERT INTO $name SELECT i, a::vector, a::halfvec
		FROM generate_series(1, $rows) i,
			 LATERAL (SELECT CASE WHEN i <= 5 THEN array_fill(0::real, ARRAY[$dims])
								  WHEN i > 9 THEN whole(i, $dims, $range) END AS a) s;
		ANALYZE $name});
	foreach my $type ('vector', 'halfvec')
	{
		my $column = substr $type, 0, 1;

		foreach my $metric (sort keys %operator)
		{
			sql("CREATE INDEX ${name}_idx ON $name USING hvtree ($column ${type}_${metric}_ops)");
			check_index($node, "${name}_idx", "$name $type $metric: the index is sound");
			same_distances("${name}_idx", $name, $column, $operator{$metric},
				"whole(0, $dims, 23)::$type", "$name $type $metric");
			sql("DROP INDEX ${name}_idx");
		}
	}
}

# --- how much is found -------------------------------------------------------

make_clustered($node, 'l2', rows => 4000, dims => 64, clusters => 60, latent => 12, queries => 20);
sql(q{
	ALTER TABLE items ADD e vector(64), ADD h halfvec(64);
	UPDATE items SET e = v::vector, h = v::halfvec;
	VACUUM FULL ANALYZE items;
	CREATE FUNCTION nearest(kind text, op text, q real[]) RETURNS float8[] LANGUAGE plpgsql AS
	$$ DECLARE r float8[];
	BEGIN
		EXECUTE format('SELECT array_agg(d) FROM (SELECT %1$I %2$s $1::%3$s AS d FROM items
						ORDER BY %1$I %2$s $1::%3$s LIMIT 10) s',
					   CASE kind WHEN 'vector' THEN 'e' ELSE 'h' END, op, kind) INTO r USING q;
		RETURN r;
	END $$});
foreach my $type ('vector', 'halfvec')
{
	my $column = $type eq 'vector' ? 'e' : 'h';

	foreach my $metric (sort keys %operator)
	{
		sql("CREATE INDEX items_idx ON items USING hvtree ($column ${type}_${metric}_ops)");
		sql(qq{
			$by_sort
			CREATE TABLE truth AS SELECT id, nearest('$type', '$operator{$metric}', v) AS ds FROM items_query});
		my $recall = sql(qq{
			SET enable_seqscan = off;
			SELECT avg((SELECT count(*) FROM unnest(nearest('$type', '$operator{$metric}', q.v)) d
						WHERE d <= t.ds[10] + 1e-6 * abs(t.ds[10]))) / 10
			FROM items_query q JOIN truth t USING (id)});

		cmp_ok($recall, '>=', 0.9, "$type $metric: recall of 10 nearest, $recall");
		sql('DROP TABLE truth; DROP INDEX items_idx');
	}
}

# --- as long as they get -----------------------------------------------------

sql(q{
	CREATE TABLE longest (id int, v vector(16000), h halfvec(16000));
	CREATE INDEX longest_h ON longest USING hvtree (h);
	INSERT INTO longest SELECT i, a::vector, a::halfvec
	FROM generate_series(1, 120) i, LATERAL (SELECT whole(i, 16000, 19) AS a) s;
	CREATE INDEX longest_v ON longest USING hvtree (v vector_cosine_ops)});
check_index($node, $_) foreach ('longest_h', 'longest_v');
cmp_ok(stats($node, 'longest_h')->{height}, '>', 0, 'vectors of 16,000 dimensions have split the root');
same_distances('longest_h', 'longest', 'h', '<->', 'whole(0, 16000, 23)::halfvec', '16,000 dimensions grown');
same_distances('longest_v', 'longest', 'v', '<=>', 'whole(0, 16000, 23)::vector', '16,000 dimensions built');
my ($state, $message) =
  sqlstate_of($node, 'CREATE INDEX ON longest USING hnsw (h halfvec_l2_ops)');
is($state, '54000', 'more than an index of pgvector takes');

# --- a living index ----------------------------------------------------------

sql(q{
	CREATE TABLE living (id int, h halfvec);
	CREATE INDEX living_idx ON living USING hvtree (h halfvec_ip_ops);
	INSERT INTO living SELECT i, whole(i, 48, 19)::halfvec FROM generate_series(1, 2500) i;
	DELETE FROM living WHERE id % 3 = 0;
	UPDATE living SET h = whole(id + 100000, 48, 19)::halfvec WHERE id % 10 = 1});
cmp_ok(stats($node, 'living_idx')->{height}, '>', 0, 'inserts have split pages');
sql('VACUUM living');
sql("SELECT hvtree_maintain('living_idx')");
check_index($node, 'living_idx', 'after inserts, updates, deletes, VACUUM the index is sound');
is(stats($node, 'living_idx')->{metric}, 'inner product', 'hvtree_info names the metric');
same_distances('living_idx', 'living', 'h', '<#>', 'whole(0, 48, 23)::halfvec', 'a living index');
sql('REINDEX INDEX CONCURRENTLY living_idx');
same_distances('living_idx', 'living', 'h', '<#>', 'whole(0, 48, 23)::halfvec', 'after REINDEX CONCURRENTLY');
is( sql("$by_index SELECT count(*) FROM (SELECT id FROM living ORDER BY h <#> NULL LIMIT 7) s"),
	'7', 'a query vector that is NULL gives rows in any order');
is( sql("$by_index SELECT count(*) FROM (SELECT id FROM living ORDER BY h <#> array_fill(0, ARRAY[48])::halfvec LIMIT 7) s"),
	'7', 'so does one that is zero');

# --- values that do not fit --------------------------------------------------

# fails(SQL, SQLSTATE, PATTERN, NAME): two tests
sub fails
{
	my ($sql, $wanted, $pattern, $name) = @_;
	my ($got, $text) = sqlstate_of($node, $sql);

	is($got, $wanted, "$name: SQLSTATE");
	return like($text, $pattern, "$name: message");
}

sql(q{
	CREATE TABLE loose (id int, v vector);
	CREATE INDEX loose_idx ON loose USING hvtree (v);
	INSERT INTO loose VALUES (1, '[1,2,3]'), (2, '[4,5,6]');
	CREATE TABLE mixed (v vector);
	INSERT INTO mixed VALUES ('[1,2,3]'), ('[1,2]')});
same_distances('loose_idx', 'loose', 'v', '<->', "'[1,1,1]'::vector", 'a column without a dimension');
fails("INSERT INTO loose VALUES (3, '[1,2]')",
	'22000', qr/expected 3 dimensions, not 2/, 'a row of other dimensions');
fails("$by_index SELECT id FROM loose ORDER BY v <-> '[1,2,3,4]'",
	'22000', qr/expected 3 dimensions, not 4/, 'a query of other dimensions');
fails('CREATE INDEX ON mixed USING hvtree (v)',
	'22000', qr/expected [23] dimensions, not [23]/, 'a table of two dimensions');

# bytes in place of a value, which pgvector itself would not make
sql(q{
	CREATE CAST (bytea AS vector) WITHOUT FUNCTION;
	CREATE CAST (bytea AS halfvec) WITHOUT FUNCTION;
	CREATE TABLE damaged (v vector, h halfvec);
	CREATE INDEX damaged_v ON damaged USING hvtree (v);
	CREATE INDEX damaged_h ON damaged USING hvtree (h);
	CREATE FUNCTION bytes(dim int, reserved int, payload text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
	$$ SELECT set_byte(set_byte(set_byte(set_byte('\x00000000'::bytea, 0, dim & 255), 1, dim >> 8 & 255),
								2, reserved & 255), 3, reserved >> 8 & 255) || decode(payload, 'hex') $$});
sql(q{INSERT INTO damaged SELECT bytes(2, 0, '0000803f00000040')::vector, bytes(2, 0, '003c0040')::halfvec});
is(sql('SELECT * FROM damaged'), '[1,2]|[1,2]', 'bytes in place of a value');
foreach my $bytes (
	"bytes(2, 0, '0000803f')", "bytes(2, 0, '0000803f0000004000')",
	"bytes(0, 0, '')", "bytes(-1, 0, '0000803f')",
	"bytes(2, 1, '0000803f00000040')", "bytes(16001, 0, repeat('0000803f', 16001))",
	"'\\x02'::bytea", "''::bytea")
{
	(my $half = $bytes) =~ s/0000803f/003c/g;
	$half =~ s/00000040/0040/;
	my $what = substr $bytes, 0, 40;

	fails("INSERT INTO damaged (v) SELECT $bytes\::vector",
		'XX001', qr/type vector is damaged/, "vector of $what");
	fails("INSERT INTO damaged (h) SELECT $half\::halfvec",
		'XX001', qr/type halfvec is damaged/, "halfvec of $what");
}
fails("INSERT INTO damaged (v) SELECT bytes(2, 0, '0000803f0000c07f')::vector",
	'22003', qr/element 2 is NaN/, 'vector with NaN');
fails("INSERT INTO damaged (h) SELECT bytes(2, 0, '00fc003c')::halfvec",
	'22003', qr/element 1 is infinite/, 'halfvec with infinity');
fails("$by_index SELECT 1 FROM damaged ORDER BY h <-> bytes(2, 0, '003c')::halfvec",
	'XX001', qr/type halfvec is damaged/, 'a damaged query');

# damaged after it has been let in: as an expression that changes its mind
sql(q{
	CREATE FUNCTION turning(h halfvec) RETURNS halfvec LANGUAGE sql IMMUTABLE AS
	$$ SELECT CASE WHEN current_setting('test.turned', true) = 'on'
				   THEN public.bytes(2, 0, '003c')::public.halfvec ELSE h END $$;
	CREATE INDEX damaged_later ON damaged USING hvtree (turning(h))});
is(sql("$by_index SELECT h FROM damaged ORDER BY turning(h) <-> '[1,2]'"), '[1,2]', 'an expression of one mind');
fails("$by_index SET test.turned = on; SELECT h FROM damaged ORDER BY turning(h) <-> '[1,2]'",
	'XX001', qr/type halfvec is damaged/, 'a row damaged later');
sql('DROP TABLE damaged CASCADE; DROP FUNCTION turning, bytes; DROP CAST (bytea AS vector); DROP CAST (bytea AS halfvec)');

# --- instead of an index of pgvector -----------------------------------------

sql(q{
	CREATE TABLE moved (id int, embedding vector(160));
	INSERT INTO moved SELECT i, whole(i, 160, 19)::vector FROM generate_series(1, 3000) i;
	CREATE INDEX moved_hnsw ON moved USING hnsw (embedding vector_cosine_ops);
	ANALYZE moved});
my $query = 'SELECT id FROM moved ORDER BY embedding <=> (SELECT embedding FROM moved WHERE id = 77) LIMIT 10';
like(sql("EXPLAIN (COSTS OFF) $query"), qr/Index Scan using moved_hnsw/, 'the query scans the HNSW index');
sql('CREATE INDEX CONCURRENTLY moved_hvtree ON moved USING hvtree (embedding vector_cosine_ops)');
sql('DROP INDEX moved_hnsw');
like(sql("EXPLAIN (COSTS OFF) $query"), qr/Index Scan using moved_hvtree/, 'the same query scans the hvtree index');
like(sql($query), qr/^77\n(\d+\n){8}\d+$/, 'and finds ten rows, itself first');

# half the bytes in an index expression, for the rows that are and those to come
sql(q{
	CREATE INDEX moved_half ON moved USING hvtree ((embedding::halfvec(160)) halfvec_l2_ops);
	INSERT INTO moved SELECT i, whole(i, 160, 19)::vector FROM generate_series(50000, 51000) i;
	DELETE FROM moved WHERE id % 5 = 0});
sql('VACUUM moved');
check_index($node, 'moved_half');
same_distances('moved_half', 'moved', '(embedding::halfvec(160))', '<->',
	'whole(0, 160, 23)::halfvec(160)', 'an expression index');

# --- dump and restore --------------------------------------------------------

my $dump = $node->basedir . '/dump.sql';
my @dump = ('pg_dump', '--no-sync', '-h', $node->host, '-p', $node->port);

# what changes from dump to dump: the key of \restrict
sub schema_of
{
	my ($database) = @_;
	my ($out, $err) = run_command([ @dump, '--schema-only', $database ]);

	$out =~ s/^\\(un)?restrict .*$//mg;
	return $out;
}

sql('CREATE DATABASE restored TEMPLATE template0');
command_ok([ @dump, '-f', $dump, 'postgres' ], 'pg_dump');
$node->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, 'restored' ],
	'restored');
is(schema_of('restored'), schema_of('postgres'), 'a dump of what was restored is the same');
same_distances('living_idx', 'living', 'h', '<#>', 'whole(0, 48, 23)::halfvec', 'restored halfvec', 'restored');
same_distances('moved_half', 'moved', '(embedding::halfvec(160))', '<->',
	'whole(0, 160, 23)::halfvec(160)', 'restored expression', 'restored');

# --- upgrades, in either order -----------------------------------------------

# Made-up scripts, in the extension folder of a private installation only.
my ($folder) = run_command([ $ENV{PG_CONFIG} // 'pg_config', '--sharedir' ]);
$folder .= '/extension';
my $hv_version = sql(q{SELECT extversion FROM pg_extension WHERE extname = 'hvindex'});
my %script = (
	"vector--$version--${version}hv" => 'ALTER FUNCTION l2_distance(vector, vector) COST 3;',
	"hvindex--$hv_version--${hv_version}hv" => "COMMENT ON ACCESS METHOD hvtree IS 'newer';",
	"hvindex_pgvector--$hv_version--${hv_version}hv" => "COMMENT ON OPERATOR CLASS vector_l2_ops USING hvtree IS 'newer';");

END
{
	my $status = $?;

	unlink map { "$folder/$_.sql" } keys %script if defined $folder;
	$? = $status;
}

SKIP:
{
	skip "$folder cannot be written to", 1 unless -w $folder;
	append_to_file("$folder/$_.sql", "$script{$_}\n") foreach keys %script;
	foreach my $order ([ 'vector', 'hvindex', 'hvindex_pgvector' ],
		[ 'hvindex', 'hvindex_pgvector', 'vector' ])
	{
		my $database = "upgraded_by_$order->[0]";

		sql("CREATE DATABASE $database TEMPLATE restored");
		foreach my $extension (@$order)
		{
			my $newer = ($extension eq 'vector' ? $version : $hv_version) . 'hv';

			$node->safe_psql($database, "ALTER EXTENSION $extension UPDATE TO '$newer'");
			is( $node->safe_psql($database,
					"SELECT extversion FROM pg_extension WHERE extname = '$extension'"),
				$newer,
				"$extension is newer, order " . join(', ', @$order));
			same_distances('living_idx', 'living', 'h', '<#>', 'whole(0, 48, 23)::halfvec',
				"$extension upgraded", $database);
		}
		$node->safe_psql($database,
			'CREATE INDEX again ON living USING hvtree (h); INSERT INTO living SELECT id, h FROM living LIMIT 10');
		same_distances('again', 'living', 'h', '<->', 'whole(0, 48, 23)::halfvec',
			'a new index after the upgrades', $database);
	}
}

# --- schemas -----------------------------------------------------------------

sql('CREATE DATABASE elsewhere');
prepare_functions('elsewhere');
$node->safe_psql('elsewhere', q{
	CREATE SCHEMA types;
	CREATE SCHEMA method;
	CREATE SCHEMA classes;
	CREATE TYPE classes.vector AS ENUM ('decoy');
	CREATE DOMAIN classes.halfvec AS int;
	CREATE EXTENSION vector SCHEMA types;
	CREATE EXTENSION hvindex SCHEMA method;
	ALTER TYPE types.halfvec RENAME TO hidden});
my ($rc, $out, $err) =
  $node->psql('elsewhere', 'CREATE EXTENSION hvindex_pgvector SCHEMA classes');
isnt($rc, 0, 'a pgvector without halfvec is too old');
like($err, qr/needs the type halfvec.*ALTER EXTENSION vector UPDATE/s, 'and that is said');
$node->safe_psql('elsewhere', q{
	ALTER TYPE types.hidden RENAME TO halfvec;
	CREATE EXTENSION hvindex_pgvector SCHEMA classes;
	CREATE TABLE items (h types.halfvec(8));
	INSERT INTO items SELECT whole(i, 8, 19)::types.halfvec FROM generate_series(1, 500) i;
	CREATE INDEX items_h ON items USING hvtree (h classes.halfvec_cosine_ops)});
is( $node->safe_psql('elsewhere',
		q{SELECT DISTINCT opcintype::regtype::text FROM pg_opclass
		  WHERE opcnamespace = 'classes'::regnamespace ORDER BY 1}),
	"bit\ntypes.halfvec\ntypes.vector",
	'operator classes are about the types of pgvector, not of the same name');
$node->safe_psql('elsewhere', q{
	ALTER EXTENSION hvindex_pgvector SET SCHEMA method;
	ALTER EXTENSION vector SET SCHEMA public});
same_distances('items_h', 'items', 'h', '<=>', 'whole(0, 8, 23)::halfvec', 'after moves to other schemas', 'elsewhere');

# --- the end -----------------------------------------------------------------

fails('DROP EXTENSION vector', '2BP01', qr/extension hvindex_pgvector depends on extension vector/,
	'vector is needed');
fails('DROP EXTENSION hvindex', '2BP01', qr/extension hvindex_pgvector depends on extension hvindex/,
	'hvindex is needed');
fails('DROP EXTENSION hvindex_pgvector', '2BP01',
	qr/index living_idx depends on operator class halfvec_ip_ops/, 'the operator classes are needed');
sql('CREATE INDEX items_v ON items USING hvtree (v)');
sql('DROP EXTENSION vector CASCADE');
is( sql('SELECT extname FROM pg_extension WHERE extname ~ \'vector|hvindex\''),
	'hvindex', 'with CASCADE vector goes and the operator classes with it');
is(exhaustive($node, 'items', '<->', "(SELECT v FROM items_query WHERE id = 0)"),
	'4000|0|0|0', 'an index on real[] stays');
sql('CREATE EXTENSION hvindex_pgvector CASCADE');
sql(q{
	CREATE TABLE back (v vector(3));
	INSERT INTO back VALUES ('[1,2,3]'), ('[3,2,1]');
	CREATE INDEX back_idx ON back USING hvtree (v)});
same_distances('back_idx', 'back', 'v', '<->', "'[1,1,1]'::vector", 'installed again');

# --- bit strings by Hamming distance --------------------------------------------------

sql(q{
	SELECT setseed(0.3);
	CREATE TABLE bits (id int, b bit(100));
	INSERT INTO bits SELECT i, (SELECT string_agg(CASE WHEN random() < 0.1 + 0.2 * (i % 5) + 0 * j THEN '1' ELSE '0' END, '')
		FROM generate_series(1, 100) j WHERE i > 0)::bit(100) FROM generate_series(1, 2000) i;
	INSERT INTO bits VALUES (0, NULL);
	CREATE INDEX bits_b ON bits USING hvtree (b)});
foreach my $id (1, 2, 5)
{
	same_distances('bits_b', 'bits', 'b', '<~>', "(SELECT b FROM bits WHERE id = $id)", "bit, row $id");
}
my (undef, undef, $errors) = $node->psql('postgres', "INSERT INTO bits SELECT 1, NULL; CREATE TABLE wide_bits AS SELECT repeat('1', 20000)::bit varying::bit(20000) AS b; CREATE INDEX ON wide_bits USING hvtree (b)");
like($errors, qr/expected 1 to 16000 dimensions, not 20000/, 'longer bit strings are refused');

sql('DROP EXTENSION hvindex CASCADE');
is(sql('SELECT count(*) FROM back'), '2', 'without hvindex the vectors are still there');

is(log_lines($node, qr/PANIC|TRAP|terminated by signal/), '', 'no backend has failed');
$node->stop;
done_testing();
