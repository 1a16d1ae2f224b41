# bench/growth.sh: what the parts of run_growth.sh share; source it from bash after
# cluster.sh.
#
#	A "set" here is a name and five variables: set_base, set_query (SOURCEs of the
#	programs), set_truth (an .ibin with the 100 nearest), set_metric, set_rows.
#	Its rows lie in the table source_NAME (id, embedding); the table under test is
#	always called items.

probes=${PROBES:-1,2,4,6,8,12,16,24,32,48,64,96,128,192}
queries=${QUERIES:-1000}
default_buffers=$(awk '/^MemTotal/ { printf "%dMB", $2 * 0.3 / 1024 }' /proc/meminfo)

growth_step() { printf '\n-- %s  [%s s]\n' "$*" "$SECONDS"; }

sql() { PGOPTIONS='-c client_min_messages=warning' "$cluster_bin/psql" -qXAt -v ON_ERROR_STOP=1 "$@"; }

# growth_start [SETTING ...]: programs, cluster, extension
growth_start()
{
	make -s -C "$here" hvload hvgt hvbench hvlife
	# inserts are to wait for nobody's disk; recovery is not what is measured
	cluster_start "shared_buffers = ${SHARED_BUFFERS:-$default_buffers}" \
		'synchronous_commit = off' 'max_wal_size = 64GB' 'maintenance_work_mem = 1GB' "$@"
	if [ ! -x "$cluster_bin/pgbench" ]; then
		echo "no pgbench in $cluster_bin" >&2
		exit 1
	fi
	sql -c 'CREATE EXTENSION hvindex'
	sql -c 'SELECT version()'
}

# use_set NAME: one of
#	fashion					fashion-mnist-784 of HV_DATA, l2
#	model:ROWS:DIM:SEED		generated, cosine
#	shifted:SET				the same, its second half moved (hvlife shift)
use_set()
{
	local inner=${1#shifted:}
	case $inner in
		fashion)
			set_base=$data/fashion-mnist-784-base.u8bin.gz
			set_query=$data/fashion-mnist-784-query.u8bin.gz
			set_truth=$data/fashion-mnist-784-gt100.ibin
			set_metric=l2
			if [ ! -f "$set_base" ] || [ ! -f "$set_query" ] || [ ! -f "$set_truth" ]; then
				echo "$0: no fashion-mnist-784 in \"$data\" (HV_DATA)" >&2
				exit 1
			fi
			;;
		model:*)
			set_base=$inner
			set_query=model:$queries:${inner#model:*:}
			set_truth=
			set_metric=cosine
			;;
		*)
			echo "$0: \"$1\" is no set" >&2
			exit 1
			;;
	esac
	set_name=$(echo "$1" | tr -c 'a-z0-9\n' '_')
	if [ "$inner" != "$1" ]; then
		"$here/hvlife" shift --base "$set_base" --query "$set_query" \
			--out "$cluster_dir/$set_name"
		set_base=$cluster_dir/$set_name-base.fbin
		set_query=$cluster_dir/$set_name-query.fbin
		set_truth=
	fi
	set_table=source_$set_name
	"$here/hvload" --base "$set_base" --table "$set_table"
	set_rows=$(sql -c "SELECT count(*) FROM $set_table")
	if [ -z "$set_truth" ]; then
		set_truth=$cluster_dir/$set_name-truth.ibin
		"$here/hvgt" --base "$set_base" --query "$set_query" --metric "$set_metric" \
			--k 100 --out "$set_truth"
	fi
}

# forget_set: gives its space back
forget_set()
{
	sql -c "DROP TABLE IF EXISTS items, arrival, $set_table"
	rm -f "$cluster_dir/$set_name"-*
}

# new_items [INDEXED]: an empty table under test, with an index if an argument says so
new_items()
{
	sql <<-SQL
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (LIKE $set_table INCLUDING STORAGE);
		ALTER TABLE items ALTER COLUMN embedding SET STATISTICS 0;
	SQL
	[ -z "${1:-}" ] || new_index
}

new_index() { sql -c "CREATE INDEX items_hv ON items USING hvtree (embedding real_${set_metric}_ops)"; }

