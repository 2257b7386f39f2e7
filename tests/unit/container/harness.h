/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of containers share: an arena, and create requests out of JSON. */
#ifndef TESTS_UNIT_CONTAINER_HARNESS_H
#define TESTS_UNIT_CONTAINER_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/core/mem.h"
#include "runtime/container/private.h"

extern struct arena arena;

int open_arena(void **state);
int close_arena(void **state);

/* A create request from the text of its body, with ' for ". Fails the test when it is not one. */
struct create_request *request_from(const char *json);
/* " ".join(list), for comparing. */
const char *joined(const struct texts *list);

#endif
