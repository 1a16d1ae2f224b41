#!/usr/bin/env bash
#
# bench/plot.sh [FOLDER ...]
#	Draws the results of compare.sh and load.sh (default: both of their folders) as SVG
#	files, by gnuplot; bench/report.sh must have been there, which derives the curves.
#
#		recall-SET.svg		queries a second against recall@10, every method
#		latency-SET.svg		how latencies are distributed at recall@10 of .95
#		size-build.svg		bytes a row and build time
#		scaling.svg			latency at recall@10 of .95 against the number of rows
#		load-PROFILE.svg	queries a second and p99 against the number of clients
#
#	PLOTS	folder for them (default bench/plots)
#
#	Backgrounds are transparent and texts grey, so that they can be read on a white
#	page and on a dark one.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
plots=${PLOTS:-$here/plots}
[ $# -gt 0 ] || set -- "$here/results/compare" "$here/results/load"
command -v gnuplot >/dev/null || { echo 'plot: gnuplot is needed (Debian: gnuplot-nox)' >&2; exit 1; }

mkdir -p "$plots"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# colours of a method, the same in every plot, and readable on white and black
blue='#3b82f6'
orange='#e8833a'
green='#2fa36b'
grey='#838d97'

# look WIDTH HEIGHT FILE: what all plots share
look()
{
	cat <<-PLOT
		set terminal svg size $1,$2 dynamic font "Helvetica,Arial,sans-serif,13" linewidth 1.2 noenhanced
		set output "$3"
		set datafile separator "\t"
		set encoding utf8
		set border 3 linecolor rgb "$grey"
		set tics nomirror textcolor rgb "$grey"
		set grid linecolor rgb "$grey" linewidth 0.4 dashtype 3
		set key outside top center horizontal textcolor rgb "$grey" samplen 2
		set lmargin 10
		set title textcolor rgb "$grey"
		set xlabel textcolor rgb "$grey"
		set ylabel textcolor rgb "$grey"
		set style line 1 linecolor rgb "$blue" linewidth 2.2 pointtype 7 pointsize 0.6
		set style line 2 linecolor rgb "$orange" linewidth 2.2 pointtype 5 pointsize 0.6
		set style line 3 linecolor rgb "$green" linewidth 2.2 pointtype 9 pointsize 0.7
		set style line 4 linecolor rgb "$blue" linewidth 1.4 dashtype 2 pointtype 6 pointsize 0.5
		set style line 5 linecolor rgb "$blue" linewidth 1.4 dashtype 4 pointtype 6 pointsize 0.5
	PLOT
}

method_title() { case $1 in hvtree) echo hvtree ;; hnsw) echo HNSW ;; ivfflat) echo IVFFlat ;;
	hvtree-probes) echo 'hvtree, by probes' ;; hvtree-real) echo 'hvtree, real[]' ;; *) echo "$1" ;; esac; }

method_style() { case $1 in hvtree) echo 1 ;; hnsw) echo 2 ;; ivfflat) echo 3 ;; hvtree-probes) echo 4 ;; *) echo 5 ;; esac; }

# column FILE NAME: the number of a column
column() { head -n 1 "$1" | tr '\t' '\n' | grep -nx -- "$2" | cut -d : -f 1; }

# values FILE COLUMN [COLUMN VALUE]: the different values, in their order
values()
{
	awk -F '\t' -v c="$(column "$1" "$2")" -v f="${3:+$(column "$1" "$3")}" -v v="${4:-}" \
		'NR > 1 && (f == "" || $f == v) && !seen[$c]++ { print $c }' "$1"
}

# set_title SET: as people write it
set_title()
{
	awk -F '\t' -v set="$1" 'NR > 1 && $1 == set {
		name = set; metric = $2; plain = sub("-plain$", "", name); sub("-" metric "$", "", name)
		sub("^generated-[0-9]*-[0-9]*$", "generated", name)
		n = $4; while (n ~ /[0-9][0-9][0-9][0-9]/) sub(/[0-9][0-9][0-9]($|,)/, ",&", n)
		printf "%s, %s × %s, %s%s\n", name, n, $5, metric, plain ? ", PLAIN" : ""; exit }' "$builds"
}

