/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/net/http_websocket.h"

#include <string.h>

/* Is token one of those in a list with commas? Letter case does not matter. */
static bool has_token(struct str list, const char *token)
{
	while (list.n)
		if (str_ieqz(str_trim(str_cut(list, ',', &list)), token))
			return true;
	return false;
}

/* The same over all headers of that name. */
static bool header_has_token(const struct http_head *h, const char *name, const char *token)
{
	for (size_t i = 0; i < h->n_headers; i++)
		if (str_ieqz(h->headers[i].name, name) && has_token(h->headers[i].value, token))
			return true;
	return false;
}

static size_t count(const struct http_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_headers; i++)
		n += str_ieqz(h->headers[i].name, name);
	return n;
}

/* A token of RFC 9110: what may stand in our reply as it is. */
static bool is_token(struct str s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c && strchr(others, c))))
			return false;
	}
	return s.n > 0;
}

static int refuse(struct err *e, const char *why)
{
	err_set(e, ERR_INVALID, "%s", why);
	return 400;
}

int websocket_handshake(const struct http_head *head, struct websocket_offer *ret, struct err *e)
{
	struct str key = http_get_header(head, "Sec-WebSocket-Key"), rest;

	if (head->method != HTTP_GET || head->minor < 1)
		return refuse(e, "a websocket begins with a GET of HTTP/1.1");
	if (!header_has_token(head, "Upgrade", "websocket") ||
	    !header_has_token(head, "Connection", "upgrade"))
		return refuse(e, "not a websocket handshake: it lacks \"Upgrade: websocket\" and "
				 "\"Connection: Upgrade\"");
	if (head->chunked || head->content_length > 0)
		return refuse(e, "a websocket handshake has no body");
	if (!str_eqz(http_get_header(head, "Sec-WebSocket-Version"), WEBSOCKET_VERSION) ||
	    count(head, "Sec-WebSocket-Version") != 1) {
		err_set(e, ERR_INVALID,
			"the websocket protocol is spoken in version " WEBSOCKET_VERSION " alone");
		return 426;
	}
	if (count(head, "Sec-WebSocket-Key") != 1 || !ws_accept(key.p, key.n, ret->accept))
		return refuse(e, "Sec-WebSocket-Key is not 16 bytes in base64");
	rest = http_get_header(head, "Sec-WebSocket-Protocol");
	ret->protocol = str_trim(str_cut(rest, ',', &rest));
	if (ret->protocol.n && !is_token(ret->protocol))
		return refuse(e, "Sec-WebSocket-Protocol is malformed");
	return 0;
}
