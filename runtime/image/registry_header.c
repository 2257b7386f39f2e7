/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials as texts: the header a client sends, the challenge a registry sends. Pure. */
#include "firmware/core/buf.h"
#include "firmware/fmt/base64.h"
#include "runtime/image/registry.h"

#define AUTH_HEADER_MAX (64u * 1024)

/* --- X-Registry-Auth --- */

struct auth_text {
	const char *username, *password, *auth, *identity_token, *registry_token, *server_address;
};
static const struct shape_field auth_fields[] = {
	SHAPE_FIELD(struct auth_text, "username", username, SHAPE_TEXT),
	SHAPE_FIELD(struct auth_text, "password", password, SHAPE_TEXT),
	SHAPE_FIELD(struct auth_text, "auth", auth, SHAPE_TEXT),
	SHAPE_FIELD(struct auth_text, "identitytoken", identity_token, SHAPE_TEXT),
	SHAPE_FIELD(struct auth_text, "registrytoken", registry_token, SHAPE_TEXT),
	SHAPE_FIELD(struct auth_text, "serveraddress", server_address, SHAPE_TEXT),
};
static const struct shape shape_auth = {
	.name = "AuthConfig",
	.size = sizeof(struct auth_text),
	.fields = auth_fields,
	.n_fields = ARRAY_LEN(auth_fields),
};

static const char *unless_empty(const char *text)
{
	return text && text[0] ? text : NULL;
}

/* "auth": base64 of user:password, where the two do not stand alone. */
static void split_auth(struct auth_text *t, struct arena *a)
{
	struct str plain, user, password;

	if (unless_empty(t->username) || !unless_empty(t->auth) ||
	    base64_decode(str_from(t->auth), a, &plain) < 0)
		return;
	user = str_cut(plain, ':', &password);
	t->username = arena_strndup(a, user.p, user.n);
	t->password = arena_strndup(a, password.p ? password.p : "", password.n);
}

int registry_auth_parse(struct json_node json, struct arena *a, struct registry_auth *ret,
			struct err *e)
{
	struct auth_text t;
	int rc = shape_decode(&shape_auth, json, a, &t, e);

	*ret = (struct registry_auth){0};
	if (rc < 0)
		return rc;
	split_auth(&t, a);
	ret->username = unless_empty(t.username);
	ret->password = unless_empty(t.password);
	ret->identity_token = unless_empty(t.identity_token);
	ret->registry_token = unless_empty(t.registry_token);
	ret->server_address = unless_empty(t.server_address);
	return 0;
}

void registry_auth_decode(struct str header, struct arena *a, struct registry_auth *ret)
{
	struct json_node root;
	struct str json;

	*ret = (struct registry_auth){0};
	if (!header.n || header.n > AUTH_HEADER_MAX || base64_decode(header, a, &json) < 0 ||
	    json_parse(json, a, &root, NULL) < 0 || registry_auth_parse(root, a, ret, NULL) < 0)
		return;
}

/* --- WWW-Authenticate --- */

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_blanks(struct str *s)
{
	while (s->n && (*s->p == ' ' || *s->p == '\t' || *s->p == ',')) {
		s->p++;
		s->n--;
	}
}

static struct str take_token(struct str *s)
{
	struct str token = {s->p, 0};

	while (s->n && is_token_char(*s->p)) {
		s->p++;
		s->n--;
		token.n++;
	}
	return token;
}

/* "value" or value, after the equals sign. Escapes inside quotes make the value unusable: it is
 * dropped. */
static struct str take_value(struct str *s)
{
	struct str value;
	bool escaped = false;

	if (!s->n || *s->p != '"')
		return take_token(s);
	s->p++;
	s->n--;
	value = str_span(s->p, 0);
	while (s->n && *s->p != '"') {
		if (*s->p == '\\' && s->n > 1) {
			escaped = true;
			s->p++;
			s->n--;
			value.n++;
		}
		s->p++;
		s->n--;
		value.n++;
	}
	if (s->n) {
		s->p++;
		s->n--;
	}
	if (escaped)
		value.n = 0;
	return value;
}

static void set_parameter(struct challenge *c, struct str name, struct str value)
{
	if (str_ieqz(name, "realm"))
		c->realm = value;
	else if (str_ieqz(name, "service"))
		c->service = value;
	else if (str_ieqz(name, "scope"))
		c->scope = value;
	else if (str_ieqz(name, "error"))
		c->error = value;
}

static void keep_better(struct challenge *best, const struct challenge *c)
{
	if (c->scheme > best->scheme)
		*best = *c;
}

void challenge_parse(struct str header, struct challenge *ret)
{
	struct challenge best = {0}, c = {0};
	struct str s = header;

	for (;;) {
		struct str name;

		skip_blanks(&s);
		name = take_token(&s);
		if (!name.n)
			break;
		if (s.n && *s.p == '=') {
			s.p++;
			s.n--;
			set_parameter(&c, name, take_value(&s));
			continue;
		}
		/* A word without a value begins the next challenge. */
		keep_better(&best, &c);
		c = (struct challenge){0};
		if (str_ieqz(name, "bearer"))
			c.scheme = CHALLENGE_BEARER;
		else if (str_ieqz(name, "basic"))
			c.scheme = CHALLENGE_BASIC;
	}
	keep_better(&best, &c);
	*ret = best;
}
