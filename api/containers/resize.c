/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/router/reply.h"
#include "api/router/size.h"
#include "runtime/container/container.h"

/* POST /containers/{name}/resize */
int api_containers_resize(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	uint16_t height, width;

	if (query_console_size(call, &height, &width, e) < 0 ||
	    container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    container_resize(c, height, width, e) < 0)
		return err_code(e);
	return reply_empty(call, 200);
}
