/* SPDX-License-Identifier: Apache-2.0 */
/* Where a repository may be found: mirrors, the registry itself, and in the clear where that is
 * allowed. */
#include "runtime/image/registry.h"

#include <arpa/inet.h>
#include <errno.h>

#include "firmware/core/config.h"

#define HUB_DOMAIN "docker.io"
#define HUB_INDEX "index.docker.io"
#define HUB_HOST "registry-1.docker.io"

static struct str host_of(struct str host_port)
{
	ptrdiff_t colon = str_rfind(host_port, ':');

	if (host_port.n && host_port.p[0] == '[') {
		ptrdiff_t end = str_find(host_port, ']');

		return end < 0 ? host_port : str_span(host_port.p + 1, (size_t)end - 1);
	}
	return colon < 0 ? host_port : str_span(host_port.p, (size_t)colon);
}

/* Address bytes of a literal; 4 or 16, 0 for a name. */
static size_t address_of(struct str host, uint8_t out[16])
{
	char text[64];

	if (str_ieqz(host, "localhost"))
		host = STR("127.0.0.1");
	if (!str_copy(text, sizeof(text), host))
		return 0;
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

static bool in_range(struct str host, struct str cidr)
{
	struct str bits_text, base = str_cut(cidr, '/', &bits_text);
	uint8_t a[16], b[16];
	uint64_t bits;
	size_t n = address_of(host, a);

	if (!bits_text.n || !n || address_of(base, b) != n || str_to_u64(bits_text, &bits) < 0 ||
	    bits > 8 * n)
		return false;
	for (size_t i = 0; i < bits; i++) {
		unsigned mask = 0x80u >> (i % 8);

		if ((a[i / 8] & mask) != (b[i / 8] & mask))
			return false;
	}
	return true;
}

/* In the list by name, by host alone, or by address; loopback always. */
static bool is_insecure(const struct engine_options *opt, struct str host_port)
{
	struct str host = host_of(host_port);

	if (in_range(host, STR("127.0.0.0/8")) || in_range(host, STR("::1/128")))
		return true;
	for (size_t i = 0; i < opt->insecure_registries.n; i++) {
		struct str entry = str_from(opt->insecure_registries.items[i]);

		if (str_starts(entry, "http://"))
			entry = str_span(entry.p + 7, entry.n - 7);
		else if (str_starts(entry, "https://"))
			entry = str_span(entry.p + 8, entry.n - 8);
		if (str_eqz(entry, "*") || str_ieq(entry, host_port) || in_range(host, entry))
			return true;
	}
	return false;
}

static int add_endpoint(struct registry_target *t, const char *scheme, struct str host,
			bool insecure, bool mirror, struct arena *a, struct err *e)
{
	struct registry_endpoint *p = &t->endpoints[t->n_endpoints];
	struct str name, rest;

	if (t->n_endpoints == REGISTRY_ENDPOINTS_MAX || (!CONFIG(TLS) && !strcmp(scheme, "https")))
		return 0;
	p->base = arena_printf(a, "%s://" STR_FMT, scheme, STR_ARG(host));
	name = str_cut(host, '/', &rest); /* a mirror may have a path */
	p->host = arena_strndup(a, name.p, name.n);
	if (!p->base || !p->host)
		return err_sys(e, ENOMEM, "pull");
	p->insecure = insecure;
	p->mirror = mirror;
	t->n_endpoints++;
	return 0;
}

static int add_mirrors(struct registry_target *t, const struct engine_options *opt, struct arena *a,
		       struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < opt->registry_mirrors.n; i++) {
		struct str url = str_from(opt->registry_mirrors.items[i]);
		bool tls = str_starts(url, "https://");
		size_t skip = tls ? 8 : 7;

		if (!tls && !str_starts(url, "http://"))
			continue;
		url = str_span(url.p + skip, url.n - skip);
		while (url.n && url.p[url.n - 1] == '/')
			url.n--;
		/* One place is kept for the registry itself. */
		if (url.n && t->n_endpoints < REGISTRY_ENDPOINTS_MAX - 2)
			rc = add_endpoint(t, tls ? "https" : "http", url, is_insecure(opt, url),
					  true, a, e);
	}
	return rc;
}

