/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories, in order: a later one's device replaces an earlier one's of the same name; two
 * files of one directory with the same device make it unknown. Files are taken in the order of
 * their names.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/core/file.h"
#include "firmware/fmt/yaml.h"
#include "runtime/cdi/private.h"

int cdi_append(struct texts *list, const char *text, struct arena *a)
{
	const char **items = text ? arena_grow(a, (void *)list->items, list->n * sizeof(*items),
					       (list->n + 1) * sizeof(*items))
				  : NULL;

	if (!items)
		return -ENOMEM;
	items[list->n++] = text;
	list->items = items;
	list->set = true;
	return 0;
}

static bool has_ending(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	return n > m && !strcmp(name + n - m, ending);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Paths of the files in a directory; one that is not there has none. */
static int list_files(const char *path, struct arena *a, struct texts *ret)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	*ret = (struct texts){0};
	while (dir && r == 0 && (entry = readdir(dir)))
		if (entry->d_type != DT_DIR &&
		    (has_ending(entry->d_name, ".json") || has_ending(entry->d_name, ".yaml")))
			r = cdi_append(ret, arena_printf(a, "%s/%s", path, entry->d_name), a);
	if (dir)
		closedir(dir);
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), by_name);
	return r;
}

static int read_spec(const char *path, struct arena *a, struct cdi_spec *ret, struct err *e)
{
	struct str text;
	struct buf json;

	if (file_read_at(AT_FDCWD, path, CONFIG_CDI_FILE_MAX, a, &text, e) < 0)
		return err_code(e);
	if (has_ending(path, ".json"))
		return cdi_spec_parse(text, a, ret, e);
	buf_init(&json, a, (size_t)CONFIG_CDI_FILE_MAX * 2);
	if (yaml_to_json(text, &json, e) < 0)
		return err_code(e);
	return cdi_spec_parse(buf_str(&json), a, ret, e);
}

static int add_file(struct cdi_registry *reg, const char *path, size_t priority, struct arena *a)
{
	struct cdi_spec **specs, *spec = arena_alloc(a, sizeof(*spec));
	struct err e = ERR_INIT;

	if (!spec)
		return -ENOMEM;
	if (reg->n == CONFIG_CDI_FILES_MAX)
		return cdi_append(
			&reg->problems,
			arena_printf(a, "%s: more than %d files", path, CONFIG_CDI_FILES_MAX), a);
	if (read_spec(path, a, spec, &e) < 0)
		return cdi_append(&reg->problems,
				  arena_printf(a, "%s: failed to load CDI Spec: %s", path, e.msg),
				  a);
	spec->path = path;
	spec->priority = priority;
	specs = arena_grow(a, reg->specs, reg->n * sizeof(struct cdi_spec *),
			   (reg->n + 1) * sizeof(struct cdi_spec *));
	if (!specs)
		return -ENOMEM;
	specs[reg->n++] = spec;
	reg->specs = specs;
	return 0;
}

int cdi_scan(const struct texts *dirs, struct arena *a, struct cdi_registry *ret)
{
	struct texts files;
	int r = 0;

	*ret = (struct cdi_registry){0};
	for (size_t i = 0; i < dirs->n && r == 0; i++) {
		r = list_files(dirs->items[i], a, &files);
		for (size_t k = 0; k < files.n && r == 0; k++)
			r = add_file(ret, files.items[k], i, a);
	}
	return r;
}

struct cdi_device *cdi_find(const struct cdi_registry *reg, const char *name,
			    struct cdi_spec **ret_spec, struct cdi_spec **ret_rival)
{
	struct str device, kind = str_cut(str_from(name), '=', &device);
	struct cdi_device *found = NULL;

	*ret_spec = *ret_rival = NULL;
	for (size_t i = 0; i < reg->n; i++) {
		struct cdi_spec *spec = reg->specs[i];
		struct cdi_device *devices = spec->devices.items;

		if (!str_eqz(kind, spec->kind))
			continue;
		for (size_t k = 0; k < spec->devices.n; k++) {
			if (!str_eqz(device, devices[k].name))
				continue;
			*ret_rival =
				found && (*ret_spec)->priority == spec->priority ? *ret_spec : NULL;
			*ret_spec = spec;
			found = &devices[k];
		}
	}
	return *ret_rival ? NULL : found;
}
