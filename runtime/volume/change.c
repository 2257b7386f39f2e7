/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and removing volumes. One at a time, so that a name means one thing. A volume is made
 * under a name of its own and renamed when it is whole; it is removed by a rename too, and its
 * files are deleted afterwards. What a crash leaves begins with a dot and is swept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "runtime/volume/private.h"

struct change_job {
	struct job job;
	const char *root, *name;
	char tmp[24]; /* ".new-" or ".gone-" and sixteen hex digits */
	struct str json;
};

static void make_tmp_name(char out[24], const char *prefix)
{
	char hex[17];
	uint8_t raw[8];

	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), hex);
	text_format(out, 24, "%c%s-%s", VOLUME_TMP_PREFIX, prefix, hex);
}

/* --- making --- */

static int create_run(struct job *job)
{
	struct change_job *c = container_of(job, struct change_job, job);
	CLEANUP_FD int root = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dir = -1;
	struct err ignored = ERR_INIT;
	int r;

	if (root < 0 || mkdirat(root, c->tmp, 0711) < 0)
		return err_sys(&job->err, errno, "making volume %s", c->name);
	dir = openat(root, c->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || mkdirat(dir, "_data", 0755) < 0 || fchmodat(dir, "_data", 0755, 0) < 0)
		r = err_sys(&job->err, errno, "making volume %s", c->name);
	else
		r = file_replace_at(dir, "volume.json", c->json, 0600, true, &job->err);
	if (r == 0 && renameat(root, c->tmp, root, c->name) < 0)
		r = err_sys(&job->err, errno, "making volume %s", c->name);
	if (r == 0 && fsync(root) < 0) {
		r = err_sys(&job->err, errno, "making volume %s", c->name);
		if (tree_remove_at(root, c->name, &ignored) < 0)
			log_warn("undoing a volume: %s", ignored.msg);
	}
	if (r < 0 && tree_remove_at(root, c->tmp, &ignored) < 0)
		log_warn("undoing a volume: %s", ignored.msg);
	return r;
}

static int copy_map(const struct text_map *from, bool anonymous, struct arena *a,
		    struct text_map *to)
{
	size_t n = from ? from->n : 0;

	to->items = arena_alloc_array(a, n + 1, sizeof(*to->items));
	if (!to->items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct text_pair *p = &to->items[to->n++];

		p->key = arena_strdup(a, from->items[i].key);
		p->value = arena_strdup(a, from->items[i].value);
		if (!p->key || !p->value)
			return -ENOMEM;
	}
	if (anonymous && !text_map_get(to, VOLUME_ANONYMOUS_LABEL))
		to->items[to->n++] = (struct text_pair){VOLUME_ANONYMOUS_LABEL, ""};
	to->set = true;
	return 0;
}

