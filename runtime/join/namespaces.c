/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All namespaces are entered by one call on a pidfd: the kernel checks every one against the
 * privileges that we have before, and enters all or none. The control group namespace alone is left
 * for later, because who is in it already cannot be moved into a group from without.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "firmware/core/mem.h"
#include "runtime/join/private.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const struct {
	const char *name;
	int flag;
} kinds[] = {
	{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},	      {"pid", CLONE_NEWPID},
	{"net", CLONE_NEWNET},	 {"ipc", CLONE_NEWIPC},	      {"uts", CLONE_NEWUTS},
	{"time", CLONE_NEWTIME}, {"cgroup", CLONE_NEWCGROUP},
};

void namespaces_find(struct join_task *t)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct stat theirs, ours;
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i].name);
		if (stat(path, &ours) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)t->req->init, kinds[i].name);
		if (stat(path, &theirs) < 0)
			task_fail(t, "cannot exec in a stopped container");
		if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev)
			t->namespaces |= (unsigned)kinds[i].flag;
	}
}

void namespaces_check(struct join_task *t)
{
	struct pollfd p = {.fd = t->pidfd, .events = POLLIN};

	if (poll(&p, 1, 0) != 0)
		task_fail(t, "cannot exec in a stopped container");
}

void namespaces_join(struct join_task *t)
{
	int flags = (int)(t->namespaces & ~(unsigned)CLONE_NEWCGROUP);

	if (flags && setns(t->pidfd, flags) < 0) {
		if (errno == EINVAL || errno == EBADF)
			task_unsupported(t, "this kernel's setns takes no pidfd");
		if (errno == ESRCH)
			task_fail(t, "cannot exec in a stopped container");
		task_fail_errno(t, errno, "setns");
	}
	if (!(t->namespaces & CLONE_NEWUSER))
		return;
	/* Root of that namespace; where it has none, nobody, as before. */
	(void)!syscall(SYS_setresgid, 0, 0, 0);
	(void)!syscall(SYS_setresuid, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0); /* which a change of user may have undone */
}

void namespaces_join_cgroup(struct join_task *t)
{
	if ((t->namespaces & CLONE_NEWCGROUP) && setns(t->pidfd, CLONE_NEWCGROUP) < 0)
		task_fail_errno(t, errno, "setns of the cgroup namespace");
}
