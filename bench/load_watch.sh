# bench/load_watch.sh: processor time and memory of the server, for load.sh; source it
# from bash after cluster.sh.

# server_pids: the postmaster and its children
server_pids()
{
	local main
	main=$(head -n 1 "$cluster_dir/data/postmaster.pid")
	# what stands in brackets may contain blanks
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*)/x/' |
		awk -v main="$main" '$1 == main || $4 == main { print $1 }'
}

# server_ticks: processor time of all of them, those that have ended included
server_ticks()
{
	local main pid
	main=$(head -n 1 "$cluster_dir/data/postmaster.pid")
	for pid in $(server_pids); do cat "/proc/$pid/stat" 2>/dev/null || true; done |
		sed 's/(.*)/x/' | awk -v main="$main" '{ t += $14 + $15; if ($1 == main) t += $16 + $17 }
			END { printf "%d", t }'
}

# watch_memory SECONDS: after half the time, the server's memory in MB: what belongs to
# one process each, and what is shared, counted once; into $cluster_dir/memory
watch_memory()
{
	local pid
	sleep "$(awk -v s="$1" 'BEGIN { print s / 2 }')"
	for pid in $(server_pids); do cat "/proc/$pid/smaps_rollup" 2>/dev/null || true; done |
		awk '/^Pss_Anon:/ { anon += $2 } /^Pss_Shmem:/ { shared += $2 }
			# huge pages are in no Pss; all processes map the same ones
			/^Shared_Hugetlb:/ || /^Private_Hugetlb:/ { if ($2 > huge) huge = $2 }
			END { printf "%.0f %.0f\n", anon / 1024, (shared + huge) / 1024 }' >"$cluster_dir/memory"
}

# buffer_counts: pages found in shared buffers and not, of all tables and indexes
buffer_counts()
{
	sql -F ' ' -c "SELECT pg_stat_clear_snapshot(), pg_sleep(0.3)" >/dev/null
	sql -F ' ' -c "SELECT sum(heap_blks_hit + idx_blks_hit + coalesce(toast_blks_hit, 0) + coalesce(tidx_blks_hit, 0)),
		sum(heap_blks_read + idx_blks_read + coalesce(toast_blks_read, 0) + coalesce(tidx_blks_read, 0))
		FROM pg_statio_user_tables WHERE relname = 'items'"
}

# bound_memory: a control group for the server with $bound MB; sets cluster_cgroup
bound_memory()
{
	local folder
	cluster_cgroup=
	[ "$bound" -gt 0 ] || return 0
	for folder in /sys/fs/cgroup/memory /sys/fs/cgroup; do
		if [ -f "$folder/memory.limit_in_bytes" ] && mkdir -p "$folder/hvload" 2>/dev/null &&
			echo "${bound}M" 2>/dev/null >"$folder/hvload/memory.limit_in_bytes"; then
			cluster_cgroup=$folder/hvload
			echo "memory of the server and its page cache held in $bound MB by $cluster_cgroup (cgroup v1)"
			return
		fi
		if [ -f "$folder/cgroup.controllers" ]; then
			echo +memory 2>/dev/null >"$folder/cgroup.subtree_control" || true
			if mkdir -p "$folder/hvload" 2>/dev/null &&
				echo "${bound}M" 2>/dev/null >"$folder/hvload/memory.max"; then
				cluster_cgroup=$folder/hvload
				echo "memory of the server and its page cache held in $bound MB by $cluster_cgroup (cgroup v2)"
				return
			fi
		fi
	done
	bound=0
	echo 'no control group to be had: the memory of the server is NOT bounded'
}

# group_mb: the most that the control group has held, page cache included, or -
group_mb()
{
	local file
	for file in memory.max_usage_in_bytes memory.peak memory.current; do
		if [ -n "${cluster_cgroup:-}" ] && [ -f "$cluster_cgroup/$file" ]; then
			awk '{ printf "%.0f", $1 / 1048576 }' "$cluster_cgroup/$file"
			return
		fi
	done
	echo -
}

# unbound_memory: the control group goes
unbound_memory()
{
	[ -n "${cluster_cgroup:-}" ] || return 0
	rmdir "$cluster_cgroup" 2>/dev/null || true
	cluster_cgroup=
}
