/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tiny init that HostConfig.Init puts into a container: process 1 starts the command, passes
 * signals on to it, reaps whatever is orphaned, and ends as the command ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/shim/shim.h"

static void complain(const char *what, const char *name, int error)
{
	const char *parts[] = {"docker-init: ", what, " ", name, ": ", strerror(error), "\n"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		(void)!write(2, parts[i], strlen(parts[i]));
}

/* The command gets a process group of its own, and the terminal if there is one. */
static void run_child(char **command, const sigset_t *mask)
{
	int error;

	if (setpgid(0, 0) == 0)
		(void)tcsetpgrp(STDIN_FILENO,
				getpid()); /* SIGTTOU is blocked; not a terminal: fine */
	(void)signal(SIGTTIN, SIG_DFL);
	(void)signal(SIGTTOU, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	error = errno;
	complain("exec", command[0], error);
	_exit(error == ENOENT ? 127 : 126);
}

/* True and the exit code when the command itself has ended. */
static bool reap(pid_t child, int *ret_code)
{
	bool ended = false;
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != child)
			continue;
		ended = true;
		*ret_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return ended;
}

int init_main(int argc, char **argv)
{
	int code = 0, first = 1;
	sigset_t all, old;
	pid_t child;

	if (first < argc && !strcmp(argv[first], "--"))
		first++;
	if (first >= argc) {
		static const char usage[] = "usage: docker-init -- COMMAND [ARGUMENT...]\n";

		(void)!write(2, usage, sizeof(usage) - 1);
		return 1;
	}
	if (getpid() != 1)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigfillset(&all);
	/* Faults of our own must not be held back. */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	sigdelset(&all, SIGTRAP);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	child = fork();
	if (child < 0) {
		complain("fork for", argv[first], errno);
		return 1;
	}
	if (child == 0)
		run_child(argv + first, &old);
	for (;;) {
		siginfo_t info;
		int signo = sigwaitinfo(&all, &info);

		if (signo < 0)
			continue;
		if (signo != SIGCHLD && signo != SIGTTIN && signo != SIGTTOU)
			(void)kill(child, signo);
		if (signo == SIGCHLD && reap(child, &code))
			return code;
	}
}
