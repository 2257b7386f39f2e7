/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step of a launch that needs the file system: paths inside the container are resolved beneath
 * its root, for its links are hostile.
 */
#include "runtime/container/launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/beneath.h"
#include "firmware/core/file.h"

#define DEVICES_MAX 1024
#define DEVICES_DEPTH 3
#define ETC_FILE_MAX (1u << 20)

static int open_in_root(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	return open_beneath_how(root, path, &how);
}

/* mkdir -p beneath root for the working directory, 0755 root:root, as the engine makes it. */
int container_make_workdir(int root, const char *dir, struct err *e)
{
	char path[CONTAINER_PATH_MAX * 4];

	if (!str_copy(path, sizeof(path), str_from(dir)))
		return err_set(e, ERR_INVALID, "the working directory is too long");
	for (char *p = path + 1;; p++) {
		char saved = *p;
		CLEANUP_FD int fd = -1;

		if (saved && saved != '/')
			continue;
		*p = 0;
		fd = open_in_root(root, path, O_PATH | O_DIRECTORY);
		if (fd < 0 && errno == ENOENT) {
			char *slash = strrchr(path, '/');
			CLEANUP_FD int parent = -1;

			*slash = 0;
			parent = open_in_root(root, *path ? path : "/", O_PATH | O_DIRECTORY);
			*slash = '/';
			if (parent < 0 || (mkdirat(parent, slash + 1, 0755) < 0 && errno != EEXIST))
				return err_sys(e, errno, "creating the working directory %s", path);
		} else if (fd < 0 && errno == ENOTDIR) {
			return err_set(e, ERR_SYSTEM, "Cannot mkdir: %s is not a directory", dir);
		} else if (fd < 0) {
			return err_sys(e, errno, "working directory %s", path);
		}
		*p = saved;
		if (!saved)
			return 0;
	}
}

static int read_etc(int root, const char *path, struct arena *a, struct str *ret, struct err *e)
{
	int r = file_read_in_root(root, path, ETC_FILE_MAX, a, ret, e);

	if (r < 0) {
		*ret = STR("");
		if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP) {
			err_clear(e);
			return 0;
		}
	}
	return r;
}

static int resolve_user(struct launch *l, int root, struct err *e)
{
	const struct container *c = l->c;
	struct str passwd = STR(""), group = STR("");
	struct str spec = str_from(c->config.user ? c->config.user : "");

	if (read_etc(root, "/etc/passwd", l->a, &passwd, e) < 0 ||
	    read_etc(root, "/etc/group", l->a, &group, e) < 0 ||
	    passwd_resolve(spec, passwd, group, &l->user, e) < 0)
		return err_code(e);
	for (size_t i = 0; i < c->host.group_add.n && i < PASSWD_GROUPS_MAX; i++) {
		if (group_resolve(str_from(c->host.group_add.items[i]), group,
				  &l->extra_gids[l->n_extra_gids], e) < 0)
			return err_code(e);
		l->n_extra_gids++;
	}
	return 0;
}

struct device_list {
	const char **items; /* room for DEVICES_MAX and the end */
	size_t n;
	struct arena *a;
};

/* Trees below /dev that a container has of its own. */
static bool is_own_dev(const char *name)
{
	static const char *const own[] = {"pts", "shm", "fd", "mqueue", "console", "ptmx"};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!strcmp(name, own[i]))
			return true;
	return name[0] == '.';
}

static int walk_devices(struct device_list *list, const char *dir, int depth)
{
	DIR *d = opendir(dir);
	struct dirent *ent;
	int r = 0;

	while (d && r == 0 && list->n < DEVICES_MAX && (ent = readdir(d)) != NULL) {
		char *path;

		if (is_own_dev(ent->d_name) ||
		    (ent->d_type != DT_CHR && ent->d_type != DT_BLK && ent->d_type != DT_DIR))
			continue;
		path = arena_printf(list->a, "%s/%s", dir, ent->d_name);
		if (!path)
			r = -ENOMEM;
		else if (ent->d_type != DT_DIR)
			list->items[list->n++] = path;
		else if (depth > 0)
			r = walk_devices(list, path, depth - 1);
	}
	if (d)
		closedir(d);
	return r;
}

/* A privileged container sees the device nodes of the host. */
static int list_devices(struct launch *l, struct err *e)
{
	struct device_list list = {.a = l->a};

	list.items = arena_alloc_array(l->a, DEVICES_MAX + 1, sizeof(*list.items));
	if (!list.items || walk_devices(&list, "/dev", DEVICES_DEPTH) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the list of devices");
	l->spec.host_devices = list.items;
	return 0;
}

int launch_prepare(struct job *job)
{
	struct launch *l = container_of(job, struct launch, job);
	const struct container *c = l->c; /* read-only and locked while the job runs */
	CLEANUP_FD int root = -1;
	char exit_file[CONTAINER_PATH_MAX + 16];

	text_format(exit_file, sizeof(exit_file), "%s/exit.json", l->state_dir);
	if (unlink(exit_file) < 0 && errno != ENOENT)
		return err_sys(&job->err, errno, "removing %s", exit_file);
	if (dir_make_all(l->run_dir, 0711, &job->err) < 0 ||
	    container_mount_sources(c->mounts, c->n_mounts, &job->err) < 0)
		return err_code(&job->err);
	if (launch_stage_volumes(l, &job->err) < 0 || launch_stage_shm(l, &job->err) < 0)
		return err_code(&job->err);
	root = open(l->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(&job->err, errno, "opening the root file system");
	if (!is_empty(c->config.working_dir) &&
	    container_make_workdir(root, c->config.working_dir, &job->err) < 0)
		return err_code(&job->err);
	if (c->host.privileged && list_devices(l, &job->err) < 0)
		return err_code(&job->err);
	/* As the engine has it, what the image lacks is no fault of the request to start. */
	if (resolve_user(l, root, &job->err) < 0 && job->err.kind == ERR_INVALID)
		job->err.kind = ERR_SYSTEM;
	if (!job->err.kind && launch_find_devices(l, &job->err) < 0)
		return err_code(&job->err);
	return err_code(&job->err);
}
