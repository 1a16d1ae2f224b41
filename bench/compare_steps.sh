# bench/compare_steps.sh: the parts of compare.sh; source it from bash after cluster.sh.
#
#	An "entry" is a set, a metric and a storage; use_entry sets what belongs to it:
#	label, base, query, truth, metric, storage, rows, dim.  Its table is called t.
#
#	Results are TSV files in $out whose first column is the label.

say() { printf '\n-- %s  [%s s]\n' "$*" "$SECONDS"; }

sql() { PGOPTIONS='-c client_min_messages=warning' "$cluster_bin/psql" -qXAt -v ON_ERROR_STOP=1 "$@"; }

wanted() { case " $steps " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# describe_machine: what the figures depend on, in one line
describe_machine()
{
	printf 'PostgreSQL %s, pgvector %s, %s processors (%s), %d GB, shared_buffers %s, %s\n' \
		"$(sql -c 'SHOW server_version')" \
		"$(sql -c "SELECT extversion FROM pg_extension WHERE extname = 'vector'")" \
		"$processors" "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
		$(((memory_mb + 512) / 1024)) "$buffers" "$(date +%F)"
}

# forget_lines LABEL: what a broken run has left of it
forget_lines()
{
	local file
	for file in "$out"/*.tsv; do
		[ -f "$file" ] || continue
		awk -F '\t' -v label="$1" '$1 != label' "$file" >"$file.new"
		mv "$file.new" "$file"
	done
}

# add_line FILE HEAD VALUE...: a line of results
add_line()
{
	local file=$out/$1 head=$2
	shift 2
	[ -s "$file" ] || printf '%s\n' "$head" | tr ' ' '\t' >"$file"
	(IFS=$'\t'; printf '%s\n' "$*") >>"$file"
}

# use_entry NAME[/METRIC][@STORAGE][=METHOD,...]
use_entry()
{
	local rest=$1
	methods=$all_methods
	case $rest in *=*) methods=${rest##*=} methods=${methods//,/ } rest=${rest%=*} ;; esac
	storage=external
	case $rest in *@*) storage=${rest##*@} rest=${rest%@*} ;; esac
	metric=l2
	case $rest in */*) metric=${rest##*/} rest=${rest%/*} ;; esac
	name=$rest
	case $name in
		model:*)
			IFS=: read -r _ rows dim _ <<<"$name"
			base=$name
			query=model:$queries:${name#model:*:}
			label=generated-$rows-$dim
			truth=$out/truth/$label-$metric-$queries.ibin
			;;
		*)
			make_set "$name"
			base=$(find_vectors "$name" base)
			query=$(find_vectors "$name" query)
			label=$name
			truth=$(find_truth "$name" "$metric")
			;;
	esac
	label=$label-$metric
	[ "$storage" = external ] || label=$label-$storage
}

# use_method NAME: what hvbench and hvcompare have to know of it
use_method()
{
	method=$1
	m_table=t m_type=vector m_am=$1 m_options=
	case $1 in
		hvtree) m_index=t_hvtree m_setting=hvtree.target_recall
			m_range=${RANGE_hvtree:-.50,.65,.80,.90,.95,.97,.98,.99,.995,.999} ;;
		hvtree-probes) m_am=hvtree m_index=t_hvtree m_setting=hvtree.probes
			m_range=${RANGE_hvtree_probes:-4,8,16,32,64,128,256} ;;
		hvtree-real) m_am=hvtree m_table=t_real m_type=real m_index=t_real_hvtree
			m_setting=hvtree.target_recall
			m_range=${RANGE_hvtree:-.50,.65,.80,.90,.95,.97,.98,.99,.995,.999} ;;
		hnsw) m_index=t_hnsw m_setting=hnsw.ef_search m_options='m=16, ef_construction=64'
			m_range=${RANGE_hnsw:-10,20,40,80,120,200,400,800} ;;
		ivfflat) m_index=t_ivfflat m_setting=ivfflat.probes
			# as the README of pgvector has it: rows / 1000, above a million the root
			m_options="lists=$(awk -v n="$rows" \
				'BEGIN { l = n > 1e6 ? sqrt(n) : n / 1000; printf "%d", l < 10 ? 10 : l }')"
			m_range=${RANGE_ivfflat:-1,2,5,10,20,40,80,160} ;;
		*) echo "compare: no method \"$1\"" >&2; exit 1 ;;
	esac
}

# hundredth NAME: the fewer values that LIMIT 100 is measured with
hundredth()
{
	case $1 in
		hvtree|hvtree-real) echo .90,.95,.98,.99 ;;
		hvtree-probes) echo 16,64,256 ;;
		hnsw) echo 100,200,400,800 ;;
		ivfflat) echo 5,10,20,40 ;;
	esac
}

