/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CA, a server certificate for localhost and 127.0.0.1, one for another name, and a client
 * certificate, all made when the test starts; and the server's side of a TLS session.
 */
#include "tests/unit/net/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

#include "firmware/core/file.h"

atomic_bool tls_origin_wants_client;

struct tls_origin {
	mbedtls_pk_context ca_key, key, client_key;
	mbedtls_x509_crt ca, cert;
	mbedtls_ssl_config conf;
};

struct session {
	mbedtls_ssl_context ssl;
	int fd;
};

static int draw(void *arg, unsigned char *p, size_t n)
{
	(void)arg;
	random_bytes(p, n);
	return 0;
}

static bool make_key(mbedtls_pk_context *key)
{
	mbedtls_pk_init(key);
	return mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0 &&
	       mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), draw, NULL) == 0;
}

static bool save(const char *dir, const char *name, const unsigned char *pem)
{
	char path[256];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ok = f && fputs((const char *)pem, f) >= 0;
	return f && fclose(f) == 0 && ok;
}

static bool make_cert(const char *subject, mbedtls_pk_context *key, mbedtls_pk_context *ca_key,
		      bool is_ca, bool names, unsigned char *pem, size_t size)
{
	/* SEQUENCE { [2] "localhost", [7] 127.0.0.1 } */
	static const unsigned char san[] = {0x30, 17,  0x82, 9,	   'l', 'o', 'c', 'a', 'l', 'h',
					    'o',  's', 't',  0x87, 4,	127, 0,	  0,   1};
	static unsigned char serial[] = {1};
	mbedtls_x509write_cert w;
	bool ok;

	mbedtls_x509write_crt_init(&w);
	mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&w, key);
	mbedtls_x509write_crt_set_issuer_key(&w, ca_key);
	serial[0]++;
	ok = mbedtls_x509write_crt_set_subject_name(&w, subject) == 0 &&
	     mbedtls_x509write_crt_set_issuer_name(&w, "CN=Test CA") == 0 &&
	     mbedtls_x509write_crt_set_validity(&w, "20200101000000", "20991231235959") == 0 &&
	     mbedtls_x509write_crt_set_basic_constraints(&w, is_ca, -1) == 0;
#if MBEDTLS_VERSION_NUMBER >= 0x03040000
	ok = ok && mbedtls_x509write_crt_set_serial_raw(&w, serial, 1) == 0;
#else
	mbedtls_mpi number;

	mbedtls_mpi_init(&number);
	ok = ok && mbedtls_mpi_lset(&number, serial[0]) == 0 &&
	     mbedtls_x509write_crt_set_serial(&w, &number) == 0;
	mbedtls_mpi_free(&number);
#endif
	if (names)
		ok = ok && mbedtls_x509write_crt_set_extension(
				   &w, MBEDTLS_OID_SUBJECT_ALT_NAME,
				   MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0, san,
				   sizeof(san)) == 0;
	ok = ok && mbedtls_x509write_crt_pem(&w, pem, size, draw, NULL) == 0;
	mbedtls_x509write_crt_free(&w);
	return ok;
}

static bool add_cert(mbedtls_x509_crt *chain, const unsigned char *pem)
{
	return mbedtls_x509_crt_parse(chain, pem, strlen((const char *)pem) + 1) == 0;
}

struct tls_origin *tls_origin_open(const char *dir)
{
	static unsigned char pem[4096];
	struct tls_origin *t = calloc(1, sizeof(*t));
	mbedtls_pk_context other;
	bool ok;

#if MBEDTLS_VERSION_MAJOR >= 3
	psa_crypto_init();
#endif
	mbedtls_x509_crt_init(&t->ca);
	mbedtls_x509_crt_init(&t->cert);
	mbedtls_ssl_config_init(&t->conf);
	ok = make_key(&t->ca_key) && make_key(&t->key) && make_key(&t->client_key) &&
	     make_key(&other);
	ok = ok && make_cert("CN=Test CA", &t->ca_key, &t->ca_key, true, false, pem, sizeof(pem)) &&
	     save(dir, "ca.crt", pem) && add_cert(&t->ca, pem);
	ok = ok && make_cert("CN=Test CA", &other, &other, true, false, pem, sizeof(pem)) &&
	     save(dir, "other.pem", pem);
	ok = ok && make_cert("CN=server", &t->key, &t->ca_key, false, true, pem, sizeof(pem)) &&
	     add_cert(&t->cert, pem);
	ok = ok &&
	     make_cert("CN=client", &t->client_key, &t->ca_key, false, false, pem, sizeof(pem)) &&
	     save(dir, "client.cert", pem);
	ok = ok && mbedtls_pk_write_key_pem(&t->client_key, pem, sizeof(pem)) == 0 &&
	     save(dir, "client.key", pem);
	mbedtls_pk_free(&other);
	ok = ok &&
	     mbedtls_ssl_config_defaults(&t->conf, MBEDTLS_SSL_IS_SERVER,
					 MBEDTLS_SSL_TRANSPORT_STREAM,
					 MBEDTLS_SSL_PRESET_DEFAULT) == 0 &&
	     mbedtls_ssl_conf_own_cert(&t->conf, &t->cert, &t->key) == 0;
	mbedtls_ssl_conf_rng(&t->conf, draw, NULL);
	mbedtls_ssl_conf_ca_chain(&t->conf, &t->ca, NULL);
	if (ok)
		return t;
	tls_origin_free(t);
	return NULL;
}

void tls_origin_free(struct tls_origin *t)
{
	mbedtls_ssl_config_free(&t->conf);
	mbedtls_x509_crt_free(&t->cert);
	mbedtls_x509_crt_free(&t->ca);
	mbedtls_pk_free(&t->ca_key);
	mbedtls_pk_free(&t->key);
	mbedtls_pk_free(&t->client_key);
	free(t);
}

static int send_bytes(void *arg, const unsigned char *p, size_t n)
{
	return (int)send(((struct session *)arg)->fd, p, n, MSG_NOSIGNAL);
}

static int receive_bytes(void *arg, unsigned char *p, size_t n)
{
	return (int)recv(((struct session *)arg)->fd, p, n, 0);
}

void *tls_origin_accept(struct tls_origin *t, int fd, bool want_client_certificate)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	s->fd = fd;
	mbedtls_ssl_conf_authmode(&t->conf, want_client_certificate ? MBEDTLS_SSL_VERIFY_REQUIRED
								    : MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_init(&s->ssl);
	r = mbedtls_ssl_setup(&s->ssl, &t->conf);
	mbedtls_ssl_set_bio(&s->ssl, s, send_bytes, receive_bytes, NULL);
	if (r == 0)
		r = mbedtls_ssl_handshake(&s->ssl);
	if (r == 0)
		return s;
	mbedtls_ssl_free(&s->ssl);
	free(s);
	return NULL;
}

long tls_origin_read(void *session, void *p, size_t n)
{
	return mbedtls_ssl_read(&((struct session *)session)->ssl, p, n);
}

long tls_origin_write(void *session, const void *p, size_t n)
{
	return mbedtls_ssl_write(&((struct session *)session)->ssl, p, n);
}

void tls_origin_end(void *session)
{
	struct session *s = session;

	mbedtls_ssl_close_notify(&s->ssl);
	mbedtls_ssl_free(&s->ssl);
	free(s);
}
