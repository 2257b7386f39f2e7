/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client side of TLS 1.2 and later over a dialled connection (mbedTLS 2.28 or 3). Certificates
 * are verified against the system's and the caller's CAs and the host's name or address, unless
 * told not to.
 *
 * Thread: worker. Yields: no (blocks). Owns: struct tls; about 50 KiB of the TLS library's heap,
 * and the parsed CA certificates, shared between sessions where the library locks. Limits:
 * CONFIG_TLS.
 */
#ifndef FIRMWARE_NET_TLS_H
#define FIRMWARE_NET_TLS_H

#include <stdbool.h>

#include "firmware/net/dial.h"

struct tls_options {
	const char *host;		  /* name or literal address, without brackets */
	const char *ca_file;		  /* PEM bundle; NULL: the usual places */
	const char *ca_dir;		  /* directory of *.crt, trusted as well; NULL: none */
	const char *cert_file, *key_file; /* client certificate; NULL: none */
	bool skip_verify;
};

/* Shake hands over c, which then reads and writes through TLS. */
int tls_start(struct dial_conn *c, const struct tls_options *opt, struct err *e) WARN_UNUSED;
ssize_t tls_read(struct tls *t, const struct dial_conn *c, void *p, size_t n, struct err *e)
	WARN_UNUSED;
int tls_write(struct tls *t, const struct dial_conn *c, const void *p, size_t n, struct err *e)
	WARN_UNUSED;
void tls_free(struct tls *t);

#endif
