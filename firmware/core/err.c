/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/core/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int kind_errno[] = {
	[ERR_NONE] = 0,
	[ERR_INVALID] = EINVAL,
	[ERR_UNAUTHORIZED] = EACCES,
	[ERR_FORBIDDEN] = EPERM,
	[ERR_NOT_FOUND] = ENOENT,
	[ERR_CONFLICT] = EBUSY,
	[ERR_NOT_MODIFIED] = EALREADY,
	[ERR_TOO_LARGE] = E2BIG,
	[ERR_NOT_IMPLEMENTED] = ENOSYS,
	[ERR_UNAVAILABLE] = EAGAIN,
	[ERR_TIMEOUT] = ETIMEDOUT,
	[ERR_CANCELLED] = ECANCELED,
	[ERR_SYSTEM] = EIO,
};

/*
 * Text is made in a local array first, because an argument may point into e->msg itself
 * (err_set(e, kind, "...: %s", e->msg)).
 */
static void put_text(struct err *e, const char *text)
{
	size_t n = strnlen(text, sizeof(e->msg) - 1);

	memcpy(e->msg, text, n);
	e->msg[n] = '\0';
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	if (e) {
		char text[ERR_MSG_MAX];
		va_list ap;

		va_start(ap, fmt);
		vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		put_text(e, text);
		e->kind = kind;
		e->sys_errno = 0;
	}
	return -kind_errno[kind];
}

int err_sys(struct err *e, int sys_errno, const char *fmt, ...)
{
	int code = abs(sys_errno);

	if (code == 0)
		code = EIO;
	if (e) {
		const char *why = strerrordesc_np(code);
		const int is_word = why && why[0] && islower((unsigned char)why[1]);
		char text[ERR_MSG_MAX];
		va_list ap;
		int n;

		va_start(ap, fmt);
		n = vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		if (n < 0)
			n = 0;
		if ((size_t)n < sizeof(text) && why)
			snprintf(text + n, sizeof(text) - (size_t)n, ": %c%s",
				 is_word ? tolower((unsigned char)why[0]) : why[0], why + 1);
		else if ((size_t)n < sizeof(text))
			snprintf(text + n, sizeof(text) - (size_t)n, ": errno %d", code);
		put_text(e, text);
		e->kind = code == ETIMEDOUT   ? ERR_TIMEOUT
			  : code == ECANCELED ? ERR_CANCELLED
					      : ERR_SYSTEM;
		e->sys_errno = e->kind == ERR_SYSTEM ? code : 0;
	}
	return -code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;
	int n;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(text)) {
		size_t used = (size_t)n;
		size_t room = sizeof(text) - used;
		size_t old = strnlen(e->msg, sizeof(e->msg) - 1);

		if (room > 3) {
			memcpy(text + used, ": ", 2);
			old = MIN(old, room - 3);
			memcpy(text + used + 2, e->msg, old);
			text[used + 2 + old] = '\0';
		}
	}
	put_text(e, text);
	return err_code(e);
}

int err_code(const struct err *e)
{
	if (e->kind == ERR_SYSTEM && e->sys_errno)
		return -e->sys_errno;
	return -kind_errno[e->kind];
}

void err_clear(struct err *e)
{
	e->kind = ERR_NONE;
	e->sys_errno = 0;
	e->msg[0] = '\0';
}