# turns: which methods are there at the same time, joined by +.  All, if memory holds the
# table and their indexes; else those of hvtree with each of the others.  pgvector's
# indexes keep the vectors, in pages of 8 kB.
turns()
{
	local one mb own='' others=''
	mb=$(awk -v n="$rows" -v d="$dim" 'BEGIN {
		v = 4 * d + 64; per = int(8168 / v)
		if (per < 1) per = 1
		printf "%d", n * (1.3 * v + 2 * 8192 / per) / 1048576 }')
	for one in $methods; do
		case $one in
			hvtree*) own=$own+$one ;;
			*) others="$others $one" ;;
		esac
	done
	own=${own#+}
	if [ -n "${TURNS:-}" ]; then
		echo "$TURNS"
	elif [ -z "$own" ] || [ -z "$others" ] || [ "$mb" -lt $((memory_mb * 55 / 100)) ]; then
		echo "${methods// /+}"
	else
		for one in $others; do echo "$own+$one"; done
	fi
}

# start_entry: the server, the table, the true neighbours
start_entry()
{
	local mwm
	say "$label: $name, $metric, vectors $storage"
	cluster_start "shared_buffers = $buffers" 'synchronous_commit = off' 'max_wal_size = 64GB' \
		'huge_pages = off' 'log_min_messages = notice'
	trap 'cluster_stop; return_huge_pages' EXIT
	sql -c 'CREATE EXTENSION vector' -c 'CREATE EXTENSION hvindex' \
		-c 'CREATE EXTENSION hvindex_pgvector'
	describe_machine | tee "$out/machine.txt"
	"$here/hvload" --base "$base" --table t --type vector --storage "$storage"
	rows=$(sql -c 'SELECT count(*) FROM t')
	dim=$(sql -c 'SELECT vector_dims(embedding) FROM t LIMIT 1')
	case $methods in
		*hvtree-real*) "$here/hvload" --base "$base" --table t_real --type real --storage "$storage" ;;
	esac
	# all builds may take the same number of processes, whatever the table's size
	sql -c "ALTER TABLE t SET (parallel_workers = $((participants - 1)))"
	[ -s "$truth" ] || {
		"$here/hvgt" --base "$base" --query "$query" --metric "$metric" --k 100 --out "$truth.new"
		mv "$truth.new" "$truth"
	}
	mwm=${MWM:-$(awk -v n="$rows" -v d="$dim" \
		'BEGIN { mb = n * (4 * d + 1400) / 1048576; printf "%d", mb < 1024 ? 1024 : mb }')}
	build_session=("--session" "maintenance_work_mem=${mwm}MB"
		"--session" "max_parallel_maintenance_workers=$((participants - 1))")
	round=1 outgrown=0
}

# build METHOD: one index, watched
build()
{
	local file=$cluster_dir/build.tsv
	use_method "$1"
	[ -z "$(sql -c "SELECT to_regclass('$m_index')")" ] || return 0
	rm -f "$file"
	"$here/hvbench" --label "$label" --table "$m_table" --type "$m_type" --method "$m_am" \
		--index "$m_index" --create "$m_options" "${build_session[@]}" --metric "$metric" \
		--query "$query" --queries 1 --brief --tsv "$file" >/dev/null
	read -r b_seconds b_private b_segments b_people b_index b_table b_bytes <<<"$(awk -F '\t' '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		{ print $at["build_s"], $at["build_private_mb"], $at["build_segments_mb"], $at["participants"],
			$at["index_mb"], $at["table_mb"], $at["bytes_row"] }' "$file")"
	# what pgvector says when its graph outgrows maintenance_work_mem
	b_note=$(cluster_run grep -c 'no longer fits' "$cluster_dir/data/server.log" || true)
	[ "$b_note" = "$outgrown" ] || echo "   $method: the graph outgrew maintenance_work_mem" >&2
	add_line builds.tsv 'set metric method rows dim storage options seconds private_mb segments_mb participants index_mb table_mb bytes_row outgrew_memory' \
		"$label" "$metric" "$method" "$rows" "$dim" "$storage" "${m_options:--}" "$b_seconds" \
		"$b_private" "$b_segments" "$b_people" "$b_index" "$b_table" "$b_bytes" \
		"$([ "$b_note" = "$outgrown" ] && echo no || echo yes)"
	outgrown=$b_note
	echo "   $method: $b_seconds s, own memory $b_private MB, segments $b_segments MB, $b_people processes, index $b_index MB"
}

