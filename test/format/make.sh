#!/bin/sh
#
# test/format/make.sh
#	"make format-fixture": index files as the present version writes them, for
#	test/t/041_format.pl of all later versions.  Run by test/with_install.sh.
#
#	Writes test/format/VERSION/, for each shape of index
#		NAME.sql		the commands that make the table and the index
#		NAME.rows.gz	the table's rows, as COPY writes them
#		NAME.pages.gz	the index's file, with the WAL positions and checksums 0,
#						which belong to the server that it was made with
#	The rows go into the table in the order of the file, so they get the row
#	pointers that the index has.  A folder that is there stays as it is: what a
#	released version has written is not made again.

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$top/hvindex.control")
target=$top/test/format/$version
[ ! -d "$target" ] || { echo "$target is there; remove it if $version is not released yet" >&2; exit 1; }

work=$(mktemp -d)
chmod 777 "$work"
unprivileged()
{
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u "${HV_SERVER_USER:-postgres}" -- env PATH="$PATH" "$@"
	else
		"$@"
	fi
}
trap 'unprivileged pg_ctl -D "$work/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

start()
{
	unprivileged pg_ctl -s -w -D "$work/data" -l "$work/log" \
		-o "-k $work -c listen_addresses= -c fsync=off -c autovacuum=off -c timezone=UTC" start
}

sql()
{
	unprivileged psql -X -q -At -v ON_ERROR_STOP=1 -h "$work" -d postgres -c "$1"
}

# value(I, D): whole numbers around twelve centers, so that they are the same
# floats everywhere and take little room as text
unprivileged initdb -D "$work/data" -A trust -N --no-locale -E UTF8 >/dev/null
start
sql "CREATE EXTENSION hvindex;
	CREATE FUNCTION vector(i int, dims int) RETURNS real[] LANGUAGE sql AS
	'SELECT array_agg((abs(hashint4((i % 12) * 1000 + d) % 14) + abs(hashint4(i * 1000 + d) % 5) - 6)::real ORDER BY d)
	 FROM generate_series(1, dims) d'"
mkdir "$target"

# shape NAME COLUMNS ROWS-QUERY INDEX BUILT: BUILT rows are there when the index
# is built, the others come by inserts
shape()
{
	name=$1 built=$5
	table="CREATE TABLE items ($2);"
	index="CREATE INDEX items_v ON items USING hvtree $4;"
	printf '%s\n%s\n' "$table" "$index" >"$target/$name.sql"
	sql "$table INSERT INTO items SELECT * FROM ($3) r WHERE id < $built ORDER BY id;
		$index INSERT INTO items SELECT * FROM ($3) r WHERE id >= $built ORDER BY id;
		SELECT hvtree_check('items_v', true)" >/dev/null
	sql "COPY items TO STDOUT" | gzip -9n >"$target/$name.rows.gz"
	file=$(sql "SELECT pg_relation_filepath('items_v')")
	unprivileged pg_ctl -s -w -D "$work/data" stop
	perl -e 'binmode STDIN; binmode STDOUT; local $/ = \8192;
		while (<STDIN>) { substr($_, 0, 10) = "\0" x 10; print }' <"$work/data/$file" |
		gzip -9n >"$target/$name.pages.gz"
	start
	sql 'DROP TABLE items'
	echo "$name: $(gzip -l "$target/$name.pages.gz" | awk 'NR == 2 { print $2 / 8192 " pages, " $1 " bytes" }'), rows $(wc -c <"$target/$name.rows.gz") bytes"
}

numbers='generate_series(0, 119) id'
shape l2 'id int, v real[]' "SELECT id, vector(id, 20) FROM $numbers" \
	'(v) WITH (leaf_size = 16, branching = 8)' 120
shape ip_grown 'id int, v real[]' "SELECT id, vector(id, 24) FROM $numbers" \
	'(v real_ip_ops) WITH (leaf_size = 16, branching = 8)' 0
shape cosine_spill 'id int, v real[]' "SELECT id, vector(id, 40) FROM generate_series(0, 69) id" \
	'(v real_cosine_ops) WITH (leaf_size = 8, spill = on)' 50
shape keys 'id int, v real[], i2 int2, i4 int4, i8 int8, b bool, f4 float4, f8 float8, n numeric, d date, ts timestamp,
	tz timestamptz, tm time, u uuid, t text COLLATE "C", c char(5) COLLATE "C", y bytea, tags int[], words text[] COLLATE "C"' "
	SELECT id, vector(id, 20), id % 7, CASE WHEN id % 11 > 0 THEN id * 1000 - 90000 END, id * 10000000000, id % 3 = 0,
		id / 7::float4, -id / 7::float8, (id - 50) / 3::numeric, DATE '2020-02-27' + id, TIMESTAMP '1999-12-31' + id * interval '1 hour',
		TIMESTAMPTZ '2024-02-28 12:00+00' + id * interval '1 day', TIME '00:00' + id * interval '1 minute', md5((id % 19)::text)::uuid,
		CASE WHEN id % 13 > 0 THEN 'word ' || id % 17 END, chr(97 + id % 26), decode(substr(md5((id % 31)::text), 1, 6), 'hex'),
		ARRAY[id % 5, id % 8], CASE WHEN id % 4 > 0 THEN ARRAY['a' || id % 6, 'b'] END
	FROM generate_series(0, 89) id" \
	'(v, i2, i4, i8, b, f4, f8, n, d, ts, tz, tm, u, t, c, y, tags, words) WITH (leaf_size = 8)' 70
du -sb "$target"
