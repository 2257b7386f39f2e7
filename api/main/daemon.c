/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's life: options, pools, listeners, the engine, serving, and a clean end on SIGTERM or
 * SIGINT. Listeners are opened before anything is touched, so that a second daemon on a live socket
 * does no harm; they are served once the engine has restored itself.
 */
#include "api/main/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/api.h"
#include "api/finch/credentials.h"
#include "api/main/finch.h"
#include "api/main/options.h"
#include "api/metrics/metrics.h"
#include "firmware/core/config.h"
#include "firmware/core/file.h"
#include "firmware/core/log.h"
#include "firmware/core/mem.h"
#include "firmware/core/passwd.h"
#include "firmware/net/chunk.h"
#include "firmware/sched/job.h"

#define LISTENERS_MAX 16
#define DRAIN_MS 3000
#define SIGNALS_FORCE 3
#define NOFILE_MIN 65536

static struct daemon {
	const char *name; /* as it was called */
	struct arena *mem;
	struct daemon_options opt;
	struct listener listeners[LISTENERS_MAX];
	struct http_server *servers[LISTENERS_MAX];
	size_t n_listeners;
	struct listener metrics_listener; /* fd < 0: none */
	struct http_server *metrics;
	struct listener credentials; /* of finch-daemon */
	struct http_server *credentials_server;
	struct engine engine;
	struct waitq stop;
	bool stopping;
	int signals;
	bool pidfile_ours;
	char self[512];
	int status;
} the_daemon;

int daemon_init_pools(void)
{
	struct err e = ERR_INIT;

	if (arena_system_init(&e) < 0 || fiber_system_init(&e) < 0 || chunk_system_init(&e) < 0 ||
	    http_server_init(&e) < 0) {
		fprintf(stderr, "serind: %s\n", e.msg);
		return err_code(&e);
	}
	return 0;
}

/* --- the process --- */

static void raise_limits(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < NOFILE_MIN) {
		lim.rlim_cur = lim.rlim_max == RLIM_INFINITY || lim.rlim_max > NOFILE_MIN
				       ? NOFILE_MIN
				       : lim.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
			log_warn("raising the limit of open files: %s", strerror(errno));
	}
}

/* Worker threads share one heap; large blocks (TLS, inflate windows) go back to the system at once.
 */
static void tune_heap(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
}

static int write_pidfile(struct daemon *d, struct err *e)
{
	const char *path = d->opt.pidfile;
	struct str text;
	char own[32];
	uint64_t pid;

	if (!*path)
		return 0;
	if (file_read_at(AT_FDCWD, path, 64, d->mem, &text, e) == 0 &&
	    str_to_u64(str_trim(str_cut(text, '\n', &text)), &pid) == 0 && pid > 1 &&
	    pid != (uint64_t)getpid() && kill((pid_t)pid, 0) == 0) {
		char link[64], target[512] = "";

		snprintf(link, sizeof(link), "/proc/%llu/exe", (unsigned long long)pid);
		/* A number reused by another program is no reason to refuse. */
		if (readlink(link, target, sizeof(target) - 1) > 0 && !strcmp(target, d->self))
			return err_set(e, ERR_CONFLICT,
				       "failed to start daemon, ensure the daemon is not running "
				       "or delete %s: process with PID %llu is still running",
				       path, (unsigned long long)pid);
	}
	err_clear(e);
	snprintf(own, sizeof(own), "%d\n", (int)getpid());
	if (file_replace_at(AT_FDCWD, path, str_from(own), 0644, false, e) < 0)
		return err_wrap(e, "pidfile");
	d->pidfile_ours = true;
	return 0;
}

/* --- listeners --- */

static int socket_group(struct daemon *d, gid_t *ret, struct err *e)
{
	const char *name = d->opt.group ? d->opt.group : "docker";
	struct str groups;
	uint32_t gid;

	*ret = (gid_t)-1;
	if (!*name)
		return 0;
	if (file_read_at(AT_FDCWD, "/etc/group", 1 << 20, d->mem, &groups, e) < 0) {
		err_clear(e);
		groups = STR("");
	}
	if (group_resolve(str_from(name), groups, &gid, e) < 0) {
		if (d->opt.group)
			return err_wrap(e, "could not change the group of the socket");
		err_clear(e); /* no group "docker" here: root alone */
		return 0;
	}
	*ret = gid;
	return 0;
}

