/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "runtime/cdi/private.h"

#define F(type, name, member, kind, ...) SHAPE_FIELD(struct type, name, member, kind, __VA_ARGS__)
#define SHAPE_OF(type, go_name, table)                                                             \
	{                                                                                          \
		.name = (go_name), .size = sizeof(struct type), .fields = (table),                 \
		.n_fields = ARRAY_LEN(table)                                                       \
	}

static const struct shape_field node_fields[] = {
	F(cdi_node, "path", path, SHAPE_TEXT),
	F(cdi_node, "hostPath", host_path, SHAPE_TEXT),
	F(cdi_node, "type", type, SHAPE_TEXT),
	F(cdi_node, "major", major, SHAPE_I64),
	F(cdi_node, "minor", minor, SHAPE_I64),
	F(cdi_node, "fileMode", mode, SHAPE_OPT_I64),
	F(cdi_node, "permissions", access, SHAPE_TEXT),
	F(cdi_node, "uid", uid, SHAPE_OPT_I64),
	F(cdi_node, "gid", gid, SHAPE_OPT_I64),
};
static const struct shape shape_node = SHAPE_OF(cdi_node, "DeviceNode", node_fields);

static const struct shape_field mount_fields[] = {
	F(cdi_mount, "hostPath", host_path, SHAPE_TEXT),
	F(cdi_mount, "containerPath", container_path, SHAPE_TEXT),
	F(cdi_mount, "type", type, SHAPE_TEXT),
	F(cdi_mount, "options", options, SHAPE_TEXTS),
};
static const struct shape shape_mount = SHAPE_OF(cdi_mount, "Mount", mount_fields);

static const struct shape_field hook_fields[] = {
	F(cdi_hook, "hookName", name, SHAPE_TEXT),	F(cdi_hook, "path", path, SHAPE_TEXT),
	F(cdi_hook, "args", args, SHAPE_TEXTS),		F(cdi_hook, "env", env, SHAPE_TEXTS),
	F(cdi_hook, "timeout", timeout, SHAPE_OPT_I64),
};
static const struct shape shape_hook = SHAPE_OF(cdi_hook, "Hook", hook_fields);

static const struct shape_field edits_fields[] = {
	F(cdi_edits, "env", env, SHAPE_TEXTS),
	F(cdi_edits, "deviceNodes", nodes, SHAPE_ARRAY, .sub = &shape_node),
	F(cdi_edits, "mounts", mounts, SHAPE_ARRAY, .sub = &shape_mount),
	F(cdi_edits, "hooks", hooks, SHAPE_ARRAY, .sub = &shape_hook),
	F(cdi_edits, "additionalGids", gids, SHAPE_RAW),
	F(cdi_edits, "intelRdt", intel_rdt, SHAPE_RAW),
	F(cdi_edits, "netDevices", net_devices, SHAPE_RAW),
};
static const struct shape shape_edits = SHAPE_OF(cdi_edits, "ContainerEdits", edits_fields);

static const struct shape_field device_fields[] = {
	F(cdi_device, "name", name, SHAPE_TEXT),
	F(cdi_device, "containerEdits", edits, SHAPE_STRUCT, .sub = &shape_edits),
};
static const struct shape shape_device = SHAPE_OF(cdi_device, "Device", device_fields);

static const struct shape_field spec_fields[] = {
	F(cdi_spec, "cdiVersion", version, SHAPE_TEXT),
	F(cdi_spec, "kind", kind, SHAPE_TEXT),
	F(cdi_spec, "devices", devices, SHAPE_ARRAY, .sub = &shape_device),
	F(cdi_spec, "containerEdits", edits, SHAPE_STRUCT, .sub = &shape_edits),
};
static const struct shape shape_spec = SHAPE_OF(cdi_spec, "Spec", spec_fields);

static const struct shape_field injection_fields[] = {
	F(cdi_injection, "edits", edits, SHAPE_ARRAY, .sub = &shape_edits),
};
const struct shape shape_cdi_injection = SHAPE_OF(cdi_injection, "Injection", injection_fields);

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_letter(char c)
{
	return is_alnum(c) && !(c >= '0' && c <= '9');
}

/* Begins and ends with a letter or digit; between them these too. */
static bool is_word(struct str text, const char *between)
{
	if (!text.n || !is_alnum(text.p[0]) || !is_alnum(text.p[text.n - 1]))
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (!is_alnum(text.p[i]) && (!text.p[i] || !strchr(between, text.p[i])))
			return false;
	return true;
}

static int check_kind(const char *kind, struct err *e)
{
	struct str class, vendor = str_cut(str_from(kind), '/', &class);

	if (!is_word(vendor, "_-.") || !is_letter(vendor.p[0]))
		return err_set(e, ERR_INVALID, "invalid vendor \"" STR_FMT "\"", STR_ARG(vendor));
	if (!is_word(class, "_-.") || !is_letter(class.p[0]))
		return err_set(e, ERR_INVALID, "invalid class \"" STR_FMT "\"", STR_ARG(class));
	return 0;
}

static int check_version(const char *version, struct err *e)
{
	static const char *const known[] = {"0.3.0", "0.4.0", "0.5.0", "0.6.0",
					    "0.7.0", "0.8.0", "1.0.0", "1.1.0"};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (version && !strcmp(version, known[i]))
			return 0;
	return err_set(e, ERR_INVALID, "invalid version \"%s\"", version ? version : "");
}

