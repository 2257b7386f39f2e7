/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleanup by scope. A variable is declared and initialised together with its destructor; TAKE_PTR
 * and TAKE_FD move ownership out of it. Destructors accept NULL (or -1).
 *
 * Thread: any. Yields: no.
 */
#ifndef FIRMWARE_CORE_CLEANUP_H
#define FIRMWARE_CORE_CLEANUP_H

#include <errno.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* DEFINE_CLEANUP(struct x *, x_free) makes x_freep for CLEANUP(x_freep). */
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline __attribute__((unused)) void fn##p(type *slot)                               \
	{                                                                                          \
		if (*slot)                                                                         \
			fn(*slot);                                                                 \
	}

#define TAKE_PTR(var)                                                                              \
	({                                                                                         \
		__typeof__(var) taken_ = (var);                                                    \
		(var) = NULL;                                                                      \
		taken_;                                                                            \
	})

#define TAKE_FD(var)                                                                               \
	({                                                                                         \
		int taken_ = (var);                                                                \
		(var) = -1;                                                                        \
		taken_;                                                                            \
	})

static inline void fd_closep(const int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

#define CLEANUP_FD CLEANUP(fd_closep)

#endif
