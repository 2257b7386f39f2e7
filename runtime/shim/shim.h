/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's side of the shims. `serind shim` is one small single-threaded process per running
 * container: it starts the OCI runtime, owns the container's stdio or pty, writes its log, serves
 * the attach and exec streams on client sockets that are handed to it, reaps the container and its
 * execs, and writes the exit status durably. It outlives the daemon; the daemon talks to it over a
 * SOCK_SEQPACKET socket in the bundle and finds it again after a restart.
 *
 * Files in the run directory <exec-root>/containers/<id>/ (the OCI bundle): config.json, shim.sock,
 * shim.pid, init.pid, runtime.log. In the state directory <data-root>/containers/<id>/: exit.json
 * {"pid","exitCode","signal"?,"oomKilled","startedAt","finishedAt"} (written before the socket says
 * so), <id>-json.log.
 *
 * Thread: loop. Yields: what carries FIBER_FN. Owns: struct shim holds the connection; the process
 * is its own master. Limits: CONFIG_SHIM_ATTACH (clients of one container), CONFIG_SHIM_EXECS.
 */
#ifndef RUNTIME_SHIM_SHIM_H
#define RUNTIME_SHIM_SHIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/err.h"
#include "firmware/core/str.h"
#include "firmware/sched/fiber.h"

struct shim;

struct shim_exit {
	int code;  /* exit code, 128+n after signal n */
	int signo; /* or 0 */
	bool oom_killed;
	int64_t started_ns, finished_ns; /* wall clock */
};

/* Called on the loop (its own fiber) when the shim reports; must not wait for long. */
struct shim_events {
	void (*exited)(void *arg, const struct shim_exit *exit); /* the container ended; once */
	void (*exec_exited)(void *arg, const char *exec_id, int code);
	void (*detached)(void *arg,
			 const char *exec_id_or_null); /* a client used the detach keys */
	void (*lost)(void *arg); /* the shim itself died without reporting (killed); the container
				    is gone or will be */
	void *arg;
};

/* A client stream to hand over. */
struct shim_stream {
	int fd; /* client socket; the shim's after a successful call, and closed here */
	struct str leftover; /* bytes the client sent already (at most 16 KiB) */
	bool want_stdin, want_stdout, want_stderr;
	bool framed;	/* stdcopy framing (non-TTY) */
	bool websocket; /* websocket frames instead, binary unless: */
	bool ws_text;
	bool reserved;	  /* shim_reserve was called for it */
	bool replay_logs; /* attach with logs=1: what was logged so far comes first (done by the
			     daemon: unused) */
	struct str detach_keys; /* bytes, as "\x10\x11"; empty: the default; only with a tty */
};

struct shim_launch {
	const char *id;
	const char *run_dir;			 /* bundle; config.json is there already */
	const char *state_dir;			 /* log and exit.json */
	const char *runtime_path, *runtime_root; /* program and its --root */
	const char *self_path;
	bool tty, open_stdin, stdin_once;
	uint16_t height, width;		   /* first console size, 0: unset */
	const char *log_driver;		   /* its name, for who reads `ps` */
	struct str log_plan;		   /* what it is to do (log_plan.h); empty: nothing */
	const struct shim_stream *streams; /* clients that attached before the start */
	size_t n_streams;
	const int *hold_fds; /* listening sockets of published ports, kept open for the container's
				life */
	size_t n_hold_fds;
	const struct shim_events *events;
};

/*
 * Start the shim and through it the container; returns when the container's process runs. On
 * failure the runtime's own message is in e, in the engine's words ("failed to create task for
 * container: failed to create shim task: OCI runtime create failed: runc create failed: unable to
 * start container process: …"), the kind ERR_INVALID when the program could not be executed (exit
 * 126/127 material), else ERR_SYSTEM, and everything started is gone again. The streams are taken
 * in both cases (closed on failure).
 */
int shim_start(const struct shim_launch *launch, struct shim **ret, pid_t *ret_pid,
	       int64_t *ret_started_ns, struct err *e) FIBER_FN WARN_UNUSED;

/*
 * Find a shim again after a daemon restart. 0 and the shim when it lives; -ENOENT when it is gone,
 * then *ret_exit is filled from exit.json if that is there (ret_has_exit).
 */
int shim_reconnect(const char *run_dir, const char *state_dir, const struct shim_events *events,
		   struct shim **ret, pid_t *ret_pid, bool *ret_has_exit,
		   struct shim_exit *ret_exit, struct err *e) FIBER_FN WARN_UNUSED;
/* Read exit.json alone; -ENOENT when there is none. */
int shim_read_exit(const char *state_dir, struct shim_exit *ret, struct err *e) WARN_UNUSED;
/* Drop the connection; the shim goes on. No events after this. */
void shim_free(struct shim *s);

/*
 * Have the shim keep a place free for one more client (exec: for one more process), before the
 * client is told that it has one. ERR_UNAVAILABLE when all are taken. Then either hand it over with
 * "reserved" set, or give the place back.
 */
int shim_reserve(struct shim *s, bool exec, struct err *e) FIBER_FN WARN_UNUSED;
void shim_unreserve(struct shim *s, bool exec) FIBER_FN;
/* Hand over one more attach client. The fd is taken in any case. */
int shim_attach(struct shim *s, const struct shim_stream *stream, struct err *e)
	FIBER_FN WARN_UNUSED;
/* Send a signal to the container's init process. ERR_CONFLICT when it has ended. */
int shim_kill(struct shim *s, int signo, struct err *e) FIBER_FN WARN_UNUSED;
/* exec_id NULL: the container's own pty. */
int shim_resize(struct shim *s, const char *exec_id, uint16_t height, uint16_t width, struct err *e)
	FIBER_FN WARN_UNUSED;

struct shim_exec {
	const char *exec_id;
	struct str process;	/* process document (spec_write_exec) */
	bool tty, attach_stdin; /* without attach_stdin stdin is /dev/null */
	uint16_t height, width;
	const struct shim_stream *stream; /* NULL: detached */
	bool reserved;			  /* shim_reserve was called for it */
};
/*
 * Run a process in the container. Returns when it runs (its pid as seen by the host) or failed to;
 * then e has the runtime's message and *ret_exit_code 126 or 127, and with a stream the message has
 * been written into it (stdout, "…\r\n") and the stream closed.
 */
int shim_exec_start(struct shim *s, const struct shim_exec *exec, pid_t *ret_pid,
		    int *ret_exit_code, struct err *e) FIBER_FN WARN_UNUSED;
/* Round trip: all events the shim had sent before are delivered when this returns. */
int shim_sync(struct shim *s, struct err *e) FIBER_FN WARN_UNUSED;

/* The process: `serind shim …` */
int shim_main(int argc, char **argv);
/* The tiny init for HostConfig.Init: `serind init -- …`, also when called as docker-init. */
int init_main(int argc, char **argv);

#endif
