/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firmware/core/file.h"
#include "firmware/core/mem.h"
#include "runtime/shim/client_private.h"

#define CALL_MS 10000
#define EXEC_MS ((CONFIG_SHIM_RUNTIME_S + 10) * 1000LL)

static const struct str no_data = {NULL, 0};

void shim_stream_fill(struct shim_msg *m, const struct shim_stream *stream)
{
	m->flags |= stream->want_stdin ? SHIM_STDIN : 0;
	m->flags |= stream->want_stdout ? SHIM_STDOUT : 0;
	m->flags |= stream->want_stderr ? SHIM_STDERR : 0;
	m->flags |= stream->framed ? SHIM_FRAMED : 0;
	m->flags |= stream->websocket ? SHIM_WEBSOCKET : 0;
	m->flags |= stream->ws_text ? SHIM_WS_TEXT : 0;
	m->flags |= stream->reserved ? SHIM_RESERVED : 0;
	if (stream->detach_keys.n) {
		m->keys_len = (uint16_t)MIN(stream->detach_keys.n, (size_t)SHIM_KEYS_MAX);
		memcpy(m->keys, stream->detach_keys.p, m->keys_len);
	}
}

int shim_reserve(struct shim *s, bool exec, struct err *e)
{
	struct shim *held CLEANUP_SHIM = shim_ref(s);
	struct shim_call call;
	struct shim_msg m;
	int r;

	shim_msg_init(&m, SHIM_RESERVE);
	m.flags = exec ? SHIM_FOR_EXEC : 0;
	fiber_shield();
	r = shim_ask(held, &m, no_data, NULL, 0, clock_in_ms(CALL_MS), &call, e);
	fiber_unshield();
	/* It may still be granted, to nobody then. */
	if (r < 0 && call.sent && !call.done && !held->dead)
		shim_unreserve(held, exec);
	/* One that was started by an older daemon knows no reservations: it refuses later. */
	if (r < 0 && e->kind == ERR_NOT_IMPLEMENTED) {
		err_clear(e);
		return 0;
	}
	return r;
}

void shim_unreserve(struct shim *s, bool exec)
{
	struct shim_msg m;

	shim_msg_init(&m, SHIM_UNRESERVE);
	m.flags = exec ? SHIM_FOR_EXEC : 0;
	fiber_shield();
	/* When it cannot be told the connection is over, and its reservations with it. */
	(void)!shim_tell(s, &m, no_data, NULL, 0, NULL);
	fiber_unshield();
}

/* fd stays the caller's. */
static int attach(struct shim *s, const struct shim_stream *stream, int fd, struct shim_call *call,
		  struct err *e) FIBER_FN
{
	struct shim_msg m;

	if (stream->leftover.n > SHIM_DATA_MAX)
		return err_set(e, ERR_TOO_LARGE, "too much input was sent before the attach");
	if (stream->websocket && !s->websockets)
		return err_set(e, ERR_NOT_IMPLEMENTED,
			       "the container was started by a version that knows no websockets");
	shim_msg_init(&m, SHIM_ATTACH);
	shim_stream_fill(&m, stream);
	return shim_ask(s, &m, stream->leftover, &fd, 1, clock_in_ms(CALL_MS), call, e);
}

int shim_attach(struct shim *s, const struct shim_stream *stream, struct err *e)
{
	struct shim *held CLEANUP_SHIM = shim_ref(s);
	int fd CLEANUP_FD = stream->fd;
	struct shim_call call = {0};
	int r = attach(held, stream, fd, &call, e);

	/* The shim takes the promise for kept when it hears of the client; here it never did. */
	if (r < 0 && stream->reserved && !call.sent)
		shim_unreserve(held, false);
	return r;
}

int shim_kill(struct shim *s, int signo, struct err *e)
{
	struct shim_call call;
	struct shim_msg m;

	shim_msg_init(&m, SHIM_KILL);
	m.signo = signo;
	return shim_ask(s, &m, no_data, NULL, 0, clock_in_ms(CALL_MS), &call, e);
}

