/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/shim/private.h"

extern char **environ;

/*
 * A process without standard input is given the host's /dev/null, and its root could change mode
 * and owner of that for all the host. Through a read-only mount it cannot, and reads and writes as
 * ever. A kernel that makes no such mounts gives the plain one.
 */
int launch_open_null(void)
{
	int dir CLEANUP_FD = join_clone_read_only("/dev"), fd;
	struct stat st;

	if (dir >= 0) {
		fd = openat(dir, "null", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
		    st.st_rdev == makedev(1, 3) && fcntl(fd, F_SETFL, 0) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

void launch_name(const struct shim_process *s, const struct proc *p, const char *suffix, char *out,
		 size_t size)
{
	size_t index = proc_index(s, p);

	if (index)
		snprintf(out, size, "exec%zu.%s", index, suffix);
	else
		snprintf(out, size, "%s.%s", strcmp(suffix, "log") ? "init" : "runtime", suffix);
}

void launch_document(const struct proc *p, char *out, size_t size)
{
	snprintf(out, size, "exec-%s.json", p->id);
}

void launch_close(struct launch *l)
{
	for (size_t i = 0; i < 3; i++) {
		if (l->child[i] >= 0)
			close(l->child[i]);
		if (l->parent[i] >= 0)
			close(l->parent[i]);
		l->child[i] = l->parent[i] = -1;
	}
}

/*
 * One pipe; our end does not block, the process's does. Those of output are as large as what is
 * read at once; where that is not granted the usual size does.
 */
static int open_pipe(struct launch *l, size_t i)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	l->child[i] = fds[i == 0 ? 0 : 1];
	l->parent[i] = fds[i == 0 ? 1 : 0];
	if (i != 0)
		(void)fcntl(l->parent[i], F_SETPIPE_SZ, SHIM_IO_SIZE);
	return fcntl(l->parent[i], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int launch_open_stdio(struct shim_process *s, struct proc *p, struct launch *l)
{
	const bool wanted[3] = {p->want_in, p->want_out, p->want_err};

	for (size_t i = 0; i < 3; i++)
		l->child[i] = l->parent[i] = -1;
	if (p->tty)
		return p->direct ? 0 : console_listen(s, p);
	for (size_t i = 0; i < 3; i++) {
		int r = wanted[i] ? open_pipe(l, i) : 0;

		if (r < 0) {
			launch_close(l);
			return r;
		}
	}
	return 0;
}

/* What the kernel's memory killer thinks of us, as text too; 0 when it cannot be read. */
static int64_t oom_score(char *text, size_t size)
{
	int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	int64_t score = 0;

	if (fd >= 0)
		close(fd);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0 || str_to_i64(str_span(text, (size_t)n), &score) < 0)
		return 0;
	text[n] = '\0';
	return score;
}

static void set_oom_score(const char *text)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

static pid_t spawn(struct shim_process *s, const char *const argv[], const int fds[3])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	char own[16];
	int64_t score = oom_score(own, sizeof(own));
	pid_t pid;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i] >= 0 ? fds[i] : s->null_fd, i);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	/* crun leaves a score of 0 to be inherited: ours would keep the container from the killer.
	 */
	if (score != 0)
		set_oom_score("0");
	r = posix_spawnp(&pid, argv[0], &actions, &attr, (char **)(uintptr_t)argv, environ);
	if (score != 0)
		set_oom_score(own);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r ? -r : pid;
}

pid_t launch_runtime(struct shim_process *s, struct proc *p, const struct launch *l)
{
	char log[32], pid_file[32], console[32], document[SHIM_ID_MAX + 16];
	const char *argv[20];
	size_t n = 0;

	launch_name(s, p, "log", log, sizeof(log));
	launch_name(s, p, "pid", pid_file, sizeof(pid_file));
	(void)unlinkat(s->run_dirfd, log, 0);
	(void)unlinkat(s->run_dirfd, pid_file, 0);
	argv[n++] = s->runtime;
	argv[n++] = "--root";
	argv[n++] = s->root;
	argv[n++] = "--log";
	argv[n++] = log;
	argv[n++] = "--log-format";
	argv[n++] = "json";
	argv[n++] = proc_is_container(s, p) ? "run" : "exec";
	argv[n++] = "--detach";
	argv[n++] = "--pid-file";
	argv[n++] = pid_file;
	if (p->tty) {
		launch_name(s, p, "sock", console, sizeof(console));
		argv[n++] = "--console-socket";
		argv[n++] = console;
	}
	if (!proc_is_container(s, p)) {
		launch_document(p, document, sizeof(document));
		argv[n++] = "--process";
		argv[n++] = document;
	}
	argv[n++] = s->id;
	argv[n] = NULL;
	return spawn(s, argv, l->child);
}

pid_t launch_delete(struct shim_process *s)
{
	static const int nothing[3] = {-1, -1, -1};
	const char *argv[] = {s->runtime, "--root", s->root, "delete", "--force", s->id, NULL};

	return spawn(s, argv, nothing);
}

pid_t launch_read_pid(struct shim_process *s, struct proc *p)
{
	char name[32], text[32];
	uint64_t pid;
	ssize_t n;
	int fd;

	launch_name(s, p, "pid", name, sizeof(name));
	fd = openat(s->run_dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0 || str_to_u64(str_span(text, (size_t)n), &pid) < 0 || pid < 2 || pid > INT32_MAX)
		return -EINVAL;
	return (pid_t)pid;
}

/* What a start needs and nobody afterwards; the container's init.pid stays for people to read. */
void launch_unlink(struct shim_process *s, struct proc *p)
{
	char name[SHIM_ID_MAX + 16];

	if (p->tty) {
		launch_name(s, p, "sock", name, sizeof(name));
		(void)unlinkat(s->run_dirfd, name, 0);
	}
	if (proc_is_container(s, p))
		return;
	launch_name(s, p, "log", name, sizeof(name));
	(void)unlinkat(s->run_dirfd, name, 0);
	launch_name(s, p, "pid", name, sizeof(name));
	(void)unlinkat(s->run_dirfd, name, 0);
	launch_document(p, name, sizeof(name));
	(void)unlinkat(s->run_dirfd, name, 0);
}
