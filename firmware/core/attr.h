/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function and variable attributes used all over the tree, each under one name.
 *
 * Thread: any. Yields: no.
 */
#ifndef FIRMWARE_CORE_ATTR_H
#define FIRMWARE_CORE_ATTR_H

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_index, arg_index) __attribute__((format(printf, fmt_index, arg_index)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define NOINLINE __attribute__((noinline))

/*
 * FIBER_FN marks a function that may wait: it must be called on a fiber, and engine state may have
 * changed when it returns. Its callers carry the mark too; a lint holds that. FIBER_ENTRY marks
 * where a fiber begins (the function handed to fiber_spawn) and ends the chain.
 */
#define FIBER_FN
#define FIBER_ENTRY

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
