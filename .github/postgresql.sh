#!/bin/sh
#
# .github/postgresql.sh MAJOR [PACKAGE ...]
#	A PostgreSQL with headers, test modules and pgvector from PGDG's packages, on
#	a machine of its own; no cluster is created.

set -eux

major=$1
shift
sudo apt-get update -q
sudo apt-get install -q -y --no-install-recommends postgresql-common
echo 'create_main_cluster = false' | sudo tee -a /etc/postgresql-common/createcluster.conf
# adds PGDG's archive to those of the system
sudo sh /usr/share/postgresql-common/pgdg/apt.*.sh -y
sudo apt-get install -q -y --no-install-recommends make perl libipc-run-perl libpq-dev ccache \
	"postgresql-$major" "postgresql-server-dev-$major" "postgresql-$major-pgvector" "$@"
