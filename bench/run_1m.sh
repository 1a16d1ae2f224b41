#!/usr/bin/env bash
#
# bench/run_1m.sh: a million generated vectors, behind "make bench-1m".
#
#	The vectors go from the generator straight into COPY, and the true
#	neighbours come from generating them a second time: nothing is stored but
#	the table.
#
#	N				rows (default 1000000)
#	DIM				dimensions (default 1024)
#	SEED			of the generator (default 42)
#	QUERIES			(default 1000)
#	METRIC			l2, ip or cosine (default cosine)
#	STORAGE			of the vectors: default, plain or external
#	OPTIONS			index options (default none)
#	PROBES			values of hvtree.probes to measure
#	LEVELS			values of hvtree.probes_per_level instead, with a / between them:
#					8,8,16/16,16,32
#	SHARED_BUFFERS	of the throw-away cluster (default 40 % of the memory)
#	HV_TMP			folder for the cluster, 8 kB a row with STORAGE=plain
#	HV_TSV			file that all results are appended to as well

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"

n=${N:-1000000}
dim=${DIM:-1024}
seed=${SEED:-42}
queries=${QUERIES:-1000}
metric=${METRIC:-cosine}
storage=${STORAGE:-default}
probes=${PROBES:--1,2,4,8,16,32,64,128}
sweep=${LEVELS:+hvtree.probes_per_level=$LEVELS/}
sweep=${sweep:-hvtree.probes=$probes}
buffers=${SHARED_BUFFERS:-$(awk '/^MemTotal/ { printf "%dMB", $2 * 0.4 / 1024 }' /proc/meminfo)}

make -s -C "$here" hvload hvgt hvbench
cluster_start "shared_buffers = $buffers"
"$cluster_bin/psql" -qX -c 'CREATE EXTENSION hvindex'
"$cluster_bin/psql" -qXAt -c 'SELECT version()'
echo "$n rows of $dim dimensions, storage $storage, shared_buffers $buffers"

"$here/hvgt" --base "model:$n:$dim:$seed" --query "model:$queries:$dim:$seed" \
	--metric "$metric" --out "$cluster_dir/truth.ibin"
"$here/hvload" --base "model:$n:$dim:$seed" --table vectors --storage "$storage"
"$here/hvbench" --label "generated-$n-$dim-$storage" --table vectors --metric "$metric" \
	--query "model:$queries:$dim:$seed" --gt "$cluster_dir/truth.ibin" \
	--create "${OPTIONS:-}" --session maintenance_work_mem=1GB \
	--set "$sweep" --exact 3 ${HV_TSV:+--tsv "$HV_TSV"}
