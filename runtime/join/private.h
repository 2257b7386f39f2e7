/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps between a fork and the command, one file each. They run in a child with one thread and
 * memory of its own, where static memory is as good as the stack.
 *
 * Thread: the child's only one. Yields: no. Owns: struct join_task holds the child's descriptors.
 */
#ifndef RUNTIME_JOIN_PRIVATE_H
#define RUNTIME_JOIN_PRIVATE_H

#include <stddef.h>
#include <sys/resource.h>

#include "firmware/core/arena.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"
#include "runtime/join/filter.h"
#include "runtime/join/join.h"

#define JOIN_GROUPS_MAX 128
#define JOIN_RLIMITS_MAX 16
#define JOIN_CGROUPS_MAX 24

enum join_set { SET_BOUNDING, SET_PERMITTED, SET_EFFECTIVE, SET_INHERITABLE, SET_AMBIENT, SET_N };

/* What the process is to be: the process document, and what of config.json concerns it. */
struct join_document {
	char **args, **env; /* NULL-terminated */
	const char *cwd;
	uint32_t uid, gid;
	uint32_t groups[JOIN_GROUPS_MAX];
	size_t n_groups;
	uint64_t caps[SET_N];
	struct {
		int resource;
		struct rlimit limit;
	} rlimits[JOIN_RLIMITS_MAX];
	size_t n_rlimits;
	bool no_new_privs, tty;
	int oom_score_adj; /* valid when has_oom */
	bool has_oom;
	uint16_t height, width;
	const char *cgroups_path;
	bool filtered; /* filter is one */
	struct filter filter;
};

struct join_cgroups {
	int v1[JOIN_CGROUPS_MAX]; /* their "tasks", to write to */
	size_t n_v1;
	int v2;		/* directory to be born in, or -1 */
	int v2_procs;	/* its cgroup.procs */
	int init_procs; /* that of process 1's own group, when it is another */
};

struct join_task {
	const struct join_request *req;
	int channel, bundle;
	int pidfd;
	unsigned namespaces; /* CLONE_NEW… of those that differ from ours */
	bool born_inside;    /* in the v2 group */
	struct join_document doc;
	struct join_cgroups cgroups;
};

/* task.c: what ends the child */
NORETURN void task_fail(struct join_task *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "unable to start container process: what: reason" */
NORETURN void task_fail_errno(struct join_task *t, int error, const char *what);
NORETURN void task_unsupported(struct join_task *t, const char *what);
void task_send(struct join_task *t, const struct join_message *m, int fd);
/* An errno in the words of the runtimes: without a capital. */
const char *task_reason(int error);
/* From the fork on; never returns. init: pidfd of the container's process 1, or -1. */
NORETURN void task_main(const struct join_request *req, int channel, int init);

/* document.c: the texts live in a. ERR_NOT_IMPLEMENTED: only the runtime can do that. */
int document_read(struct str process, struct str config, enum join_runtime runtime, struct arena *a,
		  struct join_document *ret, struct err *e) WARN_UNUSED;

/* namespaces.c */
void namespaces_find(struct join_task *t);
/* All that was read of process 1 by its number was its own: it lives. */
void namespaces_check(struct join_task *t);
void namespaces_join(struct join_task *t);
void namespaces_join_cgroup(struct join_task *t);

/* cgroup.c */
struct cgroup_texts {
	struct str init, own;  /* /proc/PID/cgroup */
	struct str mountinfo;  /* ours */
	const char *container; /* the container's path below each hierarchy's root */
};
struct cgroup_target {
	bool v2;
	char path[4096 + 64];	   /* directory of the group to join */
	char init_path[4096 + 64]; /* v2: that of process 1 when it is another, or empty */
};
/* The next line of texts->init that asks for joining; 1, 0 at the end, -ENOTSUP: not understood. */
int cgroup_next(struct cgroup_texts *texts, struct cgroup_target *ret) WARN_UNUSED;
void cgroups_open(struct join_task *t);
/* The new process joins what it was not born in. */
void cgroups_join(struct join_task *t);

/* credentials.c */
void credentials_limits(struct join_task *t); /* rlimits, OOM score: while still outside */
void credentials_become(struct join_task *t); /* user, groups, directory, capabilities */
/* The last of the capabilities and the filter; nothing but execve after it. */
void credentials_finish(struct join_task *t);

/* terminal.c */
void terminal_open(struct join_task *t);
void terminal_own_stdio(struct join_task *t);

/* command.c */
/* Where args[0] is, by the command's own PATH: 0 or -errno with the message in e. */
int command_find(const char *name, char *const *env, char *out, size_t size, struct err *e)
	WARN_UNUSED;

#endif