# set_order HOW: the table arrival, place by place the row of the source
set_order()
{
	sql -c 'DROP TABLE IF EXISTS arrival' -c 'CREATE TABLE arrival (place bigint, id bigint)'
	"$here/hvlife" order --base "$set_base" --by "$1" | sql -c 'COPY arrival FROM STDIN'
	sql -c 'ALTER TABLE arrival ADD PRIMARY KEY (place)' -c 'VACUUM ANALYZE arrival' \
		-c 'CHECKPOINT'
}

# grow SESSIONS FIRST LAST: inserts the rows of places FIRST .. LAST - 1, each by a
# statement and transaction of its own, SESSIONS at a time.  Sets grow_rate,
# grow_p50, grow_p99, grow_max (milliseconds) and grow_wal (bytes a row).
grow()
{
	local sessions=$1 first=$2 last=$3 rows=$(($3 - $2)) lsn
	cat >"$cluster_dir/insert.sql" <<-SQL
		\\set place $first + :i * $sessions + :client_id
		\\set i :i + 1
		INSERT INTO items SELECT s.id, s.embedding FROM arrival a, $set_table s
		WHERE a.place = :place AND s.id = a.id AND :place < $last
	SQL
	rm -f "$cluster_dir"/log.*
	lsn=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
	"$cluster_bin/pgbench" -n -M prepared -c "$sessions" -j "$sessions" -D i=0 \
		-t $(((rows + sessions - 1) / sessions)) -l --log-prefix="$cluster_dir/log" \
		-f "$cluster_dir/insert.sql" >"$cluster_dir/pgbench.out" 2>&1 ||
		{ cat "$cluster_dir/pgbench.out" >&2; exit 1; }
	grow_wal=$(sql -c "SELECT round((pg_current_wal_insert_lsn() - '$lsn') / $rows)")
	grow_rate=$(awk '/^tps/ { printf "%.0f", $3; exit }' "$cluster_dir/pgbench.out")
	# columns: session, transaction, microseconds, ...
	read -r grow_p50 grow_p99 grow_max <<<"$(cat "$cluster_dir"/log.* | awk '{ print $3 }' |
		sort -n | awk '{ v[NR] = $1 }
			END { printf "%.3f %.3f %.1f\n", v[int(NR * .5) + 1] / 1e3, v[int(NR * .99) + 1] / 1e3, v[NR] / 1e3 }')"
	rm -f "$cluster_dir"/log.*
}

# state_head: the head line of the table that measure fills
state_head()
{
	printf 'set\torder\tsessions\tstate\tr@10\tp50ms\tp99ms\tcodes\tfetch\tc@.95\tc@.98\tmb\trows\tleaves\tfill\theight\tfree\tseconds\n' >"$states"
}

# compare COLUMNS FILE: ratios to the fresh index of the lines that have the same
# first COLUMNS columns
compare()
{
	awk -F '\t' -v OFS='\t' -v columns="$1" '
		function ratio(a, b) { return a == "-" || b == "-" || b == 0 ? "-" : sprintf("%.2f", a / b) }
		function name(text,   f, i, k) {
			split(text, f, FS)
			for (i = 1; i <= columns; i++) k = k FS f[i]
			return k
		}
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		{ line[NR] = $0; key = name($0)
		  if ($4 == "fresh") { r[key] = $at["r@10"]; a[key] = $at["c@.95"]; b[key] = $at["c@.98"]; m[key] = $at["mb"]; p[key] = $at["p50ms"] } }
		END {
			print line[1], "d_recall", "x_c@.95", "x_c@.98", "x_mb", "x_p50"
			for (i = 2; i <= NR; i++) {
				split(line[i], f, FS); key = name(line[i])
				print line[i], sprintf("%+.4f", f[at["r@10"]] - r[key]), ratio(f[at["c@.95"]], a[key]), \
					ratio(f[at["c@.98"]], b[key]), ratio(f[at["mb"]], m[key]), ratio(f[at["p50ms"]], p[key])
			}
		}' "$2"
}

