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
 * Call ip:port and return the address the server saw, "refused", "timeout" (5 s) or "error". Static
 * text until the next call.
 */
const char *peer_call(const char *netns, int type, const char *ip, uint16_t port);
/* Write a text to a file from within the namespace. */
bool peer_write(const char *netns, const char *path, const char *text);

#endif
