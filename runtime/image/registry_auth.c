/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: the client's header, the registry's challenge, and the token service between them.
 */
#include <errno.h>
#include <stdio.h>

#include "firmware/core/buf.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/base64.h"
#include "runtime/image/registry.h"

#define TOKEN_REPLY_MAX (256u * 1024)
#define HEADER_MAX 8192 /* a token in a header */

/* RFC 3986: what stands for itself in a query. */
static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static void put_escaped(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (is_unreserved(c))
			buf_putc(b, c);
		else
			buf_printf(b, "%%%02X", (unsigned char)c);
	}
}

static void put_basic(struct buf *b, const struct registry_auth *auth, struct arena *a)
{
	const char *plain =
		arena_printf(a, "%s:%s", auth->username, auth->password ? auth->password : "");

	buf_puts(b, "Basic ");
	if (plain)
		base64_encode(b, plain, strlen(plain));
	else
		b->failed = true;
}

static int set_authorization(struct registry_session *s, struct buf *value, struct err *e)
{
	char *copy = value->failed ? NULL : mem_strdup(buf_text(value));

	if (!copy)
		return err_sys(e, ENOMEM, "authenticate");
	mem_free(s->authorization);
	s->authorization = copy;
	return 0;
}

static const struct registry_auth *credentials(const struct registry_session *s)
{
	static const struct registry_auth nobody;

	return s->target->endpoints[s->endpoint].mirror ? &nobody : &s->target->auth;
}

static int answer_basic(struct registry_session *s, struct str url, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct buf value;

	if (!credentials(s)->username)
		return err_set(e, ERR_SYSTEM, "Get \"" STR_FMT "\": no basic auth credentials",
			       STR_ARG(url));
	if (s->authorization)
		return err_set(e, ERR_SYSTEM,
			       "Get \"" STR_FMT "\": unauthorized: authentication required",
			       STR_ARG(url));
	arena_open_heap(&a, 64 * 1024);
	buf_init(&value, &a, HEADER_MAX);
	put_basic(&value, credentials(s), &a);
	return set_authorization(s, &value, e);
}

/* The token request: GET with the query, or POST of an identity token as OAuth 2 has it. */
struct token_request {
	struct buf url, form, basic;
	struct http_header headers[2];
	struct http_client_request http;
};

static void put_query(struct buf *b, const struct challenge *c, const struct registry_session *s)
{
	buf_puts(b, "service=");
	put_escaped(b, c->service);
	if (s->login && !c->scope.n)
		return;
	buf_puts(b, "&scope=");
	if (c->scope.n)
		put_escaped(b, c->scope);
	else
		buf_printf(b, "repository%%3A%s%%3Apull", s->target->path);
}

static void build_token_request(struct token_request *t, struct registry_session *s,
				const struct challenge *c, struct arena *a)
{
	const struct registry_auth *auth = credentials(s);

	buf_init(&t->url, a, HEADER_MAX);
	buf_init(&t->form, a, HEADER_MAX);
	buf_init(&t->basic, a, HEADER_MAX);
	buf_put_str(&t->url, c->realm);
	if (auth->identity_token) {
		buf_puts(&t->form, "grant_type=refresh_token&client_id=serin&");
		put_query(&t->form, c, s);
		buf_puts(&t->form, "&refresh_token=");
		put_escaped(&t->form, str_from(auth->identity_token));
		t->headers[0] = (struct http_header){STR("Content-Type"),
						     STR("application/x-www-form-urlencoded")};
		t->http.method = "POST";
		t->http.body = buf_str(&t->form);
		t->http.n_headers = 1;
	} else {
		buf_putc(&t->url, str_find(c->realm, '?') >= 0 ? '&' : '?');
		put_query(&t->url, c, s);
		if (s->login)
			buf_puts(&t->url, "&offline_token=true&client_id=serin");
		t->http.method = "GET";
		if (auth->username) {
			buf_puts(&t->url, "&account=");
			put_escaped(&t->url, str_from(auth->username));
			put_basic(&t->basic, auth, a);
			t->headers[0] =
				(struct http_header){STR("Authorization"), buf_str(&t->basic)};
			t->http.n_headers = 1;
		}
	}
	t->http.headers = t->headers;
	t->http.url = buf_str(&t->url);
}

static int keep_refresh_token(struct registry_session *s, struct json_node root, struct arena *a)
{
	struct str token;
	char *copy;

	if (json_string(json_get(root, "refresh_token"), a, &token) < 0 || !token.n ||
	    token.n > HEADER_MAX || memchr(token.p, 0, token.n))
		return 0;
	token.p = arena_strndup(a, token.p, token.n);
	copy = token.p ? mem_strdup(token.p) : NULL;
	if (!copy)
		return -ENOMEM;
	mem_free(s->refresh_token);
	s->refresh_token = copy;
	return 0;
}

