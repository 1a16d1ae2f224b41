#!/usr/bin/env bash
#
# bench/run_growth.sh: how the tree lives, behind "make bench-growth DATA=folder".
#
#	Each part is a script of its own, with a throw-away cluster of its own, and
#	says in its head what it does and which variables it knows:
#
#		lives		growth_lives.sh		grown by single inserts, beside built
#		churn		growth_churn.sh		rows deleted and inserted, over and over
#		wal			growth_wal.sh		WAL of an insert
#		vacuum		growth_vacuum.sh	time of VACUUM
#
#	PARTS		which of them (default all)
#	HV_DATA		folder of vector sets
#	HV_TSV		file that all tables are appended to as well

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

for part in ${PARTS:-lives churn wal vacuum}; do
	if [ ! -x "$here/growth_$part.sh" ]; then
		echo "run_growth: there is no part \"$part\"" >&2
		exit 1
	fi
	printf '\n== %s\n' "$part"
	SECONDS=0
	"$here/growth_$part.sh"
	echo "== $part took $SECONDS s"
done
