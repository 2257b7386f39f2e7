/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Becoming who the document says. The order matters: limits and the OOM score while we may still
 * raise the one and lower the other; the directory first as root and again as the user; the filter
 * last of all that needs a privilege, so that it need not permit what comes before it.
 *
 * The C library's calls are left aside where they do more than the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/mem.h"
#include "runtime/join/private.h"

#define CAPS_MAX 64

struct caps {
	uint64_t effective, permitted, inheritable;
};

static int caps_get(struct caps *ret)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	ret->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	ret->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	ret->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return 0;
}

static int caps_set(const struct caps *c)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)c->effective, (uint32_t)c->permitted, (uint32_t)c->inheritable},
		{(uint32_t)(c->effective >> 32), (uint32_t)(c->permitted >> 32),
		 (uint32_t)(c->inheritable >> 32)},
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

void credentials_limits(struct join_task *t)
{
	const struct join_document *d = &t->doc;
	char text[16];
	int fd, n;

	for (size_t i = 0; i < d->n_rlimits; i++) {
		if (setrlimit((__rlimit_resource_t)d->rlimits[i].resource, &d->rlimits[i].limit) <
		    0)
			task_fail_errno(t, errno, "error setting rlimits");
	}
	if (!d->has_oom)
		return;
	n = snprintf(text, sizeof(text), "%d", d->oom_score_adj);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) < 0)
		task_fail_errno(t, errno, "setting oom_score_adj");
	close(fd);
}

static void drop_bounding(struct join_task *t)
{
	for (unsigned long i = 0; i < CAPS_MAX; i++) {
		if (t->doc.caps[SET_BOUNDING] >> i & 1 || prctl(PR_CAPBSET_READ, i, 0, 0, 0) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			task_fail_errno(t, errno, "unable to apply bounding set");
	}
}

static void enter_directory(struct join_task *t, bool as_user, bool *ret_done)
{
	*ret_done = chdir(t->doc.cwd) == 0;
	if (*ret_done || (!as_user && (errno == EACCES || errno == EPERM)))
		return;
	task_fail(t,
		  "unable to start container process: chdir to cwd (\"%s\") set in config.json "
		  "failed: %s",
		  t->doc.cwd, task_reason(errno));
}

/* A directory that was leaked to the container may be reached by a path, but has none of its own.
 */
static void check_directory(struct join_task *t)
{
	static char path[4096];

	if (syscall(SYS_getcwd, path, sizeof(path)) < 0) {
		if (errno == ERANGE || errno == ENAMETOOLONG)
			return;
		path[0] = 0;
	}
	if (path[0] != '/')
		task_fail(t, "unable to start container process: current working directory is "
			     "outside of container mount namespace root -- possible container "
			     "breakout detected");
}

void credentials_become(struct join_task *t)
{
	const struct join_document *d = &t->doc;
	bool there;

	if (d->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		task_fail_errno(t, errno, "setting no_new_privs");
	enter_directory(t, false, &there);
	drop_bounding(t);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		task_fail_errno(t, errno, "unable to set keep caps");
	terminal_own_stdio(t);
	if (syscall(SYS_setgroups, d->n_groups, d->groups) < 0)
		task_fail_errno(t, errno, "unable to setup user: setgroups");
	if (syscall(SYS_setresgid, d->gid, d->gid, d->gid) < 0)
		task_fail_errno(t, errno, "unable to setup user: setgid");
	if (syscall(SYS_setresuid, d->uid, d->uid, d->uid) < 0)
		task_fail_errno(t, errno, "unable to setup user: setuid");
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!there)
		enter_directory(t, true, &there);
	check_directory(t);
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		task_fail_errno(t, errno, "unable to clear keep caps");
}

static void set_ambient(struct join_task *t)
{
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long i = 0; i < CAPS_MAX; i++) {
		if (t->doc.caps[SET_AMBIENT] >> i & 1 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			task_fail_errno(t, errno, "unable to apply caps");
	}
}

static void load_filter(struct join_task *t)
{
	struct sock_fprog program = {
		.len = (unsigned short)t->doc.filter.n,
		.filter = t->doc.filter.code,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, t->doc.filter.flags, &program) < 0)
		task_fail_errno(t, errno, "error loading seccomp filter into kernel");
}

void credentials_finish(struct join_task *t)
{
	const struct join_document *d = &t->doc;
	struct caps last = {d->caps[SET_EFFECTIVE], d->caps[SET_PERMITTED],
			    d->caps[SET_INHERITABLE]};
	bool early = d->filtered && !d->no_new_privs;

	if (early) {
		struct caps now;

		/* Becoming somebody else than root has put them aside. */
		if (caps_get(&now) < 0)
			task_fail_errno(t, errno, "unable to apply caps");
		now.effective = now.permitted;
		if (caps_set(&now) < 0)
			task_fail_errno(t, errno, "unable to apply caps");
		load_filter(t);
	}
	if (caps_set(&last) < 0)
		task_fail_errno(t, errno, "unable to apply caps");
	set_ambient(t);
	if (d->filtered && !early)
		load_filter(t);
}
