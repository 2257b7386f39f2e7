/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/shim/runtime_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "firmware/core/arena.h"
#include "firmware/fmt/json.h"

static const char create_prefix[] = "failed to create task for container: failed to create shim "
				    "task: OCI runtime create failed: ";
static const char exec_prefix[] = "OCI runtime exec failed: ";

static bool contains(const char *text, const char *part)
{
	return strcasestr(text, part) != NULL;
}

static int code_of(const char *text, bool is_exec)
{
	if (contains(text, "executable file not found") ||
	    contains(text, "no such file or directory"))
		return 127;
	if (contains(text, "permission denied") || contains(text, "is a directory"))
		return 126;
	return is_exec ? 126 : 128;
}

/* The message of the last error line, decoded into the arena; empty when there is none. */
static struct str last_message(struct str log, struct arena *a)
{
	struct str line, msg = {"", 0};

	while (log.n) {
		struct json_node root;
		struct str level = {NULL, 0}, text;

		line = str_cut(log, '\n', &log);
		if (!line.n || json_parse(line, a, &root, NULL) < 0)
			continue;
		if (json_string(json_get(root, "level"), a, &level) == 0 &&
		    !str_eqz(level, "error") && !str_eqz(level, "fatal"))
			continue;
		if (json_string(json_get(root, "msg"), a, &text) == 0 && text.n)
			msg = text;
	}
	return msg;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* crun words it its own way, which clients that look for the engine's words would miss. */
static bool reword_not_found(struct str msg, struct runtime_error *ret, const char *prefix,
			     const char *runtime)
{
	static const char open[] = "executable file `";
	static const char close[] = "` not found in $PATH";
	const char *from = msg.p ? memmem(msg.p, msg.n, open, sizeof(open) - 1) : NULL;
	const char *to = msg.p ? memmem(msg.p, msg.n, close, sizeof(close) - 1) : NULL;

	if (!from || !to || to < from + sizeof(open) - 1)
		return false;
	from += sizeof(open) - 1;
	if (memchr(from, '/', (size_t)(to - from))) /* then $PATH was not asked */
		snprintf(ret->text, sizeof(ret->text),
			 "%s%s: exec: \"%.*s\": stat %.*s: no such file or directory: unknown",
			 prefix, runtime, (int)MIN(to - from, 200), from, (int)MIN(to - from, 200),
			 from);
	else
		snprintf(ret->text, sizeof(ret->text),
			 "%s%s: exec: \"%.*s\": executable file not found in $PATH: unknown",
			 prefix, runtime, (int)MIN(to - from, 400), from);
	return true;
}

/* crun gives the C library's words for an errno, runc Go's, and clients look for Go's. */
static void lower_reasons(char *text)
{
	static const char *const reasons[] = {"Permission denied", "Is a directory",
					      "Not a directory", "No such file or directory"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		char *at = text;

		while ((at = strstr(at, reasons[i])) != NULL) {
			*at |= 0x20;
			at++;
		}
	}
}

void runtime_error_from_log(struct str log, struct str said, const char *runtime, bool is_exec,
			    struct runtime_error *ret)
{
	struct arena arena CLEANUP_ARENA = {0};
	const char *prefix = is_exec ? exec_prefix : create_prefix;
	struct str msg;

	arena_open_heap(&arena, 65536);
	msg = str_trim(last_message(log, &arena));
	if (!msg.n)
		msg = str_trim(said);
	while (msg.n && (msg.p[msg.n - 1] == '\n' || msg.p[msg.n - 1] == '\r'))
		msg.n--;
	if (!msg.n) {
		snprintf(ret->text, sizeof(ret->text), "%s%s did not say why: unknown", prefix,
			 base_name(runtime));
	} else if (str_starts(msg, "runc run failed: ")) {
		msg = str_span(msg.p + 17, msg.n - 17);
		snprintf(ret->text, sizeof(ret->text), "%srunc create failed: %.*s: unknown",
			 prefix, (int)MIN(msg.n, 480), msg.p);
	} else if (str_eqz(msg, "open executable: Operation not permitted")) {
		/* What crun says of directories and files that are no programs. */
		snprintf(ret->text, sizeof(ret->text),
			 "%sopen executable: permission denied: unknown", prefix);
	} else if (!reword_not_found(msg, ret, prefix, base_name(runtime))) {
		snprintf(ret->text, sizeof(ret->text), "%s%.*s: unknown", prefix,
			 (int)MIN(msg.n, 480), msg.p);
	}
	lower_reasons(ret->text);
	ret->code = code_of(ret->text, is_exec);
}

void runtime_error_from_join(const char *text, struct runtime_error *ret)
{
	snprintf(ret->text, sizeof(ret->text), "%sexec failed: %.*s: unknown", exec_prefix, 560,
		 text);
	ret->code = code_of(ret->text, true);
}

void runtime_error_from_spawn(int sys_errno, const char *runtime, bool is_exec,
			      struct runtime_error *ret)
{
	const char *what = sys_errno == ENOENT && !strchr(runtime, '/')
				   ? "executable file not found in $PATH"
			   : sys_errno == ENOENT ? "no such file or directory"
			   : sys_errno == EACCES ? "permission denied"
						 : strerror(sys_errno);

	if (is_exec)
		snprintf(ret->text, sizeof(ret->text), "%sexec: \"%s\": %s: unknown", exec_prefix,
			 runtime, what);
	else
		snprintf(ret->text, sizeof(ret->text),
			 "failed to create task for container: failed to start shim: start failed: "
			 "exec: \"%s\": %s: unknown",
			 runtime, what);
	ret->code = is_exec ? 126 : 128; /* it is the engine that is broken, not the request */
}

bool runtime_error_is_invalid(const struct runtime_error *e)
{
	return e->code == 126 || e->code == 127;
}

bool runtime_error_is_leftover(const struct runtime_error *e)
{
	return contains(e->text, "already exists") || contains(e->text, "ID already in use") ||
	       contains(e->text, "given ID already");
}
