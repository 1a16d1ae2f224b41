# Would catch: an example of the documentation that fails, gives other rows than
# the text says, or does not use the index; a setting, option, function or column
# that no page names, or that a page names and nothing has; a link to nowhere.
#
# Every SQL block of README.md and doc/*.md runs, in the order of its page, in one
# session and a database of its own.  The pages of doc/ continue the quick start:
# their databases are copies of one in which it has run.  doc/pgvector.md and
# doc/migration.md need nothing of it.

use strict;
use warnings;

use File::Basename;
use HvTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $node = new_node('docs');
my $has_pgvector = $node->safe_psql('postgres', q{
	SELECT count(*) FROM pg_available_extensions
	WHERE name = 'vector' AND string_to_array(default_version, '.')::int[] >= '{0,7}'});

# ---------------------------------------------------------------------------
# Pages
# ---------------------------------------------------------------------------

# read_page(NAME): { name, text, blocks => [ { sql, section } ], anchors }
sub read_page
{
	my ($name) = @_;
	my %page = (name => $name, text => slurp_file("$top/$name"), blocks => [], anchors => {});
	my ($fence, $sql, $section) = ('', '', '');

	foreach my $line (split /\n/, $page{text})
	{
		if ($line =~ /^```(\w*)/)
		{
			push @{ $page{blocks} }, { sql => $sql, section => $section } if $fence eq 'sql';
			$fence = $fence ne '' ? '' : $1 || 'text';
			$sql = '';
		}
		elsif ($fence ne '')
		{
			$sql .= "$line\n";
		}
		elsif ($line =~ /^#+ (.*)/)
		{
			$section = $1;
			$page{anchors}{ anchor_of($section) } = 1;
		}
	}
	die "$name: a block does not end" if $fence ne '';
	return \%page;
}

# the name that a heading has in links to it
sub anchor_of
{
	my ($heading) = @_;
	my $anchor = lc $heading;

	$anchor =~ s/[^\w\- ]//g;
	$anchor =~ tr/ /-/;
	return $anchor;
}

# The statements of a block whose rows come in the order of a distance.
sub ordered_statements
{
	my ($sql) = @_;
	my $statements = $sql;
	my @ordered;

	# functions have semicolons of their own
	$statements =~ s/\$\$.*?\$\$/''/gs;
	$statements =~ s/--.*$//gm;
	foreach my $statement (split /;/, $statements)
	{
		$statement =~ s/^\s+|\s+$//g;
		push @ordered, $statement
		  if $statement =~ /^(SELECT|WITH)\b/ && $statement =~ /ORDER BY\s+\S*embedding\s+<\S>/;
	}
	return @ordered;
}

# The script of a page.  After each block come the plan and the number of rows of
# its ordered statements.
sub script_of
{
	my (@blocks) = @_;
	my $script = "\\set ON_ERROR_STOP on\nSELECT setseed(0.25);\n";

	foreach my $i (0 .. $#blocks)
	{
		$script .= "\\echo == block $i\n$blocks[$i]{sql}";
		foreach my $statement (ordered_statements($blocks[$i]{sql}))
		{
			$script .= "\\echo == plan $i\nEXPLAIN (COSTS OFF) $statement;\n"
			  . "\\echo == rows $i\nSELECT count(*) FROM ($statement) s;\n";
		}
	}
	return $script;
}

# run_page(PAGE, TEMPLATE): a test that all blocks run.  What the session printed
# is kept in the page, { "block 0" => [..], "plan 0" => [..], .. }.
sub run_page
{
	my ($page, $template) = @_;
	my $database = lc basename($page->{name}, '.md');
	my %printed;
	my $at = '';
	my ($out, $err) = ('', '');

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE $template");
	my $rc = $node->psql($database, script_of(@{ $page->{blocks} }),
		stdout => \$out, stderr => \$err, on_error_stop => 1);

	foreach my $line (split /\n/, $out)
	{
		if ($line =~ /^== (block|plan|rows) (\d+)$/)
		{
			$at = "$1 $2";
			push @{ $printed{$at} }, '';
		}
		elsif ($at ne '')
		{
			$printed{$at}[-1] .= "$line\n";
		}
	}
	ok($rc == 0, "$page->{name}: every SQL block runs") || diag("after \"$at\": $err");
	unlike($err, qr/WARNING/, "$page->{name}: no warnings");
	$page->{printed} = \%printed;
	return;
}

# printed(PAGE, PATTERN): what the block printed that has the pattern; one must.
sub printed
{
	my ($page, $pattern) = @_;
	my @found = grep { $page->{blocks}[$_]{sql} =~ $pattern } 0 .. $#{ $page->{blocks} };

	if (@found != 1)
	{
		fail("$page->{name}: one block has $pattern, not " . scalar @found);
		return '';
	}
	return join '', @{ $page->{printed}{"block $found[0]"} // [] };
}

# Tests of the ordered statements of a page, index and number of rows.  Returns
# how many statements there were.
sub check_ordered
{
	my ($page) = @_;
	my $number = 0;

	foreach my $i (0 .. $#{ $page->{blocks} })
	{
		my @statements = ordered_statements($page->{blocks}[$i]{sql});
		my $plans = $page->{printed}{"plan $i"} // [];
		my $rows = $page->{printed}{"rows $i"} // [];

		foreach my $j (0 .. $#statements)
		{
			my $name = "$page->{name}, \"$page->{blocks}[$i]{section}\"";

			like($plans->[$j] // '', qr/Index Scan using \S+(embedding|idx|hvtree)\S* on[^\n]*\n(\s+Index Cond[^\n]*\n)?\s+Order By/,
				"$name: an ordered query uses the index");
			$number++;
			is($rows->[$j] // '', "$1\n", "$name: LIMIT $1 gives $1 rows")
			  if $statements[$j] =~ /LIMIT (\d+)$/ && $statements[$j] !~ /< 0\.05/;
		}
	}
	return $number;
}

my %page = map { $_ => read_page($_) }
  ('README.md', map { s/^\Q$top\E\///r } sort glob "$top/doc/*.md");
my $readme = $page{'README.md'};
my @quick_start = grep { $_->{section} =~ /^(Install|Quick start)$/ } @{ $readme->{blocks} };

cmp_ok(scalar @quick_start, '>=', 3, 'README has a quick start');
run_page({ name => 'quick_start', blocks => \@quick_start }, 'template0');

my $ordered = 0;
foreach my $name (sort keys %page)
{
	next unless @{ $page{$name}{blocks} };
  SKIP:
	{
		skip "$name: pgvector 0.7 or newer is not installed", 1
		  if $name =~ /pgvector|migration/ && !$has_pgvector;
		run_page($page{$name}, $name =~ /README|pgvector|migration/ ? 'template0' : 'quick_start');
		$ordered += check_ordered($page{$name});
	}
}
cmp_ok($ordered, '>=', 10, "ordered queries were looked at: $ordered");

# ---------------------------------------------------------------------------
# What the text says of the examples
# ---------------------------------------------------------------------------

like(printed($readme, qr/WHERE id = 42/), qr/^42\|0\n(\d*42\|0\.\d+\n){4}$/,
	'README: item 42 is its own nearest, then come others of its topic');

my $settings = $page{'doc/settings.md'};
is(printed($settings, qr/translate/), ('{0.1,0.2}|' x 3) . "{0.1,0.2}\n", 'settings: all forms give one vector');
cmp_ok((printed($settings, qr/k => 100/) =~ /^(\S+?)\|/m)[0] // 0, '>', 0.85,
	'settings: recall is about what was asked for');
like(printed($settings, qr/AS recall/), qr/^(1|0\.[89]\d*)$/m, 'settings: and so it is by hand');

my $filtering = $page{'doc/filtering.md'};
like(printed($filtering, qr/BETWEEN 100 AND 120/), qr/Sort\b.*Index Scan using items_pkey/s,
	'filtering: few rows that pass are found by another index, and sorted');
my $bounded = () = printed($filtering, qr/< 0\.05/) =~ /\n/g;
cmp_ok($bounded, '>', 0, 'filtering: a bound on the distance leaves rows');
cmp_ok($bounded, '<', 100, 'filtering: and cuts others off');
my @batch = printed($filtering, qr/LATERAL/) =~ /^(\d+)\|\d+$/mg;
is(scalar @batch, 200, 'filtering: twenty queries of ten rows in one statement');

my $maintenance = $page{'doc/maintenance.md'};
like(printed($maintenance, qr/SELECT maintenance_due/), qr/^f\|/m, 'maintenance: none is due after a build');
like(printed($maintenance, qr/500000/), qr/\|t\n.*\|t\n/s, 'maintenance: both calls are complete');

my $statistics = $page{'doc/statistics.md'};
is(printed($statistics, qr/state <> 'ok'/), '', 'statistics: nothing is to do after a build');
like(printed($statistics, qr/FROM hvtree_health\('/), qr/^calibration\|ok\|measured with 10000 rows; 10000 rows now\|$/m,
	'statistics: the index is well');
like(printed($statistics, qr/FROM hvtree_explain/), qr/Index Scan using items_embedding_idx.*Last hvtree scan: items_embedding_idx, target recall 0\.95\n.*returned=10\n/s,
	'statistics: the plan and the scan');
like(printed($statistics, qr/AS to_act/), qr/^statistics\|items_embedding_idx\|0\|0\|[1-9]/m, 'statistics: in numbers');
my ($exported) = $statistics->{text} =~ /query: "(.*?)"/s;
like(eval { $node->safe_psql('statistics', "SELECT count(*) FROM ($exported) s") } // $@, qr/^\d+$/, 'statistics: the query of the exporter runs');
like(printed($statistics, qr/FROM hvtree_scan_stats\n/), qr/^items_embedding_idx\|[1-9]/m,
	'statistics: the scan was counted');
like(printed($statistics, qr/FROM hvtree_last_scan/), qr/^items_embedding_idx\|\{[1-9]\d*,/m,
	'statistics: the last scan is known');
like(printed($statistics, qr/FROM hvtree_info/), qr/^cosine\|64\|10000\|0\|/m,
	'statistics: the shape of the index');

my $recipes = $page{'doc/recipes.md'};
like(printed($recipes, qr/EXPLAIN.*hybrid_search/s), qr/^(?=.*Index Scan using items_embedding_idx)(?=.*Index Scan on items_words_idx)/s,
	'recipes: words and vectors come from their indexes');
my @hybrid = split /\n/, printed($recipes, qr/FROM hybrid_search\('first/);
is(scalar @hybrid, 10, 'recipes: LIMIT rows of both');
# at place 1 of either list a row has 1/61, of both twice that
like($hybrid[0], qr/^\d+\|0\.0(1[6-9]|2|3)/, 'recipes: one that is first in a list comes first');
is( $node->safe_psql('recipes', q{
		WITH v AS (SELECT id, row_number() OVER (ORDER BY embedding <=> q, id) AS place FROM items, (SELECT embedding AS q FROM items WHERE id = 42) s
				ORDER BY place LIMIT 5),
			w AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM items WHERE body = 'third report on topic42' ORDER BY place LIMIT 5)
		SELECT id FROM v FULL JOIN w USING (id)
		ORDER BY coalesce(1.0 / (60 + v.place), 0)::float8 + coalesce(1.0 / (60 + w.place), 0)::float8 DESC, id LIMIT 1}),
	$node->safe_psql('recipes', q{
		SELECT id FROM hybrid_search('third topic42', (SELECT embedding FROM items WHERE id = 42), 1, 5)}),
	'recipes: the first of both lists is that by hand');
SKIP:
{
	my $python = $ENV{PYTHON} // 'python3';
	my ($program) = $recipes->{text} =~ /```python\n(.*?)```/s;
	local $ENV{PGDATABASE} = 'recipes';
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;

	skip 'psycopg 3 is not installed', 2 if system("$python -c 'import psycopg' 2>/dev/null") != 0;
	my ($out, $err) = run_command([ $python, '-c', $program ]);
	is(scalar(my @lines = $out =~ /^\d+ [\d.e-]+$/mg), 10, 'recipes: psycopg gets ten rows') || diag($err);
	$program =~ s/::real\[\]//g;
	($out, $err) = run_command([ $python, '-c', $program ]);
	like($err, qr/operator does not exist: real\[\] <=> double precision\[\]/, 'recipes: and none without the cast');
}

my $operations = $page{'doc/operations.md'};
unlike(printed($operations, qr/EXPLAIN.*barrier/s), qr/items_embedding_idx/,
	'operations: the order does not reach the index below a security_barrier view');
my $allowed = () = printed($operations, qr/nearest_allowed/) =~ /^\d+$/mg;
is($allowed, 10, 'operations: a function does it');
is( $node->safe_psql('operations', q{
		SELECT count(*) FROM nearest_allowed(array_fill(0.5::real, ARRAY[64]), 10);
		SELECT index, rows_emitted >= 10 FROM hvtree_last_scan()}),
	"10\nitems_embedding_idx|t",
	'operations: by the index');
is( $node->safe_psql('operations', q{
		SET ROLE reader;
		SELECT count(*), count(*) FILTER (WHERE category >= 4)
		FROM (SELECT category FROM items ORDER BY embedding <=> array_fill(0.5::real, ARRAY[64]) LIMIT 10) s}),
	'10|0',
	'operations: row security leaves LIMIT rows, and only those that may be seen');

my $storage = $page{'doc/storage.md'};
my ($all, $upper) = printed($storage, qr/hvtree_prewarm\(.*hvtree_prewarm\(/s) =~ /^(\d+)$/mg;
cmp_ok($all // 0, '>', 10 * ($upper // 1e9), "storage: the upper levels are few of all pages, $upper of $all");

# ---------------------------------------------------------------------------
# What there is, and what the pages name
# ---------------------------------------------------------------------------

my $all_pages = join "\n", map { $page{$_}{text} } sort keys %page;

# rows of tables whose first cell begins with a name in backquotes
my %cells = map { $_ => 1 } map { /`([\w.]+)/g } grep { /^\| `/ } split /\n/, $all_pages;

foreach my $line (split /\n/, $node->safe_psql('postgres', q{
	LOAD 'hvindex';
	SELECT name, boot_val FROM pg_settings WHERE name LIKE 'hvtree.%' AND name <> 'hvtree.debug_points'}))
{
	my ($name, $default) = split /\|/, $line;

	$default = "`''`" if $default eq '';
	like($settings->{text}, qr/^\| `\Q$name\E` \| \Q$default\E \|/m,
		"settings: $name is $default by default");
}
foreach my $line (split /\n/, $settings->{text})
{
	next unless $line =~ /^\| `(\w+)` \| (\S+) \| /;
	my ($option, $default) = ($1, $2);

	next if $option =~ /_us$/;
	$default =~ s/`//g;
	my ($state) = sqlstate_of($node, "CREATE TEMP TABLE o (v real[]); CREATE INDEX ON o USING hvtree (v) WITH ($option = $default)");
	is($state, '', "settings: there is an index option $option, and it can be $default");
}
my @columns = split /\n/, $node->safe_psql('postgres', q{
	SELECT p.proname || ' ' || name
	FROM pg_proc p, unnest(p.proargnames, p.proargmodes) AS a (name, mode)
	WHERE mode = 'o' AND proname ~ '^hvtree_' AND proname <> 'hvtree_scan_stats_get'
	UNION SELECT attrelid::regclass || ' ' || attname
	FROM pg_attribute WHERE attrelid = 'hvtree_scan_stats'::regclass AND attnum > 0
	ORDER BY 1});
foreach my $column (@columns)
{
	my ($of, $name) = split / /, $column;

	like($all_pages, qr/`\Q$name\E`|\b\Q$name\E,/, "a page names $name of $of");
}
foreach my $function (split /\n/, $node->safe_psql('postgres', q{
	SELECT DISTINCT proname FROM pg_proc p
		JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'hvindex'
	WHERE proname !~ '_(support|key|handler|get)$' ORDER BY 1}))
{
	like($all_pages, qr/`\Q$function\E[`(]/, "a page names the function $function");
}

# messages quoted as such are those of the code
my $code = join "\n", map { slurp_file($_) } glob "$top/src/*/*.c";
$code =~ s/"\s*\n\s*"//g;
foreach my $line (split /\n/, $page{'doc/troubleshooting.md'}{text})
{
	next unless $line =~ /^\| (?:NOTICE |WARNING )?`([^`]+)`/;
	my $message = $1;
	my $pattern;

	# not ours
	next if $message =~ /^(data type|could not resize|operator class|unrecognized parameter)/;
	$pattern = join '.*?', map { quotemeta } split /\.\.\.|\d+|NaN/, $message;
	ok($code =~ /errmsg\("[^\n]*?$pattern/, "troubleshooting: the code says \"$message\"");
}

# ---------------------------------------------------------------------------
# Links, length
# ---------------------------------------------------------------------------

cmp_ok(scalar(split /\n/, $readme->{text}), '<=', 200, 'README has at most 200 lines');
foreach my $name (sort(keys %page), 'bench/README.md', 'CHANGELOG.md')
{
	my $text = slurp_file("$top/$name");
	my @broken;

	foreach my $link ($text =~ /\]\(([^)\s]+)\)/g)
	{
		my ($path, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;

		next if $path =~ /^https?:/;
		my $file = $path eq '' ? $name : dirname($name) . "/$path";

		$file =~ s{^\./|[^/]+/\.\./}{}g;
		if (!-e "$top/$file" || (defined $anchor && !read_page($file)->{anchors}{$anchor}))
		{
			push @broken, $link;
		}
	}
	is("@broken", '', "$name: every link leads somewhere");
}

$node->stop;
done_testing();
