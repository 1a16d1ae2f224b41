/*-------------------------------------------------------------------------
 *
 * hvkernel_f16c.c
 *	  The conversion of halfs that goes into the AVX2 table.
 *
 * NOTES
 *	  F16C is an extension of its own, older than AVX2.  No processor is known
 *	  that has AVX2 without it; hvkernel.c asks for both.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkernel_f16c.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"

#ifdef HV_HAVE_X86_KERNELS

#include <immintrin.h>

__attribute__((target("avx,f16c"))) void
HvKernelF16cConvert(const uint8_t *halfs, int n, float *out)
{
	int			i = 0;

	for (; i + 8 <= n; i += 8)
	{
		__m128i		eight = _mm_loadu_si128((const __m128i *) (halfs + 2 * (size_t) i));

		_mm256_storeu_ps(out + i, _mm256_cvtph_ps(eight));
	}
	HvKernelsScalar.halfs_to_floats(halfs + 2 * (size_t) i, n - i, out + i);
}

#endif							/* HV_HAVE_X86_KERNELS */
