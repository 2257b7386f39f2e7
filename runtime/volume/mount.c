/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes with options: what they name is mounted over _data while somebody who runs needs it. The
 * daemon may die meanwhile; the mount stays, and so do those who use it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "firmware/net/dial.h"
#include "runtime/volume/private.h"

#define RESOLVE_MS 10000

struct mount_job {
	struct job job;
	const struct volume *v;
	struct volume_mount_plan plan;
};

bool volume_has_mount(const struct volume *v)
{
	return text_map_get(&v->options, "device") != NULL;
}

bool volume_path_is_mounted(const char *path)
{
	struct statx sx;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
		     &sx) == 0 &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Where "key=" begins in a comma list, and its value. */
static bool find_value(const char *data, const char *key, struct str *ret)
{
	struct str rest = str_from(data);

	while (rest.n) {
		struct str value, word = str_cut(rest, ',', &rest),
				  name = str_cut(word, '=', &value);

		if (!str_eqz(name, key))
			continue;
		*ret = value;
		return true;
	}
	return false;
}

static int replace_value(char *data, size_t size, struct str old, const char *with, struct err *e)
{
	size_t before = (size_t)(old.p - data), after = strlen(old.p + old.n), n = strlen(with);

	if (before + n + after >= size)
		return err_set(e, ERR_INVALID, "the mount options are too long");
	memmove(data + before + n, old.p + old.n, after + 1);
	memcpy(data + before, with, n);
	return 0;
}

/* The kernel's network file systems want a number where people write a name: addr=server. */
static int resolve_address(struct mount_job *m, const char *type, struct err *e)
{
	struct resolve_address found[RESOLVE_MAX];
	char host[256], text[INET6_ADDRSTRLEN];
	struct dial_conn conn = {.fd = -1, .timeout_ms = RESOLVE_MS, .stop = &m->job.stop};
	struct in6_addr any;
	struct str addr;
	size_t n = 0;
	int r;

	if ((!strz_starts(type, "nfs") && strcmp(type, "cifs")) ||
	    !find_value(m->plan.data, "addr", &addr))
		return 0;
	if (!str_copy(host, sizeof(host), addr) || !*host)
		return err_set(e, ERR_INVALID, "invalid address in the mount options");
	if (inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1)
		return 0;
	r = resolve_host(&conn, host, 0, found, &n, e);
	if (r < 0)
		return err_wrap(e, "error resolving passed in network volume address");
	if (found[0].addr.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&found[0].addr)->sin6_addr, text,
			  sizeof(text));
	else
		inet_ntop(AF_INET, &((struct sockaddr_in *)&found[0].addr)->sin_addr, text,
			  sizeof(text));
	return replace_value(m->plan.data, sizeof(m->plan.data), addr, text, e);
}

/* No message may tell a password. */
static int mount_failed(struct mount_job *m, const char *device, int error, struct err *e)
{
	struct str password;

	if (find_value(m->plan.data, "password", &password))
		replace_value(m->plan.data, sizeof(m->plan.data), password, "********", NULL);
	if (m->plan.data[0])
		return err_sys(e, error,
			       "failed to mount local volume: mount %.150s:%.250s, flags: 0x%lx, "
			       "data: %.150s",
			       device, m->v->mountpoint, m->plan.flags, m->plan.data);
	return err_sys(e, error, "failed to mount local volume: mount %.150s:%.250s, flags: 0x%lx",
		       device, m->v->mountpoint, m->plan.flags);
}

static int mount_run(struct job *job)
{
	struct mount_job *m = container_of(job, struct mount_job, job);
	const struct text_map *o = &m->v->options;
	const char *path = m->v->mountpoint, *device = text_map_get(o, "device"),
		   *type = text_map_get(o, "type");
	unsigned long flags;
	int r = volume_parse_mount(text_map_get(o, "o"), &m->plan, &job->err);

	if (r == 0)
		r = resolve_address(m, type, &job->err);
	if (r < 0)
		return r;
	flags = m->plan.flags;
	if (volume_path_is_mounted(path) && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return err_sys(&job->err, errno, "unmounting what was left at %s", path);
	if (mount(device, path, type, flags, m->plan.data) < 0)
		return mount_failed(m, device, errno, &job->err);
	/* The kernel takes other flags of a bind, and propagation, in calls of their own. */
	if (((flags & MS_BIND) && (flags & ~(unsigned long)(MS_BIND | MS_REC)) &&
	     mount(NULL, path, NULL, (flags & ~(unsigned long)MS_REC) | MS_REMOUNT, NULL) < 0) ||
	    (m->plan.propagation && mount(NULL, path, NULL, m->plan.propagation, NULL) < 0)) {
		r = mount_failed(m, device, errno, &job->err);
		umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
		return r;
	}
	return 0;
}

static int unmount_run(struct job *job)
{
	struct mount_job *m = container_of(job, struct mount_job, job);
	const char *path = m->v->mountpoint;

	if (volume_path_is_mounted(path) && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return err_sys(&job->err, errno, "unmounting %s", path);
	return 0;
}

static int run(const struct volume *v, int (*fn)(struct job *), enum job_class cls, struct err *e)
	FIBER_FN
{
	CLEANUP_MEM struct mount_job *m = mem_alloc(sizeof(*m));
	int r;

	if (!m)
		return err_set(e, ERR_UNAVAILABLE, "no memory to mount volume %s", v->name);
	m->v = v;
	r = job_run(&m->job, fn, cls);
	if (r < 0 && e)
		*e = m->job.err;
	return r;
}

int volume_mount(struct volume *v, struct err *e)
{
	int r = 0;

	if (fiber_lock_take(&v->lock, DEADLINE_NEVER) < 0)
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (!v->mounts && volume_has_mount(v))
		r = run(v, mount_run, JOB_LONG, e);
	if (r == 0)
		v->mounts++;
	fiber_lock_release(&v->lock);
	return r < 0 ? err_wrap(e, "error while mounting volume '%s'", v->mountpoint) : 0;
}

void volume_unmount(struct volume *v)
{
	struct err e = ERR_INIT;

	fiber_shield();
	if (fiber_lock_take(&v->lock, DEADLINE_NEVER) == 0) {
		if (v->mounts && !--v->mounts && volume_has_mount(v) &&
		    run(v, unmount_run, JOB_LONG_MUST, &e) < 0)
			log_warn("volume %s: %s", v->name, e.msg);
		fiber_lock_release(&v->lock);
	}
	fiber_unshield();
}

void volume_adopt_mount(struct volume *v)
{
	v->mounts++;
}

int volume_store_sweep(struct volume_store *s)
{
	CLEANUP_ARENA struct arena a = {0};
	struct volume **all;
	size_t n = 0;
	int swept = 0;

	arena_open_heap(&a, 1u << 20);
	if (volume_list(s, &a, &all, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct volume *v = all[i];
		struct err e = ERR_INIT;

		if (!v->mounts && volume_has_mount(v) && volume_path_is_mounted(v->mountpoint)) {
			if (run(v, unmount_run, JOB_LONG_MUST, &e) < 0)
				log_warn("volume %s: %s", v->name, e.msg);
			else
				swept++;
		}
		volume_unref(v);
	}
	return swept;
}
