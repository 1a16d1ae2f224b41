#!/usr/bin/env bash
#
# bench/growth_wal.sh: how much WAL an insert writes; part of run_growth.sh.
#
#	Two thirds of the set in a table with a built index; the rest inserted one
#	by one by one session, after a checkpoint, with full_page_writes off and on
#	and wal_level = replica.  "none" is the same table without index.  Generic
#	records are those of the index; with full_page_writes a page counts whole
#	when it changes first after the checkpoint, so that column would be less in
#	a longer run.
#
#	HV_DATA		folder of vector sets
#	SETS		as in growth_lives.sh (default fashion)
#	SHARED_BUFFERS, HV_TMP, HV_TSV as in growth_lives.sh

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
. "$here/growth.sh"

data=${HV_DATA:-}

# generic FROM TO ROWS: records a row, their bytes, bytes of their full pages
generic()
{
	cluster_run "$cluster_bin/pg_waldump" -p "$cluster_dir/data/pg_wal" --stats \
		-s "$1" -e "$2" 2>/dev/null | awk -v rows="$3" '
		{ gsub(/[()]/, " ") }
		$1 == "Generic" { printf "%.3f\t%.0f\t%.0f\n", $2 / rows, $4 / rows, $6 / rows; found = 1 }
		END { if (!found) print "0\t0\t0" }'
}

# one INDEX FULL_PAGE_WRITES
one()
{
	local start=$((set_rows * 2 / 3)) from to
	sql -c "ALTER SYSTEM SET full_page_writes = $2" -c 'SELECT pg_reload_conf()' >/dev/null
	new_items
	sql -c "INSERT INTO items SELECT s.id, s.embedding FROM arrival a JOIN $set_table s USING (id)
		WHERE a.place < $start ORDER BY a.place" -c 'VACUUM ANALYZE items'
	[ "$1" = none ] || new_index
	sql -c CHECKPOINT
	from=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
	grow 1 "$start" "$set_rows"
	to=$(sql -c 'SELECT pg_current_wal_flush_lsn() FROM pg_switch_wal()')
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$set_name" "$1" "$2" $((set_rows - start)) "$grow_wal" \
		"$(generic "$from" "$to" $((set_rows - start)))" >>"$records"
}

growth_start 'wal_level = replica'
records=$cluster_dir/records.tsv
printf 'set\tindex\tfull_page_writes\trows\twal_row\tgeneric/row\tgeneric_B/row\tgeneric_pages_B/row\n' >"$records"
for set in ${SETS:-fashion}; do
	use_set "$set"
	set_order random
	for full in off on; do
		one none "$full"
		one hvtree "$full"
	done
	forget_set
done
growth_step 'WAL of single inserts'
print_table "$records"
append_tsv "$records"
