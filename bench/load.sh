#!/usr/bin/env bash
#
# bench/load.sh: many clients at a time, by pgbench; behind "make bench-load".
#
#	Generated vectors, an hvtree index with default settings, and three kinds of work
#	on 1, 2, 4, ... clients: "read" (LIMIT 10), "mixed" (95 % reads; inserts, updates
#	of the vector, deletes), "filter" (WHERE category = ..., which a tenth of the rows
#	pass).  Query vectors come from a table.
#
#	PROFILES	(default "laptop server")
#				laptop	300,000 x 768, shared_buffers 400 MB; server and page cache
#						together are held in 2 GB by a control group, where the
#						machine lets us; what was used is printed
#				server	1,000,000 x 1024, shared_buffers half the memory
#	N, DIM, STORAGE, SHARED_BUFFERS, MEMORY (MB, 0: no bound), MWM (MB) replace those of
#				every profile in the run
#	WORKS		(default "read mixed filter")
#	CLIENTS		(default "1 2 4 8 16 32")
#	DURATION	seconds for each (default 15)
#	TYPE		of the column: real or vector, that of pgvector (default real)
#	RECALL		a recall for hvtree.target_recall (default: as it is)
#	HUGE		huge_pages of the server profile (default try)
#	OUT			folder of the results (default bench/results/load)
#	HV_TMP		as everywhere

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
. "$here/load_watch.sh"

out=${OUT:-$here/results/load}
seed=${SEED:-42}
type=${TYPE:-real}
asked=1000						# vectors that are searched for
spare=20000						# vectors that are inserted
works=${WORKS:-read mixed filter}
memory_mb=$(awk '/^MemTotal/ { printf "%d", $2 / 1024 }' /proc/meminfo)

say() { printf '\n-- %s  [%s s]\n' "$*" "$SECONDS"; }

sql() { PGOPTIONS='-c client_min_messages=warning' "$cluster_bin/psql" -qXAt -v ON_ERROR_STOP=1 "$@"; }

# use_profile NAME
use_profile()
{
	case $1 in
		laptop) rows=300000 dim=768 storage=external buffers=400MB bound=2048 mwm=256 huge=off ;;
		server) rows=1000000 dim=1024 storage=external buffers=$((memory_mb / 2))MB bound=0 mwm=1024
			huge=${HUGE:-try} ;;
		*) echo "load: no profile \"$1\"" >&2; exit 1 ;;
	esac
	rows=${N:-$rows} dim=${DIM:-$dim} storage=${STORAGE:-$storage} buffers=${SHARED_BUFFERS:-$buffers}
	bound=${MEMORY:-$bound} mwm=${MWM:-$mwm}
}

# prepare: server, tables, index, scripts
prepare()
{
	bound_memory
	cluster_start "shared_buffers = $buffers" "huge_pages = $huge" 'synchronous_commit = off' \
		'autovacuum = on' 'max_connections = 200' "maintenance_work_mem = ${mwm}MB" \
		'track_io_timing = off'
	trap 'cluster_stop; unbound_memory' EXIT
	[ "$type" = real ] || sql -c 'CREATE EXTENSION vector'
	sql -c 'CREATE EXTENSION hvindex'
	[ "$type" = real ] || sql -c 'CREATE EXTENSION hvindex_pgvector'
	[ -z "${RECALL:-}" ] || sql -c "ALTER DATABASE postgres SET hvtree.target_recall = $RECALL"
	sql -c 'SELECT version()'
	"$here/hvload" --base "model:$rows:$dim:$seed" --table items --type "$type" --storage "$storage" \
		--categories 10
	"$here/hvload" --base "model:$((asked + spare)):$dim:$seed" --queries --table queries \
		--type "$type" --storage "$(awk -v d="$dim" 'BEGIN { print d * 4 < 8000 ? "plain" : "external" }')"
	sql -c "CREATE SEQUENCE items_new START $rows"
	started=${EPOCHREALTIME/[.,]/}
	sql -c "CREATE INDEX items_hv ON items USING hvtree (embedding ${type}_cosine_ops)"
	echo "built in $(awk -v us=$((${EPOCHREALTIME/[.,]/} - started)) 'BEGIN { printf "%.1f", us / 1e6 }') s," \
		"$(sql -c "SELECT pg_size_pretty(pg_relation_size('items_hv'))")"
	write_scripts
	check_plan
}

