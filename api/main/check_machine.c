/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine has: a file system that layers can be stacked on, room, memory, time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "api/main/check.h"
#include "firmware/core/arena.h"
#include "firmware/core/clock.h"
#include "firmware/core/file.h"
#include "firmware/core/passwd.h"

#define DISK_MIN_MIB 256
#define INODES_MIN 4096
#define MEMORY_MIN_MIB 32
#define FILES_MIN 65536
#define TIME_MIN 1735689600 /* 2025: older than this program, so the clock is wrong */

/* The nearest folder above the data root that there is already. */
static void existing_parent(const char *data_root, char *path, size_t size)
{
	struct stat st;

	snprintf(path, size, "%s", *data_root ? data_root : "/");
	while (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		char *slash = strrchr(path, '/');

		if (!slash) {
			snprintf(path, size, ".");
			return;
		}
		slash[slash == path] = '\0';
		if (!strcmp(path, "/"))
			return;
	}
}

/* --- overlayfs --- */

/* Where we are, in a mount namespace of its own, which ends with the process. */
static int mount_layers(void)
{
	static const char *const names[] = {"lower", "upper", "work", "merged"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (mkdir(names[i], 0700) < 0)
			return -errno;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") <
		    0 ||
	    mknod("merged/file", S_IFREG | 0600, 0) < 0 || umount2("merged", MNT_DETACH) < 0)
		return -errno;
	return 0;
}

static int try_overlay(const void *arg, int out)
{
	char top[400];
	struct err e = ERR_INIT;
	int r;

	snprintf(top, sizeof(top), "%s/.serin-check-XXXXXX", (const char *)arg);
	if (!mkdtemp(top)) {
		dprintf(out, "%s: %s", (const char *)arg, strerror(errno));
		return 1;
	}
	r = chdir(top) < 0 ? -errno : mount_layers();
	if (chdir("/") < 0)
		r = -errno;
	if (tree_remove_at(AT_FDCWD, top, &e) < 0)
		dprintf(out, "%s is left: %s; ", top, e.msg);
	dprintf(out, "on %s%s%s", (const char *)arg, r < 0 ? ": " : "",
		r == -ENODEV ? "not in this kernel"
		: r < 0	     ? strerror(-r)
			     : "");
	return r < 0;
}

enum check_state check_overlay(struct check_env *env)
{
	char path[FILE_PATH_MAX];

	if (geteuid() != 0)
		return check_say(env, CHECK_UNKNOWN, "trying it needs root");
	existing_parent(env->data_root, path, sizeof(path));
	return check_in_child(env, try_overlay, path) ? CHECK_OK : CHECK_BAD;
}

/* --- room --- */

enum check_state check_disk(struct check_env *env)
{
	char path[FILE_PATH_MAX];
	struct statvfs fs;
	unsigned long long mib;

	existing_parent(env->data_root, path, sizeof(path));
	if (statvfs(path, &fs) < 0)
		return check_say(env, CHECK_BAD, "%.100s: %s", path, strerror(errno));
	mib = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
	if (fs.f_flag & ST_RDONLY)
		return check_say(env, CHECK_BAD, "%.100s is read-only", path);
	return check_say(env, mib >= DISK_MIN_MIB ? CHECK_OK : CHECK_BAD, "%llu MiB free on %.100s",
			 mib, path);
}

/* Some file systems count none: those have no limit. */
enum check_state check_inodes(struct check_env *env)
{
	char path[FILE_PATH_MAX];
	struct statvfs fs;

	existing_parent(env->data_root, path, sizeof(path));
	if (statvfs(path, &fs) < 0)
		return check_say(env, CHECK_BAD, "%.100s: %s", path, strerror(errno));
	if (!fs.f_files)
		return check_say(env, CHECK_OK, "no limit on %.100s", path);
	return check_say(env, fs.f_favail >= INODES_MIN ? CHECK_OK : CHECK_BAD,
			 "%llu free on %.100s", (unsigned long long)fs.f_favail, path);
}

enum check_state check_memory(struct check_env *env)
{
	char line[128];
	unsigned long long total = 0, available = 0;
	FILE *f = fopen("/proc/meminfo", "re");

	if (!f)
		return check_say(env, CHECK_BAD, "/proc is not mounted");
	while (fgets(line, sizeof(line), f)) {
		const char *p = line;

		if (strz_starts(line, "MemTotal:"))
			total = check_number(&p);
		else if (strz_starts(line, "MemAvailable:"))
			available = check_number(&p);
	}
	fclose(f);
	return check_say(env, available >> 10 >= MEMORY_MIN_MIB ? CHECK_OK : CHECK_BAD,
			 "%llu of %llu MiB available", available >> 10, total >> 10);
}

enum check_state check_files(struct check_env *env)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return check_say(env, CHECK_BAD, "%s", strerror(errno));
	return check_say(env, lim.rlim_max >= FILES_MIN ? CHECK_OK : CHECK_BAD, "at most %llu",
			 (unsigned long long)lim.rlim_max);
}

enum check_state check_entropy(struct check_env *env)
{
	char byte;

	if (getrandom(&byte, 1, GRND_NONBLOCK) == 1)
		return CHECK_OK;
	return check_say(env, CHECK_BAD, "%s",
			 errno == EAGAIN ? "not initialised yet" : strerror(errno));
}

enum check_state check_time(struct check_env *env)
{
	int64_t now = clock_wall();
	char text[CLOCK_RFC3339_MAX];

	clock_format_rfc3339nano(now - now % NSEC_PER_SEC, text);
	return check_say(env, now / NSEC_PER_SEC >= TIME_MIN ? CHECK_OK : CHECK_BAD, "%s", text);
}

enum check_state check_group(struct check_env *env)
{
	struct arena a CLEANUP_ARENA;
	struct err e = ERR_INIT;
	struct str groups;
	uint32_t gid;

	arena_open_heap(&a, 2u << 20);
	if (file_read_at(AT_FDCWD, "/etc/group", 1 << 20, &a, &groups, &e) < 0 ||
	    group_resolve(str_from(env->group), groups, &gid, &e) < 0)
		return check_say(env, CHECK_BAD, "no group %.100s", env->group);
	return check_say(env, CHECK_OK, "%.100s is %u", env->group, gid);
}
