/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/network/scene.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "firmware/core/file.h"
#include "tests/unit/needs.h"

struct stage t;
struct err last;

void check_text(const char *got, const char *want, const char *file, int line)
{
	if (strcmp(got, want) == 0)
		return;
	t.failures++;
	printf("# %s:%d: got \"%s\", want \"%s\"\n", file, line, got, want);
}

bool check_ok(int r, const char *what, const char *file, int line)
{
	if (r < 0) {
		t.failures++;
		printf("# %s:%d: %s: %d %s\n", file, line, what, r, last.msg);
	}
	return r >= 0;
}

int namespaces(void)
{
	DIR *dir = opendir(t.n ? t.n->netns_dir : "/nonexistent");
	int count = 0;

	if (!dir)
		return -1;
	for (struct dirent *d; (d = readdir(dir));)
		count += d->d_name[0] != '.';
	closedir(dir);
	return count;
}

void open_system(void)
{
	CHECK_OK(network_open(&t.n, &t.opt, &last));
}

struct endpoint *connect_with(const char *id, char *path, const struct port_request *ports,
			      size_t n_ports)
{
	struct connect_request req = {
		.container_id = id, .container_name = id, .ports = ports, .n_ports = n_ports};
	struct endpoint *ep = calloc(1, sizeof(*ep));

	if (!ep || !CHECK_OK(network_connect(t.n, &req, ep, path, NETNS_PATH_MAX, &last))) {
		free(ep);
		return NULL;
	}
	return ep;
}

void leave(const char *id, struct endpoint *ep)
{
	if (ep)
		CHECK_OK(network_disconnect(t.n, id, ep, &last));
	free(ep);
}

const char *address(const struct endpoint *ep)
{
	static char text[INET_ADDRSTRLEN];

	return inet_ntop(AF_INET, &ep->ip, text, sizeof(text));
}

struct port_request publish(uint8_t proto, const char *ip, uint16_t host, uint16_t port)
{
	struct port_request r = {
		.proto = proto, .port = port, .host_first = host, .host_last = host};

	inet_pton(AF_INET, ip, &r.host_ip);
	return r;
}

void close_system(bool take_down)
{
	network_close(t.n, take_down);
	t.n = NULL;
}

static void scene_fiber(void *arg)
{
	(void)arg;
	t.scene();
	loop_stop();
}

void play(void (*scene)(void))
{
	if (t.skip[0]) {
		print_message("# SKIP %s\n", t.skip);
		skip();
	}
	t.failures = 0;
	t.scene = scene;
	assert_int_equal(fiber_spawn("scene", scene_fiber, NULL, POOL_NORMAL, NULL), 0);
	loop_run();
	assert_int_equal(t.failures, 0);
}

int start(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
		snprintf(t.skip, sizeof(t.skip), "needs root and a network namespace of its own");
		return 0;
	}
	if (lacks_nfnetlink()) {
		snprintf(t.skip, sizeof(t.skip), "%s", lacks_nfnetlink());
		return 0;
	}
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	snprintf(t.root, sizeof(t.root), "/tmp/serin-network-XXXXXX");
	if (!mkdtemp(t.root))
		return -1;
	snprintf(t.data, sizeof(t.data), "%s/data", t.root);
	snprintf(t.exec, sizeof(t.exec), "%s/exec", t.root);
	t.opt = (struct engine_options){
		.data_root = t.data, .exec_root = t.exec, .bridge = BRIDGE, .bip = GATEWAY "/16"};
	if (!kernel_loopback_up())
		return -1;
	return arena_system_init(&last) < 0 || loop_init(&last) < 0 ||
			       fiber_system_init(&last) < 0 || job_system_init(&last) < 0
		       ? -1
		       : 0;
}

int stop(void **state)
{
	(void)state;
	if (t.skip[0])
		return 0;
	job_system_fini();
	fiber_system_fini();
	loop_fini();
	arena_system_fini();
	return tree_remove_at(AT_FDCWD, t.root, &last);
}