plot_recall()
{
	local set=$1 method first=1
	{
		look 640 430 "$plots/recall-$set.svg"
		cat <<-PLOT
			set title "$(set_title "$set")"
			set xlabel "recall@10"
			set ylabel "queries a second, one client"
			set logscale y
			set xrange [-log10(0.2):-log10(0.0004)]
			set xtics ("0.8" -log10(0.2), "0.9" 1, "0.95" -log10(0.05), "0.98" -log10(0.02), "0.99" 2, "0.995" -log10(0.005), "0.999" 3)
		PLOT
		printf 'plot '
		for method in $(values "$curves" method set "$set"); do
			awk -F '\t' -v OFS='\t' -v set="$set" -v method="$method" '
				NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
				$1 == set && $at["method"] == method && $at["k"] == 10 {
					# what is missing to 1 on a scale of logarithms; 1 itself at its end
					r = $at["recall"] > .9996 ? .9996 : $at["recall"]
					print -log(1 - r) / log(10), $at["qps"] }' "$curves" |
				sort -g >"$work/$set-$method"
			[ "$first" = 1 ] || printf ', '
			first=0
			printf '"%s" using 1:2 with linespoints linestyle %s title "%s"' "$work/$set-$method" \
				"$(method_style "$method")" "$(method_title "$method")"
		done
		echo
	} >"$work/plot"
	gnuplot "$work/plot"
}

# quantiles_at SET METHOD: quantile and milliseconds, of the least effort that reaches a
# recall of .95 in the median of its rounds; the value stands in the first line
quantiles_at()
{
	awk -F '\t' -v set="$1" -v method="$2" '
		FNR == 1 { file++; for (i = 1; i <= NF; i++) at[file, $i] = i; next }
		file == 1 { if ($1 == set && $at[1, "method"] == method && $at[1, "k"] == 10 && value == "" && $at[1, "recall"] >= .95)
			{ value = $at[1, "value"]; recall = $at[1, "recall"] } next }
		$1 == set && $at[2, "method"] == method && $at[2, "k"] == 10 && $at[2, "value"] == value {
			n++
			for (i = 0; i <= 200; i++) q[i, n] = $(at[2, "q0.0"] + i) }
		END {
			if (n == 0) exit
			print "# " value "\t" recall
			for (i = 0; i < 200; i++) {
				for (j = 2; j <= n; j++)
					for (k = j; k > 1 && q[i, k] + 0 < q[i, k - 1] + 0; k--) { t = q[i, k]; q[i, k] = q[i, k - 1]; q[i, k - 1] = t }
				print i / 2 "\t" q[i, int((n + 1) / 2)]
			}
		}' "$curves" "$out/quantiles.tsv"
}

plot_latency()
{
	local set=$1 method first=1
	{
		look 640 400 "$plots/latency-$set.svg"
		cat <<-PLOT
			set title "$(set_title "$set"): the least effort with recall@10 ≥ 0.95"
			set xlabel "milliseconds"
			set ylabel "% of the queries"
			set logscale x
			set yrange [0:100]
		PLOT
		printf 'plot '
		for method in hvtree hnsw ivfflat; do
			quantiles_at "$set" "$method" >"$work/$set-$method-q"
			[ -s "$work/$set-$method-q" ] || continue
			[ "$first" = 1 ] || printf ', '
			first=0
			printf '"%s" using 2:1 with lines linestyle %s title "%s (recall %s)"' "$work/$set-$method-q" \
				"$(method_style "$method")" "$(method_title "$method")" \
				"$(awk 'NR == 1 { printf "%.3f", $3 }' "$work/$set-$method-q")"
		done
		echo
	} >"$work/plot"
	grep -q with "$work/plot" && gnuplot "$work/plot"
}

plot_sizes()
{
	local sets
	# a line for each set: name, then bytes and seconds of each method, ? where there is none
	awk -F '\t' -v OFS='\t' '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		{ if (!($1 in seen)) { seen[$1]; sets[++n] = $1 }
		  name = $1; plain = sub("-plain$", "", name) ? " PLAIN" : ""; sub("-" $2 "$", "", name)
		  if (name ~ /^generated/) { r = $at["rows"]; name = (r >= 1e6 ? r / 1e6 "M" : r / 1e3 "k") " × " $at["dim"] plain } else sub(/-[0-9]*$/, "", name)
		  title[$1] = name
		  bytes[$1, $at["method"]] = $at["bytes_row"]; seconds[$1, $at["method"]] = $at["seconds"] }
		function cell(x) { return x > 0 ? x : "?" }
		END { for (i = 1; i <= n; i++) { s = sets[i]
			print title[s], cell(bytes[s, "hvtree"]), cell(bytes[s, "hnsw"]), cell(bytes[s, "ivfflat"]), \
				cell(seconds[s, "hvtree"]), cell(seconds[s, "hnsw"]), cell(seconds[s, "ivfflat"]) } }' \
		"$builds" >"$work/sizes"
	sets=$(wc -l <"$work/sizes")
	{
		look $((260 + 75 * sets)) 640 "$plots/size-build.svg"
		cat <<-PLOT
			set datafile missing "?"
			set style data histogram
			set style histogram clustered gap 1.2
			set style fill solid 0.9 noborder
			set boxwidth 0.95
			set logscale y
			set xtics rotate by -20 scale 0
			set grid noxtics ytics
			set xrange [-0.7:*]
			set multiplot layout 2,1
			set ylabel "index, bytes a row"
			set yrange [50:20000]
			plot "$work/sizes" using 2:xtic(1) linestyle 1 title "hvtree", "" using 3 linestyle 2 title "HNSW", "" using 4 linestyle 3 title "IVFFlat"
			set ylabel "build, seconds"
			set yrange [0.1:*]
			unset key
			plot "$work/sizes" using 5:xtic(1) linestyle 1 title "", "" using 6 linestyle 2 title "", "" using 7 linestyle 3 title ""
			unset multiplot
		PLOT
	} >"$work/plot"
	gnuplot "$work/plot"
}

