#!/usr/bin/env bash
#
# bench/growth_vacuum.sh: how long VACUUM takes; part of run_growth.sh.
#
#	Generated vectors with a built index, the only one of the table.  VACUUM with
#	a tenth of the rows dead, and again with none dead; seconds of each phase, as
#	pg_stat_progress_vacuum names them, looked at every 10 ms; a phase
#	that was not seen took no longer.  The whole includes the TOAST table.
#
#	N, DIM, SEED	of the generated vectors (default 200000, 1024, 42)
#	SHARED_BUFFERS, HV_TMP, HV_TSV as in growth_lives.sh

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
. "$here/growth.sh"

n=${N:-200000}
dim=${DIM:-1024}
seed=${SEED:-42}

# watch_vacuum: notes when the VACUUM enters which phase, until told that it is over
watch_vacuum()
{
	sql <<-'SQL'
		DO $$
		DECLARE
			now_in text;
			before text;
		BEGIN
			LOOP
				PERFORM pg_stat_clear_snapshot();
				SELECT phase INTO now_in FROM pg_stat_progress_vacuum
					WHERE relid = 'items'::regclass;
				IF now_in IS DISTINCT FROM before THEN
					INSERT INTO seen VALUES (clock_timestamp(), now_in);
					before := now_in;
				END IF;
				EXIT WHEN EXISTS (SELECT FROM seen WHERE phase = 'over');
				PERFORM pg_sleep(0.01);
			END LOOP;
		END $$;
	SQL
}

# vacuum WHAT: one line of the table
vacuum()
{
	local watcher
	sql -c 'DROP TABLE IF EXISTS seen' -c 'CREATE TABLE seen (at timestamptz, phase text)'
	watch_vacuum &
	watcher=$!
	sleep 1
	timed sql -c 'VACUUM (INDEX_CLEANUP ON, PARALLEL 0, VERBOSE) items' 2>"$cluster_dir/verbose"
	sql -c "INSERT INTO seen VALUES (clock_timestamp(), 'over')"
	wait "$watcher"
	grep -E '^(tuples|index scan|index ")' "$cluster_dir/verbose" | sed 's/^/   /'
	sql -F "$tab" -c "
		SELECT '$1', $n, $timed_s, s.*, hvtree_info.rows, level_pages[1],
			round(level_fill[1]::numeric, 3), free_pages,
			round(pg_relation_size('items_hv') / 1048576.0, 1)
		FROM hvtree_info('items_hv'),
			(SELECT round(coalesce(sum(s) FILTER (WHERE phase = 'scanning heap'), 0), 2),
				round(coalesce(sum(s) FILTER (WHERE phase = 'vacuuming indexes'), 0), 2),
				round(coalesce(sum(s) FILTER (WHERE phase = 'vacuuming heap'), 0), 2),
				round(coalesce(sum(s) FILTER (WHERE phase = 'cleaning up indexes'), 0), 2)
			FROM (SELECT phase, extract(epoch FROM lead(at) OVER (ORDER BY at) - at) AS s
				FROM seen) p) s" >>"$times"
}

tab=$(printf '\t')
growth_start
times=$cluster_dir/times.tsv
printf 'dead\ttable_rows\tseconds\tscan_heap\tindex_delete\theap\tindex_cleanup\trows\tleaves\tfill\tfree\tmb\n' >"$times"
set_metric=cosine
growth_step "$n generated rows of $dim dimensions"
"$here/hvload" --base "model:$n:$dim:$seed" --table items
sql -c 'ALTER TABLE items DROP CONSTRAINT items_pkey'
timed new_index
echo "   CREATE INDEX: $timed_s s"
sql -c 'DELETE FROM items WHERE id % 10 = 3' -c CHECKPOINT
vacuum 'a tenth'
vacuum none
growth_step 'VACUUM, seconds'
print_table "$times"
append_tsv "$times"
