#!/bin/sh
#
# packaging/bump.sh [VERSION]
#	"make bump VERSION=x": the next version, everywhere.  It rewrites the lines
#	that name the version and begins the update script of each extension and
#	the section of CHANGELOG.md, where they are missing.
#
#	Without VERSION it changes nothing and prints every place with the version
#	that is there, "PLACE VERSION".  test/style.sh wants them all the same.

set -eu
cd "$(dirname "$0")/.."

number='[0-9]+\.[0-9]+\.[0-9]+'

# FILE and the text around the version, a basic regular expression with one group
places()
{
	cat <<'END'
hvindex.control|^default_version = '\(.*\)'
extension/hvindex_pgvector.control|^default_version = '\(.*\)'
META.json|^ *"version": "\([0-9.]*\)"
src/sql/hvhandler.c|^HV_MODULE_MAGIC("hvindex", "\(.*\)")
README.md|^.*It is young (\([0-9.]*\))
CHANGELOG.md|^## \([0-9.]*\) (
debian/changelog|^hvindex (\([0-9.]*\)-1)
packaging/hvindex.spec|^Version: *\([0-9.]*\)
END
}

# The version of the format of META.json is no version of hvindex, and the first
# section of a list of changes is the newest.
versions()
{
	places | while IFS='|' read -r file pattern; do
		[ -f "$file" ] || continue
		found=$(sed -e '/"meta-spec"/,/}/d' -n -e "s|$pattern.*|\\1|p" "$file")
		case $file in *[Cc][Hh][Aa][Nn][Gg][Ee]*) found=$(echo "$found" | head -n 1) ;; esac
		[ -n "$found" ] || found=none
		echo "$found" | sed "s|^|$file |"
	done
	for name in hvindex hvindex_pgvector; do
		echo "extension/$name--*.sql $(ls extension/ | sed -n "s/^$name--.*--\(.*\)\.sql\$/\1/p" |
			sort -V | tail -n 1)"
	done
}

if [ $# -eq 0 ]; then
	versions
	exit 0
fi

new=$1
echo "$new" | grep -qxE "$number" || { echo "bump: a version is three numbers, not '$new'" >&2; exit 2; }
old=$(sed -n "s/^default_version = '\(.*\)'/\1/p" hvindex.control)
newest=$(printf '%s\n' "$old" "$new" | sort -V | tail -n 1)
[ "$new" != "$old" ] || { echo "bump: it is $old already" >&2; exit 2; }
[ "$newest" = "$new" ] || { echo "bump: $new is before $old" >&2; exit 2; }
today=$(date +%Y-%m-%d)

places | while IFS='|' read -r file pattern; do
	case $file in *[Cc][Hh][Aa][Nn][Gg][Ee]*) continue ;; esac
	quoted=$(echo "$old" | sed 's/\./\\./g')
	sed -i -e '/"meta-spec"/,/}/b' -e "/$pattern/s/$quoted/$new/" "$file"
done

sed -i "0,/^## /s/^## /## $new ($today)\n\n&/" CHANGELOG.md
{
	printf 'hvindex (%s-1) unstable; urgency=medium\n\n  * New version, see CHANGELOG.md.\n\n' "$new"
	printf ' -- hvindex contributors <hvindex@example.org>  %s\n\n' "$(LC_ALL=C date -R)"
	cat debian/changelog
} >debian/changelog.new
mv debian/changelog.new debian/changelog

for name in hvindex hvindex_pgvector; do
	script=extension/$name--$old--$new.sql
	[ -e "$script" ] || cat >"$script" <<END
/* $script */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\\echo Use "ALTER EXTENSION $name UPDATE TO '$new'" to load this file. \\quit
END
done

versions