# present METHOD+...: the indexes that are to be there, and no others
present()
{
	local one other index keep
	for other in $methods; do
		use_method "$other"
		keep=no
		for one in ${1//+/ }; do
			index=$m_index
			use_method "$one"
			[ "$m_index" != "$index" ] || keep=yes
			use_method "$other"
		done
		[ "$keep" = yes ] || sql -c "DROP INDEX IF EXISTS $m_index"
	done
	say "$label: $1, maintenance_work_mem ${build_session[1]#*=}"
	for one in ${1//+/ }; do build "$one"; done
	# what is still to be written would be written while queries are measured
	sql -c CHECKPOINT
	sync -f "$cluster_dir"
}

# compare METHODS K RANGES OPTION...: hvcompare with an arm of each method, RANGES a
# function that prints the values of one, or "own"
compare()
{
	local one values arms=()
	for one in $1; do
		use_method "$one"
		values=$m_range
		[ "$3" = own ] || values=$("$3" "$one")
		arms+=(--table "$m_table" --type "$m_type" --arm "$method:$m_index:$m_setting=$values")
	done
	"$here/hvcompare" --label "$label" --metric "$metric" --query "$query" --gt "$truth" --k "$2" \
		--session enable_seqscan=off --session max_parallel_workers_per_gather=0 \
		--seconds "$pass_seconds" "${arms[@]}" "${@:4}"
}

# here_now: the methods whose indexes are there
here_now()
{
	local one
	for one in $methods; do
		use_method "$one"
		[ -z "$(sql -c "SELECT to_regclass('$m_index')")" ] || printf '%s ' "$one"
	done
}

step_sweep()
{
	say "$label: sweep of ${1//+/ }"
	compare "${1//+/ }" 10 own --rounds "$rounds" --first-round "$round" \
		--tsv "$out/sweep.tsv" --quantiles "$out/quantiles.tsv"
	round=$((round + rounds))
}

step_hundred()
{
	local now
	now=$(here_now)
	say "$label: LIMIT 100"
	compare "$now" 100 hundredth --rounds 1 --tsv "$out/sweep.tsv"
}

# value_at METHOD RECALL: the first value of its sweep that reached it, else the last
value_at()
{
	awk -F '\t' -v label="$label" -v method="$1" -v want="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$1 == label && $at["method"] == method && $at["k"] == 10 {
			last = $at["value"]
			if (value == "" && $at["recall"] >= want) value = last }
		END { print value != "" ? value : last }' "$out/sweep.tsv"
}

# step_stages: where the time of a query of hvtree goes, with and without huge pages
step_stages()
{
	say "$label: stages of a query"
	stages off
	[ -n "${HUGE:-}" ] || return 0
	if take_huge_pages && cluster_restart 'huge_pages = on' 2>/dev/null; then
		say "$label: stages of a query, huge pages"
		stages on
	else
		say "$label: no huge pages to be had"
	fi
	cluster_restart 'huge_pages = off'
	return_huge_pages
}

# take_huge_pages: reserves what shared memory needs; false where the machine does not
# let us, or has them not in one piece
take_huge_pages()
{
	local file=/proc/sys/vm/nr_hugepages pages
	pages=$(sql -c 'SHOW shared_memory_size_in_huge_pages')
	[ -w "$file" ] && [ "$pages" -gt 0 ] || return 1
	huge_kept=$(cat "$file")
	echo 1 2>/dev/null >/proc/sys/vm/compact_memory || true
	echo $((huge_kept + pages)) >"$file"
	[ "$(cat "$file")" -ge $((huge_kept + pages)) ]
}

return_huge_pages()
{
	[ -z "${huge_kept:-}" ] || echo "$huge_kept" >/proc/sys/vm/nr_hugepages
	huge_kept=
}

# stages HUGE: a line for each method of hvtree
stages()
{
	local one file=$cluster_dir/stages.tsv
	for one in $(here_now); do
		case $one in
			hvtree|hvtree-real) ;;
			*) continue ;;
		esac
		use_method "$one"
		rm -f "$file"
		sql -c "UPDATE pg_index SET indisvalid = (indexrelid = '$m_index'::regclass OR indisprimary)
			WHERE indrelid = '$m_table'::regclass"
		"$here/hvbench" --label "$label" --table "$m_table" --type "$m_type" --index "$m_index" \
			--metric "$metric" --query "$query" --gt "$truth" --brief --repeat 3 \
			--session enable_seqscan=off --session max_parallel_workers_per_gather=0 \
			--tsv "$file" >/dev/null
		sql -c 'UPDATE pg_index SET indisvalid = true WHERE NOT indisvalid'
		add_line stages.tsv 'set metric method huge recall p50_us prepare_us tree_us leaves_us rerank_us other_us inner_pages leaf_pages codes candidates fetches' \
			$(awk -F '\t' -v method="$one" -v huge="$1" '
				NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
				{ p = $at["p50ms"] * 1000
				  inside = $at["prep_us"] + $at["tree_us"] + $at["leaf_us"] + $at["rerank_us"]
				  print $1, $2, method, huge, $at["r@10"], p, $at["prep_us"], $at["tree_us"], $at["leaf_us"], \
					$at["rerank_us"], sprintf("%.1f", p - inside), $at["inner_pg"], $at["leaf_pg"], $at["codes"], \
					$at["cand"], $at["fetch"] }' "$file")
	done
}

