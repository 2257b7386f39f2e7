/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeviceRequests name devices by what they can do, for drivers that hand them out. There is no such
 * driver here, which a start says as the engine does.
 */
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
	if (!strcmp(driver, "cdi")) {
		for (size_t i = 0; i < d->device_ids.n; i++)
			buf_printf(&text, "%s%s", i ? ", " : "", d->device_ids.items[i]);
		return err_set(e, ERR_SYSTEM,
			       "CDI device injection failed: unresolvable CDI devices %s",
			       text.failed ? "" : buf_text(&text));
	}
	if (d->capabilities.n && json_parse(d->capabilities, a, &root, NULL) == 0 &&
	    json_type(root) == JSON_ARRAY)
		put_lists(root, a, &text);
	else
		buf_puts(&text, "[]");
	return err_set(e, ERR_SYSTEM, "could not select device driver \"%s\" with capabilities: %s",
		       driver, text.failed ? "" : buf_text(&text));
}

int launch_device_requests(struct launch *l, struct err *e)
{
	const struct device_request *d = l->c->host.device_requests.items;

	return l->c->host.device_requests.n ? refuse(&d[0], l->a, e) : 0;
}
