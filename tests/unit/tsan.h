/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included after autoconf.h in a SAN=thread build: the fibers are threads there, so that
 * ThreadSanitizer can follow them.
 */
#undef CONFIG_FIBER_ASM
#undef CONFIG_FIBER_PTHREAD
#define CONFIG_FIBER_PTHREAD 1
