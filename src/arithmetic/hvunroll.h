/*-------------------------------------------------------------------------
 *
 * hvunroll.h
 *	  A word to the compiler that a short loop must be written out.
 *
 * NOTES
 *	  The kernels keep small arrays of sums in registers, which works only if
 *	  every loop over such an array is unrolled completely.  At -O2 gcc does
 *	  that on request alone.
 *
 * Copyright (c) 2026, hvindex contributors
 *
 * IDENTIFICATION
 *	  src/arithmetic/hvunroll.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef HVUNROLL_H
#define HVUNROLL_H

/* stands before a loop of a constant number of rounds, at most 16 */
#if defined(__clang__)
#define HV_UNROLL	_Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define HV_UNROLL	_Pragma("GCC unroll 16")
#else
#define HV_UNROLL
#endif

#endif							/* HVUNROLL_H */
