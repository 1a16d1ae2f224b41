#!/usr/bin/env bash
#
# bench/demo.sh: what the index is worth, on this machine, in a few minutes;
# behind "make demo".
#
#	N, DIM, SEED, QUERIES	of the generated vectors (100000, 768, 42, 1000)
#	STORAGE					of the column: default, plain or external

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"

n=${N:-100000}
dim=${DIM:-768}
seed=${SEED:-42}
queries=${QUERIES:-1000}
storage=${STORAGE:-default}
base=model:$n:$dim:$seed
query=model:$queries:$dim:$seed

step() { printf '\n-- %s\n' "$*"; }

# value ROW COLUMN: a cell of the results; row 1 is the index, row 2 the scan
value()
{
	awk -F '\t' -v row="$1" -v name="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i }
		NR == row + 1 { print $column }' "$results"
}

make -s -C "$here" hvload hvgt hvbench

step 'a throw-away PostgreSQL'
cluster_start "shared_buffers = ${SHARED_BUFFERS:-1GB}"
results=$cluster_dir/results.tsv
"$cluster_bin/psql" -qX -c 'CREATE EXTENSION hvindex'
"$cluster_bin/psql" -qXAt -c 'SELECT version()'

step "$n generated text embeddings of $dim dimensions into a table"
"$here/hvload" --base "$base" --table items --storage "$storage"

step "the true neighbours of $queries queries, by brute force"
"$here/hvgt" --base "$base" --query "$query" --metric cosine --out "$cluster_dir/truth.ibin"

step 'CREATE INDEX ON items USING hvtree (embedding real_cosine_ops)'
echo '   SELECT id FROM items ORDER BY embedding <=> $1 LIMIT 10'
"$here/hvbench" --table items --metric cosine --query "$query" --gt "$cluster_dir/truth.ibin" \
	--create '' --session maintenance_work_mem=1GB --exact 10 --tsv "$results"

step 'in short'
if [ "$(value 1 plan)" != index ]; then
	echo "The planner did not take the index." >&2
	exit 1
fi
p50=$(value 1 p50ms)
scan=$(value 2 p50ms)
cat <<TEXT
  table             $(value 1 table_rows) rows of $dim dimensions, $(value 1 table_mb) MB
  index             $(value 1 index_mb) MB ($(value 1 bytes_row) bytes a row), built in $(value 1 build_s) s
  recall@10         $(value 1 'r@10') with default settings
  latency           $p50 ms median, $(value 1 p99ms) ms at 99 %, LIMIT 10, one client
  sequential scan   $scan ms median for the exact answer: $(awk "BEGIN { printf \"%.0f\", $scan / $p50 }") times as long
TEXT
