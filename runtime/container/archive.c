/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files into and out of a container as tar streams. A path is made clean by its text, as the engine
 * does, and then opened beneath the container's root; where that led is read off the descriptor, so
 * that a link swapped in between changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "firmware/core/passwd.h"
#include "firmware/fmt/inflate.h"
#include "firmware/sched/job.h"
#include "runtime/container/archive_path.h"
#include "runtime/container/look.h"
#include "runtime/container/view.h"
#include "runtime/image/layer.h"
#include "runtime/image/pack.h"

#define ETC_FILE_MAX (1u << 20)

struct archive_job {
	struct job job;
	struct container_view view;
	const char *name, *path; /* as the client gave them */
	enum path_ending ending;
	char clean[ARCHIVE_TEXT_MAX];
	char real[ARCHIVE_TEXT_MAX]; /* of the directory to unpack in, or of a link's target */
	char text[ARCHIVE_TEXT_MAX];
	struct stat st;
	/* get */
	struct look_sink *to;
	struct writer *sink;
	/* put */
	const struct archive_put *put;
	struct reader *source;
};

static int missing(const struct archive_job *j, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "Could not find the file %s in container %s", j->path,
		       j->name);
}

static int cannot_open(const struct archive_job *j, int r, struct err *e)
{
	return r == -ENOENT ? missing(j, e) : err_sys(e, -r, "lstat %s", j->clean);
}

/* Where fd is, as a path in the container. -errno. */
static int path_of(const struct archive_job *j, int fd, char out[ARCHIVE_TEXT_MAX])
{
	char link[32], root[ARCHIVE_TEXT_MAX / 8];
	ssize_t n, r;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", j->view.root_fd);
	r = readlink(link, root, sizeof(root));
	if (r < 0 || (size_t)r == sizeof(root))
		return -ENAMETOOLONG;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, ARCHIVE_TEXT_MAX - 1);
	if (n < 0 || n == ARCHIVE_TEXT_MAX - 1)
		return n < 0 ? -errno : -ENAMETOOLONG;
	out[n] = '\0';
	if (r == 1)
		return 0; /* the root is "/" */
	if (n < r || memcmp(out, root, (size_t)r) != 0)
		return -EXDEV;
	memmove(out, out + r, (size_t)(n - r) + 1);
	if (!out[0])
		memcpy(out, "/", 2);
	return 0;
}

/* As far as it leads: the real path of its target, or its text put behind the link's directory. */
static int resolve_link(struct archive_job *j, int link_fd)
{
	CLEANUP_FD int fd = open_in_root(j->view.root_fd, j->clean, O_PATH);
	char *slash;
	ssize_t n;

	if (fd >= 0)
		return path_of(j, fd, j->real);
	n = readlinkat(link_fd, "", j->text, sizeof(j->text) - 1);
	if (n < 0)
		return -errno;
	j->text[n] = '\0';
	slash = strrchr(j->clean, '/');
	*slash = '\0';
	n = archive_path_join(j->clean, j->text, j->real);
	*slash = '/';
	return (int)n;
}

