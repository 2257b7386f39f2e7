/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

/* POST /containers/{name}/start */
int api_containers_start(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;

	/* What is shorter cannot be an object with anything in it. */
	if (call->http->head.content_length > 7 || call->http->head.chunked)
		return err_set(e, ERR_INVALID,
			       "starting container with non-empty request body was deprecated "
			       "since API v1.22 and removed in v1.24");
	if (container_lookup(call->eng, call->params[0], &c, e) < 0 || container_start(c, e) < 0)
		return err_code(e);
	return reply_empty(call, 204);
}
