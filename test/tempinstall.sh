#!/bin/sh
#
# test/tempinstall.sh SOURCE TARGET
#	Installs the built extension in SOURCE, or that of a Debian package, into a
#	private copy of PostgreSQL under TARGET, and prints the folder of its
#	programs on the last line.
#
#	PostgreSQL finds its libraries and extensions relative to the place where
#	the server program lies, so a copy of the programs beside links to
#	everything else is an installation of its own.  The real one, and what
#	runs from it, stay as they are; no root is needed.
#
#	PG_CONFIG names the real PostgreSQL.

set -eu

PG_CONFIG=${PG_CONFIG:-pg_config}
source=$1
target=$2

bindir=$("$PG_CONFIG" --bindir)
libdir=$("$PG_CONFIG" --pkglibdir)
sharedir=$("$PG_CONFIG" --sharedir)

mkdir -p "$target$bindir" "$target$libdir" "$target$sharedir"
cp -a "$bindir/." "$target$bindir/"
# some distributions keep programs as links into another folder
find "$target$bindir" -type l | while read -r link; do
	cp --remove-destination "$(readlink -f "$bindir/${link##*/}")" "$link"
done
cp -rs "$libdir/." "$target$libdir/"
cp -rs "$sharedir/." "$target$sharedir/"
# what pg_config names for those who compile clients
for real in "$("$PG_CONFIG" --includedir)" "$("$PG_CONFIG" --libdir)"; do
	mkdir -p "$(dirname "$target$real")"
	[ -e "$target$real" ] || ln -s "$real" "$target$real"
done
rm -rf "$target$libdir"/hvindex* "$target$sharedir"/extension/hvindex*

case $source in
	*.deb) dpkg-deb -x "$source" "$target" ;;
	*) make -s -C "$source" install PG_CONFIG="$PG_CONFIG" DESTDIR="$target" >/dev/null ;;
esac

# the copy must be the one that it will look into
found=$("$target$bindir/pg_config" --sharedir)
if [ "$(readlink -f "$found")" != "$(readlink -f "$target$sharedir")" ]; then
	echo "tempinstall: $target$bindir looks for extensions in $found" >&2
	exit 1
fi
echo "$target$bindir"
