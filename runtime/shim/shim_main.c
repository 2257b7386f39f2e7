/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `serind shim`: the process. One epoll loop over a handful of descriptors, level-triggered,
 * without fibers and nearly without heap. Its parameters are on its command line, where `ps` shows
 * them; descriptors and client streams come over the socket that it inherits as descriptor 3.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/core/config.h"
#include "firmware/core/file.h"
#include "firmware/core/pages.h"
#include "runtime/shim/private.h"

#define LAUNCH_FD 3
#define LOG_PLAN_FD 4
#define GOODBYE_MS 5000

_Alignas(4096) uint8_t shim_io[SHIM_IO_SIZE];
_Alignas(4096) char shim_log_out[SHIM_LOG_SIZE];

static struct shim_process process;

struct shim_args {
	const char *id, *run, *state, *runtime, *root, *log;
	const char *tty, *stdin_kind, *sealed;
};

static const struct {
	const char *name;
	size_t offset;
} arg_table[] = {
	{"--id", offsetof(struct shim_args, id)},
	{"--run", offsetof(struct shim_args, run)},
	{"--state", offsetof(struct shim_args, state)},
	{"--runtime", offsetof(struct shim_args, runtime)},
	{"--root", offsetof(struct shim_args, root)},
	{"--log", offsetof(struct shim_args, log)},
	{"--tty", offsetof(struct shim_args, tty)},
	{"--stdin", offsetof(struct shim_args, stdin_kind)},
	{"--sealed", offsetof(struct shim_args, sealed)},
};

static bool parse_args(int argc, char **argv, struct shim_args *a)
{
	for (int i = 1; i < argc; i += 2) {
		size_t k = 0;

		while (k < ARRAY_LEN(arg_table) && strcmp(arg_table[k].name, argv[i]))
			k++;
		if (k == ARRAY_LEN(arg_table) || i + 1 == argc)
			return false;
		*(const char **)((char *)a + arg_table[k].offset) = argv[i + 1];
	}
	return a->id && strlen(a->id) < SHIM_ID_MAX && a->run && a->state && a->runtime && a->root;
}

int shim_watch(struct shim_process *s, int op, int fd, uint32_t events, enum watch_kind kind,
	       uint32_t generation, size_t index)
{
	struct epoll_event ev = {.events = events};

	ev.data.u64 = (uint64_t)kind << 56 | (uint64_t)(generation & 0xffffff) << 32 | index;
	return epoll_ctl(s->epoll_fd, op, fd, &ev) < 0 ? -errno : 0;
}

void shim_arm(struct shim_process *s, int64_t deadline)
{
	if (deadline < s->next_tick)
		s->next_tick = deadline;
}

/* Who was started when, so that a pid that was given out again is not taken for us. */
static int write_pid_file(struct shim_process *s)
{
	char stat[512], text[64];
	struct str rest;
	int fd, n;

	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : (int)read(fd, stat, sizeof(stat));
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -EIO;
	/* The name in parentheses may hold anything; field 22 is the 20th after it. */
	rest = str_span(stat, (size_t)n);
	n = (int)str_rfind(rest, ')');
	if (n < 0)
		return -EIO;
	rest = str_span(rest.p + n + 2, rest.n - (size_t)n - 2);
	for (int i = 0; i < 19; i++)
		str_cut(rest, ' ', &rest);
	rest = str_cut(rest, ' ', &rest);
	n = snprintf(text, sizeof(text), "%d " STR_FMT "\n", (int)getpid(), STR_ARG(rest));
	return file_replace_at(s->run_dirfd, "shim.pid", str_span(text, (size_t)n), 0600, false,
			       NULL);
}

static int listen_at(struct shim_process *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "shim.sock"};

	(void)unlinkat(s->run_dirfd, addr.sun_path, 0);
	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0 || bind(s->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    chmod(addr.sun_path, 0600) < 0 || listen(s->listen_fd, 4) < 0)
		return -errno;
	return shim_watch(s, EPOLL_CTL_ADD, s->listen_fd, EPOLLIN, WATCH_LISTEN, 0, 0);
}

static int open_signals(struct shim_process *s)
{
	sigset_t all, chld;

	/* Nothing that ends the daemon may end us; SIGKILL still does. */
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGABRT);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	s->signal_fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return -errno;
	return shim_watch(s, EPOLL_CTL_ADD, s->signal_fd, EPOLLIN, WATCH_SIGNAL, 0, 0);
}

