/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn of the loop: run the fibers that are ready, fire the timers that are due, ask the kernel
 * what happened, and tell the watches. Watches and timers mostly make fibers ready for the next
 * turn. A turn is cut short when it took long, so that a crowd of busy fibers does not keep the
 * kernel's news waiting.
 *
 * Other threads reach the loop through a lock-free list of posts and one eventfd; it is written
 * only when the list was empty, so a burst of posts costs one wake-up.
 *
 * The watchdog tells of turns in which the loop computed or was blocked for too long. That it was
 * kept off the CPU by others is not its fault, and is taken off: the kernel counts the time a
 * thread is ready to run and does not (/proc/thread-self/schedstat). That is read at the beginning
 * of a turn when the last reading is not fresh, so it costs nothing that can be measured, and may
 * count as much as FRESH_NS of before the turn.
 */
#include "firmware/sched/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "firmware/core/clock.h"
#include "firmware/sched/fiber_private.h"

#define TURN_NS (5 * NSEC_PER_MSEC)
#define TURN_FIBERS 256
#define FRESH_NS (5 * NSEC_PER_MSEC)
#define SIGNALS 65

static struct {
	int epoll_fd;
	bool stop;
	struct epoll_event events[CONFIG_LOOP_EVENTS];
	int n_events, at_event;
	struct loop_watch post_watch, signal_watch;
	sigset_t signals;
	void (*signal_fn[SIGNALS])(int signo);
	struct loop_stats stats;
	void (*stall_fn)(const char *name, int64_t ns);
	/* the turn being measured */
	int64_t turn_start, mark, longest;
	const char *longest_name;
	int delay_fd; /* schedstat, -1 where there is none */
	int64_t delay, delay_read_at;
} loop = {.epoll_fd = -1, .delay_fd = -1, .post_watch.fd = -1, .signal_watch.fd = -1};

static _Atomic(struct loop_post *) posts;

