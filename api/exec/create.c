/* SPDX-License-Identifier: Apache-2.0 */
#include "api/exec/exec.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

/* POST /containers/{name}/exec */
int api_exec_create(struct call *call, struct err *e)
{
	CLEANUP(container_unrefp) struct container *c = NULL;
	CLEANUP(exec_unrefp) struct exec *x = NULL;
	struct exec_config *cfg = arena_alloc(call->a, sizeof(*cfg));
	struct str keys;
	struct json_node body;
	struct json_writer w;
	struct buf out;

	if (!cfg)
		return err_set(e, ERR_UNAVAILABLE, "no memory");
	if (body_json(call, true, &body, e) < 0)
		return err_code(e);
	if (shape_decode(&shape_exec_config, body, call->a, cfg, e) < 0)
		return err_wrap(e, "invalid JSON");
	if (!cfg->cmd.n)
		return err_set(e, ERR_INVALID, "No exec command specified");
	if (cfg->detach_keys && *cfg->detach_keys &&
	    detach_keys_parse(str_from(cfg->detach_keys), "escape", call->a, &keys, e) < 0)
		return err_code(e);
	if (container_lookup(call->eng, call->params[0], &c, e) < 0 ||
	    exec_create(c, cfg, &x, e) < 0)
		return err_code(e);
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_kv_text(&w, "Id", x->id);
	json_object_close(&w);
	return reply_json(call, 201, &out, e);
}
