/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon and a shim say to each other: one message is one SOCK_SEQPACKET packet, a fixed
 * struct and up to SHIM_DATA_MAX bytes after it, with descriptors beside it (SCM_RIGHTS). Requests
 * carry a number that the reply repeats. Exit events are repeated on every new connection until
 * they were acknowledged, so that a daemon that dies at the wrong moment misses none.
 *
 * The daemon may be newer than the shims it finds: the layout of one version never changes.
 *
 * Thread: any. Yields: no. Owns: descriptors received belong to the caller.
 */
#ifndef RUNTIME_SHIM_PROTOCOL_H
#define RUNTIME_SHIM_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "firmware/core/attr.h"
#include "firmware/core/str.h"

#define SHIM_PROTOCOL_VERSION 1
#define SHIM_DATA_MAX 16384
#define SHIM_FDS_MAX 64
#define SHIM_ID_MAX 72
#define SHIM_KEYS_MAX 32

enum shim_type {
	/* daemon to shim */
	SHIM_HOLD = 1, /* descriptors to keep open */
	SHIM_START,    /* run the container: height, width */
	SHIM_ATTACH,   /* one client descriptor; its leftover bytes are the data */
	SHIM_KILL,     /* signo */
	SHIM_RESIZE,   /* id (empty: the container), height, width */
	SHIM_EXEC,     /* id; flags; with a client descriptor or none; leftover bytes */
	SHIM_SYNC,
	SHIM_ACK,	/* of an event, or of a failed exec: id */
	SHIM_QUIT,	/* give up what has not been started */
	SHIM_RESERVE,	/* keep a place free until the SHIM_ATTACH or SHIM_EXEC (with SHIM_FOR_EXEC)
			   that   is to come says SHIM_RESERVED, or the connection ends */
	SHIM_UNRESERVE, /* none will come */
	/* shim to daemon */
	SHIM_HELLO = 64, /* on each connection and when the start is over: state, pid, started_ns */
	SHIM_REPLY,	 /* number repeated; code: 0 or an error kind; pid; data: text */
	SHIM_EXITED,	 /* code, signo, flag SHIM_OOM, started_ns, finished_ns */
	SHIM_EXEC_EXITED, /* id, code */
	SHIM_DETACHED,	  /* id */
};

enum shim_flag {
	SHIM_TTY = 1 << 0,
	SHIM_STDIN = 1 << 1,
	SHIM_STDOUT = 1 << 2,
	SHIM_STDERR = 1 << 3,
	SHIM_FRAMED = 1 << 4,
	SHIM_OOM = 1 << 5,
	SHIM_OPEN_STDIN = 1 << 6, /* exec: a pipe for its stdin */
	SHIM_WEBSOCKET =
		1 << 7, /* the client speaks websocket frames; in a hello: so does the shim */
	SHIM_WS_TEXT = 1 << 8,	/* they are to be text frames */
	SHIM_RESERVED = 1 << 9, /* uses up what SHIM_RESERVE kept free */
	SHIM_FOR_EXEC = 1 << 10,
};

enum shim_state {
	SHIM_STATE_NEW,
	SHIM_STATE_STARTING,
	SHIM_STATE_RUNNING,
	SHIM_STATE_EXITED,
	SHIM_STATE_FAILED
};

struct shim_msg {
	uint16_t version, type;
	uint32_t number;
	uint32_t flags;
	int32_t code, signo, pid;
	uint16_t height, width;
	uint16_t state, keys_len;
	int64_t started_ns, finished_ns;
	uint32_t data_len, reserved;
	uint8_t keys[SHIM_KEYS_MAX];
	char id[SHIM_ID_MAX];
};

#define SHIM_PACKET_MAX (sizeof(struct shim_msg) + SHIM_DATA_MAX)

struct shim_packet {
	struct shim_msg msg;
	uint8_t data[SHIM_DATA_MAX];
};

void shim_msg_init(struct shim_msg *m, enum shim_type type);
/* False when the text does not fit. */
bool shim_msg_set_id(struct shim_msg *m, const char *id) WARN_UNUSED;
/* Is this packet of n received bytes one of ours, whole and within its bounds? 0 or -EPROTO. */
int shim_packet_check(const struct shim_packet *p, size_t n) WARN_UNUSED;

/* Prepare a msghdr for sending; the parts are used until the send is over. */
struct shim_out {
	struct msghdr hdr;
	struct iovec iov[2];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * SHIM_FDS_MAX)];
};
void shim_out_prepare(struct shim_out *o, struct shim_msg *m, struct str data, const int *fds,
		      size_t n_fds);
/* Prepare for receiving into p. */
void shim_in_prepare(struct shim_out *o, struct shim_packet *p);
/* Take the descriptors out of a received header; all beyond max are closed. Returns how many. */
size_t shim_in_take_fds(struct shim_out *o, int *fds, size_t max);

#endif
