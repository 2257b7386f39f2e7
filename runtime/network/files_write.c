/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three files are written anew at every start of a container, so nothing here is synced. The
 * texts of the request stay the caller's, whose fiber waits for the job.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "runtime/network/files.h"
#include "runtime/network/setup.h"

#define HOST_HOSTS "/etc/hosts"
#define HOST_RESOLV "/etc/resolv.conf"
#define RESOLVED_RESOLV "/run/systemd/resolve/resolv.conf"

struct files_job {
	struct job job;
	struct hosts_request req;
	struct resolv_lists lists;
};

static int read_host_file(const char *path, struct arena *a, struct str *ret, struct err *e)
{
	int r = file_read_at(AT_FDCWD, path, FILES_TEXT_MAX, a, ret, e);

	if (r == -ENOENT) {
		err_clear(e);
		*ret = (struct str){NULL, 0};
		return 0;
	}
	return r;
}

static int write_file(int dir, const char *name, struct str text, struct err *e)
{
	return file_replace_at(dir, name, text, 0644, false, e);
}

static int write_hosts(struct files_job *f, int dir, struct arena *a, struct err *e)
{
	CLEANUP_BUF struct buf b;
	struct str base = {NULL, 0};
	int r = 0;

	buf_init_heap(&b, FILES_TEXT_MAX * 2);
	if (f->req.host_network)
		r = read_host_file(HOST_HOSTS, a, &base, e);
	if (r == 0)
		r = files_hosts(&b, &f->req, base, e);
	return r < 0 ? r : write_file(dir, "hosts", buf_str(&b), e);
}

static int write_resolv(struct files_job *f, int dir, struct arena *a, struct err *e)
{
	CLEANUP_BUF struct buf b;
	struct str host;
	int r = read_host_file(HOST_RESOLV, a, &host, e);

	buf_init_heap(&b, FILES_TEXT_MAX * 2);
	if (r == 0 && !f->req.host_network && files_resolv_is_stub(host))
		r = read_host_file(RESOLVED_RESOLV, a, &host, e);
	if (r == 0)
		r = files_resolv(&b, &f->lists, host, f->req.host_network, e);
	return r < 0 ? r : write_file(dir, "resolv.conf", buf_str(&b), e);
}

static int write_hostname(struct files_job *f, int dir, struct err *e)
{
	char line[258];
	int n = snprintf(line, sizeof(line), "%s\n", f->req.hostname ? f->req.hostname : "");

	if (n < 0 || (size_t)n >= sizeof(line))
		return err_set(e, ERR_INVALID, "invalid hostname");
	return write_file(dir, "hostname", str_span(line, (size_t)n), e);
}

static int files_run(struct job *job)
{
	struct files_job *f = container_of(job, struct files_job, job);
	CLEANUP_FD int dir = open(f->req.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_ARENA struct arena a = {0};
	int r;

	if (dir < 0)
		return err_sys(&job->err, errno, "%s", f->req.dir);
	arena_open_heap(&a, FILES_TEXT_MAX * 4);
	r = write_hosts(f, dir, &a, &job->err);
	if (r == 0)
		r = write_resolv(f, dir, &a, &job->err);
	return r < 0 ? r : write_hostname(f, dir, &job->err);
}

/* The container's list where it has one, else the daemon's. */
static const struct texts *in_force(const struct texts *own, const struct texts *daemon)
{
	return own && own->n > 0 ? own : daemon;
}

int network_write_files(struct network_system *n, const struct hosts_request *req, struct err *e)
{
	CLEANUP_MEM struct files_job *f = mem_alloc(sizeof(*f));
	const struct engine_options *opt = n->opt;
	int r;

	if (!f)
		return err_sys(e, ENOMEM, "network files of a container");
	f->req = *req;
	if (!f->req.host_gateway && n->info[NETWORK_BRIDGE].enabled)
		f->req.host_gateway = n->info[NETWORK_BRIDGE].gateway;
	f->lists = (struct resolv_lists){.dns = in_force(req->dns, &opt->dns),
					 .search = in_force(req->dns_search, &opt->dns_search),
					 .options = in_force(req->dns_options, &opt->dns_opts)};
	r = job_run(&f->job, files_run, JOB_SHORT);
	return r < 0 ? network_job_failed(&f->job, r, e) : 0;
}

struct move_job {
	struct job job;
	const char *dir, *name, *address;
};

/* The container has the file mounted, so it must stay the same file. */
static int move_run(struct job *job)
{
	struct move_job *m = container_of(job, struct move_job, job);
	CLEANUP_FD int dir = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int fd = dir < 0 ? -1 : openat(dir, "hosts", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	CLEANUP_ARENA struct arena a = {0};
	CLEANUP_BUF struct buf b;
	struct str old, text;
	int r;

	buf_init_heap(&b, FILES_TEXT_MAX * 2);
	if (fd < 0)
		return err_sys(&job->err, errno, "%s/hosts", m->dir);
	arena_open_heap(&a, FILES_TEXT_MAX * 4);
	r = file_read_at(dir, "hosts", FILES_TEXT_MAX, &a, &old, &job->err);
	if (r == 0)
		r = files_hosts_move(&b, old, m->name, m->address, &job->err);
	if (r < 0)
		return r;
	text = buf_str(&b);
	r = fd_write_all(fd, text.p, text.n);
	if (r == 0 && ftruncate(fd, (off_t)text.n) < 0)
		r = -errno;
	return r < 0 ? err_sys(&job->err, r, "writing %s/hosts", m->dir) : 0;
}

int network_update_hosts(const char *dir, const char *name, const char *address, struct err *e)
{
	struct move_job m = {.dir = dir, .name = name, .address = address};
	int r = job_run(&m.job, move_run, JOB_SHORT);

	return r < 0 ? network_job_failed(&m.job, r, e) : 0;
}
