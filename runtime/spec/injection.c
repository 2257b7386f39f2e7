/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices that were asked for by name bring into the document: nodes, what the cgroup allows,
 * mounts, hooks, a class of the cache.
 */
#include <string.h>

#include "firmware/core/config.h"
#include "runtime/spec/private.h"

/* The edits, in order; none where that is not built in. */
static size_t edits_of(const struct spec_input *in, const struct cdi_edits **ret)
{
	*ret = CONFIG(CDI) && in->cdi ? in->cdi->edits.items : NULL;
	return *ret ? in->cdi->edits.n : 0;
}

static void write_owner(struct json_writer *w, const char *key, struct opt_i64 asked, uint32_t user)
{
	if (asked.set)
		json_kv_i64(w, key, asked.v);
	else if (user)
		json_kv_i64(w, key, user);
}

static void write_node(struct json_writer *w, const struct spec_input *in, const struct cdi_node *d)
{
	json_object_open(w);
	json_kv_text(w, "path", d->path);
	json_kv_text(w, "type", d->type);
	if (strcmp(d->type, "p") != 0) {
		json_kv_i64(w, "major", d->major);
		json_kv_i64(w, "minor", d->minor);
	}
	if (d->mode.set)
		json_kv_i64(w, "fileMode", d->mode.v);
	write_owner(w, "uid", d->uid, in->user.uid);
	write_owner(w, "gid", d->gid, in->user.gid);
	json_object_close(w);
}

void injection_write_nodes(struct json_writer *w, const struct spec_input *in)
{
	const struct cdi_edits *edits;
	size_t n = edits_of(in, &edits);

	for (size_t i = 0; i < n; i++) {
		const struct cdi_node *nodes = edits[i].nodes.items;

		for (size_t k = 0; k < edits[i].nodes.n; k++)
			if (cdi_find_node(in->cdi, nodes[k].path) == &nodes[k])
				write_node(w, in, &nodes[k]);
	}
}

void injection_write_rules(struct json_writer *w, const struct spec_input *in)
{
	const struct cdi_edits *edits;
	size_t n = edits_of(in, &edits);

	for (size_t i = 0; i < n; i++) {
		const struct cdi_node *nodes = edits[i].nodes.items;

		for (size_t k = 0; k < edits[i].nodes.n; k++) {
			const struct cdi_node *d = &nodes[k];
			const char *access = d->access && *d->access ? d->access : "rwm";

			if (strcmp(d->type, "p") != 0 && strcmp(access, "none") != 0)
				devices_write_rule(w, true, strcmp(d->type, "b") ? "c" : "b",
						   d->major, d->minor, access);
		}
	}
}

static void write_texts(struct json_writer *w, const char *key, const struct texts *list)
{
	if (!list->n)
		return;
	json_key(w, key);
	json_array_open(w);
	for (size_t i = 0; i < list->n; i++)
		json_put_text(w, list->items[i]);
	json_array_close(w);
}

static void write_hook(struct json_writer *w, const struct cdi_hook *h)
{
	json_object_open(w);
	json_kv_text(w, "path", h->path);
	write_texts(w, "args", &h->args);
	write_texts(w, "env", &h->env);
	if (h->timeout.set)
		json_kv_i64(w, "timeout", h->timeout.v);
	json_object_close(w);
}

/* The hooks of one kind. */
static void write_hooks_of(struct json_writer *w, const struct cdi_edits *edits, size_t n,
			   const char *name)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		const struct cdi_hook *hooks = edits[i].hooks.items;

		for (size_t k = 0; k < edits[i].hooks.n; k++) {
			if (strcmp(hooks[k].name, name) != 0)
				continue;
			if (!any) {
				json_key(w, name);
				json_array_open(w);
			}
			any = true;
			write_hook(w, &hooks[k]);
		}
	}
	if (any)
		json_array_close(w);
}

void injection_write_hooks(struct json_writer *w, const struct spec_input *in)
{
	static const char *const names[] = {"prestart",	      "createRuntime", "createContainer",
					    "startContainer", "poststart",     "poststop"};
	const struct cdi_edits *edits;
	size_t n = edits_of(in, &edits);

	if (!n)
		return;
	json_key(w, "hooks");
	json_object_open(w);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		write_hooks_of(w, edits, n, names[i]);
	json_object_close(w);
}

void injection_write_rdt(struct json_writer *w, const struct spec_input *in)
{
	const struct cdi_edits *edits;
	size_t n = edits_of(in, &edits);
	struct str last = {NULL, 0};

	for (size_t i = 0; i < n; i++)
		if (edits[i].intel_rdt.n)
			last = edits[i].intel_rdt;
	if (!last.n)
		return;
	json_key(w, "intelRdt");
	json_put_raw(w, last);
}

void injection_each_mount(const struct spec_input *in,
			  void (*visit)(void *arg, const struct cdi_mount *m), void *arg)
{
	const struct cdi_edits *edits;
	size_t n = edits_of(in, &edits);

	for (size_t i = 0; i < n; i++) {
		const struct cdi_mount *mounts = edits[i].mounts.items;

		for (size_t k = 0; k < edits[i].mounts.n; k++)
			if (cdi_find_mount(in->cdi, mounts[k].container_path) == &mounts[k])
				visit(arg, &mounts[k]);
	}
}

bool injection_mounts(const struct spec_input *in, const char *target)
{
	return CONFIG(CDI) && in->cdi && cdi_find_mount(in->cdi, target);
}

bool injection_has_node(const struct spec_input *in, const char *path)
{
	return CONFIG(CDI) && in->cdi && cdi_find_node(in->cdi, path);
}
