/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's log as the shim keeps it: records go into files (json-file, local, the copy that
 * `docker logs` reads of what goes elsewhere), to a server (syslog, the journal), or both. Nothing
 * here waits once the container runs: while a server is slow the container is not read, and all
 * else goes on.
 *
 * Thread: the shim's. Yields: no. Owns: the log's files, socket and helper processes.
 */
#ifndef RUNTIME_SHIM_LOG_H
#define RUNTIME_SHIM_LOG_H

#include <sys/types.h>

#include "runtime/shim/log_file.h"
#include "runtime/shim/log_journal.h"
#include "runtime/shim/log_remote.h"
#include "runtime/shim/log_split.h"
#include "runtime/shim/log_syslog.h"
#include "runtime/shim/log_tls.h"

struct shim_process;
struct shim_log;

/* How a server wants its messages. */
struct log_wire {
	const char *name;
	int (*open)(struct shim_log *l, struct str plan); /* NULL: not built in */
	size_t (*room)(const struct shim_log *l, const struct log_entry *e);
	char *(*put)(struct shim_log *l, char *out, const struct log_entry *e);
};

struct shim_log {
	bool has_file;
	const struct log_wire *wire; /* NULL: no server */
	struct log_split split;
	struct log_file file;
	struct log_remote remote;
	struct log_journal journal;
	struct log_syslog syslog;
	struct log_tls tls;
	pid_t gzip;		 /* compresses rotated files */
	uint32_t watched;	 /* epoll events registered */
	uint32_t watched_socket; /* generation of the socket they are registered for */
	bool held;		 /* the container was not read because of us */
	int64_t give_up;	 /* the container ended: until when the rest is sent; else 0 */
};

/*
 * Open as the plan behind fd says, which is closed; waits for a server. 0, or -errno and why in
 * error.
 */
int shim_log_open(struct shim_process *s, int fd, char *error, size_t size) WARN_UNUSED;
void shim_log_write(struct shim_process *s, bool is_stderr, const uint8_t *p, size_t n);
/* A stream ended. */
void shim_log_finish(struct shim_process *s, bool is_stderr);
/* Both did: what is on its way to a server still has a few seconds. */
void shim_log_end(struct shim_process *s);
/* How much is to be read from the container at once. */
size_t shim_log_read_size(const struct shim_process *s);
/* Nothing is to be read from it for now. */
bool shim_log_full(const struct shim_process *s);
bool shim_log_busy(const struct shim_process *s);
void shim_log_ready(struct shim_process *s, uint32_t generation, uint32_t events);
void shim_log_tick(struct shim_process *s, int64_t now);
/* Was it one of ours that ended? */
bool shim_log_reaped(struct shim_process *s, pid_t pid);
void shim_log_give_back(struct shim_process *s);

#endif
