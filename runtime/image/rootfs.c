/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/core/beneath.h"
#include "runtime/image/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"

#define MOUNT_DATA_MAX 4096 /* what mount(2) copies, less the end mark */
#define MOUNTS_STACKED_MAX 16

/* --- overlay --- */

static void put_lower(const struct rootfs *r, bool init, struct buf *data)
{
	char path[STORE_PATH_MAX];
	const size_t skip = sizeof(LAYERS_DIR); /* and its slash */

	if (init) {
		init_layer_path(r->chains, r->n_chains, "/diff", path);
		buf_puts(data, path + skip);
	}
	for (size_t i = r->n_chains; i-- > 0;) {
		layer_path(&r->chains[i], "/diff", path);
		buf_printf(data, "%s%s", i + 1 == r->n_chains && !init ? "" : ":", path + skip);
	}
}

static int mount_in_layers(const struct rootfs *r, const char *target, const char *data,
			   struct err *e)
{
	CLEANUP_FD int layers = openat(r->root_fd, LAYERS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (layers < 0 || fchdir(layers) < 0)
		return err_sys(e, errno, "enter %s/%s", r->root, LAYERS_DIR);
	rc = mount("overlay", target, "overlay", 0, data) < 0 ? -errno : 0;
	/* Nothing of it shall be seen through somebody else's copy of our mounts. */
	if (rc == 0)
		(void)!mount(NULL, target, NULL, MS_PRIVATE, NULL);
	(void)!chdir("/");
	return rc < 0 ? err_sys(e, rc, "error creating overlay mount to %s", target) : 0;
}

int rootfs_mount(const struct rootfs *r, bool init, const char *upper, const char *work,
		 const char *target, struct err *e)
{
	CLEANUP_MEM char *text = mem_alloc(MOUNT_DATA_MAX);
	CLEANUP_MEM char *path = mem_alloc(MOUNT_DATA_MAX);
	struct buf data;

	if (!text || !path)
		return err_sys(e, ENOMEM, "mount an overlay");
	buf_init_fixed(&data, text, MOUNT_DATA_MAX);
	buf_puts(&data, "lowerdir=");
	put_lower(r, init, &data);
	buf_printf(&data, ",upperdir=../%s,workdir=../%s,index=off", upper, work);
	if (data.failed)
		return err_set(e, ERR_TOO_LARGE, "the image has too many layers to be mounted");
	if (snprintf(path, MOUNT_DATA_MAX, "%s/%s", r->root, target) >= MOUNT_DATA_MAX)
		return err_set(e, ERR_TOO_LARGE, "the path of the data root is too long");
	return mount_in_layers(r, path, buf_text(&data), e);
}

bool rootfs_mounted(int root_fd, const char *target)
{
	char parent[STORE_PATH_MAX + 8];
	struct stat here, above;

	snprintf(parent, sizeof(parent), "%s/..", target);
	if (fstatat(root_fd, target, &here, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	/* Through ".." of the mounted root the kernel comes back to where it is mounted. */
	return fstatat(root_fd, parent, &above, AT_SYMLINK_NOFOLLOW) == 0 &&
	       here.st_dev != above.st_dev;
}

int rootfs_unmount(int root_fd, const char *root, const char *target, struct err *e)
{
	CLEANUP_MEM char *path = mem_alloc(MOUNT_DATA_MAX);

	if (!path)
		return err_sys(e, ENOMEM, "unmount");
	if (snprintf(path, MOUNT_DATA_MAX, "%s/%s", root, target) >= MOUNT_DATA_MAX)
		return err_set(e, ERR_TOO_LARGE, "the path of the data root is too long");
	for (int i = 0; i < MOUNTS_STACKED_MAX && rootfs_mounted(root_fd, target); i++) {
		if (umount2(path, UMOUNT_NOFOLLOW) == 0)
			continue;
		if (errno != EBUSY || umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return err_sys(e, errno, "unmount %s", path);
	}
	return 0;
}

static bool try_overlay(int root_fd, const char *base)
{
	static const char *const parts[] = {"lower", "diff", "work", "merged"};
	char path[STORE_PATH_MAX + 16];

	if (mkdirat(root_fd, base, 0700) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		snprintf(path, sizeof(path), "%s/%s", base, parts[i]);
		if (mkdirat(root_fd, path, 0755) < 0)
			return false;
	}
	/* Layers hold such nodes and marks; where they cannot be made an overlay is of no use. */
	snprintf(path, sizeof(path), "%s/diff/gone", base);
	if (mknodat(root_fd, path, S_IFCHR, 0) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%.120s/diff", root_fd, base);
	return lsetxattr(path, "trusted.overlay.opaque", "y", 1, 0) == 0;
}

/*
 * Unmounting a writable overlay syncs the whole file system below it, which may take long at the
 * daemon's start, unless it is volatile; older kernels (before 5.10) do not know that.
 */
static bool try_mount(const char *root, const char *base)
{
	static const char *const options[] = {
		"lowerdir=lower,upperdir=diff,workdir=work,index=off,volatile",
		"lowerdir=lower,upperdir=diff,workdir=work,index=off",
	};
	CLEANUP_MEM char *data = mem_alloc(MOUNT_DATA_MAX);
	CLEANUP_MEM char *target = mem_alloc(MOUNT_DATA_MAX);
	CLEANUP_FD int fd = -1;
	bool works = false;

	if (!data || !target ||
	    snprintf(target, MOUNT_DATA_MAX, "%s/%s", root, base) >= MOUNT_DATA_MAX)
		return false;
	fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fchdir(fd) < 0)
		return false;
	snprintf(target, MOUNT_DATA_MAX, "%s/%s/merged", root, base);
	for (size_t i = 0; i < ARRAY_LEN(options) && !works; i++)
		works = mount("overlay", target, "overlay", 0, options[i]) == 0;
	if (works)
		(void)!umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
	(void)!chdir("/");
	return works;
}

bool snapshot_overlay_works(int root_fd, const char *root)
{
	static const char base[] = TMP_DIR "/probe";
	bool works = try_overlay(root_fd, base) && try_mount(root, base);

	(void)!tree_remove_at(root_fd, base, NULL);
	return works;
}

/* --- the init layer --- */

static const struct init_entry {
	const char *path;
	char kind; /* d, f, or l: a link to target */
	const char *target;
} init_entries[] = {
	{"dev/pts", 'd', NULL},	    {"dev/shm", 'd', NULL},
	{"proc", 'd', NULL},	    {"sys", 'd', NULL},
	{".dockerenv", 'f', NULL},  {"etc/resolv.conf", 'f', NULL},
	{"etc/hosts", 'f', NULL},   {"etc/hostname", 'f', NULL},
	{"dev/console", 'f', NULL}, {"etc/mtab", 'l', "/proc/mounts"},
};

const char *init_layer_entry(size_t i, uint32_t *ret_mode)
{
	static const char *const parents[] = {"dev", "etc"};
	const size_t n = ARRAY_LEN(init_entries);

	*ret_mode = S_IFDIR | 0755;
	if (i >= n)
		return i < n + ARRAY_LEN(parents) ? parents[i - n] : NULL;
	if (init_entries[i].kind == 'f')
		*ret_mode = S_IFREG | 0755;
	else if (init_entries[i].kind == 'l')
		*ret_mode = S_IFLNK | 0777;
	return init_entries[i].path;
}

static int open_in_root(int root_fd, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return open_beneath_how(root_fd, path[0] ? path : ".", &how);
}

static int fill_one(int fd, const struct init_entry *one, struct err *e)
{
	const char *base = strrchr(one->path, '/');
	char parent[32] = "";
	CLEANUP_FD int at = -1;
	struct stat st;
	int rc;

	if (base)
		snprintf(parent, sizeof(parent), "%.*s", (int)(base - one->path), one->path);
	base = base ? base + 1 : one->path;
	if (base != one->path && mkdirat(fd, parent, 0755) == 0)
		(void)!fchmodat(fd, parent, 0755, 0);
	at = open_in_root(fd, parent, O_PATH | O_DIRECTORY);
	/* An image whose /etc is no directory is the image's affair: the runtime will say so. */
	if (at < 0)
		return errno == ENOTDIR || errno == ENOENT || errno == ELOOP
			       ? 0
			       : err_sys(e, errno, "prepare /%s", one->path);
	if (fstatat(at, base, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (one->kind == 'd') {
		rc = mkdirat(at, base, 0755);
		if (rc == 0)
			rc = fchmodat(at, base, 0755, 0);
	} else if (one->kind == 'l') {
		rc = symlinkat(one->target, at, base);
	} else {
		rc = mknodat(at, base, S_IFREG | 0755, 0);
		if (rc == 0)
			rc = fchmodat(at, base, 0755, 0);
	}
	return rc < 0 && errno != EEXIST ? err_sys(e, errno, "prepare /%s", one->path) : 0;
}

int init_layer_fill(int fd, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(init_entries); i++) {
		int rc = fill_one(fd, &init_entries[i], e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

void init_layer_path(const struct digest *chains, size_t n, const char *suffix,
		     char out[STORE_PATH_MAX])
{
	if (n)
		layer_path(&chains[n - 1], "-init", out);
	else
		snprintf(out, STORE_PATH_MAX, LAYERS_DIR "/empty-init");
	snprintf(out + strlen(out), STORE_PATH_MAX - strlen(out), "%s", suffix);
}

/* Owner and mode of the root are those of the upper directory: take over the image's. */
static int like_top_layer(const struct rootfs *r, const char *diff, struct err *e)
{
	CLEANUP_FD int from = -1, to = -1;
	char path[STORE_PATH_MAX];

	if (!r->n_chains)
		return 0;
	layer_path(&r->chains[r->n_chains - 1], "/diff", path);
	from = openat(r->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	to = openat(r->root_fd, diff, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0 || to < 0)
		return err_sys(e, errno, "open %s", from < 0 ? path : diff);
	return copy_metadata(from, to, e);
}

static NOINLINE int fill_merged(const struct rootfs *r, const char *tmp, struct err *e)
{
	char diff[STORE_PATH_MAX + 16], work[STORE_PATH_MAX + 16], merged[STORE_PATH_MAX + 16];
	CLEANUP_FD int fd = -1;
	int rc;

	snprintf(diff, sizeof(diff), "%s/diff", tmp);
	snprintf(work, sizeof(work), "%s/work", tmp);
	snprintf(merged, sizeof(merged), "%s/merged", tmp);
	if (mkdirat(r->root_fd, tmp, 0700) < 0 || mkdirat(r->root_fd, diff, 0755) < 0 ||
	    mkdirat(r->root_fd, work, 0700) < 0 || mkdirat(r->root_fd, merged, 0700) < 0)
		return err_sys(e, errno, "make %s", tmp);
	rc = like_top_layer(r, diff, e);
	if (rc == 0 && r->n_chains)
		rc = rootfs_mount(r, false, diff, work, merged, e);
	if (rc < 0)
		return rc;
	fd = openat(r->root_fd, r->n_chains ? merged : diff, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 ? err_sys(e, errno, "open %s", merged) : init_layer_fill(fd, e);
	if (fd >= 0)
		close(TAKE_FD(fd));
	if (r->n_chains && rootfs_unmount(r->root_fd, r->root, merged, rc == 0 ? e : NULL) < 0 &&
	    rc == 0)
		return err_code(e);
	if (rc == 0)
		rc = tree_remove_at(r->root_fd, work, e);
	if (rc == 0)
		rc = tree_remove_at(r->root_fd, merged, e);
	return rc;
}

int init_layer_ensure(const struct rootfs *r, const char *tmp, struct err *e)
{
	char path[STORE_PATH_MAX];
	int rc;

	init_layer_path(r->chains, r->n_chains, "", path);
	if (faccessat(r->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	rc = fill_merged(r, tmp, e);
	if (rc == 0 && renameat(r->root_fd, tmp, r->root_fd, path) == 0)
		return 0;
	/* Another worker was quicker: its is as good. */
	if (rc == 0 && errno != EEXIST && errno != ENOTEMPTY)
		rc = err_sys(e, errno, "rename %s to %s", tmp, path);
	(void)!tree_remove_at(r->root_fd, tmp, NULL);
	return rc;
}