static int take_token_reply(struct registry_session *s, struct str body, struct arena *a,
			    struct err *e)
{
	struct json_node root;
	struct str token;
	struct buf value;

	if (json_parse(body, a, &root, NULL) < 0 ||
	    ((json_string(json_get(root, "token"), a, &token) < 0 || !token.n) &&
	     (json_string(json_get(root, "access_token"), a, &token) < 0 || !token.n)))
		return err_set(e, ERR_SYSTEM,
			       "authorization server did not include a token in the response");
	for (size_t i = 0; i < token.n; i++) {
		/* It becomes part of a header. */
		if (token.p[i] <= ' ' || token.p[i] == 0x7f)
			return err_set(e, ERR_SYSTEM, "authorization server sent an invalid token");
	}
	if (s->login && keep_refresh_token(s, root, a) < 0)
		return err_sys(e, ENOMEM, "authenticate");
	buf_init(&value, a, HEADER_MAX);
	buf_puts(&value, "Bearer ");
	buf_put_str(&value, token);
	return set_authorization(s, &value, e);
}

/* Encrypted registries do not get to send a password in the clear. */
static int check_realm(const struct registry_session *s, const struct challenge *c, struct err *e)
{
	bool secret = credentials(s)->username || credentials(s)->identity_token;
	struct http_url url;

	if (http_url_parse(c->realm, &url, NULL) < 0)
		return err_set(e, ERR_SYSTEM, "invalid realm in the registry's challenge");
	if (secret && !url.tls && strz_starts(s->target->endpoints[s->endpoint].base, "https:"))
		return err_set(e, ERR_SYSTEM, "the registry's token service is not encrypted");
	return 0;
}

static int refused_login(struct registry_session *s, struct http_client_response *r,
			 struct arena *a, struct err *e)
{
	struct str code = {0}, message = {0};

	registry_read_error(r, a, &code, &message);
	return err_set(e, ERR_UNAUTHORIZED, "Get \"%s/v2/\": unauthorized: " STR_FMT,
		       s->target->endpoints[s->endpoint].base,
		       STR_ARG(message.n ? message : STR("incorrect username or password")));
}

static NOINLINE int fetch_token(struct registry_session *s, const struct challenge *c,
				struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	CLEANUP_MEM struct token_request *t = mem_alloc(sizeof(*t));
	struct http_client_response *r;
	struct str body;
	int rc;

	if (!t)
		return err_sys(e, ENOMEM, "authenticate");
	arena_open_heap(&a, 4 * TOKEN_REPLY_MAX);
	build_token_request(t, s, c, &a);
	if (t->url.failed || t->form.failed || t->basic.failed)
		return err_set(e, ERR_INVALID, "the credentials are too long");
	rc = http_client_do(s->client, &t->http, &r, e);
	if (rc < 0)
		return err_wrap(e, "Get \"" STR_FMT "\"", STR_ARG(c->realm));
	if (r->head.status != 200) {
		if (s->login &&
		    (r->head.status == 401 || r->head.status == 403 || r->head.status == 400))
			return refused_login(s, r, &a, e);
		if (r->head.status == 401 || r->head.status == 403 || r->head.status == 400)
			return err_set(e, ERR_SYSTEM,
				       "Get \"" STR_FMT
				       "\": unauthorized: incorrect username or password",
				       STR_ARG(c->realm));
		return err_set(e, ERR_SYSTEM,
			       "Get \"" STR_FMT "\": received unexpected HTTP status: %d %s",
			       STR_ARG(c->realm), r->head.status, http_status_text(r->head.status));
	}
	rc = registry_read_body(&r->body, TOKEN_REPLY_MAX, &a, &body, e);
	return rc < 0 ? rc : take_token_reply(s, body, &a, e);
}

static int answer_bearer(struct registry_session *s, const struct challenge *c, struct err *e)
{
	CLEANUP_ARENA struct arena a = {0};
	struct buf value;
	int rc;

	if (credentials(s)->registry_token) {
		if (s->authorization)
			return err_set(e, ERR_SYSTEM, "unauthorized: authentication required");
		arena_open_heap(&a, 64 * 1024);
		buf_init(&value, &a, HEADER_MAX);
		buf_printf(&value, "Bearer %s", credentials(s)->registry_token);
		return set_authorization(s, &value, e);
	}
	arena_open_heap(&a, 64 * 1024);
	rc = check_realm(s, c, e);
	return rc < 0 ? rc : fetch_token(s, c, e);
}

int registry_authorize(struct registry_session *s, const struct challenge *c, struct str url,
		       struct err *e)
{
	switch (c->scheme) {
	case CHALLENGE_BASIC:
		return answer_basic(s, url, e);
	case CHALLENGE_BEARER:
		return answer_bearer(s, c, e);
	case CHALLENGE_NONE:
		break;
	}
	return err_set(e, ERR_SYSTEM, "Get \"" STR_FMT "\": unauthorized: authentication required",
		       STR_ARG(url));
}
