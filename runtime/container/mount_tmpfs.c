/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TmpfsOptions of a mount, as the options of the kernel's tmpfs; and where a tmpfs may be.
 */
#include "firmware/fmt/json.h"
#include "runtime/container/private.h"

#define OPTIONS_MAX 4096

static int bad_length(struct err *e)
{
	return err_set(e, ERR_INVALID, "invalid option array length");
}

/* ["noexec"] or ["exec", "…"]: only whether programs may run can be said. */
static int add_option(struct json_node option, struct arena *a, struct buf *out, struct err *e)
{
	struct str words[2] = {{NULL, 0}, {NULL, 0}};
	struct json_iter it = {0};
	struct json_node word;
	size_t n = 0;

	if (json_type(option) != JSON_ARRAY || json_count(option) < 1 || json_count(option) > 2)
		return bad_length(e);
	while (json_next(option, &it, a, NULL, &word))
		if (json_string(word, a, &words[n++]) < 0)
			return bad_length(e);
	if (!str_eqz(words[0], "exec") && !str_eqz(words[0], "noexec"))
		return err_set(e, ERR_INVALID, "invalid option: " STR_FMT, STR_ARG(words[0]));
	buf_printf(out, "," STR_FMT, STR_ARG(words[0]));
	return 0;
}

static int add_options(struct str raw, struct arena *a, struct buf *out, struct err *e)
{
	struct json_iter it = {0};
	struct json_node root, option;

	if (json_parse(raw, a, &root, e) < 0)
		return err_code(e);
	if (json_type(root) == JSON_NULL)
		return 0;
	if (json_type(root) != JSON_ARRAY)
		return bad_length(e);
	while (json_next(root, &it, a, NULL, &option))
		if (add_option(option, a, out, e) < 0)
			return err_code(e);
	return 0;
}

int container_tmpfs_options(const struct tmpfs_options *o, struct arena *a, const char **ret,
			    struct err *e)
{
	struct buf out;

	buf_init(&out, a, OPTIONS_MAX);
	buf_printf(&out, "mode=%llo", (unsigned long long)(o && o->mode ? o->mode : 01777));
	if (o && o->size_bytes)
		buf_printf(&out, ",size=%lld", (long long)o->size_bytes);
	if (o && o->options.n && add_options(o->options, a, &out, e) < 0)
		return err_code(e);
	*ret = buf_text(&out);
	return out.failed ? err_set(e, ERR_UNAVAILABLE, "no memory for the container's mounts") : 0;
}

int container_check_tmpfs_target(const char *path, struct err *e)
{
	struct str rest = str_from(path);
	int depth = 0;

	if (*path != '/')
		return err_set(e, ERR_INVALID,
			       "invalid mount path: '%s' mount path must be absolute", path);
	while (rest.n) {
		struct str part = str_cut(rest, '/', &rest);

		if (str_eqz(part, ".."))
			depth = depth ? depth - 1 : 0;
		else if (part.n && !str_eqz(part, "."))
			depth++;
	}
	if (!depth)
		return err_set(e, ERR_INVALID, "invalid specification: destination can't be '/'");
	return 0;
}
