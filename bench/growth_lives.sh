#!/usr/bin/env bash
#
# bench/growth_lives.sh: an index that grew by single inserts beside one that was
# built; part of run_growth.sh.
#
#	For every set and order: an empty indexed table, all rows inserted one by
#	one; recall, costs and size of the index as it stands then, after VACUUM, and
#	built anew from the same table.  "none" is the same inserts into a table
#	without index: what the statement, the transaction and the heap cost.
#
#	HV_DATA			folder of vector sets
#	LIVES			what to measure, each SET/ORDER/SESSIONS; a set is fashion, a
#					model:ROWS:DIM:SEED, or shifted: before one of these; an
#					order is random, cluster (one cluster after the other) or
#					file (as the rows stand)
#	PROBES			values of hvtree.probes of the sweeps
#	QUERIES			(default 1000)
#	VACUUMS			how many one after the other, measured after each (default 1)
#	NONE			inserts without an index too: yes or no (default yes)
#	SHARED_BUFFERS	of the throw-away cluster (default 30 % of the memory)
#	HV_TMP			folder for the cluster
#	HV_TSV			file that both tables are appended to as well
#	HV_SWEEPS		file that every line of the sweeps is appended to

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
. "$here/growth.sh"

data=${HV_DATA:-}
gen=model:${N:-200000}:${DIM:-1024}:${SEED:-42}
lives=${LIVES:-fashion/random/1 fashion/random/4 fashion/cluster/1
	shifted:fashion/file/1 $gen/random/1 $gen/random/4 $gen/cluster/1 shifted:$gen/file/1}

# speed WHAT: a line of the table of inserts
speed()
{
	printf '%s\t' "$set_name" $life "$1" "$set_rows" "$grow_rate" "$grow_p50" "$grow_p99" \
		"$grow_max" >>"$speeds"
	echo "$grow_wal" >>"$speeds"
	echo "   $set_name $life $1: $grow_rate rows/s, p50 $grow_p50 ms, p99 $grow_p99 ms," \
		"max $grow_max ms, WAL $grow_wal B/row"
}

# live ORDER SESSIONS: one life of a table of the set in use
live()
{
	local pass
	life="$1 $2"
	growth_step "$set_name: $set_rows rows, order $1, sessions $2"
	set_order "$1"
	if [ "${NONE:-yes}" = yes ] && ! grep -q "^$set_name	[a-z]*	$2	none" "$speeds"; then
		new_items
		grow "$2" 0 "$set_rows"
		speed none
	fi
	new_items indexed
	sql -c CHECKPOINT
	timed grow "$2" 0 "$set_rows"
	speed hvtree
	check_index
	measure grown
	for pass in $(seq "${VACUUMS:-1}"); do
		timed sql -c 'VACUUM items'
		echo "   VACUUM: $timed_s s"
		measure "vacuumed${pass/#1/}"
	done
	check_index
	sql -c 'DROP INDEX items_hv'
	timed new_index
	echo "   CREATE INDEX: $timed_s s"
	measure fresh
}

growth_start
speeds=$cluster_dir/speeds.tsv
states=$cluster_dir/states.tsv
printf 'set\torder\tsessions\tindex\trows\trows/s\tp50ms\tp99ms\tmaxms\twal_row\n' >"$speeds"
state_head

current=
for entry in $lives; do
	if [ "$current" != "${entry%/*/*}" ]; then
		[ -z "$current" ] || forget_set
		current=${entry%/*/*}
		use_set "$current"
	fi
	order=${entry%/*}
	live "${order##*/}" "${entry##*/}"
done

growth_step 'single inserts'
print_table "$speeds"
echo
echo '-- the index, and its ratio to one built anew'
compare 3 "$states" >"$cluster_dir/compared.tsv"
print_table "$cluster_dir/compared.tsv"
append_tsv "$speeds"
append_tsv "$cluster_dir/compared.tsv"
