/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/log/log_source.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "firmware/sched/job.h"

#define IN_SIZE 16384
#define SKIP_SIZE 16384

struct read_job {
	struct job job;
	int fd;
	void *p;
	size_t n;
	off_t offset;
};

static int run_read(struct job *job)
{
	struct read_job *j = container_of(job, struct read_job, job);
	ssize_t n = pread(j->fd, j->p, j->n, j->offset);

	return n < 0 ? -errno : (int)n;
}

/* As pread; the disk is waited for elsewhere. */
static ssize_t read_at(int fd, void *p, size_t n, off_t offset) FIBER_FN
{
	struct iovec iov = {.iov_base = p, .iov_len = n};
	ssize_t got = preadv2(fd, &iov, 1, offset, RWF_NOWAIT);
	struct read_job job = {.fd = fd, .p = p, .n = n, .offset = offset};

	if (got >= 0)
		return got;
	if (errno != EAGAIN) {
		got = pread(fd, p, n, offset); /* a file system without that flag: in memory */
		return got < 0 ? -errno : got;
	}
	return job_run(&job.job, run_read, JOB_SHORT);
}

static void *take_memory(void *arg, unsigned count, unsigned size)
{
	return arena_alloc_array(arg, count, size);
}

static void leave_memory(void *arg, void *p)
{
	(void)arg;
	(void)p;
}

static int skip(struct log_source *s, int64_t n) FIBER_FN
{
	char *bin = arena_alloc(s->a, SKIP_SIZE);

	if (!bin)
		return -ENOMEM;
	while (n > 0) {
		ssize_t got = log_source_read(s, bin, (size_t)MIN(n, (int64_t)SKIP_SIZE));

		if (got < 0)
			return (int)got;
		if (!got)
			break;
		n -= got;
	}
	return 0;
}

int log_source_open(struct log_source *s, const struct log_chain *c, int64_t offset,
		    struct arena *a)
{
	*s = (struct log_source){.fd = c->fd, .gz = c->gz, .offset = c->gz ? 0 : offset, .a = a};
	if (!s->gz)
		return 0;
	s->in = arena_alloc(a, IN_SIZE);
	s->z.zalloc = take_memory;
	s->z.zfree = leave_memory;
	s->z.opaque = a;
	if (!s->in || inflateInit2(&s->z, 15 + 16) != Z_OK)
		return -ENOMEM;
	return offset ? skip(s, offset) : 0;
}

static int refill(struct log_source *s) FIBER_FN
{
	ssize_t got = read_at(s->fd, s->in, IN_SIZE, s->offset);

	if (got < 0)
		return (int)got;
	s->offset += got;
	s->z.next_in = s->in;
	s->z.avail_in = (uInt)got;
	return 0;
}

ssize_t log_source_read(struct log_source *s, void *p, size_t n)
{
	ssize_t got;
	int r, code;

	if (!s->gz) {
		got = read_at(s->fd, p, n, s->offset);
		s->offset += got > 0 ? got : 0;
		return got;
	}
	s->z.next_out = p;
	s->z.avail_out = (uInt)n;
	while (!s->ended && s->z.avail_out == n) {
		if (!s->z.avail_in) {
			code = refill(s);
			if (code < 0)
				return code;
		}
		/* A file that is cut off or broken ends there. */
		r = s->z.avail_in ? inflate(&s->z, Z_NO_FLUSH) : Z_DATA_ERROR;
		s->ended = r != Z_OK;
	}
	return (ssize_t)(n - s->z.avail_out);
}
