#!/bin/sh
#
# test/with_install.sh COMMAND [ARGUMENT ...]
#	Installs what is missing (test/setup.sh), builds the extension, and runs
#	the command with PATH and PG_CONFIG pointing at a private PostgreSQL that
#	has it (test/tempinstall.sh).  The private copy goes when the command ends.
#
#	HV_NO_SETUP	if set, nothing is installed

set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
# "make bench DATA=..." must not set DATA in the makefiles below
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
PG_CONFIG=${PG_CONFIG:-pg_config}
export PG_CONFIG

[ -n "${HV_NO_SETUP:-}" ] || "$top/test/setup.sh"

echo "building hvindex for $("$PG_CONFIG" --version)"
make -s -C "$top" -j "$(getconf _NPROCESSORS_ONLN)" PG_CONFIG="$PG_CONFIG"

private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$private"			# the server runs as another user than root

bindir=$("$top/test/tempinstall.sh" "$top" "$private" | tail -n 1)
echo "private installation in $private, the system's PostgreSQL stays as it is"

cd "$top"
PATH="$bindir:$PATH" PG_CONFIG="$bindir/pg_config" "$@"
