/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/clock.h"
#include "firmware/core/config.h"
#include "rootfs/init/note.h"
#include "rootfs/init/tool.h"

#define PROGRAM "/sbin/serind"
/* Who lives that long is well, and starts anew at once. */
#define WELL_MS 10000
#define WAIT_MIN_MS 100
#define WAIT_MAX_MS 10000
#define OOM_SCORE (-999)
#define LAST_WORDS 300

static int64_t now_ms(void)
{
	return clock_mono() / NSEC_PER_MSEC;
}

void service_init(struct service *s, const struct init_options *o)
{
	memset(s, 0, sizeof(*s));
	s->options = o;
	s->log = open(SERVICE_LOG, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	s->next_ms = INT64_MAX;
}

void service_tick(struct service *s)
{
	const char *argv[OPTIONS_ARGS_MAX + 9] = {PROGRAM, "-H", "unix:///run/serin.sock"};
	char vsock[32];
	size_t n = 3;
	pid_t pid;

	if (!s->wanted || s->pid || now_ms() < s->next_ms)
		return;
	if (s->options->vsock && access("/dev/vsock", F_OK) == 0) {
		snprintf(vsock, sizeof(vsock), "vsock://:%u", s->options->vsock);
		argv[n++] = "-H";
		argv[n++] = vsock;
	}
	if (s->options->level) {
		argv[n++] = "-l";
		argv[n++] = s->options->level;
	}
	for (size_t i = 0; i < s->options->n_args; i++)
		argv[n++] = s->options->args[i];
	s->began_ms = now_ms();
	pid = tool_start(argv, s->log, OOM_SCORE);
	if (pid < 0) {
		note(NOTE_BAD, "cannot start serind: %s", strerror(-pid));
		s->next_ms = s->began_ms + WAIT_MAX_MS;
		return;
	}
	s->pid = pid;
	s->next_ms = INT64_MAX;
}

/* The log's end, so that the console of a guest that does not serve says why. */
static void tell_last_words(const struct service *s)
{
	char text[LAST_WORDS + 1];
	struct stat st;
	ssize_t n;

	if (s->log < 0 || fstat(s->log, &st) < 0)
		return;
	n = pread(s->log, text, LAST_WORDS, st.st_size > LAST_WORDS ? st.st_size - LAST_WORDS : 0);
	if (n <= 0)
		return;
	text[n] = '\0';
	if (text[n - 1] == '\n')
		text[n - 1] = '\0';
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ')
			*p = ' ';
	}
	note(NOTE_BAD, "its log ends with: %s", text);
}

void service_ended(struct service *s, int status)
{
	int64_t lived = now_ms() - s->began_ms, wait;

	s->pid = 0;
	if (!s->wanted)
		return;
	s->falls = lived >= WELL_MS ? 0 : s->falls + 1;
	wait = s->falls == 0 ? 0 : MIN((int64_t)WAIT_MIN_MS << MIN(s->falls - 1, 7U), WAIT_MAX_MS);
	s->next_ms = now_ms() + wait;
	if (WIFSIGNALED(status))
		note(NOTE_BAD, "serind was ended by signal %d; again in %lld ms", WTERMSIG(status),
		     (long long)wait);
	else
		note(NOTE_BAD, "serind ended with code %d; again in %lld ms", WEXITSTATUS(status),
		     (long long)wait);
	if (WIFSIGNALED(status) || WEXITSTATUS(status))
		tell_last_words(s);
}

/*
 * Copied away and emptied in place: serind goes on writing to what it has open (at its end). What
 * it writes in between is lost, which takes microseconds once in so many KiB.
 */
void service_trim_log(struct service *s)
{
	struct stat st;
	off_t at = 0;
	int to CLEANUP_FD = -1;

	if (s->log < 0 || fstat(s->log, &st) < 0 || st.st_size < CONFIG_INIT_LOG_KIB * 1024L)
		return;
	to = open(SERVICE_LOG ".1", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (st.st_size > 2 * CONFIG_INIT_LOG_KIB * 1024L)
		at = st.st_size - CONFIG_INIT_LOG_KIB * 1024L;
	while (to >= 0 && at < st.st_size &&
	       sendfile(to, s->log, &at, (size_t)(st.st_size - at)) > 0)
		;
	if (ftruncate(s->log, 0) < 0)
		note(NOTE_WARN, "cannot trim the log: %s", strerror(errno));
}
