/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's first process. In order: mounts, a root that can be pivoted away from, the modules of
 * the devices that are there, network (DHCP goes on beside), data disk (in a process of its own),
 * hooks, the daemon, and then one poll loop for as long as the guest runs: children are reaped,
 * serind is started again when it ends, the lease is renewed, the clock follows the host's, and
 * whoever presses the button or sends a signal gets an orderly end.
 *
 * SIGUSR2, SIGUSR1 and the button: off. SIGTERM and SIGINT (Ctrl-Alt-Del): start again.
 *
 * Called as modprobe it does what the kernel asks of that program: load a module by name or alias.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/core/arena.h"
#include "firmware/core/cleanup.h"
#include "firmware/core/clock.h"
#include "firmware/core/file.h"
#include "rootfs/init/disk.h"
#include "rootfs/init/modules.h"
#include "rootfs/init/mounts.h"
#include "rootfs/init/network.h"
#include "rootfs/init/note.h"
#include "rootfs/init/options.h"
#include "rootfs/init/power.h"
#include "rootfs/init/seed.h"
#include "rootfs/init/service.h"
#include "rootfs/init/tool.h"
#include "rootfs/init/wallclock.h"

#define HOOK_SECONDS 30
#define HOOKS_DIR "/etc/boot"
#define HOOKS_MAX 32
/* What containers get unless they ask for another, as with the engine. */
#define FILES_MAX 1048576

struct guest {
	struct init_options options;
	struct network network;
	struct service service;
	pid_t disk;   /* the process that sees to the data disk; 0: done */
	pid_t shell;  /* on the console */
	pid_t loader; /* loads the other modules; 0: done */
	int signals;
	int buttons[POWER_BUTTONS_MAX];
	int n_buttons;
	int64_t clock_ms; /* when to look at the hardware's clock */
};

static struct guest guest;

static int open_modules(struct modules *m)
{
	char dir[sizeof(((struct utsname *)0)->release) + 16];
	struct utsname u;

	if (uname(&u) < 0)
		return -errno;
	snprintf(dir, sizeof(dir), "/lib/modules/%s", u.release);
	return modules_open(m, dir);
}

/* What the kernel runs when something asks for a module: modprobe -q -- NAME. */
static int modprobe_main(int argc, char **argv)
{
	struct modules m;
	int r = 0;

	note_open();
	if (open_modules(&m) < 0)
		return 1;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-' && modules_load(&m, argv[i]) < 0)
			r = 1;
	}
	modules_done(&m);
	return r;
}

/* ---- start ---- */

static void tell_wrong(const char *word, void *arg UNUSED)
{
	note(NOTE_BAD, "kernel command line: not understood: %s", word);
}

static void read_options(struct init_options *o)
{
	struct arena a CLEANUP_ARENA = {0};
	struct str line = {NULL, 0};

	arena_open_heap(&a, 64 << 10);
	if (file_read_at(AT_FDCWD, "/proc/cmdline", 16 << 10, &a, &line, NULL) < 0)
		line = (struct str){NULL, 0};
	if (line.n > 0 && line.p[line.n - 1] == '\n')
		line.n--;
	options_parse(o, line, tell_wrong, NULL);
}

/* A kernel with all built in has none. */
static bool have_modules(struct modules *m)
{
	int r = open_modules(m);

	if (r < 0 && r != -ENOENT)
		note(NOTE_BAD, "kernel modules: %s", strerror(-r));
	return r == 0;
}

/* Those without which there is no disk, no card and no vsock. */
static void load_devices(void)
{
	struct modules m;

	if (have_modules(&m)) {
		modules_load_devices(&m, "/sys/devices", "/etc/modules.late");
		note(NOTE_INFO, "%u modules loaded", m.loaded);
	}
	modules_done(&m);
}

static void load_rest(void)
{
	struct modules m;

	if (have_modules(&m)) {
		modules_load_list(&m, "/etc/modules");
		modules_load_devices(&m, "/sys/devices", NULL);
		note(NOTE_INFO, "%u more modules loaded", m.loaded);
	}
	modules_done(&m);
}

/* There may be a better clock now. */
static void loaded_rest(struct guest *g)
{
	if (g->clock_ms != INT64_MAX)
		wallclock_open();
	g->n_buttons = power_open_buttons(g->buttons);
}

/*
 * Most of the time before the daemon would go into modules that it does not ask for until there are
 * containers. They are loaded beside it, by whom everybody else goes before; what is asked for
 * earlier the kernel has loaded by modprobe.
 */
static void start_loader(struct guest *g)
{
	pid_t pid = fork();

	if (pid == 0) {
		tool_clear_signals();
		(void)setpriority(PRIO_PROCESS, 0, 19);
		load_rest();
		_exit(0);
	}
	g->loader = pid > 0 ? pid : 0;
	if (pid < 0) {
		load_rest();
		loaded_rest(g);
	}
}

static void set_kernel(const struct init_options *o)
{
	static const char *const values[][2] = {
		{"/proc/sys/net/ipv4/ip_forward", "1"},
		{"/proc/sys/vm/overcommit_memory", "1"},
		{"/proc/sys/kernel/panic", "10"},
		{"/proc/sys/kernel/printk_devkmsg", "on"},
	};
	const char *name = o->hostname[0] ? o->hostname : "serin";
	const struct rlimit files = {FILES_MAX, FILES_MAX};

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		(void)file_put(values[i][0], values[i][1]);
	if (sethostname(name, strlen(name)) < 0)
		note(NOTE_WARN, "cannot take the host name %s", name);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		note(NOTE_WARN, "cannot raise the number of open files");
	/* Ctrl-Alt-Del is a signal to us from now on. */
	(void)reboot(RB_DISABLE_CAD);
}

