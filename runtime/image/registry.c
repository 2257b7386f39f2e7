/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/image/registry.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "firmware/core/buf.h"
#include "firmware/core/mem.h"
#include "runtime/image/store.h"

#define URL_MAX 8192
#define REDIRECTS_MAX 5
#define TAGS_PAGES_MAX 256

/* --- sessions --- */

void registry_session_init(struct registry_session *s, const struct registry_target *t,
			   const atomic_bool *stop)
{
	*s = (struct registry_session){.target = t, .stop = stop};
	arena_open_heap(&s->mem, 64 * 1024);
}

int registry_session_copy(struct registry_session *s, const struct registry_session *from,
			  struct err *e)
{
	s->endpoint = from->endpoint;
	s->settled = from->settled;
	if (!from->authorization)
		return 0;
	s->authorization = mem_strdup(from->authorization);
	return s->authorization ? 0 : err_sys(e, ENOMEM, "pull");
}

void registry_session_done(struct registry_session *s)
{
	http_client_free(s->client);
	s->client = NULL;
	if (s->authorization)
		explicit_bzero(s->authorization, strlen(s->authorization));
	mem_free(s->authorization);
	s->authorization = NULL;
	if (s->refresh_token)
		explicit_bzero(s->refresh_token, strlen(s->refresh_token));
	mem_free(s->refresh_token);
	s->refresh_token = NULL;
	arena_done(&s->mem);
}

/* <certs_dir>/<host:port>/: *.crt are trusted, a *.cert with its *.key is shown. */
static void find_certificates(struct registry_session *s, struct http_client_options *o)
{
	const struct registry_endpoint *p = &s->target->endpoints[s->endpoint];
	struct dirent *entry;
	char *path;
	DIR *dir;

	if (!s->target->certs_dir)
		return;
	path = arena_printf(&s->mem, "%s/%s", s->target->certs_dir, p->host);
	dir = path ? opendir(path) : NULL;
	if (!dir)
		return;
	o->ca_dir = path;
	while ((entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);
		char *cert, *key;

		if (n < 6 || strcmp(entry->d_name + n - 5, ".cert"))
			continue;
		cert = arena_printf(&s->mem, "%s/%s", path, entry->d_name);
		key = arena_printf(&s->mem, "%s/%.*s.key", path, (int)(n - 5), entry->d_name);
		if (cert && key && access(key, R_OK) == 0) {
			o->cert_file = cert;
			o->key_file = key;
			break;
		}
	}
	closedir(dir);
}

int registry_connect(struct registry_session *s, struct err *e)
{
	struct http_client_options o = {
		.stop = s->stop,
		.timeout_ms = s->timeout_ms,
		.deadline = s->deadline,
		.skip_verify = s->target->endpoints[s->endpoint].insecure,
		.user_agent = "serin/" CONFIG_VERSION,
	};

	if (s->client)
		return 0;
	arena_reset(&s->mem);
	find_certificates(s, &o);
	return http_client_open(&s->client, &o, e);
}

static void disconnect(struct registry_session *s)
{
	http_client_free(s->client);
	s->client = NULL;
}

/* --- one request --- */

struct request {
	struct registry_session *s;
	struct arena mem;
	struct str url;
	const char *accept;
	char range[48];
	bool foreign; /* after a redirect: no credentials */
};

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int send_request(struct request *q, struct http_client_response **ret, struct err *e)
{
	struct registry_session *s = q->s;
	struct http_header headers[3];
	struct http_client_request http = {.method = "GET", .url = q->url, .headers = headers};
	int rc;

	if (q->accept)
		headers[http.n_headers++] =
			(struct http_header){STR("Accept"), str_from(q->accept)};
	if (q->range[0])
		headers[http.n_headers++] = (struct http_header){STR("Range"), str_from(q->range)};
	if (s->authorization && !q->foreign)
		headers[http.n_headers++] =
			(struct http_header){STR("Authorization"), str_from(s->authorization)};
	rc = registry_connect(s, e);
	if (rc == 0)
		rc = http_client_do(s->client, &http, ret, e);
	/* A redirect's address carries a signature: it is nobody's business. */
	if (rc < 0 && q->foreign)
		return err_wrap(e, "Get a blob of %s", s->target->familiar);
	return rc < 0 ? err_wrap(e, "Get \"" STR_FMT "\"", STR_ARG(q->url)) : 0;
}

