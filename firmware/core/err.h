/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error object. The caller owns a struct err, the function that fails fills it at the point of
 * failure, and callers on the way up add context with err_wrap. Functions that fail return a
 * negative errno as well, so that a caller may act on the code without reading the text.
 *
 * Kinds mirror the classes of the Docker Engine API; only api/ turns them into HTTP numbers.
 *
 * Thread: any. Yields: no. Owns: nothing; a struct err is plain memory without a destructor.
 */
#ifndef FIRMWARE_CORE_ERR_H
#define FIRMWARE_CORE_ERR_H

#include "firmware/core/attr.h"

#define ERR_MSG_MAX 768

enum err_kind {
	ERR_NONE,
	ERR_INVALID,	     /* the request is wrong (-EINVAL) */
	ERR_UNAUTHORIZED,    /* credentials refused (-EACCES) */
	ERR_FORBIDDEN,	     /* not allowed whoever asks (-EPERM) */
	ERR_NOT_FOUND,	     /* (-ENOENT) */
	ERR_CONFLICT,	     /* state does not permit it (-EBUSY) */
	ERR_NOT_MODIFIED,    /* already so (-EALREADY) */
	ERR_TOO_LARGE,	     /* a limit of ours is exceeded (-E2BIG) */
	ERR_NOT_IMPLEMENTED, /* compiled out or not offered (-ENOSYS) */
	ERR_UNAVAILABLE,     /* a pool is empty, try again (-EAGAIN) */
	ERR_TIMEOUT,	     /* a deadline passed (-ETIMEDOUT) */
	ERR_CANCELLED,	     /* the client went away or we shut down (-ECANCELED) */
	ERR_SYSTEM,	     /* a system call or a peer failed (its errno, else -EIO) */
};

struct err {
	enum err_kind kind;
	int sys_errno;	       /* positive errno for ERR_SYSTEM, else 0 */
	char msg[ERR_MSG_MAX]; /* always terminated; truncated when too long */
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		ERR_NONE, 0, ""                                                                    \
	}

/* Fill e (which may be NULL) and return the negative errno that stands for kind. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * Fill e from a failed system call: the text becomes "<fmt>: <strerror>" in small letters, the kind
 * ERR_SYSTEM (ERR_TIMEOUT and ERR_CANCELLED for ETIMEDOUT and ECANCELED). sys_errno may carry
 * either sign. Returns -|sys_errno| (-EIO for 0).
 */
int err_sys(struct err *e, int sys_errno, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put "<fmt>: " in front of e's text; kind and code stay. Returns err_code(e). */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The negative errno that stands for e; 0 when e holds no error. */
int err_code(const struct err *e);

void err_clear(struct err *e);

#endif