static void run_posts(struct loop_watch *w, uint32_t events)
{
	struct loop_post *list, *in_order = NULL;
	uint64_t count;

	(void)events;
	/* The counter first: a post that comes after the list was taken writes it again. */
	if (read(w->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	list = atomic_exchange_explicit(&posts, NULL, memory_order_acquire);
	while (list) {
		struct loop_post *next = list->next;

		list->next = in_order;
		in_order = list;
		list = next;
	}
	while (in_order) {
		struct loop_post *p = in_order;

		in_order = p->next; /* p may be gone or posted anew once it ran */
		p->run(p);
	}
}

void loop_post(struct loop_post *p)
{
	struct loop_post *head = atomic_load_explicit(&posts, memory_order_relaxed);
	const uint64_t one = 1;

	do
		p->next = head;
	while (!atomic_compare_exchange_weak_explicit(&posts, &head, p, memory_order_acq_rel,
						      memory_order_relaxed));
	if (head)
		return;
	/* Cannot fail but by a signal: the counter is far from its end. */
	while (write(loop.post_watch.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
}

int loop_init(struct err *e)
{
	int fd, r;

	loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop.epoll_fd < 0)
		return err_sys(e, errno, "epoll_create");
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0) {
		r = err_sys(e, errno, "eventfd");
		loop_fini();
		return r;
	}
	r = loop_watch_add(&loop.post_watch, fd, EPOLLIN, run_posts);
	if (r < 0) {
		close(fd);
		loop_fini();
		return err_sys(e, r, "watch eventfd");
	}
	sigemptyset(&loop.signals);
	loop.delay_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	loop.delay_read_at = 0;
	return 0;
}

static void close_watch(struct loop_watch *w)
{
	int fd = w->fd;

	loop_watch_remove(w);
	w->fd = -1;
	if (fd >= 0)
		close(fd);
}

void loop_fini(void)
{
	close_watch(&loop.signal_watch);
	close_watch(&loop.post_watch);
	if (loop.epoll_fd >= 0)
		close(loop.epoll_fd);
	if (loop.delay_fd >= 0)
		close(loop.delay_fd);
	loop.epoll_fd = loop.delay_fd = -1;
	memset(loop.signal_fn, 0, sizeof(loop.signal_fn));
	loop.stats = (struct loop_stats){.stalls = 0};
	loop.stall_fn = NULL;
	atomic_store(&posts, NULL);
}

int loop_watch_add(struct loop_watch *w, int fd, uint32_t epoll_events,
		   void (*ready)(struct loop_watch *w, uint32_t epoll_events))
{
	struct epoll_event ev = {.events = epoll_events, .data.ptr = w};

	if (epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	w->ready = ready;
	w->fd = fd;
	w->active = true;
	return 0;
}

int loop_watch_change(struct loop_watch *w, uint32_t epoll_events)
{
	struct epoll_event ev = {.events = epoll_events, .data.ptr = w};

	return epoll_ctl(loop.epoll_fd, EPOLL_CTL_MOD, w->fd, &ev) < 0 ? -errno : 0;
}

void loop_watch_remove(struct loop_watch *w)
{
	if (!w->active)
		return;
	w->active = false;
	/* Closing alone would not do: another process may hold the same open file. */
	epoll_ctl(loop.epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	for (int i = loop.at_event; i < loop.n_events; i++) {
		if (loop.events[i].data.ptr == w)
			loop.events[i].data.ptr = NULL;
	}
}

static void run_signals(struct loop_watch *w, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo < SIGNALS && loop.signal_fn[info.ssi_signo])
			loop.signal_fn[info.ssi_signo]((int)info.ssi_signo);
	}
}

int loop_signal(int signo, void (*fn)(int signo))
{
	sigset_t set = loop.signals;
	int fd, r;

	if (signo <= 0 || signo >= SIGNALS)
		return -EINVAL;
	sigaddset(&set, signo);
	fd = signalfd(loop.signal_watch.fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (!loop.signal_watch.active) {
		r = loop_watch_add(&loop.signal_watch, fd, EPOLLIN, run_signals);
		if (r < 0) {
			close(fd);
			return r;
		}
	}
	loop.signals = set;
	loop.signal_fn[signo] = fn;
	r = pthread_sigmask(SIG_BLOCK, &set, NULL);
	return -r;
}

void loop_stop(void)
{
	loop.stop = true;
}

void loop_get_stats(struct loop_stats *ret_stats)
{
	*ret_stats = loop.stats;
}

void loop_on_stall(void (*fn)(const char *name, int64_t ns))
{
	loop.stall_fn = fn;
}

/* The time since the last mark was name's. Returns now. */
static int64_t charge(const char *name)
{
	int64_t now = clock_mono();

	if (now - loop.mark > loop.longest) {
		loop.longest = now - loop.mark;
		loop.longest_name = name;
	}
	loop.mark = now;
	return now;
}

/* How long this thread has been ready to run without a CPU, since it began; 0: cannot be told. */
static int64_t cpu_delay(void)
{
	char text[80], *second;
	ssize_t n = loop.delay_fd < 0 ? -1 : pread(loop.delay_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = 0;
	(void)strtoull(text, &second, 10); /* the time it ran */
	return (int64_t)strtoull(second, NULL, 10);
}

static void turn_begin(void)
{
	loop.turn_start = loop.mark = clock_mono();
	if (loop.turn_start - loop.delay_read_at > FRESH_NS) {
		loop.delay = cpu_delay();
		loop.delay_read_at = loop.turn_start;
	}
	loop.longest = 0;
	loop.longest_name = "callback";
}

static void turn_end(int64_t now)
{
	int64_t took = now - loop.turn_start;

	if (took > CONFIG_LOOP_STALL_MS * NSEC_PER_MSEC)
		took -= cpu_delay() - loop.delay;
	if (took > loop.stats.longest_stall_ns) {
		loop.stats.longest_stall_ns = took;
		loop.stats.longest_name = loop.longest_name;
	}
	if (took > CONFIG_LOOP_STALL_MS * NSEC_PER_MSEC) {
		loop.stats.stalls++;
		if (loop.stall_fn)
			loop.stall_fn(loop.longest_name, took);
	}
}

static void run_fibers(void)
{
	for (int i = 0; i < TURN_FIBERS && !loop.stop; i++) {
		const char *name = fiber_run_next();

		if (!name || charge(name) - loop.turn_start > TURN_NS)
			return;
	}
}

/* How long epoll_wait may sleep, in milliseconds, rounded up so that a timer is due after it. */
static int sleep_ms(int64_t now)
{
	int64_t next = loop_timers_next(), ms;

	if (fiber_any_ready())
		return 0;
	if (next == DEADLINE_NEVER)
		return -1;
	if (next <= now)
		return 0;
	ms = (next - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	return ms > 3600 * 1000 ? 3600 * 1000 : (int)ms;
}

static void wait_for_events(int timeout_ms)
{
	int n = epoll_wait(loop.epoll_fd, loop.events, CONFIG_LOOP_EVENTS, timeout_ms);

	turn_begin();
	loop.n_events = n > 0 ? n : 0;
	for (loop.at_event = 0; loop.at_event < loop.n_events;) {
		struct epoll_event *ev = &loop.events[loop.at_event++];
		struct loop_watch *w = ev->data.ptr;

		if (w)
			w->ready(w, ev->events);
	}
	loop.n_events = loop.at_event = 0;
	if (n > 0)
		charge("callback");
}

void loop_run(void)
{
	loop.stop = false;
	turn_begin();
	while (!loop.stop) {
		int64_t now;

		run_fibers();
		loop_timers_run(loop.mark);
		now = charge("callback");
		turn_end(now);
		if (!loop.stop)
			wait_for_events(sleep_ms(now));
	}
}
