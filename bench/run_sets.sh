#!/usr/bin/env bash
#
# bench/run_sets.sh: the real vector sets, behind "make bench DATA=folder".
#
#	For every set of the folder and every metric that it has true neighbours
#	for: load, CREATE INDEX with default options, then recall, times and costs
#	with automatic settings (probes=-1) and for fixed numbers of probed leaves.
#	The set "text" is made on the spot (bench/sets.sh).
#
#	HV_DATA			the folder
#	SETS			names of sets (default: all that this script knows)
#	PROBES			values of hvtree.probes to measure
#	LEVELS			values of hvtree.probes_per_level instead, with a / between them:
#					8,8,16/16,16,32
#	SHARED_BUFFERS	of the throw-away cluster (default 1GB)
#	HV_TSV			file that all results are appended to as well

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
. "$here/sets.sh"

data=${HV_DATA:-}
probes=${PROBES:--1,4,8,16,32,64,128}
sets=${SETS:-fashion-mnist-784 cohere-1536 bge-micro-384 sift-5k-128 text}
sweep=${LEVELS:+hvtree.probes_per_level=$LEVELS/}
sweep=${sweep:-hvtree.probes=$probes}
done_sets=0

if [ -z "$data" ] || [ ! -d "$data" ]; then
	echo "run_sets: no folder of vector sets, only what is made on the spot; give one:" \
		"make bench DATA=folder" >&2
fi

# measure SET TABLE METRIC QUERIES TRUTH
measure()
{
	echo
	echo "== $1, $3"
	"$here/hvbench" --label "$1" --table "$2" --metric "$3" --query "$4" --gt "$5" \
		--create '' --session maintenance_work_mem=1GB --set "$sweep" \
		--exact 20 ${HV_TSV:+--tsv "$HV_TSV"}
}

make -s -C "$here" hvload hvbench
cluster_start "shared_buffers = ${SHARED_BUFFERS:-1GB}"
"$cluster_bin/psql" -qX -c 'CREATE EXTENSION hvindex'
"$cluster_bin/psql" -qXAt -c 'SELECT version()'

for set in $sets; do
	make_set "$set"
	base=$(find_vectors "$set" base)
	query=$(find_vectors "$set" query)
	if [ -z "$base" ] || [ -z "$query" ]; then
		echo "== $set: not in \"$data\", skipped"
		continue
	fi
	table=$(echo "$set" | tr -c 'a-z0-9\n' '_')
	"$here/hvload" --base "$base" --table "$table"
	for metric in cosine l2 ip; do
		truth=$(find_truth "$set" "$metric")
		[ -z "$truth" ] || measure "$set" "$table" "$metric" "$query" "$truth"
	done
	done_sets=$((done_sets + 1))
done
echo
echo "$done_sets sets measured"
[ "$done_sets" -gt 0 ]