static int follow(struct request *q, struct http_client_response *r, struct err *e)
{
	struct str location = http_get_header(&r->head, "Location"), next;
	int rc;

	if (!location.n || location.n > URL_MAX)
		return err_set(e, ERR_SYSTEM, "invalid redirect from the registry");
	rc = http_url_resolve(q->url, location, &q->mem, &next, e);
	if (rc < 0)
		return err_wrap(e, "invalid redirect from the registry");
	q->url = next;
	q->foreign = true;
	return 0;
}

static int challenged(struct request *q, struct http_client_response *r, bool again, struct err *e)
{
	struct challenge c;
	struct str header = http_get_header(&r->head, "WWW-Authenticate");
	char *copy;

	if (q->foreign)
		return err_set(e, ERR_SYSTEM, "unauthorized: authentication required");
	/* The head does not outlive the request for the token. */
	copy = arena_strndup(&q->mem, header.p ? header.p : "", header.n);
	if (!copy)
		return err_sys(e, ENOMEM, "authenticate");
	challenge_parse(str_span(copy, header.n), &c);
	if (again && q->s->login)
		return 1;
	if (again && (str_eqz(c.error, "insufficient_scope") || c.scheme == CHALLENGE_BEARER))
		return err_set(e, ERR_NOT_FOUND,
			       "pull access denied for %s, repository does not exist or may "
			       "require 'docker "
			       "login': denied: requested access to the resource is denied",
			       q->s->target->familiar);
	return registry_authorize(q->s, &c, q->url, e);
}

static int do_request(struct request *q, struct http_client_response **ret, struct err *e)
{
	struct http_client_response *r;
	unsigned redirects = 0, challenges = 0;

	for (;;) {
		int rc = send_request(q, &r, e);

		if (rc < 0)
			return rc;
		if (r->head.status == 401)
			rc = challenged(q, r, challenges++ > 0, e);
		else if (is_redirect(r->head.status) && redirects++ < REDIRECTS_MAX)
			rc = follow(q, r, e);
		else
			break;
		if (rc < 0)
			return rc;
		if (rc > 0)
			break; /* refused for good: the caller looks at the status */
	}
	*ret = r;
	return 0;
}

int registry_get(struct registry_session *s, const char *rest, const char *accept, uint64_t offset,
		 struct http_client_response **ret, struct err *e)
{
	CLEANUP_MEM struct request *q = mem_alloc(sizeof(*q));
	char *url;
	int rc;

	if (!q)
		return err_sys(e, ENOMEM, "ask the registry");
	q->s = s;
	q->accept = accept;
	arena_open_heap(&q->mem, 16 * URL_MAX);
	url = arena_printf(&q->mem, "%s/v2/%s%s%s", s->target->endpoints[s->endpoint].base,
			   s->target->path, *s->target->path ? "/" : "", rest);
	q->url = str_from(url);
	if (offset)
		snprintf(q->range, sizeof(q->range), "bytes=%llu-", (unsigned long long)offset);
	rc = url ? do_request(q, ret, e) : err_sys(e, ENOMEM, "ask the registry");
	arena_done(&q->mem);
	return rc;
}

static bool stopped(const struct registry_session *s)
{
	return s->stop && atomic_load(s->stop);
}

bool registry_next_endpoint(struct registry_session *s)
{
	if (stopped(s) || s->endpoint + 1 >= s->target->n_endpoints)
		return false;
	disconnect(s);
	mem_free(s->authorization);
	s->authorization = NULL;
	s->endpoint++;
	return true;
}

/* --- manifests and other documents --- */

static const char *content_type(const struct http_client_response *r, struct arena *a)
{
	struct str rest, type = str_cut(http_get_header(&r->head, "Content-Type"), ';', &rest);

	type = str_trim(type);
	return arena_strndup(a, type.p ? type.p : "", type.n);
}

static int read_manifest(struct registry_session *s, struct http_client_response *r,
			 const char *reference, struct arena *a, struct registry_document *ret,
			 struct err *e)
{
	struct registry_document d;
	int rc;

	if (r->head.status != 200)
		return registry_fail(s, r, reference, e);
	d.type = content_type(r, a);
	if (!d.type)
		return err_sys(e, ENOMEM, "read a manifest");
	rc = registry_read_body(&r->body, DOCUMENT_MAX, a, &d.text, e);
	if (rc < 0)
		return err_wrap(e, "read a manifest");
	digest_of(d.text.p, d.text.n, &d.digest);
	if (strchr(reference, ':') && strcmp(reference, d.digest.text))
		return err_set(e, ERR_INVALID, "manifest verification failed for digest %s",
			       reference);
	*ret = d;
	return 0;
}

