/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's bundle is some hundred certificates, slow to parse and large in memory, so sessions
 * that trust nothing else share one parsed copy, freed with the last of them. The library computes
 * lazily inside public keys; sharing is sound only where it was built to lock that.
 */
#include "firmware/net/tls_trust.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "firmware/core/mem.h"

#ifdef MBEDTLS_THREADING_C
#define CAN_SHARE 1
#else
#define CAN_SHARE 0
#endif

enum { SAN_IP = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7 };

static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

static struct {
	pthread_mutex_t lock;
	mbedtls_x509_crt chain;
	char path[256];
	unsigned int refs;
} common = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const char *system_bundle(const struct tls_options *opt)
{
	const char *env = getenv("SSL_CERT_FILE");

	if (opt->ca_file)
		return opt->ca_file;
	if (env && *env)
		return env;
	for (size_t i = 0; i < ARRAY_LEN(bundles); i++)
		if (access(bundles[i], R_OK) == 0)
			return bundles[i];
	return NULL;
}

/* Certificates of a bundle that the library does not know how to read are passed over. */
static void load_bundle(mbedtls_x509_crt *chain, const char *path)
{
	if (path)
		(void)mbedtls_x509_crt_parse_file(chain, path);
}

static bool take_common(const char *path)
{
	bool ok;

	if (!CAN_SHARE || !path || strlen(path) >= sizeof(common.path))
		return false;
	pthread_mutex_lock(&common.lock);
	ok = common.refs == 0 || strcmp(common.path, path) == 0;
	if (ok && common.refs++ == 0) {
		strcpy(common.path, path);
		mbedtls_x509_crt_init(&common.chain);
		load_bundle(&common.chain, path);
	}
	pthread_mutex_unlock(&common.lock);
	return ok;
}

static void drop_common(void)
{
	pthread_mutex_lock(&common.lock);
	if (--common.refs == 0)
		mbedtls_x509_crt_free(&common.chain);
	pthread_mutex_unlock(&common.lock);
}

static int load_directory(mbedtls_x509_crt *chain, const char *dir, struct err *e)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	char path[512];
	int r = 0;

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return err_sys(e, errno, "tls: %s", dir);
	while (r == 0 && (entry = readdir(d)) != NULL) {
		if (!str_ends(str_from(entry->d_name), ".crt"))
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) >=
		    sizeof(path))
			r = err_set(e, ERR_INVALID, "tls: path too long in %s", dir);
		else if (mbedtls_x509_crt_parse_file(chain, path) != 0)
			r = err_set(e, ERR_SYSTEM, "tls: no certificate in %s", path);
	}
	closedir(d);
	return r;
}

int tls_trust_open(struct tls_trust *t, const struct tls_options *opt, struct err *e)
{
	const char *bundle = opt->skip_verify ? NULL : system_bundle(opt);
	int r = 0;

	*t = (struct tls_trust){0};
	if (opt->skip_verify)
		return 0;
	if (!opt->ca_dir && take_common(bundle)) {
		t->chain = &common.chain;
		t->shared = true;
		return 0;
	}
	mbedtls_x509_crt_init(&t->own);
	t->chain = &t->own;
	if (opt->ca_dir)
		r = load_directory(&t->own, opt->ca_dir, e);
	if (r == 0)
		load_bundle(&t->own, bundle);
	if (r < 0)
		tls_trust_done(t);
	return r;
}

void tls_trust_done(struct tls_trust *t)
{
	if (t->shared)
		drop_common();
	else if (t->chain)
		mbedtls_x509_crt_free(&t->own);
	*t = (struct tls_trust){0};
}

static size_t parse_address(const char *host, unsigned char out[16])
{
	if (inet_pton(AF_INET, host, out) == 1)
		return 4;
	return inet_pton(AF_INET6, host, out) == 1 ? 16 : 0;
}

bool tls_is_address(const char *host)
{
	unsigned char bytes[16];

	return parse_address(host, bytes) > 0;
}

bool tls_names_address(const mbedtls_x509_crt *cert, const char *host)
{
	unsigned char bytes[16];
	size_t n = parse_address(host, bytes);

	for (const mbedtls_x509_sequence *s = &cert->subject_alt_names; n > 0 && s; s = s->next)
		if ((unsigned int)s->buf.tag == SAN_IP && s->buf.len == n &&
		    memcmp(s->buf.p, bytes, n) == 0)
			return true;
	return false;
}

int tls_verify_error(uint32_t flags, const char *host, struct err *e)
{
	static const char prefix[] = "tls: failed to verify certificate: x509:";

	if (flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE))
		return err_set(e, ERR_SYSTEM, "%s certificate has expired or is not yet valid",
			       prefix);
	if (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH)
		return err_set(e, ERR_SYSTEM, "%s certificate is not valid for %s", prefix, host);
	if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		return err_set(e, ERR_SYSTEM, "%s certificate signed by unknown authority", prefix);
	return err_set(e, ERR_SYSTEM, "%s certificate refused (0x%x)", prefix, flags);
}
