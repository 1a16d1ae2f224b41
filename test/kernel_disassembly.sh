#!/bin/sh
#
# kernel_disassembly.sh
#	Do the kernels contain the instructions that they were written for?
#
# A compiler that leaves out a target attribute, or a builtin that falls back to
# plain code, still gives right results; only the speed would tell.  This
# compiles the kernels and looks.  Output is TAP.
#
# kernel_disassembly.sh LIBRARY
#	Does hvindex.so (not stripped) run on any processor?  Looks at each function
#	in it for instructions beyond the baseline of x86-64: only kernels may have
#	some, which are called where the processor has them.
#
# Environment: CC, OBJDUMP for x86-64; CROSS_CC, CROSS_OBJDUMP for 64-bit ARM;
# CFLAGS.  What is not installed is skipped.

CC=${CC:-cc}
OBJDUMP=${OBJDUMP:-objdump}
CROSS_CC=${CROSS_CC:-aarch64-linux-gnu-gcc}
CROSS_OBJDUMP=${CROSS_OBJDUMP:-aarch64-linux-gnu-objdump}
CFLAGS=${CFLAGS:--O2}

src=$(cd "$(dirname "$0")/../src" && pwd) || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

checks=0
failed=0

# ok STATUS NAME: one check
ok()
{
	checks=$((checks + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $checks - $2"
	else
		echo "not ok $checks - $2"
		failed=1
	fi
}

# skip REASON
skip()
{
	checks=$((checks + 1))
	echo "ok $checks # SKIP $1"
}

# disassemble COMPILER OBJDUMP NAME: leaves the listing in $work/NAME.s
disassemble()
{
	"$1" $CFLAGS -std=c11 -I"$src" -c "$src/arithmetic/$3.c" -o "$work/$3.o" &&
		"$2" -d --no-show-raw-insn "$work/$3.o" > "$work/$3.s"
	ok $? "$3.c compiles with $1"
}

# has NAME FUNCTION PATTERN: does the function contain such an instruction?
# A compiler may move the body into NAME.part.N or NAME.constprop.N.
has()
{
	awk -v name="$2" '
		/>:$/ {
			symbol = $2
			gsub(/[<>:]/, "", symbol)
			sub(/\..*$/, "", symbol)
			inside = (symbol == name)
		}
		inside' "$work/$1.s" | grep -Eq "$3"
	ok $? "$2 contains $3"
}

# Functions of the library $1 with instructions that came after SSE2, a line each:
# how many, the function, one of them.  xgetbv is how the compiler's library asks
# whether the system keeps wide registers, after cpuid has said that it may ask.
# tzcnt is what old processors run as bsf.
beyond_baseline()
{
	"$OBJDUMP" -d --no-show-raw-insn "$1" | awk '
		/>:$/ { symbol = $2; gsub(/[<>:]/, "", symbol); sub(/\..*$/, "", symbol); functions++; next }
		$2 ~ /^(v[a-z0-9]+|k[a-z]+[bwdq]|popcnt|lzcnt|movbe|crc32[a-z]?|cmpxchg16b|fisttp.*|xgetbv|rd(rand|seed|fsbase|gsbase)|adcx|adox)$/ && $2 !~ /^ver[rw]$/ ||
		$2 ~ /^(andn|bextr|bls[a-z]+|bzhi|pdep|pext|mulx|rorx|sarx|shlx|shrx|aes[a-z0-9]+|sha(1|256)[a-z0-9]+|pclmul.*)$/ ||
		$2 ~ /^(addsub.*|hadd.*|hsub.*|movddup|movs[lh]dup|lddqu|pshufb|palignr|phadd.*|phsub.*|pabs[bwd]|pmaddubsw|pmulhrsw|psign[bwd])$/ ||
		$2 ~ /^(round[sp][sd]|p?blend.*|pmulld|pmuldq|p(min|max)(sb|sd|uw|ud)|pmov[sz]x.*|p(extr|insr)[bdq]|ptest|packusdw|pcmp(eq|gt)q|pcmp[ei]str.*|insertps|extractps|dpp[sd]|mpsadbw|phminposuw|movntdqa)$/ {
			count[symbol]++
			instruction[symbol] = $2
		}
		END {
			for (symbol in count)
				print count[symbol], symbol, instruction[symbol]
			print functions + 0, "functions"
		}'
}

if [ $# -gt 0 ]; then
	if ! command -v "$OBJDUMP" > /dev/null 2>&1; then
		skip "no $OBJDUMP"
	elif ! "$OBJDUMP" -f "$1" | grep -q x86-64; then
		skip "$1 is not for x86-64"
	else
		beyond_baseline "$1" > "$work/beyond"
		[ "$(awk '$2 == "functions" { print $1 }' "$work/beyond")" -gt 500 ]
		ok $? "$1 has its functions by name"
		[ "$(grep -cE ' (avx2_|avx512_|HvKernelF16c)' "$work/beyond")" -ge 20 ]
		ok $? 'kernels have instructions beyond the baseline'
		grep -vE ' (functions$|avx2_|avx512_|HvKernelF16c|get_available_features |__cpu_indicator_init)' "$work/beyond" |
			sed 's/^/#   /' > "$work/others"
		[ ! -s "$work/others" ]
		ok $? 'no other function has'
		cat "$work/others"
	fi
	echo "1..$checks"
	exit $failed
fi

if ! command -v "$OBJDUMP" > /dev/null 2>&1; then
	skip "no $OBJDUMP"
elif ! "$CC" -dM -E -x c /dev/null 2> /dev/null | grep -q __x86_64__; then
	skip "$CC does not compile for x86-64"
else
	f=hvkernel_avx2
	disassemble "$CC" "$OBJDUMP" $f
	has $f avx2_hamming 'vpshufb .*%ymm'
	has $f avx2_hamming 'vpsadbw .*%ymm'
	has $f avx2_hamming_planes 'vpshufb .*%ymm'
	has $f avx2_l2_squared 'vfmadd[123]+ps .*%ymm'
	has $f avx2_inner_product 'vfmadd[123]+ps .*%ymm'
	has $f avx2_inner_product_rows 'vfmadd[123]+ps .*%ymm'
	has $f avx2_cosine_parts 'vfmadd[123]+ps .*%ymm'
	has $f avx2_inner_product_i8 'vpmovsxbd .*%ymm'
	has $f avx2_inner_product_tile 'vfmadd[123]+ps .*%ymm'
	has $f avx2_decode_i8 'vpmovsxbd .*%ymm'
	has $f avx2_hadamard 'vaddps .*%ymm'

	f=hvkernel_f16c
	disassemble "$CC" "$OBJDUMP" $f
	has $f HvKernelF16cConvert 'vcvtph2ps .*%ymm'

	f=hvkernel_avx512
	disassemble "$CC" "$OBJDUMP" $f
	has $f avx512_hamming 'vpopcntq .*%zmm'
	has $f avx512_hamming_planes 'vpopcntq .*%zmm'
	has $f avx512_l2_squared 'vfmadd[123]+ps .*%zmm'
	has $f avx512_inner_product 'vfmadd[123]+ps .*%zmm'
	has $f avx512_inner_product_rows 'vfmadd[123]+ps .*%zmm'
	has $f avx512_cosine_parts 'vfmadd[123]+ps .*%zmm'
	has $f avx512_inner_product_i8 'vpmovsxbd .*%zmm'
	has $f avx512_inner_product_tile 'vfmadd[123]+ps .*%zmm'
	has $f avx512_decode_i8 'vpmovsxbd .*%zmm'
	has $f avx512_hadamard 'vaddps .*%zmm'
	has $f avx512_halfs_to_floats 'vcvtph2ps .*%zmm'

	# the plain code must run on any processor
	f=hvkernel_scalar
	disassemble "$CC" "$OBJDUMP" $f
	! grep -Eq '%[yz]mm|popcnt|vfmadd' "$work/$f.s"
	ok $? "$f.c uses no instruction beyond the baseline"
fi

if ! command -v "$CROSS_CC" > /dev/null 2>&1 ||
	! command -v "$CROSS_OBJDUMP" > /dev/null 2>&1; then
	skip "no $CROSS_CC or $CROSS_OBJDUMP"
else
	f=hvkernel_neon
	disassemble "$CROSS_CC" "$CROSS_OBJDUMP" $f
	has $f neon_hamming '[[:space:]]cnt[[:space:]]+v[0-9]+\.16b'
	has $f neon_hamming_planes '[[:space:]]cnt[[:space:]]+v[0-9]+\.16b'
	has $f neon_l2_squared 'fmla[[:space:]]+v[0-9]+\.4s'
	has $f neon_inner_product 'fmla[[:space:]]+v[0-9]+\.4s'
	has $f neon_inner_product_rows 'fmla[[:space:]]+v[0-9]+\.4s'
	has $f neon_cosine_parts 'fmla[[:space:]]+v[0-9]+\.4s'
	has $f neon_inner_product_i8 'scvtf[[:space:]]+v[0-9]+\.4s'
	has $f neon_inner_product_tile 'fmla[[:space:]]+v[0-9]+\.4s'
	has $f neon_hadamard 'fadd[[:space:]]+v[0-9]+\.4s'
	has $f neon_halfs_to_floats 'fcvtl2?[[:space:]]+v[0-9]+\.4s'
fi

echo "1..$checks"
exit $failed
