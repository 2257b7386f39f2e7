/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole of runtime/network against the kernel, in a network namespace of the test's own, so
 * that nothing touches the host or another run: needs root. Scenes run on a fiber; failures are
 * noted there and asserted outside, for a longjmp must not leave a fiber.
 */
#ifndef TESTS_UNIT_NETWORK_SCENE_H
#define TESTS_UNIT_NETWORK_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/network/private.h"
#include "tests/unit/network/kernel.h"
#include "tests/unit/network/peer.h"

#define BRIDGE "serintest0"
#define GATEWAY "172.29.0.1"

struct stage {
	char root[64], data[96], exec[96];
	struct engine_options opt;
	struct network_system *n;
	int failures;
	void (*scene)(void);
	char skip[160];
};
extern struct stage t;
extern struct err last; /* of the last call that failed */

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			t.failures++;                                                              \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
		}                                                                                  \
	} while (0)
#define CHECK_TEXT(got, want) check_text(got, want, __FILE__, __LINE__)
#define CHECK_OK(call) check_ok((call), #call, __FILE__, __LINE__)
/* A test that plays scene_<name>. */
#define SCENE(name)                                                                                \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		play(scene_##name);                                                                \
	}

void check_text(const char *got, const char *want, const char *file, int line);
bool check_ok(int r, const char *what, const char *file, int line);
int namespaces(void); /* pinned by the system; -1: none can be */
void open_system(void);
void close_system(bool take_down);
/* NULL, with the failure noted. */
struct endpoint *connect_with(const char *id, char *path, const struct port_request *ports,
			      size_t n_ports);
void leave(const char *id, struct endpoint *ep);
const char *address(const struct endpoint *ep);
struct port_request publish(uint8_t proto, const char *ip, uint16_t host, uint16_t port);
void play(void (*scene)(void));
int start(void **state);
int stop(void **state);

#endif
