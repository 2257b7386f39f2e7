/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that speak websocket frames. Output goes out as one frame for each read of the process
 * (pump.c), without stdcopy framing: a client that is to tell the two streams apart attaches twice,
 * as with the engine. Input frames of any size and any fragments become plain bytes here. Control
 * frames go out between two frames of output, never into one: a pong waits for its turn in the
 * client's own few bytes, and of several pings the last is answered.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "firmware/core/mem.h"
#include "firmware/fmt/ws.h"
#include "runtime/shim/private.h"

#define FRAME_MAX ((uint64_t)CONFIG_SHIM_WS_FRAME_MIB << 20)

struct client_ws {
	struct ws_decoder in;
	uint8_t out[WS_HEAD_MAX + WS_CONTROL_MAX];
	uint8_t out_n, out_off; /* a control frame that waits, and how much of it was sent */
};

int websocket_open(struct client *c)
{
	c->ws = mem_alloc(sizeof(*c->ws));
	if (!c->ws)
		return -ENOMEM;
	ws_decoder_init(&c->ws->in, FRAME_MAX);
	c->ws->out_n = c->ws->out_off = 0;
	return 0;
}

void websocket_close(struct client *c)
{
	mem_free(c->ws);
	c->ws = NULL;
}

bool websocket_waits(const struct client *c)
{
	return c->ws && c->ws->out_n;
}

int websocket_flush(struct client *c)
{
	struct client_ws *w = c->ws;

	while (w->out_off < w->out_n) {
		ssize_t sent = send(c->fd, w->out + w->out_off, (size_t)(w->out_n - w->out_off),
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		w->out_off = (uint8_t)(w->out_off + sent);
	}
	w->out_n = w->out_off = 0;
	return 1;
}

/* Answer the ping that was just taken; it goes out with what is sent next. */
static void pong(struct client_ws *w)
{
	size_t n;

	if (w->out_off)
		return; /* one is half out: this ping is not the last, or its sender hurries */
	n = ws_put_head(w->out, WS_PONG, w->in.control_n);
	memcpy(w->out + n, w->in.control, w->in.control_n);
	w->out_n = (uint8_t)(n + w->in.control_n);
}

unsigned websocket_take(struct client *c, uint8_t *data, size_t *n, bool *ret_ours)
{
	struct client_ws *w = c->ws;
	size_t at = 0, kept = 0, used = 0, size = 0;
	unsigned code = 0;
	uint8_t *piece;

	while (!code && at < *n) {
		switch (ws_decode(&w->in, data + at, *n - at, &used, &piece, &size)) {
		case WS_GOT_DATA:
			memmove(data + kept, piece, size);
			kept += size;
			break;
		case WS_GOT_PING:
			pong(w);
			break;
		case WS_GOT_CLOSE:
			code = w->in.code ? w->in.code : WS_CODE_NORMAL;
			break;
		case WS_GOT_ERROR:
			code = w->in.code;
			*ret_ours = true;
			break;
		case WS_GOT_PONG:
		case WS_GOT_MORE:
			break;
		}
		at += used;
	}
	*n = kept;
	return code;
}

void websocket_end(struct client *c, unsigned code, bool torn)
{
	uint8_t frame[4];
	size_t n = ws_put_close(frame, code);

	if (!torn && !(c->ws->out_n && c->ws->out_off))
		(void)!send(c->fd, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	c->ws->out_n = c->ws->out_off = 0;
}

size_t websocket_head(const struct client *c, size_t n, uint8_t *out)
{
	return ws_put_head(out, c->flags & SHIM_WS_TEXT ? WS_TEXT : WS_BINARY, n);
}
