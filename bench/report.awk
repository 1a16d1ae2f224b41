# bench/report.awk: the curves, and what is read from them.  Called by report.sh.
#
#	awk -f report.awk -v what=WHAT FILE.tsv...
#
#	WHAT	curves	every setting of the sweeps: medians over the rounds
#			at		what each method does at recall@10 of .95 and .99, and the ratios
#
#	A method's curve in one round is the upper hull of its settings: those that no
#	other setting beats in both recall and speed.  Between two neighbours of it the
#	logarithm of queries a second (and of milliseconds) is linear in the recall.
#	Below the lowest setting the figure is that of the lowest: nothing cheaper was
#	measured.  Above the highest there is none ("-").  Ratios are taken in each round
#	in which both methods took turns, then the median of the rounds.

BEGIN { FS = OFS = "\t"; want[1] = .95; want[2] = .99; split("qps p50ms p95ms p99ms", figure, " ") }

FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }

{
	set = $1; method = $at["method"]; round = $at["round"]; k = $at["k"]; value = $at["value"]
	if (!(set in seen_set)) { seen_set[set]; sets[++nsets] = set }
	if (!((set, method) in seen_method)) { seen_method[set, method]; methods[set, ++nmethods[set]] = method }
	if (!((set, method, round) in seen_round) && k == 10) {
		seen_round[set, method, round]
		rounds[set, method, ++nrounds[set, method]] = round
	}
	if (!((set, method, k, value) in seen_value)) {
		seen_value[set, method, k, value]
		values[set, method, k, ++nvalues[set, method, k]] = value
		setting[set, method] = $at["setting"]; metric[set] = $at["metric"]
	}
	measured[set, method, k, value, round]
	m = ++times[set, method, k, value]
	kept[set, method, k, value, "recall", m] = $at["recall"]
	for (f = 1; f <= 4; f++)
		kept[set, method, k, value, figure[f], m] = cell[set, method, k, value, round, figure[f]] = $at[figure[f]]
	cell[set, method, k, value, round, "recall"] = $at["recall"]
	queries[set, method, k, value] = $at["queries"]
}

# median of list[1 .. n], which it sorts
function median(list, n,   i, j, x) {
	if (n == 0)
		return "-"
	for (i = 2; i <= n; i++) {
		x = list[i] + 0
		for (j = i - 1; j > 0 && list[j] > x; j--)
			list[j + 1] = list[j]
		list[j + 1] = x
	}
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

function over_rounds(set, method, k, value, name,   i, list) {
	for (i = 1; i <= times[set, method, k, value]; i++)
		list[i] = kept[set, method, k, value, name, i]
	return median(list, times[set, method, k, value])
}

# the figure "name" of a method at a recall in a round, or "-"
function read_curve(set, method, round, name, wanted,   i, j, n, r, q, v, x, t) {
	for (i = 1; i <= nvalues[set, method, 10]; i++) {
		x = values[set, method, 10, i]
		if (!((set, method, 10, x, round) in measured))
			continue
		n++
		r[n] = cell[set, method, 10, x, round, "recall"]
		q[n] = cell[set, method, 10, x, round, "qps"]
		v[n] = cell[set, method, 10, x, round, name]
	}
	# by recall, and without those that another beats
	for (i = 1; i <= n; i++)
		for (j = i + 1; j <= n; j++)
			if (r[j] < r[i] || (r[j] == r[i] && q[j] > q[i])) {
				t = r[i]; r[i] = r[j]; r[j] = t
				t = q[i]; q[i] = q[j]; q[j] = t
				t = v[i]; v[i] = v[j]; v[j] = t
			}
	x = 0
	for (i = 1; i <= n; i++) {
		for (j = i + 1; j <= n && q[j] < q[i]; j++)
			;
		if (j <= n)
			continue
		x++; r[x] = r[i]; q[x] = q[i]; v[x] = v[i]
	}
	n = x
	if (n == 0 || r[n] < wanted)
		return "-"
	if (r[1] >= wanted)
		return v[1]
	for (i = 2; r[i] < wanted; i++)
		;
	t = (wanted - r[i - 1]) / (r[i] - r[i - 1])
	return exp(log(v[i - 1]) + t * (log(v[i]) - log(v[i - 1])))
}

# median over a method's rounds
function at_recall(set, method, name, wanted,   i, n, list, x) {
	for (i = 1; i <= nrounds[set, method]; i++) {
		x = read_curve(set, method, rounds[set, method, i], name, wanted)
		if (x != "-")
			list[++n] = x
	}
	return median(list, n)
}

# how many times as many queries the first method answers as the second
function ratio(set, one, other, wanted,   i, n, list, x, y) {
	for (i = 1; i <= nrounds[set, other]; i++) {
		x = read_curve(set, one, rounds[set, other, i], "qps", wanted)
		y = read_curve(set, other, rounds[set, other, i], "qps", wanted)
		if (x != "-" && y != "-")
			list[++n] = x / y
	}
	return median(list, n)
}

# what a figure at a recall is short of, if anything
function note(set, method, wanted,   i, low, high, x) {
	low = 2; high = 0
	for (i = 1; i <= nvalues[set, method, 10]; i++) {
		x = over_rounds(set, method, 10, values[set, method, 10, i], "recall")
		if (x < low) low = x
		if (x > high) high = x
	}
	if (low > wanted)
		return sprintf("lowest effort, recall %.3f", low)
	if (high < wanted)
		return sprintf("highest recall %.3f", high)
	return "-"
}

function show(x, format) { return x == "-" ? "-" : sprintf(format, x) }

END {
	if (what == "curves")
		print "set", "metric", "method", "setting", "value", "k", "rounds", "queries", "recall", "qps", "p50ms", "p95ms", "p99ms"
	else
		print "set", "metric", "method", "recall", "qps", "p50ms", "p95ms", "p99ms", "hvtree_times", "note"
	for (s = 1; s <= nsets; s++)
		for (m = 1; m <= nmethods[sets[s]]; m++) {
			set = sets[s]; method = methods[set, m]
			if (what == "curves") {
				for (k = 10; k <= 100; k += 90)
					for (i = 1; i <= nvalues[set, method, k]; i++) {
						value = values[set, method, k, i]
						printf "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%.4f", set, metric[set], method, setting[set, method], value, k, \
							times[set, method, k, value], queries[set, method, k, value], over_rounds(set, method, k, value, "recall")
						printf "\t%.0f\t%.3f\t%.3f\t%.3f\n", over_rounds(set, method, k, value, "qps"), over_rounds(set, method, k, value, "p50ms"), \
							over_rounds(set, method, k, value, "p95ms"), over_rounds(set, method, k, value, "p99ms")
					}
				continue
			}
			for (w = 1; w <= 2; w++)
				print set, metric[set], method, want[w], show(at_recall(set, method, "qps", want[w]), "%.0f"), \
					show(at_recall(set, method, "p50ms", want[w]), "%.3f"), show(at_recall(set, method, "p95ms", want[w]), "%.3f"), \
					show(at_recall(set, method, "p99ms", want[w]), "%.3f"), \
					method ~ /^hvtree/ ? "-" : show(ratio(set, "hvtree", method, want[w]), "%.2f"), \
					note(set, method, want[w])
		}
}
