#!/usr/bin/env bash
#
# bench/run_conditions.sh: conditions on key columns beside pgvector's iterative scans.
#
#	A table with a column of type vector and three columns to filter by:
#
#		chance	independent of the vectors
#		near	the rank of the row's distance from one of the rows: "near < x" keeps
#				what lies together, "near > x" what is far from there
#
#	Filters keep 50, 10, 1, 0.1 and 0.01 % of the rows.  Methods, one after the other:
#
#		planner		what the planner takes of hvtree with key columns, a btree index for
#					each column, and a sequential scan
#		hvtree		hvtree with key columns alone
#		strict, relaxed		HNSW with hnsw.iterative_scan
#
#	Every query is also answered by a sequential scan, which is the exact answer.
#	Needs pgvector 0.8: bench/in_root.sh runs this in a root of test/matrix.sh.
#
#	HV_DATA		folder of vector sets; BASE, QUERY: files or models instead of fashion-mnist
#	QUERIES		(default 50)
#	MEMORY		maintenance_work_mem (default 1GB)
#	HV_TSV		file that all results are appended to as well

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"

base=${BASE:-${HV_DATA:-}/fashion-mnist-784-base.u8bin.gz}
query=${QUERY:-${HV_DATA:-}/fashion-mnist-784-query.u8bin.gz}
memory=${MEMORY:-1GB}
filters=()

case $base in
	model:*) ;;
	*)
		if [ ! -f "$base" ] || [ ! -f "$query" ]; then
			echo "run_conditions: no $base (HV_DATA, BASE, QUERY): skipped" >&2
			exit 0
		fi
		;;
esac

sql()
{
	PGOPTIONS="-c maintenance_work_mem=$memory" "$cluster_bin/psql" -qX -v ON_ERROR_STOP=1 "$@"
}

# measure LABEL INDEX METHOD OPTION...: all filters
measure()
{
	local label=$1 index=$2 method=$3
	shift 3
	echo
	echo "== $label"
	"$here/hvbench" --label "$label" --table filtered --type vector --metric l2 \
		--index "$index" --method "$method" --query "$query" --queries "${QUERIES:-50}" \
		"$@" "${filters[@]}" ${HV_TSV:+--tsv "$HV_TSV"}
}

make -s -C "$here" hvload hvbench
cluster_start "shared_buffers = ${SHARED_BUFFERS:-1GB}"
sql -c 'CREATE EXTENSION vector' -c 'CREATE EXTENSION hvindex' -c 'CREATE EXTENSION hvindex_pgvector'
"$here/hvload" --base "$base" --table loaded --type vector
sql <<'SQL'
CREATE TABLE filtered AS
SELECT f.id, f.embedding,
       ((hashint8(f.id) & 2147483647) / 2147483648.0)::real AS chance,
       r.near
FROM loaded f
JOIN (SELECT id, percent_rank() OVER (ORDER BY distance)::real AS near
      FROM (SELECT a.id, a.embedding <-> b.embedding AS distance
            FROM loaded a, loaded b WHERE b.id = 0) d) r USING (id)
ORDER BY f.id;
DROP TABLE loaded;
ALTER TABLE filtered ADD PRIMARY KEY (id);
CREATE INDEX ON filtered (chance);
CREATE INDEX ON filtered (near);
VACUUM ANALYZE filtered;
SQL

for share in 0.5 0.1 0.01 0.001 0.0001; do
	filters+=(--filter "chance < $share" --filter "near < $share"
		--filter "near > (1 - $share)::real")
done

alone=(--session enable_seqscan=off --session enable_sort=off --session enable_bitmapscan=off)
sql -c 'CREATE INDEX filtered_hv ON filtered USING hvtree (embedding vector_l2_ops, chance, near)'
measure planner filtered_hv hvtree
measure hvtree filtered_hv hvtree "${alone[@]}"
sql -c 'DROP INDEX filtered_hv' -c 'CREATE INDEX filtered_hnsw ON filtered USING hnsw (embedding vector_l2_ops)'
measure strict filtered_hnsw hnsw "${alone[@]}" --session hnsw.iterative_scan=strict_order
measure relaxed filtered_hnsw hnsw "${alone[@]}" --session hnsw.iterative_scan=relaxed_order
