#!/bin/sh
#
# test/typedefs.sh
#	Prints the names of the types that src/ defines, which pgindent needs
#	besides PostgreSQL's own list:  test/typedefs.sh > src/typedefs.list

cd "$(dirname "$0")/../src" || exit 1
{
	sed -n 's/^} *\([A-Za-z_][A-Za-z0-9_]*\);.*/\1/p' */*.c */*.h
	sed -n 's/^typedef struct [A-Za-z_0-9]* \([A-Za-z_][A-Za-z0-9_]*\);.*/\1/p' */*.c */*.h
	sed -n 's/^typedef .*(\*\([A-Za-z_][A-Za-z0-9_]*\)) *(.*/\1/p' */*.c */*.h
} | LC_ALL=C sort -u
