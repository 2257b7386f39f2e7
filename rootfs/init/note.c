/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_BYTES 500

static int note_fd = -1;

void note_open(void)
{
	if (note_fd < 0)
		note_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
}

void note(enum note_level level, const char *fmt, ...)
{
	char line[LINE_BYTES];
	int saved = errno;
	va_list ap;
	int n, more;

	n = snprintf(line, sizeof(line), note_fd < 0 ? "init: " : "<%d>init: ", (int)level);
	va_start(ap, fmt);
	more = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (more > 0)
		n += more < LINE_BYTES - 2 - n ? more : LINE_BYTES - 2 - n;
	line[n++] = '\n';
	/* Nobody can be told when this fails. */
	while (write(note_fd < 0 ? STDERR_FILENO : note_fd, line, (size_t)n) < 0 && errno == EINTR)
		continue;
	errno = saved;
}