/* Whether the next endpoint may know better: after mirrors always, else while none has answered. */
static bool try_next(struct registry_session *s, bool answered)
{
	bool mirror = s->target->endpoints[s->endpoint].mirror;

	if (s->settled || (answered && !mirror))
		return false;
	return registry_next_endpoint(s);
}

int registry_get_manifest(struct registry_session *s, const char *reference, struct arena *a,
			  struct registry_document *ret, struct err *e)
{
	char rest[192];
	int rc;

	snprintf(rest, sizeof(rest), "manifests/%s", reference);
	for (;;) {
		struct http_client_response *r = NULL;

		rc = registry_get(s, rest, ACCEPT_MANIFESTS, 0, &r, e);
		if (rc == 0)
			rc = read_manifest(s, r, reference, a, ret, e);
		if (rc == 0 || !try_next(s, r != NULL))
			break;
	}
	if (rc == 0)
		s->settled = true;
	return rc;
}

int registry_get_document(struct registry_session *s, const struct digest *d, struct arena *a,
			  struct str *ret, struct err *e)
{
	CLEANUP_MEM struct registry_blob *b = mem_alloc(sizeof(*b));
	struct digest found;
	struct str text;
	int rc;

	if (!b)
		return err_sys(e, ENOMEM, "read a configuration");
	rc = registry_blob_open(b, s, d, 0, e);
	if (rc == 0)
		rc = registry_read_body(&b->reader, DOCUMENT_MAX, a, &text, e);
	if (rc < 0)
		return rc;
	digest_of(text.p, text.n, &found);
	if (!digest_eq(&found, d))
		return err_set(e, ERR_INVALID, "image config verification failed for digest %s",
			       d->text);
	*ret = text;
	return 0;
}

/* --- tags --- */

/* The address of the next page, from Link: <url>; rel="next"; only its query is used. */
static const char *next_page(const struct http_client_response *r, struct arena *a)
{
	struct str link = http_get_header(&r->head, "Link"), query;
	ptrdiff_t end = str_find(link, '>');

	if (end < 0 || !link.n || link.p[0] != '<')
		return NULL;
	link = str_span(link.p + 1, (size_t)end - 1);
	(void)str_cut(link, '?', &query);
	return query.n && query.n < URL_MAX / 2
		       ? arena_printf(a, "tags/list?" STR_FMT, STR_ARG(query))
		       : NULL;
}

static int add_tags(struct str body, struct arena *a, struct texts *t, struct err *e)
{
	struct json_node root, one;
	struct json_iter it = {0};
	struct str key, tag;
	const char **items;
	size_t more;
	int rc = json_parse(body, a, &root, e);

	if (rc < 0)
		return err_wrap(e, "invalid list of tags");
	root = json_get(root, "tags");
	more = json_count(root);
	items = arena_grow(a, t->items, t->n * sizeof(*items), (t->n + more + 1) * sizeof(*items));
	if (!items)
		return err_sys(e, ENOMEM, "list the tags");
	t->items = items;
	while (json_next(root, &it, a, &key, &one)) {
		if (json_string(one, a, &tag) < 0)
			return err_set(e, ERR_INVALID, "invalid list of tags");
		items[t->n] = arena_strndup(a, tag.p, tag.n);
		if (!items[t->n++])
			return err_sys(e, ENOMEM, "list the tags");
	}
	return 0;
}

int registry_get_tags(struct registry_session *s, struct arena *a, struct texts *ret, struct err *e)
{
	const char *rest = "tags/list";
	struct texts t = {.set = true};

	for (unsigned page = 0; rest && page < TAGS_PAGES_MAX; page++) {
		struct http_client_response *r = NULL;
		struct str body;
		int rc = registry_get(s, rest, "application/json", 0, &r, e);

		if (rc == 0 && r->head.status != 200)
			rc = registry_fail(s, r, NULL, e);
		if (rc < 0) {
			if (page == 0 && try_next(s, r != NULL)) {
				page--;
				continue;
			}
			return rc;
		}
		s->settled = true;
		rest = next_page(r, a);
		rc = registry_read_body(&r->body, DOCUMENT_MAX, a, &body, e);
		if (rc == 0)
			rc = add_tags(body, a, &t, e);
		if (rc < 0)
			return rc;
	}
	*ret = t;
	return 0;
}
