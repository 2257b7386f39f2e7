/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the shim process: its one state struct and what its files offer each other. A
 * "proc" is the container (slot 0) or an exec; a "client" is an attached stream. All of it is
 * static memory, so that the pages of what is not used are never touched.
 *
 * Thread: the shim's only one. Yields: no. Owns: struct shim_process owns every descriptor in it.
 * Limits: CONFIG_SHIM_ATTACH, CONFIG_SHIM_EXECS, CONFIG_SHIM_STALL_S, CONFIG_SHIM_RUNTIME_S.
 */
#ifndef RUNTIME_SHIM_PRIVATE_H
#define RUNTIME_SHIM_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/core/clock.h"
#include "firmware/core/str.h"
#include "runtime/join/join.h"
#include "runtime/shim/detach_keys.h"
#include "runtime/shim/log.h"
#include "runtime/shim/protocol.h"
#include "runtime/shim/runtime_error.h"
#include "runtime/shim/shim.h"

#define PROC_COUNT (1 + CONFIG_SHIM_EXECS)
/* An exec has one client at most. Those that only wait for their peer to close give way. */
#define CLIENT_COUNT (CONFIG_SHIM_ATTACH + CONFIG_SHIM_EXECS)
#define SHIM_IO_SIZE 262144 /* a power of two: of a pipe too */
#define SHIM_LOG_SIZE 262144
#define QUEUE_MAX (1 << 20) /* bytes kept for slow clients after the process ended */

/* Output that at least one client could not take at once. */
struct block {
	struct block *next;
	uint32_t refs; /* clients that still need it */
	uint32_t n;
	uint8_t data[];
};

struct source {
	int fd;		 /* -1: closed */
	uint32_t events; /* as registered; 0: not */
	struct block *first, *last;
	size_t queued;
};

enum proc_state {
	PROC_FREE,
	PROC_STARTING, /* the runtime is at it */
	PROC_RUNNING,
	PROC_DRAINING, /* ended; what is left in its pipes is read */
	PROC_ENDED,    /* reported, or about to be; waiting for the daemon's word */
	PROC_RELEASED, /* its clients may close */
};

struct proc {
	uint8_t state;
	bool tty, close_stdin; /* close_stdin: a client's end of input is the process's */
	bool pty_closed;       /* nobody had the terminal open at the last look */
	bool reported, acked;
	bool want_out, want_err, want_in;
	uint16_t height, width;
	bool direct;	 /* entered without the runtime */
	uint32_t number; /* request to answer */
	uint32_t generation;
	pid_t pid, runtime_pid; /* runtime_pid: or what enters the container in its stead */
	int code, signo;
	int stdin_fd;
	bool stdin_armed;
	int console_fd; /* listening, while the runtime is at it */
	int join_fd;	/* channel to what enters the container, or -1 */
	int join_tty;	/* the terminal it sent, or -1 */
	struct source out[2];
	int64_t deadline;   /* of the state */
	int64_t hold_until; /* direct: it runs, but its clients are not ready; 0: not asked */
	char id[SHIM_ID_MAX];
};

struct client_ws; /* websocket.c */

struct client {
	int fd; /* -1: free slot */
	uint32_t generation;
	struct proc *proc; /* NULL: only waiting for the peer to close */
	uint16_t flags;	   /* SHIM_STDIN and so on */
	bool eof;	   /* no more input */
	bool hup;	   /* the peer is gone; its input is still being taken */
	int8_t mid;	   /* stream whose frame is partly sent, or -1 */
	uint32_t events;   /* as registered */
	struct block *at[2];
	uint32_t off[2]; /* of the frame, header included */
	uint8_t *in;	 /* input not yet written to the process */
	uint32_t in_off, in_n;
	struct client_ws *ws; /* NULL: a plain stream */
	struct detach_keys keys;
	int64_t deadline;
};

struct shim_process {
	int epoll_fd, signal_fd, listen_fd, daemon_fd;
	int run_dirfd, state_dirfd, null_fd;
	bool launched_by_daemon; /* daemon_fd is the inherited one */
	bool gone;		 /* files removed; only slow clients are left */
	bool logging;
	uint8_t state;
	uint32_t daemon_generation;
	int64_t next_tick;
	bool sealed; /* join_is_sealed */
	bool active; /* something happened since memory was last given back */

