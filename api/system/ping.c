/* SPDX-License-Identifier: Apache-2.0 */
#include "api/system/system.h"

#include "api/router/reply.h"

static const struct {
	const char *name, *value;
} ping_headers[] = {
	{"Builder-Version", "1"},
	{"Cache-Control", "no-cache, no-store, must-revalidate"},
	{"Pragma", "no-cache"},
	{"Swarm", "inactive"},
};

/* GET and HEAD /_ping. Builder-Version 1: there is no BuildKit server here. */
int api_system_ping(struct call *call, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(ping_headers); i++)
		if (http_add_header(call->http, ping_headers[i].name, ping_headers[i].value) < 0)
			return err_set(e, ERR_UNAVAILABLE, "no room for headers");
	return http_reply(call->http, 200, "text/plain; charset=utf-8",
			  call->http->head.method == HTTP_HEAD ? STR("") : STR("OK"));
}