static int fill(struct volume *v, const struct volume_request *req, struct err *e)
{
	bool anonymous = !req->name || !*req->name;
	char name[65];

	if (anonymous)
		volume_make_name(name);
	v->created_ns = clock_wall() / NSEC_PER_SEC * NSEC_PER_SEC;
	v->name = arena_strdup(&v->mem, anonymous ? name : req->name);
	if (!v->name ||
	    copy_map(req->labels, anonymous || req->anonymous, &v->mem, &v->labels) < 0 ||
	    copy_map(req->options, false, &v->mem, &v->options) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for a volume");
	v->mountpoint = volume_path(v->store, v->name, &v->mem);
	if (!v->mountpoint)
		return err_set(e, ERR_UNAVAILABLE, "no memory for a volume");
	if (volume_check_options(&v->options, e) < 0)
		return err_wrap(e, "create %s", v->name);
	return 0;
}

static int create_locked(struct volume_store *s, const struct volume_request *req,
			 struct volume **ret, struct err *e) FIBER_FN
{
	CLEANUP(volume_unrefp) struct volume *v = volume_new(s);
	CLEANUP_ARENA struct arena a = {0};
	struct change_job c = {.root = s->root};
	int r;

	if (s->volumes.count >= CONFIG_VOLUMES_MAX)
		return err_set(e, ERR_UNAVAILABLE,
			       "there are %d volumes already (CONFIG_VOLUMES_MAX)",
			       CONFIG_VOLUMES_MAX);
	if (!v)
		return err_set(e, ERR_UNAVAILABLE, "no memory for a volume");
	r = fill(v, req, e);
	if (r < 0)
		return r;
	arena_open_heap(&a, 2 * VOLUME_FILE_MAX);
	if (volume_encode(v, &a, &c.json) < 0)
		return err_set(e, ERR_TOO_LARGE, "create %s: too many labels or options", v->name);
	c.name = v->name;
	make_tmp_name(c.tmp, "new");
	r = job_run(&c.job, create_run, JOB_SHORT);
	if (r < 0) {
		if (e)
			*e = c.job.err;
		return r;
	}
	if (volume_enter(v) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for a volume");
	volume_event(v, "create", NULL, 0);
	*ret = TAKE_PTR(v);
	return 0;
}

static struct volume *find(struct volume_store *s, const char *name)
{
	struct map_node *n = name && *name ? map_find(&s->volumes, str_from(name)) : NULL;

	return n ? map_entry(n, struct volume, node) : NULL;
}

static int create_shielded(struct volume_store *s, const struct volume_request *req,
			   struct volume **ret, bool *ret_new, struct err *e) FIBER_FN
{
	struct volume *v;
	int r;

	if (fiber_lock_take(&s->lock, DEADLINE_NEVER) < 0)
		return err_set(e, ERR_CANCELLED, "cancelled");
	v = find(s, req->name);
	*ret_new = !v;
	if (v)
		volume_ref(v);
	r = v ? 0 : create_locked(s, req, &v, e);
	/* Noted before anything waits again. */
	if (r == 0 && req->user && volume_use(v, req->user) < 0) {
		volume_unref(v);
		r = err_set(e, ERR_UNAVAILABLE, "no memory for a volume");
	}
	fiber_lock_release(&s->lock);
	if (r == 0)
		*ret = v;
	return r;
}

int volume_create(struct volume_store *s, const struct volume_request *req, struct volume **ret,
		  bool *ret_new, struct err *e)
{
	bool is_new = false;
	int r = volume_check(req, e);

	if (r < 0)
		return r;
	fiber_shield();
	r = create_shielded(s, req, ret, &is_new, e);
	fiber_unshield();
	if (r == 0 && ret_new)
		*ret_new = is_new;
	return r;
}

/* --- removing --- */

static int forget_run(struct job *job)
{
	struct change_job *c = container_of(job, struct change_job, job);
	CLEANUP_FD int root = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 || (renameat(root, c->name, root, c->tmp) < 0 && errno != ENOENT) ||
	    fsync(root) < 0)
		return err_sys(&job->err, errno, "remove %s", c->name);
	return 0;
}

static int clean_run(struct job *job)
{
	struct change_job *c = container_of(job, struct change_job, job);
	CLEANUP_FD int root = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_sys(&job->err, errno, "opening %s", c->root);
	return tree_remove_at(root, c->tmp, &job->err);
}

static int check_unused(const struct volume *v, struct err *e)
{
	const struct volume_user *u;
	char text[512];
	struct buf ids;

	if (list_empty(&v->users))
		return 0;
	buf_init_fixed(&ids, text, sizeof(text));
	list_for_each (u, &v->users, link)
		buf_printf(&ids, "%s%s", ids.n ? ", " : "", u->id);
	return err_set(e, ERR_CONFLICT, "remove %.200s: volume is in use - [%s]", v->name,
		       buf_text(&ids));
}

static int remove_locked(struct volume *v, struct change_job *c, struct err *e) FIBER_FN
{
	int r;

	if (v->gone)
		return err_set(e, ERR_NOT_FOUND, "get %s: no such volume", v->name);
	r = check_unused(v, e);
	if (r < 0)
		return r;
	/* Out of the map first: nobody may take it up while the disk is written. */
	volume_leave(v);
	r = job_run(&c->job, forget_run, JOB_SHORT_MUST);
	if (r == 0)
		return 0;
	if (e)
		*e = c->job.err;
	v->gone = false;
	if (volume_enter(v) < 0) {
		v->gone = true;
		log_error("volume %s is lost until the next start: no memory", v->name);
	}
	return r;
}

int volume_remove(struct volume *v, struct err *e)
{
	struct change_job c = {.root = v->store->root, .name = v->name};
	int r;

	volume_ref(v);
	make_tmp_name(c.tmp, "gone");
	fiber_shield();
	r = fiber_lock_take(&v->store->lock, DEADLINE_NEVER);
	if (r < 0) {
		r = err_set(e, ERR_CANCELLED, "cancelled");
	} else {
		r = remove_locked(v, &c, e);
		fiber_lock_release(&v->store->lock);
	}
	if (r == 0) {
		volume_event(v, "destroy", NULL, 0);
		c.job = (struct job){0};
		if (job_run(&c.job, clean_run, JOB_LONG_MUST) < 0)
			log_warn("volume %s: deleting its files: %s (the next start sweeps them)",
				 v->name, c.job.err.msg);
	}
	fiber_unshield();
	volume_unref(v);
	return r;
}
