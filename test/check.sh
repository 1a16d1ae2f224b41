#!/usr/bin/env bash
#
# test/check.sh [--servers-only]
#	Every test, behind "make check": layers, arithmetic, compilers, SQL,
#	isolation, servers.  Works on a copy of the tree in a temporary folder,
#	with a private copy of PostgreSQL (test/tempinstall.sh) and throw-away
#	clusters; neither the tree nor the system is written to, apart from
#	missing Debian packages (test/setup.sh).
#
#	--servers-only leaves out what does not depend on the PostgreSQL: layers,
#	arithmetic, clang, the benchmark programs.  It installs no packages.
#
#	Stages run beside each other.  Each is printed when it is over, with the
#	seconds that it took and those that processors worked for it
#	(test/processor_time.pl).  test/README.md has a table of them.
#
#	Ends with "N passed, N failed" and status 0 only if nothing failed.
#
#	PG_CONFIG	the PostgreSQL to test with (default pg_config)
#	HV_DATA		folder of vector sets; tests that need one skip without it
#	HV_SERVER_USER	runs the servers where root runs the rest (default postgres)
#	HV_CC		compiler of the extension (default: PostgreSQL's own, mostly gcc)
#	HV_JOBS		how many server tests run at a time (default: the processors)
#	HV_KEEP		if set, the temporary folder stays
#
#	Builds go through ccache where that is installed.

set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
# "make check DATA=..." must not set DATA in the makefiles below
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
# nothing in the arithmetic allocates, and leak checks fail in many containers
export ASAN_OPTIONS=detect_leaks=0
export PG_CONFIG=${PG_CONFIG:-pg_config}
export HV_DATA=${HV_DATA:-}
processors=$(getconf _NPROCESSORS_ONLN)
jobs=${HV_JOBS:-$processors}
case "${1:-}" in
	'') everything=yes ;;
	--servers-only) everything='' ;;
	*) echo "usage: test/check.sh [--servers-only]" >&2; exit 2 ;;
esac

# gcc's and clang's extra warnings minus those that PostgreSQL's own headers
# and callback signatures raise
warnings='-Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare'

# --- stages -----------------------------------------------------------------

# Counts the results in a log, "passed failed skipped": lines of TAP, lines of
# pg_regress, and the sums that test/unit prints instead of every line.
count()
{
	awk '
		/^ok [0-9]/ && tolower($0) ~ /# *skip/	{ skip++; next }
		/^1\.\.0 # *[Ss][Kk][Ii][Pp]/			{ skip++; next }
		/^# skipped/							{ skip++; next }
		/^# [0-9]+ checks? passed/				{ good += $2; next }
		/^ok [0-9]/								{ good++; next }
		/^not ok [0-9]/			{ bad++; next }
		/^(test|    ) .*\.\.\. ok( |$)/			{ good++; next }
		/^(test|    ) .*\.\.\. FAILED/			{ bad++; next }
		END { print good + 0, bad + 0, skip + 0 }' "$1"
}

# What of a stage's output is worth the screen; what sessions of a test say, as
# PostgreSQL's own test modules print it since 17, is not.
show()
{
	sed -n -E -e '/^ok /d' -e '/^# [0-9.]+ s, [0-9.]+ s of processor$/d' \
		-e '/^# (issuing query|results query|connect output)/,/^# \}$/d' \
		-e '/^not ok|^#|^test |^    .*\.\.\. (ok|FAILED)|^Bail out|^1\.\.0|[Ee]rror|rror:|warning:/s/^/   /p'
}

