/*-------------------------------------------------------------------------
 *
 * hvkernel.c
 *	  Which table of kernels this processor gets.
 *
 * NOTES
 *	  Every table is compiled into every build for its architecture, by target
 *	  attributes of single functions; only the look at the processor decides
 *	  which one runs.  A binary made on one machine therefore works, at the
 *	  speed of the machine that it runs on, on all others.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvkernel.c
 *
 *-------------------------------------------------------------------------
 */
#include "arithmetic/hvkernel.h"

#ifdef HV_HAVE_X86_KERNELS
#include <cpuid.h>
#endif

/* valid from the start, so that nobody depends on the order of initialisation */
const HvKernels *HvKernel = &HvKernelsScalar;

/* has the table been chosen already, by a look or by force? */
static bool kernels_chosen = false;

#ifdef HV_HAVE_X86_KERNELS

/* Not every compiler's own check knows the name of this one. */
static bool
cpu_has_f16c(void)
{
	unsigned int eax;
	unsigned int ebx;
	unsigned int ecx;
	unsigned int edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

/*
 * The compiler's own check also asks the operating system whether it saves the
 * wide registers.
 */
static bool
cpu_has_avx2(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") &&
		__builtin_cpu_supports("fma") &&
		__builtin_cpu_supports("popcnt") &&
		cpu_has_f16c();
}

static bool
cpu_has_avx512(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") &&
		__builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512vpopcntdq");
}

#endif							/* HV_HAVE_X86_KERNELS */

/*
 * The table of one level, or NULL if this build or this processor lacks it.
 */
const HvKernels *
HvKernelsGet(HvKernelLevel level)
{
	switch (level)
	{
		case HV_KERNEL_SCALAR:
			return &HvKernelsScalar;
		case HV_KERNEL_AVX2:
#ifdef HV_HAVE_X86_KERNELS
			return cpu_has_avx2() ? &HvKernelsAvx2 : NULL;
#else
			return NULL;
#endif
		case HV_KERNEL_AVX512:
#ifdef HV_HAVE_X86_KERNELS
			return cpu_has_avx512() ? &HvKernelsAvx512 : NULL;
#else
			return NULL;
#endif
		case HV_KERNEL_NEON:
#ifdef HV_HAVE_NEON_KERNELS
			return &HvKernelsNeon;
#else
			return NULL;
#endif
	}
	return NULL;
}

/*
 * Chooses the best table for this processor.  A table that was forced stays.
 */
void
HvKernelsInit(void)
{
	static const HvKernelLevel best_first[] = {
		HV_KERNEL_AVX512, HV_KERNEL_AVX2, HV_KERNEL_NEON, HV_KERNEL_SCALAR
	};

	for (size_t i = 0; !kernels_chosen; i++)
		(void) HvKernelsForce(best_first[i]);
}

/*
 * Makes one level the table in use.  Returns false, and changes nothing, where
 * it is lacking.
 */
bool
HvKernelsForce(HvKernelLevel level)
{
	const HvKernels *kernels = HvKernelsGet(level);

	if (kernels == NULL)
		return false;
	HvKernel = kernels;
	kernels_chosen = true;
	return true;
}
