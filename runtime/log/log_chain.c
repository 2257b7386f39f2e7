/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/log/log_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRIES 16

/* path.i; the newest, i 0, is path itself. */
static int file_name(const char *path, int i, char out[LOG_CHAIN_PATH_MAX])
{
	int n = i ? snprintf(out, LOG_CHAIN_PATH_MAX, "%s.%d", path, i)
		  : snprintf(out, LOG_CHAIN_PATH_MAX, "%s", path);

	return n < LOG_CHAIN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int open_file(struct log_chain *c, int i)
{
	char name[LOG_CHAIN_PATH_MAX];
	struct stat st;
	int r = file_name(c->path, i, name), fd;

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
	c->inode = st.st_ino;
	c->offset = 0;
	return 0;
}

/* Where the present file stands now: its number, -1 when it is gone; how many there are. */
static int find_self(const struct log_chain *c, int *ret_count)
{
	char name[LOG_CHAIN_PATH_MAX];
	struct stat st;
	int at = -1, i;

	for (i = 0; i < LOG_CHAIN_FILES_MAX; i++) {
		if (file_name(c->path, i, name) < 0)
			break;
		/* The newest may be missing for the moment of its rotation. */
		if (stat(name, &st) < 0) {
			if (i > 0)
				break;
			continue;
		}
		if (at < 0 && c->fd >= 0 && st.st_ino == c->inode)
			at = i;
	}
	*ret_count = i;
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

/*
 * Walk back over whole lines; what follows the last newline is a line still being written. Returns
 * how many of the lines wanted are missing still.
 */
static int64_t seek_back(struct log_chain *c, int64_t lines, char *block, size_t size)
{
	off_t at = lseek(c->fd, 0, SEEK_END);
	bool first = true;

	while (at > 0) {
		size_t n = at < (off_t)size ? (size_t)at : size;
		ssize_t got = pread(c->fd, block, n, at - (off_t)n);
		char *p;

		if (got != (ssize_t)n)
			break; /* truncated meanwhile: all of what is left */
		at -= (off_t)n;
		for (p = block + n; (p = memrchr(block, '\n', (size_t)(p - block)));) {
			if (!first && --lines == 0) {
				c->offset = at + (p - block) + 1;
				return 0;
			}
			if (first && lines == 0) {
				c->offset = at + (p - block) + 1;
				return 0;
			}
			first = false;
		}
	}
	c->offset = 0;
	return first ? lines : lines - 1;
}

int log_chain_open_tail(struct log_chain *c, const char *path, int64_t lines, char *block,
			size_t size)
{
	ino_t last = 0;
	int r = 0;

	*c = (struct log_chain){.path = path, .fd = -1};
	for (int i = 0; i < LOG_CHAIN_FILES_MAX; i++) {
		struct log_chain older = {.path = path, .fd = -1};

		r = open_file(&older, i);
		if (r == -ENOENT && i == 0)
			continue; /* perhaps being replaced */
		if (r < 0)
			break;
		if (c->fd >= 0 && older.inode == last) { /* rotated meanwhile: seen already */
			log_chain_close(&older);
			continue;
		}
		last = older.inode;
		log_chain_close(c);
		*c = older;
		lines = seek_back(c, lines, block, size);
		if (lines == 0)
			break;
	}
	return c->fd >= 0 ? 0 : r;
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

		/* Gone: whatever is the newest comes next. */
		r = open_file(&next, at > 0 ? at - 1 : 0);
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
