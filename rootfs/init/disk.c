/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "rootfs/init/disk_look.h"
#include "rootfs/init/note.h"
#include "rootfs/init/tool.h"

#define DISKS_MAX 64
#define NAME_BYTES 33
#define MAKE_SECONDS 600
#define CHECK_SECONDS 7200
#define APPEAR_MS 5000
/* What mke2fs rounds away is no growth. */
#define GROWTH_MIN (4 << 20)

struct disk {
	char name[NAME_BYTES];
	bool whole; /* and not a partition */
	struct disk_look look;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct disk *)a)->name, ((const struct disk *)b)->name);
}

static bool is_candidate(const char *name)
{
	static const char *const prefixes[] = {"vd", "sd", "xvd", "nvme", "mmcblk"};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (strz_starts(name, prefixes[i]) && strlen(name) < NAME_BYTES)
			return true;
	}
	return false;
}

static bool has_attribute(const char *name, const char *attribute)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/class/block/%.32s/%s", name, attribute);
	return access(path, F_OK) == 0;
}

/* A disk with partitions is no empty one, whatever its first sectors say. */
static bool has_partitions(const char *name)
{
	char path[96];
	struct dirent *ent;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/block/%.32s", name);
	dir = opendir(path);
	while (dir && !found && (ent = readdir(dir)))
		found = strz_starts(ent->d_name, name);
	if (dir)
		closedir(dir);
	return found;
}