# stage NAME COMMAND...: runs a command, counts what it reports, and prints both
# when it is over.  A command that reports nothing is one test; one that fails
# without saying which test is one failure.
stage()
{
	local name=$1 start=$SECONDS log good bad skip status
	shift
	echo "$name" >>"$logs/started"
	log="$logs/$(echo "$name" | tr -c 'a-z0-9\n' '_').log"
	"$@" </dev/null >"$log" 2>&1
	status=$?
	read -r good bad skip <<<"$(count "$log")"
	[ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	[ "$status" -ne 0 ] || [ $((good + bad + skip)) -gt 0 ] || good=1
	(
		flock 9
		printf '== %s\n' "$name"
		show <"$log"
		[ "$bad" -eq 0 ] || grep -q '^not ok' "$log" || tail -n 40 "$log" | sed 's/^/   | /'
		printf '   %d passed, %d failed' "$good" "$bad"
		[ "$skip" -eq 0 ] || printf ', %d skipped' "$skip"
		printf ' (%d s, %.0f s of processor)\n' $((SECONDS - start)) "$(awk '
			/^# [0-9.]+ s, [0-9.]+ s of processor$/ { sum += $4 } END { print sum + 0 }' "$log")"
		echo "$good $bad $skip" >>"$logs/ended"
	) 9>>"$logs/screen"
	return "$status"
}

# Server programs refuse to run as root.
unprivileged()
{
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u "$user" -- env HOME="$work" "$@"
	else
		"$@"
	fi
}

# What comes from a command is measured, servers that it leaves behind included.
measured()
{
	perl "$src/test/processor_time.pl" "$@"
}

# build FLAG...: without debug information, which a quarter of the time would go
# into, unless the folder is to stay
build()
{
	measured make -s -C "$src" "${compiler[@]}" -j "$processors" \
		PG_CONFIG="$PG_CONFIG" COPT="$warnings $debug_info $*"
}

# a second opinion on every file, without code generation
compile_with_clang()
{
	printf '%s\0' "$src"/src/*/*.c | measured xargs -0 -n 1 -P "$processors" \
		"$clang" -fsyntax-only -std=gnu11 -D_GNU_SOURCE -Wno-ignored-attributes \
		$warnings -I"$src/src" -I"$("$PG_CONFIG" --includedir-server)"
}

unit()
{
	measured make -s -j "$processors" -C "$src/test/unit" "$1"
}

bench()
{
	make -s -C "$src/bench" clean &&
		measured make -s "${compiler[@]}" -j "$processors" -C "$src/bench" all
}

# The arithmetic is compiled as it was: it has neither assertions nor debug points.
install_private()
{
	find "$src/src" -name '*.o' ! -path '*/arithmetic/*' -delete
	rm -f "$src"/*.so
	build -DUSE_ASSERT_CHECKING -DHV_DEBUG_POINTS || return 1
	"$src/test/tempinstall.sh" "$src" "$work/install" | tail -n 1 >"$work/bindir" || return 1
	[ "$(id -u)" -ne 0 ] || chown -R "$user" "$work"
	# what PostgreSQL's test modules copy instead of running initdb, since 17 by
	# themselves, before that by test/perl/HvTest.pm
	unprivileged env -u LC_ALL -u LANGUAGE LC_MESSAGES=C \
		"$(cat "$work/bindir")/initdb" -D "$work/template" -A trust -N >/dev/null
}

# regress PROGRAM INPUTDIR NAME...: pg_regress or pg_isolation_regress
regress()
{
	local program=$1 input=$2 output=$work/${1%/*}
	shift 2
	mkdir -p "$output"
	[ "$(id -u)" -ne 0 ] || chown "$user" "$output"
	unprivileged env PATH="$bindir:$PATH" perl "$src/test/processor_time.pl" "$pgxs_test/$program" \
		--bindir="$bindir" --inputdir="$input" --outputdir="$output" \
		--temp-instance="$output/instance" --temp-config="$work/temp.conf" \
		--dbname=contrib_regression --load-extension=hvindex --no-locale --encoding=UTF8 "$@" ||
		{ cat "$output/regression.diffs" 2>/dev/null; return 1; }
}

# tap FILE: a test of test/t
tap()
{
	cd "$src/test" || return 1
	unprivileged env PATH="$bindir:$PATH" TESTDIR="$work/tap" \
		TESTDATADIR="$work/tap/tmp_check" TESTLOGDIR="$work/tap/tmp_check/log" \
		PGPORT=65432 PG_CONFIG="$bindir/pg_config" HV_DATA="$HV_DATA" \
		PG_REGRESS="$pgxs_test/regress/pg_regress" INITDB_TEMPLATE="$work/template" \
		perl "$src/test/processor_time.pl" \
		prove --verbose -I "$pgxs_test/perl" -I "$src/test/perl" "$1" ||
		{ tail -n 20 "$work/tap/tmp_check/log/regress_log_$(basename "$1" .pl)"; return 1; }
}

# Waits until another test may begin; what else runs beside this shell counts too.
wait_for_turn()
{
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
}

# processes_of PID: all that come from a process
processes_of()
{
	local child
	for child in $(cat "/proc/$1"/task/*/children 2>/dev/null); do
		echo "$child"
		processes_of "$child"
	done
}

