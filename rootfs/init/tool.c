/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs/init/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "firmware/core/cleanup.h"
#include "firmware/core/clock.h"
#include "firmware/core/file.h"

extern char **environ;

int file_put(const char *path, const char *text)
{
	int fd CLEANUP_FD = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

ssize_t file_get(const char *path, char *out, size_t size)
{
	int fd CLEANUP_FD = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n < 0)
		return -errno;
	if (n > 0 && out[n - 1] == '\n')
		n--;
	out[n] = '\0';
	return n;
}

void tool_clear_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static NORETURN void become(const char *const argv[], int out, int oom_score_adj)
{
	int in = open("/dev/null", O_RDONLY);
	char text[16];

	if (out < 0)
		out = open(TOOL_LOG, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	(void)setsid();
	tool_clear_signals();
	if (oom_score_adj) {
		snprintf(text, sizeof(text), "%d", oom_score_adj);
		(void)file_put("/proc/self/oom_score_adj", text);
	}
	(void)close_range(3, ~0U, 0);
	execve(argv[0], (char *const *)(const void *)argv, environ);
	_exit(127);
}

pid_t tool_start(const char *const argv[], int out, int oom_score_adj)
{
	pid_t pid = fork();

	if (pid == 0)
		become(argv, out, oom_score_adj);
	return pid < 0 ? -errno : pid;
}

int tool_run(const char *const argv[], int timeout_s)
{
	int64_t deadline = clock_in_ms((int64_t)timeout_s * 1000);
	const struct timespec nap = {.tv_nsec = 2000000};
	pid_t pid = tool_start(argv, -1, 0), did;
	int status;

	if (pid < 0)
		return pid;
	while ((did = waitpid(pid, &status, WNOHANG)) == 0 && clock_mono() < deadline)
		(void)nanosleep(&nap, NULL);
	if (did == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return -ETIMEDOUT;
	}
	if (did < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