# measure STATE [TRUTH] [PROBES]: recall, costs and size of items' index as it is.
# Sets state_* and appends a line to the results named $states; its last column is
# the time of what came before (timed).
#
#	Codes at a recall are interpolated between two values of hvtree.probes, the
#	logarithm of the codes by the logarithm of what is missing to 1.
measure()
{
	local truth=${2:-$set_truth} out=$cluster_dir/measure.tsv
	rm -f "$out"
	"$here/hvbench" --label "$1" --table items --index items_hv --metric "$set_metric" \
		--query "$set_query" --gt "$truth" --queries "$queries" --brief \
		--session enable_seqscan=off --set "hvtree.probes=-1,${3:-$probes}" \
		--tsv "$out" >/dev/null 2>"$cluster_dir/measure.err" ||
		{ cat "$cluster_dir/measure.err" >&2; exit 1; }
	read -r state_recall state_p50 state_p99 state_codes state_fetch state_c95 state_c98 <<<"$(awk -F '\t' '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		NR == 2 { printf "%s %s %s %s %s", $at["r@10"], $at["p50ms"], $at["p99ms"], $at["codes_mean"], $at["fetch"]; next }
		{ n++; r[n] = $at["r@10"]; c[n] = $at["codes_mean"]; q = $at["queries"] }
		function missing(x) { return log(1 - x > .5 / (10 * q) ? 1 - x : .5 / (10 * q)) }
		function codes(want,   i, t) {
			for (i = 2; i <= n; i++)
				if (r[i - 1] < want && r[i] >= want) {
					t = (missing(r[i - 1]) - missing(want)) / (missing(r[i - 1]) - missing(r[i]))
					return sprintf("%.0f", exp(log(c[i - 1]) + t * (log(c[i]) - log(c[i - 1]))))
				}
			return "-"
		}
		END { print " " codes(.95), codes(.98) }' "$out")"
	state_mb=$(sql -c "SELECT round(pg_relation_size('items_hv') / 1048576.0, 2)")
	read -r state_rows state_dead state_leaves state_fill state_height state_free <<<"$(sql -F ' ' -c \
		"SELECT rows, dead_tuples, level_pages[1], round(level_fill[1]::numeric, 3), height, free_pages
		 FROM hvtree_info('items_hv')")"
	if [ -n "${HV_SWEEPS:-}" ]; then
		[ -s "$HV_SWEEPS" ] || sed -n '1s/^set/set\torder\tsessions\tstate/p' "$out" >>"$HV_SWEEPS"
		sed "1d; s/^/$set_name\t${life/ /\\t}\t/" "$out" >>"$HV_SWEEPS"
	fi
	printf '%s\t' "$set_name" $life "$1" "$state_recall" "$state_p50" "$state_p99" "$state_codes" \
		"$state_fetch" "$state_c95" "$state_c98" "$state_mb" "$state_rows" "$state_leaves" \
		"$state_fill" "$state_height" "$state_free" >>"$states"
	echo "${timed_s:--}" >>"$states"
	echo "   $set_name $life $1: recall $state_recall, codes $state_codes, p50 $state_p50 ms," \
		"codes at .95 $state_c95, at .98 $state_c98; $state_mb MB, $state_leaves leaves $state_fill full," \
		"$state_free free, height $state_height"
}

# check_index: every invariant of it, and that it has as many rows as the table
check_index()
{
	sql <<-SQL
		SELECT 'hvtree_check: ' || hvtree_check('items_hv') || ' pages in order';
		SELECT 'rows differ: ' || s.rows || ' in the index, ' || t.n || ' in the table'
		FROM hvtree_info('items_hv') s, (SELECT count(*) AS n FROM items) t WHERE s.rows <> t.n;
	SQL
}

# timed COMMAND...: sets timed_s
timed()
{
	local started=${EPOCHREALTIME/[.,]/}
	"$@"
	timed_s=$(awk -v us=$((${EPOCHREALTIME/[.,]/} - started)) 'BEGIN { printf "%.2f", us / 1e6 }')
}

# print_table FILE: a TSV file in aligned columns
print_table()
{
	awk -F '\t' '{ for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > w[i]) w[i] = length($i) }; if (NF > n) n = NF }
		END { for (r = 1; r <= NR; r++) { line = ""
			for (i = 1; i <= n; i++) line = line sprintf(cell[2, i] ~ /^[-0-9.]/ ? "%*s  " : "%-*s  ", w[i], cell[r, i])
			sub(/ +$/, "", line); print line } }' "$1"
}

# append_tsv FILE: to HV_TSV, if that is named
append_tsv() { [ -z "${HV_TSV:-}" ] || cat "$1" >>"$HV_TSV"; }
