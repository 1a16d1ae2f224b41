#!/bin/sh
#
# test/setup.sh [PROGRAM ...]
#	Installs, by the names of Debian packages, what the tests and the
#	benchmark need and this machine lacks, or only the given programs, whose
#	packages are named like them.  Says what it does; does nothing
#	where nothing is missing.  Needs root or sudo only to install.
#
#	What only single tests need (wordnet-base) is installed if it can be.
#	Several runs at the same time wait for each other.
#
#	No database cluster is created or started: where the server package comes
#	in, Debian's wish to create one is switched off while that happens.
#
#	PG_CONFIG may name the PostgreSQL to use (default: pg_config).

set -eu

PG_CONFIG=${PG_CONFIG:-pg_config}
wanted=''
wished=''

have() { command -v "$1" >/dev/null 2>&1; }

want() { wanted="$wanted $*"; }

# what single tests skip without
wish() { wished="$wished $*"; }

# Is there a PostgreSQL with server, headers and pg_regress?
have_postgres()
{
	pgxs=$("$PG_CONFIG" --pgxs 2>/dev/null) || return 1
	[ -f "$pgxs" ] &&
		[ -x "$("$PG_CONFIG" --bindir)/initdb" ] &&
		[ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ] &&
		[ -x "${pgxs%/makefiles/*}/test/regress/pg_regress" ] &&
		[ -f "${pgxs%/makefiles/*}/test/perl/PostgreSQL/Test/Cluster.pm" ]
}

# The major version to install: one whose server is here, else the system's.
postgres_major()
{
	for dir in $(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -Vr); do
		basename "${dir%/bin/postgres}"
		return
	done
	major=$(apt-cache depends postgresql 2>/dev/null |
		sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
	echo "${major:-15}"
}

programs=$*

list_wanted()
{
	if [ -n "$programs" ]; then
		for program in $programs; do
			have "$program" || want "$program"
		done
		return
	fi
	have_postgres || want postgresql-common "postgresql-$major" "postgresql-server-dev-$major"
	[ -f "$("$PG_CONFIG" --includedir 2>/dev/null)/libpq-fe.h" ] || want libpq-dev
	have gcc || want gcc
	[ -f /usr/include/stdlib.h ] || want libc6-dev
	have make || want make
	have gzip || want gzip
	have runuser || want util-linux
	{ have prove && perl -MTest::More -e 1; } >/dev/null 2>&1 || want perl
	perl -MIPC::Run -e 1 >/dev/null 2>&1 || want libipc-run-perl
	have aarch64-linux-gnu-gcc || want gcc-aarch64-linux-gnu
	[ -f /usr/aarch64-linux-gnu/include/stdlib.h ] || want libc6-dev-arm64-cross
	have qemu-aarch64 || have qemu-aarch64-static || want qemu-user
	[ -f /usr/share/wordnet/data.noun ] || wish wordnet-base
}

apt_get()
{
	$sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get -o DPkg::Lock::Timeout=900 -q "$@" >>"$log" 2>&1 9<&-
}

install()
{
	apt_get install -y --no-install-recommends "$@" ||
		{ tail -n 20 "$log" >&2; echo "setup: apt-get install failed: $*" >&2; exit 1; }
}

# The configuration as it was, from the copy that this or a killed run has left.
restore_conf()
{
	[ ! -e "$conf.hvindex-saved" ] || $sudo mv "$conf.hvindex-saved" "$conf"
}

# With postgresql-common in place first, its setting can be held at "no
# cluster" for the rest, and put back as it was.
install_without_cluster()
{
	conf=/etc/postgresql-common/createcluster.conf
	install postgresql-common
	restore_conf
	$sudo cp -p "$conf" "$conf.hvindex-saved"
	trap restore_conf EXIT
	trap 'exit 1' INT TERM
	echo 'create_main_cluster = false' | $sudo tee -a "$conf" >/dev/null
	install "$@"
}

have apt-get && major=$(postgres_major) || major=15
list_wanted
[ -n "$wanted$wished" ] || exit 0

sudo=''
[ "$(id -u)" -eq 0 ] || sudo='sudo -n'
if ! have apt-get; then
	[ -n "$wanted" ] || exit 0
	echo "setup: this machine has no apt-get; please install what corresponds to:$wanted" >&2
	exit 1
fi
if [ -n "$sudo" ] && ! $sudo true 2>/dev/null; then
	[ -n "$wanted" ] || exit 0
	echo "setup: neither root nor sudo; please install:$wanted" >&2
	exit 1
fi

# "make check" and the matrix beside it both come here.  One at a time: the second
# finds what the first has installed, and the configuration as it was.
exec 9</var/lib/dpkg
if ! flock -n 9; then
	echo 'setup: another run installs packages, waiting for it'
	flock -w 1800 9 || { echo 'setup: the other run does not end' >&2; exit 1; }
	wanted='' wished=''
	list_wanted
	[ -n "$wanted$wished" ] || exit 0
fi

log=$(mktemp)
echo "setup: installing Debian packages:$wanted$wished"
if [ -z "$(apt-cache policy "postgresql-$major" 2>/dev/null | sed -n 's/ *Candidate: //p' | grep -v none)" ]; then
	apt_get update || true
	have_postgres || { wanted='' wished='' major=$(postgres_major); list_wanted; }
fi
case "$wanted" in
	'') ;;
	*postgresql-common*) install_without_cluster $wanted ;;
	*) install $wanted ;;
esac
for package in $wished; do
	apt_get install -y --no-install-recommends "$package" ||
		echo "setup: $package cannot be installed, tests that need it will skip"
done
rm -f "$log"
echo "setup: done, no cluster was created or started"
