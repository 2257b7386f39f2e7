/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cdi/cdi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cdi/private.h"

#define REGISTRY_MEMORY (64u << 20) /* address space at most; files are bounded each */
#define TEXT_MAX 1024

/* Append what is to be done, and complete its nodes. */
static int add_edits(struct cdi_injection *in, const struct cdi_edits *edits, struct arena *a,
		     struct err *e)
{
	struct cdi_edits *items = arena_grow(a, in->edits.items, in->edits.n * sizeof(*items),
					     (in->edits.n + 1) * sizeof(*items));
	struct cdi_node *nodes = edits->nodes.items;

	if (!items)
		return err_set(e, ERR_UNAVAILABLE, "no memory for devices");
	items[in->edits.n++] = *edits;
	in->edits.items = items;
	for (size_t i = 0; i < edits->nodes.n; i++) {
		struct err why = ERR_INIT;

		if (cdi_node_complete(&nodes[i], &why) < 0)
			return err_set(e, ERR_SYSTEM,
				       "CDI device injection failed: failed to inject devices: %s",
				       why.msg);
	}
	return 0;
}

static bool is_seen(struct cdi_spec *const *specs, size_t n, const struct cdi_spec *spec)
{
	for (size_t i = 0; i < n; i++)
		if (specs[i] == spec)
			return true;
	return false;
}

static int collect(const struct cdi_registry *reg, const struct texts *names, struct arena *a,
		   struct cdi_injection *in, struct err *e)
{
	struct cdi_spec **seen = arena_alloc_array(a, names->n, sizeof(struct cdi_spec *)), *spec,
			*rival;
	struct buf missing;
	size_t n_seen = 0;
	int r = 0;

	buf_init(&missing, a, TEXT_MAX);
	if (!seen)
		return err_set(e, ERR_UNAVAILABLE, "no memory for devices");
	for (size_t i = 0; i < names->n && r == 0; i++) {
		const struct cdi_device *d = cdi_find(reg, names->items[i], &spec, &rival);

		if (!d) {
			buf_printf(&missing, "%s%s", missing.n ? ", " : "", names->items[i]);
			continue;
		}
		if (!is_seen(seen, n_seen, spec)) {
			seen[n_seen++] = spec;
			r = add_edits(in, &spec->edits, a, e);
		}
		if (r == 0)
			r = add_edits(in, &d->edits, a, e);
	}
	if (r == 0 && missing.n)
		return err_set(e, ERR_SYSTEM,
			       "CDI device injection failed: unresolvable CDI devices %s",
			       missing.failed ? "" : buf_text(&missing));
	return r;
}

int cdi_resolve(const struct texts *dirs, const struct texts *names, struct arena *a,
		struct cdi_injection *ret, struct err *e)
{
	CLEANUP_ARENA struct arena files = {0};
	struct cdi_injection found = {0};
	struct cdi_registry reg;

	arena_open_heap(&files, REGISTRY_MEMORY);
	if (cdi_scan(dirs, &files, &reg) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the devices' descriptions");
	if (collect(&reg, names, &files, &found, e) < 0)
		return err_code(e);
	if (shape_copy(&shape_cdi_injection, &found, a, ret) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for devices");
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_spec(const struct cdi_registry *reg, const struct cdi_spec *spec, struct arena *a,
		     struct texts *names, struct texts *problems)
{
	const struct cdi_device *devices = spec->devices.items;
	struct cdi_spec *winner, *rival;
	int r = 0;

	for (size_t k = 0; k < spec->devices.n && r == 0; k++) {
		const char *name = arena_printf(a, "%s=%s", spec->kind, devices[k].name);

		if (!name)
			return -ENOMEM;
		(void)cdi_find(reg, name, &winner, &rival);
		if (winner != spec)
			continue; /* told of with the one that counts */
		if (rival)
			r = cdi_append(problems,
				       arena_printf(a,
						    "%s: conflicting device \"%s\" (specs \"%s\", "
						    "\"%s\")",
						    spec->path, name, rival->path, spec->path),
				       a);
		else
			r = cdi_append(names, name, a);
	}
	return r;
}

int cdi_list(const struct texts *dirs, struct arena *a, struct texts *ret_names,
	     struct texts *ret_problems)
{
	CLEANUP_ARENA struct arena files = {0};
	struct cdi_registry reg;
	int r;

	*ret_names = *ret_problems = (struct texts){0};
	arena_open_heap(&files, REGISTRY_MEMORY);
	r = cdi_scan(dirs, &files, &reg);
	for (size_t i = 0; i < reg.problems.n && r == 0; i++)
		r = cdi_append(ret_problems, arena_strdup(a, reg.problems.items[i]), a);
	for (size_t i = 0; i < reg.n && r == 0; i++)
		r = list_spec(&reg, reg.specs[i], a, ret_names, ret_problems);
	if (ret_names->n)
		qsort(ret_names->items, ret_names->n, sizeof(*ret_names->items), by_name);
	return r;
}