static int copy_auth(struct registry_auth *to, const struct registry_auth *from, struct arena *a)
{
	const char *const texts[] = {from->username, from->password, from->identity_token,
				     from->registry_token};
	const char **const places[] = {&to->username, &to->password, &to->identity_token,
				       &to->registry_token};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!texts[i] || !texts[i][0])
			continue;
		*places[i] = arena_strdup(a, texts[i]);
		if (!*places[i])
			return -ENOMEM;
	}
	return 0;
}

/* The registry itself, encrypted or, where that is allowed, in the clear. */
static int add_registry(struct registry_target *t, struct str domain,
			const struct engine_options *opt, struct arena *a, struct err *e)
{
	bool insecure = is_insecure(opt, domain);
	int rc = add_endpoint(t, "https", domain, insecure, false, a, e);

	if (rc == 0 && insecure)
		rc = add_endpoint(t, "http", domain, true, false, a, e);
	if (rc == 0 && !t->n_endpoints)
		rc = err_set(e, ERR_NOT_IMPLEMENTED,
			     "registry " STR_FMT " needs TLS, which is not built in (CONFIG_TLS)",
			     STR_ARG(domain));
	return rc;
}

int registry_target_init(struct registry_target *ret, const struct reference *ref,
			 const struct registry_auth *auth, const struct engine_options *opt,
			 struct arena *a, struct err *e)
{
	struct registry_target t = {.certs_dir = opt->certs_dir};
	struct str domain = str_from(ref->domain);
	char *familiar = arena_alloc(a, REFERENCE_TEXT_MAX);
	int rc = 0;

	t.path = arena_strdup(a, ref->path);
	if (!t.path || !familiar || (auth && copy_auth(&t.auth, auth, a) < 0))
		return err_sys(e, ENOMEM, "pull");
	reference_familiar_name(ref, familiar);
	t.familiar = familiar;
	if (str_eqz(domain, HUB_DOMAIN)) {
		rc = add_mirrors(&t, opt, a, e);
		domain = STR(HUB_HOST);
	}
	if (rc == 0)
		rc = add_registry(&t, domain, opt, a, e);
	if (rc == 0)
		*ret = t;
	return rc;
}

static bool is_hub(struct str host)
{
	return !host.n || str_ieqz(host, HUB_DOMAIN) || str_ieqz(host, HUB_INDEX) ||
	       str_ieqz(host, HUB_HOST);
}

int registry_target_server(struct registry_target *ret, const char *server,
			   const struct registry_auth *auth, const struct engine_options *opt,
			   struct arena *a, struct err *e)
{
	struct registry_target t = {.certs_dir = opt->certs_dir, .path = ""};
	struct str host = str_from(server ? server : ""), rest;
	int rc;

	if (str_starts(host, "https://"))
		host = str_span(host.p + 8, host.n - 8);
	else if (str_starts(host, "http://"))
		host = str_span(host.p + 7, host.n - 7);
	host = str_cut(host, '/', &rest);
	for (size_t i = 0; i < host.n; i++)
		if (host.p[i] <= ' ' || (unsigned char)host.p[i] >= 0x7f ||
		    strchr("\"#%<>?@\\^`{|}", host.p[i]))
			return err_set(e, ERR_INVALID, "unable to parse server address: %.200s",
				       server);
	if (is_hub(host))
		host = STR(HUB_HOST);
	t.familiar = arena_strndup(a, host.p, host.n);
	if (!t.familiar || copy_auth(&t.auth, auth, a) < 0)
		return err_sys(e, ENOMEM, "login");
	rc = add_registry(&t, host, opt, a, e);
	if (rc == 0)
		*ret = t;
	return rc;
}