/* Look at the path, its last component not followed unless a slash or dot comes after it. */
static int look_at(struct archive_job *j, int *ret_fd, struct err *e)
{
	CLEANUP_FD int fd = -1;
	uint64_t flags = j->ending == ENDING_NONE ? O_PATH | O_NOFOLLOW : O_PATH | O_DIRECTORY;
	int r = 0;

	fd = open_in_root(j->view.root_fd, j->clean, flags);
	if (fd < 0)
		return cannot_open(j, fd, e);
	if (fstat(fd, &j->st) < 0)
		return err_sys(e, errno, "lstat %s", j->clean);
	if (S_ISLNK(j->st.st_mode))
		r = resolve_link(j, fd);
	if (r < 0)
		return err_sys(e, -r, "readlink %s", j->clean);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int stat_run(struct job *job)
{
	struct archive_job *j = container_of(job, struct archive_job, job);
	CLEANUP_FD int fd = -1;

	return look_at(j, &fd, &job->err);
}

/* --- what the calls share --- */

static int begin(struct archive_job **ret, struct container *c, const char *name, const char *path,
		 struct arena *a, struct err *e)
{
	struct archive_job *j = arena_alloc(a, sizeof(*j));

	if (!j)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	j->view = (struct container_view)CONTAINER_VIEW_INIT;
	j->view.c = c;
	j->name = name;
	j->path = path;
	if (archive_path_parse(path, j->clean, &j->ending) < 0)
		return err_set(e, ERR_INVALID, "the path is too long");
	*ret = j;
	return 0;
}

static int do_job(struct archive_job *j, int (*run)(struct job *), enum job_class cls,
		  struct err *e) FIBER_FN
{
	int r;

	j->job = (struct job){0};
	r = job_run(&j->job, run, cls);
	if (r < 0 && !j->job.err.kind)
		return err_set(e, ERR_UNAVAILABLE, "too many operations at once; try again");
	if (r < 0)
		*e = j->job.err;
	return r;
}

static int find(struct archive_job *j, struct arena *a, struct path_stat *ret, struct err *e)
	FIBER_FN
{
	int r = container_view_open(j->view.c, VIEW_FULL, &j->view, e);

	if (r == 0)
		r = do_job(j, stat_run, JOB_SHORT, e);
	if (r < 0)
		return r;
	*ret = (struct path_stat){
		.name = archive_path_base(j->clean, j->ending),
		.size = j->st.st_size,
		.mode = go_file_mode(j->st.st_mode),
		.mtime_ns = j->st.st_mtim.tv_sec * NSEC_PER_SEC + j->st.st_mtim.tv_nsec,
		.link_target = S_ISLNK(j->st.st_mode) ? arena_strdup(a, j->real) : "",
	};
	if (!ret->link_target)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	return 0;
}

int container_archive_stat(struct container *c, const char *name, const char *path, struct arena *a,
			   struct path_stat *ret, struct err *e)
{
	struct archive_job *j;
	int r = begin(&j, c, name, path, a, e);

	if (r < 0)
		return r;
	r = find(j, a, ret, e);
	container_view_close(&j->view);
	return r;
}

/* --- out --- */

/* A directory is packed from within; anything else as a name in its directory. */
static int pack_found(struct archive_job *j, const struct pack_options *common, struct err *e)
{
	struct pack_options opt = *common;
	CLEANUP_FD int fd = -1;
	char *slash;
	int r = look_at(j, &fd, e);

	if (r < 0)
		return r;
	opt.name = archive_path_base(j->clean, j->ending);
	opt.dir_fd = fd;
	opt.base = ".";
	if (!S_ISDIR(j->st.st_mode)) {
		CLEANUP_FD int parent = -1;

		slash = strrchr(j->clean, '/');
		*slash = '\0';
		parent = open_in_root(j->view.root_fd, j->clean, O_PATH | O_DIRECTORY);
		*slash = '/';
		if (parent < 0)
			return cannot_open(j, parent, e);
		opt.dir_fd = parent;
		opt.base = slash + 1;
		return pack_tree(j->sink, &opt, NULL, e);
	}
	return pack_tree(j->sink, &opt, NULL, e);
}

static int get_run(struct job *job)
{
	struct archive_job *j = container_of(job, struct archive_job, job);
	/* The devices of a running container are its runtime's, not files of its image. */
	const struct pack_options common = {.job = job, .skip = j->clean[1] ? NULL : "dev"};
	int r = pack_found(j, &common, &job->err);

	return r == 0 && j->to->finish ? j->to->finish(j->to, &job->err) : r;
}

static int send_job(struct archive_job *j, int (*run)(struct job *), struct look_sink *sink,
		    struct err *e) FIBER_FN
{
	int r;

	j->job = (struct job){0};
	j->to = sink;
	r = sink->begin(sink, &j->job, &j->sink, e);
	if (r < 0)
		return r;
	r = do_job(j, run, JOB_LONG, e);
	sink->end(sink);
	return r;
}

int container_archive_get(struct container *c, const char *name, const char *path, struct arena *a,
			  struct look_sink *sink, struct err *e)
{
	struct archive_job *j;
	struct path_stat st;
	int r = begin(&j, c, name, path, a, e);

	if (r < 0)
		return r;
	r = find(j, a, &st, e);
	if (r == 0) {
		sink->stat = &st;
		r = send_job(j, get_run, sink, e);
		sink->stat = NULL;
	}
	container_view_close(&j->view);
	return r;
}

static int export_run(struct job *job)
{
	struct archive_job *j = container_of(job, struct archive_job, job);
	const struct pack_options opt = {
		.job = job, .dir_fd = j->view.root_fd, .base = ".", .name = ""};

	return pack_tree(j->sink, &opt, NULL, &job->err);
}

int container_export(struct container *c, struct arena *a, struct look_sink *sink, struct err *e)
{
	struct archive_job *j;
	int r = begin(&j, c, c->name, "/", a, e);

	if (r < 0)
		return r;
	r = container_view_open(c, VIEW_ROOT, &j->view, e);
	if (r == 0)
		r = send_job(j, export_run, sink, e);
	container_view_close(&j->view);
	return r;
}

/* --- in --- */

static int check_writable(const struct archive_job *j, struct err *e)
{
	const struct container *c = j->view.c;
	const struct container_mount *m = archive_mount_of(c->mounts, c->n_mounts, j->real);

	if (m && !m->rw)
		return err_set(e, ERR_INVALID, "mounted volume is marked read-only");
	if (!m && c->host.readonly_rootfs)
		return err_set(e, ERR_INVALID, "container rootfs is marked read-only");
	return 0;
}

static int enter_directory(struct archive_job *j, struct err *e)
{
	CLEANUP_FD int fd = open_in_root(j->view.root_fd, j->clean, O_PATH);
	int r;

	if (fd < 0)
		return cannot_open(j, fd, e);
	if (fstat(fd, &j->st) < 0)
		return err_sys(e, errno, "stat %s", j->clean);
	if (!S_ISDIR(j->st.st_mode))
		return err_set(e, ERR_INVALID, "extraction point is not a directory");
	r = path_of(j, fd, j->real);
	return r < 0 ? err_sys(e, -r, "stat %s", j->clean) : check_writable(j, e);
}

static int read_etc(int root, const char *path, struct arena *mem, struct str *ret, struct err *e)
{
	int r = file_read_in_root(root, path, ETC_FILE_MAX, mem, ret, e);

	if (r < 0)
		*ret = STR("");
	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
		return 0;
	return r;
}

static int find_owner(struct archive_job *j, struct unpack_options *opt, struct err *e)
{
	CLEANUP_ARENA struct arena mem = {0};
	struct passwd_user user = {0};
	const char *spec = j->view.c->config.user;
	struct str passwd, group;

	if (!spec || !*spec)
		return 0;
	arena_open_heap(&mem, 4 * ETC_FILE_MAX);
	if (read_etc(j->view.root_fd, "/etc/passwd", &mem, &passwd, e) < 0 ||
	    read_etc(j->view.root_fd, "/etc/group", &mem, &group, e) < 0)
		return err_code(e);
	err_clear(e);
	if (passwd_resolve(str_from(spec), passwd, group, &user, e) < 0)
		return err_code(e);
	opt->owned = true;
	opt->uid = user.uid;
	opt->gid = user.gid;
	return 0;
}

static int put_run(struct job *job)
{
	struct archive_job *j = container_of(job, struct archive_job, job);
	CLEANUP(inflate_freep) struct inflate *z = NULL;
	struct unpack_options opt = {
		.root_fd = j->view.root_fd,
		.job = job,
		.verbatim = true,
		.keep_kinds = j->put->no_overwrite_dir_nondir,
	};
	struct unpack_result done;
	int r = enter_directory(j, &job->err);

	if (r == 0 && j->put->copy_uid_gid)
		r = find_owner(j, &opt, &job->err);
	if (r == 0)
		r = inflate_open(&z, j->source, 0, &job->err);
	if (r < 0)
		return r;
	opt.base = j->real + 1;
	return unpack_tar(inflate_reader(z), &opt, &done, &job->err);
}

int container_archive_put(struct container *c, const char *name, const struct archive_put *in,
			  struct arena *a, struct look_source *source, struct err *e)
{
	struct archive_job *j;
	int r = begin(&j, c, name, in->path, a, e);

	if (r < 0)
		return r;
	j->put = in;
	r = container_view_open(c, VIEW_FULL, &j->view, e);
	if (r == 0)
		r = source->begin(source, &j->job, &j->source, e);
	if (r == 0) {
		r = do_job(j, put_run, JOB_LONG, e);
		source->end(source);
	}
	container_view_close(&j->view);
	return r;
}
