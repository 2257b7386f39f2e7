/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/protocol.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(struct shim_msg) == 160, "the layout of a protocol version never changes");

void shim_msg_init(struct shim_msg *m, enum shim_type type)
{
	memset(m, 0, sizeof(*m));
	m->version = SHIM_PROTOCOL_VERSION;
	m->type = (uint16_t)type;
}

bool shim_msg_set_id(struct shim_msg *m, const char *id)
{
	return str_copy(m->id, sizeof(m->id), str_from(id));
}

int shim_packet_check(const struct shim_packet *p, size_t n)
{
	const struct shim_msg *m = &p->msg;

	if (n < sizeof(*m) || m->version != SHIM_PROTOCOL_VERSION)
		return -EPROTO;
	if (m->data_len > SHIM_DATA_MAX || m->data_len != n - sizeof(*m))
		return -EPROTO;
	if (m->keys_len > SHIM_KEYS_MAX || !memchr(m->id, 0, sizeof(m->id)))
		return -EPROTO;
	return 0;
}

void shim_out_prepare(struct shim_out *o, struct shim_msg *m, struct str data, const int *fds,
		      size_t n_fds)
{
	memset(&o->hdr, 0, sizeof(o->hdr));
	if (data.n > SHIM_DATA_MAX)
		data.n = SHIM_DATA_MAX;
	m->data_len = (uint32_t)data.n;
	o->iov[0].iov_base = m;
	o->iov[0].iov_len = sizeof(*m);
	o->iov[1].iov_base = (void *)(uintptr_t)data.p;
	o->iov[1].iov_len = data.n;
	o->hdr.msg_iov = o->iov;
	o->hdr.msg_iovlen = data.n ? 2 : 1;
	if (n_fds > SHIM_FDS_MAX)
		n_fds = SHIM_FDS_MAX;
	if (n_fds) {
		struct cmsghdr *c;

		memset(o->control, 0, sizeof(o->control));
		o->hdr.msg_control = o->control;
		o->hdr.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&o->hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
}

void shim_in_prepare(struct shim_out *o, struct shim_packet *p)
{
	memset(&o->hdr, 0, sizeof(o->hdr));
	o->iov[0].iov_base = p;
	o->iov[0].iov_len = sizeof(*p);
	o->hdr.msg_iov = o->iov;
	o->hdr.msg_iovlen = 1;
	o->hdr.msg_control = o->control;
	o->hdr.msg_controllen = sizeof(o->control);
}

size_t shim_in_take_fds(struct shim_out *o, int *fds, size_t max)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&o->hdr); c; c = CMSG_NXTHDR(&o->hdr, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < max)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	return n;
}