/* What is to be logged and where stands in a memory file; which driver it is, only `ps` reads. */
static int open_log(struct shim_process *s, const struct shim_args *a, char *error, size_t size)
{
	char said[192];
	int r;

	if (!a->log || !strcmp(a->log, "none"))
		return 0;
	r = shim_log_open(s, LOG_PLAN_FD, said, sizeof(said));
	if (r < 0)
		snprintf(error, size, "failed to initialize logging driver: %s", said);
	return r;
}

static int shim_open(struct shim_process *s, const struct shim_args *a, char *error, size_t size)
{
	int r;

	s->daemon_fd = s->listen_fd = s->signal_fd = -1;
	s->next_tick = DEADLINE_NEVER;
	s->id = a->id;
	s->runtime = a->runtime;
	s->root = a->root;
	if (chdir(a->run) < 0)
		return -errno;
	s->run_dirfd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->state_dirfd = open(a->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->null_fd = launch_open_null();
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->run_dirfd < 0 || s->state_dirfd < 0 || s->null_fd < 0 || s->epoll_fd < 0)
		return -errno;
	shim_lock(s, true);
	if (unlinkat(s->state_dirfd, "exit.json", 0) < 0 && errno != ENOENT)
		return -errno;
	s->procs[0].tty = a->tty && !strcmp(a->tty, "yes");
	s->procs[0].want_out = s->procs[0].want_err = true;
	s->procs[0].want_in = a->stdin_kind && strcmp(a->stdin_kind, "none");
	s->procs[0].close_stdin = a->stdin_kind && !strcmp(a->stdin_kind, "once");
	s->procs[0].stdin_fd = s->procs[0].console_fd = -1;
	s->procs[0].join_fd = s->procs[0].join_tty = -1;
	s->sealed = CONFIG(EXEC_DIRECT) && join_is_sealed();
	s->procs[0].out[0].fd = s->procs[0].out[1].fd = -1;
	r = open_signals(s);
	if (r == 0)
		r = listen_at(s);
	if (r == 0)
		r = write_pid_file(s);
	if (r == 0)
		r = open_log(s, a, error, size);
	return r;
}

/* Read-only parts of the program: they come back from the page cache, which all shims share. */
static int drop_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && !(ph->p_flags & PF_W))
			pages_release((void *)(info->dlpi_addr + ph->p_vaddr), ph->p_memsz);
	}
	return 1; /* the program itself comes first, and is all of us */
}

/*
 * A container that rests costs little: what starting it or a burst of output has touched is given
 * back after a second of quiet.
 */
static void give_back(struct shim_process *s)
{
	if (!s->active)
		return;
	s->active = false;
	pages_release(shim_io, sizeof(shim_io));
	pages_release(shim_log_out, sizeof(shim_log_out));
	shim_log_give_back(s);
	(void)dl_iterate_phdr(drop_segments, NULL);
}

static void dispatch(struct shim_process *s, const struct epoll_event *ev)
{
	enum watch_kind kind = (enum watch_kind)(ev->data.u64 >> 56);
	uint32_t generation = (uint32_t)(ev->data.u64 >> 32) & 0xffffff;
	size_t index = (uint32_t)ev->data.u64;
	struct signalfd_siginfo info;
	struct proc *p;

	switch (kind) {
	case WATCH_LISTEN:
		control_accept(s);
		return;
	case WATCH_DAEMON:
		if (generation == (s->daemon_generation & 0xffffff))
			control_ready(s, ev->events);
		return;
	case WATCH_SIGNAL:
		while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info))
			;
		proc_reap(s);
		return;
	case WATCH_CLIENT:
		if (s->clients[index].fd >= 0 &&
		    (s->clients[index].generation & 0xffffff) == generation)
			attach_ready(s, &s->clients[index], ev->events);
		return;
	case WATCH_JOIN:
		p = &s->procs[index];
		if ((p->generation & 0xffffff) == generation)
			direct_ready(s, p);
		return;
	case WATCH_LOG:
		shim_log_ready(s, generation, ev->events);
		return;
	case WATCH_STDIN:
	case WATCH_STDOUT:
	case WATCH_STDERR:
		p = &s->procs[index];
		if ((p->generation & 0xffffff) != generation)
			return;
		if (p->tty && kind == WATCH_STDOUT && (ev->events & EPOLLOUT))
			attach_stdin_ready(s, p);
		if (kind == WATCH_STDIN)
			attach_stdin_ready(s, p);
		else if (ev->events & ~(uint32_t)EPOLLOUT)
			pump_ready(s, p, kind == WATCH_STDERR);
		return;
	}
}