/* One socket of the service manager's, and the one for a build's helper programs. */
static int open_credentials(struct daemon *d, struct err *e)
{
	const struct finch_options *finch = d->opt.finch;
	struct listen_options opt = {.mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1};
	char host[256];
	size_t n;

	if (!strcmp(finch->socket_addr, "fd://") && d->n_listeners != 1)
		return err_set(e, ERR_INVALID,
			       "failed to create a listener: unexpected number of socket "
			       "activations (%zu != 1)",
			       d->n_listeners);
	if (finch->credential_owner >= 0)
		opt.uid = opt.gid = (uid_t)finch->credential_owner;
	if (!text_format(host, sizeof(host), "unix://%s", finch->credential_addr) ||
	    listener_open(host, &opt, &d->credentials, 1, &n, e) < 0)
		return err_wrap(e, "failed to listen on credential socket");
	return 0;
}

static int open_listeners(struct daemon *d, struct err *e)
{
	uint32_t cids[LISTENER_CIDS_MAX];
	struct listen_options opt = {.mode = 0660, .uid = 0, .backlog = 1024, .cids = cids};

	if (socket_group(d, &opt.gid, e) < 0)
		return err_code(e);
	if (d->opt.vsock_cids.n > LISTENER_CIDS_MAX)
		return err_set(e, ERR_INVALID, "more than %d vsock CIDs", LISTENER_CIDS_MAX);
	for (size_t i = 0; i < d->opt.vsock_cids.n; i++)
		cids[opt.n_cids++] = (uint32_t)strtoul(d->opt.vsock_cids.items[i], NULL, 10);
	if (geteuid() != 0)
		opt.uid = (uid_t)-1;
	if (d->opt.finch && d->opt.finch->socket_owner >= 0)
		opt.uid = opt.gid = (uid_t)d->opt.finch->socket_owner;
	for (size_t i = 0; i < d->opt.hosts.n; i++) {
		size_t n = 0;

		if (listener_open(d->opt.hosts.items[i], &opt, d->listeners + d->n_listeners,
				  LISTENERS_MAX - d->n_listeners, &n, e) < 0)
			return err_wrap(e, "failed to load listeners");
		d->n_listeners += n;
	}
	if (CONFIG(METRICS) && d->opt.metrics_addr && *d->opt.metrics_addr &&
	    listener_open_tcp(d->opt.metrics_addr, &d->metrics_listener, e) < 0)
		return err_wrap(e, "metrics-addr");
	return CONFIG(FINCH) && d->opt.finch ? open_credentials(d, e) : 0;
}

static void close_listeners(struct daemon *d)
{
	for (size_t i = 0; i < d->n_listeners; i++)
		listener_close(&d->listeners[i]);
	d->n_listeners = 0;
	listener_close(&d->metrics_listener);
	if (d->opt.finch)
		listener_close(&d->credentials);
}

/* --- life --- */

static int serve(struct daemon *d, struct err *e) FIBER_FN
{
	if (engine_open(&d->engine, &d->opt.engine, e) < 0)
		return err_wrap(e, "failed to start daemon");
	for (size_t i = 0; i < d->n_listeners; i++) {
		if (api_start(&d->engine, &d->listeners[i], &d->servers[i], e) < 0)
			return err_code(e);
		log_info("API listen on %s", d->listeners[i].path[0] ? d->listeners[i].path
					     : d->listeners[i].kind == LISTENER_VSOCK
						     ? "vsock"
						     : "an inherited descriptor");
	}
	if (CONFIG(METRICS) && d->metrics_listener.fd >= 0) {
		if (metrics_start(&d->engine, &d->metrics_listener, &d->metrics, e) < 0)
			return err_code(e);
		log_info("Metrics on %s", d->opt.metrics_addr);
	}
	if (CONFIG(FINCH) && d->opt.finch &&
	    finch_credentials_serve(&d->credentials, &d->credentials_server, e) < 0)
		return err_code(e);
	log_info("Daemon has completed initialization");
	if (service_notify("READY=1", e) < 0) {
		log_warn("telling the service manager: %s", e->msg);
		err_clear(e);
	}
	return 0;
}

