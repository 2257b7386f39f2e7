/* SPDX-License-Identifier: Apache-2.0 */
#include "api/finch/credentials.h"

#include <errno.h>
#include <string.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/fmt/json.h"

static struct build {
	char id[FINCH_BUILD_ID_SIZE]; /* "": free */
	char *auths;
	size_t n;
} builds[FINCH_BUILDS_MAX];

static struct build *find(struct str id)
{
	/* Ids are random and long: no use to compare them in constant time. */
	for (size_t i = 0; i < ARRAY_LEN(builds); i++)
		if (id.n && str_eqz(id, builds[i].id))
			return &builds[i];
	return NULL;
}

int finch_credentials_open(struct str auths, struct arena *a, char ret_id[FINCH_BUILD_ID_SIZE],
			   struct err *e)
{
	struct build *b = NULL;
	struct json_node root;
	uint8_t random[32];

	if (auths.n > FINCH_AUTHS_MAX)
		return err_set(e, ERR_TOO_LARGE, "the registry credentials are too long");
	if (json_parse(auths, a, &root, e) < 0)
		return err_wrap(e, "the registry credentials");
	if (json_type(root) != JSON_OBJECT)
		return err_set(e, ERR_INVALID, "the registry credentials are no object");
	for (size_t i = 0; i < ARRAY_LEN(builds) && !b; i++)
		if (!builds[i].id[0])
			b = &builds[i];
	if (!b)
		return err_set(e, ERR_UNAVAILABLE, "too many builds at once");
	b->auths = mem_strndup(auths.p, auths.n);
	if (!b->auths)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	b->n = auths.n;
	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), b->id);
	memcpy(ret_id, b->id, FINCH_BUILD_ID_SIZE);
	return 0;
}

void finch_credentials_close(const char *id)
{
	struct build *b = find(str_from(id));

	if (!b)
		return;
	explicit_bzero(b->auths, b->n);
	mem_free(b->auths);
	*b = (struct build){0};
}

int finch_credentials_find(struct str id, struct str server, struct arena *a, struct str *ret,
			   struct err *e)
{
	const struct build *b = find(id);
	struct json_iter it = {0};
	struct json_node root, value;
	struct str key, copy;

	if (!b)
		return err_set(e, ERR_NOT_FOUND, "no such build");
	/* The reply may outlive the build. */
	copy.p = arena_strndup(a, b->auths, b->n);
	copy.n = b->n;
	if (!copy.p)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (json_parse(copy, a, &root, e) < 0)
		return err_code(e);
	while (json_next(root, &it, a, &key, &value))
		if (str_eq(key, server) && json_type(value) == JSON_OBJECT) {
			*ret = json_raw(value);
			return 0;
		}
	return err_set(e, ERR_NOT_FOUND, "no credentials for this server");
}
