/* SPDX-License-Identifier: Apache-2.0 */
#include "api/volumes/volumes.h"

#include "api/router/reply.h"

struct volume_create_request {
	const char *name, *driver;
	struct text_map labels, options;
	struct str cluster; /* raw */
};

static const struct shape_field fields[] = {
	SHAPE_FIELD(struct volume_create_request, "Name", name, SHAPE_TEXT, .flags = 0),
	SHAPE_FIELD(struct volume_create_request, "Driver", driver, SHAPE_TEXT, .flags = 0),
	SHAPE_FIELD(struct volume_create_request, "DriverOpts", options, SHAPE_TEXT_MAP,
		    .flags = 0),
	SHAPE_FIELD(struct volume_create_request, "Labels", labels, SHAPE_TEXT_MAP, .flags = 0),
	SHAPE_FIELD(struct volume_create_request, "ClusterVolumeSpec", cluster, SHAPE_RAW,
		    .flags = 0),
};
static const struct shape shape_volume_create = {
	.name = "CreateOptions",
	.size = sizeof(struct volume_create_request),
	.fields = fields,
	.n_fields = ARRAY_LEN(fields),
};

/* POST /volumes/create */
int api_volumes_create(struct call *call, struct err *e)
{
	CLEANUP(volume_unrefp) struct volume *v = NULL;
	struct volume_create_request body = {0};
	struct volume_request req = {.labels = &body.labels, .options = &body.options};
	struct json_node root;
	struct json_writer w;
	struct buf out;

	if (body_json(call, true, &root, e) < 0)
		return err_code(e);
	if (shape_decode(&shape_volume_create, root, call->a, &body, e) < 0)
		return e->kind == ERR_INVALID ? err_wrap(e, "invalid JSON") : err_code(e);
	if (body.cluster.n && !str_eqz(body.cluster, "null"))
		return reply_message(call->http, 503,
				     "This node is not a swarm manager. Use \"docker swarm init\" "
				     "or \"docker swarm join\" to connect this node to swarm and "
				     "try again.");
	req.name = body.name;
	req.driver = body.driver;
	if (volume_create(call->eng->volumes, &req, &v, NULL, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	shape_volume(v, NULL, &w);
	return reply_json(call, 201, &out, e);
}
