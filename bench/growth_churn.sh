#!/usr/bin/env bash
#
# bench/growth_churn.sh: a table whose rows keep changing; part of run_growth.sh.
#
#	Two thirds of the set in a table with a built index.  Each round deletes a
#	random SHARE of the rows and inserts as many of those that were not there,
#	then VACUUM.  Recall is against the exact neighbours among the rows of the
#	moment.  At the end beside an index built anew.
#
#	HV_DATA		folder of vector sets
#	SETS		as in growth_lives.sh (default fashion)
#	ROUNDS		(default 10)
#	SHARE		(default 0.3)
#	PROBES, QUERIES, SHARED_BUFFERS, HV_TMP, HV_TSV, HV_SWEEPS as in growth_lives.sh

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
. "$here/growth.sh"

data=${HV_DATA:-}
rounds=${ROUNDS:-10}
share=${SHARE:-0.3}

# true_now: the true neighbours among the rows that are there
true_now()
{
	sql -c 'SELECT id FROM items' |
		"$here/hvlife" truth --gt "$set_truth" --out "$cluster_dir/now.ibin"
}

# Rows leave and others come, by hashes of their number and the round.
change()
{
	sql <<-SQL
		DROP TABLE IF EXISTS leaving, coming;
		CREATE TABLE leaving AS SELECT id FROM items
			ORDER BY hashint8extended(id, $1) LIMIT $changed;
		CREATE TABLE coming AS SELECT s.id FROM $set_table s
			WHERE NOT EXISTS (SELECT FROM items i WHERE i.id = s.id)
			ORDER BY hashint8extended(s.id, 1000 + $1) LIMIT $changed;
		ANALYZE leaving, coming;
		DELETE FROM items i USING leaving l WHERE i.id = l.id;
	SQL
	timed sql -c "INSERT INTO items SELECT s.id, s.embedding FROM coming c JOIN $set_table s USING (id)
		ORDER BY hashint8extended(s.id, 2000 + $1)"
}

churn()
{
	local start=$((set_rows * 2 / 3)) round few=8,16,32,64
	changed=$(awk -v n="$start" -v s="$share" 'BEGIN { printf "%d", n * s }')
	life='churn 0'
	growth_step "$set_name: $start of $set_rows rows, $rounds rounds of $changed out and $changed in"
	set_order random
	new_items
	sql -c "INSERT INTO items SELECT s.id, s.embedding FROM arrival a JOIN $set_table s USING (id)
		WHERE a.place < $start ORDER BY a.place" -c 'VACUUM ANALYZE items'
	timed new_index
	true_now
	measure start "$cluster_dir/now.ibin"
	for round in $(seq "$rounds"); do
		life="churn $round"
		change "$round"
		true_now
		echo "   $changed rows inserted by one statement: $timed_s s"
		measure changed "$cluster_dir/now.ibin" 16
		timed sql -c 'VACUUM items'
		echo "   VACUUM: $timed_s s"
		measure vacuumed "$cluster_dir/now.ibin" \
			"$([ "$round" -eq "$rounds" ] && echo "$probes" || echo "$few")"
	done
	check_index
	sql -c 'DROP INDEX items_hv'
	timed new_index
	measure fresh "$cluster_dir/now.ibin"
}

growth_start
states=$cluster_dir/states.tsv
state_head
for set in ${SETS:-fashion}; do
	use_set "$set"
	churn
	forget_set
done

growth_step 'the index, and its ratio to one built anew at the end'
compare 1 "$states" >"$cluster_dir/compared.tsv"
print_table "$cluster_dir/compared.tsv"
append_tsv "$cluster_dir/compared.tsv"
