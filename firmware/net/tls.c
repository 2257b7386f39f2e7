/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are checked by the library, addresses here: mbedTLS 2.28 does not look at the addresses in
 * a certificate, so for them it is told to check no name, and the session is given up before its
 * first byte if the certificate does not list the address.
 */
#include "firmware/net/tls.h"

#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <poll.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

#include "firmware/core/clock.h"
#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/net/tls_trust.h"

struct tls {
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config conf;
	mbedtls_x509_crt cert;
	mbedtls_pk_context key;
	struct tls_trust trust;
	int fd;
	int sys_errno; /* of the last failed system call */
	char first[5]; /* what the server said first */
	size_t n_first;
};

static int draw_random(void *arg, unsigned char *p, size_t n)
{
	(void)arg;
	random_bytes(p, n);
	return 0;
}

static int send_some(void *arg, const unsigned char *p, size_t n)
{
	struct tls *t = arg;
	ssize_t put = send(t->fd, p, MIN(n, 1 << 20), MSG_DONTWAIT | MSG_NOSIGNAL);

	if (put >= 0)
		return (int)put;
	if (errno == EAGAIN || errno == EINTR)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	t->sys_errno = errno;
	return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int receive_some(void *arg, unsigned char *p, size_t n)
{
	struct tls *t = arg;
	ssize_t got = recv(t->fd, p, MIN(n, 1 << 20), MSG_DONTWAIT);

	if (got > 0 && t->n_first < sizeof(t->first)) {
		size_t part = MIN((size_t)got, sizeof(t->first) - t->n_first);

		memcpy(t->first + t->n_first, p, part);
		t->n_first += part;
	}
	if (got > 0)
		return (int)got;
	if (got == 0)
		return MBEDTLS_ERR_SSL_CONN_EOF;
	if (errno == EAGAIN || errno == EINTR)
		return MBEDTLS_ERR_SSL_WANT_READ;
	t->sys_errno = errno;
	return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	mbedtls_ssl_free(&t->ssl);
	mbedtls_ssl_config_free(&t->conf);
	mbedtls_x509_crt_free(&t->cert);
	mbedtls_pk_free(&t->key);
	tls_trust_done(&t->trust);
	mem_free(t);
}
DEFINE_CLEANUP(struct tls *, tls_free)

/* Did the library only ask to be called again? Then wait for what it wants: 1, 0 if not, or an
 * error. */
static int again(const struct dial_conn *c, int r, int64_t deadline, struct err *e)
{
	int w;

#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
	if (r == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
		return 1;
#endif
	if (r != MBEDTLS_ERR_SSL_WANT_READ && r != MBEDTLS_ERR_SSL_WANT_WRITE)
		return 0;
	w = dial_wait(c, c->fd, r == MBEDTLS_ERR_SSL_WANT_READ ? POLLIN : POLLOUT, deadline, e);
	return w < 0 ? w : 1;
}

static int load_client_certificate(struct tls *t, const struct tls_options *opt, struct err *e)
{
	int r;

	if (!opt->cert_file || !opt->key_file)
		return 0;
	if (mbedtls_x509_crt_parse_file(&t->cert, opt->cert_file) != 0)
		return err_set(e, ERR_SYSTEM, "tls: no certificate in %s", opt->cert_file);
#if MBEDTLS_VERSION_MAJOR >= 3
	r = mbedtls_pk_parse_keyfile(&t->key, opt->key_file, NULL, draw_random, NULL);
#else
	r = mbedtls_pk_parse_keyfile(&t->key, opt->key_file, NULL);
#endif
	if (r != 0)
		return err_set(e, ERR_SYSTEM, "tls: no private key in %s", opt->key_file);
	r = mbedtls_ssl_conf_own_cert(&t->conf, &t->cert, &t->key);
	return r == 0 ? 0 : err_sys(e, ENOMEM, "tls");
}

static int configure(struct tls *t, const struct tls_options *opt, struct err *e)
{
	int r;

#if MBEDTLS_VERSION_MAJOR >= 3
	if (psa_crypto_init() != PSA_SUCCESS)
		return err_set(e, ERR_SYSTEM, "tls: no random numbers");
#endif
	if (mbedtls_ssl_config_defaults(&t->conf, MBEDTLS_SSL_IS_CLIENT,
					MBEDTLS_SSL_TRANSPORT_STREAM,
					MBEDTLS_SSL_PRESET_DEFAULT) != 0)
		return err_sys(e, ENOMEM, "tls");
#if MBEDTLS_VERSION_MAJOR >= 3
	mbedtls_ssl_conf_min_tls_version(&t->conf, MBEDTLS_SSL_VERSION_TLS1_2);
#else
	mbedtls_ssl_conf_min_version(&t->conf, MBEDTLS_SSL_MAJOR_VERSION_3,
				     MBEDTLS_SSL_MINOR_VERSION_3);
#endif
	mbedtls_ssl_conf_rng(&t->conf, draw_random, NULL);
	mbedtls_ssl_conf_authmode(&t->conf, opt->skip_verify ? MBEDTLS_SSL_VERIFY_NONE
							     : MBEDTLS_SSL_VERIFY_REQUIRED);
	r = tls_trust_open(&t->trust, opt, e);
	if (r < 0)
		return r;
	mbedtls_ssl_conf_ca_chain(&t->conf, t->trust.chain, NULL);
	r = load_client_certificate(t, opt, e);
	if (r < 0)
		return r;
	if (mbedtls_ssl_setup(&t->ssl, &t->conf) != 0 ||
	    mbedtls_ssl_set_hostname(&t->ssl, tls_is_address(opt->host) ? NULL : opt->host) != 0)
		return err_sys(e, ENOMEM, "tls");
	mbedtls_ssl_set_bio(&t->ssl, t, send_some, receive_some, NULL);
	return 0;
}

static int handshake_error(struct tls *t, int r, const struct tls_options *opt, struct err *e)
{
	if (t->n_first == sizeof(t->first) && memcmp(t->first, "HTTP/", 5) == 0)
		return err_set(e, ERR_SYSTEM, "http: server gave HTTP response to HTTPS client");
	if (t->sys_errno)
		return dial_fail(e, t->sys_errno, "tls: handshake");
	switch (r) {
	case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
		return tls_verify_error(mbedtls_ssl_get_verify_result(&t->ssl), opt->host, e);
	case MBEDTLS_ERR_SSL_CA_CHAIN_REQUIRED:
		return tls_verify_error(MBEDTLS_X509_BADCERT_NOT_TRUSTED, opt->host, e);
	case MBEDTLS_ERR_SSL_CONN_EOF:
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
		return err_set(e, ERR_SYSTEM, "tls: handshake: EOF");
	case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
		return err_set(e, ERR_SYSTEM, "remote error: tls: handshake failure");
	case MBEDTLS_ERR_SSL_INVALID_RECORD:
		return err_set(e, ERR_SYSTEM,
			       "tls: first record does not look like a TLS handshake");
	default:
		return err_set(e, ERR_SYSTEM, "tls: handshake failed (mbedTLS -0x%04x)",
			       (unsigned int)-r);
	}
}

static int shake_hands(struct tls *t, const struct dial_conn *c, const struct tls_options *opt,
		       struct err *e)
{
	int64_t deadline = clock_in_ms(c->timeout_ms);
	const mbedtls_x509_crt *peer;
	int r, w;

	while ((r = mbedtls_ssl_handshake(&t->ssl)) != 0) {
		w = again(c, r, deadline, e);
		if (w < 0)
			return err_wrap(e, "net/http: TLS handshake");
		if (w == 0)
			return handshake_error(t, r, opt, e);
	}
	if (opt->skip_verify || !tls_is_address(opt->host))
		return 0;
	peer = mbedtls_ssl_get_peer_cert(&t->ssl);
	if (!peer || !tls_names_address(peer, opt->host))
		return tls_verify_error(MBEDTLS_X509_BADCERT_CN_MISMATCH, opt->host, e);
	return 0;
}

int tls_start(struct dial_conn *c, const struct tls_options *opt, struct err *e)
{
	CLEANUP(tls_freep) struct tls *t = mem_alloc(sizeof(*t));
	int r;

	if (!t)
		return err_sys(e, ENOMEM, "tls");
	t->fd = c->fd;
	mbedtls_ssl_init(&t->ssl);
	mbedtls_ssl_config_init(&t->conf);
	mbedtls_x509_crt_init(&t->cert);
	mbedtls_pk_init(&t->key);
	r = configure(t, opt, e);
	if (r == 0)
		r = shake_hands(t, c, opt, e);
	if (r == 0)
		c->tls = TAKE_PTR(t);
	return r;
}

static int stream_error(const struct tls *t, int r, struct err *e, const char *what)
{
	if (t->sys_errno)
		return dial_fail(e, t->sys_errno, what);
	return err_set(e, ERR_SYSTEM, "%s: tls: failed (mbedTLS -0x%04x)", what, (unsigned int)-r);
}

ssize_t tls_read(struct tls *t, const struct dial_conn *c, void *p, size_t n, struct err *e)
{
	int64_t deadline = clock_in_ms(c->timeout_ms);

	for (;;) {
		int r = mbedtls_ssl_read(&t->ssl, p, MIN(n, 1 << 20)), w;

		if (r > 0)
			return r;
		/* The end of the connection without a notice is the end too: HTTP framing tells. */
		if (r == 0 || r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ||
		    r == MBEDTLS_ERR_SSL_CONN_EOF)
			return 0;
		w = again(c, r, deadline, e);
		if (w < 0)
			return err_wrap(e, "read tcp");
		if (w == 0)
			return stream_error(t, r, e, "read tcp");
	}
}

int tls_write(struct tls *t, const struct dial_conn *c, const void *p, size_t n, struct err *e)
{
	int64_t deadline = clock_in_ms(c->timeout_ms);
	const unsigned char *at = p;

	while (n > 0) {
		int r = mbedtls_ssl_write(&t->ssl, at, MIN(n, 1 << 20)), w;

		if (r > 0) {
			at += r;
			n -= (size_t)r;
			deadline = clock_in_ms(c->timeout_ms);
			continue;
		}
		w = again(c, r, deadline, e);
		if (w < 0)
			return err_wrap(e, "write tcp");
		if (w == 0)
			return stream_error(t, r, e, "write tcp");
	}
	return 0;
}
