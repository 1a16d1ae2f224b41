#!/bin/sh
#
# packaging/smoke.sh
#	Does the hvindex of the PostgreSQL in PATH work?  A cluster in a temporary
#	folder, an index of each kind, a query that uses it, and all of it gone again.
#
#	HV_SERVER_USER	runs the server where root runs the rest (default postgres)

set -eu

work=$(mktemp -d)
if [ "$(id -u)" -eq 0 ]; then
	user=${HV_SERVER_USER:-postgres}
	chown "$user" "$work"
	unprivileged() { runuser -u "$user" -- env PATH="$PATH" HOME="$work" "$@"; }
else
	unprivileged() { "$@"; }
fi
trap 'unprivileged pg_ctl -s -D "$work/data" -m immediate stop 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

cd "$work"
unprivileged initdb -D "$work/data" -A trust -N --no-locale -E UTF8 >/dev/null
unprivileged pg_ctl -s -w -D "$work/data" -l "$work/log" -o "-k $work -c listen_addresses=" start

unprivileged psql -X -q -v ON_ERROR_STOP=1 -h "$work" -d postgres <<'END'
CREATE EXTENSION hvindex;
CREATE TABLE items (id int, tenant int, v real[]);
INSERT INTO items SELECT i, i % 5, array_agg((sin(i % 50 * d) + i / 1e4)::real ORDER BY d)
FROM generate_series(1, 2000) i, generate_series(1, 32) d GROUP BY i;
CREATE INDEX items_v ON items USING hvtree (v, tenant);
ANALYZE items;
SET enable_seqscan = off;
DO $$
DECLARE
	plan text;
	line text;
BEGIN
	FOR line IN EXPLAIN SELECT id FROM items WHERE tenant = 2 ORDER BY v <-> (SELECT v FROM items WHERE id = 42) LIMIT 3 LOOP
		plan := concat(plan, line, E'\n');
	END LOOP;
	ASSERT plan ~ 'Index Scan using items_v', plan;
	ASSERT (SELECT id FROM items WHERE tenant = 2 ORDER BY v <-> (SELECT v FROM items WHERE id = 42) LIMIT 1) = 42;
	ASSERT hvtree_check('items_v', true) > 0;
	IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
		CREATE EXTENSION hvindex_pgvector CASCADE;
		CREATE INDEX items_h ON items USING hvtree ((v::vector(32)) vector_cosine_ops);
		DROP EXTENSION hvindex_pgvector CASCADE;
	END IF;
END $$;
DROP TABLE items;
DROP EXTENSION hvindex;
END
echo "hvindex works"
