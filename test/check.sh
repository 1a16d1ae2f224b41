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
#	Ends with "N passed, N failed" and status 0 only if nothing failed.
#
#	PG_CONFIG	the PostgreSQL to test with (default pg_config)
#	HV_DATA		folder of vector sets; tests that need one skip without it
#	HV_SERVER_USER	runs the servers where root runs the rest (default postgres)
#	HV_KEEP		if set, the temporary folder stays

set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
# "make check DATA=..." must not set DATA in the makefiles below
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
# nothing in the arithmetic allocates, and leak checks fail in many containers
export ASAN_OPTIONS=detect_leaks=0
export PG_CONFIG=${PG_CONFIG:-pg_config}
export HV_DATA=${HV_DATA:-}
jobs=$(getconf _NPROCESSORS_ONLN)
passed=0
failed=0
skipped=0
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

# What of a stage's output is worth the screen while it runs; what sessions of a test
# say, as PostgreSQL's own test modules print it since 17, is not.
show()
{
	sed -u -n -E -e '/^ok /d' \
		-e '/^# (issuing query|results query|connect output)/,/^# \}$/d' \
		-e '/^not ok|^#|^test |^Bail out|^1\.\.0|\.pl ?\.\.|[Ee]rror|rror:|warning:/s/^/   /p'
}

# stage NAME COMMAND...: runs a command, counts what it reports.  A command
# that reports nothing is one test; one that fails without saying which test
# is one failure.
stage()
{
	local name=$1 log good bad skip status
	shift
	log="$logs/$(echo "$name" | tr -c 'a-z0-9\n' '_').log"
	printf '== %s\n' "$name"
	SECONDS=0
	"$@" </dev/null 2>&1 | tee "$log" | show
	status=${PIPESTATUS[0]}
	read -r good bad skip <<<"$(count "$log")"
	[ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	[ "$status" -ne 0 ] || [ $((good + bad + skip)) -gt 0 ] || good=1
	[ "$bad" -eq 0 ] || grep -q '^not ok' "$log" || tail -n 40 "$log" | sed 's/^/   | /'
	printf '   %d passed, %d failed' "$good" "$bad"
	[ "$skip" -eq 0 ] || printf ', %d skipped' "$skip"
	printf ' (%d s)\n' "$SECONDS"
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + skip))
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

build()
{
	make -s -C "$src" clean &&
		make -s -C "$src" -j "$jobs" PG_CONFIG="$PG_CONFIG" COPT="$warnings $*"
}

# a second opinion on every file, without code generation
compile_with_clang()
{
	local file
	for file in "$src"/src/*/*.c; do
		"$clang" -fsyntax-only -std=gnu11 -D_GNU_SOURCE -Wno-ignored-attributes \
			$warnings -I"$src/src" -I"$("$PG_CONFIG" --includedir-server)" "$file" || return 1
	done
}

unit()
{
	make -s -j "$jobs" -C "$src/test/unit" "$1"
}

bench()
{
	make -s -C "$src/bench" clean && make -s -j "$jobs" -C "$src/bench" all
}

install_private()
{
	build -DUSE_ASSERT_CHECKING -DHV_DEBUG_POINTS || return 1
	"$src/test/tempinstall.sh" "$src" "$work/install" | tail -n 1 >"$work/bindir" || return 1
	[ "$(id -u)" -ne 0 ] || chown -R "$user" "$work"
}

# regress PROGRAM INPUTDIR NAME...: pg_regress or pg_isolation_regress
regress()
{
	local program=$1 input=$2
	shift 2
	unprivileged env PATH="$bindir:$PATH" "$pgxs_test/$program" \
		--bindir="$bindir" --inputdir="$input" --outputdir="$work/output" \
		--temp-instance="$work/instance" --temp-config="$work/temp.conf" \
		--dbname=contrib_regression --load-extension=hvindex --no-locale --encoding=UTF8 "$@" ||
		{ cat "$work/output/regression.diffs" 2>/dev/null; return 1; }
}

tap()
{
	cd "$src/test" || return 1
	mkdir -p "$work/tap/tmp_check/log"
	[ "$(id -u)" -ne 0 ] || chown -R "$user" "$work/tap"
	unprivileged env PATH="$bindir:$PATH" TESTDIR="$work/tap" \
		TESTDATADIR="$work/tap/tmp_check" TESTLOGDIR="$work/tap/tmp_check/log" \
		PGPORT=65432 PG_CONFIG="$bindir/pg_config" HV_DATA="$HV_DATA" \
		PG_REGRESS="$pgxs_test/regress/pg_regress" \
		prove --verbose --timer -I "$pgxs_test/perl" -I "$src/test/perl" t/*.pl ||
		{ tail -n 20 "$work"/tap/tmp_check/log/regress_log_*; return 1; }
}

# --- the run ----------------------------------------------------------------

[ -z "$everything" ] || "$top/test/setup.sh" || exit 1

work=$(mktemp -d)
finish()
{
	if [ -n "${HV_KEEP:-}" ] || [ "$failed" -gt 0 ]; then
		echo "logs are in $work"
	else
		rm -rf "$work"
	fi
}
trap finish EXIT
trap 'exit 1' INT TERM

# A clone below a home folder is closed to the unprivileged user: copy it, and
# the data too where that is so.
user=${HV_SERVER_USER:-postgres}
src=$work/src
logs=$work/logs
chmod 755 "$work"
mkdir -p "$src" "$logs" "$work/output"
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

if [ -n "$everything" ]; then
	stage 'layers and sizes' "$src/test/layers.sh"
	stage 'arithmetic' unit check-native
	stage 'arithmetic under sanitizers' unit sanitize
	stage 'arithmetic on 64-bit ARM' unit check-cross
	stage 'kernels as machine code' unit check-disassembly
	clang=$(compgen -c clang | grep -xE 'clang(-[0-9]+)?' | sort -V | tail -n 1)
	[ -z "$clang" ] || stage 'clang without warnings' compile_with_clang
	stage 'benchmark programs build' bench
fi
stage 'gcc build without warnings' build

if stage 'build with assertions, private installation' install_private; then
	bindir=$(cat "$work/bindir")
	stage 'SQL regression' regress regress/pg_regress "$src" \
		$(cd "$src/expected" && ls ./*.out | sed 's|./||; s|_[0-9]*\.out$|.out|; s|\.out$||' | sort -u)
	if compgen -G "$src/test/specs/*.spec" >/dev/null; then
		rm -rf "$work/instance"
		stage 'isolation' regress isolation/pg_isolation_regress "$src/test" \
			$(cd "$src/test/specs" && ls ./*.spec | sed 's|./||; s|\.spec$||')
	fi
	if compgen -G "$src/test/t/*.pl" >/dev/null; then
		stage 'servers' tap
	fi
fi

[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
