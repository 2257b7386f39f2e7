/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real server on a temporary Unix socket, its loop on a thread of its own, and a blocking client.
 */
#ifndef TESTS_UNIT_NET_HARNESS_H
#define TESTS_UNIT_NET_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

#include "firmware/net/http_server.h"

/* 0, or -1 when the server cannot run here. The server's config is cfg with its own socket. */
int harness_start(const struct http_server_config *cfg);
/* Stops server and loop, and waits for them; every fiber must end. Returns fibers left. */
size_t harness_stop(void);
size_t harness_connections(void);

struct client {
	int fd;
	char buf[65536];
	size_t n; /* bytes in buf not looked at yet */
};
struct answer {
	int status; /* 0: the connection ended before an answer */
	char head[8192];
	char body[65536];
	size_t n; /* bytes of the body, also those beyond the array */
	bool cut; /* the connection ended in the middle */
	bool keep_alive;
};
void client_open(struct client *c);
void client_close(struct client *c);
void client_send(struct client *c, const char *text);
void client_send_bytes(struct client *c, const void *p, size_t n);
/* The next answer; to_head: the request was HEAD. */
void client_receive(struct client *c, struct answer *a, bool to_head);
/* True when the server closes within ms without sending more. */
bool client_sees_close(struct client *c, int ms);
/* One request on a fresh connection. */
void ask(const char *request, struct answer *a);

#endif