static void start_disk(struct guest *g)
{
	pid_t pid = fork();

	if (pid == 0) {
		tool_clear_signals();
		disk_mount_data(&g->options);
		_exit(0);
	}
	g->disk = pid > 0 ? pid : 0;
	if (pid < 0)
		note(NOTE_BAD, "data disk: %s", strerror(errno));
}

/* Programs of HOOKS_DIR in the order of their names, one after the other. */
static void run_hooks(void)
{
	struct dirent **list = NULL;
	int n = scandir(HOOKS_DIR, &list, NULL, alphasort);
	char path[300];

	/* The list is never given back: this happens once. */
	for (int i = 0; i < n && i < HOOKS_MAX; i++) {
		const char *const argv[] = {path, NULL};
		int r;

		if (list[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), HOOKS_DIR "/%s", list[i]->d_name);
		r = access(path, X_OK) < 0 ? 0 : tool_run(argv, HOOK_SECONDS);
		if (r != 0)
			note(NOTE_BAD, "%s: %d", path, r);
	}
}

static void start_serving(struct guest *g)
{
	seed_load();
	run_hooks();
	service_init(&g->service, &g->options);
	g->service.wanted = true;
	g->service.next_ms = 0;
	service_tick(&g->service);
	wallclock_open();
	g->clock_ms = network_now() + WALLCLOCK_PERIOD_MS;
}

/* A shell on the console, where the image has one and the command line asks for it. */
static void start_shell(struct guest *g)
{
	if (!g->options.shell || g->shell || access("/bin/sh", X_OK) < 0)
		return;
	g->shell = fork();
	if (g->shell == 0) {
		int fd;

		tool_clear_signals();
		(void)setsid();
		fd = open("/dev/console", O_RDWR);
		for (int i = 0; i < 3; i++)
			dup2(fd, i);
		execl("/bin/sh", "-sh", (char *)NULL);
		_exit(127);
	}
}

/* ---- the loop ---- */

static void reap(struct guest *g)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == g->service.pid) {
			service_ended(&g->service, status);
		} else if (pid == g->shell) {
			g->shell = 0;
			start_shell(g);
		} else if (pid == g->disk) {
			g->disk = 0;
			if (status)
				note(NOTE_BAD, "data disk: its process ended with %d", status);
			start_serving(g);
		} else if (pid == g->loader) {
			g->loader = 0;
			if (status)
				note(NOTE_BAD, "kernel modules: their process ended with %d",
				     status);
			loaded_rest(g);
		}
	}
}

static void end(struct guest *g, enum power_how how)
{
	g->service.wanted = false;
	power_end(how, g->service.pid);
}

static void take_signals(struct guest *g)
{
	struct signalfd_siginfo info;

	while (read(g->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2)
			end(g, POWER_OFF);
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			end(g, POWER_REBOOT);
	}
	reap(g);
}

static int open_signals(void)
{
	static const int taken[] = {SIGCHLD, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		sigaddset(&set, taken[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int time_left(const struct guest *g)
{
	int64_t now = network_now(), mono = clock_mono() / NSEC_PER_MSEC;
	int64_t left = MIN(g->network.next_ms - now, g->clock_ms - now);

	left = MIN(left, g->service.next_ms - mono);
	return (int)MIN(MAX(left, 0), WALLCLOCK_PERIOD_MS);
}

static void tick(struct guest *g)
{
	int64_t now = network_now();

	if (now >= g->network.next_ms)
		network_tick(&g->network);
	service_tick(&g->service);
	if (now >= g->clock_ms) {
		g->clock_ms = now + WALLCLOCK_PERIOD_MS;
		wallclock_follow();
		service_trim_log(&g->service);
	}
}

static NORETURN void serve(struct guest *g)
{
	struct pollfd p[2 + POWER_BUTTONS_MAX];

	for (;;) {
		int n = 2 + g->n_buttons;

		p[0] = (struct pollfd){.fd = g->signals, .events = POLLIN};
		p[1] = (struct pollfd){.fd = g->network.fd, .events = POLLIN};
		for (int i = 0; i < g->n_buttons; i++)
			p[2 + i] = (struct pollfd){.fd = g->buttons[i], .events = POLLIN};
		if (poll(p, (nfds_t)n, time_left(g)) > 0) {
			if (p[0].revents)
				take_signals(g);
			if (p[1].revents && p[1].fd == g->network.fd)
				network_ready(&g->network);
			for (int i = 0; i < n - 2; i++) {
				if (p[2 + i].revents && power_button_pressed(p[2 + i].fd))
					end(g, POWER_OFF);
			}
		}
		tick(g);
	}
}

int main(int argc, char **argv)
{
	struct guest *g = &guest;
	const char *name = strrchr(argv[0], '/');
	int r;

	if (!strcmp(name ? name + 1 : argv[0], "modprobe"))
		return modprobe_main(argc, argv);
	if (getpid() != 1) {
		fputs("init: only the kernel starts this\n", stderr);
		return 1;
	}
	umask(022);
	(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	mounts_early();
	note_open();
	note(NOTE_INFO, "started");
	r = mounts_move_root();
	if (r < 0)
		note(NOTE_BAD, "cannot move the root, containers will not start: %s", strerror(-r));
	g->signals = open_signals();
	g->clock_ms = g->service.next_ms = INT64_MAX;
	g->service.log = -1;
	read_options(&g->options);
	set_kernel(&g->options);
	load_devices();
	network_start(&g->network, &g->options);
	start_disk(g);
	if (!g->disk)
		start_serving(g);
	start_loader(g);
	start_shell(g);
	serve(g);
}
