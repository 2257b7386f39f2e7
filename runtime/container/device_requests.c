/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeviceRequests name devices, in the Container Device Interface's way, or what they can do, for
 * drivers that hand them out. There is no driver of the second kind here, which a start says as the
 * engine does.
 */
#include "firmware/core/config.h"
#include "firmware/fmt/json.h"
#include "runtime/container/launch.h"

#define TEXT_MAX 1024

static void put_list(struct json_node list, struct arena *a, struct buf *out)
{
	struct json_iter it = {0};
	struct json_node item;
	struct str text;
	bool first = true;

	buf_putc(out, '[');
	while (json_next(list, &it, a, NULL, &item)) {
		buf_puts(out, first ? "" : " ");
		first = false;
		if (json_string(item, a, &text) == 0)
			buf_put_str(out, text);
	}
	buf_putc(out, ']');
}

/* [["gpu","nvidia"],["x"]] as Go prints it: [[gpu nvidia] [x]] */
static void put_lists(struct json_node lists, struct arena *a, struct buf *out)
{
	struct json_iter it = {0};
	struct json_node list;
	bool first = true;

	buf_putc(out, '[');
	while (json_next(lists, &it, a, NULL, &list)) {
		buf_puts(out, first ? "" : " ");
		first = false;
		put_list(list, a, out);
	}
	buf_putc(out, ']');
}

static int refuse(const struct device_request *d, struct arena *a, struct err *e)
{
	const char *driver = d->driver ? d->driver : "";
	struct json_node root;
	struct buf text;

	buf_init(&text, a, TEXT_MAX);
	if (d->capabilities.n && json_parse(d->capabilities, a, &root, NULL) == 0 &&
	    json_type(root) == JSON_ARRAY)
		put_lists(root, a, &text);
	else
		buf_puts(&text, "[]");
	return err_set(e, ERR_SYSTEM, "could not select device driver \"%s\" with capabilities: %s",
		       driver, text.failed ? "" : buf_text(&text));
}

static int take_names(struct launch *l, const struct device_request *d, struct err *e)
{
	if (!CONFIG(CDI))
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "devices by name are not built in (CONFIG_CDI)");
	if (!l->c->eng->opt->cdi_spec_dirs.n)
		return refuse(d, l->a, e);
	if (d->count)
		return err_set(e, ERR_INVALID, "unexpected count in CDI device request");
	if (d->options.n)
		return err_set(e, ERR_INVALID, "unexpected options in CDI device request");
	for (size_t i = 0; i < d->device_ids.n; i++)
		l->device_names.items[l->device_names.n++] = d->device_ids.items[i];
	return 0;
}

int launch_device_requests(struct launch *l, struct err *e)
{
	const struct device_request *d = l->c->host.device_requests.items;
	size_t n = l->c->host.device_requests.n, names = 0;

	for (size_t i = 0; i < n; i++)
		names += d[i].device_ids.n;
	l->device_names.items = arena_alloc_array(l->a, names, sizeof(*l->device_names.items));
	if (!l->device_names.items)
		return err_set(e, ERR_UNAVAILABLE, "no memory for devices");
	for (size_t i = 0; i < n; i++) {
		if (!d[i].driver || strcmp(d[i].driver, "cdi") != 0)
			return refuse(&d[i], l->a, e);
		if (take_names(l, &d[i], e) < 0)
			return err_code(e);
	}
	return 0;
}

static int take_gids(struct launch *l, struct str json, struct err *e)
{
	struct json_iter it = {0};
	struct json_node list, item;
	int64_t gid;

	if (!json.n)
		return 0;
	if (json_parse(json, l->a, &list, e) < 0)
		return err_code(e);
	while (json_next(list, &it, l->a, NULL, &item)) {
		if (json_i64(item, &gid) < 0 || gid == 0)
			continue;
		if (l->n_extra_gids == PASSWD_GROUPS_MAX)
			return err_set(e, ERR_TOO_LARGE, "too many groups");
		l->extra_gids[l->n_extra_gids++] = (uint32_t)gid;
	}
	return 0;
}

int launch_find_devices(struct launch *l, struct err *e)
{
	const struct cdi_edits *edits;
	int r;

	if (!CONFIG(CDI) || !l->device_names.n)
		return 0;
	r = cdi_resolve(&l->c->eng->opt->cdi_spec_dirs, &l->device_names, l->a, &l->injection, e);
	edits = l->injection.edits.items;
	for (size_t i = 0; r == 0 && i < l->injection.edits.n; i++)
		r = take_gids(l, edits[i].gids, e);
	return r;
}
