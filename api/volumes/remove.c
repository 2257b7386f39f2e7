/* SPDX-License-Identifier: Apache-2.0 */
#include "api/volumes/volumes.h"

#include "api/router/reply.h"

/* DELETE /volumes/{name} */
int api_volumes_remove(struct call *call, struct err *e)
{
	CLEANUP(volume_unrefp) struct volume *v = NULL;
	int r = volume_lookup(call->eng->volumes, call->params[0], &v, e);

	if (r == 0)
		r = volume_remove(v, e);
	if (r < 0 && !(e->kind == ERR_NOT_FOUND && query_bool(call, "force", false)))
		return err_code(e);
	return reply_empty(call, 204);
}
