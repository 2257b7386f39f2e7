/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/spec/private.h"

#define DIR_DEPTH_MAX 4
#define DEVICE_PATH_MAX 256
#define DEVICES_MAX 4096

/* Always usable: null, zero, full, random, urandom, tty, console. fuse is not. */
static const char *const default_rules[] = {
	"c 1:5 rwm", "c 1:3 rwm", "c 1:9 rwm", "c 1:8 rwm", "c 5:0 rwm", "c 5:1 rwm",
};

/* What a walk over the devices asked for does with each node. */
struct visit {
	struct json_writer *w;
	const struct spec_input *in;
	bool rules; /* the cgroup's rule, else the node */
	const char *access;
	size_t count;
};

void devices_write_rule(struct json_writer *w, bool allow, const char *type, int64_t major,
			int64_t minor, const char *access)
{
	json_object_open(w);
	json_kv_bool(w, "allow", allow);
	if (type)
		json_kv_text(w, "type", type);
	if (major >= 0)
		json_kv_i64(w, "major", major);
	if (minor >= 0)
		json_kv_i64(w, "minor", minor);
	json_kv_text(w, "access", access);
	json_object_close(w);
}

static int number_or_any(struct str text, int64_t *ret)
{
	if (str_eqz(text, "*")) {
		*ret = -1;
		return 0;
	}
	return str_to_i64(text, ret) < 0 || *ret < 0 ? -EINVAL : 0;
}

int devices_write_rule_text(struct json_writer *w, const char *text, struct err *e)
{
	struct str rest = str_from(text), type, major, minor;
	int64_t numbers[2];
	char kind[2] = {0}, access[8];

	type = str_cut(rest, ' ', &rest);
	minor = str_cut(rest, ' ', &rest);
	major = str_cut(minor, ':', &minor);
	if (type.n != 1 || !strchr("abc", type.p[0]) || number_or_any(major, &numbers[0]) < 0 ||
	    number_or_any(minor, &numbers[1]) < 0 || !rest.n ||
	    !str_copy(access, sizeof(access), rest) || strspn(access, "rwm") != rest.n)
		return err_set(e, ERR_INVALID, "invalid device cgroup rule format: '%s'", text);
	kind[0] = type.p[0];
	if (w)
		devices_write_rule(w, true, kind, numbers[0], numbers[1], access);
	return 0;
}

static void visit_node(struct visit *v, const char *target, const struct stat *st)
{
	const char *type = S_ISBLK(st->st_mode) ? "b" : S_ISCHR(st->st_mode) ? "c" : "p";

	v->count++;
	if (!v->rules && injection_has_node(v->in, target))
		return;
	if (v->rules) {
		if (!S_ISFIFO(st->st_mode))
			devices_write_rule(v->w, true, type, (int64_t)major(st->st_rdev),
					   (int64_t)minor(st->st_rdev), v->access);
		return;
	}
	json_object_open(v->w);
	json_kv_text(v->w, "path", target);
	json_kv_text(v->w, "type", type);
	if (!S_ISFIFO(st->st_mode)) {
		json_kv_i64(v->w, "major", (int64_t)major(st->st_rdev));
		json_kv_i64(v->w, "minor", (int64_t)minor(st->st_rdev));
	}
	json_kv_i64(v->w, "fileMode", st->st_mode & 07777);
	json_kv_i64(v->w, "uid", st->st_uid);
	json_kv_i64(v->w, "gid", st->st_gid);
	json_object_close(v->w);
}

static bool is_device(const struct stat *st)
{
	return S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode);
}

/* All device nodes below a folder, under the same names below target. */
static void visit_dir(struct visit *v, const char *path, const char *target, int depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && v->count < DEVICES_MAX && (entry = readdir(dir))) {
		char from[DEVICE_PATH_MAX], to[DEVICE_PATH_MAX];
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(from, sizeof(from), "%s/%s", path, entry->d_name) >=
			    sizeof(from) ||
		    (size_t)snprintf(to, sizeof(to), "%s/%s", target, entry->d_name) >=
			    sizeof(to) ||
		    lstat(from, &st) < 0)
			continue;
		if (is_device(&st))
			visit_node(v, to, &st);
		else if (S_ISDIR(st.st_mode) && depth < DIR_DEPTH_MAX)
			visit_dir(v, from, to, depth + 1);
	}
	if (dir)
		closedir(dir);
}

static int visit_mapping(struct visit *v, const struct device_mapping *d, struct err *e)
{
	const char *from = d->path_on_host ? d->path_on_host : "";
	const char *to =
		d->path_in_container && d->path_in_container[0] ? d->path_in_container : from;
	size_t before = v->count;
	struct stat st;

	v->access =
		d->cgroup_permissions && d->cgroup_permissions[0] ? d->cgroup_permissions : "rwm";
	if (strspn(v->access, "rwm") != strlen(v->access))
		return err_set(e, ERR_INVALID, "invalid device mode: %s", v->access);
	if (stat(from, &st) < 0)
		return err_set(e, ERR_SYSTEM,
			       "error gathering device information while adding custom "
			       "device \"%s\": no such file or directory",
			       from);
	if (is_device(&st))
		visit_node(v, to, &st);
	else if (S_ISDIR(st.st_mode))
		visit_dir(v, from, to, 0);
	if (v->count == before)
		return err_set(e, ERR_SYSTEM,
			       "error gathering device information while adding custom "
			       "device \"%s\": not a device node",
			       from);
	return 0;
}

static int visit_mappings(struct visit *v, const struct host_config *h, struct err *e)
{
	const struct device_mapping *d = h->devices.items;

	for (size_t i = 0; i < h->devices.n; i++) {
		int r = visit_mapping(v, &d[i], e);

		if (r < 0)
			return r;
	}
	return 0;
}

int devices_write_nodes(struct json_writer *w, const struct spec_input *in, struct err *e)
{
	struct visit v = {.w = w, .in = in};
	int r;

	json_key(w, "devices");
	json_array_open(w);
	for (size_t i = 0; in->host->privileged && in->host_devices && in->host_devices[i]; i++) {
		struct stat st;

		if (stat(in->host_devices[i], &st) == 0 && is_device(&st))
			visit_node(&v, in->host_devices[i], &st);
	}
	r = visit_mappings(&v, in->host, e);
	injection_write_nodes(w, in);
	json_array_close(w);
	return r;
}

int devices_write_rules(struct json_writer *w, const struct spec_input *in, struct err *e)
{
	struct visit v = {.w = w, .in = in, .rules = true};
	int r = 0;

	json_key(w, "devices");
	json_array_open(w);
	if (in->host->privileged) {
		devices_write_rule(w, true, NULL, -1, -1, "rwm");
		json_array_close(w);
		return 0;
	}
	devices_write_rule(w, false, NULL, -1, -1, "rwm");
	for (size_t i = 0; i < ARRAY_LEN(default_rules) && r == 0; i++)
		r = devices_write_rule_text(w, default_rules[i], e);
	if (r == 0)
		r = visit_mappings(&v, in->host, e);
	for (size_t i = 0; i < in->host->device_cgroup_rules.n && r == 0; i++)
		r = devices_write_rule_text(w, in->host->device_cgroup_rules.items[i], e);
	injection_write_rules(w, in);
	json_array_close(w);
	return r;
}