write_scripts()
{
	local search='embedding <=> (SELECT embedding FROM queries WHERE id = :q) LIMIT 10;'
	cat >"$cluster_dir/read.sql" <<-SQL
		\\set q random(0, $((asked - 1)))
		SELECT id FROM items ORDER BY $search
	SQL
	cat >"$cluster_dir/filter.sql" <<-SQL
		\\set q random(0, $((asked - 1)))
		\\set c random(0, 9)
		SELECT id FROM items WHERE category = :c ORDER BY $search
	SQL
	cat >"$cluster_dir/insert.sql" <<-SQL
		\\set s random($asked, $((asked + spare - 1)))
		INSERT INTO items SELECT nextval('items_new'), embedding, (id % 10)::int FROM queries WHERE id = :s;
	SQL
	cat >"$cluster_dir/update.sql" <<-SQL
		\\set s random($asked, $((asked + spare - 1)))
		\\set u random(0, $((rows - 1)))
		UPDATE items SET embedding = (SELECT embedding FROM queries WHERE id = :s) WHERE id = :u;
	SQL
	cat >"$cluster_dir/delete.sql" <<-SQL
		\\set u random(0, $((rows - 1)))
		DELETE FROM items WHERE id = :u;
	SQL
}

# check_plan: every search must go by the index
check_plan()
{
	local work plan
	for work in read filter; do
		plan=$(sed '/^\\/d; s/:[qc]/1/; s/^SELECT/EXPLAIN SELECT/; s/:q/1/' "$cluster_dir/$work.sql" | sql -f -)
		case $plan in
			*'Index Scan using items_hv'*) ;;
			*) printf 'load: %s does not use the index:\n%s\n' "$work" "$plan" >&2; exit 1 ;;
		esac
	done
}

# recall: of the searches as they are, once
recall()
{
	local truth=$out/truth-$rows-$dim.ibin file=$cluster_dir/recall.tsv known
	# compare.sh may have found them already
	known=$here/results/compare/truth/generated-$rows-$dim-cosine-$asked.ibin
	[ "$seed" != 42 ] || [ ! -s "$known" ] || truth=$known
	[ -s "$truth" ] || "$here/hvgt" --base "model:$rows:$dim:$seed" --query "model:$asked:$dim:$seed" \
		--metric cosine --out "$truth"
	"$here/hvbench" --table items --type "$type" --index items_hv --metric cosine --brief \
		--query "model:$asked:$dim:$seed" --gt "$truth" --tsv "$file" >/dev/null
	found=$(awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at["r@10"] }' "$file")
	echo "recall@10 $found"
}

# percentiles FILES PATTERN: milliseconds, of the scripts whose number matches
percentiles()
{
	cat "$1".* | awk -v pattern="$2" '$4 ~ pattern && $3 + 0 > 0 { print $3 }' | sort -n | awk '{ v[NR] = $1 }
		END { if (NR == 0) print "- - -"
			else printf "%.3f %.3f %.3f\n", v[int(NR * .5) + 1] / 1e3, v[int(NR * .95) + 1] / 1e3, v[int(NR * .99) + 1] / 1e3 }'
}