static void shut_down(struct daemon *d) FIBER_FN
{
	struct err e = ERR_INIT;
	int64_t deadline = clock_in_ms(DRAIN_MS);

	log_info("Daemon shutting down");
	if (service_notify("STOPPING=1", &e) < 0)
		log_warn("telling the service manager: %s", e.msg);
	d->engine.stopping = true;
	for (size_t i = 0; i < d->n_listeners; i++)
		if (d->servers[i])
			http_server_stop(d->servers[i]);
	if (d->metrics)
		http_server_stop(d->metrics);
	if (d->credentials_server)
		http_server_stop(d->credentials_server);
	fiber_cancel_all(-ECANCELED);
	while (http_server_connections() > 0 && clock_mono() < deadline)
		(void)fiber_sleep_ms(10);
	engine_close(&d->engine);
}

static void daemon_fiber(void *arg) FIBER_ENTRY
{
	struct daemon *d = arg;
	struct err e = ERR_INIT;

	if (serve(d, &e) < 0) {
		log_error("%s", e.msg);
		fprintf(stderr, "%s: %s\n", d->name, e.msg);
		d->status = 1;
	} else {
		while (!d->stopping)
			if (waitq_wait(&d->stop, DEADLINE_NEVER) < 0)
				break;
	}
	shut_down(d);
	loop_stop();
}

static void on_signal(int signo)
{
	struct daemon *d = &the_daemon;

	log_info("Processing signal '%s'", strsignal(signo));
	/* As dockerd: the third time it goes at once. */
	if (++d->signals >= SIGNALS_FORCE) {
		log_warn("Forcing daemon shutdown without cleanup; %d interrupts received",
			 d->signals);
		_exit(1);
	}
	d->stopping = true;
	waitq_wake_all(&d->stop);
}

static void on_stall(const char *name, int64_t ns)
{
	log_warn("the loop was held for %lld ms by %s", (long long)(ns / NSEC_PER_MSEC), name);
}

static int run(struct daemon *d, struct err *e)
{
	if (loop_init(e) < 0 || job_system_init(e) < 0)
		return err_code(e);
	if (loop_signal(SIGTERM, on_signal) < 0 || loop_signal(SIGINT, on_signal) < 0)
		return err_set(e, ERR_SYSTEM, "signals cannot be received");
	loop_on_stall(on_stall);
	waitq_init(&d->stop);
	if (fiber_spawn("daemon", daemon_fiber, d, POOL_RESERVED, NULL) < 0)
		return err_set(e, ERR_UNAVAILABLE, "no fiber for the daemon");
	loop_run();
	job_system_fini();
	return d->status ? -EIO : 0;
}

static int print_help(void)
{
	struct buf out;

	buf_init_heap(&out, 64 << 10);
	options_help(&out);
	fputs(buf_text(&out), stdout);
	buf_done(&out);
	return 0;
}

int daemon_live(const char *name, struct arena *mem, const struct daemon_options *opt)
{
	struct daemon *d = &the_daemon;
	struct err e = ERR_INIT;
	int r;

	d->name = name;
	d->mem = mem;
	d->opt = *opt;
	d->credentials.fd = -1;
	signal(SIGPIPE, SIG_IGN);
	d->metrics_listener.fd = -1;
	tune_heap();
	raise_limits();
	if (readlink("/proc/self/exe", d->self, sizeof(d->self) - 1) < 0) {
		fprintf(stderr, "%s: /proc is not mounted\n", name);
		return 1;
	}
	d->opt.engine.self_path = d->self;
	r = open_listeners(d, &e);
	if (r == 0)
		r = write_pidfile(d, &e);
	if (r == 0)
		r = daemon_init_pools();
	if (r == 0)
		r = run(d, &e);
	if (e.kind)
		fprintf(stderr, "%s: %s\n", name, e.msg);
	close_listeners(d);
	if (d->pidfile_ours)
		unlink(d->opt.pidfile);
	return r < 0 ? 1 : 0;
}

int daemon_main(int argc, char **argv)
{
	static struct arena mem;
	static struct daemon_options opt;
	struct err e = ERR_INIT;

	arena_open_heap(&mem, OPTIONS_MEM_MAX);
	if (options_read(argc, argv, &mem, &opt, &e) < 0) {
		fprintf(stderr, "serind: %s\n", e.msg);
		return 1;
	}
	if (opt.help)
		return print_help();
	if (opt.version) {
		printf("serind version %s\n", CONFIG_VERSION);
		return 0;
	}
	if (opt.validate) {
		puts("configuration OK");
		return 0;
	}
	return daemon_live("serind", &mem, &opt);
}
