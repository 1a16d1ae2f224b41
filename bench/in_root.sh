#!/usr/bin/env bash
#
# bench/in_root.sh ROOT COMMAND [ARGUMENT ...]
#	Runs a command of this source tree in another Debian system, one that lies
#	in the folder ROOT (as debootstrap makes it): with the PostgreSQL of that
#	system and whatever extensions are installed there.
#
#	The tree is copied to ROOT/h/NAME/main and built there, and the extension is
#	installed into a private copy of that PostgreSQL (test/tempinstall.sh), which
#	goes when the command ends.  Inside, the folder of vector sets (HV_DATA), that
#	of the dictionary (WORDNET) and that of results (bench/results) are those of this
#	system, so results need not be brought back.
#
#	The command has mounts and processes of its own: nothing is mounted for
#	anybody else, and nothing mounted or running is left when it ends.  Needs root,
#	and in ROOT: PostgreSQL with its server headers, gcc, make, libpq-dev, bash.
#	The roots that test/matrix.sh makes have all that, and pgvector.
#
#	HV_ROOT_NAME	NAME (default bench)
#
#	All other variables are passed on as they are.

set -euo pipefail

if [ $# -lt 2 ] || [ ! -d "$1/usr" ]; then
	sed -n '3,6s/^#//p' "$0" >&2
	exit 2
fi
top=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$1" && pwd)
name=${HV_ROOT_NAME:-bench}
inside=/h/$name
data=${HV_DATA:-$top/shared/data}
[ -d "$data" ] || data=$top/../shared/data
[ -d "$data" ] && data=$(cd "$data" && pwd) || data=
wordnet=${WORDNET:-/usr/share/wordnet}
shift

mkdir -p "$root$inside/main" "$root$inside/data" "$root$inside/wordnet" "$top/bench/results"
# only what differs, with the time of now: whatever the files' own times are, what was
# built there of other contents is built anew, and nothing else
(cd "$top" && find . \( -name .git -o -path ./bench/results -o -path ./bench/obj -o -path ./test/roots \) -prune -o \
	-type f ! -name '*.o' ! -name '*.so' ! -name '*.bc' \
	$(sed -n 's|^/\(hv[a-z]*\)$|! -path ./bench/\1|p' bench/.gitignore) -print) |
	while read -r file; do
		cmp -s "$top/$file" "$root$inside/main/$file" && continue
		mkdir -p "$(dirname "$root$inside/main/$file")"
		cp --preserve=mode "$top/$file" "$root$inside/main/$file"
	done
mkdir -p "$root$inside/main/bench/results"

export HV_DATA=$inside/data WORDNET=$inside/wordnet
unset PG_CONFIG MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL TMPDIR
exec unshare --mount --propagation private --pid --fork --kill-child bash -euc '
	root=$1 inside=$2 data=$3 results=$4 wordnet=$5
	shift 5
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	mount --rbind /sys "$root/sys"
	[ -z "$data" ] || mount --bind "$data" "$root$inside/data"
	[ ! -d "$wordnet" ] || mount --bind "$wordnet" "$root$inside/wordnet"
	mount --bind "$results" "$root$inside/main/bench/results"
	exec chroot "$root" env HV_NO_SETUP=yes PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		"$inside/main/test/with_install.sh" "$@"
' in_root "$root" "$inside" "$data" "$top/bench/results" "$wordnet" "$@"
