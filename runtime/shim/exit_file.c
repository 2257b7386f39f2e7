/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "firmware/core/file.h"
#include "firmware/fmt/json.h"
#include "runtime/shim/private.h"

#define EXIT_FILE "exit.json"

int exit_file_write(int dirfd, const struct shim_exit *x, pid_t pid)
{
	char array[512], time[CLOCK_RFC3339_MAX];
	struct buf out;
	struct json_writer w;

	buf_init_fixed(&out, array, sizeof(array));
	json_begin(&w, &out);
	json_object_open(&w);
	json_kv_i64(&w, "pid", pid);
	json_kv_i64(&w, "exitCode", x->code);
	if (x->signo)
		json_kv_i64(&w, "signal", x->signo);
	json_kv_bool(&w, "oomKilled", x->oom_killed);
	clock_format_rfc3339nano(x->started_ns, time);
	json_kv_text(&w, "startedAt", time);
	clock_format_rfc3339nano(x->finished_ns, time);
	json_kv_text(&w, "finishedAt", time);
	json_object_close(&w);
	buf_putc(&out, '\n');
	return file_replace_at(dirfd, EXIT_FILE, buf_str(&out), 0600, true, NULL);
}

static int get_i64(struct json_node root, const char *key, int *ret)
{
	int64_t v;

	if (json_i64(json_get(root, key), &v) < 0 || v < INT32_MIN || v > INT32_MAX)
		return -1;
	*ret = (int)v;
	return 0;
}

static int get_time(struct json_node root, const char *key, struct arena *a, int64_t *ret)
{
	struct str text;

	if (json_string(json_get(root, key), a, &text) < 0)
		return -1;
	return clock_parse_rfc3339(text, ret);
}

int shim_read_exit(const char *state_dir, struct shim_exit *ret, struct err *e)
{
	struct arena arena CLEANUP_ARENA = {0};
	struct shim_exit x = {0};
	struct json_node root;
	struct str text;
	char *path;
	int r;

	arena_open_heap(&arena, 65536);
	path = arena_printf(&arena, "%s/" EXIT_FILE, state_dir);
	if (!path)
		return err_sys(e, ENOMEM, "reading the exit status");
	r = file_read_at(AT_FDCWD, path, 4096, &arena, &text, e);
	if (r < 0)
		return r;
	r = json_parse(text, &arena, &root, e);
	if (r < 0)
		return err_wrap(e, "reading %s", path);
	if (get_i64(root, "exitCode", &x.code) < 0)
		return err_set(e, ERR_SYSTEM, "%s holds no exit code", path);
	(void)get_i64(root, "signal", &x.signo);
	if (json_bool(json_get(root, "oomKilled"), &x.oom_killed) < 0)
		x.oom_killed = false;
	(void)get_time(root, "startedAt", &arena, &x.started_ns);
	(void)get_time(root, "finishedAt", &arena, &x.finished_ns);
	*ret = x;
	return 0;
}
