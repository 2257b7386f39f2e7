/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted server on loopback, plain or TLS with certificates made on the spot. */
#ifndef TESTS_UNIT_NET_ORIGIN_H
#define TESTS_UNIT_NET_ORIGIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct origin_step {
	const char *reply; /* sent when a whole request was read; NULL: nothing */
	bool close;	   /* then close */
	bool early;	   /* do not read the request's body */
	int stall_ms;	   /* wait before the reply */
	int drip_ms;	   /* wait before each of its bytes, but for those of the head */
};

/* Port, or -1. ca_path gets the CA's certificate (PEM) when tls. */
int origin_start(bool tls, const char *dir);
void origin_stop(void);
/* What to do with the requests to come. */
void origin_script(const struct origin_step *steps, size_t n);
/* The last request as it came: head, and its decoded body. */
const char *origin_head(void);
const char *origin_body(void);
int origin_connections(void); /* accepted since the script was set */

/* tls_origin.c: certificates and the server's side of TLS. */
struct tls_origin;
/* Writes ca.crt, other.crt, client.crt and client.key into dir. NULL when it cannot. */
struct tls_origin *tls_origin_open(const char *dir);
void tls_origin_free(struct tls_origin *t);
void *tls_origin_accept(struct tls_origin *t, int fd, bool want_client_certificate);
long tls_origin_read(void *session, void *p, size_t n);
long tls_origin_write(void *session, const void *p, size_t n);
void tls_origin_end(void *session);
extern atomic_bool tls_origin_wants_client;
#endif
