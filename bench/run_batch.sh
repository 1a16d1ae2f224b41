#!/usr/bin/env bash
#
# bench/run_batch.sh: many queries in one statement, and scans of many rows, with and
# without parallel workers.
#
#	function	SELECT nearest_of(id) FROM queries: a statement for each query, in a function
#				that is PARALLEL SAFE; the time of a query
#	lateral		SELECT ... FROM queries q, LATERAL (... ORDER BY ... LIMIT 10): the same.
#				(PostgreSQL gives no workers to subqueries with a LIMIT.)
#	limit N		one query for N rows: by one process, and under Gather Merge
#
#	Each statement runs in a session of its own, once to warm up and once measured. The
#	forms take turns, ROUNDS times; medians.  Workers are forced (their set-up costs
#	nothing to the planner), so that what they bring is seen also where it is little.
#
#	N				rows (default 200000)
#	DIM				dimensions (default 1024)
#	STORAGE			of the vectors: default, plain, external (default default)
#	QUERIES			(default 200)
#	LIMITS			(default "100 2000 10000")
#	WORKERS			(default: processors, at most 4)
#	ROUNDS			(default 5)
#	SHARED_BUFFERS	(default 3GB: the table fits)
#	HV_TMP			folder for the cluster

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"

n=${N:-200000}
dim=${DIM:-1024}
queries=${QUERIES:-200}
limits=${LIMITS:-100 2000 10000}
processors=$(getconf _NPROCESSORS_ONLN)
workers=${WORKERS:-$((processors < 4 ? processors : 4))}
rounds=${ROUNDS:-5}
results=

# milliseconds WORKERS STATEMENT: of its execution, and how many workers it had
milliseconds()
{
	PGOPTIONS="-c max_parallel_workers_per_gather=$1 -c client_min_messages=warning" \
		"$cluster_bin/psql" -qXAt -v ON_ERROR_STOP=1 <<SQL |
LOAD 'hvindex';
SET enable_sort = off; SET jit = off;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
\o /dev/null
$2;
\o
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON) $2;
SQL
		awk '/Workers Launched/ { launched = $3 } /Execution Time/ { ms = $3 }
			END { print ms, launched + 0 }'
}

# note LABEL PROCESSES MILLISECONDS
note()
{
	results+="$1	$2	$3"$'\n'
}

one_round()
{
	local w ms launched limit
	local nearest="SELECT v.id FROM vectors v ORDER BY v.embedding <=>"

	read -r ms launched <<<"$(milliseconds 0 "SELECT q.id, x.id FROM queries q, LATERAL ($nearest q.embedding LIMIT 10) x")"
	note "lateral" 1 "$(awk "BEGIN { print $ms / $queries }")"
	for w in $(seq 0 "$workers"); do
		read -r ms launched <<<"$(milliseconds "$w" "SELECT nearest_of(id) FROM queries")"
		note "function" $((launched + 1)) "$(awk "BEGIN { print $ms / $queries }")"
	done
	for limit in $limits; do
		for w in $(seq 0 "$workers"); do
			read -r ms launched <<<"$(milliseconds "$w" "$nearest (SELECT embedding FROM queries WHERE id = 5) LIMIT $limit")"
			note "limit $limit" $((launched + 1)) "$ms"
		done
	done
}

make -s -C "$here" hvload hvgen
cluster_start "shared_buffers = ${SHARED_BUFFERS:-3GB}"
"$cluster_bin/psql" -qX -c 'CREATE EXTENSION hvindex'
"$here/hvgen" --out "$cluster_dir/set" --n 1 --dim "$dim" --queries "$queries" >/dev/null
"$here/hvload" --base "$cluster_dir/set-query.fbin" --table queries --storage plain
"$here/hvload" --base "model:$n:$dim:42" --table vectors --storage "${STORAGE:-default}"
"$cluster_bin/psql" -qX -v ON_ERROR_STOP=1 <<'SQL'
SET maintenance_work_mem = '1GB';
CREATE INDEX ON vectors USING hvtree (embedding real_cosine_ops);
VACUUM ANALYZE vectors, queries;
-- a statement of its own with a plan that is kept
CREATE FUNCTION nearest_of(query bigint) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
	asked real[] := (SELECT embedding FROM queries WHERE id = query);
	found bigint;
BEGIN
	SELECT sum(id) INTO found FROM (SELECT id FROM vectors ORDER BY embedding <=> asked LIMIT 10) s;
	RETURN found;
END
$$;
SQL
for ((round = 1; round <= rounds; round++)); do
	one_round
	echo "round $round of $rounds done" >&2
done
printf '%-14s %9s %12s\n' form processes milliseconds
sort -t '	' -k1,1 -k2,2n -k3,3n <<<"${results%$'\n'}" | awk -F '\t' '
	function flush() { if (n) printf "%-14s %9d %12.3f\n", form, processes, value[int((n + 1) / 2)] }
	$1 != form || $2 != processes { flush(); form = $1; processes = $2; n = 0 }
	{ value[++n] = $3 }
	END { flush() }'
