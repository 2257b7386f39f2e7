/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink, as far as engines need it: build a message with attributes, send it, collect the
 * acknowledgement or a dump. Blocking, meant for jobs (a round trip takes microseconds).
 *
 * Thread: worker (a socket belongs to one user at a time). Yields: no. Owns: struct nl_socket.
 * Limits: no answer for 10 s is ERR_TIMEOUT.
 */
#ifndef FIRMWARE_NET_NETLINK_H
#define FIRMWARE_NET_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/attr.h"
#include "firmware/core/err.h"

struct nl_socket {
	int fd;
	uint32_t seq;
	uint32_t port;
	int family;
	void *buf; /* for answers */
};
/* family: NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_SOCK_DIAG; opened in the caller's network
 * namespace. */
int nl_open(struct nl_socket *s, int family, struct err *e) WARN_UNUSED;
void nl_close(struct nl_socket *s);

/* A message under construction, in the caller's buffer. Overflow sets failed. */
struct nl_msg {
	char *buf;
	uint32_t size, len;
	uint32_t start; /* of the current message (several may be batched) */
	bool failed;
};
void nl_msg_init(struct nl_msg *m, void *buf, uint32_t size);
/*
 * Begin a message of this type with a fixed body, zeroed; the pointer is valid until the next nl_
 * call, also when the message does not fit (NULL only for a body larger than the whole buffer).
 * NLM_F_REQUEST is added.
 */
void *nl_msg_begin(struct nl_msg *m, uint16_t type, uint16_t flags, uint32_t body_size);
void nl_msg_end(struct nl_msg *m);
void nl_put(struct nl_msg *m, uint16_t type, const void *p, uint32_t n);
void nl_put_u8(struct nl_msg *m, uint16_t type, uint8_t v);
void nl_put_u16(struct nl_msg *m, uint16_t type, uint16_t v);
void nl_put_u32(struct nl_msg *m, uint16_t type, uint32_t v);
void nl_put_be32(struct nl_msg *m, uint16_t type, uint32_t v);
void nl_put_be64(struct nl_msg *m, uint16_t type, uint64_t v);
void nl_put_text(struct nl_msg *m, uint16_t type, const char *s);
uint32_t nl_nest_begin(struct nl_msg *m, uint16_t type);
void nl_nest_end(struct nl_msg *m, uint32_t nest);

/*
 * Send all messages of m and wait for every acknowledgement (asked for by the call; a netfilter
 * batch is acknowledged as a whole); -errno of the first that failed, with the kernel's words in e.
 */
int nl_transact(struct nl_socket *s, struct nl_msg *m, struct err *e) WARN_UNUSED;
/*
 * Send dump or get requests; each(message) is called for every answer; its negative result ends it.
 * -EINTR: a table changed under a dump, ask again.
 */
int nl_query(struct nl_socket *s, struct nl_msg *m,
	     int (*each)(const struct nlmsghdr *h, void *arg), void *arg, struct err *e)
	WARN_UNUSED;

/* Attribute by type among those of n bytes at p; NULL when absent. */
const struct nlattr *nl_attr_find(const void *p, uint32_t n, uint16_t type);
/* The same behind the fixed body of an answer; NULL too when the answer is shorter than that. */
const struct nlattr *nl_answer_attr(const struct nlmsghdr *h, uint32_t body_size, uint16_t type);
static inline const void *nl_attr_data(const struct nlattr *a)
{
	return (const char *)a + NLA_HDRLEN;
}
static inline uint32_t nl_attr_len(const struct nlattr *a)
{
	return (uint32_t)(a->nla_len - NLA_HDRLEN);
}

#endif
