/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConsoleSize: a JSON array [height, width] in characters, as create, exec create and exec start
 * have it.
 *
 * Thread: any. Yields: no. Owns: nothing.
 */
#ifndef RUNTIME_MODEL_CONSOLE_SIZE_H
#define RUNTIME_MODEL_CONSOLE_SIZE_H

#include "firmware/core/str.h"

/* From raw JSON: true and the sides, or false and both 0 when it is absent or odd. */
bool console_size_parse(struct str raw, uint16_t *ret_height, uint16_t *ret_width);

#endif
