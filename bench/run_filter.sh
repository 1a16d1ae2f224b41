#!/usr/bin/env bash
#
# bench/run_filter.sh: WHERE ... ORDER BY ... LIMIT on fashion-mnist.
#
#	Filters that keep 50, 10, 1 and 0.1 % of the rows, of two kinds:
#
#		chance	a hash of the id: independent of the vectors
#		near	the rank of the row's distance from one of the rows: what passes
#				lies together, so that for most queries no neighbour passes
#
#	First as the planner decides with an index of the vectors alone, then with that
#	index forced, then as it decides with an index that has both columns as key columns,
#	then with that one forced.
#
#	STEPS			(default "plain keys") the first two, the last two
#	HV_DATA			folder of vector sets
#	QUERIES			(default 100; each also runs as a sequential scan)
#	FORCED_QUERIES	with the index forced (default 20: the whole index may have
#					to be read for an answer)
#	HV_TSV			file that all results are appended to as well

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"

steps=${STEPS:-plain keys}
data=${HV_DATA:-}
base=$data/fashion-mnist-784-base.u8bin.gz
query=$data/fashion-mnist-784-query.u8bin.gz
filters=()

if [ ! -f "$base" ] || [ ! -f "$query" ]; then
	echo "run_filter: no fashion-mnist-784 in \"$data\" (HV_DATA)" >&2
	exit 1
fi

# measure LABEL OPTION...: all filters
measure()
{
	local label=$1
	shift
	echo
	echo "== $label"
	"$here/hvbench" --label "$label" --table filtered --metric l2 --query "$query" \
		"$@" "${filters[@]}" ${HV_TSV:+--tsv "$HV_TSV"}
}

make -s -C "$here" hvload hvbench
cluster_start "shared_buffers = ${SHARED_BUFFERS:-1GB}"
"$cluster_bin/psql" -qX -c 'CREATE EXTENSION hvindex'
"$here/hvload" --base "$base" --table fashion
"$cluster_bin/psql" -qX -v ON_ERROR_STOP=1 <<'SQL'
CREATE TABLE filtered AS
SELECT f.id, f.embedding,
       ((hashint8(f.id) & 2147483647) / 2147483648.0)::real AS chance,
       r.near
FROM fashion f
JOIN (SELECT id, percent_rank() OVER (ORDER BY distance)::real AS near
      FROM (SELECT a.id, a.embedding <-> b.embedding AS distance
            FROM fashion a, fashion b WHERE b.id = 0) d) r USING (id)
ORDER BY f.id;
ALTER TABLE filtered ADD PRIMARY KEY (id);
ALTER TABLE filtered ALTER COLUMN embedding SET STATISTICS 0;
VACUUM ANALYZE filtered;
SQL

for column in chance near; do
	for share in 0.5 0.1 0.01 0.001 0.0001; do
		filters+=(--filter "$column < $share")
	done
done
if [[ $steps == *plain* ]]; then
	measure planner --queries "${QUERIES:-100}" --create '' --session maintenance_work_mem=1GB
	measure forced --queries "${FORCED_QUERIES:-20}" \
		--session enable_seqscan=off --session enable_sort=off
fi
if [[ $steps == *keys* ]]; then
	"$cluster_bin/psql" -qX -v ON_ERROR_STOP=1 -c "
		SET maintenance_work_mem = '1GB';
		DROP INDEX IF EXISTS filtered_hv_l2;
		CREATE INDEX filtered_hv_l2 ON filtered USING hvtree (embedding, chance, near)"
	measure keys --queries "${QUERIES:-100}"
	measure keys-forced --queries "${FORCED_QUERIES:-20}" \
		--session enable_seqscan=off --session enable_sort=off
fi
