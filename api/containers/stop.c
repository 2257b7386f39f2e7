/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

/* t and signal, as stop and restart take them. */
static int stop_options(struct call *call, const char **ret_signal, int64_t *ret_timeout,
			struct err *e)
{
	*ret_signal = call->api_minor >= 42 ? query_text(call, "signal") : "";
	return query_i64(call, "t", INT64_MIN, ret_timeout, e);
}

/* POST /containers/{name}/stop */
int api_containers_stop(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	const char *signal;
	int64_t timeout;

	if (stop_options(call, &signal, &timeout, e) < 0 ||
	    container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_stop(c, signal, timeout, e) < 0)
		return err_code(e);
	return reply_empty(call, 204);
}

/* POST /containers/{name}/restart */
int api_containers_restart(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	const char *signal;
	int64_t timeout;

	if (stop_options(call, &signal, &timeout, e) < 0 ||
	    container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_restart(c, signal, timeout, e) < 0)
		return err_code(e);
	return reply_empty(call, 204);
}
