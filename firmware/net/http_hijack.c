/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/net/http_conn.h"

#include <errno.h>

/* "HTTP/1.1 101 …" */
static int head_status(struct str head)
{
	struct str rest = head;
	uint64_t status;

	(void)str_cut(head, ' ', &rest);
	return str_to_u64(str_cut(rest, ' ', &rest), &status) == 0 && status < 600 ? (int)status
										   : 0;
}

int http_hijack(struct http_request *req, struct str head, struct str *ret_leftover, struct err *e)
{
	struct http_conn *c = req->conn;
	struct iovec iov = {(void *)(uintptr_t)head.p, head.n};
	size_t n = c->in_n - c->in_at;
	char *kept = NULL;
	int r;

	if (c->replied || c->hijacked)
		return err_set(e, ERR_CONFLICT, "the request was answered already");
	if (n > 0) {
		kept = arena_strndup(req->arena, c->in + c->in_at, n);
		if (!kept)
			return err_set(e, ERR_UNAVAILABLE, "no memory for the connection's input");
	}
	http_watch_client(req, false);
	c->replied = c->hijacked = c->close = true;
	c->in_at = c->in_n = 0;
	c->status = head_status(head);
	c->answered_at = clock_mono();
	r = head.n > 0 ? http_send(c, &iov, 1) : 0;
	if (r < 0)
		return err_sys(e, r, "the connection was lost");
	chunk_put(c->in);
	chunk_put(c->out);
	c->in = c->out = NULL;
	*ret_leftover = str_span(kept, n);
	return 0;
}

struct io *http_hijacked_io(struct http_request *req)
{
	return &req->conn->io;
}

int http_hijack_take_fd(struct http_request *req)
{
	return io_release(&req->conn->io);
}
