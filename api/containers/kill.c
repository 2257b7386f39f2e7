/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

/* POST /containers/{name}/kill */
int api_containers_kill(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;

	if (container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_kill(c, query_text(call, "signal"), e) < 0)
		return err_wrap(e, "cannot kill container: %s", call->params[0]);
	return reply_empty(call, 204);
}
