/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

/* DELETE /containers/{name}, POST /containers/{name}/remove */
int api_containers_remove(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;

	if (container_lookup(call->eng, call->params[0], &c, e) < 0)
		return err_code(e);
	if (query_bool(call, "link", false))
		return container_unlink(call->eng, call->params[0], e) < 0 ? err_code(e)
									   : reply_empty(call, 204);
	if (container_remove(c, call->params[0], query_bool(call, "force", false),
			     query_bool(call, "v", false), e) < 0)
		return err_code(e);
	return reply_empty(call, 204);
}
