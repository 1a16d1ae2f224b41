#!/bin/sh
#
# test/layers.sh
#	Do the files of src/ keep to their layers and sizes?  A layer is a folder,
#	and a file includes only files of its own folder and of those before it in
#	the list below.  TAP on stdout, status 1 if not.
#
#	Looked at: what a file includes; that arithmetic names nothing of
#	PostgreSQL and allocates nothing; that only storage names the functions
#	that read, lock, dirty and log buffers; files over 600 lines, functions
#	over 100, parameter lists over 7.

cd "$(dirname "$0")/.." || exit 1

number=0
status=0

# report NAME COMPLAINTS: one TAP line, complaints as diagnostics
report()
{
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		echo "$2" | sed 's/^/#   /'
		status=1
	fi
}

# The checks look at copies without comments and string constants.  These are
# blanked, not deleted, so that line numbers stay.
blank_comments()
{
	awk '
	{
		line = $0; out = ""
		while (length(line) > 0) {
			if (inside) {
				end = index(line, "*/")
				if (end == 0) { line = ""; break }
				line = substr(line, end + 2); inside = 0
			} else {
				start = index(line, "/*")
				if (start == 0) { out = out line; break }
				out = out substr(line, 1, start - 1) " "
				line = substr(line, start + 2); inside = 1
			}
		}
		if (out !~ /^[ \t]*#[ \t]*include/)
			gsub(/"([^"\\]|\\.)*"/, "\"\"", out)
		print out
	}' "$1"
}

layers='arithmetic page storage heap tree scan maintain build planner sql'

stripped=$(mktemp -d)
trap 'rm -rf "$stripped"' EXIT
for layer in $layers; do
	mkdir "$stripped/$layer"
	for file in src/"$layer"/*.[ch]; do
		blank_comments "$file" >"$stripped/$layer/${file##*/}"
	done
done

report 'every source is in the folder of a layer' "$(find src -name '*.[ch]' |
	grep -vE "^src/($(echo $layers | tr ' ' '|'))/[a-z0-9_]+\.[ch]$")"

cd "$stripped" || exit 1

# scan and maintain are beside each other: neither includes the other
report 'files include only their own folder and those below' "$(grep -HE \
	'^[ 	]*#[ 	]*include "[a-z]+/hv' */* | tr -d '\t "' | awk -F '[:/]' -v layers="$layers" '
	BEGIN { n = split(layers, name, " "); for (i = 1; i <= n; i++) rank[name[i]] = i; rank["maintain"] = rank["scan"] }
	{ above = $1; below = $3; sub("#include", "", below) }
	below in rank && below != above && rank[below] >= rank[above] { print $0 }')"

report 'no header includes itself by way of others' "$(for file in */*.h; do
	sed -n 's|^[ \t]*#[ \t]*include "\([a-z]*/hv[a-z0-9_]*\.h\)".*|\1|p' "$file" |
		sed "s|^|$file |"
done | tsort 2>&1 >/dev/null | sed 's/^tsort: //')"

report 'arithmetic includes nothing of PostgreSQL' "$(grep -nE \
	'^[ 	]*#[ 	]*include "' arithmetic/* | grep -v 'include "arithmetic/')"
report 'arithmetic neither allocates nor raises errors' "$(grep -nwE \
	'palloc|palloc0|pfree|malloc|calloc|realloc|free|elog|ereport|Assert' arithmetic/*)"
report 'only storage touches buffers and WAL' "$(grep -nE \
	'\<(ReadBuffer|ReadRecentBuffer|ConditionalLockBuffer|LockBuffer|GenericXLog|MarkBufferDirty|ExtendBufferedRel|log_newpage)[A-Za-z]*' \
	*/* | grep -vE '^(storage/|page/hvcompat.h)')"

report 'no file over 600 lines' "$(wc -l */* | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }')"

report 'no function over 100 lines' "$(awk '
	FNR == 1 { start = 0 }
	/^\{/ { start = FNR }
	/^\}/ { if (start && FNR - start > 101) print FILENAME ":" start ": " FNR - start - 1 " lines"; start = 0 }' */*)"

# The callbacks of the access method, hv and small letters, have PostgreSQL's
# signatures.  A parameter list: from a name at the start of a line (or a declaration
# there) and its opening bracket to the matching closing one.
report 'no parameter list over 7' "$(awk '
	function flush_list(   i, c, depth, commas) {
		depth = 0; commas = 0
		for (i = 1; i <= length(list); i++) {
			c = substr(list, i, 1)
			if (c == "(") depth++
			else if (c == ")") { if (--depth == 0) break }
			else if (c == "," && depth == 1) commas++
		}
		if (depth != 0) return 0
		if (commas + 1 > 7 && list !~ /(^|[ *])hv[a-z]+\(/) print FILENAME ":" start ": " commas + 1 " parameters"
		return 1
	}
	FNR == 1 { open = 0 }
	!open && /^[A-Za-z_][A-Za-z0-9_ \t*]*\(/ { open = 1; start = FNR; list = "" }
	open { list = list $0 " "; if (flush_list()) open = 0; else if (FNR - start > 30) open = 0 }' */*)"

echo "1..$number"
exit $status