static int open_disk(const char *name, int flags, uint64_t *ret_bytes)
{
	char path[48];
	int fd CLEANUP_FD = -1;

	snprintf(path, sizeof(path), "/dev/%.32s", name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, BLKGETSIZE64, ret_bytes) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void look_at(struct disk *d)
{
	char path[96], ro[4];
	uint64_t bytes = 0;
	int fd CLEANUP_FD = open_disk(d->name, O_RDONLY, &bytes);
	int r;

	d->look.kind = DISK_FOREIGN;
	snprintf(path, sizeof(path), "/sys/class/block/%.32s/ro", d->name);
	if (fd < 0 || (file_get(path, ro, sizeof(ro)) > 0 && ro[0] != '0'))
		return;
	d->whole = !has_attribute(d->name, "partition");
	r = disk_look(fd, bytes, &d->look);
	if (r < 0) {
		note(NOTE_BAD, "cannot read /dev/%s: %s", d->name, strerror(-r));
		d->look.kind = DISK_FOREIGN;
	}
	if ((d->look.kind == DISK_EMPTY || d->look.kind == DISK_HALF) &&
	    (!d->whole || has_partitions(d->name)))
		d->look.kind = DISK_FOREIGN;
}

static size_t list_disks(const struct init_options *o, struct disk disks[DISKS_MAX])
{
	DIR *dir = opendir("/sys/class/block");
	struct dirent *ent;
	size_t n = 0;

	while (dir && n < DISKS_MAX && (ent = readdir(dir))) {
		if (o->disk ? strcmp(ent->d_name, o->disk) != 0 : !is_candidate(ent->d_name))
			continue;
		memset(&disks[n], 0, sizeof(disks[n]));
		snprintf(disks[n].name, NAME_BYTES, "%.32s", ent->d_name);
		look_at(&disks[n++]);
	}
	if (dir)
		closedir(dir);
	qsort(disks, n, sizeof(disks[0]), compare_names);
	return n;
}

/* By label first; then one that was begun; then one that is torn; then an empty one. */
static struct disk *choose(struct disk *disks, size_t n)
{
	static const enum disk_kind order[] = {DISK_OURS, DISK_TORN, DISK_HALF, DISK_EMPTY};

	for (size_t k = 0; k < ARRAY_LEN(order); k++) {
		for (size_t i = 0; i < n; i++) {
			if (disks[i].look.kind == order[k])
				return &disks[i];
		}
	}
	return NULL;
}

/* ---- making, mending, growing ---- */

static int make_file_system(const struct disk *d, const char *path)
{
	const char *const argv[] = {"/usr/sbin/mke2fs",
				    "-q",
				    "-F",
				    "-t",
				    "ext4",
				    "-L",
				    DISK_LABEL,
				    "-m",
				    "1",
				    "-E",
				    "lazy_itable_init=1,lazy_journal_init=1,discard",
				    path,
				    NULL};
	uint64_t bytes = 0;
	int fd CLEANUP_FD = open_disk(d->name, O_RDWR, &bytes);
	int r;

	note(NOTE_INFO, "making a file system on %s", path);
	r = fd < 0 ? fd : disk_mark(fd, bytes, true);
	if (r == 0)
		r = tool_run(argv, MAKE_SECONDS);
	if (r == 0)
		r = disk_mark(fd, bytes, false);
	if (r != 0)
		note(NOTE_BAD, "cannot make a file system on %s: %s (see %s)", path,
		     r < 0 ? strerror(-r) : "mke2fs failed", TOOL_LOG);
	return r;
}

/* e2fsck -p replays the journal and mends what is safe to mend; if it wants more, -y. */
static void check(const struct disk *d, const char *path)
{
	const char *const preen[] = {"/usr/sbin/e2fsck", "-p", path, NULL};
	char spare[24], size[16];
	const char *const force[] = {"/usr/sbin/e2fsck", "-y", "-f", path, NULL};
	const char *const torn[] = {
		"/usr/sbin/e2fsck", "-y", "-f", "-b", spare, "-B", size, path, NULL};
	int r;

	snprintf(spare, sizeof(spare), "%llu", (unsigned long long)d->look.spare);
	snprintf(size, sizeof(size), "%u", d->look.block_size);
	if (d->look.kind == DISK_TORN) {
		note(NOTE_WARN, "the superblock of %s is gone: taking the spare one", path);
		r = tool_run(torn, CHECK_SECONDS);
	} else {
		r = tool_run(preen, CHECK_SECONDS);
		if (r < 0 || r >= 4) {
			note(NOTE_WARN, "%s needs mending: running e2fsck -y", path);
			r = tool_run(force, CHECK_SECONDS);
		}
	}
	if (r == 0 || r == 1)
		note(NOTE_INFO, "%s was not unmounted in order; checked", path);
	else
		note(NOTE_BAD, "e2fsck of %s: %d (see %s)", path, r, TOOL_LOG);
}

static void grow(const struct disk *d, const char *path)
{
	const char *const argv[] = {"/usr/sbin/resize2fs", path, NULL};
	int r;

	if (d->look.disk_bytes < d->look.fs_bytes + GROWTH_MIN)
		return;
	r = tool_run(argv, CHECK_SECONDS);
	if (r == 0)
		note(NOTE_INFO, "the file system has grown with %s", path);
	else
		note(NOTE_BAD, "cannot grow the file system on %s (see %s)", path, TOOL_LOG);
}

static int mount_disk(const char *path)
{
	/* A file system that finds itself broken goes on without writing, and the log tells. */
	if (mount(path, DATA_DIR, "ext4", MS_NOATIME, "errors=remount-ro") < 0)
		return -errno;
	return 0;
}

static int use(struct disk *d)
{
	char path[48];
	int r;

	snprintf(path, sizeof(path), "/dev/%.32s", d->name);
	if (d->look.kind == DISK_EMPTY || d->look.kind == DISK_HALF) {
		r = make_file_system(d, path);
		if (r != 0)
			return r < 0 ? r : -EIO;
		d->look.fs_bytes = d->look.disk_bytes;
	} else if (!d->look.clean) {
		check(d, path);
	}
	r = mount_disk(path);
	if (r < 0 && d->look.clean) {
		/* It said that it was clean. */
		check(d, path);
		r = mount_disk(path);
	}
	if (r < 0)
		note(NOTE_BAD, "cannot mount %s: %s", path, strerror(-r));
	else
		grow(d, path);
	return r;
}

void disk_mount_data(const struct init_options *o)
{
	static struct disk disks[DISKS_MAX];
	struct disk *d;
	size_t n;

	(void)mkdir(DATA_DIR, 0711);
	if (o->memory) {
		note(NOTE_INFO, "keeping the data in memory, as asked");
		return;
	}
	n = list_disks(o, disks);
	/* A disk that was named may take its time. */
	for (int waited = 0; n == 0 && o->disk && waited < APPEAR_MS; waited += 50) {
		(void)usleep(50000);
		n = list_disks(o, disks);
	}
	d = choose(disks, n);
	if (!d && n == 0)
		note(NOTE_WARN, "no disk: keeping the data in memory");
	else if (!d)
		note(NOTE_BAD, "no disk is empty or labelled %s: keeping the data in memory",
		     DISK_LABEL);
	else if (use(d) < 0)
		note(NOTE_BAD, "keeping the data in memory");
}
