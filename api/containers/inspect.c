/* SPDX-License-Identifier: Apache-2.0 */
#include "api/containers/containers.h"

#include "api/containers/sizes.h"
#include "api/router/reply.h"

/* GET /containers/{name}/json */
int api_containers_inspect(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	struct container_sizes sizes = {0};
	struct json_writer w;
	struct buf out;

	if (container_lookup(call->eng, call->params[0], &c, e) < 0)
		return err_code(e);
	if (query_bool(call, "size", false) && container_measure(c, &sizes, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	shape_container_inspect(c, &w, call->a, call->api_minor, &sizes);
	return reply_json(call, 200, &out, e);
}
