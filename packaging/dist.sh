#!/bin/sh
#
# packaging/dist.sh [FOLDER]
#	"make dist": the archive for PGXN and for packagers, of what is committed,
#	as FOLDER/hvindex-VERSION.zip (default: dist).  Looks first whether META.json
#	says what PGXN asks for, and whether the archive has what it names.

set -eu
cd "$(dirname "$0")/.."
target=${1:-dist}

git rev-parse --git-dir >/dev/null 2>&1 || { echo "dist: this is no git checkout" >&2; exit 1; }
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" hvindex.control)
name=hvindex-$version
[ -z "$(git status --porcelain)" ] || echo "dist: changes that are not committed are left out" >&2

mkdir -p "$target"
git archive --format=zip --prefix="$name/" -o "$target/$name.zip" HEAD

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git archive --prefix="$name/" HEAD | tar -C "$work" -xf -
perl packaging/meta.pl "$work/$name"
echo "$target/$name.zip"
