/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages are built into the caller's buffer and sent in one datagram. The kernel handles them
 * before send returns, so that after a failure nothing more needs waiting for: what is still queued
 * is dropped before the next exchange.
 */
#include "firmware/net/netlink.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/mem.h"
#include "firmware/core/str.h"

enum {
	RECEIVE_SIZE = 32768, /* the kernel fills at most this much of a dump at once */
	TIMEOUT_SECONDS = 10,
};

int nl_open(struct nl_socket *s, int family, struct err *e)
{
	CLEANUP_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
	struct sockaddr_nl self = {.nl_family = AF_NETLINK};
	struct timeval patience = {.tv_sec = TIMEOUT_SECONDS};
	socklen_t n = sizeof(self);
	int on = 1, size = 1 << 20;

	if (fd < 0)
		return err_sys(e, errno, "netlink: socket");
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&self, &n) < 0)
		return err_sys(e, errno, "netlink: bind");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return err_sys(e, errno, "netlink: receive time-out");
	/* Niceties: an error's text, short echoes, room for many acknowledgements. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	s->buf = mem_alloc(RECEIVE_SIZE);
	if (!s->buf)
		return err_sys(e, ENOMEM, "netlink");
	s->seq = 0;
	s->port = self.nl_pid;
	s->family = family;
	s->fd = TAKE_FD(fd);
	return 0;
}

void nl_close(struct nl_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	mem_free(s->buf);
	s->buf = NULL;
}

/* --- building --- */

void nl_msg_init(struct nl_msg *m, void *buf, uint32_t size)
{
	*m = (struct nl_msg){.buf = buf, .size = size};
}

/* n zeroed bytes at the end, padded to 4; NULL when they do not fit. */
static void *take(struct nl_msg *m, uint64_t n)
{
	uint64_t padded = NLMSG_ALIGN((uint64_t)n);
	void *p;

	if (m->failed || padded > m->size - m->len) {
		m->failed = true;
		return NULL;
	}
	p = memset(m->buf + m->len, 0, padded);
	m->len += (uint32_t)padded;
	return p;
}

void *nl_msg_begin(struct nl_msg *m, uint16_t type, uint16_t flags, uint32_t body_size)
{
	struct nlmsghdr *h;
	char *body;

	m->start = m->len;
	h = take(m, NLMSG_HDRLEN);
	body = take(m, body_size);
	if (!h || !body) /* the message is lost anyway: its own memory takes what is written */
		return body_size <= m->size ? memset(m->buf, 0, body_size) : NULL;
	h->nlmsg_type = type;
	h->nlmsg_flags = flags | NLM_F_REQUEST;
	h->nlmsg_len = m->len - m->start;
	return body;
}

void nl_msg_end(struct nl_msg *m)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)(m->buf + m->start);

	if (!m->failed)
		h->nlmsg_len = m->len - m->start;
}

void nl_put(struct nl_msg *m, uint16_t type, const void *p, uint32_t n)
{
	struct nlattr *a;

	if (n > UINT16_MAX - NLA_HDRLEN) {
		m->failed = true;
		return;
	}
	a = take(m, (uint64_t)NLA_HDRLEN + n);
	if (!a)
		return;
	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + n);
	if (n > 0)
		memcpy((char *)a + NLA_HDRLEN, p, n);
}

void nl_put_u8(struct nl_msg *m, uint16_t type, uint8_t v)
{
	nl_put(m, type, &v, sizeof(v));
}

void nl_put_u16(struct nl_msg *m, uint16_t type, uint16_t v)
{
	nl_put(m, type, &v, sizeof(v));
}

void nl_put_u32(struct nl_msg *m, uint16_t type, uint32_t v)
{
	nl_put(m, type, &v, sizeof(v));
}

void nl_put_be32(struct nl_msg *m, uint16_t type, uint32_t v)
{
	uint32_t be = __builtin_bswap32(v);

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		be = v;
	nl_put(m, type, &be, sizeof(be));
}

void nl_put_be64(struct nl_msg *m, uint16_t type, uint64_t v)
{
	uint64_t be = __builtin_bswap64(v);

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		be = v;
	nl_put(m, type, &be, sizeof(be));
}

