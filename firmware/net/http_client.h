/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocking HTTP/1.1 client for jobs (registry transfers): plain and TLS (mbedTLS), one kept-alive
 * connection per client, names by c-ares, deadlines on every step, a stop flag. Redirects are the
 * caller's (registries need the credentials dropped). Proxies by HTTP_PROXY, HTTPS_PROXY, NO_PROXY.
 *
 * Thread: worker. Yields: no (blocks). Owns: struct http_client and its connection; heap memory of
 * the TLS library, about 100 KiB a connection. Limits: CONFIG_TLS; CONFIG_HTTP_CLIENT_TIMEOUT_MS
 * (no progress).
 */
#ifndef FIRMWARE_NET_HTTP_CLIENT_H
#define FIRMWARE_NET_HTTP_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/stream.h"
#include "firmware/net/http.h"

struct http_client_options {
	const atomic_bool *stop; /* looked at while waiting; may be NULL */
	const char *ca_file;	 /* PEM bundle of the system; NULL: the usual places */
	const char *ca_dir; /* extra directory of *.crt trusted for this host (certs.d), or NULL */
	const char *cert_file, *key_file; /* client certificate, or NULL */
	bool skip_verify;		  /* TLS without verification (insecure registry) */
	const char *user_agent;
	int timeout_ms;	  /* without progress; 0: as configured */
	unsigned rate_ms; /* over which CONFIG_HTTP_CLIENT_RATE is measured; 0: as configured */
	int64_t deadline; /* of all requests, monotonic; 0: none */
};

struct http_client;
/* The texts and the flag opt points to must outlive the client. */
int http_client_open(struct http_client **ret, const struct http_client_options *opt, struct err *e)
	WARN_UNUSED;
void http_client_free(struct http_client *c);
DEFINE_CLEANUP(struct http_client *, http_client_free)

struct http_client_request {
	const char *method;
	struct str url; /* absolute */
	const struct http_header *headers;
	size_t n_headers;
	struct str body; /* sent with Content-Length when not empty or method is POST/PUT */
	struct reader *body_stream; /* or chunked from here */
};

struct http_client_response {
	struct http_head head; /* slices valid until the next request */
	struct reader
		body; /* ends at the end of the body; a cut connection is an error (-ECONNRESET) */
};

/* Send and read the head. ret belongs to c and lives until the next call. */
int http_client_do(struct http_client *c, const struct http_client_request *req,
		   struct http_client_response **ret, struct err *e) WARN_UNUSED;

#endif
