/* SPDX-License-Identifier: Apache-2.0 */
#include "api/exec/exec.h"

#include "api/router/reply.h"
#include "api/router/size.h"
#include "runtime/container/container.h"

/* POST /exec/{id}/resize */
int api_exec_resize(struct call *call, struct err *e)
{
	CLEANUP(exec_unrefp) struct exec *x = NULL;
	uint16_t height, width;

	if (query_console_size(call, &height, &width, e) < 0 ||
	    exec_lookup(call->eng, call->params[0], &x, e) < 0 ||
	    exec_resize(x, height, width, e) < 0)
		return err_code(e);
	return reply_empty(call, 200);
}
