#!/usr/bin/env bash
#
# test/matrix.sh [MAJOR ...]
#	The tests that depend on the PostgreSQL (test/check.sh --servers-only) with
#	majors that the system does not have, behind "make check-matrix".
#
#	Each major lives in a root folder of a Debian release that has it, made once
#	by debootstrap and used again by every later run.  A root is entered by
#	chroot in a mount, process and IPC namespace of its own: its /proc, /tmp
#	and /dev/shm, the tree, and every process in it are gone when the run ends,
#	however it ends, and nothing of a run is left in the root.
#
#	Ends with "N passed, N failed".  Where there is no right to enter a root, or
#	no network to make it, its major is skipped.
#
#	HV_ROOTS	where the roots are: by default /var/cache/hvindex-roots where that
#				can be written, which all clones on a machine then share, else
#				test/roots
#	HV_MATRIX_REQUIRED	if set, a major that is skipped is a failure
#	HV_DATA		folder of vector sets; tests that need one skip without it

set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
common='gcc libc6-dev make perl libipc-run-perl libpq-dev gzip'
lock_wait=1800					# seconds for another run to make the same root
passed=0
failed=0
skipped=0

release_of()
{
	case $1 in
		17) echo trixie ;;
		18) echo sid ;;
		*) return 1 ;;
	esac
}

# The archive that the system installs its own packages from.
mirror()
{
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources 2>/dev/null |
		sed -n -e 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' -e 's/^URIs: *\([^ ]*\).*/\1/p' |
		grep '/debian/*$' | head -n 1
}

# enter ROOT COMMAND...: runs a command in a root.  $tree, if set, is seen there
# as /mnt, $data as /media, $scratch as /tmp; the first two cannot be written.
# Takes the place of the shell that calls it, hence ( ) or a pipeline around each
# call: if the script dies, then so does all that runs inside.
enter()
{
	local root=$1
	shift
	exec setpriv --pdeathsig KILL -- unshare --mount --pid --ipc --fork --kill-child -- sh -c '
		root=$1
		shift
		mount -t proc proc "$root/proc" &&
			mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || exit 125
		for pair in "$tree:mnt" "$data:media"; do
			[ -n "${pair%:*}" ] || continue
			mount --bind "${pair%:*}" "$root/${pair##*:}" &&
				mount -o remount,bind,ro "$root/${pair##*:}" || exit 125
		done
		[ -z "$scratch" ] || mount --bind "$scratch" "$root/tmp" || exit 125
		exec chroot "$root" env -i LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			HOME=/root DEBIAN_FRONTEND=noninteractive "$@"' enter "$root" "$@"
}

# make_root ROOT RELEASE MAJOR: to be renamed into place when it is complete.
# Some releases' lists have passed their date, which does not matter here.
make_root()
{
	local root=$1 release=$2 major=$3 url
	url=$(mirror)
	[ -n "$url" ] || { echo "/etc/apt names no Debian archive"; return 1; }
	mkdir -p "$root/etc/postgresql-common/createcluster.d" || return 1
	echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.d/none.conf"
	unshare --mount --fork --kill-child debootstrap --variant=minbase "$release" "$root" "$url" &&
		(enter "$root" apt-get -q -o Acquire::Check-Valid-Until=false update) &&
		(enter "$root" apt-get -q -y --no-install-recommends install $common \
			"postgresql-$major" "postgresql-server-dev-$major" "postgresql-$major-pgvector") &&
		rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
}

# have_root MAJOR: makes its root unless it is there.  Another run that makes it
# right now is waited for.
have_root()
{
	local root=$roots/pg$1
	(
		flock -w "$lock_wait" 9 || exit 1
		[ -d "$root" ] && exit 0
		echo "making $root (once)"
		rm -rf "$root.new"
		make_root "$root.new" "$(release_of "$1")" "$1" >"$roots/pg$1.log" 2>&1 ||
			{ tail -n 5 "$roots/pg$1.log" | sed 's/^/   | /'; rm -rf "$root.new"; exit 1; }
		mv "$root.new" "$root"
	) 9>"$roots/pg$1.lock"
}

skip()
{
	echo "PostgreSQL $1 skipped: $2"
	if [ -n "${HV_MATRIX_REQUIRED:-}" ]; then
		failed=$((failed + 1))
	else
		skipped=$((skipped + 1))
	fi
}

# Runs the tests of one major and adds up what they say.
run_major()
{
	local major=$1 result
	release_of "$major" >/dev/null || { skip "$major" 'no release is known to have it'; return; }
	[ -z "$cannot" ] || { skip "$major" "$cannot"; return; }
	have_root "$major" || { skip "$major" 'its root could not be made'; return; }
	scratch=$work/pg$major
	mkdir -p "$scratch"
	chmod 1777 "$scratch"
	echo "=== PostgreSQL $major in $roots/pg$major"
	enter "$roots/pg$major" env PG_CONFIG="/usr/lib/postgresql/$major/bin/pg_config" \
		HV_DATA="${data:+/media}" HV_KEEP="${HV_KEEP:-}" \
		HV_LOAD_SECONDS="${HV_LOAD_SECONDS:-}" HV_TRANSACTIONS="${HV_TRANSACTIONS:-}" \
		/mnt/test/check.sh --servers-only 2>&1 | tee "$work/pg$major.log"
	result=$(grep -xE '[0-9]+ passed, [0-9]+ failed' "$work/pg$major.log" | tail -n 1)
	if [ -z "$result" ]; then
		failed=$((failed + 1))
		return
	fi
	read -r good _ bad _ <<<"$result"
	passed=$((passed + good))
	failed=$((failed + bad))
}

# Why no root can be entered here; empty if it can.
obstacle()
{
	if [ "$(id -u)" -ne 0 ]; then
		echo 'chroot needs root'
	elif ! setpriv --pdeathsig KILL -- unshare --mount --pid --ipc --fork true 2>/dev/null; then
		echo 'no right to make namespaces'
	elif ! command -v debootstrap >/dev/null && ! "$top/test/setup.sh" debootstrap >/dev/null; then
		echo 'debootstrap is missing'
	elif ! mkdir -p "$roots" || [ ! -w "$roots" ]; then
		echo "no folder for roots: $roots"
	fi
}

# --- the run ----------------------------------------------------------------

roots=${HV_ROOTS:-}
if [ -z "$roots" ]; then
	roots=/var/cache/hvindex-roots
	mkdir -p "$roots" 2>/dev/null && [ -w "$roots" ] || roots=$top/test/roots
fi
work=$(mktemp -d)
chmod 755 "$work"
finish()
{
	if [ -n "${HV_KEEP:-}" ] || [ "$failed" -gt 0 ]; then
		echo "logs are in $work"
	else
		rm -rf "$work"
	fi
}
trap finish EXIT

export tree=$top data='' scratch=''
[ -z "${HV_DATA:-}" ] || [ ! -d "$HV_DATA" ] || data=$(cd "$HV_DATA" && pwd)
cannot=$(obstacle)
[ -n "$cannot" ] || roots=$(cd "$roots" && pwd)
for major in ${*:-17 18}; do
	run_major "$major"
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
