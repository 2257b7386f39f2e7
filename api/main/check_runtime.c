/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI runtimes: is one there, which version, and does it run a container here. The container is
 * this very program saying its version, in an empty root with a group and namespaces of its own: if
 * that works, pivot_root, control groups and mounts do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/main/check.h"
#include "firmware/core/arena.h"
#include "firmware/core/file.h"
#include "firmware/fmt/json.h"

#define WORDS_MAX 512

static char words[WORDS_MAX]; /* what a program said last */

static bool find_program(const char *name, char *path, size_t size)
{
	const char *env = getenv("PATH");
	struct str dirs = str_from(
		env && *env ? env : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

	while (dirs.n) {
		struct str dir = str_cut(dirs, ':', &dirs);

		if (dir.n && text_format(path, size, STR_FMT "/%s", STR_ARG(dir), name) &&
		    access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Run it; words gets standard output and error together. The exit status, or -1. */
static int run(const char *const argv[])
{
	int ends[2], status;
	size_t n = 0;
	ssize_t r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		dup2(null, STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(argv[0], (char *const *)argv);
		dprintf(STDERR_FILENO, "%s: %s", argv[0], strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	while (pid > 0 && n + 1 < sizeof(words) &&
	       (r = read(ends[0], words + n, sizeof(words) - 1 - n)) > 0)
		n += (size_t)r;
	words[n] = '\0';
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void put_mount(struct json_writer *w, const char *to, const char *type, const char *from,
		      const char *option, const char *more)
{
	json_object_open(w);
	json_kv_text(w, "destination", to);
	json_kv_text(w, "type", type);
	json_kv_text(w, "source", from);
	json_key(w, "options");
	json_array_open(w);
	json_put_text(w, option);
	json_put_text(w, more);
	json_array_close(w);
	json_object_close(w);
}

static void put_spec(struct json_writer *w, const char *self, const char *id)
{
	static const char *const namespaces[] = {"mount", "pid", "ipc", "uts", "network"};
	char group[64];

	snprintf(group, sizeof(group), "/%s", id);
	json_object_open(w);
	json_kv_text(w, "ociVersion", "1.0.2");
	json_key(w, "process");
	json_object_open(w);
	json_kv_text(w, "cwd", "/");
	json_key(w, "args");
	json_array_open(w);
	json_put_text(w, "/serind");
	json_put_text(w, "version");
	json_array_close(w);
	json_kv_bool(w, "noNewPrivileges", true);
	json_object_close(w);
	json_key(w, "root");
	json_object_open(w);
	json_kv_text(w, "path", "rootfs");
	json_object_close(w);
	json_key(w, "mounts");
	json_array_open(w);
	put_mount(w, "/proc", "proc", "proc", "nosuid", "ro");
	/* Of its own: where the bundle lies devices may not be opened. */
	put_mount(w, "/dev", "tmpfs", "tmpfs", "nosuid", "mode=755");
	put_mount(w, "/serind", "bind", self, "bind", "ro");
	json_array_close(w);
	json_key(w, "linux");
	json_object_open(w);
	json_kv_text(w, "cgroupsPath", group);
	json_key(w, "namespaces");
	json_array_open(w);
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
		json_object_open(w);
		json_kv_text(w, "type", namespaces[i]);
		json_object_close(w);
	}
	json_array_close(w);
	json_object_close(w);
	json_object_close(w);
}

static int make_bundle(const char *top, const char *id, struct err *e)
{
	static char self[512];
	char path[64];
	struct buf out CLEANUP_BUF;
	struct json_writer w;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return err_sys(e, errno, "/proc/self/exe");
	buf_init_heap(&out, 16 << 10);
	json_begin(&w, &out);
	put_spec(&w, self, id);
	snprintf(path, sizeof(path), "%s/rootfs", top);
	if (mkdir(path, 0755) < 0)
		return err_sys(e, errno, "%s", path);
	snprintf(path, sizeof(path), "%s/config.json", top);
	return file_replace_at(AT_FDCWD, path, buf_str(&out), 0600, false, e);
}

/* The runtime's last line says what hurt; it may be a log line with more around it. */
static void put_complaint(int out)
{
	char *line, *save = NULL, *last = words;

	for (line = strtok_r(words, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		last = line;
	line = strstr(last, "msg=\"");
	dprintf(out, "; runs no container: %s", line ? line + 5 : last);
}

static int run_container(const char *runtime, int out)
{
	char top[32] = "/run/serin-check-XXXXXX", root[40], id[32];
	const char *const argv[] = {runtime, "--root", root, "run", "--bundle", top, id, NULL};
	const char *const clean[] = {runtime, "--root", root, "delete", "--force", id, NULL};
	struct timespec from, to;
	struct err e = ERR_INIT;
	int r;

	if (!mkdtemp(top)) {
		strcpy(top, "/tmp/serin-check-XXXXXX");
		if (!mkdtemp(top)) {
			dprintf(out, "; no place for a bundle: %s", strerror(errno));
			return 1;
		}
	}
	snprintf(root, sizeof(root), "%s/root", top);
	snprintf(id, sizeof(id), "serin-check-%d", (int)getpid());
	r = make_bundle(top, id, &e);
	if (r < 0) {
		dprintf(out, "; %s", e.msg);
	} else {
		clock_gettime(CLOCK_MONOTONIC, &from);
		r = run(argv);
		clock_gettime(CLOCK_MONOTONIC, &to);
		if (r == 0 && !strz_starts(words, "serind version"))
			r = -1;
		if (r == 0)
			dprintf(out, ", ran a container in %lld ms",
				(long long)(to.tv_sec - from.tv_sec) * 1000 +
					(to.tv_nsec - from.tv_nsec) / 1000000);
		else
			put_complaint(out);
		if (r != 0)
			(void)run(clean);
	}
	if (tree_remove_at(AT_FDCWD, top, &e) < 0)
		dprintf(out, "; %s is left", top);
	return r != 0;
}

static int try_runtime(const void *arg, int out)
{
	const char *name = arg, *version;
	static char path[512];
	const char *argv[] = {path, "--version", NULL};

	if (!find_program(name, path, sizeof(path))) {
		dprintf(out, "%s is not on PATH", name);
		return 1;
	}
	if (run(argv) != 0) {
		dprintf(out, "%s", path);
		put_complaint(out);
		return 1;
	}
	words[strcspn(words, "\n")] = '\0';
	version = strstr(words, "version ");
	dprintf(out, "%s %s", path, version ? version + 8 : words);
	return geteuid() == 0 ? run_container(path, out) : 0;
}

/* Looked at once, asked for twice: alone and as "is there any". */
static struct seen {
	const char *name;
	bool done;
	enum check_state state;
	char detail[CHECK_DETAIL_MAX];
} runtimes[] = {{.name = "runc"}, {.name = "crun"}};

static enum check_state look(struct check_env *env, struct seen *s)
{
	static char path[512];

	if (!s->done) {
		s->done = true;
		if (!find_program(s->name, path, sizeof(path)))
			s->state = check_say(env, CHECK_BAD, "not on PATH");
		else
			s->state = check_in_child(env, try_runtime, s->name) ? CHECK_OK : CHECK_BAD;
		memcpy(s->detail, env->detail, sizeof(s->detail));
	}
	memcpy(env->detail, s->detail, sizeof(s->detail));
	return s->state;
}

enum check_state check_runtime(struct check_env *env)
{
	for (size_t i = 0; i < ARRAY_LEN(runtimes); i++)
		if (look(env, &runtimes[i]) == CHECK_OK)
			return check_say(env, CHECK_OK, "%s", runtimes[i].name);
	return check_say(env, CHECK_BAD, "none that works");
}

enum check_state check_runc(struct check_env *env)
{
	return look(env, &runtimes[0]);
}

enum check_state check_crun(struct check_env *env)
{
	return look(env, &runtimes[1]);
}
