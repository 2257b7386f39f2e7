/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process more in a running container, without the OCI runtime: a child of the caller joins the
 * namespaces and control groups of the container's process 1, becomes who the process document
 * says, and executes the command. It is the caller's child and known by its pid as the caller sees
 * it. All that can hang on what is in the container hangs in children, never in the caller.
 *
 * Thread: a process with one thread (it forks). Yields: no. Owns: nothing; the channel returned
 * belongs to the caller. Limits: CONFIG_EXEC_DIRECT.
 */
#ifndef RUNTIME_JOIN_JOIN_H
#define RUNTIME_JOIN_JOIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/attr.h"

#define JOIN_TEXT_MAX 480

/* Whose ways are followed where runtimes differ: the keyring's name, unknown system calls. */
enum join_runtime { JOIN_RUNC, JOIN_CRUN };

struct join_request {
	enum join_runtime runtime;
	const char *id;	      /* of the container */
	pid_t init;	      /* its process 1: an unreaped child of the caller */
	int bundle;	      /* directory with config.json */
	const char *document; /* process document in there */
	int stdio[3];	      /* of the process; unused with a terminal */
	bool tty;
};

enum join_kind {
	JOIN_PID = 1,	  /* pid: the process was made; it is not yet the command */
	JOIN_TERMINAL,	  /* with the master's descriptor */
	JOIN_FAILED,	  /* text: why, in the words after "exec failed: " */
	JOIN_UNSUPPORTED, /* text: what only the runtime can do; nothing was done */
};

struct join_message {
	uint32_t kind;
	int32_t pid;
	char text[JOIN_TEXT_MAX];
};

/*
 * Is this program's own file out of reach of those in the container (see sealed.c)? If not, the
 * runtime must be used.
 */
bool join_is_sealed(void);
/* A private copy of what is mounted at path, read-only and attached nowhere: O_PATH, or -errno. */
int join_clone_read_only(const char *path) WARN_UNUSED;
/* Run this program again from a place that is; returns only when that cannot be done. */
void join_seal(char **argv);

/*
 * Begin. Returns the pid of a helper process, which ends soon, and a channel to read messages from;
 * -errno. When the channel ends without JOIN_FAILED or JOIN_UNSUPPORTED and JOIN_PID has come, that
 * process is the command now, or has died on the way.
 */
pid_t join_start(const struct join_request *req, int *ret_channel) WARN_UNUSED;
/* Next message: 1; 0 at the end; -EAGAIN when there is none yet. *ret_fd is -1 or the terminal. */
int join_receive(int channel, struct join_message *ret, int *ret_fd) WARN_UNUSED;

#endif