	const char *id, *runtime, *root;
	pid_t delete_pid;
	bool deleted, retried, retry;
	unsigned pending; /* runtimes at work */
	struct runtime_error failure;
	int64_t delete_deadline;
	int64_t started_ns, finished_ns;
	bool oom_killed;
	char oom_path[256];

	struct shim_log log;
	int *hold;
	size_t n_hold;
	size_t n_clients;
	size_t client_end; /* slots beyond were never used, nor their pages touched */
	size_t reserved_attach, reserved_exec;
	struct proc procs[PROC_COUNT];
	struct client clients[CLIENT_COUNT];
	struct shim_packet packet;
};

/* Shared scratch memory: what was just read, and log lines being formatted. */
extern uint8_t shim_io[SHIM_IO_SIZE];
extern char shim_log_out[SHIM_LOG_SIZE];

enum watch_kind {
	WATCH_LISTEN,
	WATCH_DAEMON,
	WATCH_SIGNAL,
	WATCH_STDIN,
	WATCH_STDOUT,
	WATCH_STDERR,
	WATCH_JOIN,
	WATCH_CLIENT,
	WATCH_LOG
};

/* shim_main.c */
int shim_watch(struct shim_process *s, int op, int fd, uint32_t events, enum watch_kind kind,
	       uint32_t generation, size_t index);
/* See to it that shim_tick runs not later than this. */
void shim_arm(struct shim_process *s, int64_t deadline);
/*
 * process.c: hold the state directory from the start until the runtime has deleted the container;
 * the next run of it waits for that.
 */
void shim_lock(struct shim_process *s, bool on);

/* control.c: the daemon's connection */
void control_accept(struct shim_process *s);
void control_adopt(struct shim_process *s, int fd);
void control_ready(struct shim_process *s, uint32_t events);
bool control_send(struct shim_process *s, struct shim_msg *m, struct str text);
void control_hello(struct shim_process *s);
void control_reply(struct shim_process *s, uint32_t number, int kind, pid_t pid, const char *text);
/* Tell of an end if that was not done yet. */
void control_report(struct shim_process *s, struct proc *p);
void control_detached(struct shim_process *s, const struct proc *p);
void control_drop(struct shim_process *s);

/* process.c: the life of the container and its execs */
struct proc *proc_find(struct shim_process *s, const char *id);
static inline bool proc_is_container(const struct shim_process *s, const struct proc *p)
{
	return p == &s->procs[0];
}
static inline size_t proc_index(const struct shim_process *s, const struct proc *p)
{
	return (size_t)(p - s->procs);
}
/* Run the runtime for p, whose settings are filled in; on failure p is ended and answered. */
void proc_start(struct shim_process *s, struct proc *p);
void proc_reap(struct shim_process *s);
void proc_tick(struct shim_process *s, struct proc *p, int64_t now);
void proc_check_drained(struct shim_process *s, struct proc *p);
void proc_acknowledged(struct shim_process *s, struct proc *p);
void proc_release_if_alone(struct shim_process *s);
void proc_free_if_unused(struct shim_process *s, struct proc *p);
/* It runs: pid, and the terminal if it has one. */
void proc_running(struct shim_process *s, struct proc *p, pid_t pid, int pty);
/* It does not, for the reason in s->failure; for the container: clean_up runs the runtime's delete.
 */
void proc_failed(struct shim_process *s, struct proc *p, bool clean_up);

/* launch.c: descriptors and command lines of the runtime */
struct launch {
	int child[3];  /* for the runtime */
	int parent[3]; /* ours: stdin to write, stdout and stderr to read, or -1 */
};
int launch_open_null(void);
int launch_open_stdio(struct shim_process *s, struct proc *p, struct launch *l);
void launch_close(struct launch *l);
/* Its pid, or -errno. */
pid_t launch_runtime(struct shim_process *s, struct proc *p, const struct launch *l);
pid_t launch_delete(struct shim_process *s);
/* Name of the process document of an exec. */
void launch_document(const struct proc *p, char *out, size_t size);
void launch_name(const struct shim_process *s, const struct proc *p, const char *suffix, char *out,
		 size_t size);
