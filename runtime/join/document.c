/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the documents ask for. A member that stands for something this folder does not do is refused
 * by name, so that a document of the future is not half obeyed.
 */
#include <errno.h>
#include <string.h>

#include "firmware/core/mem.h"
#include "runtime/join/private.h"
#include "runtime/spec/spec.h"

static int cannot(struct err *e, const char *what)
{
	return err_set(e, ERR_NOT_IMPLEMENTED, "%s", what);
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_INVALID, "the process document's %s cannot be read", what);
}

static bool is_set(struct json_node n)
{
	switch (json_type(n)) {
	case JSON_NONE:
	case JSON_NULL:
		return false;
	case JSON_STRING:
		return json_raw(n).n > 2;
	case JSON_OBJECT:
	case JSON_ARRAY:
		return json_count(n) > 0;
	default:
		return true;
	}
}

static int read_text(struct json_node n, struct arena *a, char **ret)
{
	struct str s;

	if (json_string(n, a, &s) < 0)
		return -EINVAL;
	*ret = arena_strndup(a, s.p, s.n);
	return *ret ? 0 : -ENOMEM;
}

static int read_texts(struct json_node list, struct arena *a, char ***ret)
{
	struct json_iter it = {0};
	struct json_node v;
	char **items = arena_alloc_array(a, json_count(list) + 1, sizeof(*items));
	size_t n = 0;

	if (!items)
		return -ENOMEM;
	while (json_next(list, &it, NULL, NULL, &v)) {
		int r = read_text(v, a, &items[n++]);

		if (r < 0)
			return r;
	}
	*ret = items;
	return 0;
}

