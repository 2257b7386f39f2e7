/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts: the kernel's file systems first, then all that is the container's own (binds, volumes,
 * tmpfs, the three files of /etc, the init), parents before children. Something the user mounts
 * takes the place of what would have been there.
 */
#include <errno.h>
#include <stdio.h>

#include "runtime/spec/private.h"

#define SHM_DEFAULT (64LL << 20)
#define EXTRA_MAX 512

static const struct {
	const char *target, *type, *source, *options;
} system_mounts[] = {
	{"/proc", "proc", "proc", "nosuid,noexec,nodev"},
	{"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
	{"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
	{"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev"},
	{"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev"},
	{"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
};

/* One mount of the container's own; the options are comma-separated. */
struct extra {
	const char *target, *type, *source;
	const char *options, *more;
	size_t order;
	int depth;
};
struct extras {
	struct extra *items;
	size_t n;
};

static bool is_target(const char *target, const char *path)
{
	size_t n = strlen(target);

	while (n > 1 && target[n - 1] == '/')
		n--;
	return n == strlen(path) && !memcmp(target, path, n);
}

/* Does the user mount something there? */
static bool covered(const struct spec_input *in, const char *path)
{
	for (size_t i = 0; i < in->n_mounts; i++) {
		if (is_target(in->mounts[i].target, path))
			return true;
	}
	for (size_t i = 0; i < in->host->tmpfs.n; i++) {
		if (is_target(in->host->tmpfs.items[i].key, path))
			return true;
	}
	return injection_mounts(in, path);
}

static void write_options(struct json_writer *w, const char *options)
{
	struct str rest = str_from(options);

	while (rest.n) {
		struct str option = str_cut(rest, ',', &rest);

		if (option.n)
			json_put_str(w, option);
	}
}

static void write_mount(struct json_writer *w, const char *target, const char *type,
			const char *source, const char *options, const char *more)
{
	json_object_open(w);
	json_kv_text(w, "destination", target);
	json_kv_text(w, "type", type);
	json_kv_text(w, "source", source);
	json_key(w, "options");
	json_array_open(w);
	write_options(w, options);
	write_options(w, more);
	json_array_close(w);
	json_object_close(w);
}

static void write_system(struct json_writer *w, const struct spec_input *in,
			 const struct security *sec)
{
	bool own_dev = covered(in, "/dev");

	for (size_t i = 0; i < ARRAY_LEN(system_mounts); i++) {
		const char *target = system_mounts[i].target, *more = "";

		if (covered(in, target) || (own_dev && strz_starts(target, "/dev/")))
			continue;
		if (!strcmp(target, "/sys") && !in->host->privileged)
			more = "ro";
		if (!strcmp(target, "/sys/fs/cgroup") && !in->host->privileged &&
		    !sec->writable_cgroups)
			more = "ro";
		write_mount(w, target, system_mounts[i].type, system_mounts[i].source,
			    system_mounts[i].options, more);
	}
}

/* Shared memory is the container's own, the host's, or that of the container it joins. */
static void write_shm(struct json_writer *w, const struct spec_input *in)
{
	char text[64];

	if (covered(in, "/dev/shm") || covered(in, "/dev") || strz_eq(in->host->ipc_mode, "none"))
		return;
	if (mode_is_host(in->host->ipc_mode)) {
		write_mount(w, "/dev/shm", "bind", "/dev/shm", "rbind,rprivate", "");
		return;
	}
	if (in->shm_path) {
		write_mount(w, "/dev/shm", "bind", in->shm_path, "rbind,rprivate", "");
		return;
	}
	snprintf(text, sizeof(text), "mode=1777,size=%lld",
		 (long long)(in->host->shm_size > 0 ? in->host->shm_size : SHM_DEFAULT));
	write_mount(w, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev", text);
}

static int depth_of(const char *path)
{
	int depth = 0;

	for (; *path; path++) {
		if (*path == '/' && path[1] && path[1] != '/')
			depth++;
	}
	return depth;
}

static void add(struct extras *x, const char *target, const char *type, const char *source,
		const char *options, const char *more)
{
	x->items[x->n] = (struct extra){
		.target = target,
		.type = type,
		.source = source,
		.options = options,
		.more = more,
		.order = x->n,
		.depth = depth_of(target),
	};
	x->n++;
}

/*
 * The user's options over noexec,nosuid,nodev: one that says the opposite replaces its default.
 */
static const char *merge_tmpfs(struct arena *a, const char *options)
{
	static const char *const pairs[][2] = {
		{"noexec", "exec"}, {"nosuid", "suid"}, {"nodev", "dev"}};
	struct buf b;

	buf_init(&b, a, 4096);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct str rest = str_from(options);
		bool overridden = false;

		while (rest.n) {
			struct str option = str_cut(rest, ',', &rest);

			if (str_eqz(option, pairs[i][0]) || str_eqz(option, pairs[i][1]))
				overridden = true;
		}
		if (!overridden)
			buf_printf(&b, "%s,", pairs[i][0]);
	}
	buf_puts(&b, options ? options : "");
	return b.failed ? NULL : buf_text(&b);
}

static const char *bind_options(const struct spec_mount *m, bool ro_recursive)
{
	if (!m->read_only)
		return m->top_only ? "bind" : "rbind";
	if (ro_recursive && !m->ro_top_only)
		return m->top_only ? "bind,rro" : "rbind,rro";
	return m->top_only ? "bind,ro" : "rbind,ro";
}

static int add_mounts(struct extras *x, const struct spec_input *in, struct arena *a)
{
	for (size_t i = 0; i < in->n_mounts; i++) {
		const struct spec_mount *m = &in->mounts[i];

		if (injection_mounts(in, m->target))
			continue;
		if (m->tmpfs_options) {
			const char *options = merge_tmpfs(a, m->tmpfs_options);

			if (!options)
				return -ENOMEM;
			add(x, m->target, "tmpfs", "tmpfs", options, m->read_only ? "ro" : "");
			continue;
		}
		add(x, m->target, "bind", m->source, bind_options(m, in->ro_recursive),
		    m->propagation && m->propagation[0] ? m->propagation : "rprivate");
	}
	return 0;
}

/* Flags by name, and what the file system itself takes a value for. */
static bool tmpfs_takes(struct str option)
{
	static const char *const flags[] = {
		"defaults",   "ro",	    "rw",	   "suid",
		"nosuid",     "dev",	    "nodev",	   "exec",
		"noexec",     "sync",	    "async",	   "dirsync",
		"remount",    "mand",	    "nomand",	   "atime",
		"noatime",    "diratime",   "nodiratime",  "bind",
		"rbind",      "unbindable", "private",	   "rprivate",
		"shared",     "rshared",    "slave",	   "rslave",
		"relatime",   "norelatime", "strictatime", "nostrictatime",
		"runbindable"};
	static const char *const values[] = {"size",	  "mode",      "uid", "gid",
					     "nr_inodes", "nr_blocks", "mpol"};
	struct str value, key = str_cut(option, '=', &value);

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (str_eqz(option, flags[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (key.n < option.n && str_eqz(key, values[i]))
			return true;
	return !option.n;
}

int tmpfs_check(const char *options, struct err *e)
{
	struct str rest = str_from(options);

	while (rest.n) {
		struct str option = str_cut(rest, ',', &rest), value;
		struct str key = str_cut(option, '=', &value);

		if (tmpfs_takes(option))
			continue;
		if (key.n == option.n)
			return err_set(e, ERR_INVALID, "Invalid tmpfs option [\"" STR_FMT "\"]",
				       STR_ARG(option));
		return err_set(e, ERR_INVALID,
			       "Invalid tmpfs option [\"" STR_FMT "\" \"" STR_FMT "\"]",
			       STR_ARG(key), STR_ARG(value));
	}
	return 0;
}

static int add_tmpfs(struct extras *x, const struct spec_input *in, struct arena *a)
{
	for (size_t i = 0; i < in->host->tmpfs.n; i++) {
		const char *options = merge_tmpfs(a, in->host->tmpfs.items[i].value);

		if (!options)
			return -ENOMEM;
		if (injection_mounts(in, in->host->tmpfs.items[i].key))
			continue;
		add(x, in->host->tmpfs.items[i].key, "tmpfs", "tmpfs", options, "");
	}
	return 0;
}

static void add_files(struct extras *x, const struct spec_input *in)
{
	const struct {
		const char *source, *target;
	} files[] = {
		{in->resolv_path, "/etc/resolv.conf"},
		{in->hostname_path, "/etc/hostname"},
		{in->hosts_path, "/etc/hosts"},
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (files[i].source && !covered(in, files[i].target))
			add(x, files[i].target, "bind", files[i].source, "rbind,rprivate",
			    in->host->readonly_rootfs ? "ro" : "");
	}
	if (in->host->init == 1 && in->init_path && mode_is_private(in->host->pid_mode))
		add(x, "/sbin/docker-init", "bind", in->init_path, "bind,ro", "");
}

/* What add_injected shares with its visits. */
struct injected {
	struct extras *x;
	struct arena *a;
	size_t n;
	bool failed;
};

static void count_injected(void *arg, const struct cdi_mount *m)
{
	(void)m;
	((struct injected *)arg)->n++;
}

static void add_one_injected(void *arg, const struct cdi_mount *m)
{
	struct injected *all = arg;
	struct buf options;

	buf_init(&options, all->a, 4096);
	for (size_t i = 0; i < m->options.n; i++)
		buf_printf(&options, "%s%s", i ? "," : "", m->options.items[i]);
	all->failed = all->failed || options.failed;
	/* Without a type it is a bind; the runtime asks for one of the two words then. */
	if (!all->failed)
		add(all->x, m->container_path, m->type && *m->type ? m->type : "bind", m->host_path,
		    options.n ? buf_text(&options) : "", m->options.n ? "" : "rbind");
}

static bool before(const struct extra *a, const struct extra *b)
{
	return a->depth != b->depth ? a->depth < b->depth : a->order < b->order;
}

/* Few items, nearly in order: by insertion. */
static void sort(struct extras *x)
{
	for (size_t i = 1; i < x->n; i++) {
		struct extra item = x->items[i];
		size_t k = i;

		for (; k && before(&item, &x->items[k - 1]); k--)
			x->items[k] = x->items[k - 1];
		x->items[k] = item;
	}
}

int mounts_write(struct json_writer *w, const struct spec_input *in, const struct security *sec,
		 struct err *e)
{
	struct arena arena CLEANUP_ARENA = {0};
	struct extras x = {0};
	struct injected injected = {.x = &x, .a = &arena};
	size_t most;

	injection_each_mount(in, count_injected, &injected);
	most = in->n_mounts + in->host->tmpfs.n + injected.n + 4;
	if (most > EXTRA_MAX)
		return err_set(e, ERR_TOO_LARGE, "too many mounts");
	arena_open_heap(&arena, 1 << 20);
	x.items = arena_alloc_array(&arena, most, sizeof(*x.items));
	if (!x.items)
		return err_sys(e, ENOMEM, "writing the mounts");
	if (add_mounts(&x, in, &arena) < 0 || add_tmpfs(&x, in, &arena) < 0)
		return err_sys(e, ENOMEM, "writing the mounts");
	injection_each_mount(in, add_one_injected, &injected);
	if (injected.failed)
		return err_sys(e, ENOMEM, "writing the mounts");
	add_files(&x, in);
	sort(&x);
	json_key(w, "mounts");
	json_array_open(w);
	write_system(w, in, sec);
	write_shm(w, in);
	for (size_t i = 0; i < x.n; i++)
		write_mount(w, x.items[i].target, x.items[i].type, x.items[i].source,
			    x.items[i].options, x.items[i].more);
	json_array_close(w);
	return 0;
}

const char *mounts_root_propagation(const struct spec_input *in)
{
	const char *found = NULL;

	for (size_t i = 0; i < in->n_mounts; i++) {
		const char *p = in->mounts[i].propagation;

		if (strz_eq(p, "shared") || strz_eq(p, "rshared"))
			return "shared";
		if (strz_eq(p, "slave") || strz_eq(p, "rslave"))
			found = "slave";
	}
	return found;
}
