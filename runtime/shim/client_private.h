/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the daemon's side: one connection, the fiber that reads it, and the requests that
 * wait for their reply.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: struct shim is counted: the caller's reference
 * (until shim_free), the reader fiber's, and one for each request under way.
 */
#ifndef RUNTIME_SHIM_CLIENT_PRIVATE_H
#define RUNTIME_SHIM_CLIENT_PRIVATE_H

#include "firmware/core/list.h"
#include "firmware/sched/io.h"
#include "runtime/shim/protocol.h"
#include "runtime/shim/shim.h"

struct shim {
	struct io io;
	unsigned refs;
	bool dead;	 /* the connection is over */
	bool freed;	 /* by its owner: no more events */
	bool told;	 /* the container's end was delivered */
	bool websockets; /* the shim said that it speaks them */
	enum shim_state state;
	pid_t pid;
	int pidfd; /* of the container's process, to end it should the shim die */
	int64_t started_ns;
	uint32_t last_number;
	struct list calls;
	struct waitq changed; /* state, or dead */
	struct fiber *reader;
	struct fiber_lock sending;
	struct shim_events events;
	char *run_dir, *state_dir;
	char failure[256]; /* why the shim itself did not come up */
};

/* A request waiting for its reply; lives on the caller's stack. */
struct shim_call {
	struct list link;
	uint32_t number;
	bool sent; /* the shim has it, or will */
	bool done;
	int kind;  /* 0 or an error kind */
	int extra; /* the reply's signo: exit code of a failed exec */
	pid_t pid;
	int64_t started_ns;
	struct err *e;
	struct waitq q;
};

/* A connection over fd, which is taken in any case; its reader fiber is started. */
int shim_open(const char *run_dir, const char *state_dir, const struct shim_events *events, int fd,
	      struct shim **ret, struct err *e) WARN_UNUSED;
struct shim *shim_ref(struct shim *s);
void shim_unref(struct shim *s);
DEFINE_CLEANUP(struct shim *, shim_unref)
#define CLEANUP_SHIM CLEANUP(shim_unrefp)

/* Send without waiting for an answer. */
int shim_tell(struct shim *s, struct shim_msg *m, struct str data, const int *fds, size_t n_fds,
	      struct err *e) FIBER_FN WARN_UNUSED;
/* Send and wait for the reply. call->kind and the rest are set when a reply came. */
int shim_ask(struct shim *s, struct shim_msg *m, struct str data, const int *fds, size_t n_fds,
	     int64_t deadline, struct shim_call *call, struct err *e) FIBER_FN WARN_UNUSED;
void shim_stream_fill(struct shim_msg *m, const struct shim_stream *stream);

#endif
