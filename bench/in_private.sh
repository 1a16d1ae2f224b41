#!/bin/sh
#
# bench/in_private.sh COMMAND [ARGUMENT ...]
#	Builds the extension and what goes with it, and runs the command, from the top
#	of the tree, with a private PostgreSQL that has it.  As test/with_install.sh,
#	but it installs no packages; bench/in_root.sh calls it inside the root.

set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PG_CONFIG=${PG_CONFIG:-pg_config}
export PATH PG_CONFIG

echo "building hvindex for $("$PG_CONFIG" --version)"
make -s -C "$top" -j "$(getconf _NPROCESSORS_ONLN)" PG_CONFIG="$PG_CONFIG" >/dev/null

private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$private"			# the server runs as another user than root
bindir=$("$top/test/tempinstall.sh" "$top" "$private" | tail -n 1)

cd "$top"
PATH="$bindir:$PATH"
PG_CONFIG="$bindir/pg_config"
"$@"
