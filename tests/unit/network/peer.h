/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers and clients in other network namespaces, each a child process: a namespace is named by
 * the path of its file, NULL is the test's own.
 */
#ifndef TESTS_UNIT_NETWORK_PEER_H
#define TESTS_UNIT_NETWORK_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Serve TCP or UDP at port until peer_stop: every client is told its own address. -1: failed. */
pid_t peer_serve(const char *netns, int type, uint16_t port);
void peer_stop(pid_t pid);
/*
 * Call ip:port and return the address the server saw, "refused", "timeout" or "error". Static text
 * until the next call. An answer is waited for long: the first packet to a new link may be lost,
 * and is sent again after a second; for silence, within says how long is long enough.
 */
const char *peer_call(const char *netns, int type, const char *ip, uint16_t port);
/* Write a text to a file from within the namespace. */
const char *peer_call_within(int wait_ms, const char *netns, int type, const char *ip,
			     uint16_t port);
bool peer_write(const char *netns, const char *path, const char *text);

#endif
