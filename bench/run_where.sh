#!/usr/bin/env bash
#
# bench/run_where.sh: is a query with any WHERE slower than it would be without hvtree?
#
#	Draws queries at random (bench/where.pl) and runs each as the planner decides, and
#	with index scans turned off (btree indexes remain as bitmaps).  Prints how many
#	take at most 1.5 times as long, and the worst.  A difference of less than half a
#	millisecond is none.
#
#	HV_DATA		folder of vector sets (fashion-mnist); BASE: a file or a model instead
#	QUERIES		(default 300)
#	SEED		(default 1)
#	REPEAT		runs of each plan, of which the best counts (default 3)

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"

base=${BASE:-${HV_DATA:-}/fashion-mnist-784-base.u8bin.gz}
seed=${SEED:-1}

case $base in
	model:*) ;;
	*)
		if [ ! -f "$base" ]; then
			echo "run_where: no $base (HV_DATA, BASE): skipped" >&2
			exit 0
		fi
		;;
esac

make -s -C "$here" hvload
cluster_start "shared_buffers = ${SHARED_BUFFERS:-1GB}"
psql="$cluster_bin/psql -qX -v ON_ERROR_STOP=1"
$psql -c 'CREATE EXTENSION hvindex'
"$here/hvload" --base "$base" --table loaded
$psql <<SQL
CREATE TABLE items AS
SELECT f.id, f.embedding,
       ((hashint8(f.id) & 2147483647) / 2147483648.0)::real AS chance,
       r.near,
       (10000 * power((hashint8(f.id + 1) & 2147483647) / 2147483648.0, 4))::int AS tenant,
       'c' || f.id % 50 AS category,
       r.near + 0.1 * ((hashint8(f.id + 2) & 2147483647) / 2147483648.0) AS nearby,
       (f.id::bigint * 7919 % r.n)::int AS number
FROM loaded f
JOIN (SELECT id, percent_rank() OVER (ORDER BY distance)::real AS near, count(*) OVER () AS n
      FROM (SELECT a.id, a.embedding <-> b.embedding AS distance
            FROM loaded a, loaded b WHERE b.id = 0) d) r USING (id);
DROP TABLE loaded;
CREATE INDEX ON items (tenant);
CREATE INDEX ON items (number);
CREATE INDEX ON items (id);
SET maintenance_work_mem = '1GB';
CREATE INDEX items_hv ON items USING hvtree (embedding, chance, near, tenant, category);
VACUUM ANALYZE items;

CREATE TABLE compared (condition text, k int, plan text, chosen float8, without float8);

-- the shortest of some runs, ms
CREATE FUNCTION best(query text) RETURNS float8 LANGUAGE plpgsql AS
\$\$
DECLARE
	start timestamptz;
	shortest float8 := 'infinity';
BEGIN
	FOR i IN 1 .. ${REPEAT:-3} LOOP
		start := clock_timestamp();
		EXECUTE query;
		shortest := least(shortest, extract(epoch FROM clock_timestamp() - start) * 1000);
	END LOOP;
	RETURN shortest;
END
\$\$;

CREATE PROCEDURE compare(condition text, k int, query int) LANGUAGE plpgsql AS
\$\$
DECLARE
	statement text;
	plan text := '';
	line text;
	chosen float8;
BEGIN
	SELECT format('SELECT id FROM items WHERE %s ORDER BY embedding <-> %L::real[] LIMIT %s',
		condition, embedding, k) INTO statement FROM items WHERE id = query;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		plan := plan || line;
	END LOOP;
	chosen := best(statement);
	SET LOCAL enable_indexscan = off;
	INSERT INTO compared VALUES (condition, k,
		CASE WHEN plan NOT LIKE '%items_hv%' THEN 'other' ELSE 'hvtree' END ||
		CASE WHEN plan LIKE '%Filter:%' THEN ', filter' ELSE '' END, chosen, best(statement));
	COMMIT;
END
\$\$;
SQL
rows=$($psql -At -c 'SELECT count(*) FROM items')
echo "run_where: $rows rows, ${QUERIES:-300} queries, seed $seed" >&2
"$here/where.pl" "$rows" "${QUERIES:-300}" "$seed" | $psql
$psql <<'SQL'
SELECT plan, count(*) AS queries, round(100.0 * avg((chosen <= 1.5 * without OR chosen - without < 0.5)::int), 1) AS "within 1.5, %",
	round(exp(avg(ln(chosen / without)))::numeric, 2) AS "mean ratio",
	round(max(CASE WHEN chosen - without < 0.5 THEN 0 ELSE chosen / without END)::numeric, 2) AS worst
FROM compared GROUP BY ROLLUP (plan) ORDER BY plan;
SELECT round((chosen / without)::numeric, 2) AS ratio, round(chosen::numeric, 2) AS chosen_ms, round(without::numeric, 2) AS without_ms, plan, k, condition
FROM compared WHERE chosen - without >= 0.5 ORDER BY chosen / without DESC LIMIT 20;
SQL
