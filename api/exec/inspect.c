/* SPDX-License-Identifier: Apache-2.0 */
#include "api/exec/exec.h"

#include "api/router/reply.h"
#include "runtime/container/container.h"

static void put_process(struct json_writer *w, const struct exec *x)
{
	const struct exec_config *cfg = &x->config;

	json_key(w, "ProcessConfig");
	json_object_open(w);
	json_kv_bool(w, "tty", cfg->tty);
	json_kv_text(w, "entrypoint", cfg->cmd.items[0]);
	json_key(w, "arguments");
	json_array_open(w);
	for (size_t i = 1; i < cfg->cmd.n; i++)
		json_put_text(w, cfg->cmd.items[i]);
	json_array_close(w);
	json_kv_bool(w, "privileged", cfg->privileged);
	if (cfg->user && *cfg->user)
		json_kv_text(w, "user", cfg->user);
	json_object_close(w);
}

/* GET /exec/{id}/json. An exit that the shim has reported is counted before the answer. */
int api_exec_inspect(struct call *call, struct err *e)
{
	CLEANUP(exec_unrefp) struct exec *x = NULL;
	struct json_writer w;
	struct buf out;

	if (exec_lookup(call->eng, call->params[0], &x, e) < 0)
		return err_code(e);
	if (exec_refresh(x, e) < 0)
		err_clear(e); /* the shim is gone; what is known is told */
	reply_begin(call, &out, &w);
	json_object_open(&w);
	json_kv_text(&w, "ID", x->id);
	json_kv_bool(&w, "Running", x->running);
	if (x->has_exit_code)
		json_kv_i64(&w, "ExitCode", x->exit_code);
	else
		json_kv_null(&w, "ExitCode");
	put_process(&w, x);
	json_kv_bool(&w, "OpenStdin", x->config.attach_stdin);
	json_kv_bool(&w, "OpenStderr", x->config.attach_stderr);
	json_kv_bool(&w, "OpenStdout", x->config.attach_stdout);
	json_kv_bool(&w, "CanRemove", exec_is_old(x));
	json_kv_text(&w, "ContainerID", x->container->id);
	json_kv_text(&w, "DetachKeys", x->config.detach_keys);
	json_kv_i64(&w, "Pid", x->pid);
	json_object_close(&w);
	return reply_json(call, 200, &out, e);
}