# drive WORK CLIENTS SECONDS: one run of pgbench; sets what add_results writes
drive()
{
	local scripts=() hits before after
	case $1 in
		mixed) scripts=(-f "$cluster_dir/read.sql@95" -f "$cluster_dir/insert.sql@2"
			-f "$cluster_dir/update.sql@2" -f "$cluster_dir/delete.sql@1") ;;
		*) scripts=(-f "$cluster_dir/$1.sql") ;;
	esac
	rm -f "$cluster_dir"/log.*
	hits=$(buffer_counts)
	before=$(server_ticks)
	watch_memory "$3" &
	TIMEFORMAT='%U %S'
	{ time "$cluster_bin/pgbench" -n -M prepared -c "$2" -j "$(($2 < processors ? $2 : processors))" \
		-T "$3" -l --log-prefix="$cluster_dir/log" "${scripts[@]}" \
		>"$cluster_dir/pgbench.out" 2>"$cluster_dir/pgbench.err"; } 2>"$cluster_dir/times" ||
		{ cat "$cluster_dir/pgbench.err" >&2; exit 1; }
	wait $!
	# backends that are just ending would be seen neither among the living nor the dead
	sleep 0.5
	after=$(server_ticks)
	read -r private shared <"$cluster_dir/memory"
	cpu_server=$(awk -v t=$((after - before)) -v s="$3" -v hz="$(getconf CLK_TCK)" \
		'BEGIN { printf "%.2f", t / hz / s }')
	cpu_client=$(awk -v s="$3" '{ printf "%.2f", ($1 + $2) / s }' "$cluster_dir/times")
	qps=$(awk '/^tps/ { printf "%.0f", $3; exit }' "$cluster_dir/pgbench.out")
	errors=$(awk '/number of failed transactions/ { print $5; exit }' "$cluster_dir/pgbench.out")
	hit_rate=$(awk -v a="$hits" -v b="$(buffer_counts)" 'BEGIN { split(a, x); split(b, y)
		n = y[1] - x[1] + y[2] - x[2]; if (n > 0) printf "%.4f", (y[1] - x[1]) / n; else print "-" }')
}

# add_results WORK CLIENTS PATTERN [QPS]
add_results()
{
	read -r p50 p95 p99 <<<"$(percentiles "$cluster_dir/log" "$3")"
	[ -s "$out/load.tsv" ] || printf '%s\n' 'profile work clients seconds rows dim storage type buffers bound_mb recall qps p50ms p95ms p99ms cpu_server cpu_client private_mb shared_mb cgroup_mb hit_rate errors' | tr ' ' '\t' >"$out/load.tsv"
	(IFS=$'\t'; printf '%s\n' "$profile	$1	$2	$duration	$rows	$dim	$storage	$type	$buffers	$bound	$found	${4:-$qps}	$p50	$p95	$p99	$cpu_server	$cpu_client	$private	$shared	$(group_mb)	$hit_rate	${errors:-0}" >>"$out/load.tsv")
	printf '   %-13s %2d clients  %6s q/s  p50 %7s  p95 %7s  p99 %7s ms  server %s CPUs, %s + %s MB, hits %s\n' \
		"$1" "$2" "${4:-$qps}" "$p50" "$p95" "$p99" "$cpu_server" "$private" "$shared" "$hit_rate"
}

targets()
{
	case $1 in
		laptop) echo 'aim: p50 1-2 ms, p99 2-3 ms, 500 q/s, less than 2 GB' ;;
		server) echo 'aim: p50 below 0.5 ms, p99 below 1 ms, 2,000 q/s, hit rate above 0.90' ;;
	esac
}

mkdir -p "$out"
make -s -C "$here" hvload hvgt hvbench
processors=$(getconf _NPROCESSORS_ONLN)
duration=${DURATION:-15}
for profile in ${PROFILES:-laptop server}; do
	use_profile "$profile"
	[ ! -s "$out/load.tsv" ] || { awk -F '\t' -v p="$profile" '$1 != p' "$out/load.tsv" >"$out/load.new" &&
		mv "$out/load.new" "$out/load.tsv"; }
	say "$profile: $rows x $dim, type $type, storage $storage, shared_buffers $buffers"
	prepare
	recall
	targets "$profile"
	# every query's pages into the caches
	drive read "$processors" "${WARM:-10}"
	for work in $works; do
		say "$profile: $work"
		for clients in ${CLIENTS:-1 2 4 8 16 32}; do
			drive "$work" "$clients" "$duration"
			add_results "$work" "$clients" .
			if [ "$work" = mixed ]; then
				add_results mixed-reads "$clients" '^0$' -
				add_results mixed-writes "$clients" '^[123]$' -
			fi
		done
	done
	say "$profile: $(targets "$profile")"
	cluster_stop
	unbound_memory
done
say "results in $out; bench/report.sh $out prints them, bench/plot.sh $out draws them"
