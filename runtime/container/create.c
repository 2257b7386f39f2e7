/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Create. The order is what makes a crash harmless: the snapshot first, then the directory with
 * container.json; a snapshot without a container is swept at the next start.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/container/links.h"
#include "runtime/image/manifest.h"

static void make_id(char out[CONTAINER_ID_LEN + 1])
{
	uint8_t raw[CONTAINER_ID_LEN / 2];

	/* A short ID that reads as a decimal number confuses host name parsers. */
	do {
		uint64_t number;

		random_bytes(raw, sizeof(raw));
		hex_encode(raw, sizeof(raw), out);
		if (str_to_u64(str_span(out, 12), &number) < 0)
			break;
	} while (true);
}

/* Copy what is kept into the container's own arena. */
static int keep_config(struct container *c, const struct create_request *req, const char *path,
		       const struct texts *args, const struct planned_mount *mounts,
		       size_t n_mounts)
{
	struct arena *a = &c->mem;
	const char **copy = arena_alloc_array(a, args->n + 1, sizeof(*copy));

	if (!copy || shape_copy(&shape_container_config, &req->config, a, &c->config) < 0 ||
	    shape_copy(&shape_host_config, &req->host, a, &c->host) < 0 ||
	    shape_copy(&shape_networking_config, &req->networking, a, &c->networking) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < args->n; i++) {
		copy[i] = arena_strdup(a, args->items[i]);
		if (!copy[i])
			return -ENOMEM;
	}
	c->args = (struct texts){copy, args->n, true};
	c->path = arena_strdup(a, path);
	c->mounts = arena_alloc_array(a, n_mounts, sizeof(*c->mounts));
	if (!c->path || !c->mounts)
		return -ENOMEM;
	for (size_t i = 0; i < n_mounts; i++) {
		struct container_mount m = mounts[i].m;
		bool named = m.name, part = m.subpath;

		m.name = named ? arena_strdup(a, m.name) : NULL;
		m.subpath = part ? arena_strdup(a, m.subpath) : NULL;
		m.driver = named && strcmp(m.type, "image") ? VOLUME_DRIVER : NULL;
		m.type = arena_strdup(a, m.type);
		m.source = arena_strdup(a, m.source);
		m.destination = arena_strdup(a, m.destination);
		m.mode = arena_strdup(a, m.mode);
		m.propagation = arena_strdup(a, m.propagation);
		if (!m.type || !m.source || !m.destination || !m.mode || !m.propagation ||
		    (named && !m.name) || (part && !m.subpath))
			return -ENOMEM;
		c->mounts[i] = m;
	}
	c->n_mounts = n_mounts;
	return 0;
}

static int keep_links(struct container *c, const struct create_request *req, struct arena *a,
		      struct err *e)
{
	struct container_link *links;
	size_t n;

	if (!req->host.links.n)
		return 0;
	if (links_plan(c->eng, &req->host, a, &links, &n, e) < 0)
		return err_code(e);
	c->links = arena_alloc_array(&c->mem, n, sizeof(*links));
	for (size_t i = 0; c->links && i < n; i++) {
		c->links[i] = (struct container_link){arena_strdup(&c->mem, links[i].child),
						      arena_strdup(&c->mem, links[i].alias)};
		if (!c->links[i].child || !c->links[i].alias)
			break;
		c->n_links++;
	}
	return c->n_links == n ? 0 : err_set(e, ERR_UNAVAILABLE, "no memory for links");
}

/* A quota needs what no file system here is known to do. */
static int check_storage(const struct engine *eng, const struct host_config *h, struct err *e)
{
	if (!h->storage_opt.n)
		return 0;
	if (strcmp(image_store_driver(eng->images), "overlay2") != 0)
		return err_set(e, ERR_SYSTEM, "--storage-opt is not supported for %s",
			       image_store_driver(eng->images));
	return err_set(e, ERR_SYSTEM,
		       "--storage-opt is supported only for overlay over xfs with 'pquota' mount "
		       "option");
}

static int fill_container(struct container *c, struct container_create *in, struct image *img,
			  struct planned_mount **ret_mounts, struct err *e)
{
	struct planned_mount *mounts;
	const char *path;
	struct texts args;
	size_t n_mounts;

