/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile given by the user, in the engine's format: that of the runtime, with rules that may
 * depend on capabilities, architectures and the kernel's version, which are decided here.
 */
#include <stdlib.h>
#include <sys/utsname.h>

#include "runtime/spec/private.h"

#define PROFILE_MEMORY (8 << 20)

static bool known_arch(struct str name)
{
#if defined(__x86_64__)
	return str_eqz(name, "amd64") || str_eqz(name, "x86") || str_eqz(name, "x32");
#elif defined(__aarch64__)
	return str_eqz(name, "arm64") || str_eqz(name, "arm");
#elif defined(__riscv)
	return str_eqz(name, "riscv64");
#elif defined(__s390x__)
	return str_eqz(name, "s390x") || str_eqz(name, "s390");
#elif defined(__powerpc64__)
	return str_eqz(name, "ppc64le");
#else
	(void)name;
	return false;
#endif
}

static bool kernel_at_least(struct str version)
{
	struct utsname u;
	unsigned long have[2] = {0, 0};
	struct str minor, major = str_cut(version, '.', &minor);
	uint64_t want[2] = {0, 0};
	char *end;

	if (uname(&u) < 0)
		return true;
	have[0] = strtoul(u.release, &end, 10);
	if (end == u.release)
		return true;
	if (*end == '.')
		have[1] = strtoul(end + 1, NULL, 10);
	if (str_to_u64(major, &want[0]) < 0 || (minor.n && str_to_u64(minor, &want[1]) < 0))
		return true;
	return have[0] > want[0] || (have[0] == want[0] && have[1] >= want[1]);
}

/* How many of a list's names are there; all of them for includes, any of them for excludes. */
static void count_caps(struct json_node list, uint64_t caps, struct arena *a, size_t *ret_hits)
{
	struct json_iter it = {0};
	struct json_node v;
	struct str name;

	while (json_next(list, &it, a, &name, &v)) {
		int cap;

		if (json_string(v, a, &name) < 0)
			continue;
		cap = caps_find(name);
		if (cap >= 0 && (caps & CAP_BIT(cap)))
			(*ret_hits)++;
	}
}

static bool any_arch(struct json_node list, struct arena *a)
{
	struct json_iter it = {0};
	struct json_node v;
	struct str name;

	while (json_next(list, &it, a, &name, &v)) {
		if (json_string(v, a, &name) == 0 && known_arch(name))
			return true;
	}
	return false;
}

static bool applies(struct json_node rule, uint64_t caps, struct arena *a)
{
	struct json_node in = json_get(rule, "includes"), out = json_get(rule, "excludes"), list;
	struct str version;
	size_t hits = 0;

	list = json_get(out, "caps");
	count_caps(list, caps, a, &hits);
	if (hits || any_arch(json_get(out, "arches"), a))
		return false;
	if (json_string(json_get(out, "minKernel"), a, &version) == 0 && kernel_at_least(version))
		return false;
	list = json_get(in, "caps");
	count_caps(list, caps, a, &hits);
	if (hits < json_count(list))
		return false;
	list = json_get(in, "arches");
	if (json_count(list) && !any_arch(list, a))
		return false;
	return json_string(json_get(in, "minKernel"), a, &version) < 0 || kernel_at_least(version);
}

static void copy(struct json_writer *w, struct json_node from, const char *key)
{
	struct json_node v = json_get(from, key);

	if (json_type(v) == JSON_NONE || json_type(v) == JSON_NULL)
		return;
	json_key(w, key);
	json_put_raw(w, json_raw(v));
}

static void write_rule(struct json_writer *w, struct json_node rule)
{
	struct json_node one = json_get(rule, "name");

	json_object_open(w);
	if (json_type(one) == JSON_STRING) {
		json_key(w, "names");
		json_array_open(w);
		json_put_raw(w, json_raw(one));
		json_array_close(w);
	} else {
		copy(w, rule, "names");
	}
	copy(w, rule, "action");
	copy(w, rule, "errnoRet");
	copy(w, rule, "args");
	json_object_close(w);
}

int seccomp_write_profile(struct json_writer *w, struct str profile, uint64_t caps, struct err *e)
{
	struct arena arena CLEANUP_ARENA = {0};
	struct json_iter it = {0};
	struct json_node root, rule;
	struct str key;
	int r;

	arena_open_heap(&arena, PROFILE_MEMORY);
	r = json_parse(profile, &arena, &root, e);
	if (r < 0)
		return err_wrap(e, "Decoding seccomp profile failed");
	if (json_type(root) != JSON_OBJECT ||
	    json_type(json_get(root, "defaultAction")) != JSON_STRING)
		return err_set(e, ERR_INVALID, "Decoding seccomp profile failed: no defaultAction");
	if (!w)
		return 0;
	json_key(w, "seccomp");
	json_object_open(w);
	copy(w, root, "defaultAction");
	copy(w, root, "defaultErrnoRet");
	copy(w, root, "flags");
	copy(w, root, "listenerPath");
	copy(w, root, "listenerMetadata");
	if (json_count(json_get(root, "architectures")))
		copy(w, root, "architectures");
	else
		seccomp_write_architectures(w);
	json_key(w, "syscalls");
	json_array_open(w);
	while (json_next(json_get(root, "syscalls"), &it, &arena, &key, &rule)) {
		if (json_type(rule) == JSON_OBJECT && applies(rule, caps, &arena))
			write_rule(w, rule);
	}
	json_array_close(w);
	json_object_close(w);
	return 0;
}