void nl_put_text(struct nl_msg *m, uint16_t type, const char *s)
{
	size_t n = strlen(s) + 1;

	nl_put(m, type, s, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
}

uint32_t nl_nest_begin(struct nl_msg *m, uint16_t type)
{
	uint32_t at = m->len;

	nl_put(m, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void nl_nest_end(struct nl_msg *m, uint32_t nest)
{
	struct nlattr *a = (struct nlattr *)(void *)(m->buf + nest);

	if (m->failed)
		return;
	if (m->len - nest > UINT16_MAX)
		m->failed = true;
	else
		a->nla_len = (uint16_t)(m->len - nest);
}

const struct nlattr *nl_attr_find(const void *p, uint32_t n, uint16_t type)
{
	const char *at = p;

	while (n >= NLA_HDRLEN) {
		const struct nlattr *a = (const struct nlattr *)(const void *)at;
		uint32_t step = NLA_ALIGN((uint32_t)a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > n)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if (step >= n)
			return NULL;
		at += step;
		n -= step;
	}
	return NULL;
}

const struct nlattr *nl_answer_attr(const struct nlmsghdr *h, uint32_t body_size, uint16_t type)
{
	uint64_t fixed = NLMSG_HDRLEN + NLMSG_ALIGN((uint64_t)body_size);

	if (h->nlmsg_len <= fixed)
		return NULL;
	return nl_attr_find((const char *)h + fixed, (uint32_t)(h->nlmsg_len - fixed), type);
}

/* --- talking --- */

typedef int (*nl_each)(const struct nlmsghdr *h, void *arg);

/* What is being waited for. */
struct exchange {
	uint32_t first, last; /* sequence numbers of the request */
	int answers;	      /* still to come */
	int result;	      /* first failure */
	nl_each each;	      /* NULL: acknowledgements alone are expected */
	void *arg;
};

static bool is_batch_mark(const struct nl_socket *s, const struct nlmsghdr *h)
{
	return s->family == NETLINK_NETFILTER &&
	       (h->nlmsg_type == NFNL_MSG_BATCH_BEGIN || h->nlmsg_type == NFNL_MSG_BATCH_END);
}

/*
 * Number the messages and count the answers they will get. A transaction asks for acknowledgements:
 * of every message, but for the last alone of a netfilter batch, which is applied as a whole and
 * whose failures are reported unasked.
 */
static void prepare(struct nl_socket *s, struct nl_msg *m, struct exchange *x)
{
	bool netfilter = s->family == NETLINK_NETFILTER;
	struct nlmsghdr *last = NULL;

	x->first = s->seq + 1;
	for (uint32_t at = 0; at < m->len;) {
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)(m->buf + at);

		at += NLMSG_ALIGN(h->nlmsg_len);
		h->nlmsg_seq = ++s->seq;
		h->nlmsg_pid = s->port;
		if (!is_batch_mark(s, h))
			last = h;
		if (!x->each && !netfilter)
			h->nlmsg_flags |= NLM_F_ACK;
		if (x->each || (h->nlmsg_flags & NLM_F_ACK))
			x->answers++;
	}
	x->last = s->seq;
	if (!x->each && netfilter && last && !(last->nlmsg_flags & NLM_F_ACK)) {
		last->nlmsg_flags |= NLM_F_ACK;
		x->answers++;
	}
}

static int send_all(struct nl_socket *s, const struct nl_msg *m, struct err *e)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n;

	do {
		n = sendto(s->fd, m->buf, m->len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "netlink: send");
	if ((size_t)n != m->len)
		return err_sys(e, EIO, "netlink: send was cut short");
	return 0;
}

/* One datagram from the kernel itself. */
static ssize_t receive(struct nl_socket *s, void *buf, size_t size, struct err *e)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {buf, size};
		struct msghdr msg = {.msg_name = &from,
				     .msg_namelen = sizeof(from),
				     .msg_iov = &iov,
				     .msg_iovlen = 1};
		ssize_t n = recvmsg(s->fd, &msg, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return err_sys(e, ETIMEDOUT, "netlink: no answer");
		if (n < 0)
			return err_sys(e, errno, "netlink: receive");
		if (msg.msg_flags & MSG_TRUNC)
			return err_sys(e, EMSGSIZE, "netlink: answer too long");
		if (from.nl_pid == 0)
			return n;
	}
}

/* The kernel's own words about a failure (extended acknowledgement); empty when it has none. */
static struct str error_text(const struct nlmsghdr *h)
{
	const char *end = (const char *)h + h->nlmsg_len;
	const char *p = (const char *)NLMSG_DATA(h) + sizeof(struct nlmsgerr);
	const struct nlmsgerr *err = NLMSG_DATA(h);
	const struct nlattr *a;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return (struct str){NULL, 0};
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		p += err->msg.nlmsg_len > NLMSG_HDRLEN ? err->msg.nlmsg_len - NLMSG_HDRLEN : 0;
	if (p >= end)
		return (struct str){NULL, 0};
	a = nl_attr_find(p, (uint32_t)(end - p), NLMSGERR_ATTR_MSG);
	if (!a || nl_attr_len(a) == 0)
		return (struct str){NULL, 0};
	return str_span(nl_attr_data(a), strnlen(nl_attr_data(a), nl_attr_len(a)));
}

/* An NLMSG_ERROR or an NLMSG_DONE with a status: 0, or the error in e. */
static int read_status(const struct nlmsghdr *h, struct err *e)
{
	struct str text = {NULL, 0};
	int status = 0;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
		return h->nlmsg_type == NLMSG_DONE ? 0 : err_sys(e, EBADMSG, "netlink: answer");
	memcpy(&status, NLMSG_DATA(h), sizeof(status));
	if (status == 0)
		return 0;
	if (status > 0)
		return err_sys(e, EBADMSG, "netlink: answer");
	if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
		text = error_text(h);
	if (text.n > 0)
		return err_sys(e, status, "netlink: " STR_FMT, STR_ARG(text));
	return err_sys(e, status, "netlink");
}

static void take_message(struct exchange *x, const struct nlmsghdr *h, struct err *e)
{
	struct err *own = x->result == 0 ? e : NULL;
	int r = 0;

	if (h->nlmsg_seq - x->first > x->last - x->first)
		return; /* an answer to an earlier request that was given up */
	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
		r = read_status(h, own);
		x->answers--;
	} else if (h->nlmsg_type >= NLMSG_MIN_TYPE && x->each) {
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			r = err_sys(own, EINTR, "netlink: the table changed while it was read");
		else if (x->result == 0)
			r = x->each(h, x->arg);
		if (!(h->nlmsg_flags & NLM_F_MULTI))
			x->answers--;
	}
	if (r < 0 && x->result == 0)
		x->result = r;
}

