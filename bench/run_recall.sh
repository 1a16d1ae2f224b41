#!/usr/bin/env bash
#
# bench/run_recall.sh: recall asked for, recall given.
#
#	For every set: recall@10 and recall@100 with default settings but
#	hvtree.target_recall, of an index
#
#		built		by CREATE INDEX
#		grown		by inserts into an empty one, in random order, then VACUUM
#		deleted		and then a third of the rows deleted, before VACUUM
#		churned		VACUUM, inserted again, VACUUM
#
#	The queries are not in the table.  With KS, recall of other numbers of rows, by
#	hvtree_recall, one line for each target; and with FACTORS of all vectors times these.
#
#	HV_DATA			folder of vector sets
#	SETS			NAME/METRIC of HV_DATA, text/cosine or model:ROWS:DIM:SEED/METRIC
#					(default: all sets, text, and 100,000 x 1024 generated)
#	STATES			in this order (default "built grown churned")
#	KS				(default none; "1 10 20 100 1000")
#	FACTORS			(default 1)
#	TARGETS			(default .90,.95,.99)
#	QUERIES			(default 1000; as many as the set has)
#	SHARED_BUFFERS	of the throw-away cluster (default 2GB)
#	HV_TSV			file that all results are appended to as well

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
. "$here/sets.sh"

data=${HV_DATA:-}
sets=${SETS:-fashion-mnist-784/l2 cohere-1536/cosine cohere-1536/l2 cohere-1536/ip bge-micro-384/cosine
	sift-5k-128/l2 text/cosine model:100000:1024:42/cosine}
states=${STATES:-built grown churned}
targets=${TARGETS:-.90,.95,.99}
ks=${KS:-}
factors=${FACTORS:-1}
queries=${QUERIES:-1000}

sql() { PGOPTIONS='-c client_min_messages=warning' "$cluster_bin/psql" -qXAt -v ON_ERROR_STOP=1 "$@"; }

# use_set NAME/METRIC: sets base, query, truth, metric
use_set()
{
	local name=${1%/*}
	metric=${1##*/}
	case $name in
		model:*)
			local rest=${name#model:}
			base=$name
			query=model:$queries:${rest#*:}
			truth=$cluster_dir/truth.ibin
			"$here/hvgt" --base "$base" --query "$query" --metric "$metric" --out "$truth" >&2 ;;
		*)
			make_set "$name"
			base=$(find_vectors "$name" base)
			query=$(find_vectors "$name" query)
			truth=$(find_truth "$name" "$metric") ;;
	esac
}

# measure_ks LABEL [--create ...]: recall of each number of rows, in a line for each target
measure_ks()
{
	local target k found
	[ $# -eq 1 ] || sql -c "CREATE INDEX t_hvtree ON t USING hvtree (embedding real_${metric}_ops)"
	for target in ${targets//,/ }; do
		found=
		for k in $ks; do
			found+=" $(sql -c "SET hvtree.target_recall = $target" -c "SELECT round(recall::numeric, 3)
				FROM hvtree_recall('t_hvtree', 'SELECT embedding FROM asked LIMIT $queries', $k)")"
		done
		echo "$label times $factor, $target, @${ks// / @}:$found"
	done
}

# scale TABLE: all its vectors times the factor
scale()
{
	[ "$factor" = 1 ] || sql -c "UPDATE $1 SET embedding = (SELECT array_agg((x::float8 * $factor)::real ORDER BY i)
		FROM unnest(embedding) WITH ORDINALITY u (x, i))" -c "VACUUM FULL $1"
}

# measure LABEL OPTION...
measure()
{
	local label=$1
	shift
	if [ -n "$ks" ]; then
		measure_ks "$label" "$@"
		return
	fi
	"$here/hvbench" --label "$label" --table t --metric "$metric" --query "$query" --gt "$truth" \
		--queries "$queries" --set "hvtree.target_recall=$targets" "$@" \
		${HV_TSV:+--tsv "$HV_TSV"} | grep ' index '
}

make -s -C "$here" hvload hvgt hvbench
cluster_start "shared_buffers = ${SHARED_BUFFERS:-2GB}" 'maintenance_work_mem = 1GB'
sql -c 'CREATE EXTENSION hvindex'
# run_states: of the table "loaded"
run_states()
{
	local state
	for state in $states; do
		case $state in
			built)
				sql -c 'DROP TABLE IF EXISTS t' -c 'CREATE TABLE t AS TABLE loaded' -c 'VACUUM ANALYZE t'
				measure "$state" --create '' ;;
			grown)
				sql -c 'DROP TABLE IF EXISTS t' -c 'CREATE TABLE t (LIKE loaded)' \
					-c "CREATE INDEX t_hvtree ON t USING hvtree (embedding real_${metric}_ops)" \
					-c 'INSERT INTO t SELECT * FROM loaded ORDER BY hashint8extended(id, 7)' -c 'VACUUM ANALYZE t'
				measure "$state" ;;
			deleted)
				sql -c 'DELETE FROM t WHERE id % 3 = 0'
				[ -z "$ks" ] || measure "$state" ;;
			churned)
				sql -c 'DELETE FROM t WHERE id % 3 = 0' -c 'VACUUM t' \
					-c 'INSERT INTO t SELECT * FROM loaded WHERE id % 3 = 0 ORDER BY hashint8extended(id, 3)' \
					-c 'VACUUM ANALYZE t'
				measure "$state" ;;
		esac
	done
}

for set in $sets; do
	use_set "$set"
	if [ -z "$base" ] || [ -z "$query" ] || [ -z "$truth" ]; then
		echo "== $set: not in \"$data\" (HV_DATA), skipped"
		continue
	fi
	echo "== $set"
	for factor in $factors; do
		"$here/hvload" --base "$base" --table loaded >&2
		scale loaded
		if [ -n "$ks" ]; then
			"$here/hvload" --base "$query" --table asked $([ "${set%%:*}" != model ] || echo --queries) >&2
			scale asked
		fi
		run_states
	done
done
