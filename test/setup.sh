#!/bin/sh
#
# test/setup.sh [PROGRAM ...]
#	Installs, by the names of Debian packages, what the tests and the
#	benchmark need and this machine lacks, or only the given programs, whose
#	packages are named like them.  Says what it does; does nothing
#	where nothing is missing.  Needs root or sudo only to install.
#
#	No database cluster is created or started: where the server package comes
#	in, Debian's wish to create one is switched off while that happens.
#
#	PG_CONFIG may name the PostgreSQL to use (default: pg_config).

set -eu

PG_CONFIG=${PG_CONFIG:-pg_config}
wanted=''

have() { command -v "$1" >/dev/null 2>&1; }

want() { wanted="$wanted $*"; }

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
}

install()
{
	$sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get -o DPkg::Lock::Timeout=900 install -y -q --no-install-recommends "$@" >>"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; echo "setup: apt-get install failed: $*" >&2; exit 1; }
}

# With postgresql-common in place first, its setting can be held at "no
# cluster" for the rest, and put back as it was.
install_without_cluster()
{
	conf=/etc/postgresql-common/createcluster.conf
	install postgresql-common
	$sudo cp -p "$conf" "$conf.hvindex-saved"
	trap '$sudo mv "$conf.hvindex-saved" "$conf"' EXIT
	trap 'exit 1' INT TERM
	echo 'create_main_cluster = false' | $sudo tee -a "$conf" >/dev/null
	install "$@"
}

have apt-get && major=$(postgres_major) || major=15
list_wanted
[ -n "$wanted" ] || exit 0

if ! have apt-get; then
	echo "setup: this machine has no apt-get; please install what corresponds to:$wanted" >&2
	exit 1
fi
sudo=''
if [ "$(id -u)" -ne 0 ]; then
	sudo='sudo -n'
	$sudo true 2>/dev/null ||
		{ echo "setup: neither root nor sudo; please install:$wanted" >&2; exit 1; }
fi

log=$(mktemp)
echo "setup: installing Debian packages:$wanted"
if [ -z "$(apt-cache policy "postgresql-$major" 2>/dev/null | sed -n 's/ *Candidate: //p' | grep -v none)" ]; then
	$sudo apt-get -o DPkg::Lock::Timeout=900 update -q >>"$log" 2>&1 || true
	have_postgres || { wanted=''; major=$(postgres_major); list_wanted; }
fi
case "$wanted" in
	*postgresql-common*) install_without_cluster $wanted ;;
	*) install $wanted ;;
esac
rm -f "$log"
echo "setup: done, no cluster was created or started"
