/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of volumes in memory: opening, lookup, who uses what.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "runtime/volume/private.h"

struct volume *volume_new(struct volume_store *s)
{
	struct volume *v = mem_alloc(sizeof(*v));

	if (!v)
		return NULL;
	v->store = s;
	v->refs = 1;
	arena_open_heap(&v->mem, VOLUME_MEM_MAX);
	list_init(&v->users);
	fiber_lock_init(&v->lock);
	return v;
}

void volume_ref(struct volume *v)
{
	v->refs++;
}

void volume_unref(struct volume *v)
{
	if (!v || --v->refs)
		return;
	while (!list_empty(&v->users)) {
		struct volume_user *u = list_first(&v->users, struct volume_user, link);

		list_remove(&u->link);
		mem_free(u);
	}
	arena_done(&v->mem);
	mem_free(v);
}

int volume_enter(struct volume *v)
{
	int r = map_insert(&v->store->volumes, &v->node, str_from(v->name));

	if (r == 0)
		volume_ref(v);
	return r;
}

void volume_leave(struct volume *v)
{
	if (v->gone)
		return;
	v->gone = true;
	map_remove(&v->store->volumes, &v->node);
	volume_unref(v);
}

int volume_lookup(struct volume_store *s, const char *name, struct volume **ret, struct err *e)
{
	struct map_node *n = map_find(&s->volumes, str_from(name));

	if (!n)
		return err_set(e, ERR_NOT_FOUND, "get %s: no such volume", name);
	*ret = map_entry(n, struct volume, node);
	volume_ref(*ret);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct volume *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int volume_list(struct volume_store *s, struct arena *a, struct volume ***ret, size_t *ret_n)
{
	struct volume **all = arena_alloc_array(a, s->volumes.count + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (struct map_node *at = map_next(&s->volumes, NULL); at; at = map_next(&s->volumes, at))
		all[n++] = map_entry(at, struct volume, node);
	for (size_t i = 0; i < n; i++)
		volume_ref(all[i]);
	qsort(all, n, sizeof(*all), compare_names);
	*ret = all;
	*ret_n = n;
	return 0;
}

size_t volume_store_count(const struct volume_store *s)
{
	return s->volumes.count;
}

bool volume_is_anonymous(const struct volume *v)
{
	return text_map_get(&v->labels, VOLUME_ANONYMOUS_LABEL) != NULL;
}

/* --- users --- */

static struct volume_user *find_user(const struct volume *v, const char *id)
{
	struct volume_user *u;

	list_for_each (u, &v->users, link)
		if (!strcmp(u->id, id))
			return u;
	return NULL;
}

int volume_use(struct volume *v, const char *user)
{
	struct volume_user *u = find_user(v, user);

	if (!u) {
		u = mem_alloc(sizeof(*u));
		if (!u)
			return -ENOMEM;
		str_copy(u->id, sizeof(u->id), str_from(user));
		list_push_back(&v->users, &u->link);
	}
	u->count++;
	return 0;
}

void volume_release(struct volume *v, const char *user)
{
	struct volume_user *u = find_user(v, user);

	if (!u || --u->count)
		return;
	list_remove(&u->link);
	mem_free(u);
}

size_t volume_users(const struct volume *v)
{
	const struct volume_user *u;
	size_t n = 0;

	list_for_each (u, &v->users, link)
		n++;
	return n;
}

void volume_event(const struct volume *v, const char *action, const struct text_pair *extra,
		  size_t n_extra)
{
	struct text_pair own[8] = {{"driver", VOLUME_DRIVER}};
	struct event_source src = {
		.type = EVENT_VOLUME, .action = action, .id = v->name, .own = own, .n_own = 1};

	for (size_t i = 0; i < n_extra && src.n_own < ARRAY_LEN(own); i++)
		own[src.n_own++] = extra[i];
	event_publish(v->store->events, &src);
}

/* --- opening --- */

/* Blocks: at start nobody waits for the loop yet. */
static NOINLINE void restore_volume(struct volume_store *s, const char *name)
{
	CLEANUP(volume_unrefp) struct volume *v = volume_new(s);
	CLEANUP_ARENA struct arena a = {0};
	char path[VOLUME_PATH_MAX + 32];
	struct err e = ERR_INIT;
	struct str text;

	arena_open_heap(&a, 4 * VOLUME_FILE_MAX);
	text_format(path, sizeof(path), "%s/%s/volume.json", s->root, name);
	if (!v || file_read_at(AT_FDCWD, path, VOLUME_FILE_MAX, &a, &text, &e) < 0 ||
	    volume_decode(v, name, text, &a, &e) < 0)
		log_error("volume %s cannot be restored: %s", name, e.msg);
	else if (volume_enter(v) < 0)
		log_error("volume %s cannot be restored: no memory", name);
}

struct open_job {
	struct job job;
	const struct volume_store *s;
	unsigned swept;
};

static int open_run(struct job *job)
{
	struct open_job *o = container_of(job, struct open_job, job);
	struct dirent *ent;
	DIR *dir;

	if (dir_make_all(o->s->root, 0711, &job->err) < 0)
		return err_code(&job->err);
	dir = opendir(o->s->root);
	if (!dir)
		return err_sys(&job->err, errno, "opening %s", o->s->root);
	while ((ent = readdir(dir)) != NULL) {
		const char *name = ent->d_name;
		struct err e = ERR_INIT;

		char copy[VOLUME_PATH_MAX];

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		if (name[0] == VOLUME_TMP_PREFIX) {
			o->swept++;
			text_format(copy, sizeof(copy), "%s", name);
		} else {
			text_format(copy, sizeof(copy), "%s/_copy", name);
		}
		if (tree_remove_at(dirfd(dir), copy, &e) < 0)
			log_warn("sweeping volumes: %s", e.msg);
	}
	closedir(dir);
	return 0;
}

static int read_all(struct volume_store *s, struct err *e)
{
	struct dirent *ent;
	DIR *dir = opendir(s->root);

	if (!dir)
		return err_sys(e, errno, "opening %s", s->root);
	while ((ent = readdir(dir)) != NULL)
		if (ent->d_name[0] != VOLUME_TMP_PREFIX)
			restore_volume(s, ent->d_name);
	closedir(dir);
	return 0;
}

int volume_store_open(struct volume_store **ret, const char *data_root, struct event_bus *events,
		      struct err *e)
{
	struct volume_store *s = mem_alloc(sizeof(*s));
	struct open_job o = {.s = s};
	int r;

	if (!s)
		return err_set(e, ERR_UNAVAILABLE, "no memory for the volumes");
	s->events = events;
	map_init(&s->volumes);
	fiber_lock_init(&s->lock);
	if (!text_format(s->root, sizeof(s->root), "%s/volumes", data_root))
		r = err_set(e, ERR_INVALID, "the path of the data root is too long");
	else
		r = job_run(&o.job, open_run, JOB_SHORT);
	if (r < 0 && o.job.err.kind && e)
		*e = o.job.err;
	if (r == 0)
		r = read_all(s, e);
	if (r < 0) {
		volume_store_close(s);
		return r;
	}
	if (o.swept)
		log_info("swept %u half-made or half-removed volumes", o.swept);
	*ret = s;
	return 0;
}

void volume_store_close(struct volume_store *s)
{
	struct map_node *n;

	if (!s)
		return;
	while ((n = map_next(&s->volumes, NULL)) != NULL)
		volume_leave(map_entry(n, struct volume, node));
	map_done(&s->volumes);
	mem_free(s);
}