	if (container_merge(in->req, c->eng->opt, c->eng->cgroup_v2, img, c->id, in->a, e) < 0 ||
	    container_resolve_namespaces(c->eng, &in->req->host, in->a, e) < 0 ||
	    container_argv(&in->req->config, in->a, &path, &args, e) < 0 ||
	    container_mounts(c->eng, in->req, in->api_minor, in->a, &mounts, &n_mounts, e) < 0)
		return err_code(e);
	if (check_storage(c->eng, &in->req->host, e) < 0 || keep_links(c, in->req, in->a, e) < 0)
		return err_code(e);
	if (keep_config(c, in->req, path, &args, mounts, n_mounts) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no memory for container %s", c->name);
	c->image_id = img->id;
	c->created_ns = clock_wall();
	c->status = CONTAINER_CREATED;
	*ret_mounts = mounts;
	return 0;
}

struct make_job {
	struct job job;
	char path[CONTAINER_PATH_MAX];
};

static int make_run(struct job *job)
{
	struct make_job *m = container_of(job, struct make_job, job);

	return dir_make_all(m->path, 0710, &job->err);
}

/* Until the volumes are filled container.json says that the container is not whole. */
static int store_volumes(struct container *c, struct image *img, const struct planned_mount *mounts,
			 struct err *e) FIBER_FN
{
	int r;

	if (!container_has_volumes(c, false))
		return 0;
	c->unfinished = true;
	r = container_persist(c, PERSIST_SYNC, e);
	if (r == 0)
		r = container_volumes_create(c, mounts, img, e);
	c->unfinished = r < 0;
	return r;
}

/* On disk: snapshot, directory, volumes, container.json. Undone as a whole. */
static NOINLINE int store_container(struct container *c, struct image *img,
				    const struct planned_mount *mounts, struct err *e) FIBER_FN
{
	struct make_job m = {0};
	struct err ignored = ERR_INIT;
	int r = snapshot_create(c->eng->images, c->id, img, e);

	if (r < 0)
		return r;
	container_state_path(c, m.path);
	r = job_run(&m.job, make_run, JOB_SHORT);
	if (r < 0 && e)
		*e = m.job.err;
	if (r == 0)
		r = container_images_create(c, e);
	if (r == 0)
		r = store_volumes(c, img, mounts, e);
	if (r == 0)
		r = container_persist(c, PERSIST_SYNC, e);
	if (r < 0) {
		container_volumes_release(c, true);
		container_images_release(c);
	}
	if (r < 0 && container_delete_locked(c, &ignored) < 0)
		log_warn("container %s: undoing a failed create: %s", c->id, ignored.msg);
	return r;
}

static int create_shielded(struct engine *eng, struct container_create *in, struct image *img,
			   struct container **ret, struct err *e) FIBER_FN
{
	CLEANUP(container_unrefp) struct container *c = container_new(eng);
	struct planned_mount *mounts = NULL;
	int r;

	if (!c)
		return err_set(e, ERR_UNAVAILABLE, "no memory for a container");
	make_id(c->id);
	if (in->name)
		str_copy(c->name, sizeof(c->name), str_from(in->name));
	else
		container_name_generate(eng, c->name);
	r = fill_container(c, in, img, &mounts, e);
	if (r < 0)
		return r;
	/* Enter first, so that the name is taken while the disk is written; locked until it is
	 * whole. */
	container_bind_image(c, img);
	r = container_enter(c, e);
	if (r < 0) {
		img->containers--;
		return r;
	}
	if (fiber_lock_take(&c->lock, DEADLINE_NEVER) < 0)
		return err_set(e, ERR_CANCELLED, "cancelled");
	r = store_container(c, img, mounts, e);
	if (r < 0)
		container_leave(c);
	fiber_lock_release(&c->lock);
	if (r < 0)
		return r;
	container_event(c, "create");
	*ret = TAKE_PTR(c);
	return 0;
}

int container_create(struct engine *eng, struct container_create *in, struct container **ret,
		     struct texts *ret_warnings, struct err *e)
{
	CLEANUP(image_unrefp) struct image *img = NULL;
	const char *ref = in->req->config.image;
	struct platform platform;
	struct map_node *holder;
	struct warnings w = {.n = 0};
	int r;

	if (in->name && *in->name == '/')
		in->name++;
	if (in->name && container_name_check(in->name, e) < 0)
		return err_code(e);
	r = container_validate(eng, in->req, in->api_minor, &w, e);
	if (r < 0)
		return r;
	if (!ref || !*ref)
		return err_set(e, ERR_INVALID, "no %s specified",
			       in->req->config.cmd.n || in->req->config.entrypoint.n ? "image"
										     : "command");
	if (in->platform && platform_parse(in->platform, in->a, &platform, e) < 0)
		return err_code(e);
	r = image_lookup(eng->images, ref, &img, e);
	if (r < 0)
		return r;
	if (in->platform && image_check_platform(img, ref, &platform, e) < 0)
		return err_code(e);
	holder = in->name ? map_find(&eng->containers_by_name, str_from(in->name)) : NULL;
	if (holder)
		return container_name_conflict(map_entry(holder, struct container, name_node),
					       in->name, e);
	r = warnings_keep(&w, in->a, ret_warnings, e);
	if (r < 0)
		return r;
	fiber_shield();
	r = create_shielded(eng, in, img, ret, e);
	fiber_unshield();
	return r;
}
