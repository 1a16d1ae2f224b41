#!/bin/sh
#
# test/lint.sh [FILE ...]
#	"make lint": static analysis of the C sources (or of some) by cppcheck, which
#	is installed by name where it is missing and can be.  Status 1 if it has
#	something to say.
#
#	What is not so is marked where it is said, by a comment cppcheck-suppress
#	with the reason, or here where it is a matter of style.

set -eu
cd "$(dirname "$0")/.."
PG_CONFIG=${PG_CONFIG:-pg_config}
command -v cppcheck >/dev/null || test/setup.sh cppcheck
[ $# -gt 0 ] || set -- src/*/*.c bench/*.c

# Assertions are what the code may rely on.  Vectors, codes and entries are
# different views of the bytes of a page: casts between them are meant.  The
# kernels' vector types are the compiler's own.  The text of a setting is not NULL.
exec cppcheck -q -j "$(getconf _NPROCESSORS_ONLN)" --std=c11 --error-exitcode=1 --inline-suppr \
	--enable=warning,performance,portability \
	--suppress=invalidPointerCast --suppress=nullPointerRedundantCheck:src/tree/hvoptions.c \
	--suppress="*:$("$PG_CONFIG" --includedir-server)/*" \
	-D__x86_64__ -D__GNUC__=12 -DUSE_ASSERT_CHECKING=1 \
	'-D__builtin_types_compatible_p(a,b)=1' \
	-I src -I bench -I "$("$PG_CONFIG" --includedir-server)" "$@"
