#!/bin/sh
#
# packaging/deb.sh [FOLDER]
#	"make deb": builds the Debian packages postgresql-NN-hvindex, for each
#	PostgreSQL that the release has, in a temporary folder; looks whether they
#	come and go cleanly, runs a smoke test of the one for PG_CONFIG's PostgreSQL,
#	and leaves them in FOLDER (default: dist).  TAP.
#
#	The system's PostgreSQL stays as it is: the package is unpacked into a
#	private copy of it (test/tempinstall.sh).  Only the tools that build packages
#	are installed, by name, where they are missing and can be.

set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$top/dist}
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
PG_CONFIG=${PG_CONFIG:-pg_config}
export PG_CONFIG

missing=''
command -v dpkg-buildpackage >/dev/null || missing="$missing dpkg-dev"
command -v dh >/dev/null || missing="$missing debhelper"
command -v pg_buildext >/dev/null || missing="$missing postgresql-server-dev-all"
command -v fakeroot >/dev/null || [ "$(id -u)" -eq 0 ] || missing="$missing fakeroot"
if [ -n "$missing" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
	echo "# installing$missing"
	DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing >/dev/null 2>&1 &&
		missing=''
fi
if [ -n "$missing" ]; then
	echo "1..0 # SKIP packages are missing:$missing"
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$work"
checks=0
failed=0

# ok STATUS NAME [LOG]
ok()
{
	checks=$((checks + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $checks - $2"
		return
	fi
	echo "not ok $checks - $2"
	failed=1
	[ -z "${3:-}" ] || tail -n 30 "$3" | sed 's/^/#   /'
}

mkdir "$work/hvindex"
tar -C "$top" --exclude=.git --exclude=./dist --exclude=./test/roots --exclude='*.o' --exclude='*.so' -cf - . |
	tar -C "$work/hvindex" -xf -
status=0
(cd "$work/hvindex" && pg_buildext updatecontrol && dpkg-buildpackage -us -uc -b) >"$work/build.log" 2>&1 || status=$?
ok $status 'the packages build' "$work/build.log"
[ $status -eq 0 ] || { echo "1..$checks"; exit 1; }

for library in "$work"/hvindex/build-*/hvindex.so; do
	status=0
	"$top/test/kernel_disassembly.sh" "$library" >"$work/instructions.log" || status=$?
	ok $status "$(basename "$(dirname "$library")") runs on any processor" "$work/instructions.log"
done

mkdir -p "$target"
major=$("$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
for deb in "$work"/postgresql-*-hvindex_*.deb; do
	case $deb in *-dbgsym_*) continue ;; esac
	name=$(basename "$deb")

	# into an empty root and out of it again
	root=$work/root
	rm -rf "$root"
	mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
	: >"$root/var/lib/dpkg/status"
	dpkg="dpkg --root=$root --force-depends --force-not-root --log=/dev/null"
	status=0
	$dpkg -i "$deb" >"$work/dpkg.log" 2>&1 || status=$?
	ok $status "$name is installed" "$work/dpkg.log"
	(cd "$root" && find . -name 'hvindex*' ! -type d) | sort >"$work/files"
	for file in lib/hvindex.so extension/hvindex.control extension/hvindex_pgvector.control; do
		status=0
		grep -q "/$file\$" "$work/files" || status=1
		ok $status "$name has $file" "$work/files"
	done
	status=0
	$dpkg -P "$(dpkg-deb -f "$deb" Package)" >"$work/dpkg.log" 2>&1 || status=$?
	find "$root" ! -type d ! -path "$root/var/lib/dpkg/*" >>"$work/dpkg.log"
	[ -z "$(find "$root" ! -type d ! -path "$root/var/lib/dpkg/*")" ] || status=1
	ok $status "$name is removed, with all of its files" "$work/dpkg.log"

	if [ "$(dpkg-deb -f "$deb" Package)" = "postgresql-$major-hvindex" ]; then
		status=0
		bindir=$("$top/test/tempinstall.sh" "$deb" "$work/private" | tail -n 1)
		PATH="$bindir:$PATH" "$top/packaging/smoke.sh" >"$work/smoke.log" 2>&1 || status=$?
		ok $status "$name: smoke test on $("$bindir/postgres" --version)" "$work/smoke.log"
	else
		checks=$((checks + 1))
		echo "ok $checks # SKIP $name: smoke test, PG_CONFIG is of $major"
	fi
	cp "$deb" "$target"
done
echo "# packages are in $target"
echo "1..$checks"
exit $failed