# --- what depends on the PostgreSQL, and what does not -----------------------

independent_stages()
{
	stage 'layers and sizes' "$src/test/layers.sh"
	stage 'arithmetic' unit check-native
	stage 'arithmetic under sanitizers' unit sanitize
	stage 'arithmetic on 64-bit ARM' unit check-cross
	stage 'kernels as machine code' unit check-disassembly
	clang=$(compgen -c clang | grep -xE 'clang(-[0-9]+)?' | sort -V | tail -n 1)
	[ -z "$clang" ] || stage 'clang without warnings' compile_with_clang
	stage 'benchmark programs build' bench
}

server_stages()
{
	local file
	stage 'gcc build without warnings' build
	# (before the next build takes its place)
	stage 'no instructions beyond the baseline' "$src/test/kernel_disassembly.sh" "$src/hvindex.so"
	stage 'build with assertions, private installation' install_private || return
	bindir=$(cat "$work/bindir")
	mkdir -p "$work/tap/tmp_check/log"
	[ "$(id -u)" -ne 0 ] || chown -R "$user" "$work/tap"

	stage 'SQL regression' regress regress/pg_regress "$src" \
		$(cd "$src/expected" && ls ./*.out | sed 's|./||; s|_[0-9]*\.out$|.out|; s|\.out$||' | sort -u) &
	wait_for_turn
	stage 'isolation' regress isolation/pg_isolation_regress "$src/test" \
		$(cd "$src/test/specs" && ls ./*.spec | sed 's|./||; s|\.spec$||') &
	for file in $(cd "$src/test" && ls t/*.pl); do
		wait_for_turn
		stage "$file" tap "$file" &
	done
	wait
}

# --- the run ----------------------------------------------------------------

[ -z "$everything" ] || "$top/test/setup.sh" || exit 1

work=$(mktemp -d)
failed=1
finish()
{
	if [ -n "${HV_KEEP:-}" ] || [ "$failed" -gt 0 ]; then
		echo "logs are in $work"
	else
		rm -rf "$work"
	fi
}
trap finish EXIT
# stages that run beside this shell would go on
trap 'trap "" TERM; kill -TERM $(processes_of $$) 2>/dev/null; exit 1' INT TERM

# A clone below a home folder is closed to the unprivileged user: copy it, and
# the data too where that is so.
user=${HV_SERVER_USER:-postgres}
src=$work/src
logs=$work/logs
chmod 755 "$work"
mkdir -p "$src" "$logs"
tar -C "$top" --exclude=.git --exclude=./test/roots --exclude='*.o' --exclude='*.so' -cf - . | tar -C "$src" -xf -
if [ -n "$HV_DATA" ] && [ -d "$HV_DATA" ]; then
	HV_DATA=$(cd "$HV_DATA" && pwd)
	unprivileged test -r "$HV_DATA/README.md" || unprivileged test -x "$HV_DATA" ||
		{ cp -r "$HV_DATA" "$work/data" && HV_DATA=$work/data; }
else
	HV_DATA=''
	echo "no folder of vector sets (HV_DATA): tests on real vectors will skip"
fi
pgxs_test=$(dirname "$(dirname "$("$PG_CONFIG" --pgxs)")")/test
printf 'max_prepared_transactions = 2\nlog_statement = none\nfsync = off\n' >"$work/temp.conf"
echo "$("$PG_CONFIG" --version), $(gcc --version | head -n 1)"

debug_info=-g0
[ -z "${HV_KEEP:-}" ] || debug_info=-g
compiler=()
if command -v ccache >/dev/null; then
	compiler=(CC='ccache gcc')
	# the same files in another temporary folder
	export CCACHE_BASEDIR=$src CCACHE_NOHASHDIR=1
fi
[ -z "${HV_CC:-}" ] || compiler=("CC=${compiler:+ccache }$HV_CC")
# PostgreSQL's own flags are gcc's
case ${HV_CC:-} in
	*clang*) warnings="$warnings -Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes" ;;
esac

[ -z "$everything" ] || independent_stages &
server_stages
wait

# a stage that was started and says nothing has failed
read -r passed failed skipped <<<"$(awk -v started="$(wc -l <"$logs/started")" '
	{ good += $1; bad += $2; skip += $3 }
	END { print good + 0, bad + started - NR, skip + 0 }' "$logs/ended")"
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
