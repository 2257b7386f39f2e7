/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/look.h"

/* POST /containers/{name}/pause */
int api_containers_pause(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;

	if (container_lookup(call->eng, call->params[0], &c, e) < 0 || container_pause(c, e) < 0)
		return err_code(e);
	return reply_empty(call, 204);
}

/* POST /containers/{name}/unpause */
int api_containers_unpause(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;

	if (container_lookup(call->eng, call->params[0], &c, e) < 0 || container_unpause(c, e) < 0)
		return err_code(e);
	return reply_empty(call, 204);
}
