#!/usr/bin/env bash
#
# test/fuzz.sh
#	Damages indexes at random and uses them: test/t/028_pages.pl at length, with
#	assertions, behind "make fuzz".  Works as test/check.sh does, on a copy of the
#	tree and a private copy of PostgreSQL.
#
#	HV_TRIALS		damages (default 1000)
#	HV_SEED			where they begin; the same seed gives the same damages
#	PG_CONFIG		the PostgreSQL to test with (default pg_config)
#	HV_SERVER_USER	runs the servers where root runs the rest (default postgres)
#	HV_CFLAGS		more options for the compiler
#	HV_KEEP			if set, the temporary folder stays

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
export PG_CONFIG=${PG_CONFIG:-pg_config}
[ -n "${HV_NO_SETUP:-}" ] || "$top/test/setup.sh"
user=${HV_SERVER_USER:-postgres}
work=$(mktemp -d)
trap '[ -n "${HV_KEEP:-}" ] && echo "logs are in $work" || rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

chmod 755 "$work"
mkdir -p "$work/src" "$work/tap/tmp_check/log"
tar -C "$top" --exclude=.git --exclude=./test/roots --exclude='*.o' --exclude='*.so' -cf - . | tar -C "$work/src" -xf -
make -s -C "$work/src" -j "$(getconf _NPROCESSORS_ONLN)" PG_CONFIG="$PG_CONFIG" \
	COPT="-DUSE_ASSERT_CHECKING ${HV_CFLAGS:-}"
bindir=$("$work/src/test/tempinstall.sh" "$work/src" "$work/install" | tail -n 1)
perl=$(dirname "$(dirname "$("$PG_CONFIG" --pgxs)")")/test/perl
run=(env HOME="$work" PATH="$bindir:$PATH" PG_CONFIG="$bindir/pg_config" PGPORT="${PGPORT:-65433}"
	TESTDIR="$work/tap" TESTDATADIR="$work/tap/tmp_check" TESTLOGDIR="$work/tap/tmp_check/log"
	PG_REGRESS="$(dirname "$perl")/regress/pg_regress"
	HV_TRIALS="${HV_TRIALS:-1000}" HV_SEED="${HV_SEED:-}"
	prove --timer -I "$perl" -I "$work/src/test/perl" t/028_pages.pl)
if [ "$(id -u)" -eq 0 ]; then
	chown -R "$user" "$work"
	run=(runuser -u "$user" -- "${run[@]}")
fi
cd "$work/src/test"
"${run[@]}"
