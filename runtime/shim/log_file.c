/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/shim/log_gzip.h"
#include "runtime/shim/log_line.h"
#include "runtime/shim/log_local.h"

size_t log_file_room(const struct log_file_options *o)
{
	return o->format == LOG_FORMAT_JSON ? LOG_LINE_MAX(LOG_RECORD_MAX) + o->extra.n
					    : LOG_LOCAL_MAX(LOG_RECORD_MAX, o->extra.n);
}

static int open_current(struct log_file *l)
{
	int fd = openat(l->o.dirfd, l->o.name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	struct stat st;

	if (fd < 0)
		return -errno;
	l->fd = fd;
	l->size = fstat(fd, &st) == 0 ? st.st_size : 0;
	return 0;
}

static void repair_json(struct log_file *l)
{
	char last = '\n';

	if (l->size > 0 && pread(l->fd, &last, 1, l->size - 1) == 1 && last != '\n' &&
	    write(l->fd, "\n", 1) == 1)
		l->size++;
}

static uint32_t read_u32(const struct log_file *l, int64_t at)
{
	uint8_t b[4];

	if (at < 0 || pread(l->fd, b, 4, at) != 4)
		return UINT32_MAX;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Cut off what is not a whole record; the way from the front is the one that never errs. */
static void repair_local(struct log_file *l)
{
	uint32_t n = read_u32(l, l->size - 4);
	int64_t at = 0;

	if (!l->size || (n <= LOG_LOCAL_RECORD_MAX && read_u32(l, l->size - 8 - n) == n))
		return;
	while (at < l->size) {
		n = read_u32(l, at);
		if (n > LOG_LOCAL_RECORD_MAX || at + 8 + n > l->size ||
		    read_u32(l, at + 4 + n) != n)
			break;
		at += 8 + n;
	}
	if (at < l->size && ftruncate(l->fd, at) == 0)
		l->size = at;
}

int log_file_open(struct log_file *l, const struct log_file_options *o, char *out, size_t out_cap)
{
	int r;

	*l = (struct log_file){.o = *o, .fd = -1, .out = out, .out_cap = out_cap};
	if (out_cap < log_file_room(o))
		return -E2BIG;
	r = open_current(l);
	if (r < 0)
		return r;
	if (o->format == LOG_FORMAT_JSON)
		repair_json(l);
	else
		repair_local(l);
	l->rotated = o->compress && log_gzip_settle(o->dirfd, o->name, o->max_file);
	return 0;
}

void log_file_close(struct log_file *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static void rotate(struct log_file *l)
{
	if (l->o.max_file <= 1) {
		if (ftruncate(l->fd, 0) == 0)
			l->size = 0;
		return;
	}
	log_gzip_shift(l->o.dirfd, l->o.name, l->o.max_file);
	close(l->fd);
	l->fd = -1;
	l->rotated = l->o.compress;
	(void)open_current(l);
}

/* Write what is formatted. What does not fit on the disk is dropped up to the next whole record. */
void log_file_flush(struct log_file *l)
{
	size_t done = 0;

	if (l->out_n && l->fd < 0)
		(void)open_current(l);
	while (done < l->out_n && l->fd >= 0) {
		ssize_t n = write(l->fd, l->out + done, l->out_n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (done && ftruncate(l->fd, l->size) < 0 &&
			    l->o.format == LOG_FORMAT_JSON && write(l->fd, "\n", 1) == 1)
				l->size += (int64_t)done + 1;
			l->out_n = 0;
			return;
		}
		done += (size_t)n;
	}
	l->size += (int64_t)done;
	l->out_n = 0;
}

void log_file_record(struct log_file *l, const struct log_entry *e)
{
	char *end = l->out + l->out_n;

	if (l->o.max_size > 0 && l->size + (int64_t)l->out_n >= l->o.max_size) {
		log_file_flush(l);
		if (l->size >= l->o.max_size)
			rotate(l);
		end = l->out;
	}
	if (l->o.format == LOG_FORMAT_JSON) {
		if (l->out_cap - l->out_n < LOG_LINE_MAX(e->n) + l->o.extra.n) {
			log_file_flush(l);
			end = l->out;
		}
		end = log_format_line(end, e, l->o.extra);
	} else {
		if (l->out_cap - l->out_n < LOG_LOCAL_MAX(e->n, l->o.extra.n)) {
			log_file_flush(l);
			end = l->out;
		}
		end = log_local_put(end, e, l->o.extra);
	}
	l->out_n = (size_t)(end - l->out);
}
