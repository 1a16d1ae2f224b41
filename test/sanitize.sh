#!/usr/bin/env bash
#
# test/sanitize.sh undefined|valgrind [TEST ...]
#	The SQL regression tests (or some of them) with hvindex under a checker:
#	gcc's sanitizer of undefined behavior, or the whole server under valgrind.
#	Works as test/check.sh does, on a copy of the tree and a private copy of
#	PostgreSQL.  TAP.
#
#	The server itself is not built for a checker, so memory that PostgreSQL's
#	allocator hands out is checked as far as malloc goes.  (The sanitizer of
#	addresses, preloaded, lets Debian's server wait for ever where it starts; the
#	arithmetic has it in test/unit.)
#
#	PG_CONFIG		the PostgreSQL to test with (default pg_config)
#	HV_SERVER_USER	runs the server where root runs the rest (default postgres)
#	HV_KEEP			if set, the temporary folder stays

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
export PG_CONFIG=${PG_CONFIG:-pg_config}
checker=${1:-}
shift || true
case $checker in
	undefined) flags='-fsanitize=undefined' ;;
	valgrind) flags='' ;;
	*) echo "usage: test/sanitize.sh undefined|valgrind [TEST ...]" >&2; exit 2 ;;
esac
[ "$checker" != valgrind ] || command -v valgrind >/dev/null || "$top/test/setup.sh" valgrind

user=${HV_SERVER_USER:-postgres}
work=$(mktemp -d)
unprivileged()
{
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u "$user" -- env HOME="$work" PATH="$PATH" "$@"
	else
		"$@"
	fi
}
finish()
{
	unprivileged pg_ctl -s -D "$work/data" -m immediate stop 2>/dev/null || true
	[ -n "${HV_KEEP:-}" ] && echo "# logs are in $work" || rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

chmod 755 "$work"
mkdir -p "$work/src" "$work/output"
tar -C "$top" --exclude=.git --exclude=./dist --exclude=./test/roots --exclude='*.o' --exclude='*.so' -cf - . |
	tar -C "$work/src" -xf -
compiler=()
! command -v ccache >/dev/null || compiler=(CC='ccache gcc')
make -s -C "$work/src" "${compiler[@]}" -j "$(getconf _NPROCESSORS_ONLN)" PG_CONFIG="$PG_CONFIG" \
	COPT="-g -fno-omit-frame-pointer -DUSE_ASSERT_CHECKING -DHV_DEBUG_POINTS $flags"
bindir=$("$work/src/test/tempinstall.sh" "$work/src" "$work/install" | tail -n 1)
regress=$(dirname "$(dirname "$("$PG_CONFIG" --pgxs)")")/test/regress/pg_regress
[ "$(id -u)" -ne 0 ] || chown -R "$user" "$work"
export PATH="$bindir:$PATH"

unprivileged initdb -D "$work/data" -A trust -N --no-locale -E UTF8 >/dev/null
port=$((50000 + RANDOM % 10000))
cat >>"$work/data/postgresql.conf" <<END
port = $port
listen_addresses = ''
unix_socket_directories = '$work'
max_prepared_transactions = 2
log_statement = none
fsync = off
END
start=(env UBSAN_OPTIONS=print_stacktrace=1)
if [ "$checker" = valgrind ]; then
	start+=(valgrind -q --trace-children=yes --log-file="$work/valgrind.%p" --num-callers=25 --error-limit=no)
fi
unprivileged "${start[@]}" "$bindir/postgres" -D "$work/data" >"$work/log" 2>&1 </dev/null &
for _ in $(seq 300); do
	! unprivileged psql -X -q -h "$work" -p "$port" -d postgres -c 'SELECT 1' >/dev/null 2>&1 || break
	sleep 0.2
done

[ $# -gt 0 ] || set -- $(cd "$top/expected" && ls ./*.out | sed 's|./||; s|_[0-9]*\.out$|.out|; s|\.out$||' | sort -u)
status=0
unprivileged "$regress" --bindir="$bindir" --inputdir="$work/src" --outputdir="$work/output" --host="$work" --port="$port" \
	--dbname=contrib_regression --load-extension=hvindex "$@" >"$work/regress.log" 2>&1 || status=$?
sed -n 's/^test \(.*\)/# \1/p; s/^\(not \)\{0,1\}ok .*/# &/p' "$work/regress.log"
unprivileged pg_ctl -s -D "$work/data" -m fast -t 300 stop || true

if [ $status -eq 0 ]; then
	echo "ok 1 - SQL regression with $checker"
else
	echo "not ok 1 - SQL regression with $checker"
	head -n 60 "$work/output/regression.diffs" 2>/dev/null | sed 's/^/#   /'
fi

# What valgrind says where one of the two innermost functions is of hvindex: the
# server's own are another matter, as pages that it writes with unset bytes.
said=$({
	grep -E 'runtime error:' "$work/log" | sort | uniq -c || true
	cat "$work"/valgrind.* 2>/dev/null | awk -v RS='==[0-9]+== *\n' '
		{ split($0, line, "\n") }
		/at 0x/ && (line[2] line[3]) ~ /\(hv[a-z0-9_]+\.[ch]:[0-9]+\)/' || true
} | head -n 60)
if [ -z "$said" ]; then
	echo "ok 2 - $checker has nothing to say"
else
	echo "not ok 2 - $checker"
	echo "$said" | sed 's/^/#   /'
	status=1
fi
echo 1..2
exit $status