static int collect(struct nl_socket *s, struct exchange *x, struct err *e)
{
	while (x->answers > 0 && x->result == 0) {
		ssize_t n = receive(s, s->buf, RECEIVE_SIZE, e);
		const struct nlmsghdr *h = s->buf;

		if (n < 0)
			return (int)n;
		for (unsigned int left = (unsigned int)n; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left))
			take_message(x, h, e);
	}
	return x->result;
}

/* Drop what an earlier exchange that ended early left unread. */
static void drain(struct nl_socket *s)
{
	char scrap[16];

	while (recv(s->fd, scrap, sizeof(scrap), MSG_DONTWAIT) >= 0 || errno == EINTR)
		;
}

static int exchange(struct nl_socket *s, struct nl_msg *m, struct exchange *x, struct err *e)
{
	int r;

	if (m->failed)
		return err_set(e, ERR_TOO_LARGE, "netlink: message does not fit its buffer");
	if (m->len == 0)
		return 0;
	drain(s);
	prepare(s, m, x);
	r = send_all(s, m, e);
	return r < 0 ? r : collect(s, x, e);
}

int nl_transact(struct nl_socket *s, struct nl_msg *m, struct err *e)
{
	struct exchange x = {0};

	return exchange(s, m, &x, e);
}

int nl_query(struct nl_socket *s, struct nl_msg *m,
	     int (*each)(const struct nlmsghdr *h, void *arg), void *arg, struct err *e)
{
	struct exchange x = {.each = each, .arg = arg};

	return exchange(s, m, &x, e);
}