/* Pid out of the pid file, or -errno. */
pid_t launch_read_pid(struct shim_process *s, struct proc *p);
void launch_unlink(struct shim_process *s, struct proc *p);

/* direct.c: execs without the runtime */
/* May this one be? */
bool direct_possible(const struct shim_process *s, const struct proc *p);
/* As launch_runtime. */
pid_t direct_start(struct shim_process *s, struct proc *p, const struct launch *l);
void direct_ready(struct shim_process *s, struct proc *p);
/* Go on when all is there: false when something is still awaited. */
bool direct_go_on(struct shim_process *s, struct proc *p);
/* What entered the container for p has ended. */
void direct_reaped(struct shim_process *s, struct proc *p);
/* It takes too long, or the container is gone. */
void direct_kill(struct shim_process *s, struct proc *p, const char *why);

/* console.c */
int console_listen(struct shim_process *s, struct proc *p);
/* Take the terminal that the runtime sent; -1 when there is none. */
int console_take(struct shim_process *s, struct proc *p);
int console_resize(int fd, uint16_t height, uint16_t width);

/* pump.c: from the process to its clients and the log */
void pump_update(struct shim_process *s, struct proc *p, int k);
void pump_ready(struct shim_process *s, struct proc *p, int k);
/* Read whatever is there now, slow clients or not. */
void pump_drain(struct shim_process *s, struct proc *p);
void pump_close(struct shim_process *s, struct proc *p);
void pump_send(struct shim_process *s, struct proc *p, int k, const uint8_t *data, size_t n);
/* Go on sending to a client that took no more; false when it is to be dropped. */
bool pump_flush_client(struct shim_process *s, struct client *c);
/* Forget what was queued for it. */
void pump_forget_client(struct shim_process *s, struct client *c);
bool pump_client_idle(const struct client *c);

/* websocket.c: frames around a client's bytes */
int websocket_open(struct client *c);
void websocket_close(struct client *c);
/*
 * Take what the client sent: its payload stays, moved together, in data[0…*n). 0, or the code of
 * the Close that is to end the session: the peer's, or ours for a breach of the protocol
 * (*ret_ours).
 */
unsigned websocket_take(struct client *c, uint8_t *data, size_t *n, bool *ret_ours);
/* Send the control frame that waits: 1 none is left, 0 the socket is full, or -errno. */
int websocket_flush(struct client *c);
bool websocket_waits(const struct client *c);
/* A last Close with that code, if the socket takes it and no frame was cut short (torn). */
void websocket_end(struct client *c, unsigned code, bool torn);
size_t websocket_head(const struct client *c, size_t n, uint8_t *out);

/* attach.c: clients, and from them to the process */
/* Is there room for one more client of the container, besides those that were promised it? */
bool attach_has_room(const struct shim_process *s);
/* Takes fd when it succeeds. -EAGAIN, -ENOMEM. */
int attach_add(struct shim_process *s, struct proc *p, int fd, struct shim_packet *packet);
void attach_ready(struct shim_process *s, struct client *c, uint32_t events);
void attach_update(struct shim_process *s, struct client *c);
/* The process runs: input may flow. */
void attach_begin(struct shim_process *s, struct proc *p);
void attach_stdin_ready(struct shim_process *s, struct proc *p);
void attach_close_stdin(struct shim_process *s, struct proc *p);
/* Nothing more will come: close the client politely; code is what a websocket is told. */
void attach_end(struct shim_process *s, struct client *c, unsigned code);
/* The same with the code of an ordinary end. */
void attach_linger(struct shim_process *s, struct client *c);
void attach_drop(struct shim_process *s, struct client *c);
void attach_tick(struct shim_process *s, int64_t now);
/* Is there a client of p that has not yet read the head of the answer? */
bool attach_is_behind(const struct shim_process *s, const struct proc *p);

/* cgroup.c */
/* Where the kernel counts the OOM kills of pid's cgroup; false when that cannot be told. */
bool cgroup_oom_path(pid_t pid, char *out, size_t size);
uint64_t cgroup_oom_kills(const char *path);
/* The container ended: end who is left in its group, for without a PID namespace of its own the
 * kernel does not. */
void cgroup_kill_rest(const char *oom_path);

/* exit_file.c */
int exit_file_write(int dirfd, const struct shim_exit *x, pid_t pid);

#endif
