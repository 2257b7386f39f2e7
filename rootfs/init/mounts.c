/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "firmware/core/arena.h"
#include "firmware/core/file.h"
#include "firmware/core/str.h"
#include "rootfs/init/note.h"
#include "rootfs/init/tool.h"

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* In this order. An optional one that this kernel does not know is passed over. */
static const struct {
	const char *type, *target, *data;
	unsigned long flags;
	bool optional;
} early[] = {
	{"proc", "/proc", NULL, SAFE, false},
	{"sysfs", "/sys", NULL, SAFE, false},
	{"devtmpfs", "/dev", "mode=0755", MS_NOSUID, false},
	{"devpts", "/dev/pts", "gid=5,mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC, false},
	{"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false},
	{"mqueue", "/dev/mqueue", NULL, SAFE, true},
	{"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, false},
	{"tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, false},
	{"bpf", "/sys/fs/bpf", "mode=0700", SAFE, true},
};

static void mount_cgroups(void)
{
	static const char target[] = "/sys/fs/cgroup";
	char controllers[512], enable[520];
	struct str left;
	int r;

	r = mount("cgroup2", target, "cgroup2", SAFE, "nsdelegate,memory_recursiveprot");
	if (r < 0)
		r = mount("cgroup2", target, "cgroup2", SAFE, NULL);
	if (r < 0) {
		note(NOTE_BAD, "cannot mount %s: %s", target, strerror(errno));
		return;
	}
	if (file_get("/sys/fs/cgroup/cgroup.controllers", controllers, sizeof(controllers)) < 0)
		return;
	/* One at a time: one that cannot be had must not keep the others away. */
	left = str_from(controllers);
	while (left.n > 0) {
		struct str one = str_cut(left, ' ', &left);

		snprintf(enable, sizeof(enable), "+" STR_FMT, STR_ARG(one));
		(void)file_put("/sys/fs/cgroup/cgroup.subtree_control", enable);
	}
}

void mounts_early(void)
{
	static const char *const links[][2] = {
		{"/proc/self/fd", "/dev/fd"},
		{"/proc/self/fd/0", "/dev/stdin"},
		{"/proc/self/fd/1", "/dev/stdout"},
		{"/proc/self/fd/2", "/dev/stderr"},
	};

	for (size_t i = 0; i < ARRAY_LEN(early); i++) {
		(void)mkdir(early[i].target, 0755);
		if (mount(early[i].type, early[i].target, early[i].type, early[i].flags,
			  early[i].data) < 0 &&
		    !early[i].optional && errno != EBUSY)
			note(NOTE_BAD, "cannot mount %s: %s", early[i].target, strerror(errno));
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		(void)!symlink(links[i][0], links[i][1]);
	mount_cgroups();
}

int mounts_move_root(void)
{
	static const char *const follow[] = {"/proc", "/sys", "/dev", "/run", "/tmp"};
	struct statfs fs;
	char to[32];

	if (statfs("/", &fs) == 0 && fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC)
		return 0;
	if (mount("/", "/mnt", NULL, MS_BIND, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(follow); i++) {
		snprintf(to, sizeof(to), "/mnt%s", follow[i]);
		if (mount(follow[i], to, NULL, MS_MOVE, NULL) < 0)
			return -errno;
	}
	if (chdir("/mnt") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return -errno;
	return 0;
}

/* The last mount at or below path, in the order of mounting, into out; false when there is none. */
static bool last_mount(const char *path, char *out, size_t size)
{
	struct arena a CLEANUP_ARENA = {0};
	size_t n = strlen(path);
	struct str text, line;
	bool found = false;

	arena_open_heap(&a, 8 << 20);
	if (file_read_at(AT_FDCWD, "/proc/self/mounts", 4 << 20, &a, &text, NULL) < 0)
		return false;
	while (text.n > 0) {
		struct str target;

		line = str_cut(text, '\n', &text);
		(void)str_cut(line, ' ', &line);
		target = str_cut(line, ' ', &line);
		if (target.n < n || memcmp(target.p, path, n) ||
		    (target.n > n && target.p[n] != '/'))
			continue;
		found = str_copy(out, size, target) || found;
	}
	return found;
}

int mounts_end(const char *path)
{
	char target[FILE_PATH_MAX];

	/* Bounded: each round takes one away. */
	for (int i = 0; i < 4096 && last_mount(path, target, sizeof(target)); i++) {
		if (umount2(target, UMOUNT_NOFOLLOW) == 0)
			continue;
		if (strcmp(target, path)) {
			if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
				continue;
			return -errno;
		}
		return mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0 ? -errno : 0;
	}
	return 0;
}
