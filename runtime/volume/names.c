/* SPDX-License-Identifier: Apache-2.0 */
/* What a volume may be called, and where one of that name lies. */
#include "firmware/core/file.h"
#include "runtime/volume/private.h"

void volume_make_name(char out[65])
{
	uint8_t raw[32];

	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), out);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_is_good(const char *name)
{
	if (!is_word(*name))
		return false;
	for (const char *p = name + 1; *p; p++)
		if (!is_word(*p) && *p != '_' && *p != '.' && *p != '-')
			return false;
	return true;
}

int volume_check(const struct volume_request *req, struct err *e)
{
	const char *name = req->name;

	if (req->driver && *req->driver && strcmp(req->driver, VOLUME_DRIVER))
		return err_set(e, ERR_NOT_FOUND,
			       "create %s: error looking up volume plugin %s: plugin \"%s\" not "
			       "found",
			       name ? name : "", req->driver, req->driver);
	if (!name || !*name)
		return 0;
	if (!name[1])
		return err_set(e, ERR_INVALID,
			       "create %s: volume name is too short, names should be at least two "
			       "alphanumeric characters",
			       name);
	if (!name_is_good(name))
		return err_set(e, ERR_INVALID,
			       "create %.300s: \"%.300s\" includes invalid characters for a local "
			       "volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If "
			       "you intended to pass a host directory, use absolute path",
			       name, name);
	if (strlen(name) > VOLUME_NAME_MAX)
		return err_set(e, ERR_INVALID,
			       "create %.80s…: a volume's name has at most %d characters", name,
			       VOLUME_NAME_MAX);
	return 0;
}

const char *volume_path(const struct volume_store *s, const char *name, struct arena *a)
{
	return arena_printf(a, "%s/%s/_data", s->root, name);
}
