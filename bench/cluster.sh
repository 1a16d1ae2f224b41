# bench/cluster.sh: a private, throw-away PostgreSQL cluster; source it from bash.
#
#	cluster_start [SETTING ...]		initdb and start, in a new temporary folder;
#									each SETTING is a line of postgresql.conf
#	cluster_restart [SETTING ...]	stop it and start it again, with further settings
#	cluster_stop					stop and remove it; also done when the shell
#									ends for whatever reason
#
# Afterwards PGHOST, PGPORT, PGUSER and PGDATABASE lead every client there; it
# listens on a Unix socket in its own folder only.  The server programs are those
# of PG_CONFIG.  They refuse to run as root: then the user HV_SERVER_USER
# (default postgres) runs them.
#
# HV_TMP names the folder for it where TMPDIR (or /tmp) is too small.  Where the
# variable cluster_cgroup names a folder of control groups, the server starts in them.

PG_CONFIG=${PG_CONFIG:-pg_config}
HV_SERVER_USER=${HV_SERVER_USER:-postgres}
cluster_dir=

cluster_run()
{
	if [ "$(id -u)" -eq 0 ]; then
		(cd / && runuser -u "$HV_SERVER_USER" -- "$@")
	else
		"$@"
	fi
}

# cluster_launch: pg_ctl start, in the control groups of cluster_cgroup
cluster_launch()
{
	local group
	(
		for group in ${cluster_cgroup:-}; do echo "$BASHPID" >"$group/cgroup.procs"; done
		cluster_run "$cluster_bin/pg_ctl" -D "$cluster_dir/data" \
			-l "$cluster_dir/data/server.log" -w -t 600 start >/dev/null
	) || {
		cluster_run cat "$cluster_dir/data/server.log" >&2
		return 1
	}
}

cluster_restart()
{
	local setting
	# a start that failed leaves nothing to stop
	[ ! -f "$cluster_dir/data/postmaster.pid" ] ||
		cluster_run "$cluster_bin/pg_ctl" -D "$cluster_dir/data" -m fast -w -t 600 stop >/dev/null
	for setting in "$@"; do echo "$setting"; done |
		cluster_run tee -a "$cluster_dir/data/postgresql.conf" >/dev/null
	cluster_launch
}

cluster_stop()
{
	[ -n "$cluster_dir" ] || return 0
	if [ -f "$cluster_dir/data/postmaster.pid" ]; then
		cluster_run "$cluster_bin/pg_ctl" -D "$cluster_dir/data" -m immediate -w stop \
			>/dev/null 2>&1 || true
	fi
	rm -rf "$cluster_dir"
	cluster_dir=
}

cluster_start()
{
	local setting log
	cluster_bin=$("$PG_CONFIG" --bindir)
	cluster_dir=$(mktemp -d "${HV_TMP:-${TMPDIR:-/tmp}}/hvbench.XXXXXX")
	trap cluster_stop EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	[ "$(id -u)" -ne 0 ] || chown "$HV_SERVER_USER" "$cluster_dir"

	log=$cluster_dir/initdb.log
	if ! cluster_run "$cluster_bin/initdb" -D "$cluster_dir/data" -U bench -A trust \
		--no-locale -E UTF8 --no-sync >"$log" 2>&1; then
		cat "$log" >&2
		return 1
	fi
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$cluster_dir'"
		echo "logging_collector = off"
		# nothing of it outlives the run; the load need not pay for durability
		echo "fsync = off"
		echo "wal_level = minimal"
		echo "max_wal_senders = 0"
		echo "max_wal_size = 4GB"
		echo "checkpoint_timeout = 1h"
		# a table's rows stand still while they are measured
		echo "autovacuum = off"
		for setting in "$@"; do echo "$setting"; done
	} | cluster_run tee -a "$cluster_dir/data/postgresql.conf" >/dev/null
	cluster_launch
	export PGHOST=$cluster_dir PGPORT=5432 PGUSER=bench PGDATABASE=postgres
	unset PGSERVICE PGPASSWORD PGHOSTADDR PGOPTIONS
}
