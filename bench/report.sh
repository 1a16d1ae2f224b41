#!/usr/bin/env bash
#
# bench/report.sh [--fill] [FOLDER ...]
#	The results of compare.sh and load.sh as Markdown on stdout, or with --fill in
#	bench/README.md, between the lines that say so.  The default is the folders that
#	these scripts write to.  The derived tables curves.tsv, at_recall.tsv and
#	scaling.tsv are left beside the others; how curves are read stands in report.awk.
#
#	CURVES=yes	also every setting of the sweeps

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

# markdown FILE COLUMN...: these columns, rows in their order
markdown()
{
	awk -F '\t' -v names="${*:2}" '
		BEGIN { n = split(names, name, " ") }
		NR == 1 {
			for (i = 1; i <= NF; i++) at[$i] = i
			head = "|"; rule = "|"
			for (i = 1; i <= n; i++) { head = head " " name[i] " |"; rule = rule "---|" }
			print head; print rule
			next
		}
		{ line = "|"; for (i = 1; i <= n; i++) line = line " " (name[i] in at ? $at[name[i]] : "-") " |"; print line }' "$1"
	echo
}

title() { printf '**%s**\n\n' "$*"; }

# scaling: sets that are model:ROWS:DIM of the same DIM, metric and storage
scaling()
{
	awk -F '\t' -v OFS='\t' '
		FNR == 1 { file++; for (i = 1; i <= NF; i++) at[file, $i] = i; next }
		file == 1 && $1 ~ /^generated-/ && $at[1, "recall"] == 0.95 { p50[$1, $at[1, "method"]] = $at[1, "p50ms"]; qps[$1, $at[1, "method"]] = $at[1, "qps"] }
		file == 2 && $1 ~ /^generated-/ {
			key = $at[2, "method"] OFS $at[2, "dim"] OFS $at[2, "storage"]
			if (!(key in n)) keys[++nkeys] = key
			i = ++n[key]
			rows[key, i] = $at[2, "rows"]; set[key, i] = $1; method[key, i] = $at[2, "method"]
			build[key, i] = $at[2, "seconds"]; bytes[key, i] = $at[2, "bytes_row"]
		}
		# slope of the logarithms over all sizes: least squares
		function slope(key, name,   i, m, x, y, sx, sy, sxx, sxy) {
			for (i = 1; i <= n[key]; i++) {
				y = name == "p50" ? p50[set[key, i], method[key, i]] : build[key, i]
				if (y + 0 <= 0) continue
				m++; x = log(rows[key, i]); y = log(y)
				sx += x; sy += y; sxx += x * x; sxy += x * y
			}
			return m < 2 || m * sxx == sx * sx ? "-" : sprintf("%.2f", (m * sxy - sx * sy) / (m * sxx - sx * sx))
		}
		END {
			print "method", "dim", "storage", "rows", "p50ms", "qps", "build_s", "bytes_row", "exponent_p50", "exponent_build"
			for (k = 1; k <= nkeys; k++)
				for (i = 1; i <= n[keys[k]]; i++) {
					s = set[keys[k], i] SUBSEP method[keys[k], i]
					print keys[k], rows[keys[k], i], s in p50 ? p50[s] : "-", s in qps ? qps[s] : "-", build[keys[k], i], bytes[keys[k], i], \
						slope(keys[k], "p50"), slope(keys[k], "build")
				}
		}' "$1" "$2"
}

# report: the tables of the folder $out
report()
{
	[ ! -s "$out/machine.txt" ] || { cat "$out/machine.txt"; echo; }
	if [ -s "$out/builds.tsv" ]; then
		title 'Builds and sizes'
		markdown "$out/builds.tsv" set method rows storage options seconds participants private_mb segments_mb index_mb bytes_row table_mb outgrew_memory
	fi
	if [ -s "$out/sweep.tsv" ]; then
		awk -f "$here/report.awk" -v what=curves "$out/sweep.tsv" >"$out/curves.tsv"
		awk -f "$here/report.awk" -v what=at "$out/sweep.tsv" >"$out/at_recall.tsv"
		title 'At recall@10 of .95 and .99'
		markdown "$out/at_recall.tsv" set method recall qps p50ms p95ms p99ms hvtree_times note
		if [ "${CURVES:-no}" = yes ]; then
			title 'Curves, medians of the rounds'
			markdown "$out/curves.tsv" set method value k recall qps p50ms p95ms p99ms
		fi
	fi
	if [ -s "$out/sweep.tsv" ] && [ -s "$out/builds.tsv" ]; then
		scaling "$out/at_recall.tsv" "$out/builds.tsv" >"$out/scaling.tsv"
		title 'Growth with the number of rows, at recall@10 of .95'
		markdown "$out/scaling.tsv" method dim storage rows p50ms qps build_s bytes_row exponent_p50 exponent_build
	fi
	if [ -s "$out/stages.tsv" ]; then
		title 'Where the time of a query goes, microseconds'
		markdown "$out/stages.tsv" set method huge recall p50_us prepare_us tree_us leaves_us rerank_us other_us codes candidates fetches
	fi
	if [ -s "$out/inserts.tsv" ]; then
		title 'Single inserts'
		markdown "$out/inserts.tsv" set method rows inserted rows_s p50ms p99ms maxms wal_row mb_before mb_after
	fi
	if [ -s "$out/cold.tsv" ]; then
		title 'The first 100 queries with all caches empty'
		markdown "$out/cold.tsv" set method value round recall p50ms p95ms p99ms
	fi
	if [ -s "$out/load.tsv" ]; then
		title 'Load'
		markdown "$out/load.tsv" profile work clients qps p50ms p95ms p99ms cpu_server cpu_client private_mb shared_mb cgroup_mb hit_rate errors
	fi
}

# fill FILE: puts stdin between the two lines of FILE that say so
fill()
{
	awk -v file="$1" '
		{ text = text $0 "\n" }
		END {
			while ((getline line <file) > 0) {
				if (line ~ /^<!-- end of the results of report.sh -->/) inside = 0
				if (!inside) print line
				if (line ~ /^<!-- results of report.sh -->/) { inside = 1; printf "\n%s", text }
			}
		}' >"$1.new"
	mv "$1.new" "$1"
}

# report_all FOLDER...
report_all()
{
	for out in "$@"; do
		case $out in
			*load*) printf '### make bench-load\n\n' ;;
			*) printf '### make bench-compare\n\n' ;;
		esac
		report
	done
}

filling=no
if [ "${1:-}" = --fill ]; then
	filling=yes
	shift
fi
if [ $# -eq 0 ]; then
	for out in "$here/results/compare" "$here/results/load"; do
		[ ! -d "$out" ] || set -- "$@" "$out"
	done
fi
if [ "$filling" = yes ]; then
	report_all "$@" | fill "$here/README.md"
else
	report_all "$@"
fi