static void tick(struct shim_process *s, int64_t now)
{
	s->next_tick = DEADLINE_NEVER;
	for (size_t i = 0; i < PROC_COUNT; i++) {
		if (s->procs[i].state != PROC_FREE)
			proc_tick(s, &s->procs[i], now);
	}
	attach_tick(s, now);
	shim_log_tick(s, now);
	if (s->delete_pid > 0) {
		if (now >= s->delete_deadline)
			(void)kill(s->delete_pid, SIGKILL);
		else
			shim_arm(s, s->delete_deadline);
	}
}

static bool is_over(const struct shim_process *s)
{
	if (s->state == SHIM_STATE_NEW)
		return s->daemon_fd < 0; /* never started, and nobody left who would */
	return s->gone && !s->n_clients && !shim_log_busy(s);
}

static void shim_loop(struct shim_process *s)
{
	struct epoll_event events[16];

	while (!is_over(s)) {
		int64_t now = clock_mono();
		int timeout = -1, n;

		if (s->next_tick != DEADLINE_NEVER) {
			int64_t ms = (s->next_tick - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;

			timeout = ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
		}
		if (s->active && (timeout < 0 || timeout > 1000))
			timeout = 1000;
		n = epoll_wait(s->epoll_fd, events, (int)ARRAY_LEN(events), timeout);
		if (n == 0)
			give_back(s);
		else
			s->active = true;
		for (int i = 0; i < n; i++)
			dispatch(s, &events[i]);
		if (clock_mono() >= s->next_tick)
			tick(s, clock_mono());
		proc_release_if_alone(s);
	}
}

/*
 * What is to enter containers must run from where nobody in them can write to it. Once is enough:
 * the argument keeps a kernel that promises too much from making this a loop.
 */
static void seal(int argc, char **argv, const struct shim_args *args)
{
	char *again[2 * ARRAY_LEN(arg_table) + 3];
	static char program[] = "serind", option[] = "--sealed", yes[] = "yes";
	int n = 0;

	if (!CONFIG(EXEC_DIRECT) || args->sealed || join_is_sealed() ||
	    argc + 4 > (int)ARRAY_LEN(again))
		return;
	again[n++] = program;
	for (int i = 0; i < argc; i++)
		again[n++] = argv[i];
	again[n++] = option;
	again[n++] = yes;
	again[n] = NULL;
	join_seal(again);
}

/* What the daemon still sends must not tell it that we are gone before it has heard why. */
static void wait_for_goodbye(void)
{
	struct pollfd p = {.fd = LAUNCH_FD, .events = POLLIN};
	char bin[64];

	(void)shutdown(LAUNCH_FD, SHUT_WR);
	while (poll(&p, 1, GOODBYE_MS) > 0 && recv(LAUNCH_FD, bin, sizeof(bin), 0) > 0)
		;
}

int shim_main(int argc, char **argv)
{
	struct shim_process *s = &process;
	struct shim_args args = {0};
	char text[256] = "";
	int r;

	bool parsed = parse_args(argc, argv, &args);

	if (parsed)
		seal(argc, argv, &args);
	if (!parsed || fcntl(LAUNCH_FD, F_SETFD, FD_CLOEXEC) < 0) {
		static const char usage[] = "serind shim is started by the daemon, not by hand\n";

		(void)!write(2, usage, sizeof(usage) - 1);
		return 2;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)prctl(PR_SET_NAME, "serin-shim");
	umask(022);
	r = shim_open(s, &args, text, sizeof(text));
	if (r < 0) {
		struct shim_msg m;

		if (!text[0])
			snprintf(text, sizeof(text), "starting the shim: %s", strerror(-r));
		s->daemon_fd = LAUNCH_FD;
		shim_msg_init(&m, SHIM_HELLO);
		m.state = SHIM_STATE_FAILED;
		(void)control_send(s, &m, str_from(text));
		wait_for_goodbye();
		return 1;
	}
	control_adopt(s, LAUNCH_FD);
	shim_loop(s);
	(void)unlinkat(s->run_dirfd, "shim.sock", 0);
	(void)unlinkat(s->run_dirfd, "shim.pid", 0);
	return 0;
}
