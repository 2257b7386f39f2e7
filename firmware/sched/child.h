/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: started in one place with every descriptor close-on-exec but those named, reaped
 * by pidfd in the loop. A child survives the daemon unless told otherwise.
 *
 * Thread: loop. Yields: child_spawn, child_wait, child_run. Owns: struct child holds the pidfd.
 * Limits: CONFIG_CHILD_OUTPUT_MAX (captured output of child_run).
 */
#ifndef FIRMWARE_SCHED_CHILD_H
#define FIRMWARE_SCHED_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "firmware/core/arena.h"
#include "firmware/core/attr.h"
#include "firmware/core/err.h"
#include "firmware/core/str.h"
#include "firmware/sched/io.h"

#define CHILD_FDS_MAX 72

struct child_spec {
	const char *path;	 /* program; looked up on PATH when without a slash */
	const char *const *argv; /* NULL-terminated, argv[0] included */
	const char *const *envp; /* NULL: the daemon's PATH only */
	const char *cwd;	 /* NULL: the root */
	int fds[CHILD_FDS_MAX];	 /* descriptor i of the child is fds[i]; -1 is /dev/null */
	size_t n_fds;		 /* at least 3 are set up: missing ones are /dev/null */
	bool new_session;	 /* setsid */
	int oom_score_adj;	 /* written when not 0 */
};

struct child {
	pid_t pid;
	struct io pidfd;
	bool group; /* leads a session: child_kill reaches all of its process group */
	bool reaped;
	int status; /* as from waitpid, once reaped */
};

/* Where name is (on PATH when it has no slash), terminated. 0, -ENOENT, -EACCES, -ENAMETOOLONG. */
int child_find_program(const char *name, char *out, size_t size) WARN_UNUSED;
/* Start it; errors of exec itself (ENOENT, EACCES) are reported here. A cancel does not stop it. */
int child_spawn(struct child *c, const struct child_spec *spec, struct err *e) FIBER_FN WARN_UNUSED;
/* Wait for the end: 0 with the waitpid status, -ETIMEDOUT, or cancel code. */
int child_wait(struct child *c, int64_t deadline, int *ret_status) FIBER_FN WARN_UNUSED;
int child_kill(struct child *c, int signo);
/* Let go without waiting (the child is reaped when it ends, if the daemon still lives). */
void child_done(struct child *c);

/*
 * Run to the end and capture standard output and error together (the last bytes when there is more
 * than the limit). On a timeout or cancel the child is killed and reaped.
 */
int child_run(const struct child_spec *spec, int64_t deadline, struct arena *a, int *ret_status,
	      struct str *ret_output, struct err *e) FIBER_FN WARN_UNUSED;

#endif