# step_insert: single rows into an index of some ten thousand, each method on a copy
step_insert()
{
	local first count one
	count=${INSERTS:-2000}
	first=$((rows - count < ${INSERT_BASE:-50000} ? rows - count : ${INSERT_BASE:-50000}))
	if [ "$first" -lt "$count" ]; then
		say "$label: too few rows for inserts"
		return
	fi
	say "$label: $count single inserts into $first rows"
	for one in none $methods; do
		[ "$one" = hvtree-probes ] || insert_rows "$one" "$first" "$count"
	done
	sql -c 'DROP TABLE IF EXISTS ins'
}

# insert_rows METHOD FIRST COUNT
insert_rows()
{
	local from=t seconds=0 before after lsn wal started
	if [ "$1" != none ]; then use_method "$1"; from=$m_table; fi
	sql -c 'DROP TABLE IF EXISTS ins' -c "CREATE TABLE ins (LIKE $from INCLUDING STORAGE)" \
		-c "INSERT INTO ins SELECT * FROM $from WHERE id < $2" -c 'ALTER TABLE ins ADD PRIMARY KEY (id)'
	before=0 after=0
	if [ "$1" != none ]; then
		rows=$2 use_method "$1"
		sql -c "SET maintenance_work_mem = '${build_session[1]#*=}'" \
			-c "CREATE INDEX ins_index ON ins USING $m_am (embedding ${m_type}_${metric}_ops)${m_options:+ WITH ($m_options)}"
		before=$(sql -c "SELECT pg_relation_size('ins_index') / 1048576.0")
	fi
	cat >"$cluster_dir/insert.sql" <<-SQL
		\\set place $2 + :i
		\\set i :i + 1
		INSERT INTO ins SELECT id, embedding FROM $from WHERE id = :place
	SQL
	rm -f "$cluster_dir"/log.*
	sql -c CHECKPOINT
	lsn=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
	"$cluster_bin/pgbench" -n -M prepared -c 1 -D i=0 -t "$3" -l --log-prefix="$cluster_dir/log" \
		-f "$cluster_dir/insert.sql" >"$cluster_dir/pgbench.out" 2>&1 ||
		{ cat "$cluster_dir/pgbench.out" >&2; exit 1; }
	wal=$(sql -c "SELECT round((pg_current_wal_insert_lsn() - '$lsn') / $3)")
	[ "$1" = none ] || after=$(sql -c "SELECT pg_relation_size('ins_index') / 1048576.0")
	add_line inserts.tsv 'set metric method rows inserted rows_s p50ms p99ms maxms wal_row mb_before mb_after' \
		"$label" "$metric" "$1" "$2" "$3" \
		$(awk '/^tps/ { printf "%.0f", $3; exit }' "$cluster_dir/pgbench.out") \
		$(awk '{ print $3 }' "$cluster_dir"/log.* | sort -n | awk '{ v[NR] = $1 }
			END { printf "%.3f %.3f %.1f", v[int(NR * .5) + 1] / 1e3, v[int(NR * .99) + 1] / 1e3, v[NR] / 1e3 }') \
		"$wal" $(printf '%.2f %.2f' "$before" "$after")
	tail -n 1 "$out/inserts.tsv"
	rm -f "$cluster_dir"/log.*
}

# step_cold: the first hundred queries of a server whose files are in no cache
step_cold()
{
	local one value times
	for one in $(here_now); do
		[ "$one" != hvtree-probes ] || continue
		value=$(value_at "$one" 0.95)
		for times in $(seq "${COLD_ROUNDS:-2}"); do
			say "$label: $one from cold, effort $value"
			cluster_run "$cluster_bin/pg_ctl" -D "$cluster_dir/data" -m fast -w -t 600 stop >/dev/null
			"$here/hvevict" "$cluster_dir/data"
			if [ "${COLD:-evict}" = drop ]; then echo 3 >/proc/sys/vm/drop_caches; fi
			cluster_launch
			compare_one() { echo "$value"; }
			compare "$one" 10 compare_one --rounds 1 --first-round "$times" --queries 100 --cold \
				--tsv "$out/cold.tsv"
		done
	done
}