plot_scaling()
{
	local method first=1
	{
		look 640 400 "$plots/scaling.svg"
		cat <<-PLOT
			set title "generated vectors, 1,024 dimensions"
			set xlabel "rows"
			set ylabel "p50 at recall@10 = 0.95, milliseconds"
			set logscale xy
			set xtics ("10,000" 1e4, "100,000" 1e5, "1,000,000" 1e6)
			set xrange [7e3:1.5e6]
		PLOT
		printf 'plot '
		for method in hvtree hnsw ivfflat; do
			awk -F '\t' -v OFS='\t' -v method="$method" '
				NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
				$at["method"] == method && $at["dim"] == 1024 && $at["storage"] == "external" && $at["p50ms"] != "-" { print $at["rows"], $at["p50ms"] }' \
				"$out/scaling.tsv" | sort -g >"$work/scaling-$method"
			[ -s "$work/scaling-$method" ] || continue
			[ "$first" = 1 ] || printf ', '
			first=0
			printf '"%s" using 1:2 with linespoints linestyle %s title "%s"' "$work/scaling-$method" \
				"$(method_style "$method")" "$(method_title "$method")"
		done
		echo
	} >"$work/plot"
	grep -q with "$work/plot" && gnuplot "$work/plot"
}

plot_load()
{
	local profile=$1 work_name style=0 qps=() p99=()
	for work_name in read filter mixed; do
		style=$((style + 1))
		awk -F '\t' -v OFS='\t' -v profile="$profile" -v work="$work_name" '
			NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
			$1 == profile && $at["work"] == work { print $at["clients"], $at["qps"], $at["p50ms"], $at["p99ms"] }' \
			"$out/load.tsv" >"$work/load-$work_name"
		[ -s "$work/load-$work_name" ] || continue
		qps+=("\"$work/load-$work_name\" using 1:2 with linespoints linestyle $style title \"$work_name\"")
		p99+=("\"$work/load-$work_name\" using 1:4 with linespoints linestyle $style title \"$work_name\"")
	done
	[ ${#qps[@]} -gt 0 ] || return 0
	{
		look 640 560 "$plots/load-$profile.svg"
		cat <<-PLOT
			set multiplot layout 2,1
			set logscale xy
			set xrange [0.9:36]
			set xtics (1, 2, 4, 8, 16, 32)
			set title "$(awk -F '\t' -v p="$profile" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
				$1 == p { n = $at["rows"]; while (n ~ /[0-9][0-9][0-9][0-9]/) sub(/[0-9][0-9][0-9]($|,)/, ",&", n)
					printf "%s: %s × %s, shared_buffers %s", p, n, $at["dim"], $at["buffers"]; exit }' "$out/load.tsv")"
			set ylabel "transactions a second"
			plot $(IFS=,; echo "${qps[*]}")
			unset title
			unset key
			set xlabel "clients"
			set ylabel "p99, milliseconds"
			plot $(IFS=,; echo "${p99[*]}")
			unset multiplot
		PLOT
	} >"$work/plot"
	gnuplot "$work/plot"
}

for out in "$@"; do
	curves=$out/curves.tsv
	builds=$out/builds.tsv
	if [ -s "$curves" ]; then
		for set in $(values "$curves" set); do
			plot_recall "$set"
			plot_latency "$set" || true
		done
		plot_sizes
		[ ! -s "$out/scaling.tsv" ] || plot_scaling || true
	fi
	if [ -s "$out/load.tsv" ]; then
		for profile in $(values "$out/load.tsv" profile); do plot_load "$profile"; done
	fi
done
ls "$plots"
