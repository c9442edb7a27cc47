/* For loops whose speed is that all of it ends up in registers: compilers leave what is large, or
 * has several callers, a function of its own, which no longer knows what its callers' constants
 * are. */
#ifndef COMMON_BASE_INLINE_H
#define COMMON_BASE_INLINE_H

#define KIN_INLINE static inline __attribute__((always_inline))

#endif