static int read_u32(struct json_node n, uint32_t *ret)
{
	int64_t v;

	if (json_type(n) == JSON_NONE)
		return 0;
	if (json_i64(n, &v) < 0 || v < 0 || v > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int read_user(struct json_node user, struct join_document *d)
{
	struct json_node list = json_get(user, "additionalGids"), v;
	struct json_iter it = {0};

	if (read_u32(json_get(user, "uid"), &d->uid) < 0 ||
	    read_u32(json_get(user, "gid"), &d->gid) < 0 || is_set(json_get(user, "umask")))
		return -EINVAL;
	while (json_next(list, &it, NULL, NULL, &v)) {
		if (d->n_groups == JOIN_GROUPS_MAX || read_u32(v, &d->groups[d->n_groups++]) < 0)
			return -EINVAL;
	}
	return 0;
}

static int read_caps(struct json_node caps, struct arena *a, struct join_document *d)
{
	static const char *const names[SET_N] = {"bounding", "permitted", "effective",
						 "inheritable", "ambient"};

	for (size_t i = 0; i < SET_N; i++) {
		struct json_iter it = {0};
		struct json_node v;
		struct str name;

		while (json_next(json_get(caps, names[i]), &it, NULL, NULL, &v)) {
			int cap = json_string(v, a, &name) == 0 ? caps_find(name) : -1;

			if (cap < 0)
				return -EINVAL;
			d->caps[i] |= 1ULL << cap;
		}
	}
	return 0;
}

/* Beyond what a signed number holds all is unlimited. */
static int read_limit(struct json_node n, rlim_t *ret)
{
	uint64_t v;

	if (json_type(n) != JSON_NUMBER || str_to_u64(json_raw(n), &v) < 0)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int read_rlimits(struct json_node list, struct arena *a, struct join_document *d)
{
	static const struct {
		const char *name;
		int resource;
	} names[] = {
		{"RLIMIT_CPU", RLIMIT_CPU},	      {"RLIMIT_FSIZE", RLIMIT_FSIZE},
		{"RLIMIT_DATA", RLIMIT_DATA},	      {"RLIMIT_STACK", RLIMIT_STACK},
		{"RLIMIT_CORE", RLIMIT_CORE},	      {"RLIMIT_RSS", RLIMIT_RSS},
		{"RLIMIT_NPROC", RLIMIT_NPROC},	      {"RLIMIT_NOFILE", RLIMIT_NOFILE},
		{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},   {"RLIMIT_AS", RLIMIT_AS},
		{"RLIMIT_LOCKS", RLIMIT_LOCKS},	      {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
		{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
		{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},     {"RLIMIT_RTTIME", RLIMIT_RTTIME},
	};
	struct json_iter it = {0};
	struct json_node v;

	while (json_next(list, &it, NULL, NULL, &v)) {
		struct rlimit limit;
		struct str name;
		size_t i = 0;

		if (json_string(json_get(v, "type"), a, &name) < 0 ||
		    read_limit(json_get(v, "soft"), &limit.rlim_cur) < 0 ||
		    read_limit(json_get(v, "hard"), &limit.rlim_max) < 0)
			return -EINVAL;
		while (i < ARRAY_LEN(names) && !str_eqz(name, names[i].name))
			i++;
		if (i == ARRAY_LEN(names) || d->n_rlimits == JOIN_RLIMITS_MAX)
			return -EINVAL;
		d->rlimits[d->n_rlimits].resource = names[i].resource;
		d->rlimits[d->n_rlimits++].limit = limit;
	}
	return 0;
}

static int read_terminal(struct json_node root, struct join_document *d)
{
	struct json_node size = json_get(root, "consoleSize");
	uint32_t height = 0, width = 0;

	if (json_type(json_get(root, "terminal")) == JSON_BOOL &&
	    json_bool(json_get(root, "terminal"), &d->tty) < 0)
		return -EINVAL;
	if (read_u32(json_get(size, "height"), &height) < 0 ||
	    read_u32(json_get(size, "width"), &width) < 0 || height > UINT16_MAX ||
	    width > UINT16_MAX)
		return -EINVAL;
	d->height = (uint16_t)height;
	d->width = (uint16_t)width;
	return 0;
}

static int read_process(struct json_node root, struct arena *a, struct join_document *d,
			struct err *e)
{
	struct json_node adj = json_get(root, "oomScoreAdj"), nnp;
	int64_t score = 0;
	char *cwd;

	if (read_texts(json_get(root, "args"), a, &d->args) < 0 || !d->args[0])
		return bad(e, "args");
	if (read_texts(json_get(root, "env"), a, &d->env) < 0)
		return bad(e, "env");
	if (read_text(json_get(root, "cwd"), a, &cwd) < 0 || cwd[0] != '/')
		return err_set(e, ERR_INVALID, "Cwd must be an absolute path");
	d->cwd = cwd;
	if (read_user(json_get(root, "user"), d) < 0)
		return bad(e, "user");
	if (read_caps(json_get(root, "capabilities"), a, d) < 0)
		return bad(e, "capabilities");
	if (read_rlimits(json_get(root, "rlimits"), a, d) < 0)
		return bad(e, "rlimits");
	if (read_terminal(root, d) < 0)
		return bad(e, "terminal");
	nnp = json_get(root, "noNewPrivileges");
	if (json_type(nnp) == JSON_BOOL && json_bool(nnp, &d->no_new_privs) < 0)
		return bad(e, "noNewPrivileges");
	d->has_oom = json_type(adj) == JSON_NUMBER;
	if (d->has_oom && (json_i64(adj, &score) < 0 || score < -1000 || score > 1000))
		return bad(e, "oomScoreAdj");
	d->oom_score_adj = (int)score;
	return 0;
}

static int check_members(struct json_node root, const char *const *names, struct err *e)
{
	for (; *names; names++) {
		if (is_set(json_get(root, *names)))
			return cannot(e, *names);
	}
	return 0;
}

static int read_config(struct json_node root, bool enosys, struct arena *a, struct join_document *d,
		       struct err *e)
{
	static const char *const other[] = {"intelRdt", "personality", "mountLabel", NULL};
	struct json_node config = json_get(root, "linux"), seccomp = json_get(config, "seccomp");
	struct filter_profile profile;
	char *path;

	if (check_members(config, other, e) < 0)
		return err_code(e);
	if (read_text(json_get(config, "cgroupsPath"), a, &path) < 0 || path[0] != '/')
		return cannot(e, "cgroupsPath");
	d->cgroups_path = path;
	if (!is_set(seccomp))
		return 0;
	d->filtered = true;
	if (filter_read(seccomp, enosys, a, &profile, e) < 0)
		return err_code(e);
	return filter_compile(&profile, a, &d->filter, e);
}

int document_read(struct str process, struct str config, enum join_runtime runtime, struct arena *a,
		  struct join_document *ret, struct err *e)
{
	/* Labels are the runtime's to set, schedulers too; so far nobody writes any of them. */
	static const char *const other[] = {"apparmorProfile", "selinuxLabel",	  "scheduler",
					    "ioPriority",      "execCPUAffinity", NULL};
	struct json_node root, container;

	memset(ret, 0, offsetof(struct join_document, filter));
	if (json_parse(process, a, &root, e) < 0 || json_parse(config, a, &container, e) < 0)
		return err_code(e);
	if (check_members(root, other, e) < 0 ||
	    check_members(json_get(container, "process"), other, e) < 0)
		return err_code(e);
	if (read_process(root, a, ret, e) < 0)
		return err_code(e);
	return read_config(container, runtime == JOIN_RUNC, a, ret, e);
}
