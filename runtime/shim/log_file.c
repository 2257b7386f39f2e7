/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/mem.h"
#include "runtime/shim/log_line.h"

static int open_current(struct log_file *l, int extra)
{
	int fd = openat(l->dirfd, l->name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | extra, 0640);
	struct stat st;

	if (fd < 0)
		return -errno;
	l->fd = fd;
	l->size = fstat(fd, &st) == 0 ? st.st_size : 0;
	return 0;
}

/* A line that a crash cut off must not swallow the next one. */
static void repair_tail(struct log_file *l)
{
	char last = '\n';

	if (l->size > 0 && pread(l->fd, &last, 1, l->size - 1) == 1 && last != '\n' &&
	    write(l->fd, "\n", 1) == 1)
		l->size++;
}

int log_file_open(struct log_file *l, int dirfd, const char *name, int64_t max_size,
		  int64_t max_file, char *out, size_t out_cap)
{
	int r;

	memset(l, 0, sizeof(*l));
	l->dirfd = dirfd;
	l->name = name;
	l->max_size = max_size;
	l->max_file = max_file;
	l->out = out;
	l->out_cap = out_cap;
	l->fd = -1;
	r = open_current(l, 0);
	if (r < 0)
		return r;
	repair_tail(l);
	return 0;
}

void log_file_close(struct log_file *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	for (size_t i = 0; i < ARRAY_LEN(l->part); i++) {
		mem_free(l->part[i].p);
		l->part[i].p = NULL;
	}
}

/* name.i, where i 0 is the current file. */
static void rotated_name(const struct log_file *l, int64_t i, char *out, size_t size)
{
	if (i)
		snprintf(out, size, "%s.%lld", l->name, (long long)i);
	else
		snprintf(out, size, "%s", l->name);
}

static void rotate(struct log_file *l)
{
	char from[128], to[128];

	for (int64_t i = l->max_file - 1; i > 0; i--) {
		rotated_name(l, i - 1, from, sizeof(from));
		rotated_name(l, i, to, sizeof(to));
		(void)renameat(l->dirfd, from, l->dirfd, to);
	}
	if (l->max_file <= 1) {
		if (ftruncate(l->fd, 0) == 0)
			l->size = 0;
		return;
	}
	close(l->fd);
	l->fd = -1;
	(void)open_current(l, 0);
}

/* Write what is formatted. What does not fit on the disk is dropped up to the next whole line. */
static void flush_out(struct log_file *l)
{
	size_t done = 0;

	if (l->fd < 0)
		(void)open_current(l, 0);
	while (done < l->out_n && l->fd >= 0) {
		ssize_t n = write(l->fd, l->out + done, l->out_n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (done && ftruncate(l->fd, l->size) < 0 && write(l->fd, "\n", 1) == 1)
				l->size++;
			l->out_n = 0;
			return;
		}
		done += (size_t)n;
	}
	l->size += (int64_t)done;
	l->out_n = 0;
}

static void record(struct log_file *l, bool is_stderr, const uint8_t *p, size_t n, bool newline,
		   const char *time, size_t time_len)
{
	char *end;

	if (l->max_size > 0 && l->size + (int64_t)l->out_n >= l->max_size) {
		flush_out(l);
		if (l->size >= l->max_size)
			rotate(l);
	}
	if (l->out_cap - l->out_n < LOG_LINE_MAX(n))
		flush_out(l);
	end = log_format_line(l->out + l->out_n, p, n, newline, is_stderr, time, time_len);
	l->out_n = (size_t)(end - l->out);
}

/* The rest of a line that began earlier; returns how much of p it took. */
static size_t continue_part(struct log_file *l, bool is_stderr, const uint8_t *p, size_t n,
			    const char *time, size_t time_len)
{
	struct log_part *part = &l->part[is_stderr];
	const uint8_t *nl = memchr(p, '\n', n);
	size_t room = LOG_RECORD_MAX - part->n;
	size_t take = nl ? (size_t)(nl - p) : n;

	if (take > room)
		take = room;
	if (take && !part->p) {
		part->p = mem_alloc(LOG_RECORD_MAX);
		if (!part->p) { /* no memory: what we have is a record */
			record(l, is_stderr, p, take, false, time, time_len);
			return take;
		}
	}
	if (take)
		memcpy(part->p + part->n, p, take);
	part->n += take;
	if (part->split) {
		time = part->time;
		time_len = part->time_len;
	}
	if (part->n < LOG_RECORD_MAX && nl && nl == p + take) {
		record(l, is_stderr, part->p, part->n, true, time, time_len);
		part->n = 0;
		part->split = false;
		mem_free(part->p);
		part->p = NULL;
		return take + 1;
	}
	if (part->n == LOG_RECORD_MAX) {
		record(l, is_stderr, part->p, part->n, false, time, time_len);
		if (!part->split) {
			part->split = true;
			memcpy(part->time, time, time_len);
			part->time_len = time_len;
		}
		part->n = 0;
	}
	return take;
}

void log_file_write(struct log_file *l, bool is_stderr, const uint8_t *p, size_t n)
{
	struct log_part *part = &l->part[is_stderr];
	char time[CLOCK_RFC3339_MAX];
	size_t time_len = clock_format_rfc3339nano(clock_wall(), time);

	while (n) {
		const uint8_t *nl = part->n || part->split ? NULL : memchr(p, '\n', n);
		size_t used;

		if (nl && (size_t)(nl - p) < LOG_RECORD_MAX) {
			record(l, is_stderr, p, (size_t)(nl - p), true, time, time_len);
			used = (size_t)(nl - p) + 1;
		} else {
			used = continue_part(l, is_stderr, p, n, time, time_len);
		}
		p += used;
		n -= used;
	}
	if (l->out_n)
		flush_out(l);
}

void log_file_finish(struct log_file *l, bool is_stderr)
{
	struct log_part *part = &l->part[is_stderr];
	char time[CLOCK_RFC3339_MAX];
	size_t time_len = clock_format_rfc3339nano(clock_wall(), time);

	if (part->n) {
		record(l, is_stderr, part->p, part->n, false, part->split ? part->time : time,
		       part->split ? part->time_len : time_len);
		part->n = 0;
		flush_out(l);
	}
	part->split = false;
}
