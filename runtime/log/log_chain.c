/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/log/log_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRIES 16
#define GAP 2 /* numbers missing in a row that end the chain: a torn rotation leaves one */
#define ORIGIN_BYTES 24

/* path.i; the newest, i 0, is path itself. */
static int file_name(const char *path, int i, bool gz, char out[LOG_CHAIN_PATH_MAX])
{
	const char *suffix = gz ? ".gz" : "";
	int n = i ? snprintf(out, LOG_CHAIN_PATH_MAX, "%s.%d%s", path, i, suffix)
		  : snprintf(out, LOG_CHAIN_PATH_MAX, "%s%s", path, suffix);

	return n < LOG_CHAIN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* The inode that the header of a compressed file names (log_gzip.h of the shim), or 0. */
static ino_t read_origin(int fd)
{
	uint8_t head[ORIGIN_BYTES];
	ino_t inode = 0;

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) || head[0] != 0x1f ||
	    head[1] != 0x8b || !(head[3] & 4) || head[10] < 12 || head[11] ||
	    memcmp(head + 12, "SI\x08\0", 4) != 0)
		return 0;
	for (int i = 7; i >= 0; i--)
		inode = inode << 8 | head[16 + i];
	return inode;
}

static int open_as(struct log_chain *c, int i, bool gz)
{
	char name[LOG_CHAIN_PATH_MAX];
	struct stat st;
	int r = file_name(c->path, i, gz, name), fd;

	if (r < 0)
		return r;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	log_chain_close(c);
	c->fd = fd;
	c->gz = gz;
	c->inode = st.st_ino;
	c->offset = 0;
	c->at_end = false;
	return 0;
}

/* What was compressed between the two looks is there as the second. */
static int open_file(struct log_chain *c, int i)
{
	int r = open_as(c, i, false);

	return r == -ENOENT && i > 0 ? open_as(c, i, true) : r;
}

/*
 * What we hold open keeps its inode, so that nobody else can have it; a plain file may have become
 * a compressed one, never the other way round.
 */
static bool is_self(const struct log_chain *c, const char *name, bool gz)
{
	struct stat st;
	ino_t origin;
	int fd;

	if (c->fd < 0 || stat(name, &st) < 0)
		return false;
	if (gz == c->gz)
		return st.st_ino == c->inode;
	if (!gz)
		return false;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	origin = read_origin(fd);
	close(fd);
	return origin && origin == c->inode;
}

/* Where the present file stands now: its number, -1 when it is gone; how many there are. */
static int find_self(const struct log_chain *c, int *ret_count)
{
	char name[LOG_CHAIN_PATH_MAX];
	struct stat st;
	int at = -1, count = 1;

	for (int i = 0; i < LOG_CHAIN_FILES_MAX && i < count + GAP; i++) {
		for (int gz = 0; gz < (i ? 2 : 1); gz++) {
			if (file_name(c->path, i, gz, name) < 0 || stat(name, &st) < 0)
				continue;
			count = i + 1;
			if (at < 0 && is_self(c, name, gz))
				at = i;
		}
	}
	*ret_count = count;
	return at;
}

void log_chain_close(struct log_chain *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

int log_chain_open_all(struct log_chain *c, const char *path)
{
	int r = -ENOENT;

	*c = (struct log_chain){.path = path, .fd = -1};
	/* The oldest may be rotated away between the look and the opening. */
	for (int i = 0; i < RETRIES && r == -ENOENT; i++) {
		int count;

		(void)find_self(c, &count);
		r = open_file(c, count - 1);
		if (count <= 1)
			break;
	}
	return r;
}

static int open_from(struct log_chain *c, int i)
{
	int r = -ENOENT;

	for (int k = 0; k <= GAP && r == -ENOENT; k++)
		r = open_file(c, i + k);
	return r;
}

int log_chain_open_newest(struct log_chain *c, const char *path)
{
	*c = (struct log_chain){.path = path, .fd = -1};
	return open_from(c, 0);
}

int log_chain_open_older(struct log_chain *c)
{
	for (int i = 0; i < RETRIES; i++) {
		struct log_chain older = {.path = c->path, .fd = -1};
		int count, at = find_self(c, &count), r;

		if (at < 0)
			return -ENOENT;
		r = open_from(&older, at + 1);
		if (r < 0)
			return r;
		/* While we looked it may have moved, and then this is the one we had. */
		if (find_self(c, &count) == at) {
			log_chain_close(c);
			*c = older;
			return 0;
		}
		log_chain_close(&older);
	}
	return -ENOENT;
}

/* Our file is gone: the oldest that was written to after it comes next. */
static int after_loss(const struct log_chain *c, int count)
{
	char name[LOG_CHAIN_PATH_MAX];
	struct stat self, st;

	if (fstat(c->fd, &self) < 0)
		return 0;
	for (int i = count - 1; i > 0; i--) {
		for (int gz = 0; gz < 2; gz++) {
			if (file_name(c->path, i, gz, name) < 0 || stat(name, &st) < 0)
				continue;
			if (st.st_mtim.tv_sec > self.st_mtim.tv_sec ||
			    (st.st_mtim.tv_sec == self.st_mtim.tv_sec &&
			     st.st_mtim.tv_nsec > self.st_mtim.tv_nsec))
				return i;
		}
	}
	return 0;
}

int log_chain_next(struct log_chain *c)
{
	struct stat st;
	int at, count, again, r;

	if (c->fd < 0) {
		r = open_file(c, 0);
		return r < 0 ? r : 1;
	}
	at = find_self(c, &count);
	if (at == 0) {
		if (fstat(c->fd, &st) == 0 && st.st_size < c->offset) {
			c->offset = 0;
			return 1;
		}
		return 0;
	}
	for (int i = 0; i < RETRIES; i++) {
		struct log_chain next = {.path = c->path, .fd = -1};

		r = -ENOENT;
		for (int k = at > 0 ? at - 1 : after_loss(c, count); k >= 0 && r == -ENOENT; k--)
			r = open_file(&next, k);
		if (r < 0)
			return r;
		again = find_self(c, &count);
		if (again == at) {
			log_chain_close(c);
			*c = next;
			return 1;
		}
		log_chain_close(&next);
		at = again;
	}
	return -ENOENT;
}