int shim_resize(struct shim *s, const char *exec_id, uint16_t height, uint16_t width, struct err *e)
{
	struct shim_call call;
	struct shim_msg m;

	shim_msg_init(&m, SHIM_RESIZE);
	m.height = height;
	m.width = width;
	if (exec_id && !shim_msg_set_id(&m, exec_id))
		return err_set(e, ERR_INVALID, "exec id is too long");
	return shim_ask(s, &m, no_data, NULL, 0, clock_in_ms(CALL_MS), &call, e);
}

int shim_sync(struct shim *s, struct err *e)
{
	struct shim_call call;
	struct shim_msg m;

	shim_msg_init(&m, SHIM_SYNC);
	return shim_ask(s, &m, no_data, NULL, 0, clock_in_ms(CALL_MS), &call, e);
}

/* What the shim would have written, when it never came to that. */
static void write_failure(int fd, bool framed, const char *text)
{
	uint8_t line[8 + ERR_MSG_MAX + 2] = {1};
	size_t n = strnlen(text, ERR_MSG_MAX - 1) + 2;
	size_t skip = framed ? 0 : 8;

	snprintf((char *)line + 8, sizeof(line) - 8, "%s\r\n", text);
	line[6] = (uint8_t)(n >> 8);
	line[7] = (uint8_t)n;
	(void)!send(fd, line + skip, n + 8 - skip, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int write_document(struct shim *s, const struct shim_exec *exec, struct err *e)
{
	char name[SHIM_ID_MAX + 16];
	int dir CLEANUP_FD = open(s->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(e, errno, "opening %s", s->run_dir);
	snprintf(name, sizeof(name), "exec-%s.json", exec->exec_id);
	return file_replace_at(dir, name, exec->process, 0600, false, e);
}

static int exec_ask(struct shim *s, const struct shim_exec *exec, int fd, struct shim_call *call,
		    struct err *e) FIBER_FN
{
	struct shim_msg m;
	struct str data = no_data;
	int r;

	shim_msg_init(&m, SHIM_EXEC);
	if (!shim_msg_set_id(&m, exec->exec_id))
		return err_set(e, ERR_INVALID, "exec id is too long");
	r = write_document(s, exec, e);
	if (r < 0)
		return r;
	m.flags = (exec->tty ? SHIM_TTY : 0) | (exec->attach_stdin ? SHIM_OPEN_STDIN : 0) |
		  (exec->reserved ? SHIM_RESERVED : 0);
	m.height = exec->height;
	m.width = exec->width;
	if (exec->stream) {
		shim_stream_fill(&m, exec->stream);
		data = exec->stream->leftover;
	}
	return shim_ask(s, &m, data, &fd, fd >= 0 ? 1 : 0, clock_in_ms(EXEC_MS), call, e);
}

int shim_exec_start(struct shim *s, const struct shim_exec *exec, pid_t *ret_pid,
		    int *ret_exit_code, struct err *e)
{
	int fd CLEANUP_FD = exec->stream ? exec->stream->fd : -1;
	struct shim *held CLEANUP_SHIM = shim_ref(s);
	struct err local = ERR_INIT;
	struct shim_call call = {0};
	struct shim_msg ack;
	int r;

	if (!e)
		e = &local;
	/* Half a start is nobody's friend: who gives up waiting still gets a whole one. */
	fiber_shield();
	r = exec_ask(held, exec, fd, &call, e);
	if (r < 0) {
		*ret_exit_code = call.extra ? call.extra : 126;
		if (exec->reserved && !call.sent)
			shim_unreserve(held, true);
		if (!call.extra && fd >= 0)
			write_failure(fd, exec->stream->framed, e->msg);
		/* The stream ends when this arrives: not before our caller knows the code. */
		shim_msg_init(&ack, SHIM_ACK);
		if (call.extra && shim_msg_set_id(&ack, exec->exec_id) &&
		    shim_tell(held, &ack, no_data, NULL, 0, NULL) < 0)
			*ret_exit_code = 126;
	} else {
		*ret_pid = call.pid;
	}
	fiber_unshield();
	return r;
}
