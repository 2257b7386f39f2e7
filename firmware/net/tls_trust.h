/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom TLS trusts: CA certificates from files, and the check of a certificate against an address.
 *
 * Thread: worker. Yields: no. Owns: struct tls_trust. Limits: CONFIG_TLS.
 */
#ifndef FIRMWARE_NET_TLS_TRUST_H
#define FIRMWARE_NET_TLS_TRUST_H

#include <mbedtls/x509_crt.h>

#include "firmware/net/tls.h"

struct tls_trust {
	mbedtls_x509_crt *chain; /* NULL: nobody is trusted */
	mbedtls_x509_crt own;
	bool shared; /* chain is the common one */
};

int tls_trust_open(struct tls_trust *t, const struct tls_options *opt, struct err *e) WARN_UNUSED;
void tls_trust_done(struct tls_trust *t); /* accepts a zeroed one */
/* Is host a literal address? */
bool tls_is_address(const char *host);
/* Does the certificate name this address? */
bool tls_names_address(const mbedtls_x509_crt *cert, const char *host);
/* The error for mbedTLS verification flags. */
int tls_verify_error(uint32_t flags, const char *host, struct err *e);

#endif
