#!/bin/sh
#
# test/style.sh
#	"make style": layers and sizes, then what an indenter would undo.  TAP.
#	Where clang-format is installed it also lists the files that it would
#	change; that is for information, .clang-format only comes near pgindent.

cd "$(dirname "$0")/.." || exit 1
status=0

test/layers.sh || status=1

complain()
{
	if [ -n "$2" ]; then
		echo "not ok - $1"
		echo "$2" | head -n 20 | sed 's/^/#   /'
		status=1
	else
		echo "ok - $1"
	fi
}

sources=$(ls src/*/*.c src/*/*.h bench/*.c bench/*.h test/unit/*.c test/unit/*.h 2>/dev/null)
texts="$sources $(ls Makefile hvindex.control META.json src/README ./*.md bench/*.md doc/*.md sql/*.sql extension/* test/*.sh packaging/* test/t/*.pl test/perl/*.pm bench/*.sh 2>/dev/null)"
tab=$(printf '\t')

complain 'no blanks at the end of a line' "$(grep -nE "[ $tab]+\$" $texts)"
complain 'no carriage returns' "$(grep -l "$(printf '\r')" $texts)"
complain 'tabs, not four blanks, indent C' "$(grep -nE '^    ' $sources)"
complain 'comments in C are /* */' "$(grep -nE "(^|[;{}$tab ])//" $sources)"
complain 'nothing is left to do' "$(grep -nwE 'TO''DO|FIX''ME|XX''X' $texts)"
# code, tables, pictures and links that fill a line have the length they need
complain 'lines of prose are at most 80 columns long' "$(awk '
	FNR == 1 { code = 0 }
	/^```/ { code = !code }
	{ line = $0; gsub(/[^ -~]+/, "x", line) }
	length(line) > 80 && !code && !/^(\||!\[|    )/ { print FILENAME ":" FNR ": " length(line) }' \
	src/README README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md bench/README.md doc/*.md)"
complain 'every file ends with a newline' "$(for file in $texts; do
	[ -z "$(tail -c 1 "$file")" ] || echo "$file"
done)"
complain 'every place names the same version (packaging/bump.sh)' "$(packaging/bump.sh |
	awk '{ print $NF }' | sort -u | sed 1d | grep -q . && packaging/bump.sh)"
complain 'src/typedefs.list is what test/typedefs.sh prints' \
	"$(test/typedefs.sh | diff src/typedefs.list -)"

if command -v clang-format >/dev/null 2>&1; then
	for file in $sources; do
		clang-format "$file" | cmp -s - "$file" || echo "# clang-format would change $file"
	done
fi
exit $status