static int check_env(const struct texts *env, struct err *e)
{
	for (size_t i = 0; i < env->n; i++)
		if (strcspn(env->items[i], "=") == 0 || !strchr(env->items[i], '='))
			return err_set(e, ERR_INVALID, "invalid environment variable \"%s\"",
				       env->items[i]);
	return 0;
}

static bool is_none(const char *text)
{
	return !text || !*text;
}

static int check_node(const struct cdi_node *d, struct err *e)
{
	const char *access = d->access ? d->access : "";

	if (is_none(d->path) || d->path[0] != '/')
		return err_set(e, ERR_INVALID, "invalid (empty) device path");
	if (!is_none(d->type) && (d->type[1] || !strchr("bcup", d->type[0])))
		return err_set(e, ERR_INVALID, "device \"%s\": invalid type \"%s\"", d->path,
			       d->type);
	if (d->major < 0 || d->minor < 0)
		return err_set(e, ERR_INVALID, "device \"%s\": invalid (negative) device number",
			       d->path);
	if (strcmp(access, "none") != 0 && strspn(access, "rwm") != strlen(access))
		return err_set(e, ERR_INVALID, "device \"%s\": invalid permissions \"%s\"", d->path,
			       access);
	return 0;
}

static int check_hook(const struct cdi_hook *h, struct err *e)
{
	static const char *const names[] = {"prestart",	      "createRuntime", "createContainer",
					    "startContainer", "poststart",     "poststop"};
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		known = known || (h->name && !strcmp(h->name, names[i]));
	if (!known)
		return err_set(e, ERR_INVALID, "invalid hook name \"%s\"", h->name ? h->name : "");
	if (is_none(h->path) || h->path[0] != '/')
		return err_set(e, ERR_INVALID, "invalid hook \"%s\" with empty path", h->name);
	return check_env(&h->env, e);
}

/* An array of numbers that can be group ids. */
static int check_gids(struct str json, struct arena *a, struct err *e)
{
	struct json_iter it = {0};
	struct json_node list, item;
	int64_t gid;

	if (!json.n)
		return 0;
	if (json_parse(json, a, &list, e) < 0)
		return err_code(e);
	if (json_type(list) != JSON_ARRAY)
		return err_set(e, ERR_INVALID, "additionalGids is not an array");
	while (json_next(list, &it, a, NULL, &item))
		if (json_i64(item, &gid) < 0 || gid < 0 || gid > UINT32_MAX)
			return err_set(e, ERR_INVALID, "additionalGids has what is no group id");
	return 0;
}

static int check_edits(const struct cdi_edits *edits, struct arena *a, struct err *e)
{
	const struct cdi_node *nodes = edits->nodes.items;
	const struct cdi_mount *mounts = edits->mounts.items;
	const struct cdi_hook *hooks = edits->hooks.items;
	int r = check_env(&edits->env, e);

	for (size_t i = 0; i < edits->nodes.n && r == 0; i++)
		r = check_node(&nodes[i], e);
	for (size_t i = 0; i < edits->hooks.n && r == 0; i++)
		r = check_hook(&hooks[i], e);
	for (size_t i = 0; i < edits->mounts.n && r == 0; i++) {
		if (is_none(mounts[i].host_path))
			r = err_set(e, ERR_INVALID, "invalid mount, empty host path");
		else if (is_none(mounts[i].container_path))
			r = err_set(e, ERR_INVALID, "invalid mount, empty container path");
	}
	if (r == 0 && edits->net_devices.n)
		r = err_set(e, ERR_INVALID, "netDevices are not supported by this engine");
	if (r == 0 && edits->intel_rdt.n && edits->intel_rdt.p[0] != '{')
		r = err_set(e, ERR_INVALID, "intelRdt is not an object");
	return r < 0 ? r : check_gids(edits->gids, a, e);
}

static bool does_nothing(const struct cdi_edits *x)
{
	return !x->env.n && !x->nodes.n && !x->mounts.n && !x->hooks.n && !x->gids.n &&
	       !x->intel_rdt.n && !x->net_devices.n;
}

int cdi_spec_parse(struct str json, struct arena *a, struct cdi_spec *ret, struct err *e)
{
	struct cdi_device *devices;
	int r = shape_decode_text(&shape_spec, json, a, ret, e);

	if (r == 0)
		r = check_version(ret->version, e);
	if (r == 0)
		r = check_kind(ret->kind ? ret->kind : "", e);
	if (r == 0)
		r = check_edits(&ret->edits, a, e);
	if (r == 0 && !ret->devices.n)
		r = err_set(e, ERR_INVALID, "invalid spec, no devices");
	devices = ret->devices.items;
	for (size_t i = 0; i < ret->devices.n && r == 0; i++) {
		const char *name = devices[i].name ? devices[i].name : "";

		if (!is_word(str_from(name), "_-.:"))
			return err_set(e, ERR_INVALID, "invalid device name \"%s\"", name);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(devices[k].name, name))
				return err_set(e, ERR_INVALID,
					       "invalid spec, multiple device \"%s\"", name);
		if (does_nothing(&devices[i].edits))
			return err_set(e, ERR_INVALID, "invalid device, empty device edits");
		r = check_edits(&devices[i].edits, a, e);
	}
	return r;
}
