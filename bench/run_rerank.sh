#!/usr/bin/env bash
#
# bench/run_rerank.sh: what a reranked row costs.
#
#	Generated vectors, stored in their rows (plain) and outside (external), the same
#	queries for both:
#
#		first	a new session, everything in shared buffers
#		warm	the same session again
#		cold	the same session has run other queries, then the cache of the
#				operating system was emptied; shared buffers are small
#
#	A row's cost is the time of reranking over the rows fetched, of the median query.
#
#	N				rows (default 100000)
#	DIM				dimensions (default 1024)
#	QUERIES			(default 500; the cold ones are as many)
#	STORAGES		(default "plain external")
#	SHARED_BUFFERS	of the warm runs (default 1GB: two copies of the default must fit)
#	HV_TMP			folder for the cluster

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"

n=${N:-100000}
dim=${DIM:-1024}
queries=${QUERIES:-500}
storages=${STORAGES:-plain external}
buffers=${SHARED_BUFFERS:-1GB}

psql_quietly()
{
	"$cluster_bin/psql" -qXAt -v ON_ERROR_STOP=1 "$@"
}

restart_with()
{
	psql_quietly -c "ALTER SYSTEM SET shared_buffers = '$1'"
	cluster_run "$cluster_bin/pg_ctl" -D "$cluster_dir/data" -l "$cluster_dir/data/server.log" \
		-m fast -w restart >/dev/null
}

# measured STORAGE LABEL FIRST LAST: SQL that runs these queries and prints a line
measured()
{
	cat <<SQL
SELECT format('%-9s %-6s %5s rows a query  %7s us a row  %5s pages hit, %5s read, a row',
	'$1', '$2', round(avg(rows), 1), round((percentile_cont(0.5) WITHIN GROUP (ORDER BY us / rows))::numeric, 2),
	round(sum(hit) / sum(rows), 2), round(sum(read) / sum(rows), 2))
FROM run('vectors_$1', $3, $4);
SQL
}

make -s -C "$here" hvload hvgen
cluster_start "shared_buffers = $buffers"
psql_quietly -c 'CREATE EXTENSION hvindex; CREATE EXTENSION pg_prewarm'
"$here/hvgen" --out "$cluster_dir/set" --n 1 --dim "$dim" --queries $((2 * queries)) >/dev/null
"$here/hvload" --base "$cluster_dir/set-query.fbin" --table queries --storage plain
for storage in $storages; do
	"$here/hvload" --base "model:$n:$dim:42" --table "vectors_$storage" --storage "$storage"
	psql_quietly -c "SET maintenance_work_mem = '512MB'" \
		-c "CREATE INDEX ON vectors_$storage USING hvtree (embedding real_cosine_ops)" \
		-c "VACUUM (FREEZE) vectors_$storage"
done

# the pages are those of the whole scan but the index's
psql_quietly <<'SQL'
CREATE FUNCTION run(items regclass, first int, last int)
RETURNS TABLE (rows numeric, us float8, hit numeric, read numeric) LANGUAGE plpgsql AS $$
DECLARE q real[];
BEGIN
	FOR q IN SELECT embedding FROM queries WHERE id BETWEEN first AND last ORDER BY id LOOP
		EXECUTE format('SELECT count(*) FROM (SELECT id FROM %s ORDER BY embedding <=> $1 LIMIT 10) s', items) USING q;
		RETURN QUERY SELECT heap_fetches::numeric, rerank_us,
			buffers_hit::numeric - (SELECT sum(p) FROM unnest(level_pages) p), buffers_read::numeric
			FROM hvtree_last_scan();
	END LOOP;
END $$;
CHECKPOINT;
SQL

echo "$n rows of $dim dimensions, shared_buffers $buffers"
for storage in $storages; do
	# twice in one session; before it everything is read once
	{
		echo "DO \$\$ BEGIN PERFORM pg_prewarm(c.oid) FROM pg_class c WHERE relname LIKE 'vectors_$storage%';"
		echo "PERFORM pg_prewarm(reltoastrelid), pg_prewarm((SELECT indexrelid FROM pg_index WHERE indrelid = reltoastrelid))"
		echo "FROM pg_class WHERE relname = 'vectors_$storage' AND reltoastrelid <> 0; END \$\$;"
		measured "$storage" first 0 $((queries - 1))
		measured "$storage" warm 0 $((queries - 1))
	} | psql_quietly
done

restart_with 32MB
for storage in $storages; do
	{
		echo "SELECT count(*) FROM run('vectors_$storage', $queries, $((2 * queries - 1))) \\g /dev/null"
		# of every file of the database, written back before
		echo "\\! find '$cluster_dir/data/base' -type f -exec dd if=/dev/null of={} oflag=nocache conv=notrunc,fdatasync count=0 status=none ';'"
		measured "$storage" cold 0 $((queries - 1))
	} | psql_quietly
done
