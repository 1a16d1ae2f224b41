#!/usr/bin/env bash
#
# bench/compare.sh: hvtree beside the indexes of pgvector, behind "make bench-compare".
#
#	For every set: one table in one server, an index of each method on the same
#	column, built one after the other under the same settings; then sweeps of
#	how hard each one searches, in turns.  The server must have the extensions
#	vector (pgvector) and hvindex_pgvector; bench/in_root.sh lends another root
#	where this system's has them not.
#
#	A set is done when all its steps are; a run that was broken off goes on with the
#	first set that is not done.  CLEAN=yes begins anew.
#
#	SETS		NAME[/METRIC][@STORAGE][=METHOD,...] ..., NAME a set of HV_DATA, text or
#				model:ROWS:DIM:SEED; STORAGE plain, external or default; =METHOD,... where
#				they differ from METHODS
#	METHODS		(default "hvtree hnsw ivfflat"); also hvtree-probes: the same index
#				by hvtree.probes; hvtree-real: on a second table with real[]
#	STEPS		(default "build sweep hundred stages insert cold")
#	RANGE_METHOD	values of a sweep, e.g. RANGE_hnsw=10,40,120
#	ROUNDS		of the sweeps (default 3)
#	SECONDS_PASS	longest pass over the queries (default 5)
#	QUERIES		of generated sets (default 1000)
#	PARTICIPANTS	processes of a build (default: processors, at most 8)
#	MWM			maintenance_work_mem in MB (default: what HNSW needs to build in memory)
#	SHARED_BUFFERS	(default 40 % of the memory)
#	HUGE		try: the step "stages" also with huge pages, if the machine lets us
#	COLD		evict (default): the kernel forgets the cluster's files; drop: all files
#	OUT			folder of the results (default bench/results/compare)
#	HV_DATA, HV_TMP as everywhere

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
. "$here/sets.sh"
. "$here/compare_steps.sh"

sets=${SETS:-fashion-mnist-784/l2 cohere-1536/cosine text/cosine
	model:1000000:1024:42/cosine model:1000000:1024:42/cosine@plain=hvtree
	model:100000:1024:42/cosine model:10000:1024:42/cosine bge-micro-384/cosine sift-5k-128/l2}
all_methods=${METHODS:-hvtree hnsw ivfflat}
steps=${STEPS:-build sweep hundred stages insert cold}
rounds=${ROUNDS:-3}
queries=${QUERIES:-1000}
pass_seconds=${SECONDS_PASS:-5}
processors=$(getconf _NPROCESSORS_ONLN)
participants=${PARTICIPANTS:-$((processors < 8 ? processors : 8))}
memory_mb=$(awk '/^MemTotal/ { printf "%d", $2 / 1024 }' /proc/meminfo)
buffers=${SHARED_BUFFERS:-$((memory_mb * 40 / 100))MB}
out=${OUT:-$here/results/compare}
data=${HV_DATA:-}

[ "${CLEAN:-no}" = no ] || rm -rf "$out"
mkdir -p "$out/done" "$out/truth"
make -s -C "$here" hvload hvgt hvbench hvcompare hvevict

for entry in $sets; do
	use_entry "$entry"
	if [ -e "$out/done/$label" ]; then
		say "$label: done before"
		continue
	fi
	if [ -z "$base" ]; then
		say "$label: not in \"$data\", skipped"
		continue
	fi
	forget_lines "$label"
	started=$SECONDS
	start_entry
	for turn in $(turns); do
		present "$turn"
		! wanted sweep || step_sweep "$turn"
	done
	for step in hundred stages insert cold; do
		! wanted "$step" || "step_$step"
	done
	cluster_stop
	touch "$out/done/$label"
	say "$label: done in $((SECONDS - started)) s"
done
say "results in $out; bench/report.sh $out prints the tables, bench/plot.sh $out draws them"
