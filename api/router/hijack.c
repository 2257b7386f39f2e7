/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router/hijack.h"

#include <errno.h>

#include "api/router/reply.h"

#define TYPE_RAW "application/vnd.docker.raw-stream"
#define TYPE_MULTIPLEXED "application/vnd.docker.multiplexed-stream"

static int take_fd(struct attach_client *client)
{
	return http_hijack_take_fd(client->arg);
}

static int begin(struct call *call, const char *head, struct attach_client *client, struct err *e)
	FIBER_FN
{
	if (http_hijack(call->http, str_from(head), &client->leftover, e) < 0)
		return err_code(e);
	client->take_fd = take_fd;
	client->arg = call->http;
	io_cancel_on_hup(http_hijacked_io(call->http), fiber_self(), false);
	return 0;
}

int hijack_begin(struct call *call, bool multiplexed, const char *extra_headers,
		 struct attach_client *client, struct err *e)
{
	bool upgrade = http_has_header(&call->http->head, "Upgrade");
	const char *head;

	if (upgrade)
		head = arena_printf(call->a,
				    "HTTP/1.1 101 UPGRADED\r\nContent-Type: %s\r\nConnection: "
				    "Upgrade\r\nUpgrade: tcp\r\n%s\r\n",
				    multiplexed && call->api_minor >= 42 ? TYPE_MULTIPLEXED
									 : TYPE_RAW,
				    extra_headers);
	else
		head = arena_printf(call->a,
				    "HTTP/1.1 200 OK\r\nContent-Type: " TYPE_RAW "\r\n%s\r\n",
				    extra_headers);
	if (!head)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	return begin(call, head, client, e);
}

int hijack_websocket(struct call *call, const struct websocket_offer *offer,
		     struct attach_client *client, struct err *e)
{
	const char *protocol =
		offer->protocol.n ? arena_printf(call->a, "Sec-WebSocket-Protocol: " STR_FMT "\r\n",
						 STR_ARG(offer->protocol))
				  : "";
	const char *head =
		protocol ? arena_printf(call->a,
					"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
					"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
					offer->accept, protocol)
			 : NULL;

	if (!head)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	return begin(call, head, client, e);
}

int hijack_refuse(struct call *call, const struct err *why)
{
	int status = reply_status(why);
	struct str leftover;
	struct err e = ERR_INIT;
	const char *head = arena_printf(
		call->a, "HTTP/1.1 %d %s\r\nContent-Type: " TYPE_RAW "\r\n%s\r\n%s\r\n", status,
		http_status_text(status), status == 503 ? "Retry-After: 1\r\n" : "", why->msg);

	if (!head)
		return -ENOMEM;
	return http_hijack(call->http, str_from(head), &leftover, &e);
}
