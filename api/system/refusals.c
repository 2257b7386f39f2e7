/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers for what this engine never is or has: a swarm, plugins, and checkpoints.
 */
#include "api/router/reply.h"
#include "api/system/system.h"

int api_system_checkpoint(struct call *call, struct err *e)
{
	(void)call;
	return err_set(e, ERR_NOT_IMPLEMENTED,
		       "This experimental feature is disabled by default. Start the Docker daemon "
		       "in experimental mode in order to enable it.");
}

int api_system_plugins(struct call *call, struct err *e)
{
	(void)e;
	return http_reply(call->http, 200, "application/json", STR("[]\n"));
}

int api_system_no_plugins(struct call *call, struct err *e)
{
	(void)call;
	return err_set(e, ERR_NOT_IMPLEMENTED, "plugins are not supported by this engine");
}

int api_system_no_swarm(struct call *call, struct err *e)
{
	(void)e;
	return reply_message(call->http, 503,
			     "This node is not a swarm manager. Use \"docker swarm init\" or "
			     "\"docker swarm join\" to connect this node to swarm and try again.");
}

int api_system_not_in_swarm(struct call *call, struct err *e)
{
	(void)e;
	return reply_message(call->http, 503, "This node is not part of a swarm");
}
