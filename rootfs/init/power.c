/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon goes first: it would start again, by their policy, containers that end. Containers
 * outlive it, each with its shim, which writes down how the container ended and then ends too.
 */
#include "rootfs/init/power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "firmware/core/arena.h"
#include "firmware/core/cleanup.h"
#include "firmware/core/clock.h"
#include "firmware/core/config.h"
#include "firmware/core/file.h"
#include "firmware/fmt/json.h"
#include "rootfs/init/disk.h"
#include "rootfs/init/mounts.h"
#include "rootfs/init/note.h"
#include "rootfs/init/seed.h"
#include "rootfs/init/tool.h"
#include "runtime/spec/spec.h"

#define RUN_DIR "/run/serin/containers"
#define DAEMON_MS 10000
#define REST_MS 3000
#define RECORD_MAX (4 << 20)

static void nap(void)
{
	const struct timespec ts = {.tv_nsec = 5000000};

	(void)nanosleep(&ts, NULL);
}

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static bool is_alive(pid_t pid)
{
	return pid > 1 && (kill(pid, 0) == 0 || errno == EPERM);
}

/* ---- the daemon ---- */

static void stop_daemon(pid_t pid)
{
	int64_t deadline = clock_in_ms(DAEMON_MS);

	if (pid <= 0 || kill(pid, SIGTERM) < 0)
		return;
	/* It may hold out for a client's long request; then it is killed, which it survives. */
	for (reap(); is_alive(pid) && clock_mono() < deadline; reap())
		nap();
	(void)kill(pid, SIGKILL);
}

/* ---- containers ---- */

/* A number at the start of RUN_DIR/<id>/<name>, or 0. */
static pid_t read_pid(const char *id, const char *name)
{
	char path[160], text[64];
	struct str rest;
	int64_t pid;

	if (snprintf(path, sizeof(path), RUN_DIR "/%s/%s", id, name) >= (int)sizeof(path) ||
	    file_get(path, text, sizeof(text)) <= 0 ||
	    str_to_i64(str_cut(str_from(text), ' ', &rest), &pid) < 0 || pid <= 1 ||
	    pid > INT32_MAX)
		return 0;
	return (pid_t)pid;
}

/* The signal that asks this container to end. */
static int stop_signal(const char *id)
{
	struct arena a CLEANUP_ARENA = {0};
	struct json_node root, name;
	char path[160];
	struct str text;
	int signo = SIGTERM;

	arena_open_heap(&a, 4 * RECORD_MAX);
	if (snprintf(path, sizeof(path), DATA_DIR "/containers/%s/container.json", id) >=
		    (int)sizeof(path) ||
	    file_read_at(AT_FDCWD, path, RECORD_MAX, &a, &text, NULL) < 0 ||
	    json_parse(text, &a, &root, NULL) < 0)
		return SIGTERM;
	name = json_get(json_get(root, "Config"), "StopSignal");
	if (json_type(name) == JSON_STRING && json_string(name, &a, &text) == 0 && text.n > 0) {
		const char *z = arena_strndup(&a, text.p, text.n);

		if (!z || signal_parse(z, &signo, NULL) < 0)
			signo = SIGTERM;
	}
	return signo;
}

/* Calls each(id) for every container that has a place among the running; the sum of its results. */
static int each_container(int (*each)(const char *id))
{
	DIR *dir = opendir(RUN_DIR);
	struct dirent *ent;
	int sum = 0;

	while (dir && (ent = readdir(dir))) {
		if (ent->d_name[0] != '.' && strlen(ent->d_name) <= 64)
			sum += each(ent->d_name);
	}
	if (dir)
		closedir(dir);
	return sum;
}

static int ask_to_end(const char *id)
{
	pid_t pid = read_pid(id, "init.pid");
	char path[160];

	if (!is_alive(pid) || !is_alive(read_pid(id, "shim.pid")))
		return 0;
	(void)kill(pid, stop_signal(id));
	/* A frozen one hears nothing. */
	snprintf(path, sizeof(path), "/sys/fs/cgroup/docker/%s/cgroup.freeze", id);
	(void)file_put(path, "0");
	return 1;
}

static int still_runs(const char *id)
{
	return is_alive(read_pid(id, "shim.pid"));
}

static void stop_containers(void)
{
	int64_t deadline = clock_in_ms(CONFIG_INIT_STOP_SECONDS * 1000L);
	int n = each_container(ask_to_end);

	if (n > 0)
		note(NOTE_INFO, "waiting for %d container%s to end", n, n == 1 ? "" : "s");
	while (n > 0 && (n = each_container(still_runs)) > 0 && clock_mono() < deadline) {
		nap();
		reap();
	}
}

/* ---- everything else ---- */

static void kill_all(void)
{
	int64_t deadline = clock_in_ms(REST_MS);
	pid_t pid;

	(void)kill(-1, SIGKILL);
	do {
		pid = waitpid(-1, NULL, WNOHANG);
		if (pid == 0)
			nap();
	} while ((pid >= 0 || errno == EINTR) && clock_mono() < deadline);
}

void power_end(enum power_how how, pid_t daemon)
{
	int r;

	note(NOTE_INFO, how == POWER_OFF ? "powering off" : "starting again");
	stop_daemon(daemon);
	stop_containers();
	kill_all();
	seed_save();
	sync();
	r = mounts_end(DATA_DIR);
	if (r < 0)
		note(NOTE_BAD, "cannot unmount the data: %s", strerror(-r));
	sync();
	note(NOTE_INFO, "end");
	(void)reboot(how == POWER_OFF ? RB_POWER_OFF : RB_AUTOBOOT);
	(void)reboot(RB_HALT_SYSTEM);
	for (;;)
		pause();
}

/* ---- the button ---- */

static bool has_power_key(int fd)
{
	uint8_t keys[KEY_MAX / 8 + 1] = {0};

	return ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(keys)), keys) >= 0 &&
	       (keys[KEY_POWER / 8] & 1 << KEY_POWER % 8);
}

int power_open_buttons(int fds[POWER_BUTTONS_MAX])
{
	DIR *dir = opendir("/dev/input");
	struct dirent *ent;
	int n = 0;

	while (dir && n < POWER_BUTTONS_MAX && (ent = readdir(dir))) {
		int fd = -1;

		if (strz_starts(ent->d_name, "event"))
			fd = openat(dirfd(dir), ent->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && has_power_key(fd))
			fds[n++] = fd;
		else if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	return n;
}

bool power_button_pressed(int fd)
{
	struct input_event ev;
	bool pressed = false;

	while (read(fd, &ev, sizeof(ev)) == sizeof(ev))
		pressed = pressed || (ev.type == EV_KEY && ev.code == KEY_POWER && ev.value == 1);
	return pressed;
}
