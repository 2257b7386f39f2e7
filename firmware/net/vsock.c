/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/net/socket_private.h"

#include <errno.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h> /* wants sys/socket.h before it on some systems */

#include "firmware/core/cleanup.h"

int vsock_parse(struct str rest, uint32_t *ret_cid, uint32_t *ret_port, struct err *e)
{
	ptrdiff_t colon = str_rfind(rest, ':');
	uint64_t cid = UINT32_MAX, port = 0; /* any of ours */
	struct str c;

	if (colon < 0)
		return err_set(e, ERR_INVALID, "want vsock://[CID]:PORT");
	c = str_span(rest.p, (size_t)colon);
	if (c.n >= 2 && c.p[0] == '[' && c.p[c.n - 1] == ']')
		c = str_span(c.p + 1, c.n - 2);
	if (c.n > 0 && !str_eqz(c, "-1") && (str_to_u64(c, &cid) < 0 || cid > UINT32_MAX))
		return err_set(e, ERR_INVALID, "bad vsock CID");
	if (str_to_u64(str_span(rest.p + colon + 1, rest.n - (size_t)colon - 1), &port) < 0 ||
	    port == 0 || port >= UINT32_MAX)
		return err_set(e, ERR_INVALID, "bad vsock port");
	*ret_cid = (uint32_t)cid;
	*ret_port = (uint32_t)port;
	return 0;
}

int vsock_listen(uint32_t cid, uint32_t port, int backlog, int *ret_fd, struct err *e)
{
	CLEANUP_FD int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_vm svm = {
		.svm_family = AF_VSOCK,
		.svm_cid = cid,
		.svm_port = port,
	};

	if (fd < 0)
		return err_sys(e, errno, "vsock");
	if (bind(fd, (struct sockaddr *)&svm, sizeof(svm)) < 0)
		return err_sys(e, errno, "bind");
	if (listen(fd, backlog) < 0)
		return err_sys(e, errno, "listen");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int vsock_identify(const struct listener *l, int fd, struct peer *ret, struct err *e)
{
	struct sockaddr_vm svm = {0};
	socklen_t n = sizeof(svm);
	bool allowed;

	if (getpeername(fd, (struct sockaddr *)&svm, &n) < 0)
		return err_sys(e, errno, "who connected");
	allowed = l->n_cids == 0 && svm.svm_cid == VMADDR_CID_HOST;
	for (size_t i = 0; i < l->n_cids; i++)
		allowed = allowed || l->cids[i] == svm.svm_cid;
	if (!allowed)
		return err_set(e, ERR_FORBIDDEN, "vsock CID %u may not connect", svm.svm_cid);
	*ret = (struct peer){
		.kind = LISTENER_VSOCK, .uid = (uid_t)-1, .gid = (gid_t)-1, .cid = svm.svm_cid};
	return 0;
}
